import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { DaybookError } from '../../core/errors.js';
import { declare, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import { textOfFile } from '../input.js';

export function addProof(program: Command, context: Context): void {
  declare(program, 'proof', {
    does: 'reads',
    examples: ['proof 4711 > 4711.tlog-proof', 'proof --consistency 10001 12500'],
    notes:
      'A proof holds one entry, and shows with the public key alone that it was sealed. Its form is that of C2SP (tlog-proof); docs/evidence.md prints a program of 25 lines that checks it without daybook.',
  })
    .argument('[entry]', 'its seq or id; with --consistency: the later of the two seals (default: the last one)')
    .option(
      '--consistency <seal>',
      'prove instead that a later seal holds all of this one: its size, or a file with it',
    )
    .action(async (entry: string | undefined, options: { readonly consistency?: string }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { proveConsistency, proveEntry, sizeOf } = await import('../../operations/proof.js');
      const sealNamed = (named: string): number =>
        sizeOf(existsSync(named) ? textOfFile(named, named) : named, JSON.stringify(named));
      const text = await withStore(context, globals, (store) => {
        if (options.consistency !== undefined) {
          const later = entry === undefined ? null : sealNamed(entry);
          return proveConsistency(store, sealNamed(options.consistency), later);
        }
        if (entry === undefined) throw new DaybookError('usage', 'which entry is to be proved: its seq or its id');
        return proveEntry(store, entry);
      });
      const { stdout } = context.streams;
      const { visible } = await import('../../terminal/sanitize.js');
      await stdout.write(stdout.isTerminal ? visible(text, { newlines: 'keep' }) : text);
    });
}
