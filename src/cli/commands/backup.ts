import type { Command } from 'commander';
import { declare, interruptible, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';

export function addBackup(program: Command, context: Context): void {
  declare(program, 'backup', {
    does: 'copies',
    examples: ['backup /var/backups/audit.db', 'backup audit-before-upgrade.db --force'],
  })
    .argument('<file>', 'the copy')
    .option('--force', 'replace a file that exists')
    .action(async (file: string, options: { readonly force?: true }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { backup } = await import('../../operations/backup.js');
      await interruptible(context, (signal) =>
        withStore(context, globals, (store) => backup(store, file, options.force === true, signal)),
      );
      await note(context, globals, `copied ${globals.db.shown} to ${file}`);
    });
}
