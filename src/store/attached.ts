import type { Address } from '../core/address.js';
import type { AuditStore, Initialized } from './audit-store.js';
import type { OpenConnection } from './open-connection.js';
import { initializeStore, openStore } from './open.js';
import type { OpenOptions } from './open.js';
import { HASTE_MS, patiently, withPatience } from './patience.js';
import type * as Postgres from './postgres/index.js';
import { connectionOf, nameOf } from './sqlite/engine/index.js';

// What an application needs of a store: it may have a connection open itself, on which much works at once and within its
// transaction, and other work to do while a database is locked.

export { recordOfApplication, setContextSql, withContext } from './sqlite/context/index.js';
export { attempt, connectionOf, expectTrail, isConnection, nameOf } from './sqlite/engine/index.js';
export type { Connection } from './sqlite/engine/index.js';
export { setContextSql as setPostgresContextSql } from './postgres/context/index.js';
export { findEntry } from './sqlite/trail/index.js';

/** What works on an application's client of PostgreSQL. It is loaded where it is used, and the driver with it. */
export async function ofPostgresClients(): Promise<typeof Postgres> {
  return import('./postgres/index.js');
}

/** Where a trail is: at an address, or on a connection that an application has open. */
export type Place = Address | OpenConnection;

/**
 * Opens a trail for an application: what is locked is asked for again and again, with pauses in which the event loop turns,
 * for as long as `busyTimeout`. An application's own connection is not closed with the trail.
 */
export async function openPatiently(place: Place, options: OpenOptions): Promise<AuditStore> {
  const { busyTimeout } = options;
  const hasty = { ...options, busyTimeout: HASTE_MS };
  const store = await patiently(busyTimeout, () =>
    'engine' in place ? openStore(place, hasty) : openOn(place, hasty),
  );
  return withPatience(store, busyTimeout);
}

/** Creates or upgrades a trail in the same way. */
export async function initializePatiently(
  place: Place,
  options: Parameters<typeof initializeStore>[1],
): Promise<Initialized> {
  const hasty = { ...options, busyTimeout: HASTE_MS };
  return patiently(options.busyTimeout, async () => {
    if ('engine' in place) return initializeStore(place, hasty);
    const { initializeOn } = await import('./sqlite/upkeep/index.js');
    return initializeOn(connectionOf(place), hasty);
  });
}

async function openOn(
  connection: OpenConnection,
  { busyTimeout, clock, presence, readonly }: OpenOptions,
): Promise<AuditStore> {
  const lent = connectionOf(connection);
  const { openSqlite } = await import('./sqlite/index.js');
  return openSqlite({ path: nameOf(lent), lent, readonly, busyTimeout, clock, presence });
}
