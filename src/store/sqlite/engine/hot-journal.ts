import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { MayPass } from '../../../core/errors.js';

/** How long to wait before a journal is looked at again. */
const LOOK_MS = 10;

/**
 * Makes sure that SQLite may deal with the rollback journal beside a database, if there is one: it writes the pages of a
 * hot journal into the database and deletes the super-journal that it names, whoever put it there. To be called before
 * anything is opened, since SQLite of the superuser gives a journal to the owner of the database while it looks at it.
 * Throws kind `refused` for a journal that is strange. That of another user's program that is at work goes in time.
 */
export function expectOwnJournal(path: string, busyTimeout: number): void {
  const journal = `${realpathSync(path)}-journal`;
  // Nearly always there is no journal: the clock, whose module takes milliseconds to load, is asked only where one is.
  for (let deadline: number | undefined; ;) {
    const problem = problemOf(path, journal);
    if (problem === undefined) return;
    deadline ??= performance.now() + busyTimeout;
    if (performance.now() >= deadline) throw strange(journal, problem);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
}

/** What is wrong with the journal, if SQLite would take it for a hot one; undefined where nothing is. */
function problemOf(path: string, journal: string): string | undefined {
  const found = lstatSync(journal, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isFile()) return 'is no regular file';
  if (found.size === 0) return undefined;
  if (found.nlink > 1) return 'has another name as well';
  const { finished, named } = readJournal(journal);
  if (finished) return undefined;
  const owners = [statSync(path).uid, 0, ownUser()];
  if (!owners.includes(found.uid)) return `belongs to another user (${found.uid}) than the database`;
  return named === undefined ? undefined : `names a file that would be deleted (${JSON.stringify(named)})`;
}

function strange(journal: string, problem: string): MayPass {
  return new MayPass(
    'refused',
    `${journal}, the rest of a transaction, ${problem}: nothing was opened. Where a program of yours left it, let that ` +
      'program open the database first; else somebody put it there, and it should be moved away',
  );
}

/** Who runs this program; undefined where the system knows no user of that number. */
function ownUser(): number | undefined {
  try {
    return userInfo().uid;
  } catch {
    return undefined;
  }
}

const MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
/** Behind the name: its length, its checksum and the magic. */
const TAIL = 16;

interface JournalContent {
  /** Whether its transaction came to its end, which leaves zeros at the beginning. */
  readonly finished: boolean;
  /** The super-journal at its end. */
  readonly named: string | undefined;
}

function readJournal(journal: string): JournalContent {
  const descriptor = openReadOnly(journal);
  // What we may not read, SQLite may not either.
  if (descriptor === undefined) return { finished: false, named: undefined };
  try {
    const first = Buffer.alloc(1);
    readSync(descriptor, first, 0, 1, 0);
    return { finished: first[0] === 0, named: superJournal(descriptor) };
  } finally {
    closeSync(descriptor);
  }
}

function superJournal(descriptor: number): string | undefined {
  const { size } = fstatSync(descriptor);
  if (size < TAIL) return undefined;
  const tail = Buffer.alloc(TAIL);
  readSync(descriptor, tail, 0, TAIL, size - TAIL);
  const length = tail.readUInt32BE(0);
  if (!tail.subarray(8).equals(MAGIC) || length === 0 || length > size - TAIL) return undefined;
  // As much as a file's name can have.
  const name = Buffer.alloc(Math.min(length, 4096));
  readSync(descriptor, name, 0, name.length, size - TAIL - length);
  return name.toString();
}

function openReadOnly(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
