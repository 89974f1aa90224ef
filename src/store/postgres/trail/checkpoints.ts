import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import { keptMark } from '../../../core/mark.js';
import type { Mark } from '../../../core/mark.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Checkpoint } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { BEGINNING } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

interface CheckpointRow {
  readonly name: string;
  readonly question: string;
  readonly mark: string | null;
  readonly missed: number;
  readonly updated_at: string | null;
}

/** The checkpoint of this name, or undefined before its first export. */
export async function readCheckpoint(connection: Connection, name: string): Promise<Checkpoint | undefined> {
  const [row] = await connection.all<CheckpointRow>(
    sql(
      'SELECT name, question, mark, missed + missed_later AS missed, updated_at FROM daybook_checkpoints WHERE name = ?',
      name,
    ),
  );
  if (row === undefined) return undefined;
  return {
    name: row.name,
    question: row.question,
    mark: row.mark === null ? BEGINNING : keptMark(row.mark),
    missed: row.missed,
    updatedAt: row.updated_at,
  };
}

/** Notes that an export begins and how far it will reach: what a prune takes beyond that is for the next one to tell. */
export async function beginCheckpoint(
  connection: Connection,
  name: string,
  question: string,
  filter: Filter,
  upTo: Mark,
): Promise<Checkpoint> {
  await connection.run(
    sql(
      `INSERT INTO daybook_checkpoints AS c (name, question, filter, pending) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET pending = excluded.pending, missed = c.missed + c.missed_later, missed_later = 0`,
      name,
      question,
      filterToJson(filter),
      upTo,
    ),
  );
  const kept = (await checkpointReaches(connection)).find((checkpoint) => checkpoint.name === name);
  if (kept?.filter === null) {
    await connection.run(sql('UPDATE daybook_checkpoints SET filter = ? WHERE name = ?', filterToJson(filter), name));
  }
  const begun = await readCheckpoint(connection, name);
  if (begun === undefined) throw new DaybookError('failed', `checkpoint ${name} was begun and cannot be read`);
  return begun;
}

/** The checkpoints that a prune took entries from before they were exported. */
export async function readMissed(connection: Connection): Promise<{ checkpoint: string; count: number }[]> {
  return connection.all(
    sql(`SELECT name AS checkpoint, missed + missed_later AS count FROM daybook_checkpoints
      WHERE missed + missed_later > 0 ORDER BY name`),
  );
}

/** Moves a checkpoint after its export is in place. */
export async function moveCheckpoint(
  connection: Connection,
  name: string,
  from: Mark,
  to: Mark,
  clock: () => number,
): Promise<void> {
  const changes = await connection.run(
    sql(
      `UPDATE daybook_checkpoints SET mark = ?, missed = 0, updated_at = ?
       WHERE name = ? AND coalesce(mark, ?) = ? AND pending = ?`,
      to,
      formatTimestamp(clock()),
      name,
      BEGINNING,
      from,
      to,
    ),
  );
  if (changes === 1) return;
  throw new DaybookError(
    'failed',
    `another export moved checkpoint ${name} meanwhile: this file is complete, and the next export begins where that one ended`,
  );
}

/** How far a checkpoint has exported, and how far an export of it that runs now will reach. */
export interface CheckpointReach {
  readonly name: string;
  /** Null where it cannot be read; until the next export of that name says it again, every entry counts as one of its own. */
  readonly filter: Filter | null;
  readonly mark: Mark;
  readonly pending: Mark;
}

/** Every checkpoint, for a prune that asks what they have not seen. With `locked`, none moves before the transaction ends. */
export async function checkpointReaches(connection: Connection, locked = false): Promise<CheckpointReach[]> {
  const rows = await connection.all<{ name: string; filter: string; mark: string | null; pending: string | null }>(
    sql(`SELECT name, filter, mark, pending FROM daybook_checkpoints ORDER BY name${locked ? ' FOR UPDATE' : ''}`),
  );
  return rows.map(({ name, filter, mark, pending }) => ({
    name,
    filter: readFilter(filter),
    mark: mark === null ? BEGINNING : keptMark(mark),
    pending: pending === null ? BEGINNING : keptMark(pending),
  }));
}

function readFilter(json: string): Filter | null {
  try {
    return filterFromJson(json);
  } catch {
    return null;
  }
}
