import type { JsonText } from '../core/entry.js';
import { documentText, isJsonObject, parseMade } from '../core/json.js';
import { oneLine } from './words.js';

/** A column of a row as people read it, in safe text of one line. */
export interface ColumnText {
  readonly name: string;
  readonly text: string;
  readonly isNull: boolean;
}

/** The columns of a row that is a JSON object: a text as it is, anything else as JSON. Of no row, none. */
export function columnsOf(values: JsonText | null): ColumnText[] {
  const row = values === null ? {} : parseMade(values);
  if (!isJsonObject(row)) return [];
  return Object.entries(row).map(([name, value]) => ({
    name: oneLine(name),
    // In quotes it cannot be taken for a null.
    text: oneLine(typeof value === 'string' && value !== 'null' ? value : documentText(value)),
    isNull: value === null,
  }));
}
