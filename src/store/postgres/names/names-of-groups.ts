import type { Filter } from '../../../core/filter.js';
import { momentText } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

/** Who or what is named: the columns that say which one, and its name. */
const NAMED = {
  actor: { is: 'e.actor = k.key', name: 'e.actor_name' },
  entity: {
    is: `e.entity_id = substr(k.key, strpos(k.key, ':') + 1)
      AND e.entity_type IS NOT DISTINCT FROM nullif(substr(k.key, 1, strpos(k.key, ':') - 1), '')`,
    name: 'e.entity_name',
  },
} as const;

/** The actor of entries where nobody said who: no name is theirs, and finding that out would take reading them all. */
const NOBODY = 'unknown';

/**
 * The last names that entries give by the end of a window, else those of the directory; who has none is not there.
 * Entities are given and found as `type:id`.
 */
export async function namesOf(
  connection: Connection,
  what: keyof typeof NAMED,
  keys: readonly string[],
  { until }: Pick<Filter, 'until'>,
): Promise<ReadonlyMap<string, string>> {
  const { is, name } = NAMED[what];
  const named = what === 'actor' ? keys.filter((key) => key !== NOBODY) : keys;
  if (named.length === 0) return new Map();
  const listed = what === 'actor' ? '(SELECT n.name FROM daybook_actors AS n WHERE n.actor = k.key)' : 'NULL';
  const rows = await connection.rows<[string, string | null]>({
    sql: `SELECT k.key, coalesce((SELECT ${name} FROM daybook_entries AS e
        WHERE ${is} AND ${name} IS NOT NULL AND e.ts <= ?::timestamptz ORDER BY e.ts DESC, e.seq DESC LIMIT 1), ${listed})
      FROM unnest(?::text[]) AS k (key)`,
    parameters: [momentText(until ?? Infinity), named],
  });
  return new Map(rows.filter((row): row is [string, string] => row[1] !== null));
}
