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
      const held = await interruptible(context, (signal) =>
        withStore(context, globals, async (store) => {
          await backup(store, file, options.force === true, signal);
          return (await store.holds()).map(({ name }) => name);
        }),
      );
      await note(context, globals, `copied ${globals.db.shown} to ${file}`);
      // Who lets a copy expire has to know what it holds.
      if (held.length > 0) await note(context, globals, `the trail is held: ${held.join(', ')} (daybook hold list)`);
    });
}
