import { Option } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../../core/duration.js';
import { describeFilter } from '../../core/filter-described.js';
import { DaybookError } from '../../core/errors.js';
import { describeLimits, policyJson } from '../../core/policy.js';
import type { Policy, StandingPolicy } from '../../core/policy.js';
import { removePolicy, setPolicy } from '../../operations/retention.js';
import { visible } from '../../terminal/sanitize.js';
import { declare, declareGroup, note, printJson, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import { wholeNumber } from '../numbers.js';
import { underOption } from '../under-option.js';

interface SetOptions extends FilterOptions {
  readonly maxAge?: string;
  readonly maxEntries?: number;
  readonly yes?: true;
}

export function addRetention(program: Command, context: Context): void {
  const group = declareGroup(program, 'retention', {
    examples: ['retention set everything --max-age 90d', 'retention list'],
  });
  addSet(group, context);
  addList(group, context);
  addRemove(group, context);
}

function addSet(group: Command, context: Context): void {
  const command = declare(group, 'set', {
    does: 'changes',
    description: 'make or change a policy',
    examples: [
      'retention set everything --max-age 90d',
      'retention set auth --category auth --max-age 2y --max-entries 100000',
    ],
    notes:
      'An entry is deleted only if every policy that matches it allows that: with these two, auth entries stay for two\nyears and everything else for 90 days.',
  })
    .argument('<name>', 'the name of the policy')
    .option('--max-age <duration>', 'keep no entry that is older than this')
    .addOption(new Option('--max-entries <n>', 'keep at most this many entries: the newest').argParser(wholeNumber(0)))
    .option('--yes', 'take an age of less than an hour as well');
  addFilterOptions(command).action(async (name: string, options: SetOptions, self: Command) => {
    const globals = await resolveGlobals(self, context);
    for (const option of ['since', 'until', 'in'] as const) {
      if (options[option] !== undefined) {
        throw new DaybookError('usage', `--${option} does not go into a policy: its time is --max-age`);
      }
    }
    const { textProblem } = await import('../../core/json.js');
    const problem = name === '' ? 'must not be empty' : textProblem(name);
    if (problem !== undefined) throw new DaybookError('usage', `the name of a policy ${problem}`);
    const { maxAge } = options;
    if (maxAge !== undefined) underOption('--max-age', () => parseDuration(maxAge));
    const { filter } = await readFilter(options, globals, context);
    const policy: Policy = {
      name,
      filter,
      maxAge: options.maxAge ?? null,
      maxEntries: options.maxEntries ?? null,
    };
    await withStore(context, globals, async (store) => {
      const { changed } = await setPolicy(store, policy, globals.actor, options.yes === true);
      await note(
        context,
        globals,
        changed ? `policy ${name}: ${describeLimits(policy)}` : `policy ${name} is like that already`,
      );
    });
  });
}

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'list the policies',
    examples: ['retention list', 'retention list --format json'],
    notes:
      'As JSON: {"policies": [{"name", "max_age", "max_entries", "filter", "entry", "problem"}]}; "entry" is the entry that set the policy. A policy that cannot be read, or that was not removed by daybook, is listed as well, without limits and filter.',
  })
    .addOption(new Option('--format <format>', 'print them as JSON').choices(['json']))
    .action(async (options: { readonly format?: 'json' }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const policies = await withStore(context, globals, (store) => store.standingPolicies());
      const { stdout } = context.streams;
      if (options.format === 'json') {
        return printJson(`{"policies": [${policies.map(listed).join(', ')}]}`, context);
      }
      if (policies.length === 0) return note(context, globals, 'there are no retention policies');
      for (const { problem } of policies) if (problem !== null) await note(context, globals, problem.message);
      const rows = policies.map(({ name, policy }) =>
        policy === null ? [name, '?', '?'] : [name, describeLimits(policy), describeFilter(policy.filter)],
      );
      if (!stdout.isTerminal) {
        return stdout.write(
          rows.map((row) => `${row.map((cell) => visible(cell, { newlines: 'mark' })).join('\t')}\n`).join(''),
        );
      }
      const [{ plainTable }, { palette }] = await Promise.all([
        import('../../format/table.js'),
        import('../../terminal/colour.js'),
      ]);
      await stdout.write(
        await plainTable(['name', 'keeps', 'of'], rows, {
          width: stdout.columns,
          palette: await palette(globals.colour('stdout')),
        }),
      );
    });
}

/** A policy in the shape of the list. */
function listed({ name, policy, entry, problem }: StandingPolicy): string {
  const nothing = JSON.stringify({ name, max_age: null, max_entries: null, filter: null });
  const more = JSON.stringify({ entry, problem: problem?.message ?? null });
  return `${(policy === null ? nothing : policyJson(policy)).slice(0, -1)},${more.slice(1)}`;
}

function addRemove(group: Command, context: Context): void {
  declare(group, 'remove', {
    does: 'changes',
    description: 'remove a policy',
    examples: ['retention remove auth', 'retention remove everything --as alice'],
  })
    .argument('<name>', 'the name of the policy')
    .action(async (name: string, _options: object, self: Command) => {
      const globals = await resolveGlobals(self, context);
      await withStore(context, globals, (store) => removePolicy(store, name, globals.actor));
      await note(context, globals, `policy ${name} is removed`);
    });
}
