import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import { declare, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import { printSeq } from '../recorded.js';

interface Options {
  readonly reason: string;
  readonly format?: 'json';
}

export function addRevert(program: Command, context: Context): void {
  declare(program, 'revert', {
    examples: ['revert 1042 --reason "wrong settlement"', 'revert 1043 --reason "it was right after all"'],
    notes: 'Nothing is deleted: both entries stay. Taking back a revert makes the first entry hold again.',
  })
    .argument('<seq|id>', 'the entry to take back')
    .requiredOption('--reason <text>', 'why: it becomes the message')
    .addOption(new Option('--format <format>', 'print the new entry instead of its seq').choices(['json']))
    .action(async (key: string, options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      if (options.reason.trim() === '') throw new DaybookError('usage', '--reason must not be empty');
      const { textProblem } = await import('../../core/json.js');
      const problem = textProblem(options.reason);
      if (problem !== undefined) throw new DaybookError('usage', `--reason ${problem}`);
      await withStore(context, globals, 'write', async (store) => {
        const { revert } = await import('../../operations/revert.js');
        const entry = await revert(store, key, globals.actor, options.reason);
        await printSeq(store, entry.seq, options.format, context);
      });
    });
}
