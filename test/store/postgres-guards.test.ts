import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { cli, ok } from '../support/cli.js';
import { psql } from '../support/postgres-cluster.js';
import { HAS_POSTGRES, isKnownThere, makePostgresTrail, newDatabase, urlOf } from './postgres-trail.js';
import type { PostgresTrail } from './postgres-trail.js';
import { carryOut, NOW, numbered, planOf, readAll, recordAll, rule } from './trail.js';

const ENTRIES = 'daybook.daybook_entries';

async function newTrail(): Promise<PostgresTrail> {
  const trail = await makePostgresTrail();
  onTestFinished(() => trail.remove());
  return trail;
}

/** A connection as a role of this name, which is made for the test. */
async function connectAs(trail: PostgresTrail, role: string): Promise<Client> {
  const owner = await trail.plain();
  await owner.query(`DROP ROLE IF EXISTS ${role}`).catch(() => owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  await owner.query(`CREATE ROLE ${role} LOGIN`);
  onTestFinished(async () => {
    const last = new Client({ connectionString: trail.url });
    await last.connect();
    await last.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await last.end();
  });
  const client = new Client({ connectionString: trail.url.replace('user=owner', `user=${role}`) });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe.skipIf(!HAS_POSTGRES)('the guards of a trail in PostgreSQL', () => {
  const attempts: [what: string, sql: string][] = [
    ['UPDATE', `UPDATE ${ENTRIES} SET message = 'x'`],
    ['DELETE', `DELETE FROM ${ENTRIES}`],
    ['DELETE of nothing', `DELETE FROM ${ENTRIES} WHERE FALSE`],
    ['TRUNCATE', `TRUNCATE ${ENTRIES}`],
    ['TRUNCATE CASCADE', `TRUNCATE ${ENTRIES} CASCADE`],
    [
      'ON CONFLICT DO UPDATE',
      `INSERT INTO ${ENTRIES} (id, action) VALUES ('a', 'x') ON CONFLICT (id) DO UPDATE SET message = 'x'`,
    ],
    ['MERGE', `MERGE INTO ${ENTRIES} e USING (SELECT 'a' AS id) s ON e.id = s.id WHEN MATCHED THEN DELETE`],
    ['replica mode', `SET session_replication_role = replica; DELETE FROM ${ENTRIES}`],
    ['replica mode, TRUNCATE', `SET session_replication_role = replica; TRUNCATE ${ENTRIES}`],
    ['a function', `DO $$ BEGIN DELETE FROM ${ENTRIES}; END $$`],
    ['a seq of its own', `INSERT INTO ${ENTRIES} (seq, action) OVERRIDING SYSTEM VALUE VALUES (9007199254740991, 'x')`],
    ['a tx of its own', `INSERT INTO ${ENTRIES} (action, tx) VALUES ('x', '1')`],
    [
      'a tx of its own, in replica mode',
      `SET session_replication_role = replica; INSERT INTO ${ENTRIES} (action, tx) VALUES ('x', '1')`,
    ],
  ];
  test.each(attempts.filter(isKnownThere))('refuse %s, to the owner and superuser as well', async (_what, sql) => {
    const trail = await newTrail();
    const store = await trail.open();
    await recordAll(store, [{ id: 'a' }]);
    const program = await trail.plain();
    await expect(program.query(sql)).rejects.toMatchObject({ code: 'DB001' });
    await program.query('SET session_replication_role = origin');
    expect(await readAll(store)).toMatchObject([{ id: 'a', message: '' }]);
  });

  test('refuse a seq and a tx that come by COPY, and take what gives neither', async () => {
    const trail = await newTrail();
    const copy = (columns: string, line: string): string =>
      psql(...of(trail), `COPY ${ENTRIES} (${columns}) FROM PROGRAM 'printf "${line}\\n"'`);
    expect(() => copy('action, seq', 'x\\t77')).toThrow(/seq and tx are given by the trail/);
    expect(() => copy('action, tx', 'x\\t3')).toThrow(/seq and tx are given by the trail/);
    copy('action, message', 'copied\\tby hand');
    expect(await readAll(await trail.open())).toMatchObject([{ action: 'copied', message: 'by hand' }]);
  });

  test('let a prune delete in its own transaction alone', async () => {
    const trail = await newTrail();
    const store = await trail.open();
    await recordAll(store, numbered(10));
    const other = await trail.plain();
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    const account = await carryOut(store, plan, 3, async () => {
      await expect(other.query(`DELETE FROM ${ENTRIES}`)).rejects.toMatchObject({ code: 'DB001' });
    });
    expect(account).toMatchObject({ deleted: 10 });
  });

  test.each([
    ['the id', `id = '12'`, `INSERT INTO ${ENTRIES} (action, id) VALUES ('x', '12')`],
    ['an empty action', '', `INSERT INTO ${ENTRIES} (action) VALUES ('')`],
    ['a severity', '', `INSERT INTO ${ENTRIES} (action, severity) VALUES ('x', 'loud')`],
    ['a scope', '', `INSERT INTO ${ENTRIES} (action, scope) VALUES ('x', 'tenant')`],
    ['an entity type', '', `INSERT INTO ${ENTRIES} (action, entity_type) VALUES ('x', 'a:b')`],
    ['metadata that is no object', '', `INSERT INTO ${ENTRIES} (action, metadata) VALUES ('x', '[1]')`],
    ['a NUL in a document', '', `INSERT INTO ${ENTRIES} (action, metadata) VALUES ('x', '{"a":"\\u0000"}')`],
    ['half a surrogate', '', `INSERT INTO ${ENTRIES} (action, new_values) VALUES ('x', '{"a":"\\ud800"}')`],
    ['a year of five digits', '', `INSERT INTO ${ENTRIES} (action, ts) VALUES ('x', '10000-01-01 00:00:00+00')`],
    ['a year before the first', '', `INSERT INTO ${ENTRIES} (action, ts) VALUES ('x', '0001-12-31 00:00:00+00 BC')`],
  ])('refuse %s that no entry can have', async (_what, _is, sql) => {
    const trail = await newTrail();
    const program = await trail.plain();
    await expect(program.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^2[23]/) });
  });

  test('let a role record and read with the grants that init prints, and nothing else', async () => {
    const trail = await newTrail();
    const role = await connectAs(trail, 'recorder');
    const url = trail.url.replace('user=owner', 'user=recorder');
    const before = await cli(['note', 'machine:7', 'x'], { db: url });
    expect(before).toMatchObject({ code: 7, stderr: expect.stringContaining('recorder') });
    expect(before.stderr).toContain('--grant recorder');
    const printed = await ok(['init'], { db: trail.url });
    expect(printed).toContain('GRANT INSERT (id, ts, recorded_at');
    expect(await ok(['init', '--grant', 'recorder'], { db: trail.url })).toContain('TO "recorder";');
    expect(await ok(['note', 'machine:7', 'by the program'], { db: url })).toBe('1\n');
    await role.query(`INSERT INTO ${ENTRIES} (action, actor) VALUES ('paid', 'app')`);
    expect(await ok(['count'], { db: url })).toBe('2\n');
    const refused = [
      `UPDATE ${ENTRIES} SET message = 'x'`,
      `DELETE FROM ${ENTRIES}`,
      `TRUNCATE ${ENTRIES}`,
      `INSERT INTO ${ENTRIES} (action, tx) VALUES ('x', '1')`,
      `INSERT INTO ${ENTRIES} (action, seq) OVERRIDING SYSTEM VALUE VALUES ('x', 7)`,
      `UPDATE daybook.daybook_prunes SET state = 'open'`,
      `INSERT INTO daybook.daybook_retention (name, filter) VALUES ('all', '{}')`,
      `ALTER TABLE ${ENTRIES} DISABLE TRIGGER ALL`,
      'CREATE TABLE daybook.mine ()',
    ];
    for (const sql of refused) await expect(role.query(sql)).rejects.toMatchObject({ code: '42501' });
    const pruned = await cli(['prune', '--older-than', '1d', '--yes'], { db: url, now: '2027-01-01T00:00:00Z' });
    expect(pruned).toMatchObject({ code: 7 });
  });

  test('need no superuser, and nothing but a schema of their own', async () => {
    const { folder, database } = await newDatabase();
    psql(
      folder,
      database,
      `CREATE ROLE maker_${process.pid} LOGIN; GRANT CREATE ON DATABASE ${database} TO maker_${process.pid}`,
    );
    const url = urlOf(folder, database, `maker_${process.pid}`);
    const objects = `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'daybook'`;
    const before = psql(folder, database, objects);
    await ok(['init'], { db: url });
    await ok(['init'], { db: url });
    expect(await ok(['note', 'machine:7', 'x'], { db: url })).toBe('1\n');
    expect(psql(folder, database, objects)).toBe(before);
    expect(psql(folder, database, 'SELECT count(*) FROM pg_extension')).toBe('1\n');
  });

  test('keep two trails of one database apart, by their schemas', async () => {
    const { folder, database } = await newDatabase();
    const url = urlOf(folder, database);
    for (const schema of ['daybook', 'Other "one"']) {
      await ok(['init', '--schema', schema], { db: url });
      await ok(['note', 'machine:7', `in ${schema}`, '--schema', schema], { db: url });
    }
    const messages = ['history', '--format', 'csv', '--columns', 'message'];
    expect(await ok(messages, { db: url })).toBe('message\nin daybook\n');
    const other = { db: url, env: { DAYBOOK_SCHEMA: 'Other "one"' } };
    expect(await ok(messages, other)).toBe('message\n"in Other ""one"""\n');
    const { code, stderr } = await cli(['count', '--schema', 'third'], { db: url });
    expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.stringContaining('--schema third') });
    const inserted = `INSERT INTO "Other ""one""".daybook_entries (action) VALUES ('plain') RETURNING seq`;
    expect(psql(folder, database, inserted)).toBe('2\n');
  });

  test('give every column but the action a default', async () => {
    const trail = await newTrail();
    const program = await trail.plain();
    await program.query(`INSERT INTO ${ENTRIES} (action) VALUES ('plain')`);
    const [entry] = await readAll(await trail.open());
    expect(entry?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Math.abs(Date.parse(entry?.ts ?? '') - Date.now())).toBeLessThan(3_600_000);
    expect(Object.keys(entry ?? {})).toEqual([...ENTRY_FIELDS, 'reverted_by']);
  });
});

function of(trail: PostgresTrail): [folder: string, database: string] {
  const url = new URL(trail.url);
  return [url.searchParams.get('host') ?? '', url.pathname.slice(1)];
}
