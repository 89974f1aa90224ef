import { describe, expect, onTestFinished, test } from 'vitest';
import type { PrunePlan } from '../../src/store/audit-store.js';
import { openTrail } from '../../src/store/sqlite/engine/connection.js';
import type { Connection } from '../../src/store/sqlite/engine/connection.js';
import { closePrune, openPrune } from '../../src/store/sqlite/trail/accounts.js';
import { deleteBatch } from '../../src/store/sqlite/prune/batches.js';
import { checkpointLog } from '../../src/store/sqlite/engine/write-ahead-log.js';
import { intentOf, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from './trail.js';
import type { SqliteTrail } from './trail.js';

const NORMAL = 1;
const FULL = 2;
const PRESENCE = { host: 'here', pid: 1, lives: () => true };

interface Beside {
  readonly trail: SqliteTrail;
  readonly connection: Connection;
  readonly plan: PrunePlan;
  readonly prune: number;
  /** What the open transaction does at its commit, each time that it asked for the time. */
  readonly seen: { synchronous: unknown; autocheckpoint: unknown }[];
  readonly clock: () => number;
}

/** A prune of nine entries through a connection that can be looked at. */
async function opened(journal: 'wal' | 'delete'): Promise<Beside> {
  const { trail, store } = await sqliteTrail();
  await recordAll(store, numbered(9));
  const plan = await planOf(store, rule({ before: NOW + 1 }));
  await store.close();
  const connection = openTrail({ path: trail.path, readonly: false, busyTimeout: 1000 });
  onTestFinished(() => {
    connection.close();
  });
  connection.pragma(`journal_mode = ${journal}`);
  const prune = openPrune(connection, intentOf(plan), { clock: () => NOW, presence: PRESENCE });
  const seen: Beside['seen'] = [];
  const clock = (): number => {
    seen.push(settings(connection));
    return NOW;
  };
  return { trail, connection, plan, prune, seen, clock };
}

function settings(connection: Connection): Beside['seen'][number] {
  return {
    synchronous: connection.pragma('synchronous', { simple: true }),
    autocheckpoint: connection.pragma('wal_autocheckpoint', { simple: true }),
  };
}

/** What all transactions did that `work` ran. */
async function during({ seen }: Beside, work: () => unknown): Promise<unknown[]> {
  seen.length = 0;
  await work();
  expect(seen.length).toBeGreaterThan(0);
  return [...new Set(seen.map((each) => JSON.stringify(each)))].map((each) => JSON.parse(each) as unknown);
}

const USUAL = { synchronous: FULL, autocheckpoint: 1000 };

describe('the batches of a prune', () => {
  test('wait for the disk at the last one, which takes the others along', async () => {
    const beside = await opened('wal');
    const { connection, plan, prune, clock } = beside;
    let next: ReturnType<typeof deleteBatch>['next'] = null;
    const batch = (): void => {
      ({ next } = deleteBatch(connection, prune, plan, { after: next ?? undefined, size: 4 }, clock));
    };
    expect(await during(beside, batch)).toEqual([{ synchronous: NORMAL, autocheckpoint: 0 }]);
    expect(settings(connection)).toEqual(USUAL);
    expect(await during(beside, batch)).toEqual([{ synchronous: NORMAL, autocheckpoint: 0 }]);
    expect(await during(beside, batch)).toEqual([{ synchronous: FULL, autocheckpoint: 0 }]);
    expect(next).toBeNull();
    expect(settings(connection)).toEqual(USUAL);
  });

  test('are made durable by what closes a prune that is cut off', async () => {
    const beside = await opened('wal');
    const { connection, plan, prune, clock } = beside;
    deleteBatch(connection, prune, plan, { after: undefined, size: 4 }, clock);
    expect(await during(beside, () => closePrune(connection, prune, 'cut_off', clock))).toEqual([USUAL]);
  });

  test('wait for the disk, each of them, where a rollback journal has to hold', async () => {
    const beside = await opened('delete');
    const { connection, plan, prune, clock } = beside;
    const batch = (): unknown => deleteBatch(connection, prune, plan, { after: undefined, size: 4 }, clock);
    expect(await during(beside, batch)).toEqual([USUAL]);
  });

  test('leave everything as it was when they fail', async () => {
    const { connection, plan, prune } = await opened('wal');
    const broken = (): number => {
      throw new Error('broken');
    };
    const batch = (): unknown => deleteBatch(connection, prune, plan, { after: undefined, size: 4 }, broken);
    expect(batch).toThrow('broken');
    expect(settings(connection)).toEqual(USUAL);
  });
});

describe('the log', () => {
  test('is told with its bytes, until it begins anew', async () => {
    const { trail, connection } = await opened('wal');
    const application = trail.plain();
    application.pragma('wal_autocheckpoint = 0');
    application.exec('CREATE TABLE application (x)');
    const write = application.prepare('INSERT INTO application VALUES (zeroblob(?))');
    const first = 40 * 1024 * 1024;
    write.run(first);
    // A reader keeps the log from beginning anew.
    const reader = trail.plain();
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM application').get();
    const before = checkpointLog(connection);
    expect(before).toBeGreaterThan(first);
    expect(before).toBeLessThan(first * 1.1);
    write.run(first);
    expect(checkpointLog(connection)).toBeGreaterThan(before + first);
    reader.exec('COMMIT');
    expect(checkpointLog(connection)).toBeGreaterThan(before + first);
    // All of it has flowed back: the next writer begins it anew.
    write.run(1);
    expect(checkpointLog(connection)).toBeLessThan(first / 2);
  });

  test('has no bytes where there is none', async () => {
    const { connection } = await opened('delete');
    expect(checkpointLog(connection)).toBe(0);
  });
});
