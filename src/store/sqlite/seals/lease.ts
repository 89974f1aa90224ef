import { DaybookError } from '../../../core/errors.js';
import { formatTimestamp, isStoredTimestamp, parseTimestamp } from '../../../core/timestamp.js';
import type { Circumstances } from '../trail/index.js';
import type { Connection } from '../engine/index.js';

/** Who gave no sign of life for so long seals no more, whatever its process id says: ids are used again. */
const LEASE_MS = 60_000;

interface LeaseRow {
  host: string;
  pid: number;
  heartbeat: string;
}

/** Keeps others from sealing. In the open transaction. Throws kind `busy`. */
export function leaseSeals(connection: Connection, circumstances: Circumstances): void {
  const { clock, presence } = circumstances;
  const held = connection.prepare<[], LeaseRow>('SELECT host, pid, heartbeat FROM daybook_seal_lease').get();
  if (held !== undefined && lives(held, circumstances)) {
    throw new DaybookError('busy', `another daybook seals: process ${held.pid} on ${held.host}`);
  }
  connection
    .prepare('INSERT OR REPLACE INTO daybook_seal_lease (lease, host, pid, heartbeat) VALUES (1, ?, ?, ?)')
    .run(presence.host, presence.pid, formatTimestamp(clock()));
}

/** A process that asks again while it holds the lease itself was cut off in between, or is another copy of itself. */
function lives({ host, pid, heartbeat }: LeaseRow, { clock, presence }: Circumstances): boolean {
  if (!isStoredTimestamp(heartbeat) || Math.abs(clock() - parseTimestamp(heartbeat)) > LEASE_MS) return false;
  return host !== presence.host || presence.lives(pid);
}

/** Renews the lease. In the open transaction. Throws kind `busy` where somebody else has taken it over. */
export function renewLease(connection: Connection, { clock, presence }: Circumstances): void {
  const { changes } = connection
    .prepare('UPDATE daybook_seal_lease SET heartbeat = ? WHERE host = ? AND pid = ?')
    .run(formatTimestamp(clock()), presence.host, presence.pid);
  if (changes === 0) {
    throw new DaybookError('busy', 'sealing paused for so long that another daybook took over: nothing was signed');
  }
}

/** Lets others seal. In the open transaction. */
export function releaseSeals(connection: Connection, { presence }: Circumstances): void {
  connection.prepare('DELETE FROM daybook_seal_lease WHERE host = ? AND pid = ?').run(presence.host, presence.pid);
}
