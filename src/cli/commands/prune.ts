import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import type { PruneRule } from '../../store/audit-store.js';
import { declare } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { wholeNumber } from '../numbers.js';
import { addPruneOptions, runPrune } from '../pruning.js';
import type { PruneOptions } from '../pruning.js';
import { underOption } from '../under-option.js';

interface Options extends FilterOptions, PruneOptions {
  readonly olderThan?: string;
  readonly before?: string;
  readonly maxEntries?: number;
}

export function addPrune(program: Command, context: Context): void {
  const command = declare(program, 'prune', {
    does: 'deletes',
    doesWith: { '--dry-run': 'reads' },
    examples: [
      'prune --older-than 2y --archive-dir /var/backups/daybook --yes',
      'prune --category auth --max-entries 10000 --dry-run',
      'prune --yes --quiet   # every retention policy, as cron would',
    ],
    notes:
      'It first says what would be deleted, and asks; without a terminal it needs --yes. It deletes in short batches beside\nother programs, and the prune itself becomes an entry.',
  })
    .option('--older-than <duration>', 'entries older than this, such as 90d, 6mo or 2y')
    .option('--before <time>', 'entries before this moment, or before the start of this period')
    .addOption(
      new Option('--max-entries <n>', 'of what matches, all but this many of the newest').argParser(wholeNumber(0)),
    );
  addPruneOptions(addFilterOptions(command)).action(async (options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const { filter, any } = await readFilter(options, globals, context);
    const limits = await readLimits(options, globals, context);
    const own: PruneRule = { name: null, filter, ...limits };
    if (limits.before !== null || limits.keep !== null) return runPrune('prune', [own], options, globals, context);
    if (any) {
      throw new DaybookError('usage', 'a filter needs --older-than, --before or --max-entries beside it', {
        hint: '… --before now --dry-run',
      });
    }
    await runPrune('prune', 'policies', options, globals, context);
  });
}

async function readLimits(
  options: Options,
  globals: Globals,
  context: Context,
): Promise<{ readonly before: number | null; readonly keep: number | null }> {
  if (options.olderThan !== undefined && options.before !== undefined) {
    throw new DaybookError('usage', '--older-than and --before say the same thing twice: give one of them');
  }
  const clock = { now: context.now(), zone: globals.zone };
  const { checkAge, checkKeep } = await import('../../operations/retention.js');
  const keep = options.maxEntries ?? null;
  checkKeep(keep, '--max-entries');
  if (options.olderThan !== undefined) {
    const { before, parseDuration } = await import('../../core/duration.js');
    const text = options.olderThan;
    const duration = underOption('--older-than', () => parseDuration(text));
    checkAge(duration.amount, options.olderThan, '--older-than');
    return { before: underOption('--older-than', () => before(clock.now, duration, clock.zone)), keep };
  }
  if (options.before !== undefined) {
    const { resolveBefore } = await import('../../core/period.js');
    const text = options.before;
    return { before: underOption('--before', () => resolveBefore(text, clock)), keep };
  }
  return { before: null, keep };
}
