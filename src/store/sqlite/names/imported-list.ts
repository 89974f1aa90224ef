import { setTimeout as sleep } from 'node:timers/promises';
import { namedActorProblem } from '../../../core/directory.js';
import type { ListedActor, NameCounts, NamedActor } from '../../../core/directory.js';
import type { NewEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import type { NamesImport, NamesImported } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { inserter } from '../trail/index.js';
import { attemptTemporary, openTemporary } from '../engine/index.js';

/** A batch holds the write lock for about so long, and then leaves it to others for as long. */
const BATCH_MS = 20;
const FIRST_BATCH = 500;
const LARGEST_BATCH = 5000;
const PAGE = 1000;

export interface ImportRun {
  readonly clock: () => number;
  /** Reads of the trail, and writes in one transaction. */
  readonly read: <T>(work: () => T) => Promise<T>;
  readonly write: <T>(work: () => T) => Promise<T>;
}

/**
 * Takes a list of names into the directory. All of it is read and checked first, into a database of its own that nobody
 * waits for; only what differs is then written, in short batches. The entry comes with the first of them, so that no
 * name changes without one.
 */
export async function importNames(
  connection: Connection,
  list: AsyncIterable<readonly ListedActor[]>,
  { withEmail, audit }: NamesImport,
  run: ImportRun,
): Promise<NamesImported> {
  const staging = openTemporary();
  try {
    staging.exec(`
      CREATE TABLE listed (actor TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT, place TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE due (actor TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT) WITHOUT ROWID`);
    const { read, unnamed } = await stage(staging, list);
    const { added, changed } = await run.read(() => compare(connection, staging, withEmail));
    const counts: NameCounts = { read, added, changed, unchanged: read - unnamed - added - changed, unnamed };
    if (added + changed === 0) return { ...counts, entry: null };
    return {
      ...counts,
      entry: await merge(connection, staging, run, { withEmail, audit: () => audit(counts) }, added + changed),
    };
  } finally {
    staging.close();
  }
}

async function stage(
  staging: Connection,
  list: AsyncIterable<readonly ListedActor[]>,
): Promise<{ read: number; unnamed: number }> {
  const insert = staging.prepare('INSERT INTO listed VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const known = staging.prepare<[string], ListedActor>('SELECT actor, name, email, place FROM listed WHERE actor = ?');
  let read = 0;
  let unnamed = 0;
  const take = staging.transaction((listed: readonly ListedActor[]) => {
    for (const one of listed) {
      read += 1;
      const problem = namedActorProblem(one.name === '' ? { ...one, name: '-' } : one);
      if (problem !== undefined) throw new DaybookError('data', `${one.place}: ${problem}`);
      if (one.name === '') {
        unnamed += 1;
        continue;
      }
      if (insert.run(one.actor, one.name, one.email, one.place).changes === 1) continue;
      const first = known.get(one.actor);
      if (first !== undefined && (first.name !== one.name || first.email !== one.email)) {
        throw new DaybookError('data', `${one.place}: id ${shown(one.actor)} is named otherwise in ${first.place}`);
      }
    }
  });
  for await (const listed of list) attemptTemporary(() => take(listed));
  return { read, unnamed };
}

/** Puts what differs from the directory aside. */
function compare(connection: Connection, staging: Connection, withEmail: boolean): { added: number; changed: number } {
  const page = staging.prepare<[string], NamedActor>(
    `SELECT actor, name, email FROM listed WHERE actor > ? ORDER BY actor LIMIT ${PAGE}`,
  );
  const known = connection.prepare<[string], NamedActor>(
    'SELECT actor, name, email FROM daybook_actors WHERE actor = ?',
  );
  // Where the trail is locked on the way, all of this is done again.
  const put = staging.prepare('INSERT OR REPLACE INTO due VALUES (?, ?, ?)');
  let added = 0;
  let changed = 0;
  const comparePage = staging.transaction((listed: readonly NamedActor[]) => {
    for (const one of listed) {
      const before = known.get(one.actor);
      if (before !== undefined && before.name === one.name && (!withEmail || before.email === one.email)) continue;
      if (before === undefined) added += 1;
      else changed += 1;
      put.run(one.actor, one.name, one.email);
    }
  });
  for (let after = ''; ;) {
    const listed = page.all(after);
    comparePage(listed);
    const last = listed.at(-1);
    if (last === undefined) return { added, changed };
    after = last.actor;
  }
}

async function merge(
  connection: Connection,
  staging: Connection,
  run: ImportRun,
  { withEmail, audit }: { readonly withEmail: boolean; readonly audit: () => NewEntry },
  total: number,
): Promise<number> {
  const due = staging.prepare<[string, number], NamedActor>(
    'SELECT actor, name, email FROM due WHERE actor > ? ORDER BY actor LIMIT ?',
  );
  // A list without addresses leaves them as they are.
  const put = connection.prepare(
    `INSERT INTO daybook_actors (actor, name, email) VALUES (?, ?, ?)
     ON CONFLICT (actor) DO UPDATE SET name = excluded.name${withEmail ? ', email = excluded.email' : ''}`,
  );
  let entry: number | undefined;
  let done = 0;
  let size = FIRST_BATCH;
  for (let after = ''; ;) {
    const batch = due.all(after, size);
    const last = batch.at(-1);
    if (last === undefined) break;
    let began = 0;
    try {
      entry = await run.write(() => {
        began = performance.now();
        for (const { actor, name, email } of batch) put.run(actor, name, email);
        return entry ?? inserter(connection, run.clock)(audit()).seq;
      });
    } catch (error) {
      if (done === 0 || !(error instanceof DaybookError)) throw error;
      const far = `${done} of ${total} names are in the directory, and the same import brings the others`;
      throw new DaybookError(error.kind, `${error.message}: ${far}`, { hint: '…', cause: error });
    }
    const held = performance.now() - began;
    done += batch.length;
    after = last.actor;
    if (done < total) await sleep(held);
    size = Math.max(100, Math.min(LARGEST_BATCH, Math.round((size * BATCH_MS) / Math.max(held, 1)), size * 2));
  }
  if (entry === undefined) throw new DaybookError('failed', 'names were to be imported, and none was written');
  return entry;
}
