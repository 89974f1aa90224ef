import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { keptMark } from '../../../core/mark.js';
import type { Mark } from '../../../core/mark.js';
import { and, or, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';

/** The entries that one cluster recorded: those behind a seq, up to where the next generation begins. */
export interface Generation {
  readonly generation: number;
  readonly afterSeq: number;
}

/**
 * A mark is a snapshot of PostgreSQL's, and the generation that it speaks of. Entries are seen when their transactions
 * commit, in another order than that of their seqs: a reader who remembered a seq would miss those that came late.
 */
export function markOf(generation: number, snapshot: string): Mark {
  return keptMark(`${generation}/${snapshot}`);
}

/** The mark of a trail before its first entry. */
export const BEGINNING = markOf(0, '1:1:');

/** Whether a text is a mark of a trail in PostgreSQL. */
export function isMark(text: string): boolean {
  return partsOf(text) !== undefined;
}

/** Reads a mark. Throws kind `usage` for what is no mark of a trail in PostgreSQL. */
function readMark(mark: Mark): { readonly generation: number; readonly snapshot: string } {
  const parts = partsOf(mark);
  if (parts !== undefined) return parts;
  throw new DaybookError('usage', `${shown(mark)} is no mark of this trail: in PostgreSQL, a mark is a snapshot`);
}

function partsOf(text: string): { readonly generation: number; readonly snapshot: string } | undefined {
  const [, generation, snapshot, xmin, xmax, running] =
    /^(\d{1,15})\/((\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?))$/.exec(text) ?? [];
  if (snapshot === undefined || !isSnapshot(BigInt(xmin ?? ''), BigInt(xmax ?? ''), running ?? '')) return undefined;
  return { generation: Number(generation), snapshot };
}

/** Whether PostgreSQL takes it for one. */
function isSnapshot(xmin: bigint, xmax: bigint, running: string): boolean {
  if (xmin < 1n || xmax < xmin) return false;
  const ids = running === '' ? [] : running.split(',').map(BigInt);
  return ids.every((id, index) => id >= xmin && id < xmax && (index === 0 || id > (ids[index - 1] ?? 0n)));
}

/** Whether the entry `alias` was in the trail at a mark. */
export function inTrail(mark: Mark, generations: readonly Generation[], alias = 'e'): Sql {
  const { generation, snapshot } = readMark(mark);
  const own = generations.find((known) => known.generation === generation);
  const next = generations.find((known) => known.generation > generation);
  const seen = sql(`pg_visible_in_snapshot(${alias}.tx, ?::pg_snapshot)`, snapshot);
  if (own === undefined) {
    // Of a generation that is not known, all that is certain is that it lies between those that are.
    return next === undefined ? sql('TRUE') : sql(`${alias}.seq <= ?`, next.afterSeq);
  }
  const within = next === undefined ? seen : and([sql(`${alias}.seq <= ?`, next.afterSeq), seen]);
  return own.afterSeq === 0 ? within : or([sql(`${alias}.seq <= ?`, own.afterSeq), within]);
}

/** The least seq that was not in the trail at a mark, as SQL: an index has it, whatever else is there. */
export function firstBeyond(mark: Mark, generations: readonly Generation[]): Sql {
  const { generation, snapshot } = readMark(mark);
  const current = generations.at(-1);
  if (current === undefined || current.generation !== generation) {
    return sql('(SELECT min(b.seq) FROM daybook_entries AS b WHERE b.seq > ?)', 0);
  }
  const [, xmax = '', running = ''] = snapshot.split(':');
  const late = running === '' ? [] : running.split(',');
  return {
    sql: `(SELECT min(b.seq) FROM (
      SELECT n.seq FROM daybook_entries AS n WHERE n.tx >= ?::xid8${late.map(() => ' UNION ALL SELECT n.seq FROM daybook_entries AS n WHERE n.tx = ?::xid8').join('')}) AS b
      WHERE b.seq > ?)`,
    parameters: [xmax, ...late, current.afterSeq],
  };
}
