import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openPrivateCopy } from '../../src/store/sqlite/engine/private-copy.js';

const BASE = tmpdir();
const usual = process.env['TMPDIR'];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(BASE, 'daybook-test-'));
  process.env['TMPDIR'] = folder;
});
afterEach(() => {
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
  rmSync(folder, { recursive: true, force: true });
});

const reader = (
  signal = new AbortController().signal,
  lives: (pid: number) => boolean = () => true,
): Parameters<typeof openPrivateCopy>[1] => ({
  presence: { pid: process.pid, lives },
  interruptible: (work) => work(signal),
});

/** Opens a copy as a store does, which reads at once: only then SQLite has all that belongs to it. */
function connect(copy: string): Database.Database {
  const connection = new Database(copy, { readonly: true });
  connection.pragma('schema_version');
  return connection;
}

/** A bank whose transfers leave the sum of all accounts as it is, in a file of several chunks. */
function bank(mode: 'WAL' | 'DELETE'): { file: string; app: Database.Database; transfer: () => void } {
  const place = mkdtempSync(path.join(BASE, 'daybook-test-'));
  const file = path.join(place, 'bank.db');
  const app = new Database(file);
  onTestFinished(() => {
    app.close();
    rmSync(place, { recursive: true, force: true });
  });
  app.pragma(`journal_mode = ${mode}`);
  app.pragma('synchronous = OFF');
  app.exec(`CREATE TABLE accounts (id INTEGER PRIMARY KEY, sum INTEGER, filler TEXT);
    INSERT INTO accounts SELECT v, 100, hex(zeroblob(1500)) FROM (WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 3000) SELECT v FROM n)`);
  app.pragma('wal_checkpoint(TRUNCATE)');
  const move = app.prepare('UPDATE accounts SET sum = sum + ? WHERE id % 50 = ?');
  const transfer = app.transaction(() => {
    const from = Math.floor(Math.random() * 50);
    move.run(-1, from);
    move.run(1, (from + 1) % 50);
  });
  return { file, app, transfer };
}

describe('a private copy', () => {
  test.each(['WAL', 'DELETE'] as const)(
    'in journal mode %s is what stood there at one moment, or none',
    async (mode) => {
      const { file, app, transfer } = bank(mode);
      const outcomes = { copied: 0, changed: 0 };
      for (let round = 0; round < 24; round++) {
        let going = true;
        const busy = (): void => {
          if (!going) return;
          transfer();
          if (mode === 'WAL' && Math.random() < 0.2) app.pragma('wal_checkpoint(PASSIVE)');
          setTimeout(busy, Math.random() * 12);
        };
        // Some copies begin where nothing is done, so that there are some.
        if (round % 3 > 0) busy();
        const copied = await openPrivateCopy(file, reader(), connect);
        going = false;
        if (copied === undefined) {
          outcomes.changed += 1;
          continue;
        }
        outcomes.copied += 1;
        const { opened } = copied;
        expect(opened.pragma('integrity_check', { simple: true })).toBe('ok');
        expect(opened.prepare('SELECT sum(sum) FROM accounts').pluck().get()).toBe(300_000);
        opened.close();
      }
      expect(outcomes.copied).toBeGreaterThan(0);
      expect(outcomes.changed).toBeGreaterThan(0);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('of a log that only grows holds what was committed before, and is not begun anew', async () => {
    const { file, app, transfer } = bank('WAL');
    app.pragma('wal_autocheckpoint = 0');
    transfer();
    const before = app.prepare('SELECT sum FROM accounts WHERE id = 1').pluck().get();
    app.exec('UPDATE accounts SET sum = 7 WHERE id = 1');
    const copying = openPrivateCopy(file, reader(), connect);
    const writing = setInterval(() => app.exec('UPDATE accounts SET sum = 8 WHERE id = 1'), 1);
    const copied = await copying;
    clearInterval(writing);
    expect(before).not.toBe(7);
    expect([7, 8]).toContain(copied?.opened.prepare('SELECT sum FROM accounts WHERE id = 1').pluck().get());
    copied?.opened.close();
  });

  test('is private while it is made, and has no name once it is open', async () => {
    const { file } = bank('WAL');
    chmodSync(file, 0o644);
    const copied = await openPrivateCopy(file, reader(), (copy) => {
      expect(statSync(path.dirname(copy)).mode & 0o777).toBe(0o700);
      expect(statSync(copy).mode & 0o777).toBe(0o600);
      return connect(copy);
    });
    expect(readdirSync(folder)).toEqual([]);
    copied?.opened.close();
  });

  test('that cannot be opened leaves nothing', async () => {
    const { file } = bank('WAL');
    const failing = openPrivateCopy(file, reader(), () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that is interrupted leaves nothing', async () => {
    const { file } = bank('WAL');
    const controller = new AbortController();
    let closed = 0;
    const during = openPrivateCopy(file, reader(controller.signal), connect);
    setTimeout(() => controller.abort(), 21);
    await expect(during).rejects.toMatchObject({ kind: 'interrupted' });
    // Or while SQLite has it, which hears nothing.
    const late = new AbortController();
    const opening = openPrivateCopy(file, reader(late.signal), () => {
      late.abort();
      return { close: () => (closed += 1) };
    });
    await expect(opening).rejects.toMatchObject({ kind: 'interrupted' });
    expect(closed).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('takes away what one left that was killed, and nothing else', async () => {
    const { file } = bank('WAL');
    const names = ['daybook-copy-77-abc', 'daybook-copy-88-abc', 'daybook-copy--abc', 'daybook-copy-x', 'other'];
    for (const name of names) {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, 'copy.db'), 'x');
    }
    const copied = await openPrivateCopy(
      file,
      reader(undefined, (pid) => pid !== 77),
      connect,
    );
    copied?.opened.close();
    expect(readdirSync(folder).toSorted()).toEqual(names.slice(1).toSorted());
  });

  test('is of all that belongs to a database, or of nothing', async () => {
    if (process.getuid?.() === 0) return;
    const { file, transfer } = bank('WAL');
    transfer();
    chmodSync(`${file}-wal`, 0o000);
    await expect(openPrivateCopy(file, reader(), connect)).rejects.toMatchObject({
      kind: 'missing',
      message: `${file}-wal cannot be read (permission denied)`,
    });
  });

  test('needs a folder to stand in', async () => {
    const { file } = bank('WAL');
    rmSync(folder, { recursive: true });
    await expect(openPrivateCopy(file, reader(), connect)).rejects.toMatchObject({
      kind: 'failed',
      message: `${file} can only be read from a private copy here, and none can be written to ${folder} (ENOENT): TMPDIR can name another folder`,
    });
    mkdirSync(folder);
  });

  test('is not made of a database that is gone', async () => {
    const { file } = bank('WAL');
    rmSync(file);
    await expect(openPrivateCopy(file, reader(), connect)).rejects.toThrow('ENOENT');
    expect(readdirSync(folder)).toEqual([]);
  });
});
