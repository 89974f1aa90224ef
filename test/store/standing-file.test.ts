import { copyFileSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileGone } from '../../src/core/errors.js';
import { newEntry } from '../../src/core/entry.js';
import { captureRequest } from '../../src/library.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { ACTOR, NOW, recordAll, sqliteTrail } from './trail.js';
import type { SqliteTrail } from './trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const entry = newEntry({ action: 'a', actor: 'anna' });
const requests = [{ entry, given: [] }];
const intent = {
  command: 'prune',
  actor: 'anna',
  actorType: 'user',
  recordedBy: null,
  reason: null,
  criteria: '{}',
  upTo: markOf(9),
} as const;
const settings = {
  entityType: 't',
  key: 'id',
  latest: 3,
  template: '{message}',
  separator: '\n',
  reverted: 'omit',
  maxLength: null,
} as const;
const mirror = { table: 't', column: 'notes', settings };
const policy = { name: 'p', filter: {}, maxAge: '1y', maxEntries: null };
const undoing = {
  entries: { seq: 3 },
  actor: ACTOR,
  reason: 'wrong',
  correlationId: null,
  force: false,
  dryRun: false,
} as const;
const executing = { actor: ACTOR, reason: null, correlationId: null, foreignKeys: true, dryRun: false };

/** Calls `gone` once all is ready, and then has the store write. */
type Write = (store: AuditStore, gone: () => void) => Promise<unknown>;

const changed: Write = async (store, gone) => {
  await store.addCaptures(['t'], captureRequest(), ACTOR);
  await store.execute({ ...executing, sql: "UPDATE t SET notes = 'x'" });
  gone();
  return store.undo(undoing);
};

const prune =
  (work: (store: AuditStore, prune: number) => Promise<unknown>): Write =>
  async (store, gone) => {
    const opened = await store.openPrune(intent);
    gone();
    return work(store, opened);
  };

const simply =
  (work: (store: AuditStore) => Promise<unknown>): Write =>
  async (store, gone) => {
    gone();
    return work(store);
  };

const SEAL_TRAIL = { origin: 'example.com/audit', key: 'key', since: 0 };

/** Every method of a store, so that no new one is forgotten. */
const METHODS = {
  record: simply((store) => store.record(requests)),
  recordOneOfMany: simply((store) => store.recordOneOfMany(requests)),
  compare: 'reads',
  revert: simply((store) => store.revert({ ...entry, reverts: 'made' })),
  execute: simply((store) => store.execute({ ...executing, sql: 'CREATE TABLE made (a)' })),
  page: 'reads',
  rows: 'reads',
  lines: 'reads',
  fields: 'reads',
  explain: 'reads',
  find: 'reads',
  extent: 'reads',
  values: 'reads',
  nextValues: 'reads',
  groups: 'reads',
  groupNames: 'reads',
  countBetween: 'reads',
  courses: 'reads',
  hours: 'reads',
  bursts: 'reads',
  // What follows the trail asks for nothing else while nothing comes.
  mark: simply((store) => store.mark()),
  othersHaveWritten: 'reads',
  policies: 'reads',
  changePolicy: simply((store) => store.changePolicy('p', policy, entry)),
  actors: 'reads',
  actorNames: 'reads',
  actorsMeant: 'reads',
  changeActor: simply((store) =>
    store.changeActor('x', () => ({ becomes: { actor: 'x', name: 'X', email: null }, audit: entry })),
  ),
  importNames: simply((store) =>
    store.importNames(
      (async function* () {
        yield [{ actor: 'y', name: 'Y', email: null, place: 'line 1' }];
      })(),
      { withEmail: false, audit: () => entry },
    ),
  ),
  captureHistory: 'reads',
  rowEvidence: 'reads',
  tableEvidence: 'reads',
  pruneReach: 'reads',
  importedHistory: 'reads',
  importedChanges: 'reads',
  captures: 'reads',
  addCaptures: simply((store) => store.addCaptures(['t'], captureRequest(), ACTOR)),
  refreshCaptures: async (store, gone) => {
    await store.addCaptures(['t'], captureRequest(), ACTOR);
    gone();
    return store.refreshCaptures(['t'], ACTOR);
  },
  removeCaptures: async (store, gone) => {
    await store.addCaptures(['t'], captureRequest(), ACTOR);
    gone();
    return store.removeCaptures(['t'], ACTOR);
  },
  undo: changed,
  // It leaves no trace.
  checkCaptures: 'reads',
  mirrors: 'reads',
  resolveMirror: 'reads',
  compareMirror: 'reads',
  mirrorPrunes: 'reads',
  addMirror: simply((store) => store.addMirror(mirror, 0, ACTOR)),
  removeMirror: async (store, gone) => {
    await store.addMirror(mirror, 0, ACTOR);
    gone();
    return store.removeMirror(mirror, ACTOR);
  },
  leakedContext: 'reads',
  plan: 'reads',
  forecast: 'reads',
  openPrune: simply((store) => store.openPrune(intent)),
  renewPrune: prune((store, opened) => store.renewPrune(opened)),
  deleteBatch: prune(async (store, opened) => {
    const rule = { name: null, filter: {}, before: NOW + 1, keep: null };
    return store.deleteBatch(opened, await store.plan([rule], [false]), undefined, 10);
  }),
  closePrune: prune((store, opened) => store.closePrune(opened, 'done')),
  lastPrune: 'reads',
  prunedSoFar: 'reads',
  cutOffPrunes: 'reads',
  giveBackSpace: 'reads',
  upkeep: 'reads',
  checkpoint: 'reads',
  beginCheckpoint: simply((store) => store.beginCheckpoint('c', 'q', {}, markOf(0))),
  missedByCheckpoints: 'reads',
  moveCheckpoint: async (store, gone) => {
    const { mark } = await store.beginCheckpoint('c', 'q', {}, markOf(1));
    gone();
    return store.moveCheckpoint('c', mark, markOf(1));
  },
  facts: 'reads',
  holds: 'reads',
  placeHold: simply((store) =>
    store.placeHold({ name: 'h', filter: {}, reason: '', until: null, releaseKey: null }, ACTOR),
  ),
  releaseHold: async (store, gone) => {
    await store.placeHold({ name: 'h', filter: {}, reason: '', until: null, releaseKey: null }, ACTOR);
    gone();
    return store.releaseHold('h', '', null, ACTOR);
  },
  sealState: 'reads',
  beginSeals: simply((store) => store.beginSeals(SEAL_TRAIL, ACTOR)),
  leaseSeals: simply((store) => store.leaseSeals()),
  releaseSeals: simply((store) => store.releaseSeals()),
  leavesToSeal: 'reads',
  leavesIn: 'reads',
  putTiles: async (store, gone) => {
    await store.leaseSeals();
    gone();
    return store.putTiles([], [], true);
  },
  putSeal: async (store, gone) => {
    await store.leaseSeals();
    gone();
    return store.putSeal({ size: 1, note: 'note' });
  },
  putHandover: simply((store) => store.putHandover({ size: 1, note: 'note' }, 'key', ACTOR)),
  resumeSeals: simply((store) => store.resumeSeals({ ...SEAL_TRAIL, note: 'note' }, 'why', ACTOR)),
  putAnchor: simply((store) => store.putAnchor({ size: 1, kind: 'ots', content: Buffer.of(1) }, ACTOR)),
  anchors: 'reads',
  putRemoval: simply((store) => store.putRemoval({ prune: 1, ranges: '1', note: 'note', skeletons: null })),
  removals: 'reads',
  seals: 'reads',
  tile: 'reads',
  tiles: 'reads',
  tileOf: 'reads',
  tilesAndLines: 'reads',
  seqsThere: 'reads',
  findErased: 'reads',
  erasedBetween: 'reads',
  damage: 'reads',
  foreignTriggers: 'reads',
  origin: 'reads',
  standingPolicies: 'reads',
  unreadableRows: 'reads',
  backup: 'reads',
  close: 'reads',
} satisfies Record<keyof AuditStore, Write | 'reads'>;

const WRITES = Object.entries(METHODS).flatMap(([name, work]) => (work === 'reads' ? [] : [[name, work] as const]));

async function scene(): Promise<{ trail: SqliteTrail; store: AuditStore }> {
  const { trail, store } = await sqliteTrail();
  const app = trail.plain();
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, notes TEXT); INSERT INTO t VALUES (1, '')");
  app.close();
  await recordAll(store, [{ id: 'made' }]);
  return { trail, store };
}

function removeAll(file: string): void {
  for (const ending of ['', '-wal', '-shm']) rmSync(`${file}${ending}`, { force: true });
}

describe('what is written into a file that is gone is not acknowledged', () => {
  test.each(WRITES)('%s', async (_name, write) => {
    const { trail, store } = await scene();
    let ready = false;
    const writing = write(store, () => {
      ready = true;
      removeAll(trail.path);
    });
    await expect(writing).rejects.toThrow(
      new FileGone(
        `${trail.path} was deleted or moved by another program while it was open: what this program recorded went into a file that has this name no more`,
      ),
    );
    expect(ready).toBe(true);
  });

  test.each(WRITES)('%s, and is where nothing happened to the file', async (_name, write) => {
    const { store } = await scene();
    await expect(write(store, () => undefined)).resolves.not.toThrow();
  });
});

test.each([
  ['deleted', (file: string) => removeAll(file), 'deleted or moved'],
  ['moved', (file: string) => renameSync(file, `${file}.old`), 'deleted or moved'],
  [
    'replaced by a copy of itself',
    (file: string) => {
      copyFileSync(file, `${file}.new`);
      renameSync(`${file}.new`, file);
    },
    'was replaced',
  ],
  [
    'replaced by a link',
    (file: string) => {
      copyFileSync(file, `${file}.new`);
      unlinkSync(file);
      symlinkSync(`${file}.new`, file);
    },
    'was replaced',
  ],
  ['robbed of its log', (file: string) => unlinkSync(`${file}-wal`), 'the log of'],
])('a database that is %s', async (_what, happens, words) => {
  const { trail, store } = await scene();
  await recordAll(store, [{}]);
  happens(trail.path);
  const said = expect.objectContaining({ kind: 'failed', message: expect.stringContaining(words) as string }) as Error;
  await expect(recordAll(store, [{}])).rejects.toThrow(said);
  await expect(store.mark()).rejects.toThrow(said);
});

test('another name of the same file, and a link to it, are the file', async () => {
  const { trail, store } = await scene();
  const link = path.join(trail.directory, 'link.db');
  symlinkSync(trail.path, link);
  const presence = { host: 'here', pid: 1, lives: () => true };
  const linked = openSqlite({ path: link, readonly: false, busyTimeout: 0, clock: () => NOW, presence });
  onTestFinished(() => linked.close());
  expect(await recordAll(linked, [{}])).toMatchObject([{ seq: 2 }]);
  // What writers do among themselves is no change of the file.
  trail.plain().pragma('wal_checkpoint(TRUNCATE)');
  trail.plain().exec('VACUUM');
  expect(await recordAll(linked, [{}])).toMatchObject([{ seq: 3 }]);
  expect(await recordAll(store, [{}])).toMatchObject([{ seq: 4 }]);
});

test('a database without a write-ahead log is looked at as well', async () => {
  const { trail, store: other } = await scene();
  await other.close();
  trail.plain().pragma('journal_mode = DELETE');
  const store = await trail.open();
  expect(await recordAll(store, [{}])).toMatchObject([{ seq: 2 }]);
  removeAll(trail.path);
  // SQLite itself sees it where it opens a journal.
  await expect(recordAll(store, [{}])).rejects.toMatchObject({ kind: 'failed' });
});
