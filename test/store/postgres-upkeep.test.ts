import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cli, fromLines, given, json, ok } from '../support/cli.js';
import { asServer, makeCluster, psql } from '../support/postgres-cluster.js';
import { HAS_POSTGRES, newDatabase, urlOf } from './postgres-trail.js';

const ENTRIES = 'daybook.daybook_entries';

interface Problems {
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

/** A trail of ten entries in a database that no other test uses. */
async function tenEntries(): Promise<{ folder: string; database: string; url: string }> {
  const { folder, database } = await newDatabase();
  const url = urlOf(folder, database);
  await ok(['init'], { db: url });
  const lines = Array.from({ length: 10 }, (_, index) => `{"id":"e-${index}","action":"a${index}"}\n`).join('');
  await ok(['record', '--stdin'], { db: url, input: lines });
  return { folder, database, url };
}

describe.skipIf(!HAS_POSTGRES)('upkeep of a trail in PostgreSQL', () => {
  const spoilt: readonly (readonly [sql: string, code: string, says: RegExp, mended: boolean])[] = [
    ['DROP INDEX daybook.daybook_entries_by_actor', 'schema_object_missing', /daybook_entries_by_actor/, true],
    [`DROP TRIGGER daybook_append_only ON ${ENTRIES}`, 'schema_object_missing', /daybook_append_only/, true],
    [
      `ALTER TABLE ${ENTRIES} DISABLE TRIGGER daybook_append_only`,
      'schema_object_missing',
      /daybook_append_only/,
      true,
    ],
    [`ALTER TABLE ${ENTRIES} ENABLE TRIGGER daybook_given`, 'schema_object_missing', /daybook_given/, true],
    [
      'CREATE OR REPLACE FUNCTION daybook.daybook_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
      'schema_object_missing',
      /daybook_append_only/,
      true,
    ],
    [`ALTER TABLE ${ENTRIES} DROP CONSTRAINT daybook_entries_action_check`, 'definition', /daybook_entries/, false],
    [
      `GRANT UPDATE ON ${ENTRIES} TO PUBLIC`,
      'wide_rights',
      /REVOKE UPDATE ON "daybook"\.daybook_entries FROM PUBLIC/,
      false,
    ],
    [`GRANT INSERT ON ${ENTRIES} TO pg_monitor`, 'wide_rights', /REVOKE INSERT ON .* FROM pg_monitor/, false],
    [`GRANT UPDATE (message) ON ${ENTRIES} TO pg_monitor`, 'wide_rights', /REVOKE UPDATE \(message\)/, false],
    ['GRANT DELETE ON daybook.daybook_retention TO pg_monitor', 'wide_rights', /daybook_retention/, false],
    [
      `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER mine BEFORE INSERT ON ${ENTRIES} FOR EACH ROW EXECUTE FUNCTION f()`,
      'foreign_trigger',
      /psql .*DROP TRIGGER "mine" ON "daybook"\.daybook_entries/,
      false,
    ],
    [
      `INSERT INTO daybook.daybook_retention (name, filter, max_age) VALUES ('planted', '{}', '900y')`,
      'policy_changed',
      /planted/,
      false,
    ],
  ];

  test('status tells what is missing, foreign or too wide, and init puts back what it can', async () => {
    const { folder, database, url } = await tenEntries();
    const found = async (): Promise<Problems> => json(['status', '--format', 'json'], { db: url });
    expect(await found()).toMatchObject({ problems: [] });
    for (const [sql, code, says, mended] of spoilt) {
      const undo = `${database}_undo`;
      psql(folder, 'postgres', `CREATE DATABASE ${undo} TEMPLATE ${database}`);
      psql(folder, database, sql);
      const { problems } = await found();
      expect(problems.map((problem) => problem.code)).toEqual([code]);
      expect(problems[0]?.message).toMatch(says);
      expect(await cli(['status', '--check'], { db: url })).toMatchObject({ code: 3 });
      const again = await cli(['init'], { db: url });
      expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining(mended ? 'put back' : 'is up to date') });
      expect((await found()).problems).toHaveLength(mended ? 0 : 1);
      if (mended) {
        expect(() => psql(folder, database, `DELETE FROM ${ENTRIES}`)).toThrow(/only deleted by daybook prune/);
        expect(await ok(['history', '--action', 'init', '-n', '1'], { db: url })).toContain('put back');
      }
      psql(folder, 'postgres', `DROP DATABASE ${database}; `);
      psql(folder, 'postgres', `ALTER DATABASE ${undo} RENAME TO ${database}`);
    }
  }, 120_000);

  test('an entry that a trigger keeps out is an error', async () => {
    const { folder, database, url } = await tenEntries();
    psql(
      folder,
      database,
      `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER mine BEFORE INSERT ON ${ENTRIES} FOR EACH ROW EXECUTE FUNCTION f()`,
    );
    expect(await cli(['note', 'machine:7', 'x'], { db: url })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('kept one out'),
    });
  });

  test('status tells the size, the dead rows and the last vacuum', async () => {
    const { folder, database, url } = await tenEntries();
    await ok(['prune', '--max-entries', '2', '--yes'], { db: url });
    psql(folder, database, `VACUUM ${ENTRIES}`);
    await expect
      .poll(async () => json(['status', '--format', 'json'], { db: url }), { timeout: 10_000 })
      .toMatchObject({
        entries: 2,
        bytes: { file: expect.any(Number), wal: null },
        vacuum: { dead_rows: 0, last: expect.stringMatching(/^\d{4}-.*Z$/) },
      });
    expect(await ok(['status'], { db: url })).toMatch(/size .* dead rows, vacuumed 20/);
  });

  test('backup and the deep check name the programs of the server', async () => {
    const { url } = await tenEntries();
    expect(await cli(['backup', 'x.sql'], { db: url })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('pg_dump'),
    });
    expect(await cli(['status', '--check', '--deep'], { db: url })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('pg_amcheck'),
    });
  });

  test('a dump in another cluster is told so by init: then all is there, at the marks of before as well', async () => {
    const { folder, database, url } = await tenEntries();
    const exported = async (db: string): Promise<string[]> =>
      fromLines<{ id: string }>(await ok(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db })).map(
        ({ id }) => id,
      );
    expect(await exported(url)).toHaveLength(10);
    await ok(['record', '--action', 'x', '--id', 'not-exported-yet'], { db: url });
    const other = mkdtempSync(path.join(tmpdir(), 'daybook-other-'));
    onTestFinished(() => {
      asServer('pg_ctl', ['-D', path.join(other, 'data'), '-m', 'immediate', '-w', 'stop']);
      rmSync(other, { recursive: true, force: true });
    });
    makeCluster(other, ['fsync=off', 'listen_addresses=', 'shared_buffers=16MB']);
    const dump = execFileSync('pg_dump', ['-h', folder, '-U', 'owner', '-d', database], { encoding: 'utf8' });
    execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', other, '-U', 'owner', '-d', 'postgres'], {
      input: dump,
    });
    const moved = urlOf(other, 'postgres');
    const before = await cli(['count'], { db: moved });
    expect(before).toMatchObject({ code: 4, stderr: expect.stringMatching(/another server.*\n.*init/s) });
    expect(await cli(['init'], { db: moved })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('another server'),
    });
    expect((await cli(['init'], { db: moved })).stderr).toContain('is up to date');
    expect(await ok(['count'], { db: moved })).toBe('12\n');
    await ok(['record', '--action', 'x', '--id', 'recorded-there'], { db: moved });
    const next = await exported(moved);
    expect(next).toHaveLength(3);
    expect(next).toEqual(['not-exported-yet', expect.any(String), 'recorded-there']);
    expect(await exported(moved)).toEqual([]);
    await ok(['record', '--action', 'y', '--id', 'later'], { db: moved });
    expect(await exported(moved)).toEqual(['later']);
    expect(await ok(['prune', '--before', 'now', '--yes'], { db: moved, now: '2027-01-01T00:00:00Z' })).toContain('');
    expect(await ok(['count'], { db: moved })).toBe('1\n');
  }, 60_000);

  test('a SQLite trail moves over with nothing lost, and what was imported is known again', async () => {
    await given(
      { id: 'one', action: 'create', ts: '2020-01-01T00:00:00Z', new_values: { a: 1.1, n: 9007199254740991 } },
      { action: 'update', message: 'a\nb\u0007', metadata: { deep: [{}] }, source: 'ledgrab', actor_name: 'Änne' },
    );
    const rows = 'no,when,what\n1,2026-02-01T00:00:00Z,a\n2,2026-02-02T00:00:00Z,b\n';
    const importing = [
      'import',
      'csv',
      '-',
      '--map',
      'ts=when',
      '--map',
      'id=no',
      '--map',
      'action=what',
      '--source',
      'other',
    ];
    await ok(importing, { input: rows });
    await ok(['revert', 'one', '--reason', 'wrong']);
    const { folder, database } = await newDatabase();
    const url = urlOf(folder, database);
    await ok(['init'], { db: url });
    const lines = await ok(['export', '--format', 'ndjson']);
    expect(await json(['record', '--stdin', '--format', 'json'], { db: url, input: lines })).toMatchObject({
      skipped: 0,
    });
    const withoutSeq = (text: string): unknown[] => fromLines(text).map(({ seq: _seq, ...entry }) => entry);
    expect(withoutSeq(await ok(['export', '--format', 'ndjson'], { db: url }))).toEqual(withoutSeq(lines));
    // Again, nothing is recorded twice; nor is what an importer brings.
    expect(await json(['record', '--stdin', '--format', 'json'], { db: url, input: lines })).toMatchObject({
      recorded: 0,
    });
    expect(await json([...importing, '--format', 'json'], { db: url, input: rows })).toMatchObject({
      recorded: 0,
      skipped: 2,
    });
    expect(await ok(['history', '--reverted', '--format', 'csv', '--columns', 'id'], { db: url })).toBe('id\none\n');
  });
});
