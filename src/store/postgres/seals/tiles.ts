import { runsLength, runsText } from '../../../core/evidence/seqs.js';
import type { Run } from '../../../core/evidence/seqs.js';
import type { SealTile } from '../../audit-store.js';
import { boundsOf, keptRuns, tilesOf } from '../../kept-tiles.js';
import type { TileBounds } from '../../kept-tiles.js';
import { sql } from '../../sql.js';
import type { Connection, Session, Statement } from '../engine/index.js';
import { renewLease } from './lease.js';

/** Bytes as text, whatever a session makes of them. */
interface TileRow {
  readonly tile: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly seqs: string;
  readonly root: string | null;
  readonly secret: string | null;
  readonly hashes: string;
  readonly salts: string | null;
  readonly edges: string | null;
}

const COLUMNS = `tile, first_seq, last_seq, seqs, ${['root', 'secret', 'hashes', 'salts', 'edges']
  .map((column) => `encode(${column}, 'hex') AS ${column}`)
  .join(', ')}`;

/** A tile as it is kept. What other programs made of its seqs is not read: they do not fit then. */
function toTile(row: TileRow): SealTile {
  const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'hex'));
  return {
    tile: row.tile,
    root: bytes(row.root),
    secret: bytes(row.secret),
    hashes: Buffer.from(row.hashes, 'hex'),
    salts: bytes(row.salts),
    edges: bytes(row.edges),
    runs: keptRuns(row.seqs, row.first_seq, row.last_seq),
  };
}

/** So many tiles from one on. */
export async function readTiles(connection: Connection, from: number, count: number): Promise<SealTile[]> {
  const rows = await connection.all<TileRow>(
    sql(`SELECT ${COLUMNS} FROM daybook_seal_tiles WHERE tile >= ? AND tile < ? ORDER BY tile`, from, from + count),
  );
  return rows.map(toTile);
}

/** The tiles that may hold a seq between two. */
export async function tilesWithin(connection: Connection, first: number, last: number): Promise<SealTile[]> {
  const rows = await connection.all<TileRow>(
    sql(
      `SELECT ${COLUMNS} FROM daybook_seal_tiles WHERE last_seq >= ? AND first_seq <= ? ORDER BY last_seq`,
      first,
      last,
    ),
  );
  return rows.map(toTile);
}

/** The tiles that may hold one of these seqs. */
export async function tilesWithAny(connection: Connection, seqs: readonly number[]): Promise<SealTile[]> {
  const [first, last] = boundsOf(seqs.map((seq) => [seq, seq]));
  const bounds = await connection.all<TileBounds>(
    sql('SELECT tile, first_seq, last_seq FROM daybook_seal_tiles WHERE last_seq >= ? AND first_seq <= ?', first, last),
  );
  const rows = await connection.all<TileRow>({
    sql: `SELECT ${COLUMNS} FROM daybook_seal_tiles WHERE tile = ANY (?::bigint[])`,
    parameters: [tilesOf(bounds, seqs).map(String)],
  });
  return rows.map(toTile);
}

/** FROM for the entries of runs, or for what is left of those that were erased. */
export function inRuns(
  runs: readonly Run[],
  table: 'daybook_entries' | 'daybook_erased' = 'daybook_entries',
): Statement {
  return {
    sql: `FROM unnest(?::bigint[], ?::bigint[]) AS run (first, last) JOIN ${table} AS e ON e.seq BETWEEN run.first AND run.last`,
    parameters: [runs.map(([first]) => String(first)), runs.map(([, last]) => String(last))],
  };
}

/**
 * Nobody else puts tiles, or deletes what they hold, until the open transaction ends: what is deleted and not committed
 * yet looks as if it were there.
 */
export async function lockTiles(connection: Connection): Promise<void> {
  await connection.run(sql('LOCK TABLE daybook_seal_tiles IN SHARE ROW EXCLUSIVE MODE'));
}

/**
 * Puts tiles in their places, and says how long they were locked; undefined where an entry of `fresh` is gone. In the open
 * transaction.
 */
export async function putTiles(
  on: Session,
  tiles: readonly SealTile[],
  fresh: readonly Run[],
): Promise<number | undefined> {
  const { connection } = on;
  await lockTiles(connection);
  const began = performance.now();
  await renewLease(on);
  const { sql: text, parameters } = inRuns(fresh);
  const [there] = await connection.rows<[number]>({ sql: `SELECT count(*) ${text}`, parameters });
  if (there?.[0] !== runsLength(fresh)) return undefined;
  await writeTiles(connection, tiles);
  return performance.now() - began;
}

/** Writes tiles in the places of those that are there. */
export async function writeTiles(connection: Connection, tiles: readonly SealTile[]): Promise<void> {
  if (tiles.length === 0) return;
  const bounds = tiles.map(({ runs }) => boundsOf(runs ?? []));
  const hex = (bytes: Buffer | null): string | null => bytes?.toString('hex') ?? null;
  const column = (type: 'bigint' | 'text'): string => `?::${type}[]`;
  await connection.run({
    sql: `INSERT INTO daybook_seal_tiles (tile, first_seq, last_seq, seqs, root, secret, hashes, salts, edges)
      SELECT t.tile, t.first_seq, t.last_seq, t.seqs, decode(t.root, 'hex'), decode(t.secret, 'hex'), decode(t.hashes, 'hex'), decode(t.salts, 'hex'), decode(t.edges, 'hex')
      FROM unnest(${column('bigint')}, ${column('bigint')}, ${column('bigint')}, ${Array.from({ length: 6 }, () => column('text')).join(', ')})
        AS t (tile, first_seq, last_seq, seqs, root, secret, hashes, salts, edges)
      ON CONFLICT (tile) DO UPDATE SET first_seq = excluded.first_seq, last_seq = excluded.last_seq, seqs = excluded.seqs, root = excluded.root,
        secret = excluded.secret, hashes = excluded.hashes, salts = excluded.salts, edges = excluded.edges`,
    parameters: [
      tiles.map(({ tile }) => String(tile)),
      bounds.map(([first]) => String(first)),
      bounds.map(([, last]) => String(last)),
      tiles.map(({ runs }) => runsText(runs ?? [])),
      ...(['root', 'secret', 'hashes', 'salts', 'edges'] as const).map((name) => tiles.map((tile) => hex(tile[name]))),
    ],
  });
}
