import { describe, expect, test } from 'vitest';
import type { CommandTree } from '../../src/cli/command-tree.js';
import { describeCommand } from '../../src/cli/command-tree.js';
import { fakeProgram } from './fake-program.js';

const tree = describeCommand(fakeProgram());

function below(parent: CommandTree, name: string): CommandTree {
  const found = parent.subcommands.find((subcommand) => subcommand.name === name);
  if (found === undefined) throw new Error(`no command ${name}`);
  return found;
}

describe('the command tree', () => {
  test('holds visible commands and leaves out help', () => {
    expect(tree.subcommands.map(({ name }) => name)).toEqual(['history', 'retention', 'backup', 'completion']);
    expect(below(tree, 'retention').subcommands.map(({ name }) => name)).toEqual(['list', 'set']);
  });

  test('gives the whole synopsis', () => {
    expect(tree.synopsis).toBe('daybook [options] [command]');
    expect(below(below(tree, 'retention'), 'set').synopsis).toBe('daybook retention set [options] <name>');
  });

  test('describes options with values, choices, defaults and environment', () => {
    const [version, db, color, actor, quiet, help] = tree.options;
    expect(version).toMatchObject({ long: '--version', short: '-V', value: null });
    expect(db).toEqual({
      flags: '--db <file>',
      long: '--db',
      short: null,
      description: 'the database',
      value: { name: 'file', choices: [], isFile: true, values: null },
      valueIsOptional: false,
      defaultValue: 'audit.db',
      environment: 'DAYBOOK_DB',
    });
    expect(actor).toMatchObject({
      description: 'who (or what) is acting',
      defaultValue: 'the OS user; for root SUDO_USER, where it is set',
      environment: 'DAYBOOK_ACTOR',
    });
    expect(color?.value?.choices).toEqual(['auto', 'always', 'never']);
    expect(quiet).toMatchObject({ value: null, defaultValue: null });
    expect(help).toMatchObject({ long: '--help' });
  });

  test('leaves out hidden options and empty defaults, and shortens a variadic placeholder', () => {
    const { options } = below(tree, 'history');
    expect(options.map(({ long }) => long)).toEqual([
      '--limit',
      '--format',
      '--category',
      '--actor',
      '--scope',
      '--help',
    ]);
    expect(options[2]).toMatchObject({ defaultValue: null, value: { name: 'category' } });
  });

  test('describes arguments', () => {
    expect(below(tree, 'backup').arguments).toEqual([
      {
        name: 'file',
        choices: [],
        isFile: true,
        values: null,
        description: 'where to',
        required: true,
        variadic: false,
        defaultValue: null,
      },
    ]);
  });

  test('takes the examples out of the help text', () => {
    const { examples, notes, aliases } = below(tree, 'history');
    expect(aliases).toEqual(['log']);
    expect(examples).toEqual(['# all of today', '$ daybook history --since today', '', '$ daybook log']);
    expect(notes).toBe('Times are UTC.\n\nSee also: count');
  });

  test('has no examples where the help has none', () => {
    expect(below(tree, 'backup')).toMatchObject({ examples: [], notes: '' });
  });

  test('is plain data', () => {
    expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);
  });
});
