import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the PostgreSQL cluster that these tests share. It is made when the first of them asks. */
    clusterFolder: string;
  }
}

/** A file system in memory, where there is one. */
const MEMORY = '/dev/shm';

/** Gives all test files one folder for a cluster, and stops what was started there at the end. */
export default function oneCluster(project: TestProject): () => void {
  const folder = mkdtempSync(path.join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'daybook-postgres-'));
  project.provide('clusterFolder', folder);
  return () => {
    if (existsSync(path.join(folder, 'data', 'postmaster.pid'))) {
      asServer('pg_ctl', ['-D', path.join(folder, 'data'), '-m', 'immediate', '-w', 'stop']);
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}

/**
 * Where the programs of PostgreSQL are: in the folder that DAYBOOK_TEST_POSTGRES names, else those of the newest that Debian
 * has put here; undefined where there is none.
 */
export function serverPrograms(): string | undefined {
  const named = process.env['DAYBOOK_TEST_POSTGRES'];
  if (named !== undefined) return named;
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => path.join(root, version, 'bin')).find((bin) => existsSync(path.join(bin, 'initdb')));
}

/** Which PostgreSQL that is, such as 15; undefined where there is none. */
export function serverVersion(): number | undefined {
  const bin = serverPrograms();
  if (bin === undefined) return undefined;
  const said = execFileSync(path.join(bin, 'postgres'), ['--version'], { encoding: 'utf8' });
  return Number(/\d+/.exec(said)?.[0]);
}

/** PostgreSQL refuses to run as root: then it is the user that Debian made for it, or nobody. */
export function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres', 'nobody'].map((name) => users.find((user) => user.startsWith(`${name}:`))).find(Boolean);
  const [, , uid, gid] = (line ?? '').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Runs a program of the server's as the server's user. */
export function asServer(program: string, words: readonly string[]): void {
  const bin = serverPrograms() ?? '';
  const { status, stdout, stderr } = spawnSync(path.join(bin, program), words, {
    ...serverUser(),
    cwd: '/',
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
}

/** What tests do not need: a machine that loses its power would lose them. */
const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'listen_addresses=',
  'max_connections=200',
  'shared_buffers=64MB',
  'max_prepared_transactions=10',
  'wal_level=logical',
  'timezone=America/New_York',
];

/** Passwords are asked of one role, all others are let in. */
const ADMITTED = 'local all asked_for_password scram-sha-256\nlocal all all trust\nlocal replication all trust\n';

/** Starts a cluster in this folder, or waits for whoever does. Gives the folder of its socket. */
export async function startCluster(folder: string): Promise<string> {
  const ready = path.join(folder, 'ready');
  try {
    mkdirSync(path.join(folder, 'starting'));
  } catch {
    // Another file of tests was quicker.
    for (let round = 0; round < 600 && !existsSync(ready); round++) await sleep(50);
    if (!existsSync(ready)) throw new Error('the PostgreSQL cluster of the tests did not start');
    return folder;
  }
  makeCluster(folder, SETTINGS);
  writeFileSync(ready, '');
  return folder;
}

/** Makes a cluster in a folder and starts it, on a socket in the folder. */
export function makeCluster(folder: string, settings: readonly string[]): void {
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  const data = path.join(folder, 'data');
  asServer('initdb', ['-D', data, '-U', 'owner', '-A', 'trust', '-E', 'UTF8', '--no-sync']);
  writeFileSync(path.join(data, 'pg_hba.conf'), ADMITTED);
  startServer(folder, settings);
}

/** Starts a server that has its data already. */
export function startServer(folder: string, settings: readonly string[]): void {
  const options = [...settings, `unix_socket_directories=${folder}`].map((setting) => `-c '${setting}'`).join(' ');
  const data = path.join(folder, 'data');
  asServer('pg_ctl', ['-D', data, '-l', path.join(folder, 'log'), '-w', '-o', options, 'start']);
}

/** Runs SQL as the owner of a cluster. */
export function psql(folder: string, database: string, sql: string): string {
  const words = [
    '-X',
    '-q',
    '-A',
    '-t',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    folder,
    '-U',
    'owner',
    '-d',
    database,
    '-c',
    sql,
  ];
  return execFileSync('psql', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
