import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { cli, fromLines, json, ok, trail } from '../support/cli.js';
import { psql } from '../support/postgres-cluster.js';
import { djangoAuditlog } from '../support/sources.js';

const fixture = (name: string): string => path.resolve(import.meta.dirname, '../../fixtures/proconnect', name);

describe.skipIf(!HAS_POSTGRES)('a live table in PostgreSQL as a source', () => {
  let folder: string;
  let database: string;
  let url: string;

  beforeAll(async () => {
    ({ folder, database } = await newDatabase());
    url = urlOf(folder, database);
    psql(folder, database, readFileSync(fixture('schema.sql'), 'utf8'));
    const rows = readFileSync(fixture('audit_logs.ndjson'), 'utf8').trim().split('\n');
    const values = rows.map((row) => `('${row.replaceAll("'", "''")}'::json)`).join(',');
    psql(
      folder,
      database,
      `SET session_replication_role = replica; INSERT INTO audit_logs OVERRIDING SYSTEM VALUE SELECT r.* FROM (VALUES ${values}) AS v (line), json_populate_record(NULL::audit_logs, v.line) AS r`,
    );
  });

  const entries = async (): Promise<Record<string, unknown>[]> =>
    fromLines(await ok(['export', '--format', 'ndjson'])).map(({ seq: _seq, recorded_at: _at, ...entry }) => entry);

  test('gives what its export to a file gives, and is compared with it', async () => {
    const counts = await json(['import', 'audit-logs', fixture('audit_logs.ndjson'), '--format', 'json']);
    const again = await json(['import', 'audit-logs', url, '--format', 'json']);
    expect(again).toMatchObject({ read: counts['read'], recorded: 0, skipped: counts['recorded'], rejected: 0 });
    expect(counts['read']).toBeGreaterThan(10);
    expect(await cli(['import', 'audit-logs', url, '--verify'])).toMatchObject({ code: 0 });
  });

  test('goes into a trail in the same database, and is only read', async () => {
    const before = psql(folder, database, 'SELECT md5(string_agg(a::text, chr(10) ORDER BY id)) FROM audit_logs AS a');
    await ok(['init'], { db: url });
    await ok(['import', 'audit-logs', url], { db: url });
    await ok(['import', 'audit-logs', fixture('audit_logs.ndjson')]);
    const inPostgres = fromLines(await ok(['export', '--format', 'ndjson', '--source', 'audit_logs'], { db: url }));
    const ids = (await entries()).filter(({ source }) => source === 'audit_logs').map(({ id }) => id);
    expect(inPostgres.map(({ id }) => id)).toEqual(ids);
    expect(psql(folder, database, 'SELECT md5(string_agg(a::text, chr(10) ORDER BY id)) FROM audit_logs AS a')).toBe(
      before,
    );
  });

  test('is read page by page by any key, each row once', async () => {
    psql(
      folder,
      database,
      `CREATE TABLE "Odd ""Name""" (tenant text, at timestamptz, what text NOT NULL, PRIMARY KEY (tenant, at));
       INSERT INTO "Odd ""Name""" SELECT 't' || n % 3, timestamptz '2026-01-01 00:00:00+00' + n * interval '1.000001 second', 'w' || n FROM generate_series(1, 1234) AS n`,
    );
    const table = ['--table', 'Odd "Name"', '--map', 'ts=at', '--map', 'action=what', '--map', 'id=what'];
    const { code, stdout, stderr } = await cli(['import', 'ndjson', url, ...table, '--format', 'json']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ read: 1234, recorded: 1234 });
    expect(new Set((await entries()).map(({ action }) => action)).size).toBe(1235);
  });

  describe('with other tables to look into', () => {
    const events = ['--table', 'events', '--map', 'ts=at', '--map', 'action="seen"', '--map', 'id=n'];
    const looking = (scope: string, ...more: readonly string[]): string[] => [
      'import',
      'ndjson',
      url,
      ...events,
      '--map',
      'entity_type="thing"',
      '--map',
      'entity_id=thing',
      '--scope-from',
      scope,
      ...more,
    ];

    beforeAll(() => {
      psql(
        folder,
        database,
        `CREATE SCHEMA other;
         CREATE TABLE other.things (id int PRIMARY KEY, "Site Id" text, key uuid UNIQUE, name varchar(9) UNIQUE, price numeric UNIQUE, snowflake bigint UNIQUE);
         INSERT INTO other.things SELECT n, CASE WHEN n % 3 > 0 THEN 's' || n % 3 END, ('00000000-0000-0000-0000-' || lpad(n::text, 12, 'a'))::uuid, 'n' || n, n, 9223372036854775808 - n
           FROM generate_series(1, 700) AS n;
         CREATE TABLE events (n int PRIMARY KEY, at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00Z', thing text);
         INSERT INTO events (n, thing) SELECT n, n FROM generate_series(1, 1203) AS n;
         INSERT INTO events (n, thing) VALUES (2001, 'x'), (2002, NULL), (2003, repeat('9', 30)), (2004, '00000000-0000-0000-0000-aaAaaaaaaaa1'),
           (2005, 'n1'), (2006, '1.0'), (2007, '9223372036854775807'), (2008, '9223372036854775808')`,
      );
    });

    const scopes = async (): Promise<Map<unknown, unknown>> =>
      new Map((await entries()).map(({ entity_id: thing, scope }) => [thing, scope]));

    test('finds the scope of each entity, page by page, and of none that is not there', async () => {
      await ok(looking('site=other.things(id, Site Id)'));
      const found = await scopes();
      for (let n = 1; n <= 1203; n++) {
        expect(found.get(String(n))).toBe(n <= 700 && n % 3 > 0 ? `site:s${n % 3}` : null);
      }
      expect(found.get('x')).toBeNull();
      expect(await cli(looking('site=other.things(id, Site Id)', '--verify'))).toMatchObject({ code: 0 });
    });

    test.each([
      ['key', '00000000-0000-0000-0000-aaAaaaaaaaa1'],
      ['name', 'n1'],
      ['price', '1'],
      ['snowflake', '9223372036854775807'],
    ])('compares a %s as what it is', async (column, thing) => {
      await ok(looking(`thing=other.things(${column}, id)`));
      expect((await scopes()).get(thing)).toBe('thing:1');
    });

    test.each([
      ['nothing(id, site)', /no table "nothing" to look into/],
      ['other.things(id, site)', /table other.things has no column "site": it has id, Site Id, key/],
    ])('says so of %s before it records anything', async (scope, says) => {
      expect(await cli(looking(scope))).toMatchObject({ code: 2, stderr: expect.stringMatching(says) });
      expect(await entries()).toEqual([]);
    });

    test('knows the models and users of django-auditlog, where there are any', async () => {
      const file = djangoAuditlog(path.dirname(await trail()));
      await ok(['import', 'django-auditlog', file, '--assume-tz', 'UTC']);
      const sqlite = await entries();
      const { default: Database } = await import('better-sqlite3');
      const django = new Database(file, { readonly: true });
      const moved = (table: string): void => {
        const rows = django.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
        const columns = Object.keys(rows[0] ?? {}).map((column) => `"${column}"`);
        const values = rows.map((row) => `(${Object.values(row).map(asLiteral).join(', ')})`);
        psql(
          folder,
          database,
          `CREATE TABLE ${table} (${columns.join(' text, ').replace('"id" text', '"id" int PRIMARY KEY')} text);
           INSERT INTO ${table} VALUES ${values.join(', ')}`,
        );
      };
      const types = async (source: string): Promise<unknown[]> => {
        await ok(['import', 'django-auditlog', url, '--source', source, '--assume-tz', 'UTC']);
        return told((await entries()).filter((entry) => entry['source'] === source));
      };
      const told = (of: readonly Record<string, unknown>[]): unknown[] =>
        of.map(({ entity_type: type, actor_name: name, entity_id: id }) => [type, name, id]);
      moved('auditlog_logentry');
      expect(new Set((await types('alone')).map((row) => (row as string[])[0]))).toEqual(
        new Set(['content_type.7', 'content_type.8']),
      );
      moved('django_content_type');
      moved('auth_user');
      django.close();
      expect(sqlite.length).toBeGreaterThan(5);
      expect(await types('joined')).toEqual(told(sqlite.filter(({ source }) => source === 'django-auditlog')));
    });
  });

  describe('as a list of names', () => {
    const listed = async (db?: string): Promise<string[]> =>
      (await ok(['actors', 'list', '--format', 'csv'], db === undefined ? {} : { db })).trim().split('\n').slice(1);
    const from = (text: string, ...more: readonly string[]): string[] => [
      'actors',
      'import',
      '--from',
      text,
      '--format',
      'json',
      ...more,
    ];

    beforeAll(() => {
      psql(
        folder,
        database,
        `CREATE SCHEMA core; CREATE SCHEMA "Odd.";
         CREATE TABLE core.accounts (id int PRIMARY KEY, username text, email text, picture bytea);
         INSERT INTO core.accounts SELECT n, nullif('user ' || n, 'user 7'), nullif('u' || n || '@example.org', 'u8@example.org') FROM generate_series(1, 2345) AS n;
         CREATE VIEW core.people AS SELECT id, username FROM core.accounts WHERE id <= 1500;
         CREATE TABLE "Odd."."Some ""one""" (id text, "Full Name" text); INSERT INTO "Odd."."Some ""one""" VALUES ('a', 'A');
         CREATE TABLE nameless (id int, name text); INSERT INTO nameless VALUES (1, 'A'), (NULL, 'B')`,
      );
    });

    test('a table is read page by page, a view in one go, out of any schema', async () => {
      await ok(['init', '--quiet'], { db: url });
      const counts = { read: 2345, added: 2344, unnamed: 1 };
      expect(await json(from('core.accounts(ID, username, email)'), { db: url })).toMatchObject(counts);
      expect(await listed(url)).toContain('8,user 8,');
      expect(await listed(url)).toContain('2345,user 2345,u2345@example.org');
      expect(await json(from('core.people(id, username)'), { db: url })).toMatchObject({ read: 1500, added: 0 });
      const odd = from('"Odd."."Some ""one"""(id, "Full Name")', '--scope', 'team');
      expect(await json(odd, { db: url })).toMatchObject({ added: 1 });
      expect(await listed(url)).toContain('team:a,A,');
      // A view is read as a table is: without what the database is set to.
      psql(
        folder,
        database,
        `CREATE VIEW core.days AS SELECT timestamptz '2026-01-02 03:04:05Z' AS at, 'a day' AS name; ALTER DATABASE ${database} SET datestyle = 'German'`,
      );
      expect(await json(from('core.days(at, name)'), { db: url })).toMatchObject({ added: 1 });
      expect(await listed(url)).toContain('2026-01-02 03:04:05+00,a day,');
    });

    test('attached, they come from another database, also into a trail in a file', async () => {
      await trail();
      const attached = ['--attach', `app=${url}&password=s3cr3t`];
      expect(await json(from('app.core.accounts(id, username)', ...attached))).toMatchObject({ added: 2344 });
      psql(
        folder,
        database,
        `CREATE TABLE staff (id text PRIMARY KEY, name text); INSERT INTO staff VALUES ('z', 'Zoe')`,
      );
      expect(await json(from('app.staff(id, name)', ...attached))).toMatchObject({ added: 1 });
      expect(await listed()).toContain('z,Zoe,');
      const entry = await ok(['history', '--action', 'actors_import', '-n', '1', '--format', 'ndjson']);
      expect(entry).toContain('app.staff(id, name)');
      expect(entry).not.toContain('s3cr3t');
    });

    test.each<[words: string[], code: number, says: string]>([
      [['none(id, name)'], 4, 'no table "none"'],
      [['core.none(id, name)'], 4, 'no table "core.none"'],
      [['core.accounts(id, nickname)'], 2, 'table core.accounts has no column "nickname": it has id, username'],
      [['core.accounts(id, picture)'], 6, 'the column "picture" holds bytes'],
      [['nameless(id, name)'], 6, 'a row of nameless: id is null'],
      [['a.b.accounts(id, name)'], 2, 'no database is attached as "a"'],
      [['core.accounts(id, name)', '--attach', 'x=y.db'], 2, '--attach x: --from does not read from there'],
    ])('%j ends with %i', async (words, code, says) => {
      const [text = '', ...more] = words;
      const answer = await cli(from(text, ...more), { db: url });
      expect(answer).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
    });
  });

  test.each<[what: string, sql: string, words: readonly string[], code: number, says: RegExp]>([
    ['a table that is not there', 'SELECT', ['audit-logs', '--table', 'nothing'], 4, /no table "nothing"/],
    [
      'a table without a key',
      'CREATE TABLE keyless (a int)',
      ['audit-logs', '--table', 'keyless'],
      2,
      /no key to read by/,
    ],
    ['a view', 'CREATE VIEW seen AS SELECT 1 AS id', ['audit-logs', '--table', 'seen'], 2, /no key to read by/],
    ['a format that lives in SQLite alone', 'SELECT', ['sqlite-history-json'], 2, /does not live there/],
    ['no table', 'SELECT', ['notes', '--key', 'id', '--column', 'x'], 2, /--table is missing/],
  ])('says so of %s', async (_what, sql, words, code, says) => {
    psql(folder, database, sql);
    const answer = await cli(['import', words[0] ?? '', `${url}&password=s3cr3t`, ...words.slice(1)]);
    expect(answer).toMatchObject({ code, stderr: expect.stringMatching(says) });
    expect(answer.stderr).not.toContain('s3cr3t');
  });
});

const asLiteral = (value: unknown): string =>
  value === null ? 'NULL' : `'${String(value as string | number).replaceAll("'", "''")}'`;
