import type { HistoryEntry } from '../../core/entry.js';
import type { Stretch } from '../../core/stretch.js';
import type { Desk, Part, Question } from './desk.js';
import { helpPages } from './keys-help.js';
import { edited, lineOf, typed } from './typing.js';
import type { Line, LineKey } from './typing.js';

/** What a line of the list stands for. */
export interface Shown {
  readonly entry: HistoryEntry;
  /** How many entries it stands for, where they are folded. */
  readonly folded?: number;
}

/** A line of text that is being typed. */
export interface Prompt extends Line {
  readonly label: string;
  /** What is chosen from by its number, if anything is. */
  readonly choices: readonly string[];
}

/** All that the screen shows, but for its size. */
export interface Scene {
  readonly words: readonly string[];
  readonly rows: readonly Shown[];
  /** The selected row, and the first that is seen. */
  readonly selected: number;
  readonly first: number;
  /** The selected entry in full, and the first of its lines that is seen; null where it is not open. */
  readonly detail: readonly string[] | null;
  readonly detailFirst: number;
  readonly timeline: readonly Part[];
  readonly hours: readonly (readonly number[])[] | null;
  /** The page of the help that is shown. */
  readonly help: number | null;
  readonly count: number | null;
  /** How many entries stand above the first row; null where that was not counted. */
  readonly above: number | null;
  readonly follows: boolean;
  readonly prompt: Prompt | null;
  readonly message: string;
}

/** A key as the screen tells it: one letter, or a name. */
export type Key =
  | { readonly letter: string }
  | {
      readonly name:
        | 'up'
        | 'down'
        | 'left'
        | 'right'
        | 'pageUp'
        | 'pageDown'
        | 'enter'
        | 'escape'
        | 'backspace'
        | 'tab'
        | 'home'
        | 'end'
        | 'eraseBefore'
        | 'eraseAfter'
        | 'eraseWord';
    };

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Browser {
  scene(): Scene;
  /** Takes a key; resolves when all that it asks for is done. Keys are dealt with in their order. */
  press(key: Key): Promise<void>;
  resize(size: Size): Promise<void>;
  /** What is to be put on the clipboard since this was asked last. */
  copied(): readonly string[];
  /** Looks whether anything was recorded, where the screen follows. */
  look(): Promise<void>;
  /** Resolves when the user has had enough. */
  readonly ended: Promise<void>;
}

/** When so few rows are left before the end of what was read, the next page is asked for. */
const AHEAD = 80;

/** A filter that was left, and the entry that was selected in it. */
interface Left {
  readonly question: Question;
  readonly entry: HistoryEntry | undefined;
}

/** Something that is being typed: what is to be done with it, and what could complete it. */
interface Asking extends Prompt {
  readonly done: (text: string) => Promise<void>;
  readonly complete?: (text: string) => Promise<readonly string[]>;
}

/**
 * The screen as data: keys go in, scenes come out, and `changed` is called when there is a new one. Rejects where the
 * first question cannot be asked.
 */
export async function createBrowser(
  desk: Desk,
  words: readonly string[],
  size: Size,
  changed: () => void,
): Promise<Browser> {
  let { columns, rows: height } = size;
  let question = await desk.ask(words);
  let stretch: Stretch = await question.newest();
  let above: number | null = 0;
  let selected = 0;
  let first = 0;
  let detail: readonly string[] | null = null;
  let detailFirst = 0;
  let timeline: readonly Part[] = [];
  let hours: readonly (readonly number[])[] | null = null;
  let help: number | null = null;
  let count: number | null = null;
  let follows = false;
  let asking: Asking | null = null;
  let message = '';
  let sought = '';
  let folds = new Map<string, number>();
  let shown: readonly Shown[] = rowsOf(stretch, folds);
  const left: Left[] = [];
  let end: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));

  const current = (): HistoryEntry | undefined => shown[selected]?.entry;

  const theEntry = (): HistoryEntry => {
    const entry = current();
    if (entry === undefined) throw new Error('there is no entry here');
    return entry;
  };

  /** How many rows of the list are seen. */
  const seen = (): number => listHeight({ columns, rows: height }, detail !== null);

  const show = (): void => {
    shown = rowsOf(stretch, folds);
    selected = Math.max(0, Math.min(selected, shown.length - 1));
    if (selected < first) first = selected;
    if (selected >= first + seen()) first = selected - seen() + 1;
    first = Math.max(0, Math.min(first, shown.length - seen()));
  };

  const openDetail = async (): Promise<void> => {
    const entry = current();
    detail = entry === undefined ? null : await desk.detail(entry, columns);
    detailFirst = 0;
    show();
  };

  /** By half of what is seen: what was read last stays in sight. */
  const scrollDetail = (by: number): void => {
    const room = detailHeight({ columns, rows: height });
    const last = Math.max(0, (detail?.length ?? 0) - room);
    detailFirst = Math.max(0, Math.min(last, detailFirst + by * Math.max(1, Math.floor(room / 2))));
  };

  /** Selects a row. */
  const select = async (row: number): Promise<void> => {
    selected = row;
    show();
    if (detail !== null) await openDetail();
  };

  /** Puts a stretch in place; the row of `entry` is selected, and stays where it is seen. */
  const replace = (next: Stretch, entry: HistoryEntry | undefined): void => {
    const place = selected - first;
    const before = stretch;
    stretch = next;
    shown = rowsOf(stretch, folds);
    selected = Math.max(
      0,
      shown.findIndex((row) => row.entry.seq === entry?.seq),
    );
    first = selected - place;
    if (above !== null) above = movedBy(before, next, above);
    show();
  };

  const readAhead = async (): Promise<void> => {
    if (selected > shown.length - seen() - AHEAD && stretch.older) replace(await question.down(stretch), current());
    else if (selected < AHEAD && stretch.newer) replace(await question.up(stretch), current());
  };

  /** Puts a stretch in place, and selects the entry at `at`; `known` is how many stand above it, where that is known. */
  const go = async (next: Stretch, at: number, known: number | null): Promise<void> => {
    stretch = next;
    shown = rowsOf(stretch, folds);
    const entry = stretch.entries[at];
    selected = shown.findIndex((row) => row.entry.seq === entry?.seq);
    first = selected - Math.floor(seen() / 2);
    above = known;
    show();
    if (detail !== null) await openDetail();
  };

  let counting = 0;
  let isCounting = false;
  let isCountedAgain = false;
  /** Counting goes through many entries: it is done when the list is there to be seen, and keys do not wait for it. */
  const countAll = async (): Promise<void> => {
    counting += 1;
    const mine = counting;
    const asked = question;
    [isCounting, isCountedAgain] = [true, false];
    try {
      await nextTurn();
      if (mine !== counting) return;
      const parts = await asked.timeline(Math.max(1, columns), () => mine === counting);
      if (mine !== counting) return;
      timeline = parts;
      changed();
      await nextTurn();
      const found = await asked.count();
      if (mine !== counting) return;
      count = found;
    } catch (error) {
      if (mine !== counting) return;
      message = messageOf(error);
    }
    changed();
    isCounting = false;
    if (isCountedAgain) void countAll();
  };

  /** Ends the counting of a question that was left. */
  const endCounting = (): void => {
    counting += 1;
    isCounting = false;
  };

  const put = async (next: Question, entry?: HistoryEntry): Promise<void> => {
    endCounting();
    question = next;
    folds = new Map();
    timeline = [];
    count = null;
    hours = null;
    sought = '';
    if (entry === undefined) await go(await question.newest(), 0, 0);
    else {
      const { stretch: found, at } = await question.around(entry);
      await go(found, at, found.newer ? null : 0);
    }
    void countAll();
  };

  /** `entry` is one that matches, and is selected then. */
  const askFor = async (next: readonly string[], entry?: HistoryEntry): Promise<void> => {
    const asked = await desk.ask(next);
    left.push({ question, entry: current() });
    await put(asked, entry);
  };

  const narrow = async (by: 'actor' | 'entity' | 'correlation' | 'scope'): Promise<void> => {
    const entry = theEntry();
    const condition = desk.narrowTo(entry, by);
    if (condition === undefined) {
      message = `this entry has no ${by === 'correlation' ? 'correlation id' : by}`;
      return;
    }
    await askFor([...without(question.words, condition.option), ...condition.words], entry);
  };

  const search = async (down: boolean): Promise<void> => {
    const entry = theEntry();
    await say('looking …');
    const found = await question.find(entry, sought, down);
    message = '';
    if (found === undefined) {
      message = `no message ${down ? 'below' : 'above'} holds ${sought}`;
      return;
    }
    const row = shown.findIndex((one) => one.entry.seq === found.seq);
    if (row >= 0) return select(row);
    const { stretch: around, at } = await question.around(found);
    await go(around, at, around.newer ? null : 0);
  };

  const ask = (
    label: string,
    text: string,
    done: Asking['done'],
    { complete, choices = [] }: Partial<Pick<Asking, 'complete' | 'choices'>> = {},
  ): void => {
    asking = { ...lineOf(text), label, choices, done, ...(complete && { complete }) };
  };

  const say = async (text: string): Promise<void> => {
    message = text;
    changed();
    await nextTurn();
  };

  /** Runs a command and gives what it said; throws that where it failed. */
  const run = async (command: readonly string[]): Promise<string> => {
    await say(`${command[0]} …`);
    const { code, said } = await desk.run(command);
    message = '';
    const lines = said.trim().split('\n');
    if (code === 0) return lines.join(' · ');
    // What would help on a command line cannot be typed here.
    throw new Error(lines[0]?.replace(/^daybook: /, '') || `exit code ${code}`);
  };

  /** Asks the same question of the trail as it is now. */
  const again = async (): Promise<void> => {
    const entry = current();
    const atTop = selected === 0 && !stretch.newer;
    const next = await desk.ask(question.words);
    question = next;
    if (atTop || entry === undefined) await go(await question.newest(), 0, 0);
    else {
      const { stretch: found } = await question.around(entry);
      replace(found, entry);
      above = found.newer ? null : 0;
    }
    // Where entries come faster than all are counted, each count must come to its end.
    if (isCounting) isCountedAgain = true;
    else void countAll();
  };

  const fold = async (): Promise<void> => {
    const { correlation_id: id } = theEntry();
    if (id === null) {
      message = 'this entry has no correlation id';
      return;
    }
    if (folds.has(id)) folds.delete(id);
    else folds.set(id, await question.countOf(id));
    shown = rowsOf(stretch, folds);
    selected = shown.findIndex((row) => row.entry.correlation_id === id);
    show();
  };

  const moveInTime = async (by: number): Promise<void> => {
    const entry = theEntry();
    if (timeline.length === 0) {
      message = 'the timeline is still being counted';
      return;
    }
    const here = partAt(timeline, Date.parse(entry.ts));
    for (let part = here + by; part >= 0 && part < timeline.length; part += by) {
      if ((timeline[part]?.count ?? 0) > 0) {
        const next = timeline[part + 1]?.start;
        const ms = next === undefined ? Number.MAX_SAFE_INTEGER : next - 1;
        if (next === undefined) return go(await question.newest(), 0, 0);
        const { stretch: found, at } = await question.at(ms);
        // A change of a key is one in the timeline and two entries in the list: then places cannot be told from it.
        const before = totalOf(timeline) === count ? Math.max(0, totalOf(timeline.slice(part + 1)) - at) : null;
        return go(found, at, found.newer ? before : 0);
      }
    }
    message = by < 0 ? 'nothing is older' : 'nothing is newer';
  };

  const takeOut = async (): Promise<void> => {
    const conditions = conditionsIn(question.words);
    if (conditions.length === 0) {
      message = 'there is no condition to take out';
      return;
    }
    const out = async (index: number): Promise<void> =>
      askFor(conditions.filter((_, position) => position !== index).flat(), current());
    if (conditions.length === 1) return out(0);
    const choose = async (text: string): Promise<void> => {
      const index = Number(text) - 1;
      if (conditions[index] === undefined) throw new Error(`${text || 'nothing'} is none of them`);
      await out(index);
    };
    ask('which?', '', choose, { choices: conditions.map(desk.join) });
  };

  const back = async (): Promise<void> => {
    const before = left.pop();
    if (before === undefined) message = 'this is the first filter';
    else await put(before.question, before.entry);
  };

  const LETTERS: Readonly<Record<string, () => Promise<void> | void>> = {
    j: () => select(selected + 1),
    k: () => select(selected - 1),
    g: async () => go(await question.newest(), 0, 0),
    G: async () => {
      const oldest = await question.oldest();
      await go(oldest, oldest.entries.length - 1, count === null ? null : count - oldest.entries.length);
    },
    t: () =>
      ask('go to time: ', '', async (text) => {
        const { stretch: found, at } = await question.at((await desk.moment(text)) - 1);
        // The first entry of the time, if there is one: a day or a month is seen from its beginning on.
        await go(found, Math.max(0, at - 1), found.newer ? null : 0);
      }),
    '[': () => scrollDetail(-1),
    ']': () => scrollDetail(1),
    '/': () =>
      ask('/', sought, async (text) => {
        sought = text;
        if (text !== '') await search(true);
      }),
    n: () => (sought === '' ? note() : search(true)),
    N: () => (sought === '' ? void (message = 'no text is looked for: / asks for one') : search(false)),
    f: () =>
      ask('filter: ', desk.join(question.words), (text) => askFor(desk.split(text)), { complete: desk.complete }),
    a: () => narrow('actor'),
    e: () => narrow('entity'),
    c: () => narrow('correlation'),
    s: () => narrow('scope'),
    '-': takeOut,
    ' ': fold,
    F: async () => {
      follows = !follows;
      if (follows) await go(await question.newest(), 0, 0).then(again);
      message = follows ? 'following' : '';
    },
    h: async () => {
      if (hours === null) await say('counting …');
      hours = hours === null ? await question.hours() : null;
      message = '';
    },
    r: () => {
      const entry = theEntry();
      ask(`take entry ${entry.seq} back, because: `, '', async (text) => {
        const seq = await run(['revert', String(entry.seq), `--reason=${text}`]);
        await again();
        message = `taken back by entry ${seq}`;
      });
    },
    y: async () => {
      const command = `${desk.title} history ${desk.join(question.words)}`.trimEnd();
      copies.push(command);
      message = `copied: ${command}`;
    },
    x: () =>
      ask('export to file: ', '', async (text) => {
        message = await run(['export', ...question.words, `--output=${text}`]);
      }),
    '?': () => void (help = 0),
    q: () => end(),
  };

  const note = (): void => {
    const entry = theEntry();
    const entity = desk.narrowTo(entry, 'entity');
    if (entity === undefined || entry.entity_id === null || entry.entity_type === null) {
      message = 'this entry has no entity';
      return;
    }
    ask(`note on ${entity.value}: `, '', async (text) => {
      const seq = await run(['note', '--', entity.value, text]);
      await again();
      message = `noted as entry ${seq}`;
    });
  };

  const NAMED: Readonly<Record<Extract<Key, { name: string }>['name'], () => Promise<void> | void>> = {
    up: () => select(selected - 1),
    down: () => select(selected + 1),
    pageUp: () => select(selected - seen()),
    pageDown: () => select(selected + seen()),
    home: async () => LETTERS['g']?.(),
    end: async () => LETTERS['G']?.(),
    left: () => moveInTime(-1),
    right: () => moveInTime(1),
    enter: async () => {
      if (detail === null) return openDetail();
      detail = null;
      return show();
    },
    escape: () => {
      if (detail !== null) detail = null;
      else sought = '';
      show();
    },
    backspace: back,
    tab: () => undefined,
    eraseBefore: () => undefined,
    eraseAfter: () => undefined,
    eraseWord: () => undefined,
  };

  const type = async (prompt: Asking, key: Key): Promise<void> => {
    if ('letter' in key) asking = { ...prompt, ...typed(prompt, key.letter) };
    else if (isLineKey(key.name)) asking = { ...prompt, ...edited(prompt, key.name) };
    else if (key.name === 'escape') asking = null;
    else if (key.name === 'tab') await complete(prompt);
    else if (key.name === 'enter') {
      asking = null;
      try {
        await prompt.done(prompt.text.trim());
      } catch (error) {
        // What was typed is not lost: the cause is said, and it can be mended.
        asking = prompt;
        throw error;
      }
    }
  };

  const complete = async (prompt: Asking): Promise<void> => {
    const found = (await prompt.complete?.(prompt.text)) ?? [];
    if (found.length === 0) message = 'nothing completes this';
    else {
      asking = { ...prompt, ...lineOf(commonStart(found)) };
      if (found.length > 1)
        message = found
          .slice(0, 12)
          .map((one) => one.slice(lastWordIn(prompt.text)).trimEnd())
          .join('  ');
    }
  };

  const dealWith = async (key: Key): Promise<void> => {
    message = '';
    if (asking !== null) return type(asking, key);
    if (help !== null) {
      const isLast = help + 1 >= helpPages({ columns, rows: height }).length;
      help = isLast || ('name' in key && key.name === 'escape') ? null : help + 1;
      return;
    }
    if (hours !== null && !('letter' in key && 'qh?'.includes(key.letter))) {
      hours = null;
      return;
    }
    if ('name' in key) await NAMED[key.name]();
    else await LETTERS[key.letter]?.();
    await readAhead();
  };

  let queue: Promise<void> = Promise.resolve();
  const later = (work: () => Promise<void>): Promise<void> => {
    queue = queue
      .then(work)
      .catch((error: unknown) => {
        message = messageOf(error);
      })
      .then(changed);
    return queue;
  };
  const copies: string[] = [];

  show();
  void countAll();
  return {
    scene: () => ({
      words: question.words,
      rows: shown,
      selected,
      first,
      detail,
      detailFirst,
      timeline,
      hours,
      help,
      count,
      above,
      follows,
      prompt: asking,
      message,
    }),
    copied: () => copies.splice(0),
    press: (key) => later(() => dealWith(key)),
    resize: (next) =>
      later(async () => {
        ({ columns, rows: height } = next);
        if (detail !== null) await openDetail();
        show();
        void countAll();
      }),
    look: async () => {
      if (!follows) return;
      await later(async () => {
        if (follows && asking === null && (await question.hasNews())) await again();
      });
    },
    ended,
  };
}

const LINE_KEYS: readonly string[] = [
  'left',
  'right',
  'home',
  'end',
  'backspace',
  'eraseBefore',
  'eraseAfter',
  'eraseWord',
] satisfies LineKey[];

function isLineKey(name: string): name is LineKey {
  return LINE_KEYS.includes(name);
}

function totalOf(timeline: readonly Part[]): number {
  return timeline.reduce((sum, { count }) => sum + count, 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** When what is due now is done: the screen is drawn, the keys that came are read. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The lines of the list: the entries of a folded correlation id are one line, where the newest of them stands. */
function rowsOf({ entries }: Stretch, folds: ReadonlyMap<string, number>): readonly Shown[] {
  if (folds.size === 0) return entries.map((entry) => ({ entry }));
  const seen = new Set<string>();
  return entries.flatMap((entry): Shown[] => {
    const folded = folds.get(entry.correlation_id ?? '');
    if (folded === undefined || entry.correlation_id === null) return [{ entry }];
    if (seen.has(entry.correlation_id)) return [];
    seen.add(entry.correlation_id);
    return [{ entry, folded }];
  });
}

/** How many entries stand above a stretch, when so many stood above the one before. */
function movedBy(before: Stretch, now: Stretch, above: number): number | null {
  const [oldFirst] = before.entries;
  const [newFirst] = now.entries;
  if (oldFirst === undefined || newFirst === undefined) return now.newer ? null : 0;
  const down = before.entries.findIndex(({ seq }) => seq === newFirst.seq);
  if (down >= 0) return above + down;
  const up = now.entries.findIndex(({ seq }) => seq === oldFirst.seq);
  return up >= 0 ? above - up : now.newer ? null : 0;
}

/** The part of a timeline that holds a moment. */
export function partAt(timeline: readonly Part[], ms: number): number {
  const behind = timeline.findIndex(({ start }) => start > ms);
  return behind < 0 ? timeline.length - 1 : Math.max(0, behind - 1);
}

/** The words of each condition: an option with its value, if it has one. */
export function conditionsIn(words: readonly string[]): string[][] {
  const conditions: string[][] = [];
  for (const word of words) {
    const last = conditions.at(-1);
    if (last?.length === 1 && last[0]?.startsWith('--') === true && !word.startsWith('--') && !last[0].includes('='))
      last.push(word);
    else conditions.push([word]);
  }
  return conditions;
}

function without(words: readonly string[], option: string): string[] {
  return conditionsIn(words)
    .filter(([name]) => name !== option && name?.startsWith(`${option}=`) !== true)
    .flat();
}

function commonStart(texts: readonly string[]): string {
  const [head = ''] = texts;
  let length = head.length;
  for (const text of texts) while (!text.startsWith(head.slice(0, length))) length -= 1;
  return head.slice(0, length);
}

/** Where the last word of a line begins; a quote that is still open is part of it. */
function lastWordIn(line: string): number {
  return /(?:'[^']*'?|"[^"]*"?|\\.|[^\s'"\\])*$/.exec(line)?.index ?? line.length;
}

/** The timeline above, the bar and the keys below, the rest for the list and the entry in full. */
export function listHeight({ rows }: Size, withDetail: boolean): number {
  const room = Math.max(2, rows - CHROME);
  return withDetail ? Math.max(1, Math.floor(room / 3)) : room;
}

/** How many lines of the entry in full are seen: what the list and the line between leave. */
export function detailHeight(size: Size): number {
  return Math.max(1, size.rows - CHROME - listHeight(size, true) - 1);
}

/** Timeline, its times, the heading of the list, the bar, the keys; and the last line of the screen, which stays free. */
const CHROME = 6;
