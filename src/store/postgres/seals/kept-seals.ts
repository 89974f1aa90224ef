import { DaybookError } from '../../../core/errors.js';
import { newEntry } from '../../../core/entry.js';
import type { Actor } from '../../../core/entry.js';
import { readCheckpoint } from '../../../core/evidence/checkpoint.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import { keptMark } from '../../../core/mark.js';
import type { Mark } from '../../../core/mark.js';
import type { Seal, SealHandover, SealState, SealTrail } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { answer, BEGINNING, isMark } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { insertOne } from '../trail/index.js';
import { releaseSeals, renewLease } from './lease.js';

type Circumstances = Pick<Session, 'connection' | 'options' | 'clock'>;

/** What is sealed, as a whole. */
export async function readSealState(connection: Connection): Promise<SealState> {
  const trails = await connection.all<SealTrail>(
    sql('SELECT origin, key, since, note FROM daybook_seal_trail ORDER BY since, trail'),
  );
  const handovers = await connection.all<SealHandover>(
    sql('SELECT size, note FROM daybook_seal_keys ORDER BY handover'),
  );
  const [last] = await connection.all<Seal>(
    sql('SELECT seal, size, note FROM daybook_seals ORDER BY seal DESC LIMIT 1'),
  );
  return { trails, handovers, last: last ?? null, mark: await markAt(connection, last?.size ?? 0), signsMark: true };
}

/** The trail as it was when so many entries were sealed, as the seal says that was signed then. */
export async function markAt(connection: Connection, size: number): Promise<Mark> {
  const note = await answer<string>(
    connection,
    sql('SELECT note FROM daybook_seals WHERE size <= ? ORDER BY size DESC, seal DESC LIMIT 1', size),
  );
  const mark = note === undefined ? undefined : readCheckpoint(note)?.mark;
  return mark !== undefined && mark !== null && isMark(mark) ? keptMark(mark) : BEGINNING;
}

/** Begins to seal, with its entry. In the open transaction. Throws kind `refused`. */
export async function beginSeals(
  { connection, clock }: Circumstances,
  { origin, key, since }: Omit<SealTrail, 'note'>,
  actor: Actor,
): Promise<void> {
  await connection.run(sql('LOCK TABLE daybook_seal_trail IN SHARE ROW EXCLUSIVE MODE'));
  const sealed = await answer<string>(connection, sql('SELECT origin FROM daybook_seal_trail LIMIT 1'));
  if (sealed !== undefined) {
    throw new DaybookError('refused', `this trail is sealed already, as ${sealed}`, { hint: 'daybook seal status' });
  }
  await connection.run(
    sql(
      'INSERT INTO daybook_seal_trail (origin, key, since, made_at) VALUES (?, ?, ?, ?)',
      origin,
      key,
      since,
      formatTimestamp(clock()),
    ),
  );
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'seal_init',
    message: `began to seal the trail as ${origin}`,
    metadata: JSON.stringify({ origin, key }),
  });
  await insertOne(connection, entry, clock);
}

/** Keeps a seal, and ends the lease. In the open transaction. */
export async function putSeal(on: Circumstances, { size, note }: Omit<Seal, 'seal'>): Promise<void> {
  await renewLease(on);
  await on.connection.run(sql('INSERT INTO daybook_seals (size, note) VALUES (?, ?)', size, note));
  await releaseSeals(on);
}

/** Seals behind one of them. */
export async function readSeals(connection: Connection, after: number, limit: number): Promise<Seal[]> {
  return connection.all<Seal>(
    sql('SELECT seal, size, note FROM daybook_seals WHERE seal > ? ORDER BY seal LIMIT ?', after, limit),
  );
}

/** Keeps a handover, with its entry. In the open transaction. */
export async function putHandover(
  { connection, clock }: Circumstances,
  { size, note }: SealHandover,
  key: string,
  actor: Actor,
): Promise<void> {
  await connection.run(sql('INSERT INTO daybook_seal_keys (size, note) VALUES (?, ?)', size, note));
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'seal_rotate',
    message: `handed over to another key behind ${size} sealed entries`,
    metadata: JSON.stringify({ size, key }),
  });
  await insertOne(connection, entry, clock);
}

/** Begins another name for the same tree, with its entry. In the open transaction. */
export async function resumeSeals(
  { connection, clock }: Circumstances,
  { origin, key, since, note }: SealTrail,
  reason: string,
  actor: Actor,
): Promise<void> {
  await connection.run(
    sql(
      'INSERT INTO daybook_seal_trail (origin, key, since, note, made_at) VALUES (?, ?, ?, ?, ?)',
      origin,
      key,
      since,
      note,
      formatTimestamp(clock()),
    ),
  );
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'seal_resume',
    severity: 'warning',
    message: reason,
    metadata: JSON.stringify({ origin, since, key }),
  });
  await insertOne(connection, entry, clock);
}
