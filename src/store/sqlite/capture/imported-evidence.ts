import type { ImportedChange, ImportedHistory, ImportedPlace, ImportedSource } from '../../audit-store.js';
import { reliedOn, ROW_CHANGES, withFormats } from '../../imported-sources.js';
import type { NamedSource } from '../../imported-sources.js';
import type { Connection } from '../engine/index.js';
import { columnOf, importedReach } from '../trail/index.js';

/** The sources of row changes: those that imports name, the last import of each first, and those that bear a format's name. */
function namedSources(connection: Connection): NamedSource[] {
  const told = connection
    .prepare<[string], Omit<NamedSource, 'incomplete'> & { incomplete: number }>(
      `SELECT metadata ->> '$.source' AS source, metadata ->> '$.format' AS format,
         coalesce(metadata ->> '$.rejected', 0) > 0 OR metadata ->> '$.stopped' IS NOT NULL AS incomplete
       FROM daybook_entries WHERE category = 'system' AND action = 'import'
         AND metadata ->> '$.format' IN (SELECT value FROM json_each(?)) AND typeof(metadata ->> '$.source') = 'text'
       ORDER BY ts_ms DESC, seq DESC`,
    )
    .all(JSON.stringify(ROW_CHANGES));
  return withFormats(told.map(({ source, format, incomplete }) => ({ source, format, incomplete: incomplete === 1 })));
}

/** What was imported of a type, or of one entity of it. */
export function importedHistory(connection: Connection, type: string, id: string | null): ImportedHistory {
  const named = namedSources(connection);
  const holds = connection.prepare<[string, string]>(
    `SELECT 1 FROM daybook_entries INDEXED BY daybook_entries_by_source
     WHERE source = ? AND entity_type = ? AND category = 'entity' LIMIT 1`,
  );
  const lastTs = connection
    .prepare<[string], string>(
      `SELECT ts FROM daybook_entries INDEXED BY daybook_entries_by_source
       WHERE source = ? ORDER BY ts_ms DESC, seq DESC LIMIT 1`,
    )
    .pluck();
  const sources = [...new Set(named.map(({ source }) => source))].flatMap((source): ImportedSource[] => {
    if (holds.get(source, type) === undefined) return [];
    return [{ source, ...reliedOn(named, source), lastTs: lastTs.get(source) ?? '' }];
  });
  const names = sources.map(({ source }) => source);
  const truncations = connection
    .prepare<[string, string], { ts: string; seq: number }>(
      `SELECT ts, seq FROM daybook_entries INDEXED BY daybook_entries_by_action
       WHERE action = 'truncate' AND entity_type = ? AND entity_id IS NULL AND category = 'entity'
         AND source IN (SELECT value FROM json_each(?)) ORDER BY ts_ms, seq`,
    )
    .all(type, JSON.stringify(names));
  const { any, between } = importedReach(connection, type, id, names);
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
export function importedChanges(
  connection: Connection,
  { type, id, sources, after, size }: ImportedWalk,
): ImportedChange[] {
  const column = columnOf(connection);
  const select = `SELECT e.seq, e.action, ${column('entity_id')} AS id, ${column('ts')} AS ts, ${column('source')} AS source,
      ${column('old_values')} AS before, ${column('new_values')} AS after
    FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity
    WHERE e.entity_type = @type AND e.category = 'entity' AND e.action IN ('create', 'update', 'delete')
      AND e.source IN (SELECT value FROM json_each(@sources))`;
  const read = (place: string, bounds: object, limit: number): ImportedChange[] =>
    connection
      .prepare<[object], ImportedChange>(
        `${select} AND ${place} ORDER BY e.entity_id, e.entity_type, e.ts_ms, e.seq LIMIT @limit`,
      )
      .all({ type, sources: JSON.stringify(sources), ...bounds, limit });
  // Each of these is one range of the index.
  if (after === null)
    return id === null ? read('e.entity_id IS NOT NULL', {}, size) : read('e.entity_id = @id', { id }, size);
  const found = read('e.entity_id = @id AND e.ts_ms = @ms AND e.seq > @seq', after, size);
  if (found.length < size) {
    found.push(...read('e.entity_id = @id AND e.ts_ms > @ms', { id: after.id, ms: after.ms }, size - found.length));
  }
  if (id === null && found.length < size) {
    found.push(...read('e.entity_id > @id', { id: after.id }, size - found.length));
  }
  return found;
}
