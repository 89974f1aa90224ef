import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { cli, json, ok } from '../support/cli.js';
import { psql } from '../support/postgres-cluster.js';

const SECRET = 's3cr3t-word';

describe.skipIf(!HAS_POSTGRES)('what fails at a PostgreSQL server', () => {
  let folder: string;
  let database: string;
  let url: string;

  beforeAll(async () => {
    ({ folder, database } = await newDatabase());
    url = urlOf(folder, database);
    await ok(['init'], { db: url });
    const role = `DO $$ BEGIN CREATE ROLE asked_for_password LOGIN PASSWORD '${SECRET}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$`;
    psql(folder, database, role);
  });

  test('a case names its server and schema in the command that computes its checksum again', async () => {
    const db = `${url}&password=unused`;
    const place = ['--schema', 'other "one"'];
    await ok([...place, 'init'], { db });
    await ok([...place, 'note', 'machine:7', 'jammed'], { db });
    const { command, sha256 } = await json<{ command: string; sha256: string }>(
      [...place, 'report', 'case', 'machine:7', '--format', 'json'],
      { db },
    );
    expect(command).not.toContain('unused');
    // What a shell makes of it.
    const script = command.replace('daybook ', `printf '%s\\n' `).replace(' | sha256sum', '');
    const [, pasted = '', ...words] = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
    const exported = await ok(words, { db: pasted });
    expect(createHash('sha256').update(exported).digest('hex')).toBe(sha256);
  });

  const count = async (db: string): ReturnType<typeof cli> => cli(['count'], { db });

  test.each<[what: string, db: () => string, code: number, says: RegExp]>([
    ['no trail', () => urlOf(folder, 'postgres'), 4, /holds no daybook trail.*\n.*init/s],
    ['no such database', () => urlOf(folder, 'nowhere'), 4, /has no database "nowhere"/],
    ['no such user', () => urlOf(folder, database, 'nobody_here'), 4, /user "nobody_here" into database/],
    ['no server at the socket', () => urlOf('/nonexistent', database), 5, /no server takes connections/],
    ['no server at the port', () => `postgres://owner@127.0.0.1:1/${database}`, 5, /no server takes connections/],
    ['no such host', () => `postgres://owner@no-such-host.invalid/${database}`, 4, /no host of the name|looked up/],
    ['no password', () => urlOf(folder, database, 'asked_for_password'), 4, /asks for the password.*PGPASSWORD/],
    [
      'a wrong password',
      () => `${urlOf(folder, database, 'asked_for_password')}&password=wr0ng-word`,
      4,
      /user "asked_for_password" into database/,
    ],
    ['no URL', () => 'postgres://u:p@[x/y', 2, /cannot be read as an address/],
    ['an unknown parameter', () => `${url}&schema=public`, 2, /parameter "schema" is not known/],
    ['an sslmode that is none', () => `${url}&sslmode=maybe`, 2, /sslmode "maybe" is none of/],
    ['several hosts', () => 'postgres://u@a,b/x', 2, /several hosts|cannot be read/],
    ['a port that is none', () => `${url}&port=x`, 2, /port "x"/],
    ['a certificate that is not there', () => `${url}&sslmode=verify-ca&sslrootcert=/none`, 2, /sslrootcert "\/none"/],
  ])('%s', async (_what, db, code, says) => {
    const answer = await count(db());
    expect(answer).toMatchObject({ code, stdout: '' });
    expect(answer.stderr).toMatch(says);
    expect(answer.stderr).not.toMatch(/wr0ng|unexpected/);
  });

  test('a server that does not answer', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const answer = await count(`postgres://owner@127.0.0.1:${port}/x?connect_timeout=1&sslmode=disable`);
    expect(answer).toMatchObject({ code: 5, stderr: expect.stringContaining('does not answer') });
  });

  test('a server that speaks no TLS, where TLS is asked for', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('N'));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void plain.close());
    await new Promise((resolve) => plain.once('listening', resolve));
    const { port } = plain.address() as AddressInfo;
    const answer = await count(`postgres://owner@127.0.0.1:${port}/x?sslmode=require`);
    expect(answer).toMatchObject({ code: 4, stderr: expect.stringContaining('no TLS') });
  });

  test('a lock that somebody holds', async () => {
    const other = new Client({ connectionString: url });
    await other.connect();
    onTestFinished(() => other.end());
    await other.query('BEGIN; LOCK TABLE daybook.daybook_entries IN ACCESS EXCLUSIVE MODE');
    const answer = await cli(['note', 'machine:7', 'x', '--busy-timeout', '1s'], { db: url });
    expect(answer).toMatchObject({ code: 5, stderr: expect.stringContaining('locked') });
    expect(answer.stderr).toContain('nothing was recorded');
    expect(answer.stderr).toContain('--busy-timeout 30s');
  });

  test('transactions that can only read', async () => {
    psql(folder, database, `ALTER ROLE owner SET default_transaction_read_only = on`);
    onTestFinished(() => void psql(folder, database, `SET transaction_read_only = off; ALTER ROLE owner RESET ALL`));
    // A transaction of ours says what it does.
    expect(await cli(['note', 'machine:7', 'x'], { db: url })).toMatchObject({ code: 0 });
    expect(await count(url)).toMatchObject({ code: 0 });
  });

  test('a database that cannot keep all text', async () => {
    psql(folder, 'postgres', `CREATE DATABASE latin_${process.pid} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    const answer = await cli(['init'], { db: urlOf(folder, `latin_${process.pid}`) });
    expect(answer).toMatchObject({ code: 7, stderr: expect.stringContaining('LATIN1') });
  });

  test('a role to grant to that is not there', async () => {
    const answer = await cli(['init', '--grant', 'no_such_role'], { db: url });
    expect(answer).toMatchObject({ code: 4, stderr: expect.stringContaining('no_such_role') });
    expect(await cli(['init', '--grant', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PostgreSQL'),
    });
  });

  test('a newer schema, and an older one', async () => {
    psql(folder, database, `INSERT INTO daybook.daybook_migrations VALUES (99, 'later', '')`);
    onTestFinished(() => void psql(folder, database, `DELETE FROM daybook.daybook_migrations WHERE version = 99`));
    expect(await count(url)).toMatchObject({ code: 4, stderr: expect.stringContaining('use a newer daybook') });
    expect(await cli(['init'], { db: url })).toMatchObject({ code: 4 });
  });

  test('the password stands in nothing that is printed or recorded', async () => {
    psql(
      folder,
      database,
      `GRANT ALL ON DATABASE ${database} TO asked_for_password; ALTER SCHEMA daybook OWNER TO owner`,
    );
    await ok(['init', '--grant', 'asked_for_password'], { db: url });
    const encoded = `postgres://asked_for_password:${SECRET}@/${database}?host=${encodeURIComponent(folder)}`;
    const commands = [
      ['init'],
      ['count'],
      ['note', 'machine:7', 'x'],
      ['history', '--format', 'json', '-n', '1'],
      ['status'],
      ['status', '--format', 'prometheus'],
      ['report', 'case', 'machine:7'],
      ['report', 'actors'],
      ['prune', '--older-than', '1d', '--dry-run'],
      ['retention', 'set', 'all', '--max-age', '1d'],
      ['show', '99999'],
      ['backup', 'x.sql'],
      ['state', 'machine:7'],
      ['status', '--check', '--deep'],
      ['count', '--schema', 'none'],
    ];
    const said: string[] = [];
    for (const words of commands) {
      for (const db of [encoded, `${urlOf(folder, database, 'asked_for_password')}&password=${SECRET}`]) {
        const { stdout, stderr } = await cli(words, { db });
        const flagged = await cli(['--db', db, ...words]);
        said.push(stdout, stderr, flagged.stdout, flagged.stderr);
      }
    }
    // A hint repeats the words that were typed.
    psql(
      folder,
      database,
      `INSERT INTO daybook.daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid)
      VALUES ('prune', 'x', 'x', '[]', '1/1:1:', '', '2026-03-05T14:07:09.123Z', 'elsewhere', 1)`,
    );
    psql(folder, database, `GRANT ALL ON ALL TABLES IN SCHEMA daybook TO asked_for_password`);
    const owner = `${url}&password=${SECRET}`;
    for (const db of [
      `--db=${owner}`,
      `--db=postgresql://owner:${SECRET}@/${database}?host=${encodeURIComponent(folder)}`,
    ]) {
      const busy = await cli([db, 'prune', '--before', 'now', '--yes', '--busy-timeout', '0s'], {
        now: '2026-03-05T14:07:10Z',
      });
      const wide = await cli([db, 'import', 'notes', owner, '--key', 'id', '--column', 'x']);
      said.push(busy.stdout, busy.stderr, wide.stdout, wide.stderr);
      expect(wide.stderr).toContain('try: daybook');
    }
    expect(said.join('')).toContain('asked_for_password');
    expect(said.join('')).not.toContain(SECRET);
    const entries = psql(folder, database, 'SELECT json_agg(e) FROM daybook.daybook_entries AS e');
    expect(entries).not.toContain(SECRET);
    expect(existsSync('x.sql')).toBe(false);
  });
});
