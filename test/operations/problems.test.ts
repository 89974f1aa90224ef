import { linkSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.js';
import { newEntry } from '../../src/core/entry.js';
import { keyLine, publicKeyOf } from '../../src/core/evidence/notes.js';
import { keptMark } from '../../src/core/mark.js';
import type { MirrorSettings } from '../../src/core/mirror.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { captureRequest } from '../../src/library.js';
import { CHECKS, PROBLEM_CODES } from '../../src/operations/problems.js';
import type { ProblemCode } from '../../src/operations/problems.js';
import type { SealKey } from '../../src/operations/seal-key.js';
import { status } from '../../src/operations/status.js';
import type { Status } from '../../src/operations/status.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { ACTOR, carryOut, intentOf, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from '../store/trail.js';
import type { SqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const DAY = 24 * 3_600_000;

interface How {
  readonly deep?: true;
  readonly strict?: true;
  /** A key that has signed so many entries. */
  readonly signed?: number;
}

async function ask(store: AuditStore, how: How = {}): Promise<Status> {
  return status(store, {
    database: 'audit.db',
    now: NOW,
    zone: 'UTC',
    grace: parseDuration('26h'),
    strict: how.strict ?? false,
    ...(how.signed === undefined ? {} : { sealKey: keyThatSigned(how.signed) }),
    ...(how.deep ? { deep: { interruptible: (work) => work(new AbortController().signal) } } : {}),
  });
}

/** A key file that says so. */
function keyThatSigned(size: number): SealKey {
  const signed = { frontier: { size, nodes: [] }, mark: keptMark(String(size)), note: 'note' };
  return {
    path: 'key',
    key: { name: 'a', key: Buffer.alloc(32) },
    privateKey: Buffer.alloc(32),
    signed,
    pending: null,
    handover: null,
  };
}

const codesOf = ({ problems }: Status): ProblemCode[] => problems.map(({ code }) => code);

/** Opens the trail anew, as the next command would: a connection keeps the definitions that it has read. */
function reopened(trail: SqliteTrail): AuditStore {
  return openSqlite({
    path: trail.path,
    readonly: true,
    busyTimeout: 1000,
    clock: () => NOW,
    presence: { host: 'here', pid: 1, lives: () => true },
  });
}

/** What another program does to the text of a definition. */
function rewrite(plain: Database.Database, name: string, from: string, to: string): void {
  plain.unsafeMode();
  plain.pragma('writable_schema = ON');
  const { changes } = plain
    .prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)')
    .run(from, to, name, from);
  if (changes !== 1) throw new Error(`${name} has no ${from}`);
  plain.pragma('writable_schema = RESET');
}

const KEY = keyLine(publicKeyOf(Buffer.alloc(32, 1), 'example.com/audit'));

const MIRROR: MirrorSettings = {
  entityType: 'gone',
  key: 'id',
  latest: 20,
  template: '{message}',
  separator: '\n',
  reverted: 'omit',
  maxLength: 65536,
};

interface Damage {
  /** What another program does; the trail has ten entries. */
  readonly make: (plain: Database.Database, trail: SqliteTrail, store: AuditStore) => void | Promise<void>;
  /** What the message says, the way out among it. */
  readonly told: RegExp;
  readonly how?: How;
  /** Whether it is the store that is given other figures: no such disk is at hand. */
  readonly pretended?: true;
}

/** Exhaustive: a problem that nothing here brings about does not build. */
const DAMAGES: Readonly<Record<ProblemCode, Damage>> = {
  overdue: {
    make: async (plain, _trail, store) => {
      await store.changePolicy('old', { name: 'old', filter: {}, maxAge: '90d', maxEntries: null }, ACTOR);
      plain.exec(`INSERT INTO daybook_entries (action, ts) VALUES ('a', '2020-01-01T00:00:00.000Z')`);
    },
    told: /^1 entries have been due .* daybook prune/,
  },
  prune_cut_off: {
    make: (plain) => {
      plain.exec(`INSERT INTO daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid)
        VALUES ('prune', 'cron', 'user', '[]', 1, '2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z', 'here', 1)`);
    },
    told: /was cut off .* run it again$/,
  },
  schema_object_missing: {
    make: (plain) => void plain.exec('DROP TRIGGER daybook_entries_append_only_delete'),
    told: /daybook_entries_append_only_delete is missing.* daybook init/,
  },
  wal_large: {
    make: (_plain, _trail, store) => {
      const { facts } = store;
      store.facts = async (now) => {
        const real = await facts(now);
        return { ...real, bytes: { ...real.bytes, wal: 2 ** 28 + 1, disk_free: 2 ** 40 } };
      };
    },
    pretended: true,
    told: /log has grown/,
  },
  future_entries: {
    make: (plain) =>
      void plain.exec(`INSERT INTO daybook_entries (action, ts) VALUES ('a', '2090-01-01T00:00:00.000Z')`),
    told: /dated in the future: was a clock wrong/,
  },
  checkpoint_missed: {
    make: (plain) =>
      void plain.exec(
        `INSERT INTO daybook_checkpoints (name, question, filter, missed) VALUES ('nightly', '{}', '{}', 3)`,
      ),
    told: /^3 entries were pruned before checkpoint nightly/,
  },
  capture_gap: {
    make: async (plain, _trail, store) => {
      plain.exec('CREATE TABLE gone (id INTEGER PRIMARY KEY, notes TEXT)');
      await store.addCaptures(['gone'], captureRequest(), ACTOR);
      plain.exec('DROP TABLE gone');
    },
    told: /captured table gone is no longer there.* daybook capture refresh gone$/,
  },
  mirror_broken: {
    make: async (plain, _trail, store) => {
      plain.exec('CREATE TABLE gone (id INTEGER PRIMARY KEY, notes TEXT)');
      await store.addMirror({ table: 'gone', column: 'notes', settings: MIRROR }, 0, ACTOR);
      plain.exec('DROP TABLE gone');
    },
    told: /mirror gone\.notes .* daybook mirror remove gone\.notes ends it$/,
  },
  context_left: {
    make: (plain) => {
      plain.pragma('foreign_keys = OFF');
      plain.exec(`INSERT INTO daybook_context (actor) VALUES ('mallory')`);
    },
    told: /left the context of mallory behind/,
  },
  guard_open: {
    make: (plain) => {
      plain.exec(`INSERT INTO daybook_prunes (command, state, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, deleting)
        VALUES ('prune', 'done', 'x', 'user', '[]', 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'here', 1, 1)`);
    },
    told: /deleting = 1 in daybook_prunes, prune 1\).* daybook init closes it/,
  },
  unaccounted: {
    make: (plain) => {
      plain.exec(`BEGIN;
        INSERT INTO daybook_prunes (command, state, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, deleting)
        VALUES ('prune', 'done', 'x', 'user', '[]', 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'here', 1, 1);
        DELETE FROM daybook_entries WHERE seq IN (3, 4);
        UPDATE daybook_prunes SET deleting = 0;
        COMMIT`);
    },
    how: { strict: true },
    told: /^2 numbers have neither an entry nor a prune.* compare with a backup/,
  },
  foreign_trigger: {
    make: (plain) => void plain.exec(`CREATE TRIGGER "it's" AFTER INSERT ON daybook_entries BEGIN SELECT 1; END`),
    told: /^trigger it's on daybook_entries is not daybook's.* sqlite3 audit.db .*DROP TRIGGER "it/,
  },
  definition: {
    make: (plain) => rewrite(plain, 'daybook_entries', `CHECK (severity IN ('info', 'warning', 'error'))`, ''),
    told: /^daybook_entries is missing or not defined .* restore a backup$/,
  },
  seq_exhausted: {
    make: (plain) => void plain.exec('UPDATE sqlite_sequence SET seq = 9007199254740990'),
    told: /^only 1 numbers are left .* sqlite_sequence was changed: set it back to the greatest .* 10 or more$/,
  },
  disk_low: {
    make: (_plain, _trail, store) => {
      const { facts } = store;
      store.facts = async (now) => {
        const real = await facts(now);
        return { ...real, bytes: { ...real.bytes, disk_free: (real.bytes.file ?? 0) + 4 * 1024 * 1024 - 1, wal: 0 } };
      };
    },
    pretended: true,
    told: /^the disk has \d+ bytes free, .* make room/,
  },
  linked: {
    make: (_plain, trail) => linkSync(trail.path, path.join(trail.directory, 'other.db')),
    told: /^the file has 2 names.* -samefile audit\.db/,
  },
  wide_rights: {
    make: (_plain, _trail, store) => {
      const { facts } = store;
      const wideRights = ['REVOKE UPDATE ON daybook.daybook_entries FROM app'];
      store.facts = async (now) => ({ ...(await facts(now)), wideRights });
    },
    pretended: true,
    told: /REVOKE UPDATE/,
  },
  policy_changed: {
    make: (plain) =>
      void plain.exec(`INSERT INTO daybook_retention (name, filter, max_age) VALUES ('planted', '{}', '900y')`),
    told: /planted.*daybook retention/,
  },
  unreadable_row: {
    make: (plain) =>
      void plain.exec(`INSERT INTO daybook_checkpoints (name, question, filter) VALUES ('spoiled', '{}', '{bad')`),
    told: /spoiled/,
  },
  stale: {
    make: async (plain, _trail, store) => {
      await store.beginSeals({ origin: 'example.com/audit', key: KEY, since: 0 }, ACTOR);
      plain.exec(
        `INSERT INTO daybook_seal_tiles (tile, first_seq, last_seq, seqs, hashes) VALUES (0, 1, 11, '1-11', x'');
         INSERT INTO daybook_seals (size, note) VALUES (11, 'note');
         INSERT INTO daybook_entries (action, ts) VALUES ('a', '2026-03-01T00:00:00.000Z')`,
      );
    },
    told: /^entries have waited for a seal since 2026-03-01T00:00:00.000Z, longer than 26h: is daybook seal run\?$/,
  },
  behind: {
    make: (_plain, _trail, store) => store.beginSeals({ origin: 'example.com/audit', key: KEY, since: 0 }, ACTOR),
    how: { signed: 12 },
    told: /^the trail is sealed up to 0 entries, and its key has sealed 12: .* daybook seal resume$/,
  },
  corrupt: {
    make: (plain) => {
      // The index is left out while entries are recorded, and comes back as if it had them.
      plain.unsafeMode();
      plain.pragma('writable_schema = ON');
      plain.exec(`CREATE TABLE aside AS SELECT * FROM sqlite_schema WHERE name = 'daybook_entries_by_actor';
        DELETE FROM sqlite_schema WHERE name = 'daybook_entries_by_actor'`);
      plain.pragma('writable_schema = RESET');
      plain.exec(`INSERT INTO daybook_entries (action, actor, ts) VALUES ('a', 'hidden', '2026-01-01T00:00:00.000Z')`);
      plain.pragma('writable_schema = ON');
      plain.exec(`INSERT INTO sqlite_schema SELECT * FROM aside`);
      plain.pragma('writable_schema = RESET');
      plain.exec('DROP TABLE aside');
    },
    how: { deep: true },
    told: /^the file is damaged \(.*daybook_entries_by_actor.*restore a backup.* REINDEX/,
  },
};

describe('status tells of', () => {
  test.each(Object.entries(DAMAGES) as [ProblemCode, Damage][])('%s', async (code, { make, told, how, pretended }) => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10));
    expect(await ask(store, how)).toMatchObject({ problems: [] });
    const plain = trail.plain();
    await make(plain, trail, store);
    const found = pretended ? store : reopened(trail);
    const { problems } = await ask(found, how);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    expect(problems[0]?.message).toMatch(told);
    // Only who asks is told.
    if (how !== undefined) expect(codesOf(await ask(found))).toEqual([]);
    if (found !== store) await found.close();
  });
});

describe('the docs', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/scripts.md'), 'utf8');

  test('list every problem with what Nagios makes of it, and no other', () => {
    const rows = [...page.matchAll(/^\| `(?<code>[a-z_]+)` +\| (?<nagios>[12]) +\| (?<about>.*?) +\|$/gm)].map(
      ({ groups }) => Object.assign({}, groups),
    );
    expect(rows).toEqual(
      PROBLEM_CODES.map((code) => ({ code, nagios: String(CHECKS[code].nagios), about: CHECKS[code].about })),
    );
  });
});

describe('guard_open', () => {
  test('is not told of while a prune is at work, and init ends it, with an entry', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(5));
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    const prune = await store.openPrune(intentOf(plan));
    await store.deleteBatch(prune, plan, undefined, 2);
    expect(codesOf(await ask(store))).toEqual([]);
    await store.closePrune(prune, 'cut_off');
    trail.plain().exec('UPDATE daybook_prunes SET deleting = 1');
    expect(codesOf(await ask(store))).toEqual(['guard_open']);
    const options = { path: trail.path, alongside: false, busyTimeout: 1000, clock: () => NOW, actor: ACTOR };
    expect(initialize(options)).toMatchObject({ outcome: 'repaired', repaired: ['the guard against deleting'] });
    expect(initialize(options)).toMatchObject({ outcome: 'unchanged' });
    expect(codesOf(await ask(store))).toEqual([]);
    expect(() => trail.plain().exec('DELETE FROM daybook_entries')).toThrow(/only deleted by daybook prune/);
  });
});

describe('unaccounted', () => {
  /** Deletes rows as somebody would who knows of the guard. */
  function deleteByHand(plain: Database.Database, seqs: string): void {
    plain.exec(`BEGIN; UPDATE daybook_prunes SET deleting = 1; DELETE FROM daybook_entries WHERE seq IN (${seqs});
      UPDATE daybook_prunes SET deleting = 0; COMMIT`);
  }

  test('counts what was deleted by hand, and what was given for nothing, but nothing that a prune took', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10, { ts: formatTimestamp(NOW - DAY) }));
    await carryOut(store, await planOf(store, rule({ keep: 6 })), 2);
    const plain = trail.plain();
    expect((await ask(store)).unaccounted).toEqual({ count: 0, since: null });
    deleteByHand(plain, '8');
    expect((await ask(store)).unaccounted).toEqual({ count: 1, since: 11 });
    // A transaction that is taken back gives its numbers back; INSERT OR IGNORE does not.
    plain.exec(`BEGIN; INSERT INTO daybook_entries (action) VALUES ('a'); ROLLBACK`);
    expect((await ask(store)).unaccounted.count).toBe(1);
    plain.exec(`INSERT OR IGNORE INTO daybook_entries (id, action, severity) VALUES ('x', 'a', 'none')`);
    plain.exec(`INSERT INTO daybook_entries (action, ts) VALUES ('b', '2026-01-01T00:00:00.000Z')`);
    const burned = (await ask(store)).unaccounted.count;
    expect(burned).toBeGreaterThanOrEqual(1);
    expect(codesOf(await ask(store))).toEqual([]);
    expect(codesOf(await ask(store, { strict: true }))).toEqual(['unaccounted']);
  });

  test('every entry of a prune and a clear carries both numbers, also of one that is cut off', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10));
    const tallies = async (): Promise<unknown[]> => {
      const { entries } = await store.page({
        filter: { category: ['system'] },
        order: 'recorded',
        limit: 9,
        upTo: markOf(99),
      });
      return entries.map(({ metadata }) => {
        const { accounted, sequence } = JSON.parse(metadata) as Record<string, number>;
        return [accounted, sequence];
      });
    };
    await carryOut(store, await planOf(store, rule({ keep: 8 })), 1);
    expect(await tallies()).toEqual([[10, 10]]);
    deleteByHand(trail.plain(), '5');
    await carryOut(store, await planOf(store, rule({ keep: 5 })));
    expect(await tallies()).toEqual([
      [10, 10],
      [10, 11],
    ]);
    expect((await ask(store)).unaccounted).toEqual({ count: 1, since: 11 });
    // Interrupted, and killed.
    for (const end of [
      (prune: number) => store.closePrune(prune, 'cut_off'),
      async () => recordAll(await trail.open({ presence: { host: 'here', pid: 2, lives: () => false } }), [{}]),
    ]) {
      const plan = await planOf(store, rule({ keep: 1 }));
      const prune = await store.openPrune(intentOf(plan));
      await store.deleteBatch(prune, plan, undefined, 1);
      await end(prune);
    }
    expect((await tallies()).slice(2)).toEqual([
      [11, 12],
      [12, 13],
    ]);
    await carryOut(store, await planOf(store, rule({ before: NOW + DAY })));
    expect((await ask(store)).unaccounted.count).toBe(1);
  });

  test('a sequence that was set back is told as well', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10));
    trail.plain().exec('UPDATE sqlite_sequence SET seq = 4');
    const { unaccounted, problems } = await ask(store, { strict: true });
    expect(unaccounted).toEqual({ count: -6, since: null });
    expect(problems[0]?.message).toMatch(/^6 more entries are there .* sqlite_sequence or an account/);
  });

  test('an account whose entry was spoiled says nothing, and hinders nothing', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10));
    await carryOut(store, await planOf(store, rule({ keep: 8 })));
    const plain = trail.plain();
    plain.exec('DROP TRIGGER daybook_entries_append_only_update');
    plain.pragma('ignore_check_constraints = ON');
    plain.exec(`UPDATE daybook_entries SET metadata = '{bad' WHERE action = 'prune'`);
    deleteByHand(plain, '5');
    expect((await ask(store)).unaccounted).toEqual({ count: 1, since: null });
  });
});

describe('foreign_trigger', () => {
  test.each([
    ['on any table of ours', `CREATE TRIGGER x AFTER UPDATE ON daybook_prunes BEGIN SELECT 1; END`],
    ['whose name is like ours', `CREATE TRIGGER daybook_x AFTER INSERT ON daybook_entries BEGIN SELECT 1; END`],
    ['that names the table otherwise', `CREATE TRIGGER x AFTER INSERT ON "Daybook_ENTRIES" BEGIN SELECT 1; END`],
    [
      'that is named like that of a mirror that there is not',
      `CREATE TRIGGER "daybook_mirror_a.b" AFTER INSERT ON daybook_entries BEGIN SELECT 1; END`,
    ],
  ])('is one %s', async (_which, sql) => {
    const { trail, store } = await sqliteTrail();
    trail.plain().exec(sql);
    expect(codesOf(await ask(store))).toEqual(['foreign_trigger']);
  });

  test('in the place of one of ours is told as both, and init puts ours back', async () => {
    const { trail, store } = await sqliteTrail();
    trail.plain().exec(`DROP TRIGGER daybook_entries_append_only_insert;
      CREATE TRIGGER daybook_entries_append_only_insert BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END`);
    const { problems } = await ask(store);
    expect(problems.map(({ code }) => code)).toEqual(['schema_object_missing', 'foreign_trigger']);
    expect(problems[1]?.message).toContain('daybook init puts ours in its place');
  });

  test('is none of those of a mirror, unless it was changed', async () => {
    const { trail, store } = await sqliteTrail();
    const plain = trail.plain();
    plain.exec('CREATE TABLE machines (id INTEGER PRIMARY KEY, notes TEXT)');
    const request = {
      table: 'machines',
      column: 'notes',
      settings: {
        entityType: 'machine',
        key: 'id',
        latest: 5,
        template: '{message}',
        separator: '\n',
        reverted: 'omit',
        maxLength: null,
      },
    } as const;
    const mirror = await store.resolveMirror(request);
    await store.addMirror(mirror, 0, ACTOR);
    expect(codesOf(await ask(store))).toEqual([]);
    plain.exec(`DROP TRIGGER "daybook_mirror_machines.notes";
      CREATE TRIGGER "daybook_mirror_machines.notes" AFTER INSERT ON daybook_entries BEGIN SELECT 1; END`);
    expect(codesOf(await ask(store))).toEqual(['mirror_broken', 'foreign_trigger']);
  });
});

describe('definition', () => {
  test.each([
    ['daybook_entries', ') STRICT', ')'],
    ['daybook_prunes', `CHECK (state IN ('open', 'done', 'cut_off'))`, ''],
    ['daybook_context', 'CHECK (context = 1)', ''],
    ['daybook_retention', 'filter TEXT NOT NULL', 'filter TEXT'],
  ])('holds for %s', async (table, from, to) => {
    const { trail } = await sqliteTrail();
    rewrite(trail.plain(), table, from, to);
    const store = reopened(trail);
    const { problems } = await ask(store);
    expect(problems).toMatchObject([{ code: 'definition', message: expect.stringContaining(table) }]);
    await store.close();
  });

  test('a column of somebody else is a difference', async () => {
    const { trail } = await sqliteTrail();
    trail.plain().exec('ALTER TABLE daybook_entries ADD COLUMN mine TEXT');
    const store = reopened(trail);
    expect(codesOf(await ask(store))).toEqual(['definition']);
    await store.close();
  });
});

test('numbers that are really used up are told as that', async () => {
  const { trail, store } = await sqliteTrail();
  const plain = trail.plain();
  plain.exec(`DROP TRIGGER daybook_entries_append_only_insert;
    INSERT INTO daybook_entries (seq, action) VALUES (9007199254740991, 'last')`);
  const { problems } = await ask(store);
  expect(problems.find(({ code }) => code === 'seq_exhausted')?.message).toMatch(
    /^only 0 numbers are left .*: move to a new trail/,
  );
});

describe('a deep look', () => {
  test('finds entries that break the rules of the table, however they came in', async () => {
    const { trail, store } = await sqliteTrail();
    const plain = trail.plain();
    plain.pragma('ignore_check_constraints = ON');
    const insert = `INSERT INTO daybook_entries (action, ts, metadata) VALUES`;
    const forged = `${insert} ('a', '2026-01-01T00:00:00.000Z', '{"a":1},"severity":"FORGED"')`;
    expect(() => plain.exec(forged)).toThrow(/^daybook: metadata/);
    plain.exec(`${insert} ('', '2026-01-01T00:00:00.000Z', '{}')`);
    expect(codesOf(await ask(store))).toEqual([]);
    const { problems } = await ask(store, { deep: true });
    expect(problems).toMatchObject([{ code: 'corrupt', message: expect.stringContaining('CHECK constraint failed') }]);
  });

  test('finds documents that came in while the guard was away', async () => {
    const { trail, store } = await sqliteTrail();
    const plain = trail.plain();
    const guard = plain
      .prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_entries_append_only_insert'`)
      .pluck()
      .get();
    plain.exec(`DROP TRIGGER daybook_entries_append_only_insert;
      INSERT INTO daybook_entries (action, ts, metadata)
        VALUES ('a', '2026-01-01T00:00:00.000Z', '{"a":1},"severity":"FORGED"'); ${guard}`);
    expect(codesOf(await ask(store))).toEqual([]);
    const { problems } = await ask(store, { deep: true });
    expect(problems).toMatchObject([{ code: 'corrupt', message: expect.stringContaining('entry 1: its metadata') }]);
  });

  test('finds them, with their seq, where the table no longer has rules', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(3));
    const plain = trail.plain();
    const { sql } = plain.prepare(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_entries'`).get() as {
      sql: string;
    };
    const checked = /(ts TEXT NOT NULL DEFAULT .*?) CHECK .*\n.*/.exec(sql);
    rewrite(plain, 'daybook_entries', checked?.[0] ?? '', `${checked?.[1]},`);
    const bare = await trail.open();
    expect(codesOf(await ask(bare, { deep: true }))).toEqual(['definition']);
    trail.plain().exec(`INSERT INTO daybook_entries (action, ts) VALUES ('a', '2026-01-01 00:00:00.000')`);
    const { problems } = await ask(bare, { deep: true });
    expect(problems).toMatchObject([
      { code: 'definition' },
      { code: 'corrupt', message: expect.stringContaining('entry 4: its ts') },
    ]);
  });

  test('finds a byte that was flipped in an index', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(200, (index) => ({ actor: `actor-${String(index).padStart(4, '0')}-x` })),
    );
    const plain = trail.plain();
    plain.pragma('wal_checkpoint(TRUNCATE)');
    const pageSize = plain.pragma('page_size', { simple: true }) as number;
    plain.close();
    await store.close();
    const bytes = readFileSync(trail.path);
    const INDEX_LEAF = 0x0a;
    const inIndexes: number[] = [];
    for (let at = bytes.indexOf('actor-0100-x'); at >= 0; at = bytes.indexOf('actor-0100-x', at + 1)) {
      if (bytes[at - (at % pageSize)] === INDEX_LEAF) inIndexes.push(at);
    }
    // A page that was split keeps what it gave away in its free part.
    expect(inIndexes.length).toBeGreaterThan(0);
    for (const at of inIndexes) bytes[at + 11] = 0x79;
    writeFileSync(trail.path, bytes);
    const again = reopened(trail);
    expect(codesOf(await ask(again))).toEqual([]);
    expect(codesOf(await ask(again, { deep: true }))).toEqual(['corrupt']);
    await again.close();
  });

  test('leaves the rows and the functions of an application alone, and finds damage in ours beside them', async () => {
    const { trail, store } = await sqliteTrail();
    const plain = trail.plain();
    plain.function('of_theirs', { deterministic: true }, (value) => value);
    plain.exec(`CREATE TABLE theirs (a CHECK (of_theirs(a) > 0)); CREATE INDEX their_index ON theirs (of_theirs(a));
      INSERT INTO theirs VALUES (1)`);
    expect(codesOf(await ask(store, { deep: true }))).toEqual([]);
    await DAMAGES.corrupt.make(plain, trail, store);
    const again = reopened(trail);
    expect(codesOf(await ask(again, { deep: true }))).toEqual(['corrupt']);
    await again.close();
  });

  test('keeps nobody from writing, and leaves no copy behind, also where it is interrupted', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(2000));
    const writer = trail.plain();
    let stepped = false;
    const slow = status(store, {
      database: 'audit.db',
      now: NOW,
      zone: 'UTC',
      grace: parseDuration('26h'),
      deep: {
        interruptible: async (work) => {
          const copying = work(new AbortController().signal);
          writer.exec(`INSERT INTO daybook_entries (action, ts) VALUES ('meanwhile', '2026-01-01T00:00:00.000Z')`);
          stepped = true;
          return copying;
        },
      },
    });
    expect((await slow).problems).toEqual([]);
    expect(stepped).toBe(true);
    await expect(store.damage((work) => work(AbortSignal.abort()))).rejects.toMatchObject({ kind: 'interrupted' });
    // The connection is as it was.
    await store.record([{ entry: newEntry({ action: 'after' }), given: [] }]);
  });

  test('says where there is no room for the copy', async () => {
    const { store } = await sqliteTrail();
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = '/nowhere/at/all';
    try {
      await expect(ask(store, { deep: true })).rejects.toMatchObject({
        kind: 'failed',
        message: expect.stringMatching(/copy to be checked cannot be made .*TMPDIR/),
      });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});
