import { Option } from 'commander';
import type { Command } from 'commander';
import { ENTRY_FIELDS } from '../../core/entry.js';
import type { EntryField } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import type { AuditStore, ValueCount } from '../../store/audit-store.js';
import { visible, visibleJson } from '../../terminal/sanitize.js';
import { addArchivesOption, withArchivesOf } from '../archives.js';
import type { ArchivesOption } from '../archives.js';
import { declare, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';

interface Options extends FilterOptions, ArchivesOption {
  readonly format?: 'json' | 'csv';
}

export function addValues(program: Command, context: Context): void {
  const command = declare(program, 'values', {
    does: 'reads',
    examples: ['values action', 'values actor --severity error --format json'],
    notes: 'Off a terminal each line is the count, a tab, and the value; nothing behind the tab is null.',
  })
    .argument('<field>', `one of ${ENTRY_FIELDS.join(', ')}`)
    .addOption(
      new Option('--format <format>', '{"field": ..., "values": [...]}, or rows of value and count').choices([
        'json',
        'csv',
      ]),
    );
  addArchivesOption(addFilterOptions(command)).action(async (name: string, options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const field = ENTRY_FIELDS.find((candidate) => candidate === name);
    if (field === undefined) {
      throw new DaybookError(
        'usage',
        `${JSON.stringify(name)} is not a field${didYouMean(name, ENTRY_FIELDS)}: there are ${ENTRY_FIELDS.join(', ')}`,
      );
    }
    const { filter } = await readFilter(options, globals, context);
    const print = async (store: AuditStore): Promise<void> => {
      const values = await store.values(field, filter);
      const text = await valuesText(store, field, values, options.format, globals, context);
      const { withPager } = await import('../../terminal/pager.js');
      await withPager(context.streams, context.env, options.format === undefined, (out) => out.write(text));
    };
    await withStore(context, globals, print, { ...withArchivesOf(options) });
  });
}

async function valuesText(
  store: AuditStore,
  field: EntryField,
  values: readonly ValueCount[],
  format: Options['format'],
  globals: Globals,
  context: Context,
): Promise<string> {
  const { stdout } = context.streams;
  if (format === 'json') {
    const text = `${JSON.stringify({ field, values })}\n`;
    return stdout.isTerminal ? visibleJson(text) : text;
  }
  if (format === 'csv') {
    const { reportCsv } = await import('../../format/report/data.js');
    const text = await reportCsv<ValueCount>(['value', 'count'], values);
    return stdout.isTerminal ? visible(text, { newlines: 'keep' }) : text;
  }
  if (!stdout.isTerminal) {
    return values
      .map(({ value, count }) => `${count}\t${visible(String(value ?? ''), { newlines: 'mark' })}\n`)
      .join('');
  }
  const [{ plainTable }, { palette }] = await Promise.all([
    import('../../format/table.js'),
    import('../../terminal/colour.js'),
  ]);
  const names =
    field === 'actor' ? await store.actorNames(values.map(({ value }) => value ?? '')) : new Map<string, string>();
  const rows = values.map(({ value, count }) => [
    String(count),
    String(value ?? '-'),
    ...(names.size === 0 ? [] : [names.get(value ?? '') ?? '']),
  ]);
  return plainTable(['count', field, ...(names.size === 0 ? [] : ['name'])], rows, {
    width: stdout.columns,
    align: ['right', 'left'],
    palette: await palette(globals.colour('stdout')),
  });
}
