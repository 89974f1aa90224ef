import type { Filter } from '../../../core/filter.js';
import type { Connection } from '../engine/index.js';

/** Who or what is named: the columns that say which one, the index that finds its latest entries, and its name. */
const NAMED = {
  actor: { id: 'e.actor', index: 'daybook_entries_by_actor', name: 'e.actor_name' },
  entity: {
    id: `coalesce(e.entity_type, '') || ':' || e.entity_id`,
    index: 'daybook_entries_by_entity',
    name: 'e.entity_name',
  },
} as const;

/** The actor of entries where nobody said who: no name is theirs, and finding that out would take reading them all. */
const NOBODY = 'unknown';

/** So many of the latest entries of each are looked at; for those whose names are older, the trail is read once. */
const LATEST = 100;

/**
 * The last names that entries give by the end of a window, else those of the directory; who has none is not there.
 * Entities are given and found as `type:id`.
 */
export function namesOf(
  connection: Connection,
  what: keyof typeof NAMED,
  keys: readonly string[],
  { until }: Pick<Filter, 'until'>,
): ReadonlyMap<string, string> {
  const { id, index, name } = NAMED[what];
  const byThen = until === undefined ? '' : 'AND e.ts_ms <= :until';
  const window = until === undefined ? {} : { until };
  const found = new Map<string, string>();
  const chosen =
    what === 'actor'
      ? 'e.actor = :key'
      : `e.entity_id = substr(:key, instr(:key, ':') + 1)
         AND e.entity_type IS nullif(substr(:key, 1, instr(:key, ':') - 1), '')`;
  const latest = connection
    .prepare<[object], string>(
      `SELECT name FROM (SELECT ${name} AS name FROM daybook_entries AS e INDEXED BY ${index}
         WHERE ${chosen} ${byThen} ORDER BY e.ts_ms DESC, e.seq DESC LIMIT ${LATEST})
       WHERE name IS NOT NULL LIMIT 1`,
    )
    .pluck();
  const named = what === 'actor' ? keys.filter((key) => key !== NOBODY) : keys;
  for (const key of named) {
    const known = latest.get({ key, ...window });
    if (known !== undefined) found.set(key, known);
  }
  const missing = named.filter((key) => !found.has(key));
  if (missing.length === 0) return found;
  // An index would lead through every entry of each: reading all of them in a row takes a sixth of that.
  const older = connection.prepare<[object], { key: string; name: string }>(
    `SELECT ${id} AS key, ${name} AS name, max(e.ts || printf('%016d', e.seq)) FROM daybook_entries AS e NOT INDEXED
     WHERE ${name} IS NOT NULL ${byThen} AND ${id} IN (SELECT value FROM json_each(:keys)) GROUP BY 1`,
  );
  for (const row of older.iterate({ keys: JSON.stringify(missing), ...window })) found.set(row.key, row.name);
  if (what === 'actor') {
    const directory = connection.prepare<[string], string>('SELECT name FROM daybook_actors WHERE actor = ?').pluck();
    for (const key of missing) {
      const known = found.has(key) ? undefined : directory.get(key);
      if (known !== undefined) found.set(key, known);
    }
  }
  return found;
}
