import { DaybookError } from '../../../core/errors.js';
import type { Connection } from './connection.js';

/** What a write of ours asks of a connection, where it is ours: it is durable, and what it deletes is overwritten. */
const OURS = { synchronous: 2, secure_delete: 1 } as const;

/**
 * Works on a connection that an application has lent us, with our settings, and leaves it with its own. It does not wait for a
 * lock: whoever waits lets the event loop turn. Throws kind `usage` for a write while a transaction of the application is
 * open: it would belong to that, and be said to be durable.
 */
export function onLent<T>(connection: Connection, writes: boolean, work: () => T): T {
  if (connection.inTransaction) {
    if (!writes) return work();
    throw new DaybookError(
      'usage',
      'a transaction is open on this connection: what belongs into it is recorded by attach(connection)',
    );
  }
  const ours = { busy_timeout: 0, ...(writes ? OURS : {}) };
  const settings = Object.entries(ours).map(([name, value]) => {
    return { name, value, before: connection.pragma(name, { simple: true }) as number };
  });
  const set = (name: string, value: number): void => void connection.pragma(`${name} = ${value}`);
  try {
    for (const { name, value, before } of settings) if (value !== before) set(name, value);
    return work();
  } finally {
    for (const { name, value, before } of settings) if (value !== before) set(name, before);
  }
}
