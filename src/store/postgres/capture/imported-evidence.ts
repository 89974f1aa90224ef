import { importedReach } from '../../../core/prune-reach.js';
import type { ImportedChange, ImportedHistory, ImportedPlace, ImportedSource } from '../../audit-store.js';
import { reliedOn, ROW_CHANGES, withFormats } from '../../imported-sources.js';
import type { NamedSource } from '../../imported-sources.js';
import { and, concat, sql } from '../../sql.js';
import { momentText, timeText } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { MAY_HAVE_TAKEN } from '../trail/index.js';

/** The sources that imports of row changes named, the last import of each first. */
async function told(connection: Connection): Promise<NamedSource[]> {
  return connection.all<NamedSource>({
    sql: `SELECT e.metadata ->> 'source' AS source, e.metadata ->> 'format' AS format,
        coalesce(e.metadata ->> 'rejected', '0') NOT IN ('0', 'null') OR e.metadata ->> 'stopped' IS NOT NULL AS incomplete
      FROM daybook_entries AS e WHERE e.category = 'system' AND e.action = 'import'
        AND e.metadata ->> 'format' = ANY (?::text[]) AND json_typeof(e.metadata -> 'source') = 'string'
      ORDER BY e.ts DESC, e.seq DESC`,
    parameters: [ROW_CHANGES],
  });
}

/** What was imported of a type, or of one entity of it. */
export async function importedHistory(
  connection: Connection,
  type: string,
  id: string | null,
): Promise<ImportedHistory> {
  const named = withFormats(await told(connection));
  const names = [...new Set(named.map(({ source }) => source))];
  // Each is asked of its index; the order is that of the names.
  const held = await connection.all<{ source: string; lastTs: string }>({
    sql: `SELECT n.source, (SELECT ${timeText('e.ts')} FROM daybook_entries AS e WHERE e.source = n.source COLLATE "C" ORDER BY e.ts DESC, e.seq DESC LIMIT 1) AS "lastTs"
      FROM unnest(?::text[]) WITH ORDINALITY AS n (source, place)
      WHERE EXISTS (SELECT FROM daybook_entries AS e WHERE e.source = n.source COLLATE "C" AND e.entity_type = ? AND e.category = 'entity')
      ORDER BY n.place`,
    parameters: [names, type],
  });
  const sources: ImportedSource[] = held.map((one) => Object.assign(one, reliedOn(named, one.source)));
  const own = sources.map(({ source }) => source);
  const truncations = await connection.all<{ ts: string; seq: number }>({
    sql: `SELECT ${timeText('e.ts')} AS ts, e.seq FROM daybook_entries AS e
      WHERE e.action = 'truncate' AND e.entity_type = ? AND e.entity_id IS NULL AND e.category = 'entity'
        AND e.source = ANY (?::text[]) ORDER BY e.ts, e.seq`,
    parameters: [type, own],
  });
  const accounts = await connection.all<{ criteria: string; rules: string; ts: string }>(
    sql(`SELECT criteria, rules, last_ts AS ts FROM daybook_prunes AS p WHERE deleted > 0 AND ${MAY_HAVE_TAKEN}`, type),
  );
  const { any, between } = importedReach(accounts, type, id, own);
  // Behind an emptying that a prune reached beyond, the row may have come again.
  return { sources, truncations: truncations.filter(({ ts }) => any === null || ts > any), prunedUpTo: between };
}

export interface ImportedWalk {
  readonly type: string;
  readonly id: string | null;
  readonly sources: readonly string[];
  readonly after: ImportedPlace | null;
  readonly size: number;
}

/** A page of imported changes, in the order of the index by entity: row by row, each in the order of history. */
export async function importedChanges(
  connection: Connection,
  { type, id, sources, after, size }: ImportedWalk,
): Promise<ImportedChange[]> {
  const statement = concat(
    `SELECT e.seq, e.action, e.entity_id AS id, ${timeText('e.ts')} AS ts, e.source, e.old_values AS before, e.new_values AS after
     FROM daybook_entries AS e WHERE `,
    and([
      sql(`e.entity_type = ? AND e.category = 'entity' AND e.action IN ('create', 'update', 'delete')`, type),
      id === null ? sql('e.entity_id IS NOT NULL') : sql('e.entity_id = ?', id),
      after === null
        ? sql('TRUE')
        : sql('(e.entity_id, e.ts, e.seq) > (?, ?::timestamptz, ?::bigint)', after.id, momentText(after.ms), after.seq),
    ]),
    ` AND e.source = ANY (?::text[]) ORDER BY e.entity_id, e.ts, e.seq LIMIT ${size}`,
  );
  return connection.all<ImportedChange>({ ...statement, parameters: [...statement.parameters, sources] });
}
