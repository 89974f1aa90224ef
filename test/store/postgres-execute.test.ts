import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { AuditStore, Executed, ExecuteRequest } from '../../src/store/audit-store.js';
import { statementsOf } from '../../src/store/postgres/exec/sql-script.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
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
  await app.query(`CREATE TABLE other (id int PRIMARY KEY);
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
