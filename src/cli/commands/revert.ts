import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import { declare, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import { printSeq } from '../recorded.js';

interface Options extends FilterOptions {
  readonly reason: string;
  readonly apply?: true;
  readonly force?: true;
  readonly dryRun?: true;
  readonly format?: 'json';
}

export function addRevert(program: Command, context: Context): void {
  const command = declare(program, 'revert', {
    does: 'records',
    doesWith: { '--dry-run': 'tries', '--apply': 'changes' },
    examples: [
      'revert 1042 --reason "wrong settlement"',
      'revert 1043 --reason "it was right after all"',
      'revert 2077 --apply --reason "wrong address"   # the captured change itself',
      'revert --apply --correlation 0042_prices --reason "bad migration" --dry-run',
    ],
    notes:
      'Nothing is deleted: both entries stay. Taking back a revert makes the first entry hold again. With --apply, the captured change of a row is undone in its table. With filters, every change that matches is undone, the last one first, in one transaction: other programs cannot write while it runs.',
  })
    .argument('[seq|id]', 'the entry to take back')
    .requiredOption('--reason <text>', 'why: it becomes the message, or is kept in the metadata of captured entries')
    .option('--apply', 'undo the change of the row as well')
    .option('--force', 'with --apply: also where something changed since')
    .option('--dry-run', 'with --apply: print the SQL, and change nothing')
    .addOption(
      new Option('--format <format>', 'print the new entry instead of its seq (several: one a line)').choices(['json']),
    );
  addFilterOptions(command).action(async (key: string | undefined, options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    if (options.reason.trim() === '') throw new DaybookError('usage', '--reason must not be empty');
    const { textProblem } = await import('../../core/json.js');
    const problem = textProblem(options.reason);
    if (problem !== undefined) throw new DaybookError('usage', `--reason ${problem}`);
    const { filter, any } = await readFilter(options, globals, context);
    if (options.apply === true) {
      const { runUndo } = await import('../undoing.js');
      return runUndo(choose(key, any ? filter : undefined), options, globals, context);
    }
    if (any) throw new DaybookError('usage', 'filters go with --apply: without it, one entry is taken back');
    if (options.force === true) throw new DaybookError('usage', '--force goes with --apply');
    if (options.dryRun === true) throw new DaybookError('usage', '--dry-run goes with --apply');
    if (key === undefined) throw new DaybookError('usage', "missing required argument 'seq|id'");
    await withStore(context, globals, async (store) => {
      const { revert } = await import('../../operations/revert.js');
      const entry = await revert(store, key, globals.actor, options.reason);
      await printOutcome(context, globals, `entry ${entry.seq} is recorded`, () =>
        printSeq(store, entry.seq, options.format, context),
      );
    });
  });
}

/** One entry or a set, and never everything. */
function choose<T>(key: string | undefined, filter: T | undefined): string | T {
  if (key !== undefined && filter !== undefined) {
    throw new DaybookError('usage', `either an entry (${key}) or filters say what to undo, not both`);
  }
  const chosen = key ?? filter;
  if (chosen === undefined) {
    throw new DaybookError('usage', '--apply needs an entry, or a filter that says which', {
      hint: '… --correlation <id> --dry-run',
    });
  }
  return chosen;
}
