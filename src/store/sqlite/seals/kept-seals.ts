import { DaybookError } from '../../../core/errors.js';
import { newEntry } from '../../../core/entry.js';
import type { Actor } from '../../../core/entry.js';
import { TILE } from '../../../core/evidence/leaves.js';
import { firstOf, readRuns } from '../../../core/evidence/seqs.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Mark } from '../../../core/mark.js';
import type { Seal, SealHandover, SealState, SealTrail } from '../../audit-store.js';
import { markOf } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { inserter } from '../trail/index.js';
import type { Circumstances } from '../trail/index.js';
import { renewLease, releaseSeals } from './lease.js';

/** What is sealed, as a whole. */
export function readSealState(connection: Connection): SealState {
  const trails = connection
    .prepare<[], SealTrail>('SELECT origin, key, since, note FROM daybook_seal_trail ORDER BY since, trail')
    .all();
  const handovers = connection
    .prepare<[], SealHandover>('SELECT size, note FROM daybook_seal_keys ORDER BY handover')
    .all();
  const last = connection
    .prepare<[], Seal>('SELECT seal, size, note FROM daybook_seals ORDER BY seal DESC LIMIT 1')
    .get();
  return { trails, handovers, last: last ?? null, mark: markAt(connection, last?.size ?? 0), signsMark: false };
}

/** The trail as it was when so many entries were sealed: in SQLite, up to the greatest seq among them. */
export function markAt(connection: Connection, size: number): Mark {
  const whole = Math.floor(size / TILE);
  const greatest = connection
    .prepare<[number], number>('SELECT last_seq FROM daybook_seal_tiles WHERE tile < ? ORDER BY last_seq DESC LIMIT 1')
    .pluck()
    .get(whole);
  const rest = connection
    .prepare<[number], string>('SELECT seqs FROM daybook_seal_tiles WHERE tile = ?')
    .pluck()
    .get(whole);
  const sealed = firstOf(readRuns(rest ?? '') ?? [], size % TILE);
  return markOf(Math.max(greatest ?? 0, ...sealed.map(([, to]) => to)));
}

/** Begins to seal, with its entry. In the open transaction. Throws kind `refused`. */
export function beginSeals(
  connection: Connection,
  { origin, key, since }: Omit<SealTrail, 'note'>,
  actor: Actor,
  clock: () => number,
): void {
  const [sealed] = readSealState(connection).trails;
  if (sealed !== undefined) {
    throw new DaybookError('refused', `this trail is sealed already, as ${sealed.origin}`, {
      hint: 'daybook seal status',
    });
  }
  connection
    .prepare('INSERT INTO daybook_seal_trail (origin, key, since, made_at) VALUES (?, ?, ?, ?)')
    .run(origin, key, since, formatTimestamp(clock()));
  inserter(
    connection,
    clock,
  )(
    newEntry({
      ...actor,
      category: 'system',
      action: 'seal_init',
      message: `began to seal the trail as ${origin}`,
      metadata: JSON.stringify({ origin, key }),
    }),
  );
}

/** Keeps a seal, and ends the lease. In the open transaction. */
export function putSeal(
  connection: Connection,
  { size, note }: Omit<Seal, 'seal'>,
  circumstances: Circumstances,
): void {
  renewLease(connection, circumstances);
  connection.prepare('INSERT INTO daybook_seals (size, note) VALUES (?, ?)').run(size, note);
  releaseSeals(connection, circumstances);
}

/** Seals behind one of them. */
export function readSeals(connection: Connection, after: number, limit: number): Seal[] {
  return connection
    .prepare<[number, number], Seal>('SELECT seal, size, note FROM daybook_seals WHERE seal > ? ORDER BY seal LIMIT ?')
    .all(after, limit);
}

/** Keeps a handover, with its entry. In the open transaction. */
export function putHandover(
  connection: Connection,
  { size, note }: SealHandover,
  { key, actor, clock }: { readonly key: string; readonly actor: Actor; readonly clock: () => number },
): void {
  connection.prepare('INSERT INTO daybook_seal_keys (size, note) VALUES (?, ?)').run(size, note);
  inserter(
    connection,
    clock,
  )(
    newEntry({
      ...actor,
      category: 'system',
      action: 'seal_rotate',
      message: `handed over to another key behind ${size} sealed entries`,
      metadata: JSON.stringify({ size, key }),
    }),
  );
}

/** Begins another name for the same tree, with its entry. In the open transaction. */
export function resumeSeals(
  connection: Connection,
  { origin, key, since, note }: SealTrail,
  { reason, actor, clock }: { readonly reason: string; readonly actor: Actor; readonly clock: () => number },
): void {
  connection
    .prepare('INSERT INTO daybook_seal_trail (origin, key, since, note, made_at) VALUES (?, ?, ?, ?, ?)')
    .run(origin, key, since, note, formatTimestamp(clock()));
  inserter(
    connection,
    clock,
  )(
    newEntry({
      ...actor,
      category: 'system',
      action: 'seal_resume',
      severity: 'warning',
      message: reason,
      metadata: JSON.stringify({ origin, since, key }),
    }),
  );
}
