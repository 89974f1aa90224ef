import { Option } from 'commander';
import type { Command } from 'commander';
import { HISTORY_FIELDS } from '../../core/entry.js';
import type { HistoryEntry } from '../../core/entry.js';
import { SKELETON_FIELDS } from '../../core/erasure.js';
import type { ErasedEntry } from '../../core/erasure.js';
import { entryDifferences } from '../../core/entry-differences.js';
import { shellWord } from '../../core/shell.js';
import { surroundings } from '../../operations/surroundings.js';
import type { AuditStore } from '../../store/audit-store.js';
import { visible } from '../../terminal/sanitize.js';
import { declare, printJson, printLines, withStore } from '../command.js';
import type { Context } from '../context.js';
import { entryJson } from '../entry-json.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { entryList, looksOf } from '../looks.js';
import { wholeNumber } from '../numbers.js';

interface Options {
  readonly around: number;
  readonly format?: 'json';
}

export function addShow(program: Command, context: Context): void {
  declare(program, 'show', {
    does: 'reads',
    examples: ['show 1042', 'show al_1a2b3c4d --around 3'],
    notes:
      'With --format json and --around the answer is {"before": [...], "entry": {...}, "after": [...]}. Of an erased entry it shows what is left, and which entry tells of the erasure.',
  })
    .argument('<seq|id>', 'the entry')
    .addOption(
      new Option('--around <n>', 'also this many entries before it and after it').argParser(wholeNumber(0)).default(0),
    )
    .addOption(new Option('--format <format>', 'print it as JSON').choices(['json']))
    .action(async (key: string, options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      await withStore(context, globals, async (store) => {
        const { findEntryOrErased } = await import('../../operations/revert.js');
        const entry = await findEntryOrErased(store, key);
        if ('erased_by' in entry) return showErased(entry, options, globals, context);
        await (options.format === 'json'
          ? showJson(store, entry, options.around, context)
          : showText(store, entry, options.around, globals, context));
      });
    });
}

async function showJson(store: AuditStore, entry: HistoryEntry, around: number, context: Context): Promise<void> {
  const one = (seq: number): Promise<string> => entryJson(store, seq, HISTORY_FIELDS);
  const { before, after } = await surroundings(store, entry, around);
  const all = async (entries: readonly HistoryEntry[]): Promise<string> =>
    (await Promise.all(entries.map((other) => one(other.seq)))).join(', ');
  const itself = await one(entry.seq);
  const text =
    around === 0 ? itself : `{"before": [${await all(before)}], "entry": ${itself}, "after": [${await all(after)}]}`;
  await printJson(text, context);
}

async function showText(
  store: AuditStore,
  entry: HistoryEntry,
  count: number,
  globals: Globals,
  context: Context,
): Promise<void> {
  const [{ detailText }, { withPager }] = await Promise.all([
    import('../../format/detail.js'),
    import('../../terminal/pager.js'),
  ]);
  const looks = await looksOf(context.streams.stdout, globals);
  const { withNames } = await import('../../operations/names.js');
  const [{ actor_name: name } = entry] = await withNames(store, [entry]);
  const nameNow = entry.actor_name === null ? name : null;
  const detail = await detailText(entry, entryDifferences(entry), { ...looks, nameNow });
  const around = await surroundings(store, entry, count);
  const short = await entryList(looks);
  const list = async (some: readonly HistoryEntry[]): Promise<string> =>
    short(looks.terminal ? await withNames(store, some) : some);
  const parts = [await list(around.before), detail, await siblingsText(store, entry), await list(around.after)];
  const text = parts.filter((part) => part !== '').join('\n');
  await withPager(context.streams, context.env, true, (out) => out.write(text));
}

/** What is left of an erased entry. */
async function showErased(erased: ErasedEntry, { format }: Options, globals: Globals, context: Context): Promise<void> {
  if (format === 'json') return printJson(erased, context);
  const { clockFor } = await import('../../terminal/time.js');
  const { erased_by: by, ts, ...rest } = erased;
  const told = by === null ? 'yes, and no entry tells of it yet' : `yes: entry ${by} tells why`;
  const facts = { ...rest, ts: (await clockFor(globals.zone)).iso(ts), erased: told };
  await printLines(
    [...SKELETON_FIELDS, 'erased' as const].flatMap((name) =>
      facts[name] === null ? [] : [`${(name === 'ts' ? 'time' : name).padEnd('entity_type'.length)} ${facts[name]}`],
    ),
    context,
  );
}

/** The command that shows the other entries of the same unit of work, where there are any. */
async function siblingsText(store: AuditStore, { correlation_id: id }: HistoryEntry): Promise<string> {
  if (id === null) return '';
  const { count } = await store.extent({ correlation_id: [id] });
  if (count < 2) return '';
  const line = `${count} entries of this unit of work: history --correlation ${shellWord(id)}`;
  return `${visible(line, { newlines: 'mark' })}\n`;
}
