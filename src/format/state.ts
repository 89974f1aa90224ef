import type { JsonText } from '../core/entry.js';
import type { EntityState, ReachedState } from '../core/state.js';
import { clockFor } from '../terminal/time.js';
import { eachAs, jsonArray, jsonLines, type Destination, type PageFormat } from './pages.js';
import type { StateTableOptions } from './state-table.js';
import { columnsOf } from './values.js';
import { oneLine } from './words.js';

type Name = 'table' | 'line' | 'json' | 'ndjson';
type Options = Destination & StateTableOptions;

/** What one row was, for people or for programs. */
export async function stateFormat(name: Name, options: Options): Promise<PageFormat<EntityState>> {
  switch (name) {
    case 'table':
      return (await import('./state-table.js')).stateBlocks(options);
    case 'line': {
      const clock = await clockFor(options.zone);
      return eachAs((state) => {
        const what = state.exists === null ? ': not known' : state.exists ? '' : ' did not exist';
        const since = state.seq === null || state.exists !== true ? '' : `, as entry ${state.seq} left it`;
        return `${oneLine(state.entity)} at ${clock.iso(state.at)}${since}${what}\n${valuesText(state.values)}`;
      });
    }
    default:
      return jsonLines(stateJson, options);
  }
}

/** What every row of a table was, for people or for programs. */
export async function statesFormat(name: Name, options: Options): Promise<PageFormat<EntityState>> {
  switch (name) {
    case 'table':
      return (await import('./state-table.js')).stateTable(options);
    case 'line':
      return eachAs(({ entity, values }) => oneLine(`${entity} ${values ?? 'not known'}`) + '\n');
    case 'ndjson':
      return jsonLines(stateJson, options);
    case 'json':
      return jsonArray(stateJson, options);
  }
}

/** What an entity was after each change of it, for people or for programs. */
export async function reachedFormat(name: Name, entity: string, options: Options): Promise<PageFormat<ReachedState>> {
  switch (name) {
    case 'table':
      return (await import('./state-table.js')).reachedBlocks(options);
    case 'line': {
      const clock = await clockFor(options.zone);
      return eachAs((state) => {
        const how =
          state.seq === null ? 'before' : `#${state.seq} ${oneLine(state.actor ?? '-')} ${oneLine(state.action ?? '')}`;
        return `${clock.iso(state.at)} ${how} ${oneLine(state.entity)}\n${valuesText(state.values)}`;
      });
    }
    case 'ndjson':
      return jsonLines(reachedJson, options);
    case 'json':
      return jsonArray(reachedJson, {
        ...options,
        before: `{"entity":${JSON.stringify(entity)},"states":`,
        behind: '}',
      });
  }
}

function stateJson({ entity, at, exists, values, seq, known_since }: EntityState): JsonText {
  return `{"entity":${JSON.stringify(entity)},"at":"${at}","exists":${exists},"values":${values ?? 'null'},"seq":${seq},"known_since":${JSON.stringify(known_since)}}`;
}

function reachedJson({ entity, at, exists, values, seq, action, actor, correlation_id }: ReachedState): JsonText {
  return `{"entity":${JSON.stringify(entity)},"at":"${at}","exists":${exists},"values":${values ?? 'null'},"seq":${seq},${JSON.stringify({ action, actor, correlation_id }).slice(1)}`;
}

/** Each column with its value. */
function valuesText(values: JsonText | null): string {
  const columns = columnsOf(values);
  const width = Math.max(0, ...columns.map(({ name }) => name.length));
  return columns.map(({ name, text }) => `  ${name.padEnd(width)}  ${text}`.trimEnd() + '\n').join('');
}
