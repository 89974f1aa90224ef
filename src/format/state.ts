import type { JsonText } from '../core/entry.js';
import { documentText, isJsonObject, parseDocument } from '../core/json.js';
import { clockFor } from '../terminal/time.js';
import { oneLine } from './words.js';

interface ShownState {
  readonly entity: string;
  readonly at: string;
  readonly exists: boolean | null;
  readonly values: JsonText | null;
  readonly seq: number | null;
}

/** A state for people: what it is and when, and below it each column with its value. */
export async function stateText(state: ShownState, zone: string): Promise<string> {
  const clock = await clockFor(zone);
  const what = state.exists === null ? ': not known' : state.exists ? '' : ' did not exist';
  const since = state.seq === null || state.exists !== true ? '' : `, as entry ${state.seq} left it`;
  const head = `${oneLine(state.entity)} at ${clock.iso(state.at)}${since}${what}\n`;
  return head + valuesText(state.values);
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
