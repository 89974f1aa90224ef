import type { EntryField } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import type { LeapField } from '../../../core/leap-fields.js';
import type { ValueCount } from '../../audit-store.js';
import { filterCondition } from './compile.js';
import type { Connection } from '../engine/index.js';

/** The first values of a field from a text on: each is one leap through the index. */
export function readNextValues(connection: Connection, field: LeapField, from: string, limit: number): string[] {
  const least = `SELECT min(${field}) FROM daybook_entries INDEXED BY daybook_entries_by_${field} WHERE ${field}`;
  return connection
    .prepare<[string, number], string>(
      `WITH RECURSIVE leaps(value) AS (
         VALUES ((${least} >= ?)) UNION ALL SELECT (${least} > leaps.value) FROM leaps WHERE leaps.value IS NOT NULL
       ) SELECT value FROM leaps WHERE value IS NOT NULL LIMIT ?`,
    )
    .pluck()
    .all(from, limit);
}

/** So many values of a field are held at once, and so many characters of them. */
const MOST_VALUES = 100_000;
const MOST_VALUE_CHARACTERS = 16 * 1024 * 1024;

/** The distinct values of a field, most frequent first. Throws kind `data` where they are too many to hold. */
export function readValues(connection: Connection, field: EntryField, filter: Filter): ValueCount[] {
  const condition = filterCondition(filter);
  const values: ValueCount[] = [];
  let characters = 0;
  const rows = connection
    .prepare<unknown[], ValueCount>(
      `SELECT e.${field} AS value, count(*) AS count FROM daybook_entries AS e WHERE ${condition.sql}
       GROUP BY e.${field} ORDER BY count(*) DESC, e.${field}`,
    )
    .iterate(...condition.parameters);
  for (const row of rows) {
    characters += String(row.value ?? '').length;
    if (values.length === MOST_VALUES || characters > MOST_VALUE_CHARACTERS) {
      throw new DaybookError(
        'data',
        `${field} has too many values to list, more than ${values.length}: ask with filters, or export them`,
        { hint: `daybook export --format csv --columns ${field}` },
      );
    }
    values.push(row);
  }
  return values;
}
