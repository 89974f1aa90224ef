import type { EntryField } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import type { LeapField } from '../../../core/leap-fields.js';
import type { ValueCount } from '../../audit-store.js';
import { concat } from '../../sql.js';
import type { Connection, Generation } from '../engine/index.js';
import { filterCondition } from './compile.js';
import { columnOf } from './pages.js';

/** The first values of a field from a text on: each is one leap through the index. */
export async function readNextValues(
  connection: Connection,
  field: LeapField,
  from: string,
  limit: number,
): Promise<string[]> {
  const least = `SELECT e.${field} FROM daybook_entries AS e WHERE e.${field}`;
  const rows = await connection.rows<[string]>({
    sql: `WITH RECURSIVE leaps(value) AS (
        (${least} >= ? ORDER BY 1 LIMIT 1)
        UNION ALL SELECT (${least} > leaps.value ORDER BY 1 LIMIT 1) FROM leaps WHERE leaps.value IS NOT NULL
      ) SELECT value FROM leaps WHERE value IS NOT NULL LIMIT ?`,
    parameters: [from, limit],
  });
  return rows.map(([value]) => value);
}

/** So many values of a field are held at once, and so many characters of them. */
const MOST_VALUES = 100_000;
const MOST_VALUE_CHARACTERS = 16 * 1024 * 1024;

/** The distinct values of a field, most frequent first. Throws kind `data` where they are too many to hold. */
export async function readValues(
  connection: Connection,
  generations: readonly Generation[],
  field: EntryField,
  filter: Filter,
): Promise<ValueCount[]> {
  const { sql: column } = columnOf(field, generations);
  // Documents are compared as they are written: json knows no equality.
  const value = field === 'seq' ? column : `(${column})::text COLLATE "C"`;
  const statement = concat(
    `SELECT value, count(*) AS count FROM (SELECT ${value} AS value FROM daybook_entries AS e WHERE `,
    filterCondition(filter, { generations }),
    `) AS v GROUP BY value ORDER BY count(*) DESC, value NULLS FIRST LIMIT ${MOST_VALUES + 1}`,
  );
  const values = await connection.all<ValueCount>(statement);
  const characters = values.reduce((sum, { value: text }) => sum + String(text ?? '').length, 0);
  if (values.length > MOST_VALUES || characters > MOST_VALUE_CHARACTERS) {
    throw new DaybookError(
      'data',
      `${field} has too many values to list, more than ${Math.min(values.length, MOST_VALUES)}: ask with filters, or export them`,
      { hint: `daybook export --format csv --columns ${field}` },
    );
  }
  return values;
}
