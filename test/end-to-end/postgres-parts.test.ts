import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { cli, fromLines, ok } from '../support/cli.js';
import { asServer, makeCluster, psql, serverUser, startServer } from '../support/postgres-cluster.js';

const POOLER = '/usr/sbin/pgbouncer';

/** A folder that the server's user owns, and that is gone after the test. */
function serverFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'daybook-parts-'));
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe.skipIf(!HAS_POSTGRES || !existsSync(POOLER))('through PgBouncer in transaction mode', () => {
  test('every command works, although each transaction may get another session', async () => {
    const { folder, database } = await newDatabase();
    const own = serverFolder();
    writeFileSync(
      path.join(own, 'pgbouncer.ini'),
      `[databases]\n* = host=${folder} user=owner\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 2\nlisten_port = 6432\n` +
        `unix_socket_dir = ${own}\nauth_type = any\nlogfile = ${own}/log\n`,
    );
    const pooler = spawn(POOLER, [path.join(own, 'pgbouncer.ini')], { ...serverUser(), stdio: 'ignore' });
    onTestFinished(() => void pooler.kill('SIGINT'));
    for (let round = 0; round < 100 && !existsSync(path.join(own, '.s.PGSQL.6432')); round++) await sleep(50);
    const db = `${urlOf(own, database)}&port=6432`;
    await ok(['init'], { db });
    // Others take the sessions in turns, and leave settings behind.
    const others = await Promise.all([connected(db), connected(db), connected(db)]);
    let working = true;
    const disturbing = others.map(async (client, index) => {
      for (let round = 0; working; round++) {
        await client.query(
          `SET search_path = nowhere_${index}_${round}; SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'`,
        );
        await sleep(2);
      }
    });
    const lines = Array.from(
      { length: 1200 },
      (_, index) => `{"id":"e-${index}","action":"a","ts":"2026-01-01T00:00:00Z"}\n`,
    ).join('');
    try {
      await ok(['record', '--stdin', '--ack'], { db, input: lines });
      await ok(['note', 'machine:7', 'x'], { db });
      await ok(['revert', 'e-1', '--reason', 'wrong'], { db });
      expect(await ok(['count'], { db })).toBe('1202\n');
      expect(fromLines(await ok(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db }))).toHaveLength(1202);
      await ok(['retention', 'set', 'all', '--max-age', '30d'], { db });
      await ok(['actors', 'import', '-'], { db, input: 'id,name\nu-1,Ines\n' });
      await ok(['report', 'actors'], { db });
      expect(
        await ok(['history', '-n', '1', '--format', 'csv', '--columns', 'ts', '--until', '2026-01-02'], { db }),
      ).toBe('ts\n2026-01-01T00:00:00.000Z\n');
      await ok(['prune', '--yes', '--older-than', '30d'], { db });
      expect(await ok(['status', '--check'], { db })).toMatch(/problems +none/);
    } finally {
      working = false;
      await Promise.all(disturbing);
    }
  }, 60_000);
});

describe.skipIf(!HAS_POSTGRES)('on a streaming standby', () => {
  test('every reading command works, and every other says what it needs', async () => {
    const { folder, database } = await newDatabase();
    const primary = urlOf(folder, database);
    await ok(['init'], { db: primary });
    await ok(['note', 'machine:7', 'first'], { db: primary });
    await ok(['retention', 'set', 'all', '--max-age', '30d'], { db: primary });
    const own = serverFolder();
    const data = path.join(own, 'data');
    asServer('pg_basebackup', [
      '-h',
      inject('clusterFolder'),
      '-U',
      'owner',
      '-D',
      data,
      '-R',
      '-c',
      'fast',
      '--no-sync',
    ]);
    startServer(own, [
      'fsync=off',
      'listen_addresses=',
      'max_connections=200',
      'max_prepared_transactions=10',
      'shared_buffers=16MB',
    ]);
    onTestFinished(() => asServer('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop']));
    const db = urlOf(own, database);
    const reading = [
      ['history'],
      ['history', '--format', 'ndjson', '--actor', 'alice'],
      ['show', '1'],
      ['count'],
      ['values', 'action'],
      ['export', '--format', 'csv'],
      ['export', '--format', 'ndjson'],
      ['report', 'actors'],
      ['report', 'timeline'],
      ['report', 'bursts'],
      ['report', 'case', 'machine:7'],
      ['retention', 'list'],
      ['actors', 'list'],
      ['status'],
      ['prune', '--dry-run'],
      ['completion', 'bash'],
    ];
    for (const words of reading) expect({ words, ...(await cli(words, { db })) }).toMatchObject({ words, code: 0 });
    const writing = [
      ['init'],
      ['note', 'machine:7', 'x'],
      ['record', '--action', 'x'],
      ['revert', '1', '--reason', 'x'],
      ['export', '--checkpoint', 'siem', '--format', 'ndjson'],
      ['prune', '--before', 'now', '--yes'],
      ['clear', '--yes'],
      ['retention', 'remove', 'all'],
      ['actors', 'set', 'u-1', '--name', 'x'],
    ];
    for (const words of writing) {
      const answer = await cli(words, { db, now: '2027-01-01T00:00:00Z' });
      expect({ words, ...answer }).toMatchObject({ words, code: 7, stderr: expect.stringMatching(/standby.*primary/) });
    }

    // What is committed late is not missed by who asks a standby either.
    const late = await connected(primary);
    await late.query(`BEGIN; INSERT INTO daybook.daybook_entries (action) VALUES ('late')`);
    psql(folder, database, `INSERT INTO daybook.daybook_entries (action) VALUES ('early')`);
    const followed = ['history', '--format', 'json', '--oldest-first', '-n'];
    const wait = async (): Promise<void> => {
      const end = psql(folder, database, 'SELECT pg_current_wal_flush_lsn()').trim();
      await expect.poll(() => psql(own, database, `SELECT pg_last_wal_replay_lsn() >= '${end}'`)).toBe('t\n');
    };
    await wait();
    const first = JSON.parse(await ok([...followed, '1'], { db })) as { next_cursor: string };
    await late.query('COMMIT');
    await wait();
    const next = JSON.parse(await ok([...followed, '9', '--cursor', first.next_cursor], { db })) as {
      entries: { action: string }[];
    };
    expect(next.entries.map(({ action }) => action)).not.toContain('late');
    expect(await ok(['count'], { db })).toBe('4\n');
  }, 60_000);
});

describe.skipIf(!HAS_POSTGRES)('over TLS', () => {
  test('certificates are checked both ways, and each refusal has its own message', async () => {
    const own = serverFolder();
    const file = (name: string): string => path.join(own, name);
    const openssl = (words: string): void =>
      void execFileSync('openssl', words.split(' '), { cwd: own, stdio: ['ignore', 'pipe', 'pipe'] });
    const key = 'ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
    for (const authority of ['ca', 'other']) {
      openssl(
        `req -x509 -newkey ${key} -keyout ${authority}.key -out ${authority}.crt -subj /CN=${authority} -days 30`,
      );
    }
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost');
    for (const [name, authority] of [
      ['server', 'ca'],
      ['certified', 'ca'],
      ['stranger', 'other'],
    ] as const) {
      openssl(
        `req -newkey ${key} -keyout ${name}.key -out ${name}.csr -subj /CN=${name === 'stranger' ? 'certified' : name}`,
      );
      openssl(
        `x509 -req -in ${name}.csr -CA ${authority}.crt -CAkey ${authority}.key -CAcreateserial -out ${name}.crt -days 30 -extfile names`,
      );
    }
    const { uid, gid } = serverUser();
    for (const name of ['server.key', 'server.crt', 'ca.crt']) {
      chmodSync(file(name), 0o600);
      if (uid !== undefined && gid !== undefined) chownSync(file(name), uid, gid);
    }
    const port = await freePort();
    makeCluster(own, [
      'fsync=off',
      'listen_addresses=127.0.0.1',
      `port=${port}`,
      'shared_buffers=16MB',
      'ssl=on',
      `ssl_cert_file=${file('server.crt')}`,
      `ssl_key_file=${file('server.key')}`,
      `ssl_ca_file=${file('ca.crt')}`,
    ]);
    onTestFinished(() => asServer('pg_ctl', ['-D', file('data'), '-m', 'immediate', '-w', 'stop']));
    appendFileSync(
      file('data/pg_hba.conf'),
      'hostssl all owner 127.0.0.1/32 trust\nhostssl all certified 127.0.0.1/32 cert\n',
    );
    const local = `${urlOf(own, 'postgres')}&port=${port}`;
    const client = await connected(local);
    await client.query('SELECT pg_reload_conf()');
    await client.query('CREATE ROLE certified LOGIN');
    await ok(['init', '--grant', 'certified'], { db: local });

    const count = (more: string, { user = 'owner', host = 'localhost' } = {}) =>
      cli(['count'], { db: `postgres://${user}@${host}:${port}/postgres?${more}` });
    const root = `sslrootcert=${file('ca.crt')}`;
    const signed = (name: string, by = name): string => `sslcert=${file(`${name}.crt`)}&sslkey=${file(`${by}.key`)}`;
    for (const mode of [
      '',
      'sslmode=allow',
      'sslmode=prefer',
      'sslmode=require',
      `sslmode=require&${root}`,
      `sslmode=verify-full&${root}`,
    ])
      expect([mode, await count(mode)]).toMatchObject([mode, { code: 0 }]);
    expect(await count(`sslmode=verify-ca&${root}`, { host: '127.0.0.1' })).toMatchObject({ code: 0 });
    expect(await count(`sslmode=verify-full&${root}&${signed('certified')}`, { user: 'certified' })).toMatchObject({
      code: 0,
    });

    const other = `sslrootcert=${file('other.crt')}`;
    writeFileSync(file('broken.crt'), 'no certificate');
    writeFileSync(file('broken.key'), 'no key');
    const refused: [what: string, more: string, code: number, says: RegExp, at?: { user?: string; host?: string }][] = [
      [
        'another authority',
        `sslmode=verify-full&${other}`,
        4,
        /certificate of localhost:\d+ is not to be trusted .*sslrootcert/,
      ],
      ['another authority', `sslmode=verify-ca&${other}`, 4, /is not to be trusted/],
      ['another authority', `sslmode=require&${other}`, 4, /is not to be trusted/],
      ['no authority', 'sslmode=verify-full', 4, /is not to be trusted/],
      [
        'another name',
        `sslmode=verify-full&${root}`,
        4,
        /certificate of 127.0.0.1:\d+ is for another host/,
        { host: '127.0.0.1' },
      ],
      ['no TLS', 'sslmode=disable', 4, /no pg_hba.conf entry/],
      [
        'no certificate',
        `sslmode=verify-full&${root}`,
        4,
        /requires a valid client certificate/,
        { user: 'certified' },
      ],
      [
        "a stranger's",
        `sslmode=verify-full&${root}&${signed('stranger')}`,
        4,
        /does not take the certificate .*sslcert/,
        { user: 'certified' },
      ],
      [
        "another user's",
        `sslmode=verify-full&${root}&${signed('server')}`,
        4,
        /certificate authentication failed/,
        { user: 'certified' },
      ],
      [
        "another's key",
        `sslmode=verify-full&${root}&${signed('certified', 'server')}`,
        2,
        /sslkey .*does not belong to/,
      ],
      ['no key', `sslmode=verify-full&${root}&sslcert=${file('certified.crt')}`, 2, /sslcert and sslkey go together/],
      [
        'a file that is no certificate',
        `sslmode=verify-full&${root}&${signed('broken', 'certified')}`,
        2,
        /sslcert "[^"]*broken.crt" holds no certificate/,
      ],
      [
        'a file that is no key',
        `sslmode=verify-full&${root}&${signed('certified', 'broken')}`,
        2,
        /sslkey "[^"]*broken.key" holds no key/,
      ],
      [
        'a file that is no authority',
        `sslmode=verify-full&sslrootcert=${file('broken.crt')}`,
        2,
        /sslrootcert "[^"]*broken.crt" holds no certificate/,
      ],
    ];
    for (const [what, more, code, says, at] of refused) {
      const answer = await count(more, at);
      expect.soft({ what, more, ...answer }).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) });
    }
  }, 60_000);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
