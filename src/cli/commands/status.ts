import { Option } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../../core/duration.js';
import { DaybookError } from '../../core/errors.js';
import { status } from '../../operations/status.js';
import type { Status } from '../../operations/status.js';
import { visible } from '../../terminal/sanitize.js';
import { OutputClosed } from '../../terminal/streams.js';
import { declare, printJson, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import { underOption } from '../under-option.js';

interface Options {
  readonly check?: true;
  readonly grace: string;
  readonly format?: 'json';
}

export function addStatus(program: Command, context: Context): void {
  declare(program, 'status', {
    examples: ['status', 'status --check --grace 26h --quiet || echo "look at the audit trail"'],
    notes:
      'With --check the exit code is 3 when there is a problem, or something has been due for longer than the grace.',
  })
    .option('--check', 'exit 3 when something is wrong')
    .addOption(new Option('--grace <duration>', 'how long something may be due').default('26h'))
    .addOption(new Option('--format <format>', 'print it as JSON').choices(['json']))
    .action(async (options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const grace = underOption('--grace', () => parseDuration(options.grace));
      const found = await withStore(context, globals, 'read', (store) =>
        status(store, { database: globals.db, now: context.now(), zone: globals.zone, grace }),
      );
      try {
        await (options.format === 'json' ? printJson(found, context) : context.streams.stdout.write(statusText(found)));
      } catch (error) {
        // A monitor may look at the exit code alone.
        if (options.check !== true || !(error instanceof OutputClosed)) throw error;
      }
      if (options.check === true && found.problems.length > 0) {
        throw new DaybookError('findings', found.problems.map((problem) => problem.message).join('; '));
      }
    });
}

function statusText(found: Status): string {
  const { bytes, last_prune: last } = found;
  const rows: [string, string][] = [
    ['database', `${found.database} (schema ${found.schema_version})`],
    ['entries', String(found.entries)],
    ...(found.oldest === null || found.newest === null
      ? []
      : [['dated', `${found.oldest} to ${found.newest}`] satisfies [string, string]]),
    ['size', `${size(bytes.file)}, log ${size(bytes.wal)}, free ${size(bytes.free)}`],
    ...found.policies.map(({ name, due }): [string, string] => [`policy ${name}`, `${due} due`]),
    ['last prune', last === null ? 'none' : `${last.at}, ${last.deleted} deleted, entry ${last.entry ?? '-'}`],
    ...(found.problems.length === 0 ? [['problems', 'none'] satisfies [string, string]] : []),
    ...found.problems.map(({ code, message }): [string, string] => [`problem ${code}`, message]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows
    .map(([label, value]) => `${visible(`${label.padEnd(width)}  ${value}`, { newlines: 'mark' })}\n`)
    .join('');
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
