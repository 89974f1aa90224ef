import { Argument, Command, Option } from 'commander';

/** A small program with one of everything that completion and the manual have to tell apart. */
export function fakeProgram(): Command {
  const program = new Command('daybook')
    .description('Operates an audit trail.\nIn more words.')
    .version('1.2.3', '-V, --version')
    .addOption(new Option('--db <file>', 'the database').env('DAYBOOK_DB').default('audit.db'))
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']))
    .option(
      '--as <actor>',
      'who (or what) is acting (default: the OS user; for root SUDO_USER, where it is set, env: DAYBOOK_ACTOR)',
    )
    .option('-q, --quiet', "no notes: it's [quiet]");

  program
    .command('history')
    .alias('log')
    .description('shows entries, newest first')
    .argument('[entity]', 'whose entries')
    .option('-n, --limit <n>', 'how many', '50')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'line', 'json', 'ndjson', 'csv']))
    .option('--category <category...>', 'any of these', [])
    .option('--actor <actor...>', 'whose', [])
    .option('--scope <scope...>', 'where', [])
    .addOption(new Option('--secret', 'not for people').hideHelp())
    .addHelpText(
      'after',
      '\nTimes are UTC.\n\nExamples:\n  # all of today\n  $ daybook history --since today\n\n  $ daybook log\n\nSee also: count',
    );

  const retention = program.command('retention').description('manages policies');
  retention.command('list').description('lists policies');
  retention.command('set').description('sets a policy').argument('<name>').option('--max-age <duration>', 'how old');

  program.command('backup').description('copies the database').argument('<file>', 'where to');
  program.command('hush', { hidden: true }).description('hidden');
  program
    .command('completion')
    .description('prints a completion script')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']));
  return program;
}
