import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withOptions } from '../../src/cli/hints.js';
import { buildProgram } from '../../src/cli/main.js';
import { shellWord } from '../../src/core/shell.js';
import { splitWords } from '../../src/core/words.js';
import { cli, given, trail } from '../support/cli.js';
import { temporaryDirectory } from '../support/program.js';

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

  test('takes the place of the wrong values of a list, and keeps its others, on any command', () => {
    let lists = 0;
    for (const command of everyCommand(program)) {
      for (const { long, attributeName, parseArg, argChoices } of command.options.map((option) => ({
        long: option.long ?? '',
        attributeName: option.attributeName(),
        parseArg: option.parseArg,
        argChoices: option.argChoices,
      }))) {
        if (argChoices !== undefined || parseArg?.length !== 2) continue;
        lists += 1;
        const words = [long, 'good', `${long}=bad`, long, 'worse', '--', long, 'bad'];
        expect(withOptions(words, ` ${long} better`, command, { field: attributeName, value: ['bad', 'worse'] })).toBe(
          `daybook ${long} good ${long} better -- ${long} bad`,
        );
        expect(withOptions(words, ` ${long} better`, command, { field: 'other', value: 'bad' })).toBe(
          `daybook ${long} good ${long}=bad ${long} worse ${long} better -- ${long} bad`,
        );
      }
    }
    expect(lists).toBeGreaterThan(100);
  });

  // Each --pattern that is refused, alone and beside a good one.
  test.each([
    [['nonsense'], []],
    [['(?<x>a)'], []],
    [['('], []],
    [['moderation,memo'], []],
    [['moderation', 'memo'], []],
    [[''], []],
    [['memo', '('], ['memo']],
    [['memo'], [], ['--time-format', 's']],
  ])('for --pattern %j keeps only what is right: %j', async (patterns, kept, others: string[] = []) => {
    const givenPatterns = patterns.flatMap((pattern) => ['--pattern', pattern]);
    const columns = ['--key', 'id', '--column', 'notes', '--entity-type', 'thing'];
    const source = path.join(temporaryDirectory(), 'notes.csv');
    writeFileSync(source, 'id,notes\n1,x\n');
    const words = ['--db', await trail(), 'import', 'notes', source, ...columns, ...givenPatterns, ...others];
    const { code, stderr } = await cli(words);
    expect(code).toBe(2);
    const hint = splitWords(/^try: daybook (.*)$/m.exec(stderr)?.[1] ?? '');
    const said = hint.flatMap((word, index) => (word === '--pattern' ? [hint[index + 1]] : []));
    expect(said).toEqual([...kept, expect.stringMatching(/^memo,stamped$|^\(\?<ts>/)]);
    // What is proposed gets past what was wrong.
    expect((await cli(hint)).stderr).not.toMatch(/^daybook: --(?:pattern|time-format)/);
  });

  test('is what a user gets', async () => {
    await given({ action: 'a' });
    const { code, stderr } = await cli(['--db', await trail(), 'export', '--format', 'json', '--no-header', '--exact']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/\ntry: daybook --db \S+ export --no-header --exact --format csv\n$/);
  });
});
