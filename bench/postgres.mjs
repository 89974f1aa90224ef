// A PostgreSQL server of the benchmark's own, started when the first row asks for it.
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { daybook, run } from './measure.mjs';

const ROOT = '/usr/lib/postgresql';

/** Where a program of the newest server is; its bare name where there is none. */
export function serverProgram(name) {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).toSorted((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => path.join(ROOT, version, 'bin', name)).find(existsSync) ?? name;
}

/** Durable, as a server is: what a commit costs is part of every figure. */
const SETTINGS = ['listen_addresses=', 'shared_buffers=256MB', 'max_wal_size=4GB', 'autovacuum=off'];

let folder;
let databases = 0;

function asServer(program, ...words) {
  const user = process.getuid?.() === 0 ? userOfServer() : {};
  execFileSync(serverProgram(program), words, { ...user, cwd: '/', stdio: 'ignore', env: { LC_ALL: 'C.UTF-8' } });
}

/** PostgreSQL refuses to run as root. */
function userOfServer() {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres', 'nobody'].map((name) => users.find((user) => user.startsWith(`${name}:`))).find(Boolean);
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function server() {
  if (folder !== undefined) return;
  folder = mkdtempSync(path.join(tmpdir(), 'daybook-bench-postgres-'));
  if (process.getuid?.() === 0) chownSync(folder, userOfServer().uid, userOfServer().gid);
  const data = path.join(folder, 'data');
  asServer('initdb', '-D', data, '-U', 'owner', '-A', 'trust', '-E', 'UTF8');
  const options = [...SETTINGS, `unix_socket_directories=${folder}`].map((setting) => `-c '${setting}'`).join(' ');
  asServer('pg_ctl', '-D', data, '-l', path.join(folder, 'log'), '-w', '-o', options, 'start');
  await sql('postgres', 'CREATE DATABASE empty');
  await run(daybook('--db', url('empty'), 'init'));
}

/** Stops the server, if it was started. */
export function stopServer() {
  if (folder === undefined) return;
  asServer('pg_ctl', '-D', path.join(folder, 'data'), '-m', 'immediate', '-w', 'stop');
  rmSync(folder, { recursive: true, force: true });
}

/** The address of a database. */
export function url(database) {
  return `postgres:///${database}?host=${encodeURIComponent(folder)}&user=owner`;
}

/** psql as a command, that runs this in a database. */
export function psql(database, ...commands) {
  const words = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', folder, '-U', 'owner', '-d', database];
  return ['psql', ...words, ...commands.flatMap((command) => ['-c', command])];
}

/** What psql prints of it. */
export async function sql(database, ...commands) {
  return (await run(psql(database, ...commands))).stdout.trim();
}

/** A new database with what another one holds: an empty trail, unless it is said. */
export async function newDatabase(template = 'empty') {
  await server();
  databases += 1;
  await sql('postgres', `CREATE DATABASE d${databases} TEMPLATE ${template}`);
  return `d${databases}`;
}

export async function dropDatabase(database) {
  await sql('postgres', `DROP DATABASE ${database}`);
}

const filled = new Map();

/** A trail of so many entries. It is made once, and copied where a row changes it. */
export async function filledTrail(files, size) {
  if (!filled.has(size)) {
    const database = await newDatabase();
    const input = await files.lines(size, true);
    await run(daybook('--db', url(database), '--quiet', 'record', '--stdin'), { input });
    await sql(database, 'VACUUM ANALYZE');
    filled.set(size, database);
  }
  return filled.get(size);
}
