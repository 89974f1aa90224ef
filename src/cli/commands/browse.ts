import { Command, CommanderError } from 'commander';
import { entityText } from '../../core/entity.js';
import { entryDifferences } from '../../core/entry-differences.js';
import type { EntryField, HistoryEntry } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { LEAP_FIELDS } from '../../core/leap-fields.js';
import { shellWord } from '../../core/shell.js';
import type { Stretch } from '../../core/stretch.js';
import { formatTimestamp } from '../../core/timestamp.js';
import { splitWords } from '../../core/words.js';
import type { Browsed } from '../../operations/browsing.js';
import type { AuditStore } from '../../store/audit-store.js';
import type { Condition, Desk, Outcome, Question } from '../../terminal/screen/desk.js';
import type { Output } from '../../terminal/streams.js';
import type { Clock } from '../../terminal/time.js';
import { declare, interruptible, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { databaseFlags, resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';

export function addBrowse(program: Command, context: Context): void {
  const command = declare(program, 'browse', {
    does: 'reads',
    examples: ['browse', 'browse settlement:42', 'browse --severity error --in march'],
    notes:
      'The whole screen is the list: ? shows the keys. What n, r and x do, the commands note, revert and export do, with their rules.',
  }).argument('[type:id]', 'only about this entity');
  addFilterOptions(command).action(async (_entity: string | undefined, _options: FilterOptions, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const { stdin, stdout } = context.streams;
    if (!stdin.isTerminal || !stdout.isTerminal) {
      throw new DaybookError('usage', 'browse needs a terminal to show itself on', { hint: 'daybook history' });
    }
    const words = wordsOf(self);
    const show = async (store: AuditStore): Promise<void> => {
      const { showScreen } = await import('../../terminal/screen/index.js');
      const { palette } = await import('../../terminal/colour.js');
      const desk = await deskFor(store, { globals, context, database: databaseFlags(self) });
      const colours = await palette(globals.colour('stdout'));
      await interruptible(context, (signal) => showScreen({ desk, words, palette: colours, signal }));
    };
    await withStore(context, globals, show, { live: true });
  });
}

/** The filter that a command was given, as words: each condition is an option, also the entity that was an argument. */
function wordsOf(command: Command): string[] {
  const [entity] = command.args;
  const given = addFilterOptions(new Command()).options.flatMap(({ long }) => {
    const option = command.options.find((one) => one.long === long);
    if (option === undefined || long === undefined || command.getOptionValueSource(option.attributeName()) !== 'cli')
      return [];
    const value = command.getOptionValue(option.attributeName()) as unknown;
    if (value === true) return [long];
    return [value].flat().flatMap((one) => conditionOf(long, String(one)).words);
  });
  return [...(entity === undefined ? [] : conditionOf('--entity', entity).words), ...given];
}

/** A value that begins like an option stays with its own. */
function conditionOf(option: string, value: string): Condition {
  return { option, value, words: value.startsWith('-') ? [`${option}=${value}`] : [option, value] };
}

interface World {
  readonly globals: Globals;
  readonly context: Context;
  /** What named the database on the command line, if anything did. */
  readonly database: readonly string[];
}

/** What the fields of an entry are asked for with. */
const FIELDS: Readonly<Record<string, EntryField>> = {
  '--category': 'category',
  '--action': 'action',
  '--severity': 'severity',
  '--actor': 'actor',
  '--actor-type': 'actor_type',
  '--scope': 'scope',
  '--source': 'source',
  '--entity': 'entity_type',
};

async function deskFor(store: AuditStore, world: World): Promise<Desk> {
  const { globals, context, database } = world;
  const [{ browseRows }, { clockFor }, { rulerFor }, { palette }, { detailText }, { withNames }] = await Promise.all([
    import('../../format/browse-row.js'),
    import('../../terminal/time.js'),
    import('../../terminal/width.js'),
    import('../../terminal/colour.js'),
    import('../../format/detail.js'),
    import('../../operations/names.js'),
  ]);
  const clock = await clockFor(globals.zone);
  // Whatever script an entry is written in.
  const ruler = await rulerFor(['\u4e00']);
  const colours = await palette(globals.colour('stdout'));
  const time = (ms: number): string => timeOf(clock, ms);
  return {
    ask: (words) => ask(store, words, world),
    rows: (width) => browseRows(width, { clock, ruler, palette: colours }),
    async detail(entry, width) {
      const whole = (await store.find({ seq: entry.seq })) ?? entry;
      const [{ actor_name: name } = whole] = await withNames(store, [whole]);
      const nameNow = whole.actor_name === null ? name : null;
      const text = await detailText(whole, entryDifferences(whole), {
        width,
        zone: globals.zone,
        palette: colours,
        nameNow,
      });
      return text.trimEnd().split('\n');
    },
    run: (words) => runHere(words, world),
    split: splitWords,
    join: (words) => words.map(shellWord).join(' '),
    complete: (line) => complete(store, line),
    narrowTo,
    async moment(text) {
      const { resolveSince } = await import('../../core/period.js');
      return resolveSince(text, { now: context.now(), zone: globals.zone });
    },
    time,
    title: ['daybook', ...database].join(' '),
  };
}

function timeOf(clock: Clock, ms: number): string {
  const { date, time } = clock.text(formatTimestamp(ms));
  return `${date} ${time.slice(0, 5)}`;
}

function narrowTo(entry: HistoryEntry, by: 'actor' | 'entity' | 'correlation' | 'scope'): Condition | undefined {
  const value = {
    actor: entry.actor,
    entity: entityText(entry.entity_type, entry.entity_id),
    correlation: entry.correlation_id,
    scope: entry.scope,
  }[by];
  return value === null ? undefined : conditionOf(`--${by}`, value);
}

async function ask(store: AuditStore, words: readonly string[], world: World): Promise<Question> {
  const { globals, context } = world;
  const reader = readerOf(words);
  const { filter } = await readFilter(reader.opts<FilterOptions>(), globals, context, reader.args[0]);
  const browsed: Browsed = { filter, upTo: await store.mark() };
  const [browsing, { withNames }] = await Promise.all([
    import('../../operations/browsing.js'),
    import('../../operations/names.js'),
  ]);
  const named = async (stretch: Stretch): Promise<Stretch> => ({
    ...stretch,
    entries: await withNames(store, stretch.entries),
  });
  const found = async ({
    stretch,
    at,
  }: {
    readonly stretch: Stretch;
    readonly at: number;
  }): ReturnType<Question['at']> => ({
    stretch: await named(stretch),
    at,
  });
  return {
    words: wordsOf(reader),
    newest: async () => named(await browsing.newestStretch(store, browsed)),
    oldest: async () => named(await browsing.oldestStretch(store, browsed)),
    at: async (ms) => found(await browsing.stretchAt(store, browsed, ms)),
    around: async (entry) => found(await browsing.stretchAround(store, browsed, entry)),
    down: async (stretch) => named(await browsing.furtherDown(store, browsed, stretch)),
    up: async (stretch) => named(await browsing.furtherUp(store, browsed, stretch)),
    find: (from, text, down) => browsing.findText(store, browsed, { from, text, down }),
    count: async () => (await store.extent(filter, { upTo: browsed.upTo })).count,
    countOf: async (correlation) =>
      (await store.extent({ ...filter, correlation_id: [correlation] }, { upTo: browsed.upTo })).count,
    async timeline(parts, wanted) {
      const edges = await browsing.partsOf(store, browsed, parts);
      const counted = [];
      for (const [index, start] of edges.slice(0, -1).entries()) {
        if (!wanted()) break;
        const [count = 0] = await store.countBetween(filter, [start, edges[index + 1] ?? start], browsed.upTo);
        counted.push({ start, count });
        // Keys come first: a part of a million entries is counted in some milliseconds, all of them in a second.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return counted;
    },
    async hours() {
      const [{ hoursOfWeek }, { byWeekday }] = await Promise.all([
        import('../../operations/hours.js'),
        import('../../core/hours.js'),
      ]);
      const rows = await hoursOfWeek(store, { filter, zone: globals.zone, now: context.now() });
      return byWeekday(rows.map(({ count }) => count));
    },
    hasNews: async () => (await store.mark()) !== browsed.upTo,
  };
}

/** Reads words as the options of a command that filters. */
function readerOf(words: readonly string[]): Command {
  const reader = addFilterOptions(new Command('browse')).argument('[type:id]').exitOverride();
  reader.configureOutput({ writeErr: () => undefined, writeOut: () => undefined }).helpOption(false);
  try {
    reader.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new DaybookError('usage', error.message.replace(/^error: /, ''), { cause: error });
  }
  return reader;
}

/** What could stand for the last word of a line: an option, or a value that entries have. */
async function complete(store: AuditStore, line: string): Promise<readonly string[]> {
  const { words, isOpen } = splitOpen(line);
  const last = words.length === 0 || (!isOpen && /\s$/.test(line)) ? '' : (words.pop() ?? '');
  const before = words.map(shellWord).join(' ');
  const whole = (word: string, end: string): string => `${before}${before === '' ? '' : ' '}${word}${end}`;
  const isNot = words.at(-1) === '--not';
  const [name = '', value] = isNot && last.includes('=') ? splitAt(last) : [words.at(-1) ?? '', last];
  const option = isNot ? `--${name}` : name;
  const field = FIELDS[option];
  if (isNot && field === undefined) {
    return Object.keys(FIELDS).flatMap((one) => (one.slice(2).startsWith(last) ? [whole(`${one.slice(2)}=`, '')] : []));
  }
  if (field !== undefined) {
    // A type goes on with an id, and is no whole word yet.
    const [colon, end] = field === 'entity_type' ? [':', ''] : ['', ' '];
    const found = await valuesOf(store, field, value ?? '');
    return found.map((one) => whole(shellWord(`${isNot ? `${name}=` : ''}${one}${colon}`), end));
  }
  return addFilterOptions(new Command())
    .options.flatMap(({ long }) => (long?.startsWith(last) === true ? [long] : []))
    .map((long) => whole(long, ' '));
}

/** So many values are offered. */
const MOST_VALUES = 200;

/** Values of a field that begin so; all of a trail are only counted where no index leaps over them. */
async function valuesOf(store: AuditStore, field: EntryField, prefix: string): Promise<readonly string[]> {
  const leap = LEAP_FIELDS.find((one) => one === field);
  const found =
    leap === undefined
      ? (await store.values(field, {})).map(({ value }) => value)
      : await store.nextValues(leap, prefix, MOST_VALUES);
  return found.flatMap((value) => (value?.startsWith(prefix) === true ? [value] : [])).slice(0, MOST_VALUES);
}

/** The words of a line, also where a quote is still open. */
function splitOpen(line: string): { readonly words: string[]; readonly isOpen: boolean } {
  for (const end of ['', "'", '"']) {
    try {
      return { words: splitWords(line + end), isOpen: end !== '' };
    } catch (error) {
      if (!(error instanceof DaybookError)) throw error;
    }
  }
  return { words: [], isOpen: true };
}

function splitAt(word: string): [string, string] {
  const place = word.indexOf('=');
  return [word.slice(0, place), word.slice(place + 1)];
}

/** Runs a command of this program, on this trail and as who acts here, and gives what it said. */
async function runHere(words: readonly string[], { globals, context }: World): Promise<Outcome> {
  const { run } = await import('../run.js');
  let said = '';
  const into: Output = {
    isTerminal: false,
    columns: 80,
    rows: 24,
    async write(chunk) {
      said += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    },
  };
  const streams = { stdin: { ...context.streams.stdin, isTerminal: true }, stdout: into, stderr: into };
  const { actor, actor_type: type } = globals.actor;
  const flags = [
    `--db=${globals.db.connects}`,
    `--schema=${globals.schema}`,
    `--as=${actor}`,
    `--as-type=${type}`,
    `--tz=${globals.zone}`,
  ];
  const code = await run([...flags, ...words], { ...context, streams });
  return { code, said };
}
