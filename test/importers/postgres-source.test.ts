import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { cli, fromLines, json, ok } from '../support/cli.js';
import { psql } from '../support/postgres-cluster.js';

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
