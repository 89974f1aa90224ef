import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { Actor, HistoryEntry, NewEntry } from '../../src/core/entry.js';
import { newEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import type { Mark } from '../../src/core/mark.js';
import type { PruneAccount, PruneIntent } from '../../src/core/prune-account.js';
import { parseTimestamp } from '../../src/core/timestamp.js';
import type {
  AuditStore,
  Key,
  Order,
  PageQuery,
  PruneForecast,
  PrunePlan,
  PruneRule,
  RecordOutcome,
} from '../../src/store/audit-store.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { openSqlite } from '../../src/store/sqlite/index.js';

/** The moment at which the clock of a new trail stands. */
export const NOW = parseTimestamp('2026-03-05T12:00:00.000Z');

export const ACTOR: Actor = { actor: 'anna', actor_type: 'user', recorded_by: null };

/** Who a connection is to the others, and what time it is for it. */
export interface Circumstances {
  readonly clock: () => number;
  readonly presence: { readonly host: string; readonly pid: number; readonly lives: (pid: number) => boolean };
}

/** An empty trail with a clock that stands still until it is set. */
export interface Trail {
  readonly clock: { now: number };
  /** One more connection to the same trail. */
  open(circumstances?: Partial<Circumstances>): Promise<AuditStore>;
  remove(): Promise<void>;
}

export interface SqliteTrail extends Trail {
  readonly directory: string;
  readonly path: string;
  /** A connection as any other program would have it. */
  plain(): Database.Database;
}

/** In memory where the system has such a folder: hundreds of trails would wait for the disk. */
const FOLDER = statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() === true ? '/dev/shm' : tmpdir();

let emptyTrail: Buffer | undefined;

/** A new trail that nobody has opened; a copy, since making one takes longer than most tests. */
function newDatabase(directory: string): string {
  const file = path.join(directory, 'audit.db');
  if (emptyTrail === undefined) {
    initialize({ path: file, alongside: false, busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
    emptyTrail = readFileSync(file);
  } else {
    writeFileSync(file, emptyTrail, { mode: 0o600 });
  }
  return file;
}

/** A new trail in a temporary folder; `remove` takes everything away. */
export async function makeSqliteTrail(): Promise<SqliteTrail> {
  const directory = mkdtempSync(path.join(FOLDER, 'daybook-test-'));
  const file = newDatabase(directory);
  const clock = { now: NOW };
  const now = (): number => clock.now;
  const open: { close(): unknown }[] = [];
  return {
    clock,
    directory,
    path: file,
    open: async (circumstances) => {
      const store = openSqlite({
        path: file,
        readonly: false,
        busyTimeout: 1000,
        clock: circumstances?.clock ?? now,
        presence: circumstances?.presence ?? { host: 'here', pid: 1, lives: () => true },
      });
      open.push(store);
      return store;
    },
    plain: () => {
      const connection = new Database(file, { timeout: 0 });
      open.push(connection);
      return connection;
    },
    remove: async () => {
      for (const each of open) await each.close();
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** A trail that is gone after the test, with one connection. */
export async function sqliteTrail(): Promise<{ readonly trail: SqliteTrail; readonly store: AuditStore }> {
  const trail = await makeSqliteTrail();
  onTestFinished(() => trail.remove());
  return { trail, store: await trail.open() };
}

/** Records entries that say only what a test cares about. */
export async function recordAll(
  store: AuditStore,
  entries: readonly Partial<NewEntry>[],
): Promise<readonly RecordOutcome[]> {
  return store.record(
    entries.map((fields) => {
      const entry = newEntry({ action: 'update', ...fields });
      return { entry, given: Object.keys(fields) as (keyof NewEntry)[] };
    }),
  );
}

/** Records entries one by one, and gives marks: of place n is the mark of the trail as it had n of them. */
export async function recordMarked(store: AuditStore, entries: readonly Partial<NewEntry>[]): Promise<Mark[]> {
  const marks = [await store.mark()];
  for (const entry of entries) {
    await recordAll(store, [entry]);
    marks.push(await store.mark());
  }
  return marks;
}

/** As many entries as asked, told apart by their message; `fields` may go by the place, which begins at 0. */
export function numbered(
  count: number,
  fields: Partial<NewEntry> | ((index: number) => Partial<NewEntry>) = {},
): Partial<NewEntry>[] {
  const given = typeof fields === 'function' ? fields : (): Partial<NewEntry> => fields;
  return Array.from({ length: count }, (_, index) => ({ message: `number ${index + 1}`, ...given(index) }));
}

/** Everything that matches, page by page. */
export async function readAll(
  store: AuditStore,
  query: Partial<PageQuery> = {},
  betweenPages: () => Promise<void> = async () => {},
): Promise<HistoryEntry[]> {
  const upTo = query.upTo ?? (await store.mark());
  const found: HistoryEntry[] = [];
  for (let after = query.after; ;) {
    const page = await store.page({
      filter: {},
      order: 'newest',
      limit: 1000,
      ...query,
      upTo,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.entries);
    if (page.next === null) return found;
    after = page.next;
    await betweenPages();
  }
}

/** The greatest seq of the trail, 0 where it is empty. */
export async function lastSeq(store: AuditStore): Promise<number> {
  return (await store.extent({})).lastSeq;
}

/** The seqs of everything that matches. */
export async function seqsOf(store: AuditStore, filter: Filter, order: Order = 'newest'): Promise<number[]> {
  return (await readAll(store, { filter, order })).map((entry) => entry.seq);
}

export function rule(fields: Partial<PruneRule>): PruneRule {
  return { name: null, filter: {}, before: null, keep: null, ...fields };
}

export async function planOf(store: AuditStore, ...rules: readonly PruneRule[]): Promise<PrunePlan> {
  return store.plan(
    rules,
    rules.map(() => false),
  );
}

export async function forecastOf(store: AuditStore, ...rules: readonly PruneRule[]): Promise<PruneForecast> {
  return store.forecast(await planOf(store, ...rules));
}

export function intentOf(plan: PrunePlan, fields: Partial<PruneIntent> = {}): PruneIntent {
  return {
    command: 'prune',
    actor: 'cron',
    actorType: 'system',
    recordedBy: null,
    reason: null,
    criteria: '[]',
    upTo: plan.upTo,
    ...fields,
  };
}

/** Carries a plan out, batch by batch. */
export async function carryOut(
  store: AuditStore,
  plan: PrunePlan,
  size = 100,
  afterBatch: () => Promise<void> = async () => {},
): Promise<PruneAccount> {
  const prune = await store.openPrune(intentOf(plan));
  for (let after: Key | undefined; ;) {
    const batch = await store.deleteBatch(prune, plan, after, size);
    await afterBatch();
    if (batch.next === null) return batch.account;
    after = batch.next;
  }
}
