import { Option } from 'commander';
import type { Command } from 'commander';
import { declare, note, printLines } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';

interface Options {
  readonly alongside?: true;
  readonly grant?: readonly string[];
}

export function addInit(program: Command, context: Context): void {
  declare(program, 'init', {
    does: 'changes',
    examples: ['init', '--db app.db init --alongside'],
    notes:
      'A second run changes nothing, but it puts back a missing index or trigger of daybook. If another program spoiled accounts of prunes, what they held is kept as text. Each step is a transaction of its own, so that nobody waits for all of them. In PostgreSQL the trail has a schema of its own, all of it is made at once, and the grants are printed that a role needs to record.',
  })
    .option('--alongside', "add the trail to another application's database, and touch nothing else in it")
    .addOption(
      new Option('--grant <role>', 'in PostgreSQL, let this role record and read (repeatable)').argParser(collect),
    )
    .action(async (options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      const { initializeStore } = await import('../../store/open.js');
      const {
        outcome,
        schemaVersion,
        repaired,
        grants = [],
      } = await initializeStore(globals.db, {
        alongside: options.alongside === true,
        busyTimeout: globals.busyTimeout,
        clock: context.now,
        actor: globals.actor,
        schema: globals.schema,
        roles: options.grant ?? [],
      });
      const words = {
        created: `created ${globals.db.shown}`,
        added: `added the trail to ${globals.db.shown}`,
        upgraded: `upgraded ${globals.db.shown} to schema ${schemaVersion}`,
        repaired: `put back in ${globals.db.shown}: ${repaired.join(', ')}`,
        unchanged: `${globals.db.shown} is up to date`,
      };
      await note(context, globals, words[outcome]);
      if (grants.length > 0) await printLines(grants, context);
    });
}
