import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import type { FieldChange } from '../../operations/changes.js';
import { visibleJson } from '../../terminal/sanitize.js';
import { declare, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';

interface Options extends FilterOptions {
  readonly field: string;
  readonly format?: 'line' | 'json' | 'ndjson' | 'csv';
  readonly pager: boolean;
}

export function addChanges(program: Command, context: Context): void {
  const command = declare(program, 'changes', {
    examples: [
      'changes users:42 --field email',
      'changes guild --field data.announce.channelid --since last-month --format ndjson',
    ],
    notes:
      'A path goes on inside a text that holds JSON. A field that is not there, and one that is null, are both null.',
  })
    .argument('[type:id]', 'only of this entity, or of this type')
    .requiredOption('--field <path>', 'the field, a dotted path inside documents')
    .addOption(
      new Option('--format <format>', 'line, where it is not given').choices(['line', 'json', 'ndjson', 'csv']),
    );
  addFilterOptions(command)
    .option('--no-pager', 'do not page long output')
    .action(async (entity: string | undefined, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (options.changed !== undefined) throw new DaybookError('usage', '--field says which field, without --changed');
      const { filter } = await readFilter(options, globals, context, entity);
      const { changesOf } = await import('../../operations/changes.js');
      const { changeFormat } = await import('../../format/changes.js');
      const { withPager } = await import('../../terminal/pager.js');
      const name = options.format ?? 'line';
      let any = false;
      await withStore(context, globals, 'read', async (store) => {
        await withPager(context.streams, context.env, options.pager, async (out) => {
          const format = await changeFormat(name, options.field, globals.zone);
          const write = async (text: string): Promise<void> => {
            if (text !== '') await out.write(out.isTerminal && name !== 'line' ? visibleJson(text) : text);
          };
          const pages = changesOf(store, options.field, filter);
          // The first read comes before the first byte.
          let page: IteratorResult<readonly FieldChange[]> = await pages.next();
          await write(format.begin);
          for (; page.done !== true; page = await pages.next()) {
            await write(format.page(page.value));
            any = true;
          }
          await write(format.end);
        });
      });
      if (!any && context.streams.stdout.isTerminal) await note(context, globals, `no changes of ${options.field}`);
    });
}
