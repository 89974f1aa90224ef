import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../core/errors.js';
import { textProblem } from '../core/json.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { PreparedPrune, PruneResult, PruneRun } from '../operations/prune.js';
import type { SealKey } from '../operations/seal-key.js';
import type { AuditStore, PruneForecast, PruneRule } from '../store/audit-store.js';
import { entries, interruptible, note, originOf, printJson, printOutcome, withStore } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';
import { addSealKeyOption, sealKeyAtHand } from './seal-key-path.js';
import type { SealKeyOption } from './seal-key-path.js';

/** What `prune` and `clear` have in common. */
export interface PruneOptions extends SealKeyOption {
  readonly dryRun?: true;
  readonly exceptHeld?: true;
  readonly archive?: string;
  readonly archiveDir?: string;
  readonly reason?: string;
  readonly yes?: true;
  readonly format?: 'json';
}

export function addPruneOptions(command: Command): Command {
  return addSealKeyOption(command)
    .option('--dry-run', 'say what would go, and delete nothing')
    .addOption(
      new Option(
        '--archive <file>',
        'write the doomed entries there first, as NDJSON (gzip by a name that ends in .gz)',
      ).conflicts('archiveDir'),
    )
    .option('--archive-dir <directory>', 'the same in this folder, under a name made of time and seq')
    .option('--reason <text>', 'why: it is kept with the account')
    .option('--yes', 'do not ask')
    .addOption(new Option('--format <format>', 'print the result as JSON').choices(['json']));
}

/** Plans, says what would go, asks, and deletes. */
export async function runPrune(
  command: 'prune' | 'clear',
  rules: readonly PruneRule[] | 'policies',
  options: PruneOptions,
  globals: Globals,
  context: Context,
): Promise<void> {
  const reason = options.reason ?? null;
  const problem = reason === null ? undefined : textProblem(reason);
  if (problem !== undefined) throw new DaybookError('usage', `--reason ${problem}`);
  if (options.archive !== undefined) {
    const { archivePlace } = await import('../operations/archive.js');
    archivePlace(originOf(globals, context), options.archive);
  }
  await withStore(context, globals, async (store) => {
    const { executePrune, preparePrune, rehearsePrune } = await import('../operations/prune.js');
    const now = context.now();
    const resolved = rules === 'policies' ? await rulesOfPolicies(store, options, now, globals, context) : rules;
    if (resolved.length === 0) {
      await note(
        context,
        globals,
        'there are no retention policies, so nothing is due (daybook retention set makes one)',
      );
    }
    const prepared = await preparePrune(store, { command, rules: resolved, actor: globals.actor, reason }, now);
    if (prepared.forecast.count > 0) await sayPlan(prepared.forecast, options, globals, context);
    else if (resolved.length > 0)
      await note(context, globals, command === 'clear' ? 'there is nothing to clear' : 'nothing is due');
    const { held } = prepared.forecast;
    if (held > 0) await note(context, globals, `holds keep ${entries(held)} that would go as well`);
    if (held > 0 && command === 'clear' && options.exceptHeld !== true && options.dryRun !== true) {
      throw new DaybookError('refused', `holds keep ${entries(held)}: --except-held clears the rest`, {
        hint: 'daybook hold list',
      });
    }
    if (options.dryRun === true) return printResult(await rehearsePrune(store, prepared), options, context);
    const archive = await archivePath(store, options, prepared.forecast, now);
    if (prepared.forecast.count > 0 && options.yes !== true) await ask(command, prepared.forecast.count, context);
    const origin = (await store.sealState()).trails.at(-1)?.origin;
    const sealKey = prepared.forecast.count === 0 ? null : await sealKeyAtHand(options, origin, context);
    if (origin !== undefined && sealKey === null && prepared.forecast.count > 0) {
      await note(context, globals, 'the key file is not at hand: verify will say pruned-unattested of what goes');
    }
    const result = await execute(store, prepared, { archive, sealKey, now }, globals, context, executePrune);
    await printOutcome(context, globals, `deleted ${entries(result.deleted)}`, () =>
      printResult(result, options, context),
    );
  });
}

/** The rules of the policies, after what is wrong with these was said; where nobody is asked, nothing may be wrong. */
async function rulesOfPolicies(
  store: AuditStore,
  options: PruneOptions,
  now: number,
  globals: Globals,
  context: Context,
): Promise<PruneRule[]> {
  const { policyRules } = await import('../operations/prune.js');
  const { policiesToCarryOut } = await import('../operations/retention.js');
  const { canAsk } = await import('../terminal/prompt.js');
  const attended = options.dryRun === true || (options.yes !== true && !globals.quiet && canAsk(context.streams));
  const { policies, warnings } = await policiesToCarryOut(store, attended);
  for (const warning of warnings) await note(context, globals, warning);
  return policyRules(policies, now, globals.zone);
}

/** Carries a plan out, with its progress shown. */
export async function execute<Result>(
  store: AuditStore,
  prepared: PreparedPrune,
  { archive, sealKey, now }: { archive: string | undefined; sealKey: SealKey | null; now: number },
  globals: Globals,
  context: Context,
  by: (store: AuditStore, prepared: PreparedPrune, run: PruneRun) => Promise<Result>,
): Promise<Result> {
  const { startProgress } = await import('../terminal/progress.js');
  const { stderr } = context.streams;
  const progressOf = (verb: string): ReturnType<typeof startProgress> =>
    startProgress(stderr, { quiet: globals.quiet, verb, total: prepared.forecast.count });
  const progress = { archiving: progressOf('archived'), deleting: progressOf('deleted') };
  try {
    return await interruptible(context, (signal) =>
      by(store, prepared, {
        ...(archive === undefined ? {} : { archive }),
        ...(sealKey === null ? {} : { sealKey, now }),
        busyTimeout: globals.busyTimeout,
        signal,
        onProgress: (step, done) => void progress[step].update(done),
      }),
    );
  } finally {
    await progress.archiving.end();
    await progress.deleting.end();
  }
}

async function archivePath(
  store: AuditStore,
  options: PruneOptions,
  forecast: PruneForecast,
  now: number,
): Promise<string | undefined> {
  if (forecast.count === 0) return undefined;
  const { archiveName, archivePlace } = await import('../operations/archive.js');
  const path =
    options.archiveDir === undefined
      ? options.archive
      : archiveName(options.archiveDir, forecast, formatTimestamp(now));
  if (path !== undefined) {
    const { refuseExisting } = await import('../operations/output-file.js');
    await refuseExisting(archivePlace(store.origin, path), 'never');
  }
  return path;
}

/** Asks whether so many entries may go. Throws kind `refused` where they may not, or nobody is there to be asked. */
export async function ask(command: string, count: number, context: Context): Promise<void> {
  const { canAsk, confirm } = await import('../terminal/prompt.js');
  if (!canAsk(context.streams)) {
    throw new DaybookError(
      'refused',
      `${command} deletes ${entries(count)}, and nobody is there to be asked: nothing was deleted (--yes deletes them)`,
      // A hint is pasted: this one shows what would go.
      { hint: '… --dry-run' },
    );
  }
  if (await confirm(context.streams, `Delete ${entries(count)}?`)) return;
  throw new DaybookError('refused', 'not confirmed: nothing was deleted');
}

const MOST_LISTED = 24;

/** By month; a long history by year, which says more than a dozen of its months. */
function datesListed(
  forecast: PruneForecast,
  listed: (pairs: readonly (readonly [string, number])[]) => string,
): string {
  if (forecast.months.length <= MOST_LISTED) {
    return `months: ${listed(forecast.months.map(({ month, count }) => [month, count]))}`;
  }
  const years = new Map<string, number>();
  for (const { month, count } of forecast.months) {
    const year = month.slice(0, 4);
    years.set(year, (years.get(year) ?? 0) + count);
  }
  return `years: ${listed([...years])}`;
}

/** What would go, for people. */
async function sayPlan(
  forecast: PruneForecast,
  options: PruneOptions,
  globals: Globals,
  context: Context,
): Promise<void> {
  const verb = options.dryRun === true ? 'would delete' : 'will delete';
  const lines = [
    `${verb} ${entries(forecast.count)}: ${forecast.byAge} by age, ${forecast.byCount} by count`,
    ...forecastLines(forecast),
  ];
  for (const line of lines) await note(context, globals, line);
}

/** What a plan takes, for people. */
export function forecastLines(forecast: PruneForecast): string[] {
  const listed = (pairs: readonly (readonly [string, number])[]): string => {
    const shown = pairs.slice(0, MOST_LISTED).map(([name, count]) => `${name} ${count}`);
    return [...shown, ...(pairs.length > MOST_LISTED ? [`and ${pairs.length - MOST_LISTED} more`] : [])].join(', ');
  };
  return [
    `  dated ${forecast.first ?? ''} to ${forecast.last ?? ''}`,
    `  actions: ${listed(forecast.actions.map(({ action, count }) => [action, count]))}`,
    `  ${datesListed(forecast, listed)}`,
    ...forecast.rules.flatMap((rule) => (rule.name === null ? [] : [`  policy ${rule.name}: ${rule.deleted}`])),
    ...forecast.unseen.flatMap(({ checkpoint, count }) =>
      count === 0 ? [] : [`  checkpoint ${checkpoint} has not exported ${count} of them`],
    ),
  ];
}

async function printResult(result: PruneResult, options: PruneOptions, context: Context): Promise<void> {
  const { stdout } = context.streams;
  const { visible } = await import('../terminal/sanitize.js');
  if (options.format === 'json') {
    return printJson(result, context);
  }
  if (result.dry_run) {
    return stdout.write(`would delete ${entries(result.deleted)}, and leave ${result.remaining}\n`);
  }
  const parts = [
    `deleted ${entries(result.deleted)}, ${result.remaining} remain`,
    ...(result.archive === null ? [] : [`archived to ${result.archive.path}`]),
    ...(result.entry === null ? [] : [`entry ${result.entry}`]),
  ];
  await stdout.write(`${visible(parts.join('; '), { newlines: 'mark' })}\n`);
}
