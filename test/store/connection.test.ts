import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { backupTo } from '../../src/store/sqlite/upkeep/backup.js';
import { attempt } from '../../src/store/sqlite/engine/connection.js';
import type { Connection } from '../../src/store/sqlite/engine/connection.js';
import { temporaryDirectory } from '../support/program.js';
import { recordAll, sqliteTrail } from './trail.js';

const { SqliteError } = Database;

/** What SQLite says, with the kind and the words that a user gets. */
const SAID: readonly (readonly [string, string, string, RegExp])[] = [
  ['SQLITE_BUSY', 'database is locked', 'busy', /is locked by another program/],
  ['SQLITE_BUSY_SNAPSHOT', 'database is locked', 'busy', /is locked by another program/],
  ['SQLITE_LOCKED_SHAREDCACHE', 'database table is locked', 'busy', /is locked by another program/],
  ['SQLITE_NOTADB', 'file is not a database', 'missing', /is not a SQLite database/],
  ['SQLITE_CORRUPT_INDEX', 'malformed', 'missing', /is damaged \(malformed\)/],
  ['SQLITE_READONLY', 'attempt to write', 'failed', /cannot be written \(attempt to write\)/],
  ['SQLITE_READONLY_DIRECTORY', 'attempt to write', 'missing', /write beside a database in WAL mode/],
  ['SQLITE_CANTOPEN', 'unable to open', 'missing', /cannot be opened \(unable to open\)$/],
  ['SQLITE_FULL', 'database or disk is full', 'failed', /^no room is left for \S+, or for temporary files/],
  ['SQLITE_ERROR', 'unsupported file format', 'missing', /is damaged \(unsupported file format\)/],
  ['SQLITE_ERROR', 'no such table: daybook_entries', 'missing', /is not as daybook made it/],
  ['SQLITE_ERROR', 'no such column: notes', 'failed', /a mirror cannot show the entry \(no such column: notes\)/],
  ['SQLITE_IOERR_WRITE', 'disk I/O error', 'failed', /could not be read or written \(SQLITE_IOERR_WRITE/],
  ['SQLITE_CONSTRAINT_TRIGGER', 'daybook: no', 'data', /^no$/],
  ['SQLITE_ERROR', 'no such index: daybook_entries_by_time', 'failed', /an index of the trail is missing/],
  ['SQLITE_ERROR', 'something else', 'failed', /something else/],
];

function caught(error: unknown, file = '/nowhere/audit.db'): unknown {
  try {
    return attempt(file, () => {
      throw error;
    });
  } catch (thrown) {
    return thrown;
  }
}

test.each(SAID)('%s (%s) is %s', (code, message, kind, words) => {
  const error = new SqliteError(message, code);
  expect(caught(error)).toMatchObject({
    name: 'DaybookError',
    kind,
    message: expect.stringMatching(words),
    cause: error,
  });
});

test('who only reads is not told of a mirror, through which nothing goes then', () => {
  const error = new SqliteError('no such column: notes', 'SQLITE_ERROR');
  const reading = (): unknown =>
    attempt(
      '/nowhere/audit.db',
      () => {
        throw error;
      },
      true,
    );
  expect(reading).toThrow('/nowhere/audit.db is not as daybook made it (no such column: notes)');
});

test('a database that is there and cannot be opened lacks what belongs beside it', () => {
  const error = new SqliteError('unable to open', 'SQLITE_CANTOPEN');
  const file = path.join(temporaryDirectory());
  expect(caught(error, file)).toMatchObject({ kind: 'missing', message: expect.stringContaining('WAL mode') });
});

test('a copy that has no room is named, and not the database', async () => {
  const failing = (error: Error): Connection => {
    const backup = async (): Promise<never> => {
      throw error;
    };
    return { backup } as unknown as Connection;
  };
  const full = new SqliteError('database or disk is full', 'SQLITE_FULL');
  await expect(backupTo(failing(full), 'audit.db', '/nowhere/copy.db')).rejects.toMatchObject({
    kind: 'failed',
    message: 'the copy could not be written (database or disk is full)',
  });
  for (const other of [new SqliteError('malformed', 'SQLITE_CORRUPT'), new Error('other')]) {
    await expect(backupTo(failing(other), 'audit.db', '/nowhere/copy.db')).rejects.toBe(other);
  }
});

test('a folder that is not there is said by the driver', () => {
  const error = new TypeError('Cannot open database because the directory does not exist');
  expect(caught(error)).toMatchObject({ kind: 'missing', message: 'the folder of /nowhere/audit.db does not exist' });
});

test('what is not from SQLite stays what it is', () => {
  const ours = new DaybookError('usage', 'x');
  const bug = new TypeError('undefined is not a function');
  expect(caught(ours)).toBe(ours);
  expect(caught(bug)).toBe(bug);
});

test('a full database records nothing of a call, and goes on when there is room', async () => {
  const { trail, store } = await sqliteTrail();
  const other = trail.plain();
  await recordAll(store, [{}]);
  // A trigger stands for the disk: it fails in the middle of a call.
  other.exec(`CREATE TRIGGER daybook_test BEFORE INSERT ON daybook_entries WHEN NEW.message = 'large'
    BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
  await expect(recordAll(store, [{ id: 'first' }, { message: 'large' }])).rejects.toMatchObject({ kind: 'data' });
  expect(await store.find({ id: 'first' })).toBeUndefined();
  await recordAll(store, [{ id: 'first' }]);
  expect(await store.find({ id: 'first' })).toMatchObject({ seq: 2 });
});
