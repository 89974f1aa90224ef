import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { AuditStore, Executed, ExecuteRequest } from '../../src/store/audit-store.js';
import { statementsOf } from '../../src/store/postgres/exec/sql-script.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
import { fixture } from '../support/sources.js';
import { HAS_POSTGRES, newDatabase, urlOf } from './postgres-trail.js';
import { ACTOR, NOW } from './trail.js';

let store: AuditStore;
let app: Client;

beforeAll(async () => {
  if (!HAS_POSTGRES) return;
  const { folder, database } = await newDatabase();
  const address = addressOf(urlOf(folder, database));
  await initialize({ address, schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
  const presence = { host: 'here', pid: 1, lives: () => true };
  const options = { address, schema: 'daybook', readonly: false, busyTimeout: 1000, clock: () => NOW, presence };
  store = await openPostgres(options);
  app = new Client({ connectionString: urlOf(folder, database) });
  await app.connect();
  await app.query(`CREATE TABLE other (id int PRIMARY KEY); CREATE TYPE mood AS ENUM ('a');
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, password text,
      other int REFERENCES other DEFERRABLE INITIALLY DEFERRED)`);
  const nothing = { entityType: null, scope: null, actorColumn: null, nameColumn: null };
  const lists = { ignore: [], redact: ['password'], keep: [], json: [], requireActor: false };
  await store.addCaptures(['people'], { ...nothing, ...lists }, ACTOR);
});

beforeEach(async () => {
  if (HAS_POSTGRES) await app.query(`DELETE FROM people`);
});

afterAll(async () => {
  if (!HAS_POSTGRES) return;
  await store.close();
  await app.end();
});

function exec(sql: string, asked: Partial<ExecuteRequest> = {}): Promise<Executed> {
  const actor = { actor: 'ines', actor_type: 'migration', recorded_by: 'root@host' };
  return store.execute({ sql, actor, reason: 'why', correlationId: 'm7', foreignKeys: false, dryRun: false, ...asked });
}

describe.skipIf(!HAS_POSTGRES)('exec in PostgreSQL', () => {
  test('runs all in one transaction, and captured entries say who and why', async () => {
    const done = await exec(`INSERT INTO people VALUES (1, 'a?'), (2, 'b');
      -- a comment; with a semicolon
      UPDATE people SET name = 'c;' WHERE id = 1; SELECT 1;`);
    expect(done).toMatchObject({ statements: 3, rows: 3, entries: 3, wouldRecord: [] });
    const entry = await store.find({ seq: done.lastSeq ?? 0 });
    expect(entry).toMatchObject({
      action: 'update',
      actor: 'ines',
      actor_type: 'migration',
      recorded_by: 'root@host',
      correlation_id: 'm7',
      metadata: '{"table":"people","reason":"why"}',
    });
    await app.query(`INSERT INTO people VALUES (3, 'x')`);
    expect((await store.find({ seq: (done.lastSeq ?? 0) + 1 }))?.actor).toBe('unknown');
  });

  test('shows what a dry run would record, and changes nothing', async () => {
    const done = await exec(`INSERT INTO people VALUES (9, 'a')`, { dryRun: true });
    expect(done.wouldRecord.map(({ action, entity_id: id }) => `${action} ${id}`)).toEqual(['create 9']);
    expect((await app.query(`SELECT FROM people WHERE id = 9`)).rowCount).toBe(0);
  });

  test.each([
    ['no SQL', ' -- nothing', 'usage', 'the SQL holds no statement'],
    ['wrong SQL', `SELECT 1;\nSELEC 2`, 'usage', 'line 2, SELEC 2: syntax error'],
    ['a table that is not there', 'DELETE FROM nobody', 'usage', 'relation "nobody" does not exist'],
    ['a parameter', 'SELECT $1', 'usage', 'line 1'],
    ['COMMIT', 'COMMIT; DELETE FROM people', 'usage', 'COMMIT is refused'],
    ['BEGIN without COMMIT', 'BEGIN; DELETE FROM people', 'usage', 'line 1, BEGIN: BEGIN is refused'],
    ['BEGIN within BEGIN', 'BEGIN; DELETE FROM people; BEGIN; COMMIT', 'usage', 'BEGIN is refused'],
    ['a second COMMIT', 'BEGIN; DELETE FROM people; COMMIT; COMMIT', 'usage', 'COMMIT is refused'],
    ['COMMIT AND CHAIN', 'BEGIN; DELETE FROM people; COMMIT AND CHAIN', 'usage', 'BEGIN is refused'],
    [
      'a value of an enum that is new',
      `BEGIN; ALTER TYPE mood ADD VALUE 'b'; COMMIT; SELECT 'b'::mood`,
      'usage',
      'unsafe use of new value "b" of enum type mood',
    ],
    [
      'a table with checks to come',
      `INSERT INTO people VALUES (1, 'a'); UPDATE people SET other = 3; ALTER TABLE people ADD COLUMN x int`,
      'usage',
      'pending trigger events',
    ],
    ['ROLLBACK', 'DELETE FROM people; ROLLBACK', 'usage', 'ROLLBACK is refused'],
    ['PREPARE TRANSACTION', `PREPARE TRANSACTION 'x'`, 'usage', 'PREPARE is refused'],
    ['VACUUM', 'VACUUM people', 'usage', 'VACUUM cannot run inside a transaction block'],
    ['a constraint', `INSERT INTO people VALUES (1, NULL)`, 'refused', 'violates not-null constraint'],
    ['a deferred constraint', `INSERT INTO people VALUES (1, 'a', NULL, 5)`, 'refused', 'violates foreign key'],
    ['a trigger of the application', `DO $$ BEGIN RAISE 'not now'; END $$`, 'refused', 'not now'],
    ['TRUNCATE of a captured table', 'TRUNCATE people', 'refused', 'use DELETE FROM people'],
    ['an entry', `DELETE FROM daybook.daybook_entries`, 'refused', 'entries are only deleted by'],
    ['the guards', `DROP TRIGGER daybook_append_only ON daybook.daybook_entries`, 'usage', 'belongs to the trail'],
    ['settings of the trail', `DELETE FROM daybook.daybook_captures`, 'usage', 'belongs to the trail'],
    [
      'a function of the trail',
      `ALTER FUNCTION daybook.daybook_capture() SECURITY INVOKER`,
      'usage',
      'belongs to the trail',
    ],
  ])('refuses %s, and leaves nothing behind', async (_what, sql, kind, message) => {
    await app.query(`INSERT INTO people VALUES (50, 'stays')`);
    const before = await store.extent({});
    await expect(exec(`${sql}`)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) as string });
    expect((await store.extent({})).lastSeq).toBe(before.lastSeq);
    expect((await app.query('SELECT FROM people')).rowCount).toBe(1);
  });

  test('runs what migration tools generate, and has captures follow other names', async () => {
    await exec(`BEGIN;
      ALTER TABLE "people" RENAME COLUMN "password" TO "pw"; --> statement-breakpoint
      ALTER TABLE people ADD COLUMN extra int DEFAULT 1 NOT NULL;
      CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;
      ALTER TABLE people RENAME TO persons;
      COMMIT;`);
    const [capture] = await store.captures();
    expect(capture).toMatchObject({
      table: 'persons',
      problem: null,
      settings: { entityType: 'people', redact: ['pw'] },
    });
    await app.query(`INSERT INTO persons VALUES (1, 'a', 'secret')`);
    const { lastSeq } = await store.extent({});
    expect((await store.find({ seq: lastSeq }))?.new_values).toBe(
      '{"id":1,"name":"a","pw":"[redacted]","other":null,"extra":1}',
    );
    await exec(
      'ALTER TABLE persons RENAME TO people; ALTER TABLE people RENAME COLUMN pw TO password; ALTER TABLE people DROP COLUMN extra',
    );
    expect((await store.captures())[0]).toMatchObject({
      table: 'people',
      problem: null,
      settings: { redact: ['password'] },
    });
  });
});

/** Who generates, what it calls the tables, the second one later, and the columns of an order's customer and a customer's token. */
const GENERATED = [
  ['prisma', 'Customer', 'Order', 'Order', 'customerId', 'token'],
  ['drizzle', 'customers', 'orders', 'orders', 'customer_id', 'api_token'],
  ['django', 'shop_customer', 'shop_order', 'shop_purchase', 'customer_id', 'api_token'],
] as const;

describe.skipIf(!HAS_POSTGRES).each(GENERATED)(
  'what %s generates for PostgreSQL',
  (tool, customers, orders, later, customer, token) => {
    const migration = (number: number): string =>
      readFileSync(fixture(`migrations/postgres/${tool}-${number}.sql`), 'utf8');
    const entries = async (correlation: string): Promise<unknown[]> => {
      const { rows } = await app.query(
        `SELECT action, entity_type AS type, entity_id AS id, changed_fields::text AS changed, new_values AS values FROM daybook.daybook_entries WHERE correlation_id = $1 ORDER BY seq`,
        [correlation],
      );
      return rows;
    };

    beforeAll(async () => {
      await exec(migration(1), { correlationId: `${tool}-1` });
      await app.query(`INSERT INTO "${customers}" (email, token) VALUES ('a@x', 's1'), ('b@x', 's2')`);
      await app.query(
        `INSERT INTO "${orders}" ("${customer}", total, memo, status) VALUES (1, 5, 'm', 'open'), (2, 6, NULL, 'paid')`,
      );
      const nothing = { entityType: null, scope: null, actorColumn: null, nameColumn: null };
      const lists = { ignore: [], keep: [], json: [], requireActor: false };
      await store.addCaptures([customers], { ...nothing, ...lists, redact: ['token'] }, ACTOR);
      await store.addCaptures([orders], { ...nothing, ...lists, redact: [], ignore: ['memo'] }, ACTOR);
    });

    test('leaves no half of it where it fails', async () => {
      await app.query(`INSERT INTO "${customers}" (id, email) VALUES (9, 'a@x')`);
      const before = await store.captures();
      await expect(exec(migration(2))).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringMatching(/could not create unique index .*nothing was changed$/) as string,
      });
      expect(await store.captures()).toEqual(before);
      await app.query(`DELETE FROM "${customers}" WHERE id = 9`);
    });

    test('keeps the rows, and captures go on under other names, without what is dropped and without a gap', async () => {
      const changed = tool === 'django' ? 1 : 0;
      await app.query(`UPDATE "${orders}" SET total = NULL WHERE id = 2 AND ${changed} = 1`);
      await exec(migration(2), { correlationId: `${tool}-2` });
      // Django gives the rows a value before it forbids that they have none.
      expect(await entries(`${tool}-2`)).toMatchObject(
        changed === 1 ? [{ action: 'update', type: orders, id: '2', changed: '["total"]', values: { total: 0 } }] : [],
      );
      const captures = (await store.captures()).filter(({ settings }) =>
        [customers, orders].some((name) => name === settings.entityType),
      );
      expect(captures.map(({ table, problem, spans }) => [table, problem, spans.map(({ ended }) => ended)])).toEqual(
        [customers, later].toSorted().map((table) => [table, null, [null]]),
      );
      const settings = new Map(captures.map((capture) => [capture.table, capture.settings]));
      expect(settings.get(customers)?.redact).toEqual([token]);
      expect(settings.get(later)?.ignore).toEqual([]);
      await app.query('BEGIN');
      await app.query(`SELECT set_config('daybook.correlation_id', '${tool}-3', true)`);
      await app.query(`UPDATE "${customers}" SET "${token}" = 's3', name = 'y' WHERE id = 1`);
      await app.query(`UPDATE "${later}" SET status = 'paid' WHERE id = 1`);
      await app.query('COMMIT');
      expect(await entries(`${tool}-3`)).toMatchObject([
        { type: customers, id: '1', changed: `["${token}","name"]`, values: { [token]: '[redacted]', name: 'y' } },
        { type: orders, id: '1', changed: '["status"]', values: { status: 'paid' } },
      ]);
      const { rows } = await app.query(`SELECT id::int, total FROM "${later}" ORDER BY id`);
      expect(rows).toEqual([
        { id: 1, total: 5 },
        { id: 2, total: changed === 1 ? 0 : 6 },
      ]);
    });
  },
);

describe('a script of PostgreSQL', () => {
  test.each<[string, readonly string[]]>([
    [`a; b`, ['a', ' b']],
    [`'a;''b'; "c;" ; E'\\';'`, [`'a;''b'`, `"c;" `, `E'\\';'`]],
    [`/* a; /* b; */ c; */ d; -- e;\nf`, ['d', 'f']],
    [`DO $x$ a; $$ b; $$ $x$; c$1$d; e`, [`DO $x$ a; $$ b; $$ $x$`, `c$1$d`, 'e']],
    [`CREATE RULE r AS ON INSERT TO t DO (a; b); c`, [`CREATE RULE r AS ON INSERT TO t DO (a; b)`, 'c']],
    [
      `CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC a; b CASE c END; END; d`,
      [`CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC a; b CASE c END; END`, 'd'],
    ],
    [`;;`, []],
    [`'open; text`, [`'open; text`]],
  ])('is parted as psql would part it: %s', (script, parts) => {
    expect(statementsOf(script).map(({ text }) => text.trim())).toEqual(parts.map((part) => part.trim()));
  });
});
