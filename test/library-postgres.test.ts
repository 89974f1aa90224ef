import { Client, Pool } from 'pg';
import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { attachPostgres, contextSql, initializeTrail, isDaybookError, openTrail } from '../src/index.js';
import type { AttachedPostgres, PostgresClient } from '../src/index.js';
import { HAS_POSTGRES, makePostgresTrail, newDatabase, urlOf } from './store/postgres-trail.js';
import type { PostgresTrail } from './store/postgres-trail.js';
import { psql } from './support/postgres-cluster.js';

/** What a promise is refused with. */
async function refusal(work: Promise<unknown>): Promise<{ kind: string; message: string; field?: string }> {
  const error = await work.then(
    () => 'nothing was refused',
    (thrown: unknown) => thrown,
  );
  if (!isDaybookError(error)) throw error;
  expect(error.hint).toBeUndefined();
  const { kind, message, field } = error;
  return { kind, message, ...(field !== undefined && { field }) };
}

describe('the door', () => {
  const client: PostgresClient = { query: async () => ({ rows: [], rowCount: 0 }) };

  it('refuses what is no client, and what it does not know', async () => {
    for (const wrong of [null, undefined, {}, 'postgres://host/db', { exec() {}, prepare() {} }])
      expect(() => attachPostgres(wrong as never)).toThrow(/client must be a client or a pool of node-postgres/);
    expect(() => attachPostgres(client, { redacted: [] } as never)).toThrow(/has no "redacted"/);
    expect(() => attachPostgres(client, { schema: '' })).toThrow(/schema must be/);
    const daybook = attachPostgres(client);
    expect(() => daybook.with({ actr: 'x' } as never)).toThrow(/has no "actr"/);
    expect(await refusal(daybook.record({ action: '' }))).toMatchObject({ kind: 'data', field: 'action' });
    expect(await refusal(daybook.recordIn({} as never, { action: 'x' }))).toMatchObject({ field: 'client' });
    expect(await refusal(daybook.transaction({}, async () => 1))).toMatchObject({ kind: 'usage', field: 'actor' });
    for (const work of [undefined, function* () {}, async function* () {}])
      expect(await refusal(daybook.transaction({ actor: 'a' }, work as never))).toMatchObject({ field: 'work' });
    expect(await refusal(daybook.revert(-1, { reason: 'r', actor: 'a' }))).toMatchObject({ field: 'key' });
    expect(await refusal(daybook.revert(1, { actor: 'a' } as never))).toMatchObject({ field: 'reason' });
    const pool = { query: client.query, totalCount: 0, connect: async () => ({ ...client, release() {} }) };
    expect(await refusal(daybook.recordIn(pool, { action: 'x' }))).toMatchObject({ kind: 'usage', field: 'client' });
    expect(await daybook.record([])).toEqual([]);
  });

  it('takes the clients of node-postgres by what they do, and hands them on as they are', () => {
    expectTypeOf(attachPostgres(new Client())).toEqualTypeOf<AttachedPostgres<Client>>();
    const pool = new Pool();
    expectTypeOf(attachPostgres(pool)).toEqualTypeOf<AttachedPostgres<PoolClient>>();
    // @ts-expect-error: a connection of SQLite is no client.
    expect(() => attachPostgres({ exec: () => {}, prepare: () => {} })).toThrow(/client/);
  });

  it('gives statements for other drivers', () => {
    const { set, clear } = contextSql({ actor: 'u-1', reason: 'r' }, { engine: 'postgres' });
    expect(set.parameters).toEqual(['u-1', 'user', '', 'r', '']);
    expect(set.sql).toMatch(/^SELECT set_config\('daybook\.actor', \$1::text, true\), /);
    expect(clear.parameters).toEqual([]);
    expect(() => contextSql({ actor: 'u' }, { engine: 'mysql' as never })).toThrow(/engine must be one of/);
    expect(contextSql({ actor: 'u' })).toEqual(contextSql({ actor: 'u' }, { engine: 'sqlite' }));
  });

  it('knows no schema in SQLite', async () => {
    expect(await refusal(openTrail('x.db', { schema: 'daybook' }))).toMatchObject({ kind: 'usage', field: 'schema' });
    expect(await refusal(initializeTrail('x.db', { actor: 'a', schema: 's' }))).toMatchObject({ field: 'schema' });
  });
});

describe.skipIf(!HAS_POSTGRES)('on a client of PostgreSQL', () => {
  let trail: PostgresTrail;
  let client: Client;
  let daybook: AttachedPostgres<Client>;

  beforeEach(async () => {
    trail = await makePostgresTrail();
    client = await trail.plain();
    daybook = attachPostgres(client);
    await client.query('CREATE TEMP TABLE settings (id int PRIMARY KEY, level int NOT NULL)');
  });

  afterEach(async () => {
    await trail.remove();
  });

  const entries = async (): Promise<Record<string, unknown>[]> => {
    const { rows } = await client.query('SELECT * FROM daybook.daybook_entries ORDER BY seq');
    return rows as Record<string, unknown>[];
  };
  const levels = async (): Promise<number[]> =>
    (await client.query<{ level: number }>('SELECT level FROM settings ORDER BY id')).rows.map(({ level }) => level);

  it('records within the transaction that is open, and not beside it', async () => {
    await client.query('BEGIN');
    const recorded = await daybook.record({ action: 'login', actor: 'u-1', metadata: { big: 12345678901234567890n } });
    expect(recorded).toMatchObject({ skipped: false, id: expect.any(String) });
    expect(await daybook.recordIn(client, [{ action: 'a', id: 'x-1' }, { action: 'b' }])).toHaveLength(2);
    await client.query('ROLLBACK');
    expect(await entries()).toEqual([]);
    await daybook.record({ action: 'login', actor: 'u-1' });
    expect(client.getTransactionStatus()).toBe('I');
    expect(await entries()).toMatchObject([{ action: 'login', actor: 'u-1', actor_type: 'user' }]);
  });

  it('leaves the settings of the session as they are', async () => {
    await client.query(`CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''x'''`);
    await client.query(`SET search_path = pg_temp, public; SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'`);
    const recorded = await daybook.record({ action: 'x', ts: '2026-03-05T14:07:09.123Z', id: 'x-1' });
    expect(await daybook.record({ action: 'x', ts: '2026-03-05T14:07:09.123Z', id: 'x-1' })).toEqual({
      ...recorded,
      skipped: true,
    });
    const { rows } = await client.query(
      `SELECT current_setting('search_path') AS path, current_setting('timezone') AS zone`,
    );
    expect(rows).toEqual([{ path: 'pg_temp, public', zone: 'Asia/Kolkata' }]);
  });

  it('records all or none, also where no transaction is open', async () => {
    await daybook.record({ action: 'x', id: 'x-1' });
    const several = [{ action: 'new' }, { action: 'other', id: 'x-1' }];
    expect(await refusal(daybook.record(several))).toMatchObject({ kind: 'refused', field: 'id' });
    expect(await entries()).toHaveLength(1);
    expect(client.getTransactionStatus()).toBe('I');
    await client.query('BEGIN');
    await daybook.record({ action: 'before' });
    expect(await refusal(daybook.record(several))).toMatchObject({ kind: 'refused' });
    // Only what failed is taken back: the application says what becomes of the rest.
    await client.query('COMMIT');
    expect((await entries()).map(({ action }) => action)).toEqual(['x', 'before']);
  });

  it('says who and why in a transaction, and ends with it', async () => {
    await daybook
      .with({ correlationId: 'request-9' })
      .transaction({ actor: 'u-42', reason: 'by phone' }, async (same) => {
        expect(same).toBe(client);
        await same.query('INSERT INTO settings VALUES (1, 5)');
        await daybook.record({ action: 'inner' });
        await daybook.record({ action: 'signed', actor: 'u-7', correlation_id: null });
      });
    const common = { metadata: { reason: 'by phone' } };
    expect(await entries()).toMatchObject([
      { ...common, action: 'inner', actor: 'u-42', actor_type: 'user', correlation_id: 'request-9' },
      { ...common, action: 'signed', actor: 'u-7', correlation_id: null },
    ]);
    await daybook.record({ action: 'outside' });
    expect((await entries())[2]).toMatchObject({ actor: 'unknown', metadata: {} });
    expect(await levels()).toEqual([5]);
  });

  it('signs the entries of captured rows', async () => {
    const store = await trail.open();
    await client.query('CREATE TABLE public.accounts (id int PRIMARY KEY, plan text)');
    try {
      const opened = await openTrail(trail.url);
      await opened.capture(['accounts'], { requireActor: true, actor: 'deploy' });
      await opened.close();
      await expect(client.query(`INSERT INTO accounts VALUES (1, 'free')`)).rejects.toThrow(/must say who/);
      expect(await refusal(daybook.record({ action: 'x', entity_type: 'accounts' }))).toMatchObject({
        kind: 'refused',
        field: 'actor',
      });
      await daybook.transaction({ actor: 'u-42', recordedBy: 'deploy@web-1' }, async () => {
        await client.query(`INSERT INTO accounts VALUES (1, 'free')`);
        await daybook.record({ action: 'welcomed', entity_type: 'accounts', entity_id: '1' });
      });
      const { set } = contextSql({ actor: 'u-8', actorType: 'moderator' }, { engine: 'postgres' });
      await client.query('BEGIN');
      await client.query(set.sql, [...set.parameters]);
      await client.query(`UPDATE accounts SET plan = 'pro'`);
      await client.query('COMMIT');
      expect((await entries()).slice(1)).toMatchObject([
        { action: 'create', actor: 'u-42', recorded_by: 'deploy@web-1' },
        { action: 'welcomed', actor: 'u-42', recorded_by: 'deploy@web-1' },
        { action: 'update', actor: 'u-8', actor_type: 'moderator' },
      ]);
    } finally {
      await store.removeCaptures(['accounts'], { actor: 'x', actor_type: 'user', recorded_by: null });
      await client.query('DROP TABLE accounts');
    }
  });

  it('takes all of a transaction back, and hands on what was thrown', async () => {
    const own = new Error('stale');
    const work = daybook.transaction({ actor: 'u-1' }, async () => {
      await client.query('INSERT INTO settings VALUES (1, 5)');
      await daybook.record({ action: 'x' });
      throw own;
    });
    await expect(work).rejects.toBe(own);
    await expect(
      daybook.transaction({ actor: 'u-1' }, async () => client.query('INSERT INTO settings VALUES (1, NULL)')),
    ).rejects.toMatchObject({ code: '23502' });
    expect([await levels(), await entries(), client.getTransactionStatus()]).toEqual([[], [], 'I']);
  });

  it('says so where an error was caught and the server has taken all back', async () => {
    const work = daybook.transaction({ actor: 'u-1' }, async () => {
      await daybook.record({ action: 'x' });
      await client.query('SELECT 1 / 0').catch(() => undefined);
    });
    expect(await refusal(work)).toMatchObject({ kind: 'failed', message: expect.stringContaining('taken back') });
    expect(await entries()).toEqual([]);
  });

  it('is a savepoint in a transaction that is open, and the context around it holds again', async () => {
    await daybook.transaction({ actor: 'outer', reason: 'why' }, async () => {
      await daybook.transaction({ actor: 'inner' }, async () => daybook.record({ action: 'a' }));
      await daybook.record({ action: 'b' });
      await expect(
        daybook.transaction({ actor: 'failing' }, async () => {
          await daybook.record({ action: 'c' });
          await client.query('SELECT 1 / 0');
        }),
      ).rejects.toMatchObject({ code: '22012' });
      await daybook.record({ action: 'd' });
    });
    expect((await entries()).map(({ action, actor, metadata }) => [action, actor, metadata])).toEqual([
      ['a', 'inner', {}],
      ['b', 'outer', { reason: 'why' }],
      ['d', 'outer', { reason: 'why' }],
    ]);
  });

  it('finds out by itself whether a transaction is open, where the driver cannot say', async () => {
    const least: PostgresClient = { query: (...words: [string]) => client.query(...words) };
    const other = attachPostgres(least);
    await other.transaction(
      { actor: 'u-1' },
      async () => void (await other.record([{ action: 'a' }, { action: 'b' }])),
    );
    await client.query('BEGIN');
    await other.transaction({ actor: 'u-2' }, async () => void (await other.record({ action: 'c' })));
    await client.query('ROLLBACK');
    await other.record([{ action: 'd' }, { action: 'e' }]);
    expect((await entries()).map(({ action }) => action)).toEqual(['a', 'b', 'd', 'e']);
  });

  it('takes an entry back once', async () => {
    await daybook.record({ action: 'x', id: 'x-1', entity_type: 'a', entity_id: '1' });
    const by = { actor: 'u-7', reason: 'was somebody else' };
    expect(await refusal(daybook.revert('nobody', by))).toMatchObject({ kind: 'missing', field: 'key' });
    await daybook.revert('x-1', by);
    expect((await entries())[1]).toMatchObject({ reverts: 'x-1', actor: 'u-7', message: 'was somebody else' });
    expect(await refusal(daybook.revert('x-1', by))).toMatchObject({ kind: 'refused' });
    expect(await refusal(daybook.record({ action: 'y', reverts: 'x-1' }))).toMatchObject({ kind: 'refused' });
    expect(await entries()).toHaveLength(2);
  });

  it('takes an entry back once, whoever tries at the same moment', async () => {
    await daybook.record({ action: 'x', id: 'x-1' });
    const pool = new Pool({ connectionString: trail.url, max: 4 });
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => attachPostgres(pool).revert('x-1', { actor: `u-${at}`, reason: 'r' })),
    );
    await pool.end();
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await entries()).toHaveLength(2);
  });

  it('takes a client of a pool, and gives it back', async () => {
    const pool = new Pool({ connectionString: trail.url, max: 1 });
    const pooled = attachPostgres(pool);
    try {
      await pooled.record({ action: 'a', actor: 'u-1' });
      const given = await pooled.transaction({ actor: 'u-2' }, async (taken, inside) => {
        await taken.query('CREATE TEMP TABLE t (x int)');
        await inside.record({ action: 'b' });
        await pooled.recordIn(taken, { action: 'c' });
        return 7;
      });
      expect(given).toBe(7);
      const boom = new Error('boom');
      await expect(
        pooled.transaction({ actor: 'u-3' }, async (_taken, inside) => {
          await inside.record({ action: 'gone' });
          throw boom;
        }),
      ).rejects.toBe(boom);
      expect(await refusal(pooled.recordIn(pool, { action: 'x' }))).toMatchObject({ field: 'client' });
      expect((await entries()).map(({ action, actor }) => [action, actor])).toEqual([
        ['a', 'u-1'],
        ['b', 'u-2'],
        ['c', 'u-2'],
      ]);
      expect(pool.idleCount).toBe(1);
    } finally {
      await pool.end();
    }
  });

  it('does not use a client again whose connection is lost', async () => {
    const pool = new Pool({ connectionString: trail.url, max: 1 });
    pool.on('error', () => undefined);
    try {
      await expect(
        attachPostgres(pool).transaction({ actor: 'u-1' }, async (taken, inside) => {
          taken.on('error', () => undefined);
          const { rows } = await taken.query('SELECT pg_backend_pid() AS pid');
          await client.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
          await inside.record({ action: 'x' });
        }),
      ).rejects.toMatchObject({ kind: 'busy' });
      await attachPostgres(pool).record({ action: 'after' });
      expect((await entries()).map(({ action }) => action)).toEqual(['after']);
    } finally {
      await pool.end();
    }
  });

  it('records as a role that may only that, and says what is missing', async () => {
    const { folder, database } = await newDatabase();
    const address = urlOf(folder, database);
    const owner = new Client({ connectionString: address });
    await owner.connect();
    try {
      expect(await refusal(attachPostgres(owner).record({ action: 'x' }))).toMatchObject({ kind: 'missing' });
      expect(await initializeTrail(address, { actor: 'deploy', schema: 'my trail' })).toMatchObject({
        outcome: 'created',
      });
      const inSchema = attachPostgres(owner, { schema: 'my trail', redact: ['password'] });
      await inSchema.record({ action: 'x', metadata: { password: 'secret' } });
      psql(folder, database, 'CREATE ROLE library_user LOGIN');
      await owner.query('SET ROLE library_user');
      expect(await refusal(attachPostgres(owner, { schema: 'my trail' }).record({ action: 'y' }))).toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('no right'),
      });
      await owner.query('RESET ROLE');
      const opened = await openTrail(address, { schema: 'my trail', readonly: true });
      expect(await opened.page({})).toMatchObject({ entries: [{ action: 'x', metadata: { password: '[redacted]' } }] });
      await opened.close();
    } finally {
      await owner.end();
    }
  });
});
