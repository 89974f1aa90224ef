import type { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withOptions } from '../../src/cli/hints.js';
import { buildProgram } from '../../src/cli/main.js';
import { shellWord } from '../../src/core/shell.js';
import { cli, given, trail } from '../support/cli.js';

const program = await buildProgram();

function find(...names: readonly string[]): Command {
  return names.reduce((command, name) => command.commands.find((one) => one.name() === name) ?? command, program);
}

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

describe('a hint that adds options to a command line', () => {
  test.each([
    [['history', '--format', 'json'], ' --format ndjson', 'daybook history --format ndjson'],
    [['history', '--format=json', 'a:1'], ' --format ndjson', 'daybook history a:1 --format ndjson'],
    [['--busy-timeout', '1s', 'history'], ' --busy-timeout 30s', 'daybook history --busy-timeout 30s'],
    [['history', '-n', '5', '-n7'], ' --limit 9', 'daybook history --limit 9'],
    [['history', '--', 'a:1'], ' --format csv', 'daybook history --format csv -- a:1'],
    [['history', '--search', '--format'], ' --format csv', 'daybook history --search --format --format csv'],
    [['history', '--actor', 'a'], ' --actor b', 'daybook history --actor a --actor b'],
    [['history', '-f', '--follow'], ' -f', 'daybook history -f'],
    [['history'], '', 'daybook history'],
  ])('%j and%s', (words, added, line) => {
    expect(withOptions(words, added, find('history'))).toBe(line);
  });

  test('of lists keeps what was given', () => {
    const words = ['capture', 'add', 'users', '--redact', 'a'];
    expect(withOptions(words, ' --redact b', find('capture', 'add'))).toBe(
      'daybook capture add users --redact a --redact b',
    );
  });

  test('never has one twice that can be given once, and keeps all else, on any command', () => {
    for (const command of everyCommand(program)) {
      const once = command.options.filter(({ long, parseArg, argChoices }) => {
        return long !== undefined && long !== null && (argChoices !== undefined || parseArg?.length !== 2);
      });
      if (once.length === 0) continue;
      const option = fc.constantFrom(...once);
      const typed = fc.tuple(
        option,
        fc.string({ minLength: 1 }).filter((text) => !text.startsWith('-')),
        fc.boolean(),
      );
      fc.assert(
        fc.property(fc.array(typed, { maxLength: 5 }), option, (typedOptions, added) => {
          const words = typedOptions.flatMap(([{ long, required, optional }, value, joined]) =>
            required || optional ? (joined ? [`${long}=${value}`] : [long ?? '', value]) : [long ?? ''],
          );
          const suffix = ` ${added.long}${added.required ? ' x' : ''}`;
          const line = withOptions(words, suffix, command);
          const kept = typedOptions.filter(([{ long }]) => long !== added.long);
          const rest = kept.flatMap(([{ long, required, optional }, value, joined]) =>
            required || optional ? (joined ? [`${long}=${value}`] : [long ?? '', value]) : [long ?? ''],
          );
          expect(line).toBe(`daybook${rest.map((word) => ` ${shellWord(word)}`).join('')}${suffix}`);
        }),
        { numRuns: 20 },
      );
    }
  });

  test('is what a user gets', async () => {
    await given({ action: 'a' });
    const { code, stderr } = await cli(['--db', await trail(), 'export', '--format', 'json', '--no-header', '--exact']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/\ntry: daybook --db \S+ export --no-header --exact --format csv\n$/);
  });
});
