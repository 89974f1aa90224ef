import type { HistoryEntry } from '../../../src/core/entry.js';
import { newEntry } from '../../../src/core/entry.js';
import { splitWords } from '../../../src/core/words.js';
import type { Condition, Desk, Found, Question } from '../../../src/terminal/screen/desk.js';

/** Entries of a list, newest first. */
export function entries(count: number): HistoryEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    ...newEntry({
      action: index % 2 === 0 ? 'even' : 'odd',
      actor: index % 5 === 0 ? 'ann' : 'bob',
      message: `entry ${count - index}`,
      entity_type: 'file',
      entity_id: String(index % 7),
      correlation_id: index % 10 < 3 ? `c${Math.floor(index / 10)}` : null,
    }),
    seq: count - index,
    id: `id-${count - index}`,
    ts: new Date(Date.UTC(2026, 0, 1) + (count - index) * 60_000).toISOString(),
    reverted_by: null,
  }));
}

const PAGE = 20;

export interface FakeDesk extends Desk {
  /** The commands that were run. */
  readonly ran: (readonly string[])[];
  /** What the trail holds, newest first. */
  all: HistoryEntry[];
}

/** A desk over a list in memory, whose pages are small. It knows `--actor` and `--correlation`. */
export function fakeDesk(all: HistoryEntry[]): FakeDesk {
  const ran: (readonly string[])[] = [];
  const desk: FakeDesk = {
    ran,
    all,
    ask: async (words) => question(words, desk),
    rows: (width) => ({
      heading: 'heading',
      line: ({ message }, folded) => `${message}${folded ?? ''}`.slice(0, width),
    }),
    detail: async (entry) => [`detail of ${entry.seq}`, 'second line'],
    run: async (words) => {
      ran.push(words);
      return words.some((word) => /^(--\w+=)?bad$/.test(word))
        ? { code: 6, said: 'daybook: bad\ntry: good\n' }
        : { code: 0, said: '7\n' };
    },
    split: splitWords,
    join: (words) => words.join(' '),
    complete: async (line) =>
      ['--actor ', '--action ', "--by 'ann b' ", "--by 'ann c' "].filter((word) => word.startsWith(line)),
    narrowTo(entry, by): Condition | undefined {
      const value = {
        actor: entry.actor,
        entity: `file:${entry.entity_id}`,
        correlation: entry.correlation_id,
        scope: null,
      }[by];
      return value === null ? undefined : { option: `--${by}`, value, words: [`--${by}`, value] };
    },
    moment: async (text) => {
      const ms = Date.parse(text);
      if (Number.isNaN(ms)) throw new Error(`${text} is no time`);
      return ms;
    },
    time: (ms) => new Date(ms).toISOString().slice(0, 16),
    title: 'daybook',
  };
  return desk;
}

function question(words: readonly string[], desk: FakeDesk): Question {
  const { all } = desk;
  const wanted = (option: string): string | undefined => words[words.indexOf(option) + 1 || words.length];
  if (words.includes('--wrong')) throw new Error('unknown option --wrong');
  const matching = all.filter(
    ({ actor, correlation_id: id, entity_id: entity }) =>
      (wanted('--actor') ?? actor) === actor &&
      (wanted('--correlation') ?? id) === id &&
      (wanted('--entity') ?? `file:${entity}`) === `file:${entity}`,
  );
  const piece = (from: number, to: number): Found['stretch'] => {
    const start = Math.max(0, from);
    return { entries: matching.slice(start, to), newer: start > 0, older: to < matching.length };
  };
  const around = (index: number): Found => {
    const start = Math.max(0, index - PAGE);
    return { stretch: piece(start, index + PAGE), at: Math.min(index, matching.length - 1) - start };
  };
  const placeOf = (entry: HistoryEntry | undefined): number => matching.findIndex(({ seq }) => seq === entry?.seq);
  return {
    words,
    newest: async () => piece(0, PAGE),
    oldest: async () => piece(matching.length - PAGE, matching.length),
    at: async (ms) => {
      const index = matching.findIndex(({ ts }) => Date.parse(ts) <= ms);
      return around(index < 0 ? matching.length - 1 : index);
    },
    around: async (entry) => around(Math.max(0, placeOf(entry))),
    down: async ({ entries: some }) => piece(placeOf(some[0]), placeOf(some.at(-1)) + 1 + PAGE),
    up: async ({ entries: some }) => piece(placeOf(some[0]) - PAGE, placeOf(some.at(-1)) + 1),
    find: async (from, text, down) => {
      const place = placeOf(from);
      const part = down ? matching.slice(place + 1) : matching.slice(0, place).toReversed();
      return part.find(({ message }) => message.includes(text));
    },
    count: async () => matching.length,
    countOf: async (id) => matching.filter(({ correlation_id: one }) => one === id).length,
    async timeline(parts) {
      const times = matching.map(({ ts }) => Date.parse(ts));
      if (times.length === 0) return [];
      const from = Math.min(...times);
      const length = Math.ceil((Math.max(...times) + 1 - from) / parts);
      return Array.from({ length: parts }, (_, index) => {
        const start = from + index * length;
        return { start, count: times.filter((ms) => ms >= start && ms < start + length).length };
      });
    },
    hours: async () => Array.from({ length: 7 }, () => Array.from({ length: 24 }, (_, hour) => hour)),
    hasNews: async () => desk.all !== all,
  };
}
