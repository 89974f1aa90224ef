import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import type { Mark } from '../../../core/mark.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Checkpoint } from '../../audit-store.js';
import { writing, markOf, seqOf } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

interface CheckpointRow {
  name: string;
  question: string;
  seq: number;
  missed: number;
  updated_at: string | null;
}

/** The checkpoint of this name, or undefined before its first export. */
export function readCheckpoint(connection: Connection, name: string): Checkpoint | undefined {
  const row = connection
    .prepare<[string], CheckpointRow>(
      'SELECT name, question, seq, missed + missed_later AS missed, updated_at FROM daybook_checkpoints WHERE name = ?',
    )
    .get(name);
  if (row === undefined) return undefined;
  return {
    name: row.name,
    question: row.question,
    mark: markOf(row.seq),
    missed: row.missed,
    updatedAt: row.updated_at,
  };
}

/** Notes that an export begins and how far it will reach: what a prune takes beyond that is for the next one to tell. */
export function beginCheckpoint(
  connection: Connection,
  name: string,
  question: string,
  filter: Filter,
  upTo: Mark,
): Checkpoint {
  return writing(connection, () => {
    connection
      .prepare(
        `INSERT INTO daybook_checkpoints (name, question, filter, pending) VALUES (?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET pending = excluded.pending, missed = missed + missed_later, missed_later = 0`,
      )
      .run(name, question, filterToJson(filter), seqOf(upTo));
    const kept = checkpointReaches(connection).find((checkpoint) => checkpoint.name === name);
    if (kept?.filter === null) {
      connection.prepare('UPDATE daybook_checkpoints SET filter = ? WHERE name = ?').run(filterToJson(filter), name);
    }
    const begun = readCheckpoint(connection, name);
    if (begun === undefined) throw new DaybookError('failed', `checkpoint ${name} was begun and cannot be read`);
    return begun;
  });
}

/** The checkpoints that a prune took entries from before they were exported. */
export function readMissed(connection: Connection): { checkpoint: string; count: number }[] {
  return connection
    .prepare<[], { checkpoint: string; count: number }>(
      `SELECT name AS checkpoint, missed + missed_later AS count FROM daybook_checkpoints
       WHERE missed + missed_later > 0 ORDER BY name`,
    )
    .all();
}

/** Moves a checkpoint after its export is in place. */
export function moveCheckpoint(connection: Connection, name: string, from: Mark, to: Mark, clock: () => number): void {
  const { changes } = connection
    .prepare(
      `UPDATE daybook_checkpoints SET seq = ?, missed = 0, updated_at = ? WHERE name = ? AND seq = ? AND pending = ?`,
    )
    .run(seqOf(to), formatTimestamp(clock()), name, seqOf(from), seqOf(to));
  if (changes === 1) return;
  throw new DaybookError(
    'failed',
    `another export moved checkpoint ${name} meanwhile: this file is complete, and the next export begins where that one ended`,
  );
}

/** How far a checkpoint has exported, and how far an export of it that runs now will reach. */
export interface CheckpointReach {
  name: string;
  /** Null where it cannot be read; until the next export of that name says it again, every entry counts as one of its own. */
  filter: Filter | null;
  seq: number;
  pending: number;
}

/** Every checkpoint, for a prune that asks what they have not seen. */
export function checkpointReaches(connection: Connection): CheckpointReach[] {
  return connection
    .prepare<[], CheckpointReach & { filter: string }>(
      'SELECT name, filter, seq, pending FROM daybook_checkpoints ORDER BY name',
    )
    .all()
    .map(({ name, filter, seq, pending }) => ({ name, filter: readFilter(filter), seq, pending }));
}

function readFilter(json: string): Filter | null {
  try {
    return filterFromJson(json);
  } catch {
    return null;
  }
}
