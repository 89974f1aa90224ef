import { Argument } from 'commander';
import type { Command } from 'commander';
import { declare } from '../command.js';
import type { Context } from '../context.js';

export function addCompletion(program: Command, context: Context, whole: () => Promise<Command>): void {
  declare(program, 'completion', {
    does: 'reads',
    examples: [
      'completion bash > /etc/bash_completion.d/daybook',
      'completion fish > ~/.config/fish/completions/daybook.fish',
    ],
  })
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const [{ completionScript }, { describeCommand }] = await Promise.all([
        import('../completion.js'),
        import('../command-tree.js'),
      ]);
      await context.streams.stdout.write(completionScript(shell, describeCommand(await whole())));
    });
}
