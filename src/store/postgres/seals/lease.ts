import { DaybookError } from '../../../core/errors.js';
import { formatTimestamp, isStoredTimestamp, parseTimestamp } from '../../../core/timestamp.js';
import { sql } from '../../sql.js';
import type { Session } from '../engine/index.js';

/** Who gave no sign of life for so long seals no more, whatever its process id says: ids are used again. */
const LEASE_MS = 60_000;

type Circumstances = Pick<Session, 'connection' | 'options' | 'clock'>;

interface LeaseRow {
  readonly host: string;
  readonly pid: number;
  readonly heartbeat: string;
}

/** Keeps others from sealing. In the open transaction. Throws kind `busy`. */
export async function leaseSeals(on: Circumstances): Promise<void> {
  const { connection, clock, options } = on;
  const { presence } = options;
  // Two that ask at once come one after the other.
  await connection.run(sql('LOCK TABLE daybook_seal_lease IN SHARE ROW EXCLUSIVE MODE'));
  const [held] = await connection.all<LeaseRow>(sql('SELECT host, pid, heartbeat FROM daybook_seal_lease'));
  if (held !== undefined && lives(held, on)) {
    throw new DaybookError('busy', `another daybook seals: process ${held.pid} on ${held.host}`);
  }
  await connection.run(
    sql(
      `INSERT INTO daybook_seal_lease (lease, host, pid, heartbeat) VALUES (1, ?, ?, ?)
       ON CONFLICT (lease) DO UPDATE SET host = excluded.host, pid = excluded.pid, heartbeat = excluded.heartbeat`,
      presence.host,
      presence.pid,
      formatTimestamp(clock()),
    ),
  );
}

/** A process that asks again while it holds the lease itself was cut off in between, or is another copy of itself. */
function lives({ host, pid, heartbeat }: LeaseRow, { clock, options: { presence } }: Circumstances): boolean {
  if (!isStoredTimestamp(heartbeat) || Math.abs(clock() - parseTimestamp(heartbeat)) > LEASE_MS) return false;
  return host !== presence.host || presence.lives(pid);
}

/** Renews the lease. In the open transaction. Throws kind `busy` where somebody else has taken it over. */
export async function renewLease({ connection, clock, options: { presence } }: Circumstances): Promise<void> {
  const changes = await connection.run(
    sql(
      'UPDATE daybook_seal_lease SET heartbeat = ? WHERE host = ? AND pid = ?',
      formatTimestamp(clock()),
      presence.host,
      presence.pid,
    ),
  );
  if (changes === 0) {
    throw new DaybookError('busy', 'sealing paused for so long that another daybook took over: nothing was signed');
  }
}

/** Lets others seal. In the open transaction. */
export async function releaseSeals({ connection, options: { presence } }: Circumstances): Promise<void> {
  await connection.run(sql('DELETE FROM daybook_seal_lease WHERE host = ? AND pid = ?', presence.host, presence.pid));
}
