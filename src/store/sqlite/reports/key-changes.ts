import { changedFields } from '../../../core/diff.js';
import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { JsonText } from '../../../core/entry.js';
import type { Filter } from '../../../core/filter.js';
import { filterCondition, windowOf } from '../trail/index.js';
import { and, concat, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';

/** The two entries of a change of a key: what the row was, gone, and what it is, come. */
interface KeyChange {
  readonly gone: number;
  readonly come: number;
}

/**
 * The entries of a window as reports count them, as a table for FROM: a change of a key is one update, though it is two
 * entries, of which the first is left out where the second matches as well. Undefined where no key changed: there, the
 * entries are what to count, and each index serves.
 */
export function entriesToCount(
  connection: Connection,
  filter: Filter,
  { withFields, upTo }: { readonly withFields: boolean; readonly upTo?: number },
): Sql | undefined {
  const pairs = readKeyChanges(connection, filter);
  if (pairs.length === 0) return undefined;
  const asksForFields = withFields || filter.changed !== undefined || filter.not?.changed !== undefined;
  const changed = asksForFields ? changedByKey(connection, pairs) : {};
  const condition = filterCondition(filter, 'e', upTo);
  const matching = concat(
    'SELECT e.seq FROM ',
    changes(pairs, changed, []),
    ' AS e WHERE ',
    and([sql('e.seq IN (SELECT value FROM json_each(?))', JSON.stringify(pairs.map(({ come }) => come))), condition]),
  );
  const found = new Set(
    connection
      .prepare<unknown[], number>(matching.sql)
      .pluck()
      .all(...matching.parameters),
  );
  const left = pairs.filter(({ come }) => found.has(come)).map(({ gone }) => gone);
  return changes(pairs, changed, left);
}

/** Few rows are deleted, as a rule, and of these few by another key: the other half is found by its entity and time. */
function readKeyChanges(connection: Connection, filter: Filter): KeyChange[] {
  const statement = concat(
    `SELECT d.seq AS gone, c.seq AS come
     FROM daybook_entries AS d INDEXED BY daybook_entries_by_action
     CROSS JOIN daybook_entries AS c INDEXED BY daybook_entries_by_entity
       ON c.entity_id = d.metadata ->> '$.key_changed_to' AND c.entity_type IS d.entity_type AND c.ts_ms = d.ts_ms
     WHERE d.action = 'delete' AND instr(d.metadata, '"key_changed_to"') > 0
       AND c.action = 'create' AND c.metadata ->> '$.key_changed_from' = d.entity_id AND `,
    and(windowOf(filter, 'd')),
  );
  return connection.prepare<unknown[], KeyChange>(statement.sql).all(...statement.parameters);
}

/** What changed, by the seq of either half, where the entries themselves do not say. */
function changedByKey(connection: Connection, pairs: readonly KeyChange[]): Readonly<Record<string, JsonText>> {
  const values = connection.prepare<[number, number], { before: JsonText | null; after: JsonText | null }>(
    'SELECT d.old_values AS before, c.new_values AS after FROM daybook_entries AS d, daybook_entries AS c WHERE d.seq = ? AND c.seq = ?',
  );
  return Object.fromEntries(
    pairs.flatMap(({ gone, come }) => {
      const { before = null, after = null } = values.get(gone, come) ?? {};
      if (before === null || after === null) return [];
      const changed = JSON.stringify(changedFields(before, after));
      return [
        [String(gone), changed],
        [String(come), changed],
      ];
    }),
  );
}

const AS_THEY_ARE = [...ENTRY_FIELDS.filter((field) => field !== 'action' && field !== 'changed_fields'), 'ts_ms']
  .map((column) => `t.${column}`)
  .join(', ');

function changes(
  pairs: readonly KeyChange[],
  changed: Readonly<Record<string, JsonText>>,
  left: readonly number[],
): Sql {
  const halves = JSON.stringify(pairs.flatMap(({ gone, come }) => [gone, come]));
  const isHalf = sql('t.seq IN (SELECT value FROM json_each(?))', halves);
  return concat(
    `(SELECT ${AS_THEY_ARE}, CASE WHEN `,
    isHalf,
    ` THEN 'update' ELSE t.action END AS action, CASE WHEN t.changed_fields IS NULL AND `,
    isHalf,
    ' THEN ',
    sql(`? ->> ('$."' || t.seq || '"')`, JSON.stringify(changed)),
    ' ELSE t.changed_fields END AS changed_fields FROM daybook_entries AS t WHERE ',
    sql('t.seq NOT IN (SELECT value FROM json_each(?))', JSON.stringify(left)),
    ')',
  );
}
