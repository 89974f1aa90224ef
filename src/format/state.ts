import type { JsonText } from '../core/entry.js';
import { documentText, isJsonObject, parseDocument } from '../core/json.js';
import type { ReachedState, RowState } from '../core/state.js';
import { clockFor } from '../terminal/time.js';
import { oneLine } from './words.js';

/** A state for people: what it is and when, and below it each column with its value. */
export async function stateText(state: RowState, zone: string): Promise<string> {
  const clock = await clockFor(zone);
  const what = state.exists === null ? ': not known' : state.exists ? '' : ' did not exist';
  const since = state.seq === null || state.exists !== true ? '' : `, as entry ${state.seq} left it`;
  const head = `${oneLine(state.entity)} at ${clock.iso(state.at)}${since}${what}\n`;
  return head + valuesText(state.values);
}

interface StatesFormat {
  readonly begin: string;
  readonly end: string;
  page(states: readonly ReachedState[]): string;
}

/** The states of one entity one after the other, for people or for programs. */
export async function statesFormat(
  name: 'text' | 'json' | 'ndjson',
  entity: string,
  zone: string,
): Promise<StatesFormat> {
  if (name === 'ndjson') {
    return { begin: '', end: '', page: (states) => states.map((state) => `${reachedJson(state)}\n`).join('') };
  }
  if (name === 'json') {
    let separator = '\n';
    const one = (state: ReachedState): string => {
      const text = separator + reachedJson(state);
      separator = ',\n';
      return text;
    };
    const begin = `{"entity":${JSON.stringify(entity)},"states":[`;
    return { begin, end: '\n]}\n', page: (states) => states.map(one).join('') };
  }
  const clock = await clockFor(zone);
  const one = (state: ReachedState): string => {
    const how =
      state.seq === null ? 'before' : `#${state.seq} ${oneLine(state.actor ?? '-')} ${oneLine(state.action ?? '')}`;
    return `${clock.iso(state.at)} ${how} ${oneLine(state.entity)}\n${valuesText(state.values)}`;
  };
  return { begin: '', end: '', page: (states) => states.map(one).join('') };
}

function reachedJson(state: ReachedState): string {
  const { entity, at, exists, values, seq, ...rest } = state;
  const { action, actor, correlation_id } = rest;
  return `{"entity":${JSON.stringify(entity)},"at":"${at}","exists":${exists},"values":${values ?? 'null'},"seq":${seq},${JSON.stringify({ action, actor, correlation_id }).slice(1)}`;
}

/** Each column with its value, a text as it is, anything else as JSON. */
function valuesText(values: JsonText | null): string {
  const row = values === null ? {} : parseDocument(values);
  if (!isJsonObject(row)) return '';
  const width = Math.max(0, ...Object.keys(row).map((column) => oneLine(column).length));
  return Object.entries(row)
    .map(([column, value]) => {
      const text = typeof value === 'string' ? value : documentText(value);
      return `  ${oneLine(column).padEnd(width)}  ${oneLine(text)}`.trimEnd() + '\n';
    })
    .join('');
}
