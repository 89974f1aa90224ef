import { Option } from 'commander';
import type { Command } from 'commander';
import { addArchivesOption, withArchivesOf } from '../archives.js';
import type { ArchivesOption } from '../archives.js';
import { declare, withStore } from '../command.js';
import type { AuditStore } from '../../store/audit-store.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';

interface Options extends FilterOptions, ArchivesOption {
  readonly format?: 'json';
}

export function addCount(program: Command, context: Context): void {
  const command = declare(program, 'count', {
    does: 'reads',
    examples: ['count --severity error --since yesterday', 'count --entity settlement:42 --format json'],
  }).addOption(new Option('--format <format>', 'print {"count": n}').choices(['json']));
  addArchivesOption(addFilterOptions(command)).action(async (options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const { filter } = await readFilter(options, globals, context);
    const print = async (store: AuditStore): Promise<void> => {
      const { count } = await store.extent(filter);
      await context.streams.stdout.write(options.format === 'json' ? `{"count": ${count}}\n` : `${count}\n`);
    };
    await withStore(context, globals, print, { ...withArchivesOf(options) });
  });
}
