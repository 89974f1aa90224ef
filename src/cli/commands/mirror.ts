import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import {
  DEFAULT_LATEST,
  DEFAULT_TEMPLATE,
  mirrorCommand,
  mirrorName,
  mirrorSettingsJson,
  readMirrorName,
  readSeparator,
  readTemplate,
  TEMPLATE_FIELDS,
} from '../../core/mirror.js';
import type { AddedMirror, Mirror, MirrorCounts, MirrorRequest, MirrorSettings } from '../../core/mirror.js';
import { shellWord } from '../../core/shell.js';
import type { CheckedMirror, MirrorDifference, PreparedMirror } from '../../operations/mirror.js';
import type { AuditStore } from '../../store/audit-store.js';
import { visibleJson } from '../../terminal/sanitize.js';
import { declare, declareGroup, note, printJson, printLines, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { wholeNumber } from '../numbers.js';

export function addMirror(program: Command, context: Context): void {
  const group = declareGroup(program, 'mirror', {
    examples: ['mirror add settlements.notes --entity-type settlement --key id', 'mirror check'],
    notes:
      'A mirror shows the latest entries of each row in a column of an application. It changes in the same transaction as the entry, whichever program records it: readers of the column go on as before.',
  });
  addAdd(group, context);
  addList(group, context);
  addCheck(group, context);
  addRemove(group, context);
}

interface AddOptions {
  readonly entityType: string;
  readonly key: string;
  readonly latest: number;
  readonly template: string;
  readonly separator: string;
  readonly reverted: 'omit' | 'mark';
  readonly maxLength?: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly format?: 'json' | 'ndjson';
}

function addAdd(group: Command, context: Context): void {
  declare(group, 'add', {
    does: 'changes',
    doesWith: { '--dry-run': 'reads' },
    description: 'show entries in a column, or change how they are shown',
    examples: [
      'mirror add settlements.notes --entity-type settlement --key id --dry-run',
      "mirror add settlements.notes --entity-type settlement --key id --latest 10 --max-length 2000 --template '{date} {actor_name} {action}: {text}'",
    ],
    notes: `Rows without entries keep what they hold until their first one. Where a row holds another text than its entries say, that text is replaced, and you are asked first; --dry-run --format ndjson prints every such row. Adding a mirror once more shows again what differs. All of it is one transaction. A template may hold ${TEMPLATE_FIELDS.map((field) => `{${field}}`).join(' ')} {meta:<path>}, and \\n, \\t and \\\\; {text} is the message, or the action where that is empty.`,
  })
    .argument('<table.column>', 'the column to show entries in')
    .requiredOption('--entity-type <type>', 'the type of the entries')
    .requiredOption('--key <column>', 'the column that holds the id of the entity')
    .addOption(
      new Option('--latest <n>', 'how many entries it shows, newest first')
        .argParser(wholeNumber(1))
        .default(DEFAULT_LATEST),
    )
    .option('--template <text>', 'what is shown of an entry', DEFAULT_TEMPLATE)
    .addOption(new Option('--separator <text>', 'what separates two entries').default(String.raw`\n`))
    .addOption(
      new Option('--reverted <how>', 'leave out entries that were taken back, or mark them')
        .choices(['omit', 'mark'])
        .default('omit'),
    )
    .addOption(
      new Option('--max-length <n>', 'cut a text that has more characters than this').argParser(wholeNumber(1)),
    )
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--yes', 'do not ask')
    .addOption(
      new Option('--format <format>', 'print the result as JSON; ndjson with --dry-run: each row').choices([
        'json',
        'ndjson',
      ]),
    )
    .action(async (asked: string, options: AddOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const dryRun = options.dryRun === true;
      if (options.format === 'ndjson' && !dryRun) {
        throw new DaybookError('usage', '--format ndjson prints the rows that would change: it goes with --dry-run');
      }
      const request = readRequest(asked, options);
      await withStore(context, globals, async (store) => {
        const { addPreparedMirror } = await import('../../operations/mirror.js');
        const prepared = await rehearse(store, request, options, context);
        const { mirror, counts } = prepared;
        await sayPlan(mirror, counts, dryRun, globals, context);
        if (dryRun) {
          const nothing = { table: mirror.table, column: mirror.column, changed: false, entry: null, lockMs: 0 };
          return printAdded({ ...nothing, ...counts }, options, context);
        }
        const agree = options.yes === true ? 'to any' : (replaced: number) => ask(mirror, replaced, context);
        const added = await addPreparedMirror(store, prepared, globals.actor, agree);
        const told = added.changed ? done(mirror, added) : `${mirrorName(mirror)} is like that already`;
        await printOutcome(context, globals, told, async () => {
          await note(context, globals, told);
          await printAdded(added, options, context);
        });
      });
    });
}

function readRequest(asked: string, options: AddOptions): MirrorRequest {
  const { entityType, key, latest, template, reverted, maxLength } = options;
  if (entityType === '' || entityType.includes(':') || entityType.includes('\0')) {
    throw new DaybookError('usage', `--entity-type ${JSON.stringify(entityType)} must not be empty and has no colon`);
  }
  readTemplate(template);
  const separator = readSeparator(options.separator);
  const settings: MirrorSettings = {
    entityType,
    key,
    latest,
    template,
    separator,
    reverted,
    maxLength: maxLength ?? null,
  };
  return { ...readMirrorName(asked), settings };
}

/** Goes through the rows, and prints those that would change where that was asked for. */
async function rehearse(
  store: AuditStore,
  request: MirrorRequest,
  options: AddOptions,
  context: Context,
): Promise<PreparedMirror> {
  const { prepareMirror } = await import('../../operations/mirror.js');
  const plans = prepareMirror(store, request);
  for (;;) {
    const step = await plans.next();
    if (step.done === true) return step.value;
    if (options.format !== 'ndjson') continue;
    const { change, row } = step.value;
    const entity = `${request.settings.entityType}:${row.id}`;
    await printJson({ entity, change, held: row.held, expected: row.expected }, context);
  }
}

async function sayPlan(
  mirror: MirrorRequest,
  { same, filled, replaced, kept }: MirrorCounts,
  dryRun: boolean,
  globals: Globals,
  context: Context,
): Promise<void> {
  const verb = dryRun ? 'would show' : 'will show';
  await note(
    context,
    globals,
    `${mirrorName(mirror)} ${verb} the latest ${mirror.settings.latest} entries of each ${mirror.settings.entityType}`,
  );
  const told = [
    ['filled', filled, ''],
    ['replaced', replaced, ', with another text in the column'],
    ['kept', kept, ', with a text in the column and no entry'],
    ['the same', same, ''],
  ] as const;
  for (const [word, count, more] of told) {
    if (count > 0) await note(context, globals, `  ${word}: ${rows(count)}${more}`);
  }
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

async function ask(mirror: MirrorRequest, count: number, context: Context): Promise<boolean> {
  const { canAsk, confirm } = await import('../../terminal/prompt.js');
  if (!canAsk(context.streams)) {
    throw new DaybookError(
      'refused',
      `the text of ${rows(count)} of ${mirrorName(mirror)} would be replaced, and nobody is there to be asked: nothing was changed`,
      { hint: '… --dry-run --format ndjson' },
    );
  }
  return confirm(context.streams, `Replace the text of ${rows(count)}?`);
}

function done(mirror: MirrorRequest, { filled, replaced, lockMs }: AddedMirror): string {
  return `${mirrorName(mirror)} shows the entries: ${rows(filled + replaced)} changed, in one transaction of ${lockMs} ms`;
}

async function printAdded(added: AddedMirror, options: AddOptions, context: Context): Promise<void> {
  if (options.format !== 'json') return;
  const { table, column, changed, same, filled, replaced, kept, lockMs, entry } = added;
  const dry_run = options.dryRun === true;
  await printJson({ table, column, dry_run, changed, same, filled, replaced, kept, lock_ms: lockMs, entry }, context);
}

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'list the mirrors',
    examples: ['mirror list', 'mirror list --format json'],
    notes:
      'As JSON: {"mirrors": [{"table", "column", "entity_type", "key", "latest", "template", "separator", "reverted", "max_length", "problem"}]}.',
  })
    .addOption(new Option('--format <format>', 'print them as JSON').choices(['json']))
    .action(async (options: { readonly format?: 'json' }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const [mirrors, spoiled] = await withStore(context, globals, async (store) => [
        await store.mirrors(),
        await store.unreadableRows(),
      ]);
      for (const { kind, message } of spoiled) if (kind === 'mirror') await note(context, globals, message);
      if (options.format === 'json') return printJson({ mirrors: mirrors.map(listed) }, context);
      if (mirrors.length === 0) return note(context, globals, 'there are no mirrors');
      await printLines(mirrors.map(line), context);
    });
}

function listed({ table, column, settings, problem }: Mirror): object {
  return { table, column, ...mirrorSettingsJson(settings), problem };
}

function line(mirror: Mirror): string {
  const { entityType, key, latest, template, reverted, maxLength } = mirror.settings;
  const name = mirrorName(mirror);
  const parts = [
    `${name} shows the latest ${latest} entries of ${entityType} by ${key}`,
    `as ${template}`,
    ...(reverted === 'mark' ? ['marks what was taken back'] : []),
    ...(maxLength === null ? [] : [`up to ${maxLength} characters`]),
    ...(mirror.problem === null ? [] : [`PROBLEM: ${name} ${mirror.problem}`]),
  ];
  return parts.join('; ');
}

interface CheckOptions {
  readonly format?: 'json' | 'ndjson';
}

function addCheck(group: Command, context: Context): void {
  declare(group, 'check', {
    does: 'checks',
    description: 'compare the columns with the trail, row by row',
    examples: ['mirror check', 'mirror check settlements.notes --format ndjson'],
    notes:
      'The exit code is 3 if a row holds something else than its entries say (differs), or a text of which the trail has no entry (unrecorded), or if a mirror is broken. Rows whose missing entries a prune may have deleted are counted (pruned), and are no fault.',
  })
    .argument('[table.column...]', 'only these')
    .addOption(new Option('--format <format>', 'print it for programs').choices(['json', 'ndjson']))
    .action(async (names: readonly string[], options: CheckOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const asked = names.map(readMirrorName);
      const [checked, mirrors] = await withStore(context, globals, async (store) => [
        await check(store, asked, options, context),
        await store.mirrors(),
      ]);
      if (checked.length === 0) await note(context, globals, 'there are no mirrors');
      for (const mirror of checked) await note(context, globals, summary(mirror));
      refuseDifferences(checked, mirrors);
    });
}

/** Throws kind `findings`, with the command that shows again what differs, or ends what has no column to show it in. */
function refuseDifferences(checked: readonly CheckedMirror[], mirrors: readonly Mirror[]): void {
  const found = checked.flatMap((mirror) => [
    ...(mirror.problem === null ? [] : [`mirror ${mirrorName(mirror)} ${mirror.problem}`]),
    ...(mirror.differs === 0 ? [] : [`${rows(mirror.differs)} of ${mirrorName(mirror)} not as the trail has it`]),
    ...(mirror.unrecorded === 0 ? [] : [`${rows(mirror.unrecorded)} of ${mirrorName(mirror)} not in the trail`]),
  ]);
  if (found.length === 0) return;
  const first = checked.find(({ problem, differs }) => problem !== null || differs > 0);
  const mirror = mirrors.find((one) => first !== undefined && mirrorName(one) === mirrorName(first));
  if (mirror === undefined) throw new DaybookError('findings', found.join('; '));
  const ending = `daybook mirror remove ${shellWord(mirrorName(mirror))}`;
  throw new DaybookError('findings', found.join('; '), { hint: mirror.isThere ? mirrorCommand(mirror) : ending });
}

async function check(
  store: AuditStore,
  names: readonly { readonly table: string; readonly column: string }[],
  { format }: CheckOptions,
  context: Context,
): Promise<CheckedMirror[]> {
  const { checkMirrors } = await import('../../operations/mirror.js');
  const differences = checkMirrors(store, names);
  const { stdout } = context.streams;
  let count = 0;
  for (;;) {
    const step = await differences.next();
    if (step.done === true) {
      if (format === 'json') {
        await stdout.write(`${count === 0 ? '{"differences":[' : '\n'}],"mirrors":${JSON.stringify(step.value)}}\n`);
      }
      return step.value;
    }
    if (format === 'ndjson') await printJson(step.value, context);
    else if (format === 'json') {
      const text = JSON.stringify(step.value);
      await stdout.write(
        `${count === 0 ? '{"differences":[\n' : ',\n'}${stdout.isTerminal ? visibleJson(text) : text}`,
      );
    } else if (step.value.kind !== 'pruned') await printLines(difference(step.value), context);
    count += 1;
  }
}

function summary(mirror: CheckedMirror): string {
  const { rows: all, same, differs, unrecorded, pruned } = mirror;
  const parts = [
    `${mirrorName(mirror)}: ${rows(all)}, ${same} the same`,
    `${differs} differ`,
    `${unrecorded} not in the trail`,
    ...(pruned === 0 ? [] : [`${pruned} with more than the trail has, since a prune`]),
  ];
  return parts.join(', ');
}

/** What a row holds and should not, and what it should. */
function difference({ table, column, kind, entity, held, expected, problem }: MirrorDifference): string[] {
  const name = mirrorName({ table, column });
  if (kind === 'broken') return [`${name} ${problem ?? ''}`];
  const [before = [], after = []] = [held, expected].map((text) => (text ? text.split('\n') : []));
  const gone = before.filter((one) => !after.includes(one));
  const missing = after.filter((one) => !before.includes(one));
  // Where only their order or number differs, all of them say so.
  const [left, right] = gone.length + missing.length === 0 ? [before, after] : [gone, missing];
  return [
    `${name} ${entity ?? ''} ${kind === 'differs' ? 'differs' : 'is not in the trail'}`,
    ...left.map((one) => `  - ${one}`),
    ...right.map((one) => `  + ${one}`),
  ];
}

function addRemove(group: Command, context: Context): void {
  declare(group, 'remove', {
    does: 'changes',
    description: 'end a mirror; its column keeps what it shows',
    examples: ['mirror remove settlements.notes', 'mirror remove settlements.notes --as ana'],
  })
    .argument('<table.column>', 'the mirror')
    .action(async (asked: string, _options: object, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const name = readMirrorName(asked);
      const change = await withStore(context, globals, (store) => store.removeMirror(name, globals.actor));
      await note(
        context,
        globals,
        change.changed ? `${mirrorName(change)} stays as it is from now on` : `${mirrorName(change)} is not mirrored`,
      );
    });
}
