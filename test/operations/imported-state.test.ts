import fc from 'fast-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { NewEntry } from '../../src/core/entry.js';
import { newEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { ROW_CHANGE_FORMATS } from '../../src/core/row-changes.js';
import type { RowTelling } from '../../src/core/row-changes.js';
import { rowFollower } from '../../src/operations/imported-rows.js';
import { stateOf, statesOf } from '../../src/operations/state.js';
import type { Moment } from '../../src/operations/state.js';
import { statesThrough } from '../../src/operations/states.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { capturedTrail } from '../store/captured.js';
import { HAS_POSTGRES, makePostgresTrail } from '../store/postgres-trail.js';
import { ACTOR, intentOf, planOf, rule, sqliteTrail } from '../store/trail.js';

const BASE = Date.parse('2026-01-01T00:00:00.000Z');

function timeOf(second: number): string {
  return new Date(BASE + second * 1000).toISOString();
}

const at = (second: number): Moment => ({ kind: 'time', at: timeOf(second) });
const NOW: Moment = { kind: 'now', at: timeOf(100_000) };

type Values = Record<string, unknown> | null;

/** An imported row change, at a second. */
function change(
  second: number,
  action: string,
  id: string | null,
  before: Values,
  after: Values,
  more: Partial<NewEntry> = {},
): NewEntry {
  return newEntry({
    source: 'audit-logs',
    ts: timeOf(second),
    recorded_at: timeOf(90_000),
    actor: 'ana',
    actor_type: 'user',
    recorded_by: null,
    action,
    entity_type: 'users',
    entity_id: id,
    old_values: before && JSON.stringify(before),
    new_values: after && JSON.stringify(after),
    ...more,
  });
}

const ENGINES = [
  { engine: 'SQLite', newStore: async () => (await sqliteTrail()).store },
  {
    engine: 'PostgreSQL',
    newStore: async () => {
      const trail = await makePostgresTrail();
      onTestFinished(() => trail.remove());
      return trail.open();
    },
  },
].filter(({ engine }) => engine === 'SQLite' || HAS_POSTGRES);

let newStore: () => Promise<AuditStore>;

async function imported(...entries: readonly NewEntry[]): Promise<AuditStore> {
  const store = await newStore();
  await store.record(entries.map((entry) => ({ entry, given: [] })));
  return store;
}

/** What a row was: its values, false where it did not exist, null where that is not known. */
async function was(store: AuditStore, id: string, moment: Moment, notes: string[] = []): Promise<unknown> {
  const { exists, values } = await stateOf(store, { type: 'users', id }, moment, (text) => notes.push(text));
  return exists === true ? JSON.parse(values ?? '') : exists;
}

async function rows(store: AuditStore, moment: Moment): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const page of statesOf(store, 'users', moment)) {
    found.push(
      ...page.map(({ entity, exists, values }) => [entity, exists === null ? null : JSON.parse(values ?? '')]),
    );
  }
  return found;
}

/** 1 comes, changes and goes; 2 was there before; of 3 a change is missing. */
const LIFE = [
  change(1, 'create', '1', null, { id: 1, a: 'x' }),
  change(2, 'update', '1', { id: 1, a: 'x' }, { id: 1, a: 'y' }),
  change(3, 'delete', '1', { id: 1, a: 'y' }, null),
  change(3, 'update', '2', { id: 2, a: 'x' }, { id: 2, a: 'y' }),
  change(4, 'create', '3', null, { id: 3, a: 'x' }),
  change(6, 'update', '3', { id: 3, a: 'y' }, { id: 3, a: 'z' }),
];

describe.each(ENGINES)('the state of a row by imported changes in $engine', (engine) => {
  beforeAll(() => {
    newStore = engine.newStore;
  });

  test('is known from its first change on, and not where the source misses one', async () => {
    const store = await imported(...LIFE);
    const states = async (id: string): Promise<unknown[]> =>
      Promise.all([0, 1, 2, 3, 4, 5, 6].map((second) => was(store, id, at(second))));
    const [x, y] = [
      { id: 1, a: 'x' },
      { id: 1, a: 'y' },
    ];
    expect(await states('1')).toEqual([null, x, y, false, false, false, false]);
    expect(await states('2')).toEqual([null, null, null, ...Array.from({ length: 4 }, () => ({ id: 2, a: 'y' }))]);
    expect(await states('3')).toEqual([null, null, null, null, { id: 3, a: 'x' }, null, { id: 3, a: 'z' }]);
    expect(await states('9')).toEqual(Array.from({ length: 7 }, () => null));
    expect(await was(store, '3', NOW)).toEqual({ id: 3, a: 'z' });
  });

  test('says since when, by which entry, and why it is not known', async () => {
    const store = await imported(...LIFE);
    const notes: string[] = [];
    const tell = (text: string): void => void notes.push(text);
    const ask = (id: string, moment: Moment): Promise<unknown> => stateOf(store, { type: 'users', id }, moment, tell);
    expect(await ask('1', at(2))).toMatchObject({ seq: 2, known_since: timeOf(1), at: timeOf(2) });
    expect(await ask('1', at(0))).toMatchObject({ seq: null, known_since: timeOf(1) });
    expect(await ask('3', at(5))).toMatchObject({ exists: null, seq: 5, known_since: timeOf(6) });
    expect(await ask('3', NOW)).toMatchObject({ seq: 6, known_since: timeOf(6) });
    expect(await ask('9', at(5))).toMatchObject({ exists: null, known_since: null });
    expect(notes).toEqual([
      `not known: imported changes of users:1 begin at ${timeOf(1)}`,
      `not known: the source misses a change of users:3 between ${timeOf(4)} and ${timeOf(6)} (entries 5 and 6)`,
      `as far as audit-logs is imported: its last entry is of ${timeOf(6)}`,
      'not known: no change of users:9 was imported',
    ]);
  });

  test('goes by the entry within one time, and not by when an entry came into the trail', async () => {
    const store = await imported(
      change(5, 'create', '1', null, { id: 1, a: 'x' }),
      change(5, 'update', '1', { id: 1, a: 'x' }, { id: 1, a: 'y' }),
      change(9, 'update', '1', { id: 1, a: 'z' }, { id: 1, a: 'w' }),
      // A transaction that was long in coming.
      change(7, 'update', '1', { id: 1, a: 'y' }, { id: 1, a: 'z' }),
    );
    expect(await was(store, '1', { kind: 'entry', at: timeOf(5), seq: 1 })).toEqual({ id: 1, a: 'x' });
    expect(await was(store, '1', at(5))).toEqual({ id: 1, a: 'y' });
    expect(await was(store, '1', at(6))).toEqual({ id: 1, a: 'y' });
    expect(await was(store, '1', at(8))).toEqual({ id: 1, a: 'z' });
    expect(await was(store, '1', NOW)).toEqual({ id: 1, a: 'w' });
  });

  test('takes columns that come and go, and secrets that were hidden later, for no change that is missing', async () => {
    const store = await imported(
      change(1, 'create', '1', null, { id: 1, a: 'x', gone: 1, secret: 'hash' }),
      change(3, 'update', '1', { a: 'x', id: 1, added: 0, secret: '[redacted]' }, { id: 1, a: 'y', added: 0 }),
    );
    expect(await was(store, '1', at(2))).toEqual({ id: 1, a: 'x', gone: 1, secret: 'hash' });
  });

  test('of a table that was emptied at once', async () => {
    const store = await imported(
      change(1, 'create', '1', null, { id: 1 }),
      change(2, 'truncate', null, null, null),
      change(3, 'create', '1', null, { id: 1, again: true }),
    );
    expect(await was(store, '1', at(1))).toEqual({ id: 1 });
    expect(await was(store, '1', at(2))).toBe(false);
    expect(await was(store, '9', at(1))).toBeNull();
    expect(await was(store, '9', at(2))).toBe(false);
    expect(await was(store, '1', NOW)).toEqual({ id: 1, again: true });
    expect(await rows(store, at(1))).toEqual([
      ['users', null],
      ['users:1', { id: 1 }],
    ]);
    expect(await rows(store, at(2))).toEqual([]);
    expect(await rows(store, NOW)).toEqual([['users:1', { id: 1, again: true }]]);
  });

  test('of every row, page by page, with those that are not known', async () => {
    const many = Array.from({ length: 600 }, (_, n) => change(1, 'create', `m${n}`, null, { id: `m${n}` }));
    const store = await imported(...LIFE, ...many);
    const found = await rows(store, at(5));
    expect(found).toHaveLength(603);
    expect(found).toContainEqual(['users', null]);
    expect(found).toContainEqual(['users:2', { id: 2, a: 'y' }]);
    expect(found).toContainEqual(['users:3', null]);
    expect(found).toContainEqual(['users:m599', { id: 'm599' }]);
    expect(await rows(store, at(0))).toHaveLength(604);
  });

  test('where a change does not hold the values', async () => {
    const store = await imported(change(1, 'create', '1', null, null));
    const notes: string[] = [];
    expect(await was(store, '1', at(1), notes)).toBeNull();
    expect(notes).toEqual(['not known: entry 1 does not hold the values of users:1']);
  });

  test('of a source under another name, which its import tells', async () => {
    const named = (extra: object): NewEntry =>
      newEntry({
        ...ACTOR,
        category: 'system',
        action: 'import',
        metadata: JSON.stringify({ format: 'django-auditlog', source: 'shop', rejected: 0, ...extra }),
      });
    const own = { source: 'shop' };
    const entries = [
      change(1, 'create', '1', null, { a: 1, b: 2 }, own),
      change(2, 'update', '1', { b: 2 }, { b: 3 }, own),
    ];
    await expect(imported(...entries).then((store) => was(store, '1', NOW))).rejects.toMatchObject({ kind: 'missing' });
    const store = await imported(...entries, named({}));
    expect(await was(store, '1', NOW)).toEqual({ a: 1, b: 3 });
    const notes: string[] = [];
    const broken = await imported(...entries, named({ rejected: 1 }));
    await was(broken, '1', at(2), notes);
    expect(notes).toEqual([
      'shop tells of columns only when they change: others are left out',
      'the last import of shop left records out: what they changed is not in this',
    ]);
  });

  test('does not rest on what prunes took from between', async () => {
    const take = async (store: AuditStore, filter: Filter, before: number): Promise<void> => {
      const plan = await planOf(store, rule({ filter, before: Date.parse(timeOf(before)) }));
      const prune = await store.openPrune(intentOf(plan, { criteria: JSON.stringify([{ filter }]) }));
      await store.deleteBatch(prune, plan, undefined, 100);
    };
    const updates = [
      change(1, 'create', '1', null, { a: 1 }),
      change(2, 'update', '1', { a: 1 }, { a: 2 }),
      change(4, 'update', '1', { a: 2 }, { a: 3 }),
    ];
    const oldest = await imported(...updates);
    await take(oldest, {}, 3);
    expect(await was(oldest, '1', at(3))).toBeNull();
    expect(await was(oldest, '1', at(4))).toEqual({ a: 3 });

    const between = await imported(...updates.slice(0, 2));
    await take(between, { action: ['update'] }, 3);
    const notes: string[] = [];
    expect(await was(between, '1', NOW, notes)).toBeNull();
    expect(notes.at(-1)).toBe(`not known: no change of users:1 was imported, and some were pruned up to ${timeOf(2)}`);

    // An emptied table says nothing of a row that may have come again since.
    const emptied = await imported(
      change(1, 'truncate', null, null, null),
      change(2, 'create', '1', null, { a: 1 }),
      change(2, 'create', '2', null, { a: 1 }),
    );
    await take(emptied, { entity: [{ type: 'users', id: '1' }] }, 3);
    expect(await was(emptied, '1', NOW)).toBeNull();
    expect(await was(emptied, '2', NOW)).toEqual({ a: 1 });

    // What takes nothing of this source does no harm.
    const others = await imported(...updates, change(1, 'update', '1', null, null, { source: 'x' }));
    await take(others, { source: ['x'] }, 3);
    expect(await was(others, '1', at(3))).toEqual({ a: 2 });
    await take(others, { action: ['update'], not: { source: ['audit-logs'] } }, 9);
    expect(await was(others, '1', at(3))).toEqual({ a: 2 });
  });

  test.skipIf(engine.engine !== 'SQLite')('ends where capture begins', async () => {
    const { store, capture, app, retime } = await capturedTrail(
      `CREATE TABLE users (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO users VALUES (1, 'c')`,
    );
    await store.record(
      [change(1, 'create', '1', null, { id: 1, a: 'i' }), change(20, 'delete', '1', { id: 1, a: 'i' }, null)].map(
        (entry) => ({ entry, given: [] }),
      ),
    );
    await capture('users');
    app.exec(`UPDATE users SET a = 'd'`);
    retime((seq) => timeOf([0, 1, 20, 10, 30][seq] ?? 0));
    expect(await was(store, '1', at(0))).toBeNull();
    expect(await was(store, '1', at(1))).toEqual({ id: 1, a: 'i' });
    expect(await was(store, '1', at(10))).toEqual({ id: 1, a: 'c' });
    expect(await was(store, '1', at(20))).toEqual({ id: 1, a: 'c' });
    expect(await was(store, '1', NOW)).toEqual({ id: 1, a: 'd' });
    const through: unknown[] = [];
    for await (const page of statesThrough(store, { type: 'users', id: '1', filter: {}, all: true, now: timeOf(99) })) {
      through.push(...page.map(({ at: when, values, seq }) => [when, JSON.parse(values ?? 'null'), seq]));
    }
    expect(through).toEqual([
      [timeOf(1), { id: 1, a: 'i' }, 1],
      [timeOf(10), { id: 1, a: 'c' }, null],
      [timeOf(30), { id: 1, a: 'd' }, 4],
    ]);
  });
});

describe.each(ENGINES)('each state of a row by imported changes in $engine', (engine) => {
  beforeAll(() => {
    newStore = engine.newStore;
  });

  async function through(store: AuditStore, filter: object = {}): Promise<{ states: unknown[]; notes: string[] }> {
    const [states, notes]: [unknown[], string[]] = [[], []];
    const request = { type: 'users', id: '1', filter, all: Object.keys(filter).length === 0, now: timeOf(99) };
    for await (const page of statesThrough(store, request, (text) => notes.push(text))) {
      states.push(...page.map(({ exists, values, action }) => [action, exists, JSON.parse(values ?? 'null')]));
    }
    return { states, notes };
  }

  test('is what the changes add up to, also where a filter picks from them', async () => {
    const own = { source: 'sqlite-history-json' };
    const store = await imported(
      change(1, 'create', '1', null, { id: 1, a: 'x', b: 1 }, own),
      change(2, 'update', '1', null, { a: 'y' }, { ...own, actor: 'bob' }),
      change(3, 'update', '1', null, { b: 2 }, own),
      change(4, 'delete', '1', null, null, own),
      change(5, 'update', '1', null, { b: 3 }, own),
    );
    const all = await through(store);
    expect(all.states).toEqual([
      ['create', true, { id: 1, a: 'x', b: 1 }],
      ['update', true, { id: 1, a: 'y', b: 1 }],
      ['update', true, { id: 1, a: 'y', b: 2 }],
      ['delete', false, null],
      ['update', true, { b: 3 }],
    ]);
    expect(all.notes).toEqual([`the source misses a change of users:1 between ${timeOf(4)} and ${timeOf(5)}`]);
    expect((await through(store, { actor: ['bob'] })).states).toEqual([['update', true, { id: 1, a: 'y', b: 1 }]]);
  });

  test('has the emptying of its table', async () => {
    const store = await imported(
      change(1, 'create', '1', null, { id: 1 }),
      change(2, 'truncate', null, null, null),
      change(3, 'truncate', null, null, null),
    );
    expect((await through(store)).states).toEqual([
      ['create', true, { id: 1 }],
      ['truncate', false, null],
    ]);
  });
});

/** What happens to a row, and whether the source tells of it. */
const happening = fc.record({
  to: fc.constantFrom('gone', 'a', 'b', 'both'),
  value: fc.integer({ min: 0, max: 2 }),
  isTold: fc.boolean(),
});

test('whatever happens to a row and is told: an answer is the truth, and what is told without a gap is known', () => {
  const tellings: RowTelling[] = ['rows', 'fields', 'new values'];
  fc.assert(
    fc.property(fc.constantFrom(...tellings), fc.array(happening, { maxLength: 12 }), (telling, happenings) => {
      const source = Object.keys(ROW_CHANGE_FORMATS).find((name) => ROW_CHANGE_FORMATS[name] === telling) ?? '';
      const history = {
        sources: [{ source, telling, lastTs: '', incomplete: false }],
        truncations: [],
        prunedUpTo: null,
      };
      const { follow } = rowFollower(history);
      let row: Record<string, number> | null = null;
      let [missed, everMissed] = [false, false];
      for (const [index, { to, value, isTold }] of happenings.entries()) {
        const before: Record<string, number> | null = row;
        const set = to === 'both' ? { a: value, b: value } : to === 'gone' ? {} : { [to]: value };
        if (to === 'gone' && before === null) continue;
        row =
          to === 'gone'
            ? null
            : before === null
              ? { a: 0, b: 0, ...set }
              : { ...(before as Record<string, number>), ...set };
        const [action, now] = [before === null ? 'create' : row === null ? 'delete' : 'update', row] as const;
        const isPartial = telling !== 'rows' && action === 'update';
        const part = (values: Record<string, number> | null): string | null =>
          values &&
          JSON.stringify(isPartial ? Object.fromEntries(Object.keys(set).map((name) => [name, values[name]])) : values);
        if (!isTold) {
          missed = everMissed = true;
          continue;
        }
        const [turn] = follow({
          id: '1',
          seq: index + 1,
          ts: timeOf(index),
          source,
          action,
          before: telling === 'new values' ? null : part(before),
          after: part(now),
        });
        // Of fields, what is missing may show later.
        if (telling === 'rows' ? !missed : !everMissed) expect(turn?.joined).toBe(true);
        missed = false;
        expect(turn?.row.exists).toBe(row !== null);
        // Whole rows are the truth after each change; others are where the source told of each one so far.
        if (telling === 'rows' || !everMissed) expect(JSON.parse(turn?.row.values ?? 'null')).toEqual(row);
      }
    }),
    { numRuns: 500 },
  );
});
