import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { attach, contextSql, initializeTrail, isDaybookError, openTrail } from '../src/index.js';
import type { OpenConnection } from '../src/index.js';
import { temporaryDirectory } from './support/program.js';

// Drivers of other shapes, over the one that is here. What they do differently was seen with the real ones: the package is
// driven with node:sqlite where a newer Node has it. Unlike better-sqlite3, they let the schema be written.

interface Driver {
  readonly connection: OpenConnection;
  close(): void;
}

type Values = readonly unknown[];

/** Only `exec` and `prepare`, with `run` and `all`. It cannot say whether a transaction is open. */
function least(database: Database.Database): Driver {
  return {
    connection: {
      exec: (sql: string) => database.exec(sql),
      prepare: (sql: string) => {
        const statement = database.prepare(sql);
        return {
          all: (...values: Values) => (statement.reader ? statement.all(...values) : (statement.run(...values), [])),
          run: (...values: Values) =>
            statement.reader ? (statement.all(...values), { changes: 1 }) : statement.run(...values),
        };
      },
    },
    close: () => database.close(),
  };
}

/** As node:sqlite: rows without a prototype, errors by number, `isTransaction`. */
function likeNode(database: Database.Database): Driver {
  const numbers: Readonly<Record<string, number>> = {
    SQLITE_BUSY: 5,
    SQLITE_READONLY: 8,
    SQLITE_CONSTRAINT_TRIGGER: 1811,
  };
  const said = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      const { code = '', message } = error as Error & { code?: string };
      if (message.includes('not open')) throw new Error('database is not open', { cause: error });
      throw Object.assign(new Error(message, { cause: error }), {
        code: 'ERR_SQLITE_ERROR',
        errcode: numbers[code] ?? 1,
      });
    }
  };
  return {
    connection: {
      exec: (sql: string) => said(() => void database.exec(sql)),
      prepare: (sql: string) => {
        const statement = said(() => database.prepare(sql));
        let arrays = false;
        const rows = (values: Values): unknown[] =>
          said(() => {
            if (!statement.reader) return statement.run(...values) && [];
            if (arrays) return statement.raw().all(...values);
            return statement.all(...values).map((row) => Object.assign(Object.create(null) as object, row));
          });
        return {
          all: (...values: Values) => rows(values),
          get: (...values: Values) => rows(values)[0],
          run: (...values: Values) =>
            said(() =>
              statement.reader ? (rows(values), { changes: 1n, lastInsertRowid: 1n }) : statement.run(...values),
            ),
          setReadBigInts: () => undefined,
          setReturnArrays: (on: boolean) => (arrays = on),
          setAllowUnknownNamedParameters: () => undefined,
        };
      },
      get isTransaction() {
        return database.inTransaction;
      },
    } as OpenConnection,
    close: () => database.close(),
  };
}

/** As libsql: much of better-sqlite3, but values are one list, a row has more in it, and `pluck` does nothing. */
function likeLibsql(database: Database.Database): Driver {
  let open = true;
  return {
    connection: {
      exec: (sql: string) => database.exec(sql),
      prepare: (sql: string) => {
        if (!open) throw new Error('the process would end here');
        const statement = database.prepare(sql);
        const given = (values: Values): Values => {
          if (values.length === 1 && values[0] === null) throw new TypeError('failed to downcast any to object');
          return Array.isArray(values[0]) ? (values[0] as Values) : values;
        };
        const adapted = {
          all: (...values: Values) =>
            statement.reader ? statement.all(...given(values)) : (statement.run(...given(values)), []),
          get: (...values: Values) => ({ ...(statement.get(...given(values)) as object), _metadata: {} }),
          run: (...values: Values) =>
            statement.reader ? (statement.all(...given(values)), { changes: 1 }) : statement.run(...given(values)),
          raw: (on: boolean) => {
            if (statement.reader) statement.raw(on);
            return adapted;
          },
          pluck: () => adapted,
          safeIntegers: () => adapted,
        };
        return adapted;
      },
      pragma: () => ({ _metadata: {} }),
      transaction: () => undefined,
      table: () => {
        throw new Error('not implemented');
      },
      get inTransaction() {
        return database.inTransaction;
      },
      get open() {
        return open;
      },
    } as OpenConnection,
    close: () => {
      open = false;
      database.close();
    },
  };
}

const DEPLOY = { actor: 'deploy', actorType: 'system' };

describe.each([
  ['least', least],
  ['as node:sqlite', likeNode],
  ['as libsql', likeLibsql],
  [
    'better-sqlite3',
    (database: Database.Database): Driver => ({ connection: database, close: () => database.close() }),
  ],
])('a connection of another driver (%s)', (_name, make) => {
  it('does all that a trail does, in memory', async () => {
    const driver = make(new Database(':memory:').unsafeMode());
    const { connection } = driver;
    connection.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)');
    expect((await initializeTrail(connection, DEPLOY)).outcome).toBe('added');
    const trail = await openTrail(connection);
    await trail.capture(['users'], { ...DEPLOY, requireActor: true });
    const daybook = attach(connection);
    daybook.transaction({ actor: 'u-1', reason: 'why', correlationId: 'c-1' }, (own) => {
      own.exec(`INSERT INTO users VALUES (1, 'a@x')`);
      daybook.record({ action: 'told', metadata: { n: 1 } });
    });
    const inner = (): unknown =>
      daybook.transaction({ actor: 'u-1' }, (own) => {
        own.exec(`UPDATE users SET email = 'b@x'`);
        try {
          daybook.transaction({ actor: 'u-2' }, () => {
            own.exec(`UPDATE users SET email = 'c@x'`);
            throw new Error('only this part');
          });
        } catch {
          own.exec(`UPDATE users SET email = 'd@x'`);
        }
        throw new Error('later');
      });
    expect(inner).toThrow('later');
    expect(() => connection.exec(`UPDATE users SET email = 'no'`)).toThrow('must say who makes it');
    const many = daybook.record(Array.from({ length: 12 }, (_, index) => ({ action: 'n', message: String(index) })));
    expect(many.map(({ seq }) => seq)).toEqual(Array.from({ length: 12 }, (_, index) => index + 4));
    await trail.record(Array.from({ length: 12 }, () => ({ action: 'n' })));
    daybook.revert(3, { actor: 'u-3', reason: 'slip' });
    expect(() => daybook.revert(3, { actor: 'u-3', reason: 'slip' })).toThrow('taken back already');
    const one = { action: 'x', id: 'my-1' };
    expect([daybook.record(one).skipped, daybook.record(one).skipped]).toEqual([false, true]);
    expect(() => daybook.record({ ...one, message: 'other' })).toThrow(expect.objectContaining({ kind: 'refused' }));
    expect(await trail.find(2)).toMatchObject({ action: 'create', actor: 'u-1', correlation_id: 'c-1' });
    expect(await trail.find(3)).toMatchObject({ action: 'told', actor: 'u-1', metadata: { n: 1, reason: 'why' } });
    expect((await trail.find(3))?.reverted_by).not.toBeNull();
    expect((await trail.page({ filter: { action: ['n'] }, limit: 3 })).nextCursor).not.toBeNull();
    expect(await trail.state({ type: 'users', id: '1' })).toMatchObject({ exists: true, values: { email: 'a@x' } });
    expect((await trail.report('actors', { limit: 3 })).total).toBe(await trail.count());
    expect((await trail.status()).problems).toEqual([]);
    for (const format of ['csv', 'ndjson', 'json'] as const) {
      const stream = new PassThrough();
      const read = text(stream);
      const { count } = await trail.export(stream, { format, columns: ['seq', 'metadata'] });
      stream.end();
      expect((await read).split('\n').length).toBeGreaterThan(count);
    }
    expect(await trail.prune({ ...DEPLOY, rules: [{ maxEntries: 5 }] })).toMatchObject({ remaining: 5 });
    await trail.close();
    driver.close();
    expect(() => daybook.record({ action: 'a' })).toThrow(expect.objectContaining({ kind: 'usage' }));
    expect(() => daybook.transaction({ actor: 'u-1' }, () => undefined)).toThrow(
      expect.objectContaining({ kind: 'usage' }),
    );
  });

  it('waits for a lock without holding up the event loop, and says in words what goes wrong', async () => {
    const file = path.join(temporaryDirectory(), 'app.db');
    const other = new Database(file);
    onTestFinished(() => void other.close());
    await initializeTrail(other, DEPLOY);
    const driver = make(new Database(file, { timeout: 0 }).unsafeMode());
    onTestFinished(driver.close);
    const trail = await openTrail(driver.connection, { busyTimeout: 2000 });
    other.exec('BEGIN IMMEDIATE');
    expect(() => attach(driver.connection).record({ action: 'a' })).toThrow(expect.objectContaining({ kind: 'busy' }));
    setTimeout(() => other.exec('COMMIT'), 30);
    expect(await trail.record({ action: 'a' })).toMatchObject({ seq: 1 });
    driver.connection.exec('PRAGMA query_only = ON');
    const refused: unknown = await trail.record({ action: 'a' }).catch((error: unknown) => error);
    expect(isDaybookError(refused) && refused.kind).toBe('failed');
    driver.connection.exec('BEGIN');
    await expect(trail.record({ action: 'a' })).rejects.toMatchObject({ kind: 'usage' });
    driver.connection.exec('COMMIT');
    await trail.close();
  });

  it('takes the statements of a context', async () => {
    const driver = make(new Database(':memory:').unsafeMode());
    const { connection } = driver;
    onTestFinished(driver.close);
    await initializeTrail(connection, DEPLOY);
    const { set, clear } = contextSql({
      actor: 'u-1',
      actorType: 'moderator',
      recordedBy: 'r',
      correlationId: 'c',
      reason: 'w',
    });
    connection.exec('BEGIN');
    connection.prepare(set.sql).run(...(set.parameters as never[]));
    attach(connection).record({ action: 'told' });
    connection.prepare(clear.sql).run();
    connection.exec('COMMIT');
    const trail = await openTrail(connection);
    expect(await trail.find(1)).toMatchObject({
      actor: 'u-1',
      actor_type: 'moderator',
      recorded_by: 'r',
      correlation_id: 'c',
      metadata: { reason: 'w' },
    });
  });
});

test.each([{}, { actorType: 'user' }, { actor: '' }, { actor: 'u-1', actor_type: 'user' }])(
  'the statements of a context need one: %o',
  (context) => {
    expect(() => contextSql(context as never)).toThrow(expect.objectContaining({ kind: 'usage' }));
  },
);

test('an insert in plain SQL takes the context along, as docs/plain-sql.md shows', async () => {
  const database = new Database(':memory:');
  await initializeTrail(database, DEPLOY);
  const page = (await import('node:fs')).readFileSync(
    path.resolve(import.meta.dirname, '../docs/plain-sql.md'),
    'utf8',
  );
  const [, sql = ''] = /### Who and why[^]*?```sql\n([^]*?)```/.exec(page) ?? [];
  database.exec(sql);
  // Where there is no context, it is as without.
  database.exec(/INSERT INTO daybook_entries[^;]*;/.exec(sql)?.[0] ?? '');
  const trail = await openTrail(database);
  expect(await trail.find(1)).toMatchObject({
    actor: 'ana',
    actor_type: 'user',
    correlation_id: 'ticket-4711',
    metadata: { reason: 'refill' },
  });
  expect(await trail.find(2)).toMatchObject({ actor: 'unknown', actor_type: 'unknown', metadata: {} });
});
