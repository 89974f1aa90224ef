import { Option } from 'commander';
import type { Command } from 'commander';
import { newEntry } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import type { ValidEntry } from '../../core/validate.js';
import type { InputLine, RecordedLines } from '../../operations/record-lines.js';
import type { AuditStore } from '../../store/audit-store.js';
import type { Output } from '../../terminal/streams.js';
import { declare, entries, interruptible, note, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import type { EntryOptions } from '../entry-options.js';
import { collect } from '../filters.js';
import { recorderOf, resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { printRecorded } from '../recorded.js';
import { openRejects } from '../rejects.js';
import type { Rejects } from '../rejects.js';

interface Options extends Partial<EntryOptions> {
  readonly stdin?: true;
  readonly ack?: true;
  readonly rejects?: string;
  readonly format?: 'json';
}

/** What describes one entry, and so has no place beside `--stdin`. */
const ENTRY_OPTIONS: readonly (keyof EntryOptions)[] = [
  'action',
  'category',
  'severity',
  'entity',
  'entityName',
  'scope',
  'message',
  'meta',
  'metadata',
  'old',
  'new',
  'redact',
  'correlation',
  'ts',
  'id',
];

export function addRecord(program: Command, context: Context): void {
  declare(program, 'record', {
    does: 'records',
    examples: [
      'record --action login --category auth --entity user:42 --message "signed in" --meta ip=10.0.0.7',
      `record --action update --entity guild:7 --old '{"level":5}' --new @after.json --redact smtp.password`,
      'record --stdin --ack < entries.ndjson',
    ],
    notes:
      'With --stdin each line is one JSON object with the keys of an entry. Lines are durable within a second of their\narrival; a line whose id is recorded already with the same content is skipped, so a broken run can be run again.',
  })
    .option('--action <action>', 'what was done')
    .option('--category <category>', 'auth, device, entity (the default), capture, system, or your own word')
    .option('--severity <severity>', 'info (the default), warning or error')
    .option('--entity <type:id>', 'what it was done to')
    .option('--entity-name <name>', 'its name as it is now')
    .option('--scope <kind:id>', 'the tenant, guild or machine that it happened in')
    .option('--message <text>', 'for people')
    .addOption(new Option('--meta <key=value>', 'metadata: key=text or key:=JSON (repeatable)').argParser(collect))
    .option('--metadata <json>', 'metadata as a JSON object, or @file')
    .option('--old <json>', 'the values before, as a JSON object or @file')
    .option('--new <json>', 'the values after, as a JSON object or @file')
    .addOption(
      new Option('--redact <path>', 'replace this value; it is still named as changed (repeatable)').argParser(collect),
    )
    .option('--correlation <id>', 'what ties entries of one unit of work together')
    .option('--ts <time>', 'when it happened, if not now')
    .option('--id <id>', 'its id, if it has one already')
    .option('--stdin', 'record the lines of stdin, one JSON object each')
    .option('--ack', 'with --stdin: print a line for each durable batch')
    .option('--rejects <file>', 'with --stdin: put invalid lines there and go on')
    .addOption(new Option('--format <format>', 'print the entry (with --stdin, the totals) as JSON').choices(['json']))
    .action(async (options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      if (options.stdin === true) return recordStdin(options, globals, context);
      for (const option of ['ack', 'rejects'] as const) {
        if (options[option] !== undefined) throw new DaybookError('usage', `--${option} goes with --stdin`);
      }
      if (options.action === undefined) {
        throw new DaybookError('usage', '--action is missing: say what was done', {
          hint: 'daybook record --action update --entity type:id',
        });
      }
      const { entryFromOptions } = await import('../entry-options.js');
      const request = await entryFromOptions(
        { ...options, action: options.action },
        { globals, context, defaults: newEntry({ action: '', ...globals.actor }) },
      );
      await withStore(context, globals, (store) => printRecorded(store, request, options.format, globals, context));
    });
}

async function recordStdin(options: Options, globals: Globals, context: Context): Promise<void> {
  const stray = ENTRY_OPTIONS.find((option) => options[option] !== undefined);
  if (stray !== undefined) {
    const name = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new DaybookError('usage', `--${name} describes one entry: with --stdin, each line describes its own`);
  }
  await interruptible(context, (signal) =>
    withStore(context, globals, (store) => recordLinesOf(store, options, globals, context, signal)),
  );
}

async function recordLinesOf(
  store: AuditStore,
  options: Options,
  globals: Globals,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const [{ recordLines }, { parseLine }, { splitLines }, { startProgress }] = await Promise.all([
    import('../../operations/record-lines.js'),
    import('../../core/validate.js'),
    import('../../core/lines.js'),
    import('../../terminal/progress.js'),
  ]);
  const { stdin, stdout, stderr } = context.streams;
  const defaults = newEntry({ action: '', ...globals.actor });
  const user = context.user();
  const reads = { 'standard input': 0 };
  const rejects =
    options.rejects === undefined ? undefined : await openRejects(options.rejects, globals, context, { reads, signal });
  if (stdin.isTerminal) await note(context, globals, 'one JSON object a line; Ctrl-D ends the input');
  const progress = startProgress(stderr, { quiet: globals.quiet, verb: 'recorded' });
  // Ending the input is all that an interrupt does: what has arrived is recorded, and the totals are said.
  signal.addEventListener('abort', () => stdin.readable.destroy());
  try {
    const run = recordLines(store, arriving(splitLines(stdin.readable), signal), {
      parse: (line) => withRecorder(parseLine(line, { now: context.now(), defaults }), user, context),
      ...(rejects && {
        reject: (line: InputLine, reason: string) => rejects.take(line.bytes, `line ${line.line}: ${reason}`),
      }),
      signal,
    });
    let totals: RecordedLines | undefined;
    let last = -1;
    for (;;) {
      const step = await run.next();
      totals = step.value;
      if (options.ack === true && totals.recorded !== last && totals.line > 0) {
        last = totals.recorded;
        await acknowledge(totals, stdout);
      }
      await progress.update(totals.recorded);
      if (step.done === true) break;
    }
    await progress.end();
    await finishRejects(rejects, totals);
    const { recorded } = totals;
    await printOutcome(context, globals, `recorded ${entries(recorded)}`, () =>
      printTotals(totals, options, globals, context),
    );
  } finally {
    await progress.end();
    await rejects?.abandon();
  }
  if (signal.aborted) throw new DaybookError('interrupted', 'interrupted: what had arrived is recorded');
}

/** A line that names an actor of its own says nothing of who recorded it, unless it says that too. */
function withRecorder(line: ValidEntry, user: string, context: Context): ValidEntry {
  if (!line.given.includes('actor') || line.given.includes('recorded_by')) return line;
  return { ...line, entry: { ...line.entry, recorded_by: recorderOf(line.entry.actor, user, context) } };
}

async function finishRejects(rejects: Rejects | undefined, totals: RecordedLines): Promise<void> {
  try {
    await rejects?.finish();
  } catch (error) {
    const { recordedBefore } = await import('../../operations/record-lines.js');
    throw recordedBefore(totals, error);
  }
}

/** Nobody would know how far the input is recorded, so it ends here where nobody reads. */
async function acknowledge({ recorded, line }: RecordedLines, stdout: Output): Promise<void> {
  try {
    await stdout.write(`{"recorded": ${recorded}, "line": ${line}}\n`);
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    throw new DaybookError('failed', `recorded ${entries(recorded)}, up to line ${line}, but ${error.message}`, {
      cause: error,
    });
  }
}

/** A stream that we destroyed ourselves has ended, and has not failed. */
async function* arriving<T>(lines: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* lines;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function printTotals(totals: RecordedLines, options: Options, globals: Globals, context: Context): Promise<void> {
  const { recorded, skipped, rejected } = totals;
  if (options.format === 'json') {
    await context.streams.stdout.write(`${JSON.stringify({ recorded, skipped, rejected })}\n`);
  }
  const also = [
    ...(skipped === 0 ? [] : [`skipped ${skipped} that were there already`]),
    ...(rejected === 0 ? [] : [`put ${rejected} into ${options.rejects ?? ''}`]),
  ];
  await note(context, globals, [`recorded ${entries(recorded)}`, ...also].join(', '));
}
