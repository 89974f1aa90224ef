import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import { declare, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { formatFor, formatOption } from '../format-option.js';
import { resolveGlobals } from '../globals.js';
import { looksOf } from '../looks.js';
import { writePages } from '../pages.js';

interface Options extends FilterOptions {
  readonly field: string;
  readonly format?: 'table' | 'line' | 'json' | 'ndjson' | 'csv';
  readonly pager: boolean;
}

export function addChanges(program: Command, context: Context): void {
  const command = declare(program, 'changes', {
    does: 'reads',
    examples: [
      'changes users:42 --field email',
      'changes guild --field data.announce.channelid --since last-month --format ndjson',
    ],
    notes:
      'A path may go on inside a text that holds JSON. A field that is not there is shown as null, like one that is null.',
  })
    .argument('[type:id]', 'only of this entity, or of this type')
    .requiredOption('--field <path>', 'the field, a dotted path inside documents')
    .addOption(formatOption('json', 'ndjson', 'csv'));
  addFilterOptions(command)
    .option('--no-pager', 'do not page long output')
    .action(async (entity: string | undefined, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (options.changed !== undefined) throw new DaybookError('usage', '--field says which field, without --changed');
      const { filter } = await readFilter(options, globals, context, entity);
      const { changesOf } = await import('../../operations/changes.js');
      const { pagesWithNames } = await import('../../operations/names.js');
      const { changeFormat } = await import('../../format/changes.js');
      const { withPager } = await import('../../terminal/pager.js');
      let any = false;
      const wanted = await withStore(context, globals, (store) =>
        withPager(context.streams, context.env, options.pager, async (out) => {
          const name = formatFor(options.format, out);
          const format = await changeFormat(name, options.field, await looksOf(out, globals));
          const changes = changesOf(store, options.field, filter);
          ({ any } = await writePages(out, name === 'table' ? pagesWithNames(store, changes) : changes, format));
        }),
      );
      if (wanted && !any && context.streams.stdout.isTerminal)
        await note(context, globals, `no changes of ${options.field}`);
    });
}
