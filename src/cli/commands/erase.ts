import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import type { Filter } from '../../core/filter.js';
import { textProblem } from '../../core/json.js';
import { mirrorName } from '../../core/mirror.js';
import { shellWord } from '../../core/shell.js';
import type { EraseResult } from '../../operations/erase.js';
import type { AuditStore } from '../../store/audit-store.js';
import { declare, entries, note, printJson, printLines, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { ask, execute, forecastLines } from '../pruning.js';
import { addSealKeyOption, sealKeyAtHand } from '../seal-key-path.js';
import type { SealKeyOption } from '../seal-key-path.js';

interface Options extends FilterOptions, SealKeyOption {
  readonly reason: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly format?: 'json';
}

export function addErase(program: Command, context: Context): void {
  const command = declare(program, 'erase', {
    does: 'deletes',
    doesWith: { '--dry-run': 'reads' },
    examples: [
      'erase --actor 4711 --reason "request 17/26" --dry-run',
      'erase --entity customer:88 --reason "request 18/26" --yes',
    ],
    notes:
      'For a person whose entries must go. Of each entry its seq, time, category, action, severity and entity type stay, and show that something was erased; on a sealed trail that is signed first. Where a hold keeps one of them, nothing is erased. Exports, archives and backups keep what they have.',
  });
  addSealKeyOption(addFilterOptions(command))
    .requiredOption('--reason <text>', 'why: it stays in the trail, so it must not name the person')
    .option('--dry-run', 'say what would go, and erase nothing')
    .option('--yes', 'do not ask')
    .addOption(new Option('--format <format>', 'print the result as JSON').choices(['json']))
    .action(async (options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const problem = options.reason.trim() === '' ? 'must not be empty' : textProblem(options.reason);
      if (problem !== undefined) throw new DaybookError('usage', `--reason ${problem}`);
      const { filter, any } = await readFilter(options, globals, context);
      if (!any) throw new DaybookError('usage', 'erase needs a filter that says which entries: clear deletes all');
      await withStore(context, globals, (store) => eraseMatching(store, filter, options, globals, context));
    });
}

/** Plans, says what would go, asks, and erases. */
async function eraseMatching(
  store: AuditStore,
  filter: Filter,
  options: Options,
  globals: Globals,
  context: Context,
): Promise<void> {
  const { executeErase, expectNothingHeld, prepareErase, rehearseErase } = await import('../../operations/erase.js');
  const now = context.now();
  const { reason, dryRun } = options;
  const prepared = await prepareErase(store, { filter, reason, actor: globals.actor }, now);
  const { count, held, kept } = prepared.forecast;
  if (count === 0 && held === 0) await note(context, globals, 'there is nothing to erase');
  else await note(context, globals, `${dryRun === true ? 'would' : 'will'} erase ${entries(count)}`);
  if (count > 0) for (const line of forecastLines(prepared.forecast)) await note(context, globals, line);
  if (kept > 0) await note(context, globals, `${entries(kept)} by which daybook accounts for itself would stay`);
  if (dryRun === true) {
    if (held > 0) await note(context, globals, `holds keep ${entries(held)} of these, so nothing can be erased`);
    return printResult(await rehearseErase(store, prepared), options, context);
  }
  expectNothingHeld(prepared);
  if (count > 0 && options.yes !== true) await ask('erase', count, context);
  const origin = (await store.sealState()).trails.at(-1)?.origin;
  const sealKey = count === 0 ? null : await sealKeyAtHand(options, origin, context);
  if (origin !== undefined && sealKey === null && count > 0) {
    await note(context, globals, 'the key file is not at hand: verify will say pruned-unattested of what goes');
  }
  const result = await execute(store, prepared, { archive: undefined, sealKey, now }, globals, context, executeErase);
  await printOutcome(context, globals, `erased ${entries(result.erased)}`, () => printResult(result, options, context));
  if (result.erased > 0) await sayWhatStays(store, filter, globals, context);
}

async function printResult(result: EraseResult, options: Options, context: Context): Promise<void> {
  if (options.format === 'json') return printJson(result, context);
  const { dry_run: dryRun, erased, remaining, entry } = result;
  const parts = dryRun
    ? [`would erase ${entries(erased)}, and leave ${remaining}`]
    : [`erased ${entries(erased)}, ${remaining} remain`, ...(entry === null ? [] : [`entry ${entry}`])];
  await printLines([parts.join('; ')], context);
}

/** What an erasure does not reach. */
async function sayWhatStays(store: AuditStore, filter: Filter, globals: Globals, context: Context): Promise<void> {
  const { namesIn } = await import('../../operations/erase.js');
  const { db } = globals;
  const say = (text: string): Promise<void> => note(context, globals, text);
  if (db.engine === 'sqlite') {
    const vacuum = `sqlite3 ${shellWord(db.connects)} 'VACUUM' 'PRAGMA wal_checkpoint(TRUNCATE)'`;
    await say(`free pages and the log may still hold traces: ${vacuum} makes the file anew, while nobody writes`);
  }
  for (const mirror of await store.mirrors()) {
    await say(
      `${mirrorName(mirror)} shows entries, and may still show these: the command of mirror add again renders it`,
    );
  }
  for (const name of namesIn(filter)) {
    await say(`entries of others may mention ${name}: daybook history --search ${shellWord(name)}`);
  }
  await say('exports, archives and backups keep what they have until they expire');
}
