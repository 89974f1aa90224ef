import { createHash } from 'node:crypto';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { openReadable } from '../../src/store/sqlite/engine/readable.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { ACTOR, NOW, recordAll, sqliteTrail } from './trail.js';

const presence = { host: 'here', pid: process.pid, lives: () => true };
const reader = {
  presence,
  interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => work(new AbortController().signal),
};

/** A database as a program left it that crashed in the middle of a transaction, with the journal beside it. */
async function crashed(): Promise<{ file: string; journal: string }> {
  const { trail, store } = await sqliteTrail();
  await recordAll(store, [{}, {}]);
  await store.close();
  const app = trail.plain();
  app.pragma('journal_mode = DELETE');
  app.pragma('cache_size = 1');
  app.exec(`CREATE TABLE t (a); BEGIN IMMEDIATE; DELETE FROM daybook_retention;
    INSERT INTO t SELECT hex(randomblob(500)) FROM (WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 2000) SELECT v FROM n)`);
  // A crash leaves what is on the disk now.
  const file = path.join(trail.directory, 'crashed.db');
  copyFileSync(trail.path, file);
  copyFileSync(`${trail.path}-journal`, `${file}-journal`);
  app.exec('ROLLBACK');
  app.close();
  expect(readFileSync(`${file}-journal`).length).toBeGreaterThan(0);
  return { file, journal: `${file}-journal` };
}

/** Enough to tell whether a file changed. */
function contents(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function open(file: string, readonly: boolean, copy?: string): AuditStore {
  const store = openSqlite({ path: file, copy, readonly, busyTimeout: 100, clock: () => NOW, presence });
  onTestFinished(() => store.close());
  return store;
}

/** Has a journal name a super-journal, as one of a transaction in several databases does. */
function nameSuperJournal(journal: string, name: string): void {
  const bytes = Buffer.from(name);
  const tail = Buffer.alloc(16);
  tail.writeUInt32BE(bytes.length, 0);
  // SQLite adds the bytes up.
  tail.writeUInt32BE(
    bytes.reduce((sum, byte) => sum + byte, 0),
    4,
  );
  Buffer.from('d9d505f920a163d7', 'hex').copy(tail, 8);
  const page = Buffer.alloc(4);
  page.writeUInt32BE(0x40000000 / 4096 + 1, 0);
  appendFileSync(journal, Buffer.concat([page, bytes, tail]));
}

interface Hostile {
  /** What the user has that is in danger. */
  readonly victim: string;
  readonly file: string;
  readonly problem: string;
}

const namesAFile = async (): Promise<Hostile> => {
  const { file, journal } = await crashed();
  const victim = path.join(path.dirname(file), 'thesis');
  writeFileSync(victim, 'years of work');
  nameSuperJournal(journal, victim);
  return { victim, file, problem: `names a file that would be deleted (${JSON.stringify(victim)})` };
};

const HOSTILE: Readonly<Record<string, () => Promise<Hostile>>> = {
  'names a file of the user': namesAFile,
  'is a link': async () => {
    const { file, journal } = await crashed();
    const victim = `${journal}-elsewhere`;
    renameSync(journal, victim);
    symlinkSync(victim, journal);
    return { victim, file, problem: 'is no regular file' };
  },
  'has another name': async () => {
    const { file, journal } = await crashed();
    const victim = `${journal}-elsewhere`;
    linkSync(journal, victim);
    return { victim, file, problem: 'has another name as well' };
  },
  ...(process.getuid?.() === 0 && {
    'belongs to somebody else': async () => {
      const { file, journal } = await crashed();
      chownSync(journal, 4321, 4321);
      return { victim: journal, file, problem: 'belongs to another user (4321) than the database' };
    },
  }),
};

describe.each(Object.entries(HOSTILE))('a journal that %s', (_what, make) => {
  const WAYS: readonly (readonly [string, (file: string) => unknown])[] = [
    ['writing', (file) => open(file, false)],
    ['init', (file) => initialize({ path: file, alongside: true, busyTimeout: 100, clock: () => NOW, actor: ACTOR })],
    ['reading', (file) => openReadable(file, reader, (copy) => open(file, true, copy))],
  ];
  test.each(WAYS)('refuses %s before anything is opened, and all is as it was', async (_way, opening) => {
    const { victim, file, problem } = await make();
    const before = [file, `${file}-journal`, victim].map(contents);
    await expect((async () => opening(file))()).rejects.toMatchObject({
      kind: 'refused',
      hint: undefined,
      message: expect.stringContaining(`${file}-journal, the rest of a transaction, ${problem}: nothing was opened`),
    });
    expect([file, `${file}-journal`, victim].map(contents)).toEqual(before);
  });
});

test('SQLite deletes what such a journal names, so the danger is one', async () => {
  const { victim, file } = await namesAFile();
  const careless = new Database(file);
  careless.pragma('schema_version');
  careless.close();
  expect(existsSync(victim)).toBe(false);
});

describe('a journal of a program that crashed', () => {
  test('is rolled back by who writes', async () => {
    const { file, journal } = await crashed();
    expect((await open(file, false).extent({})).lastSeq).toBe(2);
    expect(existsSync(journal)).toBe(false);
  });

  test('leaves a reader a private copy, and the database as it is', async () => {
    const { file, journal } = await crashed();
    const before = [file, journal].map(contents);
    const { opened, from } = await openReadable(file, reader, (copy) => open(file, true, copy));
    expect(from).toBe('unfinished copy');
    expect((await opened.extent({})).lastSeq).toBe(2);
    expect([file, journal].map(contents)).toEqual(before);
  });

  test('is told to whoever opens the database itself', async () => {
    const { file } = await crashed();
    expect(() => open(file, true)).toThrow(
      expect.objectContaining({
        kind: 'failed',
        message: expect.stringContaining(`the program that wrote to ${file} last ended within a transaction`) as string,
        hint: `sqlite3 ${file} 'PRAGMA schema_version'`,
      }),
    );
  });

  test.each(['TRUNCATE', 'PERSIST'])('that came to its end in mode %s is none', async (mode) => {
    const { trail, store } = await sqliteTrail();
    await store.close();
    const app = trail.plain();
    app.pragma('journal_mode = DELETE');
    app.pragma(`journal_mode = ${mode}`);
    app.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    app.close();
    expect(existsSync(`${trail.path}-journal`)).toBe(true);
    expect(await recordAll(open(trail.path, false), [{}])).toMatchObject([{ seq: 1 }]);
  });
});

test.skipIf(process.getuid?.() !== 0)('the journal of another user who is at work only locks', async () => {
  const { trail, store } = await sqliteTrail();
  await store.close();
  const setting = trail.plain();
  setting.pragma('journal_mode = DELETE');
  setting.exec('CREATE TABLE t (a)');
  setting.close();
  const script = path.join(trail.directory, 'writer.cjs');
  writeFileSync(
    script,
    `const Database = require(${JSON.stringify(path.resolve(import.meta.dirname, '../../node_modules/better-sqlite3'))});
     const app = new Database(process.argv[2]);
     app.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
     process.send('open');
     setTimeout(() => { app.exec('COMMIT'); app.close(); process.exit(); }, 500);`,
  );
  const writer = fork(script, [trail.path]);
  onTestFinished(() => void writer.kill());
  await once(writer, 'message');
  chownSync(`${trail.path}-journal`, 4321, 4321);
  const waiting = openSqlite({
    path: trail.path,
    readonly: false,
    busyTimeout: 20_000,
    clock: () => NOW,
    presence,
  });
  onTestFinished(() => waiting.close());
  expect(await recordAll(waiting, [{}])).toMatchObject([{ seq: 1 }]);
});
