import type { Command } from 'commander';
import { declare } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import { addPruneOptions, runPrune } from '../pruning.js';
import type { PruneOptions } from '../pruning.js';

export function addClear(program: Command, context: Context): void {
  const command = declare(program, 'clear', {
    does: 'deletes',
    doesWith: { '--dry-run': 'reads' },
    examples: ['clear --dry-run', 'clear --archive all.ndjson.gz --reason "moved to the new system" --yes'],
    notes: 'Retention policies and checkpoints stay, and so do the entries that set the policies.',
  });
  addPruneOptions(command)
    .option('--except-held', 'clear what no hold keeps')
    .action(async (options: PruneOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const everything = { name: null, filter: {}, before: Number.MAX_SAFE_INTEGER, keep: null };
      await runPrune('clear', [everything], options, globals, context);
    });
}
