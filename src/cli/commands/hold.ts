import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import { describeFilter } from '../../core/filter-described.js';
import { datedFilter } from '../../core/filter-json.js';
import { isPassed } from '../../core/hold.js';
import type { Hold, PlacedHold } from '../../core/hold.js';
import { formatTimestamp } from '../../core/timestamp.js';
import { declare, declareGroup, note, printJson, printLines, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import { bytesOfFile } from '../input.js';
import { underOption } from '../under-option.js';

export function addHold(program: Command, context: Context): void {
  const group = declareGroup(program, 'hold', {
    examples: ['hold place case-17 --entity machine:7 --reason "court file 17/26"', 'hold list'],
    notes: 'A hold keeps entries from being deleted, by daybook and by any other program, until it is released.',
  });
  addPlace(group, context);
  addList(group, context);
  addRelease(group, context);
}

interface PlaceOptions extends FilterOptions {
  readonly reason: string;
  readonly releaseKey?: string;
}

function addPlace(group: Command, context: Context): void {
  const place = declare(group, 'place', {
    does: 'changes',
    description: 'keep what matches from being deleted',
    examples: [
      'hold place case-17 --entity machine:7 --reason "court file 17/26"',
      'hold place audit-2026 --scope site:7 --reason "annual audit" --until 2027-06-30 --release-key auditor.pub',
    ],
    notes:
      'Without a filter it keeps every entry. What is recorded later and matches is kept as well. With --release-key only a signature by that key lifts it.',
  })
    .argument('<name>', 'the name of the hold')
    .requiredOption('--reason <text>', 'why')
    .option('--release-key <line-or-file>', 'the public key whose owner alone may lift it');
  addFilterOptions(place);
  // A hold has no ages: what it keeps does not go by time, and this is its own end.
  for (const option of place.options) {
    if (option.long === '--until')
      option.description = 'until when it is thought to be needed: it binds until it is released';
    if (['--since', '--in'].includes(option.long ?? '')) option.hideHelp();
  }
  place.action(async (name: string, options: PlaceOptions, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const { textProblem } = await import('../../core/json.js');
    const problem = name === '' ? 'must not be empty' : textProblem(name);
    if (problem !== undefined) throw new DaybookError('usage', `the name of a hold ${problem}`);
    for (const option of ['since', 'in'] as const) {
      if (options[option] !== undefined)
        throw new DaybookError('usage', `--${option} does not go into a hold: it has no ages`);
    }
    const { until, ...rest } = options;
    const { filter } = await readFilter(rest, globals, context);
    if (filter.reverted !== undefined) {
      throw new DaybookError(
        'usage',
        '--reverted and --not-reverted do not go into a hold: what is taken back may change',
      );
    }
    const { pinnedKey } = await import('../pinned-key.js');
    const { keyLine } = await import('../../core/evidence/notes.js');
    const { releaseKey } = options;
    const hold: Hold = {
      name,
      filter,
      reason: options.reason,
      until: until === undefined ? null : await moment(until, globals.zone, context),
      releaseKey: releaseKey === undefined ? null : keyLine(await pinnedKey(releaseKey, '--release-key')),
    };
    const entry = await withStore(context, globals, (store) => store.placeHold(hold, globals.actor));
    await note(context, globals, `hold ${name} keeps ${describeFilter(filter) || 'every entry'}: entry ${entry}`);
  });
}

async function moment(text: string, zone: string, { now }: Context): Promise<string> {
  const { resolveUntil } = await import('../../core/period.js');
  return underOption('--until', () => formatTimestamp(resolveUntil(text, { now: now(), zone })));
}

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'list the holds',
    examples: ['hold list', 'hold list --format json'],
  })
    .addOption(new Option('--format <format>', 'print it for programs').choices(['json']))
    .action(async (options: { readonly format?: 'json' }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const holds = await withStore(context, globals, (store) => store.holds());
      const { releaseStatement } = await import('../../core/hold.js');
      if (options.format === 'json') {
        const listed = holds.map((hold) => ({
          name: hold.name,
          filter: datedFilter(hold.filter),
          reason: hold.reason,
          until: hold.until,
          release_key: hold.releaseKey,
          placed_at: hold.placedAt,
          entry: hold.entry,
          binds: hold.binds,
          statement: releaseStatement(hold),
        }));
        return printJson({ holds: listed }, context);
      }
      if (holds.length === 0) return note(context, globals, 'there are no holds');
      await printLines(
        holds.map((hold) => line(hold, context.now())),
        context,
      );
    });
}

function line(hold: PlacedHold, now: number): string {
  const { name, filter, reason, until, releaseKey, binds } = hold;
  const passed = isPassed(hold, now) ? ', which has passed: it binds until it is released' : '';
  return [
    `${name} keeps ${describeFilter(filter) || 'every entry'}: ${reason}`,
    ...(until === null ? [] : [`until ${until}${passed}`]),
    ...(releaseKey === null ? [] : [`released by ${releaseKey}`]),
    ...(binds ? [] : ['PROBLEM: what keeps the entries was dropped']),
  ].join('; ');
}

function addRelease(group: Command, context: Context): void {
  declare(group, 'release', {
    does: 'changes',
    description: 'lift a hold',
    examples: [
      'hold release case-17 --reason "judgment of 3 May"',
      'hold release audit-2026 --reason "audit done" --signature release.sig',
    ],
  })
    .argument('<name>', 'the name of the hold')
    .requiredOption('--reason <text>', 'why')
    .option('--signature <file>', 'the signature of the release key over the statement of the hold')
    .action(async (name: string, options: { readonly reason: string; readonly signature?: string }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const signature =
        options.signature === undefined ? null : bytesOfFile(options.signature, `--signature ${options.signature}`);
      const entry = await withStore(context, globals, (store) =>
        store.releaseHold(name, options.reason, signature, globals.actor),
      );
      await note(context, globals, `hold ${name} is lifted: entry ${entry}`);
    });
}
