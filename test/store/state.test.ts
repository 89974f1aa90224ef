import { describe, expect, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import type { CapturedMoment, RowEvidence, TablePlace } from '../../src/store/audit-store.js';
import { changeSql } from '../../src/store/sqlite/capture/evidence.js';
import { capturedTrail } from './captured.js';
import type { Captured } from './captured.js';
import { ACTOR, carryOut, intentOf, planOf, recordAll, rule } from './trail.js';

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, role TEXT)';

async function evidenceOf(trail: Captured, type: string, id: string, at: CapturedMoment['at']): Promise<RowEvidence> {
  return trail.store.rowEvidence({ entityType: type, span: await trail.span(type), at }, id, true);
}

/** Every row at a moment, page by page; something may happen between pages. */
async function walk(
  trail: Captured,
  moment: CapturedMoment,
  { live = true, size = 3, between = () => undefined }: { live?: boolean; size?: number; between?: () => void } = {},
): Promise<RowEvidence[]> {
  const rows: RowEvidence[] = [];
  for (let place: TablePlace | null = null, more = true; more; more = place !== null) {
    const page = await trail.store.tableEvidence(moment, live, place, size);
    rows.push(...page.rows);
    place = page.next;
    between();
  }
  return rows;
}

describe('what tells of one row', () => {
  test('is its last change up to the moment, the first one after it, and the row as it is', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'ann', 'user'); UPDATE users SET role = 'admin'; DELETE FROM users`);
    const { last, first, live } = await evidenceOf(trail, 'users', '1', { seq: 2 });
    expect([last?.seq, last?.action, first?.seq, first?.action, live]).toEqual([2, 'create', 3, 'update', null]);
    expect(JSON.parse(first?.before ?? '')).toEqual({ id: 1, name: 'ann', role: 'user' });
    const later = await evidenceOf(trail, 'users', '1', { seq: 4 });
    expect([later.last?.action, later.first]).toEqual(['delete', null]);
  });

  test('leaves out what an application recorded or imported about the same entity', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'ann', 'user')`);
    const about = { entity_type: 'users', entity_id: '1', old_values: '{"id":7}', new_values: '{"id":8}' };
    await recordAll(trail.store, [
      about,
      { ...about, metadata: '{"table":"others"}' },
      { ...about, metadata: '{"table":"users"}', source: 'elsewhere' },
      { ...about, metadata: '{"table":"users"}', recorded_at: '2026-03-05T12:00:00.000Z' },
      { ...about, metadata: '{"table":"users"}', category: 'auth' },
      { ...about, metadata: '{"table":"users"}', action: 'note' },
    ]);
    const { last, first } = await evidenceOf(trail, 'users', '1', { seq: 2 });
    expect([last?.seq, first]).toEqual([2, null]);
    expect((await evidenceOf(trail, 'users', '1', { seq: 99 })).last?.seq).toBe(2);
  });

  test('goes by the order of recording within a millisecond, and where the clock went back', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', '')`);
    for (const name of ['b', 'c', 'd', 'e']) trail.app.prepare('UPDATE users SET name = ?').run(name);
    const times = ['', '00', '01', '02', '02', '09', '05'];
    trail.retime((seq) => `2026-03-05T12:00:${times[seq]}.000Z`);
    const nameAt = async (second: string): Promise<[string | undefined, string | undefined]> => {
      const { last, first } = await evidenceOf(trail, 'users', '1', {
        ms: Date.parse(`2026-03-05T12:00:${second}.000Z`),
      });
      const name = (json: string | null | undefined): string | undefined =>
        json === null || json === undefined ? undefined : (JSON.parse(json) as { name: string }).name;
      return [name(last?.after), name(first?.before)];
    };
    expect(await nameAt('00')).toEqual([undefined, undefined]);
    expect(await nameAt('01')).toEqual(['a', 'a']);
    expect(await nameAt('02')).toEqual(['c', 'c']);
    expect(await nameAt('04')).toEqual(['c', 'c']);
    // Entry 5 says 09, but the one after it says 05.
    expect(await nameAt('05')).toEqual(['e', undefined]);
    expect(await nameAt('09')).toEqual(['e', undefined]);
  });

  test.each([
    ['k INTEGER PRIMARY KEY', [1n, -5n, 9223372036854775807n]],
    [
      'k TEXT PRIMARY KEY',
      ['1', '01', ' 1', '', '{"$blob":"00"}', Buffer.from([0]), 'null', null, 'Ü:x', '"', '"a"', 'a\0b'],
    ],
    [
      'k PRIMARY KEY',
      [
        '1',
        1n,
        1.5,
        '1.5',
        '-7',
        -7n,
        '2025-01-02',
        '1e5',
        Buffer.from([0, 255]),
        1e300,
        '{"$real":"inf"}',
        Infinity,
        null,
        'null',
      ],
    ],
    ['k REAL PRIMARY KEY', [1, 0.1, -2.5, 123456.789, 1e300, 5e-324, Infinity]],
    ['k NUMERIC PRIMARY KEY', [1n, 0.1, 'x']],
    ['k TEXT PRIMARY KEY COLLATE NOCASE', ['Ann', 'bob']],
    ['k TEXT, PRIMARY KEY (k COLLATE NOCASE)', ['Ann', 'bob']],
  ])('finds the row of a key in a table with %s', async (columns, keys) => {
    const trail = await capturedTrail(`CREATE TABLE t (${columns}\n)`);
    await trail.capture('t');
    for (const key of keys) trail.app.prepare('INSERT INTO t VALUES (?)').run(key);
    const ids = trail.app.prepare<[], string>(`SELECT entity_id FROM daybook_entries WHERE entity_type = 't'`).pluck();
    expect(new Set(ids.all()).size).toBe(keys.length);
    for (const id of ids.all()) {
      const { last, live } = await evidenceOf(trail, 't', id, { seq: 99 });
      expect(live, id).toBe(last?.after);
    }
    expect((await evidenceOf(trail, 't', 'other', { seq: 99 })).live).toBeNull();
    const rows = await walk(trail, { entityType: 't', span: await trail.span('t'), at: { seq: 99 } }, { size: 2 });
    expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.all().toSorted());
  });

  test('finds the row of a key of several columns, with null and NUL in it, and none for what is no such key', async () => {
    const trail = await capturedTrail('CREATE TABLE t (a TEXT, b, v, PRIMARY KEY (a, b))');
    await trail.capture('t');
    const insert = trail.app.prepare('INSERT INTO t VALUES (?, ?, 1)');
    for (const key of [
      ['x', 1n],
      ['x', 1.5],
      ['x', null],
      [null, null],
      ['a\0b', Buffer.from([0])],
    ])
      insert.run(...key);
    const ids = trail.app.prepare<[], string>(`SELECT entity_id FROM daybook_entries WHERE entity_type = 't'`).pluck();
    for (const id of ids.all()) {
      const { last, live } = await evidenceOf(trail, 't', id, { seq: 99 });
      expect(live, id).toBe(last?.after);
    }
    for (const id of ['x', '["x"]', '["x",2]', '["x",1,1]', '{"a":"x","b":1}', '["x",', '["x",true]']) {
      expect((await evidenceOf(trail, 't', id, { seq: 99 })).live, id).toBeNull();
    }
  });

  test.each(['{"$blob":', '{"$blob":"zz"}', '{"$blob":"00"}', 'null', '9223372036854775808', ' '])(
    'finds no row for an id that no row has: %s',
    async (id) => {
      const trail = await capturedTrail("CREATE TABLE t (k PRIMARY KEY); INSERT INTO t VALUES (1), ('x'), (x'01')");
      await trail.capture('t');
      expect((await evidenceOf(trail, 't', id, { seq: 99 })).live).toBeNull();
    },
  );

  test('tells nothing of the table once its capture is removed', async () => {
    const trail = await capturedTrail(`${USERS}; INSERT INTO users VALUES (1, 'ann', 'user')`);
    await trail.capture('users');
    const moment = { entityType: 'users', span: await trail.span('users'), at: { seq: 99 } };
    expect((await trail.store.rowEvidence(moment, '1', true)).live).toBe('{"id":1,"name":"ann","role":"user"}');
    await trail.store.removeCaptures(['users'], ACTOR);
    expect(await trail.store.rowEvidence(moment, '1', true)).toEqual({ id: '1', last: null, first: null, live: null });
    expect(await walk(trail, moment)).toEqual([]);
  });

  test('is read by the index of the entity and the key of the table, whatever ANALYZE left', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', '')`);
    for (const analyzed of [false, true]) {
      if (analyzed) trail.app.exec('ANALYZE');
      for (const which of ['last', 'first'] as const) {
        const parameters = { id: '1', type: 'users', ms: 1, laterMs: 1, seq: 1, since: 1, until: 9 };
        const plan = trail.app
          .prepare<[object], { detail: string }>(`EXPLAIN QUERY PLAN ${changeSql(which, (field) => `e.${field}`)}`)
          .all(parameters)
          .map(({ detail }) => detail);
        const range = which === 'last' ? 'ts_ms<?' : 'ts_ms>?';
        expect(plan).toContainEqual(
          `SEARCH e USING INDEX daybook_entries_by_entity (entity_id=? AND entity_type=? AND ${range})`,
        );
        const others = plan.filter((step) => /^(SCAN|SEARCH) c\b/.test(step));
        expect(others.length).toBeGreaterThan(0);
        for (const step of others) expect(step).toMatch(/^SEARCH c (EXISTS )?USING INTEGER PRIMARY KEY/);
      }
    }
  });
});

describe('what tells of a table', () => {
  /** A table of two keys and one of none but text, with a history; the copies say what was in it after each entry. */
  async function history(seed: number): Promise<{ trail: Captured; copies: Map<number, Map<string, string>> }> {
    const trail = await capturedTrail(
      'CREATE TABLE members (guild TEXT COLLATE NOCASE, user INTEGER, nick TEXT, PRIMARY KEY (user, guild)) WITHOUT ROWID',
    );
    let state = seed;
    const random = (below: number): number => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const key = (): [string, number] => [`g${random(4)}`, random(7)];
    for (let at = 0; at < 12; at++)
      trail.app.prepare('INSERT OR IGNORE INTO members VALUES (?, ?, ?)').run(...key(), `n${at}`);
    await trail.capture('members');
    const copies = new Map<number, Map<string, string>>();
    const copy = (): void => void copies.set(trail.lastSeq(), copyOf(trail));
    copy();
    for (let at = 0; at < 60; at++) {
      change(trail, random);
      copy();
    }
    return { trail, copies };
  }

  function change(trail: Captured, random: (below: number) => number): void {
    const key = (): [string, number] => [`g${random(4)}`, random(7)];
    const run = (sql: string, ...values: unknown[]): void => void trail.app.prepare(sql).run(...values);
    switch (random(5)) {
      case 0:
      case 1:
        run('INSERT OR REPLACE INTO members VALUES (?, ?, ?)', ...key(), `n${random(50)}`);
        break;
      case 2:
        run('UPDATE members SET nick = ? WHERE guild = ? AND user = ?', `n${random(50)}`, ...key());
        break;
      case 3:
        run('DELETE FROM members WHERE guild = ? AND user = ?', ...key());
        break;
      default:
        run('UPDATE OR IGNORE members SET guild = ?, user = ? WHERE guild = ? AND user = ?', ...key(), ...key());
    }
  }

  function copyOf(trail: Captured): Map<string, string> {
    const rows = trail.app.prepare<[], { guild: string; user: number; nick: string }>('SELECT * FROM members').all();
    return new Map(rows.map((row) => [JSON.stringify([row.user, row.guild]), JSON.stringify(row)]));
  }

  /** The rows that existed, by the rule of the first later change; each must come once. */
  function existing(rows: readonly RowEvidence[]): Map<string, string> {
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    return new Map(
      rows.flatMap(({ id, first, live }) => {
        const values = first === null ? live : first.before;
        return values === null ? [] : [[id, values] as [string, string]];
      }),
    );
  }

  test.each([1, 2, 3, 4])('is the copy that was taken then, by seq and by time, seed %i', async (seed) => {
    const { trail, copies } = await history(seed);
    // Three entries a millisecond, and now and then the clock goes back a little.
    const time = (seq: number): number => Date.parse('2026-03-05T12:00:00.000Z') + Math.floor(seq / 3);
    trail.retime((seq) => new Date(time(seq)).toISOString());
    const span = await trail.span('members');
    for (const [seq, copy] of copies) {
      const at = { entityType: 'members', span, at: { seq } };
      expect(existing(await walk(trail, at)), `at entry ${seq}`).toEqual(copy);
      if (time(seq + 1) === time(seq)) continue;
      const byTime = { entityType: 'members', span, at: { ms: time(seq) } };
      expect(existing(await walk(trail, byTime)), `at the time of ${seq}`).toEqual(copy);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is the same while others write between the pages, seed %i', async (seed) => {
    const { trail, copies } = await history(seed);
    const span = await trail.span('members');
    let state = seed + 100;
    const random = (below: number): number => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    for (const [seq, copy] of [...copies].slice(-6)) {
      const between = (): void => {
        for (let count = random(3); count > 0; count--) change(trail, random);
      };
      const at = { entityType: 'members', span, at: { seq } };
      expect(existing(await walk(trail, at, { between, size: 4 })), `at entry ${seq}`).toEqual(copy);
    }
  });

  test('leaves out what an application recorded about rows that it never changed', async () => {
    const trail = await capturedTrail(`${USERS}; INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    await trail.capture('users');
    trail.app.exec(`UPDATE users SET name = 'c' WHERE id = 1`);
    const about = { entity_type: 'users', old_values: '{"id":2}', new_values: '{"id":3}' };
    const unnamed = { ...about, metadata: '{"table":"users"}' };
    await recordAll(trail.store, [unnamed, { ...about, entity_id: '2' }, { ...about, entity_id: '3', action: 'note' }]);
    for (const live of [true, false]) {
      const moment = { entityType: 'users', span: await trail.span('users'), at: { seq: 1 } };
      const rows = await walk(trail, moment, { live });
      expect(rows.map(({ id, first }) => [id, first?.seq])).toEqual(
        live
          ? [
              ['1', 2],
              ['2', undefined],
            ]
          : [['1', 2]],
      );
    }
  });

  test.each([1, 2, 3, 6])('has every change of one millisecond once, in pages of %i', async (size) => {
    const trail = await capturedTrail(USERS);
    const ids = ['1', '2', '3', '4', '5', '6'];
    for (const id of ids) trail.app.prepare(`INSERT INTO users VALUES (?, 'a', '')`).run(id);
    await trail.capture('users');
    trail.app.exec(`UPDATE users SET name = 'b'`);
    trail.retime(() => '2026-03-05T12:00:00.000Z');
    const moment = { entityType: 'users', span: await trail.span('users'), at: { seq: 1 } };
    expect((await walk(trail, moment, { size, live: false })).map(({ id }) => id)).toEqual(ids);
  });

  test('has a row that changed by a clock that ran ahead as it became then', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', ''), (2, 'x', '')`);
    trail.app.exec(`UPDATE users SET name = 'b' WHERE id = 1; UPDATE users SET name = 'c' WHERE id = 1`);
    // The update to b is dated behind the one to c, which was recorded after it.
    const times = ['', '00', '01', '01', '09', '05'];
    trail.retime((seq) => `2026-03-05T12:00:${times[seq]}.000Z`);
    const at = { ms: Date.parse('2026-03-05T12:00:05.000Z') };
    const rows = await walk(trail, { entityType: 'users', span: await trail.span('users'), at });
    expect(existing(rows)).toEqual(
      new Map([
        ['1', '{"id":1,"name":"c","role":""}'],
        ['2', '{"id":2,"name":"x","role":""}'],
      ]),
    );
  });

  test('misses no row, however many change between two pages', async () => {
    const trail = await capturedTrail('CREATE TABLE t (k TEXT PRIMARY KEY, v)');
    const insert = trail.app.prepare('INSERT INTO t VALUES (?, ?)');
    // NUL, which JSON that people give may not hold, stands in rows all the same.
    for (let at = 0; at < 40; at++) insert.run(`k${String(at).padStart(2, '0')}`, 'a\0b');
    await trail.capture('t');
    const was = new Map(
      Array.from({ length: 40 }, (_, at) => `k${String(at).padStart(2, '0')}`).map((k) => [
        k,
        `{"k":"${k}","v":"a\\u0000b"}`,
      ]),
    );
    const moment = { entityType: 't', span: await trail.span('t'), at: { seq: trail.lastSeq() } };
    // The first pages are as they were, so that the walk is within the table.
    const work = ['SELECT 1', 'SELECT 1', `DELETE FROM t WHERE k BETWEEN 'k01' AND 'k30'`, 'UPDATE t SET v = 1'];
    const between = (): void => void trail.app.exec(work.shift() ?? 'SELECT 1');
    expect(existing(await walk(trail, moment, { between, size: 2 }))).toEqual(was);
    expect(work).toEqual([]);
  });

  test('goes on behind a key that holds null', async () => {
    const trail = await capturedTrail('CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (a, b))');
    for (const a of [null, 'x', 'y']) {
      for (const b of [null, 'p', 'q']) trail.app.prepare('INSERT INTO t VALUES (?, ?)').run(a, b);
    }
    await trail.capture('t');
    for (const size of [1, 2, 4]) {
      const rows = await walk(trail, { entityType: 't', span: await trail.span('t'), at: { seq: 1 } }, { size });
      expect(rows.map(({ id }) => id)).toHaveLength(9);
    }
  });

  test('without the table is every entity that changed within the span', async () => {
    const trail = await capturedTrail(USERS);
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    await trail.capture('users');
    trail.app.exec(`UPDATE users SET name = 'c' WHERE id = 1; INSERT INTO users VALUES (3, 'd', '')`);
    const rows = await walk(
      trail,
      { entityType: 'users', span: await trail.span('users'), at: { seq: 2 } },
      { live: false },
    );
    expect(rows.map(({ id, last, first }) => [id, last?.seq, first?.seq])).toEqual([
      ['1', 2, undefined],
      ['3', undefined, 3],
    ]);
  });
});

describe('how far prunes reached', () => {
  async function prune({ store }: Captured, filter: Filter): Promise<void> {
    const plan = await planOf(store, rule({ filter, before: Date.parse('2999-01-01') }));
    const opened = await store.openPrune(intentOf(plan, { criteria: JSON.stringify([{ filter }]) }));
    await store.deleteBatch(opened, plan, undefined, 100);
  }

  test.each([
    [{}, true],
    [{ category: ['entity'] }, true],
    [{ category: ['auth'] }, false],
    [{ action: ['note'] }, false],
    [{ severity: ['error'] }, false],
    [{ source: ['elsewhere'] }, false],
    [{ entity: [{ type: 'users' }] }, true],
    [{ entity: [{ type: 'users', id: '1' }] }, true],
    [{ entity: [{ type: 'users', id: '2' }] }, false],
    [{ entity: [{ type: 'others' }] }, false],
    [{ not: { category: ['entity'] } }, false],
    [{ not: { action: ['create', 'update', 'delete'] } }, false],
    [{ not: { action: ['create'] } }, true],
    [{ not: { entity: [{ type: 'users' }] } }, false],
    [{ not: { entity: [{ type: 'users', id: '2' }] } }, true],
  ])('into one entity with the filter %j: %s', async (filter, reaches) => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    await recordAll(trail.store, [
      { category: 'auth' },
      { action: 'note' },
      { severity: 'error' },
      { source: 'elsewhere' },
      { entity_type: 'others' },
    ]);
    await prune(trail, filter);
    const reach = await trail.store.pruneReach('users', '1', await trail.span('users'));
    expect(reach !== null).toBe(reaches);
  });

  test('is as far as the furthest of them, whichever came first', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    trail.app.exec(`UPDATE users SET name = 'c' WHERE id = 1`);
    trail.retime((seq) => `2026-03-05T12:00:0${seq}.000Z`);
    for (const action of ['update', 'create']) await prune(trail, { action: [action] });
    expect(await trail.store.pruneReach('users', null, await trail.span('users'))).toEqual({
      ts: '2026-03-05T12:00:04.000Z',
      seq: 4,
    });
  });

  test('is none where all that fell is older than the span', async () => {
    const trail = await capturedTrail(USERS);
    await recordAll(trail.store, [{ message: 'old' }]);
    await trail.capture('users');
    await carryOut(
      trail.store,
      await planOf(trail.store, rule({ filter: { actor: ['unknown'] }, before: Date.parse('2999-01-01') })),
    );
    expect(await trail.store.pruneReach('users', null, await trail.span('users'))).toBeNull();
  });
});
