import { setTimeout as sleep } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { openStore } from '../../src/store/open.js';
import { newEntry } from '../../src/core/entry.js';
import { SLICE_MS } from '../../src/store/patience.js';
import { thisProcess } from '../../src/presence.js';
import { sqliteTrail } from './trail.js';

describe('a program that waits for a lock', () => {
  /** A trail that somebody holds the lock of, and a store that waits for it, with what interrupts the wait. */
  async function locked(): Promise<{
    store: AuditStore;
    other: Database.Database;
    listening: () => (() => void) | undefined;
    listened: () => number;
  }> {
    const { trail } = await sqliteTrail();
    let interrupt: (() => void) | undefined;
    let listened = 0;
    const store = await openStore(addressOf(trail.path), {
      readonly: false,
      busyTimeout: 60_000,
      clock: Date.now,
      presence: thisProcess(),
      onInterrupt: (interrupted) => {
        listened += 1;
        interrupt = interrupted;
        return () => (interrupt = undefined);
      },
    });
    const other = trail.plain();
    other.exec('BEGIN IMMEDIATE');
    return { store, other, listening: () => interrupt, listened: () => listened };
  }

  const request = { entry: newEntry({ action: 'login', actor: 'anna' }), given: ['action', 'actor'] as const };

  test.each([
    ['record', (store) => store.record([request])],
    ['recordOneOfMany', (store) => store.recordOneOfMany([request], { durable: true })],
    ['changeActor', (store) => store.changeActor('u-1', () => undefined)],
  ] as [string, (store: AuditStore) => Promise<unknown>][])(
    'lets the event loop turn, and is interrupted: %s',
    async (_name, write) => {
      const { store, listening } = await locked();
      const written = write(store).catch((error: unknown) => error);
      while (listening() === undefined) await sleep(SLICE_MS / 10);
      listening()?.();
      expect(await written).toMatchObject({
        kind: 'interrupted',
        message: expect.stringMatching(/^interrupted: .* is locked/),
      });
      expect(listening()).toBe(undefined);
    },
  );

  test('records once when the lock is free, and listens no more', async () => {
    const { store, other, listening, listened } = await locked();
    const written = store.record([request]);
    while (listening() === undefined) await sleep(SLICE_MS / 10);
    other.exec('ROLLBACK');
    expect(await written).toHaveLength(1);
    expect([listening(), listened()]).toEqual([undefined, 1]);
    expect((await store.extent({})).count).toBe(1);
  });
});
