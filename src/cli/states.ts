import { readEntity } from '../core/entity.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import type { FormatName } from '../format/index.js';
import { note, withStore } from './command.js';
import type { Context } from './context.js';
import { formatFor } from './format-option.js';
import type { Globals } from './globals.js';
import { looksOf } from './looks.js';
import { firstOf, writePages } from './pages.js';

interface StatesOptions {
  readonly format?: FormatName | undefined;
  readonly pager: boolean;
  readonly cursor?: unknown;
  readonly columns?: unknown;
  readonly follow?: unknown;
  readonly explain?: unknown;
  readonly entity?: unknown;
  readonly category?: unknown;
  readonly action?: unknown;
}

/** The formats that states have. */
const STATES_FORMATS = ['table', 'line', 'json', 'ndjson'] as const;

interface Asked {
  readonly filter: Filter;
  readonly limit: number;
  readonly globals: Globals;
  readonly context: Context;
}

/** `history T:ID --states`: what a captured entity was after each change. */
export async function showStates(entity: string | undefined, options: StatesOptions, asked: Asked): Promise<void> {
  const named = readEntity(entity ?? '');
  if (entity === undefined || named === undefined)
    throw new DaybookError('usage', '--states goes with one entity, type:id');
  const wrong = (['cursor', 'columns', 'follow', 'explain', 'entity', 'category', 'action'] as const).find(
    (option) => options[option] !== undefined,
  );
  if (wrong !== undefined) throw new DaybookError('usage', `--states does not go with --${wrong}`);
  const format = STATES_FORMATS.find((name) => name === options.format);
  if (options.format !== format) {
    throw new DaybookError('usage', `--states does not go with --format ${options.format}`, {
      hint: '… --format ndjson',
    });
  }
  const { filter, globals, context } = asked;
  const [{ statesThrough }, { pagesWithNames }, { reachedFormat }, { withPager }, { formatTimestamp }] =
    await Promise.all([
      import('../operations/states.js'),
      import('../operations/names.js'),
      import('../format/state.js'),
      import('../terminal/pager.js'),
      import('../core/timestamp.js'),
    ]);
  const notes: string[] = [];
  const request = {
    ...named,
    filter,
    all: Object.keys(filter).every((condition) => condition === 'entity'),
    now: formatTimestamp(context.now()),
  };
  await withStore(context, globals, async (store) => {
    await withPager(context.streams, context.env, options.pager, async (out) => {
      const name = formatFor(format, out);
      const shown = await reachedFormat(name, entity, await looksOf(out, globals));
      const states = firstOf(
        statesThrough(store, request, (text) => notes.push(text)),
        asked.limit,
      );
      await writePages(out, name === 'table' ? pagesWithNames(store, states) : states, shown);
    });
  });
  for (const text of notes) await note(context, globals, text);
}
