import { Argument, Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import { LEAP_FIELDS } from '../../core/leap-fields.js';
import type { LeapField } from '../../core/leap-fields.js';

import { declare, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';

interface Options {
  readonly values?: LeapField;
  readonly prefix: string;
}

export function addCompletion(program: Command, context: Context, whole: () => Promise<Command>): void {
  declare(program, 'completion', {
    does: 'reads',
    examples: [
      'completion bash > /etc/bash_completion.d/daybook',
      'completion fish > ~/.config/fish/completions/daybook.fish',
      'completion --values actor --prefix u-',
    ],
    notes:
      'The scripts ask --values when Tab is pressed behind --actor, --action, --category, --scope or --entity: values that a shell shows, at most 200, a line each. What is locked or does not answer at once is not waited for.',
  })
    .addArgument(new Argument('[shell]', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addOption(new Option('--values <field>', 'values of the trail, for a shell to offer').choices(LEAP_FIELDS))
    .option('--prefix <text>', 'only those that begin with this', '')
    .action(async (shell: 'bash' | 'zsh' | 'fish' | undefined, options: Options, self: Command) => {
      if ((shell === undefined) === (options.values === undefined)) {
        throw new DaybookError('usage', 'completion takes a shell or --values', { hint: 'daybook completion bash' });
      }
      if (options.values !== undefined) return printValues(options.values, options.prefix, self, context);
      if (shell === undefined) return undefined;
      const [{ completionScript }, { describeCommand }] = await Promise.all([
        import('../completion.js'),
        import('../command-tree.js'),
      ]);
      await context.streams.stdout.write(completionScript(shell, describeCommand(await whole())));
    });
}

/** So many values are offered. */
const MOST = 200;
/** So long, in milliseconds, may the database take. */
const PATIENCE = 700;

/** Values of a field, a line each: those that are one word of text, as a shell cannot offer others. */
async function printValues(field: LeapField, prefix: string, self: Command, context: Context): Promise<void> {
  const globals = await resolveGlobals(self, context);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DaybookError('busy', `${globals.db.shown} does not answer at once`)), PATIENCE);
  });
  const values = withStore(context, { ...globals, busyTimeout: 0 }, (store) => store.nextValues(field, prefix, MOST));
  try {
    const found = await Promise.race([values, late]);
    const lines = found.filter(
      (value) => value.startsWith(prefix) && value !== '' && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value),
    );
    await context.streams.stdout.write(lines.map((value) => `${value}\n`).join(''));
  } finally {
    clearTimeout(timer);
    // It may fail later, when nobody waits for it any more.
    values.catch(() => undefined);
  }
}
