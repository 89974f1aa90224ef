import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import type { ReachedState } from '../core/state.js';
import { visibleJson } from '../terminal/sanitize.js';
import { note, withStore } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';

interface StatesOptions {
  readonly format?: string | undefined;
  readonly pager: boolean;
  readonly cursor?: unknown;
  readonly columns?: unknown;
  readonly follow?: unknown;
  readonly explain?: unknown;
  readonly entity?: unknown;
  readonly category?: unknown;
  readonly action?: unknown;
}

interface Asked {
  readonly filter: Filter;
  readonly limit: number;
  readonly globals: Globals;
  readonly context: Context;
}

/** `history T:ID --states`: what a captured entity was after each change. */
export async function showStates(entity: string | undefined, options: StatesOptions, asked: Asked): Promise<void> {
  const colon = entity?.indexOf(':') ?? -1;
  if (entity === undefined || colon < 1) throw new DaybookError('usage', '--states goes with one entity, type:id');
  const wrong = (['cursor', 'columns', 'follow', 'explain', 'entity', 'category', 'action'] as const).find(
    (option) => options[option] !== undefined,
  );
  if (wrong !== undefined) throw new DaybookError('usage', `--states does not go with --${wrong}`);
  const { format } = options;
  if (format === 'csv' || format === 'table') {
    throw new DaybookError('usage', `--states does not go with --format ${format}`, { hint: '… --format ndjson' });
  }
  const { filter, globals, context } = asked;
  const [{ statesThrough }, { statesFormat }, { withPager }, { formatTimestamp }] = await Promise.all([
    import('../operations/states.js'),
    import('../format/state.js'),
    import('../terminal/pager.js'),
    import('../core/timestamp.js'),
  ]);
  const notes: string[] = [];
  const request = {
    type: entity.slice(0, colon),
    id: entity.slice(colon + 1),
    filter,
    all: Object.keys(filter).every((condition) => condition === 'entity'),
    now: formatTimestamp(context.now()),
  };
  await withStore(context, globals, 'read', async (store) => {
    await withPager(context.streams, context.env, options.pager, async (out) => {
      const shape = format === 'json' || format === 'ndjson' ? format : 'text';
      const shown = await statesFormat(shape, entity, globals.zone);
      const write = async (text: string): Promise<void> => {
        if (text !== '') await out.write(out.isTerminal && shape !== 'text' ? visibleJson(text) : text);
      };
      const pages = statesThrough(store, request, (text) => notes.push(text));
      let left = asked.limit;
      // The first read comes before the first byte.
      let page: IteratorResult<readonly ReachedState[]> = await pages.next();
      await write(shown.begin);
      for (; page.done !== true && left > 0; page = await pages.next()) {
        const states = page.value.slice(0, left);
        left -= states.length;
        await write(shown.page(states));
      }
      await write(shown.end);
    });
  });
  for (const text of notes) await note(context, globals, text);
}
