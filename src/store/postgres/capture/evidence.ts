import { mayHaveTaken } from '../../../core/prune-reach.js';
import type { CaptureSpan } from '../../../core/capture.js';
import { readRuleCounts } from '../../../core/prune-account.js';
import type { CapturedChange, CapturedMoment, PruneReach, RowEvidence } from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { answer, identifier, momentText } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { readInstalled } from './installed.js';
import { rowText } from './row-text.js';
import { describe } from './tables.js';
import type { TableDescription } from './tables.js';

/** An entry of capture, and not one that an application recorded or imported about the same entity. */
const CAPTURED = `e.category = 'entity' AND e.action IN ('create', 'update', 'delete') AND e.recorded_at IS NULL
  AND e.source IS NULL AND e.metadata ->> 'table' IS NOT NULL`;

/** What tells of one row at a moment. */
export async function rowEvidence(
  connection: Connection,
  { entityType, span, at }: CapturedMoment,
  id: string,
  live: boolean,
): Promise<RowEvidence> {
  const until = span.untilSeq ?? Number.MAX_SAFE_INTEGER;
  const change = async (where: readonly Sql[], direction: 'ASC' | 'DESC'): Promise<CapturedChange | null> => {
    const question = concat(
      'SELECT e.seq, e.action, e.old_values AS before, e.new_values AS after FROM daybook_entries AS e WHERE ',
      and([sql('e.entity_id = ? AND e.entity_type = ?', id, entityType), ...where, sql(CAPTURED)]),
      ` ORDER BY e.seq ${direction} LIMIT 1`,
    );
    return (await connection.all<CapturedChange>(question))[0] ?? null;
  };
  const bySeq = 'seq' in at ? Math.min(at.seq, until) : until;
  const last = await change(
    [
      sql('e.seq > ? AND e.seq <= ?', span.sinceSeq, bySeq),
      'ms' in at ? sql('e.ts <= ?::timestamptz', momentText(at.ms)) : sql('TRUE'),
    ],
    'DESC',
  );
  // By time, what was recorded before the last earlier change is none of the later ones.
  const beyond = Math.max('seq' in at ? bySeq : span.sinceSeq, last?.seq ?? 0);
  const first = await change(
    [
      sql('e.seq > ? AND e.seq <= ?', beyond, until),
      'ms' in at ? sql('e.ts > ?::timestamptz', momentText(at.ms)) : sql('TRUE'),
    ],
    'ASC',
  );
  return { id, last, first, live: live ? await liveRow(connection, entityType, id) : null };
}

/** The row of an entity as it is in its table now, in the form that entries have. */
async function liveRow(connection: Connection, entityType: string, id: string): Promise<string | null> {
  const capture = await readInstalled(connection, entityType);
  const table = capture && (await describe(connection, capture.relation));
  if (capture === undefined || table === undefined) return null;
  const { identity, json, from } = await rowText(connection, table, capture.settings);
  const found = await answer<string>(
    connection,
    sql(`SELECT ${json} FROM ${from} WHERE ${narrowed(table, id)}(${identity}) = ?`, id),
  );
  return found ?? null;
}

/** A condition that the index of a key serves, where that is one column of whole numbers. The id has digits alone then. */
function narrowed({ primaryKey, columns }: TableDescription, id: string): string {
  const [only = '', ...others] = primaryKey;
  const type = columns.find(({ name }) => name === only)?.type ?? '';
  if (others.length > 0 || !/^(?:integer|bigint|smallint)$/.test(type) || !/^-?\d{1,18}$/.test(id)) return '';
  return `t.${identifier(only)} = (${id})::bigint AND `;
}

/** How far prunes may have taken captured entries of a type, or of one entity, from a span; null where none did. */
export async function pruneReach(
  connection: Connection,
  entityType: string,
  id: string | null,
  span: CaptureSpan,
): Promise<PruneReach | null> {
  const accounts = await connection.all<PruneReach & { criteria: string; rules: string }>(
    sql(
      `SELECT criteria, rules, last_ts AS ts, last_seq AS seq FROM daybook_prunes
       WHERE deleted > 0 AND last_seq > ? AND first_seq < ?`,
      span.sinceSeq,
      span.untilSeq ?? Number.MAX_SAFE_INTEGER,
    ),
  );
  return accounts
    .filter(({ criteria, rules }) => mayHaveTaken(criteria, readRuleCounts(rules) ?? [], entityType, id))
    .reduce<PruneReach | null>(
      (reach, { ts, seq }) => ({
        ts: reach === null || ts > reach.ts ? ts : reach.ts,
        seq: Math.max(reach?.seq ?? 0, seq),
      }),
      null,
    );
}
