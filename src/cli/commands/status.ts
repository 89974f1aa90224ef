import { Option } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../../core/duration.js';
import { DaybookError, ExitWith } from '../../core/errors.js';
import { status } from '../../operations/status.js';
import type { Status } from '../../operations/status.js';
import { visible, visibleJson } from '../../terminal/sanitize.js';
import { OutputClosed } from '../../terminal/streams.js';
import { declare, interruptible, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { sealKeyAtHand } from '../seal-key-path.js';
import { nagiosAnswer, nagiosFailure, prometheusText } from '../monitoring.js';
import { underOption } from '../under-option.js';

interface Options {
  readonly check?: true;
  readonly grace: string;
  readonly deep?: true;
  readonly strict?: true;
  readonly format?: 'json' | 'nagios' | 'prometheus';
}

export function addStatus(program: Command, context: Context): void {
  declare(program, 'status', {
    does: 'reads',
    doesWith: { '--check': 'checks' },
    examples: [
      'status',
      'status --check --grace 26h --quiet || echo "look at the audit trail"',
      'status --check --deep',
      'status --check --format nagios',
    ],
    notes:
      'With --check the exit code is 3 if there is a problem, or if entries have been due for longer than the grace. With --format nagios it is that of a Nagios plugin: 0, 1, 2, or 3 if the check itself could not run. --deep reads the whole file, in a copy in the temporary folder (TMPDIR).',
  })
    .option('--check', 'exit 3 when something is wrong')
    .addOption(new Option('--grace <duration>', 'how long something may be overdue').default('26h'))
    .option('--deep', 'look at every page, index and entry as well')
    .option('--strict', 'entries that no prune accounts for are a problem')
    .addOption(
      new Option('--format <format>', 'print it as JSON, or for a monitor').choices(['json', 'nagios', 'prometheus']),
    )
    .action(async (options: Options, self: Command) => {
      if (options.format === 'nagios') return tellNagios(options, self, context);
      const globals = await resolveGlobals(self, context);
      let found: Status;
      try {
        found = await examine(options, globals, context);
      } catch (error) {
        if (options.format === 'prometheus') await print(prometheusText(globals.db.shown, undefined), true, context);
        throw error;
      }
      const text =
        options.format === 'prometheus'
          ? prometheusText(globals.db.shown, found)
          : options.format === 'json'
            ? json(found, context)
            : statusText(found);
      await print(text, options.check === true, context);
      if (options.check === true && found.problems.length > 0) {
        throw new DaybookError('findings', found.problems.map((problem) => problem.message).join('; '));
      }
    });
}

async function examine(options: Options, globals: Globals, context: Context): Promise<Status> {
  const { deep = false, strict = false } = options;
  const grace = underOption('--grace', () => parseDuration(options.grace));
  return withStore(context, globals, async (store) =>
    status(store, {
      database: globals.db.shown,
      now: context.now(),
      zone: globals.zone,
      grace,
      strict,
      sealKey: await sealKeyAtHand({}, (await store.sealState()).trails.at(-1)?.origin, context),
      ...(deep ? { deep: { interruptible: (work) => interruptible(context, work) } } : {}),
    }),
  );
}

/** Whatever becomes of the check, Nagios is told by its own exit codes, and on stdout. */
async function tellNagios(options: Options, self: Command, context: Context): Promise<never> {
  let answer;
  try {
    answer = nagiosAnswer(await examine(options, await resolveGlobals(self, context), context));
  } catch (error) {
    answer = nagiosFailure(error);
  }
  await print(answer.text, true, context);
  throw new ExitWith(answer.code);
}

/** A monitor may look at the exit code alone: then nobody need read the output. */
async function print(text: string, onlyCode: boolean, { streams: { stdout } }: Context): Promise<void> {
  try {
    await stdout.write(text);
  } catch (error) {
    if (!onlyCode || !(error instanceof OutputClosed)) throw error;
  }
}

function json(found: Status, { streams: { stdout } }: Context): string {
  const text = JSON.stringify(found);
  return `${stdout.isTerminal ? visibleJson(text) : text}\n`;
}

function statusText(found: Status): string {
  const { bytes, last_prune: last } = found;
  const rows: [string, string][] = [
    ['database', `${found.database} (schema ${found.schema_version})`],
    ['entries', String(found.entries)],
    ...(found.oldest === null || found.newest === null
      ? []
      : [['dated', `${found.oldest} to ${found.newest}`] satisfies [string, string]]),
    found.vacuum === undefined
      ? ['size', `${size(bytes.file)}, log ${size(bytes.wal)}, free ${size(bytes.free)}`]
      : ['size', `${size(bytes.file)}, ${found.vacuum.dead_rows} dead rows, vacuumed ${found.vacuum.last ?? 'never'}`],
    ...(bytes.disk_free === null ? [] : [['disk', `${size(bytes.disk_free)} free`] satisfies [string, string]]),
    ['unaccounted', unaccountedText(found.unaccounted)],
    ...found.policies.map(({ name, due }): [string, string] => [`policy ${name}`, `${due} due`]),
    ['last prune', last === null ? 'none' : `${last.at}, ${last.deleted} deleted, entry ${last.entry ?? '-'}`],
    ...(found.outdated_captures.length === 0
      ? []
      : [['triggers', outdatedText(found.outdated_captures)] satisfies [string, string]]),
    ...found.holds.map((hold): [string, string] => [`hold ${hold.name}`, holdText(hold)]),
    ...(found.problems.length === 0 ? [['problems', 'none'] satisfies [string, string]] : []),
    ...found.problems.map(({ code, message }): [string, string] => [`problem ${code}`, message]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows
    .map(([label, value]) => `${visible(`${label.padEnd(width)}  ${value}`, { newlines: 'mark' })}\n`)
    .join('');
}

function outdatedText(tables: readonly string[]): string {
  const more = tables.length - NAMED;
  const named = `${tables.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return `of an earlier daybook on ${named}: daybook capture refresh brings those of today, without a gap`;
}

function holdText({ until, passed, binds }: Status['holds'][number]): string {
  const end = until === null ? 'until it is released' : `until ${until}`;
  const over = passed ? ', which has passed: it binds until it is released' : '';
  return `${end}${over}${binds ? '' : '; what keeps the entries was dropped'}`;
}

/** So many tables are named. */
const NAMED = 5;

function unaccountedText({ count, since }: Status['unaccounted']): string {
  return count === 0 ? 'none' : `${count}${since === null ? '' : `, fewer at entry ${since}`}`;
}

function size(bytes: number | null): string {
  if (bytes === null) return 'not known';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
