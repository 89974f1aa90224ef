import { execFileSync } from 'node:child_process';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { EARLIEST, formatTimestamp, LATEST } from '../../src/core/timestamp.js';
import { MIGRATIONS, MIGRATIONS_TABLE } from '../../src/store/sqlite/engine/schema.js';
import { temporaryDirectory } from '../support/program.js';
import { intentOf, NOW, numbered, planOf, readAll, recordAll, rule, sqliteTrail } from './trail.js';

// Named apart: it is no package that is missing.
const SHELL = 'sqlite3';

const SCHEMA = MIGRATIONS_TABLE + MIGRATIONS.map((migration) => migration.sql).join('\n');

/** The schema in memory, as another program sees it. */
function emptySchema(): Database.Database {
  const connection = new Database(':memory:');
  onTestFinished(() => {
    connection.close();
  });
  connection.unsafeMode().exec(SCHEMA);
  connection.unsafeMode(false);
  return connection;
}

/** Whether a program is there to be asked. */
function hasProgram(name: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(name, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('another program', () => {
  async function beside(): Promise<{
    connection: Database.Database;
    expectRefusal: (statement: string, pattern: RegExp) => void;
    before: HistoryEntry[];
    now: () => Promise<HistoryEntry[]>;
  }> {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, [{ id: 'a', message: 'one' }, { id: 'b' }, { id: 'c' }]);
    const connection = trail.plain();
    return {
      connection,
      expectRefusal: (statement, pattern) => expect(() => connection.exec(statement)).toThrow(pattern),
      before: await readAll(store),
      now: () => readAll(store),
    };
  }

  describe.each(['ON', 'OFF'])('with recursive triggers %s', (recursive) => {
    test('cannot change, replace or delete an entry', async () => {
      const { connection, expectRefusal, before, now } = await beside();
      connection.pragma(`recursive_triggers = ${recursive}`);
      expectRefusal("UPDATE daybook_entries SET message = 'x'", /entries never change/);
      expectRefusal("UPDATE daybook_entries SET message = message WHERE id = 'a'", /entries never change/);
      expectRefusal("UPDATE OR REPLACE daybook_entries SET id = 'a' WHERE id = 'b'", /entries never change/);
      expectRefusal("UPDATE OR IGNORE daybook_entries SET id = 'a' WHERE id = 'b'", /entries never change/);
      expectRefusal('DELETE FROM daybook_entries', /only deleted by daybook prune/);
      expectRefusal("DELETE FROM daybook_entries WHERE id = 'a'", /only deleted by daybook prune/);
      expectRefusal("REPLACE INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal("INSERT OR REPLACE INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal("INSERT OR REPLACE INTO daybook_entries (seq, action) VALUES (1, 'x')", /seq is given/);
      expectRefusal("INSERT OR IGNORE INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal("INSERT OR FAIL INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal("INSERT OR ROLLBACK INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal("INSERT INTO daybook_entries (id, action) VALUES ('a', 'x')", /recorded already/);
      expectRefusal(
        "INSERT INTO daybook_entries (id, action) VALUES ('a', 'x') ON CONFLICT (id) DO UPDATE SET message = 'x'",
        /recorded already/,
      );
      expectRefusal(
        "INSERT INTO daybook_entries (id, action) VALUES ('a', 'x') ON CONFLICT DO NOTHING",
        /recorded already/,
      );
      expect(await now()).toEqual(before);
    });

    test('cannot choose a seq', async () => {
      const { connection, expectRefusal, before, now } = await beside();
      connection.pragma(`recursive_triggers = ${recursive}`);
      for (const seq of ['4', '1', '0', '-2', '9007199254740992', '9223372036854775807', "'5'"]) {
        expectRefusal(`INSERT INTO daybook_entries (seq, action) VALUES (${seq}, 'x')`, /seq is given/);
      }
      expectRefusal("INSERT INTO daybook_entries (rowid, action) VALUES (9, 'x')", /seq is given/);
      expectRefusal("INSERT INTO daybook_entries (seq, action) VALUES (-1, 'x')", /CHECK/);
      expect(await now()).toEqual(before);
    });
  });

  test('may leave the seq to us by null', async () => {
    const { connection } = await beside();
    expect(
      connection.prepare("INSERT INTO daybook_entries (seq, action) VALUES (NULL, 'x')").run().lastInsertRowid,
    ).toBe(4);
  });

  test('cannot write the generated moment', async () => {
    const { expectRefusal, before, now } = await beside();
    expectRefusal("INSERT INTO daybook_entries (action, ts_ms) VALUES ('x', 1)", /generated column/);
    expect(await now()).toEqual(before);
  });

  test('loses its own statement whole, where one of its rows is refused', async () => {
    const { expectRefusal, before, now } = await beside();
    expectRefusal("INSERT INTO daybook_entries (id, action) VALUES ('d', 'x'), ('a', 'x')", /recorded already/);
    expectRefusal("INSERT INTO daybook_entries (id, action) VALUES ('d', 'x'), ('d', 'x')", /recorded already/);
    expect(await now()).toEqual(before);
  });

  test('cannot delete while a prune of ours is at work', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(5));
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    const prune = await store.openPrune(intentOf(plan));
    const connection = trail.plain();
    const remove = (): unknown => connection.exec('BEGIN; DELETE FROM daybook_entries WHERE seq = 5; COMMIT');
    expect(remove).toThrow(/only deleted by daybook prune/);
    connection.exec('ROLLBACK');
    const { next } = await store.deleteBatch(prune, plan, undefined, 2);
    expect(remove).toThrow(/only deleted by daybook prune/);
    connection.exec('ROLLBACK');
    // One that was open before the batch reads the moment before it, and may not write at all.
    connection.exec('BEGIN; SELECT count(*) FROM daybook_entries');
    connection.prepare('SELECT count(*) FROM daybook_entries').get();
    await store.deleteBatch(prune, plan, next ?? undefined, 2);
    expect(() => connection.exec('DELETE FROM daybook_entries')).toThrow(/only deleted by daybook prune|locked/);
    connection.exec('ROLLBACK');
    await store.closePrune(prune, 'done');
    expect(() => connection.exec('DELETE FROM daybook_entries')).toThrow(/only deleted by daybook prune/);
    expect(connection.prepare('SELECT sum(deleting) FROM daybook_prunes').pluck().get()).toBe(0);
  });

  test('records as the program does', async () => {
    const { trail, store } = await sqliteTrail();
    const connection = trail.plain();
    connection.exec("INSERT INTO daybook_entries (action, actor, message) VALUES ('create', 'batch', 'done')");
    const [entry] = await readAll(store);
    expect(entry).toMatchObject({
      seq: 1,
      category: 'entity',
      action: 'create',
      severity: 'info',
      actor: 'batch',
      actor_type: 'unknown',
      message: 'done',
      metadata: '{}',
    });
  });
});

describe('every default', () => {
  test('is there for every column but the action', () => {
    const connection = emptySchema();
    connection.exec("INSERT INTO daybook_entries (action) VALUES ('x')");
    const {
      id,
      ts,
      ts_ms: ms,
      ...rest
    } = connection.prepare('SELECT * FROM daybook_entries').get() as Record<string, unknown>;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(ms).toBe(Date.parse(ts as string));
    expect(rest).toEqual({
      seq: 1,
      recorded_at: null,
      category: 'entity',
      action: 'x',
      severity: 'info',
      actor: 'unknown',
      actor_type: 'unknown',
      actor_name: null,
      recorded_by: null,
      scope: null,
      entity_type: null,
      entity_id: null,
      entity_name: null,
      message: '',
      metadata: '{}',
      old_values: null,
      new_values: null,
      changed_fields: null,
      correlation_id: null,
      reverts: null,
      source: null,
    });
    expect(() => connection.exec("INSERT INTO daybook_entries (actor) VALUES ('x')")).toThrow(/NOT NULL.*action/);
  });

  test('the columns are the fields of the record, in order', () => {
    const columns = emptySchema().prepare("SELECT name FROM pragma_table_xinfo('daybook_entries')").pluck().all();
    expect(columns).toEqual([...ENTRY_FIELDS, 'ts_ms']);
  });

  test('id is a UUIDv7 of its own, of the time of the entry', () => {
    const connection = emptySchema();
    connection.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO daybook_entries (action) SELECT 'x' FROM n`);
    const rows = connection.prepare('SELECT id, ts_ms FROM daybook_entries').raw().all() as [string, number][];
    expect(new Set(rows.map(([id]) => id)).size).toBe(2000);
    for (const [id, ms] of rows) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      // Each expression may see the clock at a moment of its own.
      expect(Math.abs(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) - ms)).toBeLessThan(10_000);
    }
    expect(new Set(rows.map(([id]) => id[19]))).toEqual(new Set(['8', '9', 'a', 'b']));
  });
});

describe('every check', () => {
  const bad: Readonly<Record<string, readonly unknown[]>> = {
    id: ['', '1', '0123456789', null, Buffer.from('a')],
    ts: [
      '',
      null,
      '2026-03-05',
      '2026-03-05T14:07:09Z',
      '2026-03-05T14:07:09.12Z',
      '2026-03-05T14:07:09.1234Z',
      '2026-03-05T14:07:09.123',
      '2026-03-05T14:07:09.123z',
      '2026-03-05t14:07:09.123Z',
      '2026-03-05 14:07:09.123Z',
      '2026-03-05T14:07:09.123+00:00',
      '2026-03-05T14:07:09,123Z',
      ' 2026-03-05T14:07:09.123Z',
      '2026-03-05T14:07:09.123Z ',
      '2026-02-30T00:00:00.000Z',
      '2025-02-29T00:00:00.000Z',
      '2026-04-31T00:00:00.000Z',
      '2026-13-01T00:00:00.000Z',
      '2026-00-01T00:00:00.000Z',
      '2026-01-00T00:00:00.000Z',
      '2026-01-32T00:00:00.000Z',
      '2026-01-01T24:00:00.000Z',
      '2026-01-01T23:60:00.000Z',
      '2026-01-01T23:59:60.000Z',
      '0000-01-01T00:00:00.000Z',
      '-001-01-01T00:00:00.000Z',
      '10000-01-01T00:00:00.000Z',
      '2461105.5',
      'now',
      '1772712000',
      1_772_712_000,
      2_461_105.5,
      Buffer.from('2026-03-05T14:07:09.123Z'),
    ],
    category: ['', null, Buffer.from('a')],
    action: ['', null, Buffer.from('a')],
    severity: ['', 'INFO', 'debug', null, Buffer.from('info')],
    actor: ['', null, Buffer.from('a')],
    actor_type: ['', null, Buffer.from('a')],
    actor_name: [Buffer.from('a')],
    recorded_by: [Buffer.from('a')],
    scope: ['', 'tenant', ':1', 'tenant:', ':', Buffer.from('a:1')],
    entity_type: ['', 'a:b', ':', Buffer.from('a')],
    entity_id: [Buffer.from('a')],
    entity_name: [Buffer.from('a')],
    message: [null, Buffer.from('a')],
    metadata: [
      '',
      '[]',
      '1',
      'null',
      '"a"',
      '{',
      '{a:1}',
      "{'a':1}",
      '{"a":1,}',
      '{"a":NaN}',
      '{} x',
      null,
      Buffer.from('{}'),
    ],
    old_values: ['', '[]', 'null', '{', Buffer.from('{}')],
    new_values: ['', '[1]', '7', '{"a":}', Buffer.from('{}')],
    changed_fields: ['', '{}', 'null', '["a"', '"a"', Buffer.from('[]')],
    correlation_id: [Buffer.from('a')],
    reverts: [Buffer.from('a')],
    source: [Buffer.from('a')],
  };
  const cases = Object.entries({ ...bad, recorded_at: (bad['ts'] ?? []).filter((value) => value !== null) });

  test.each(cases)('of %s', (column, values) => {
    const connection = emptySchema();
    for (const value of values) {
      const columns = column === 'action' ? ['action'] : ['action', column];
      const insert = connection.prepare(
        `INSERT INTO daybook_entries (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
      const given = column === 'action' ? [value] : ['x', value];
      // "now" is no moment that stays.
      expect(() => insert.run(given), JSON.stringify(value)).toThrow(
        /CHECK|NOT NULL|cannot store|non-deterministic|^daybook: metadata, old_values/,
      );
    }
    expect(connection.prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBe(0);
  });

  const texts = ENTRY_FIELDS.filter((field) => field !== 'seq');
  test.each(texts)('refuses NUL in %s', (column) => {
    const connection = emptySchema();
    const endings: Readonly<Record<string, string>> = {
      metadata: '{"a":1}\0 and more',
      old_values: '{}\0',
      new_values: '{"\0":1}',
      changed_fields: '["a"]\0',
      scope: 'tenant:\0',
      severity: 'info\0',
      ts: '2026-03-05T14:07:09.123Z\0',
      recorded_at: '2026-03-05T14:07:09.123Z\0',
    };
    const columns = column === 'action' ? ['action'] : [column, 'action'];
    const insert = connection.prepare(
      `INSERT INTO daybook_entries (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    expect(() => insert.run([endings[column] ?? 'a\0b', 'x'].slice(0, columns.length))).toThrow(
      /CHECK|^daybook: metadata, old_values/,
    );
  });

  test('lets every good value pass', () => {
    const connection = emptySchema();
    const good: Readonly<Record<string, readonly unknown[]>> = {
      id: ['a', '1a', 'é', '-1', '1.0', '٣', ' '],
      ts: ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '2024-02-29T00:00:00.000Z'],
      recorded_at: [null, '0001-01-01T00:00:00.000Z'],
      severity: ['info', 'warning', 'error'],
      scope: [null, 'a:b', 'tenant:a:b', 'é:é', 'a: '],
      entity_type: [null, ' ', 'é'],
      entity_id: [null, '', ':', 'a:b', '76561198000000000'],
      message: ['', '\u001b\u202e😀\n'],
      metadata: ['{}', '{"a":1e400}', '{"a":"\\u0000"}', ' { } '],
      old_values: [null, '{}', '{"a":9007199254740993}'],
      changed_fields: [null, '[]', '["a.b"]'],
      reverts: [null, '', 'a'],
    };
    for (const [column, values] of Object.entries(good)) {
      const insert = connection.prepare(`INSERT INTO daybook_entries (action, ${column}) VALUES ('x', ?)`);
      for (const value of values) {
        const { lastInsertRowid } = insert.run(value);
        const read = connection.prepare(`SELECT ${column} FROM daybook_entries WHERE seq = ?`).pluck();
        expect(read.get(lastInsertRowid)).toBe(value);
      }
    }
  });

  test('of time takes every time that we write, to the millisecond', () => {
    const connection = emptySchema();
    const insert = connection
      .prepare("INSERT INTO daybook_entries (action, ts, recorded_at) VALUES ('x', ?, ?) RETURNING seq")
      .pluck();
    const read = connection.prepare<[unknown], number>('SELECT ts_ms FROM daybook_entries WHERE seq = ?').pluck();
    const check = (ms: number): void => {
      const text = formatTimestamp(ms);
      expect(read.get(insert.get(text, text))).toBe(ms);
    };
    fc.assert(fc.property(fc.integer({ min: EARLIEST, max: LATEST }), check), { numRuns: 3000 });
    // SQLite goes by Julian days in floating point: every millisecond of a second, here and far away.
    for (let fraction = 0; fraction < 1000; fraction++) {
      for (const second of [EARLIEST, LATEST - 999, NOW, -1000, 951_782_399_000]) check(second + fraction);
    }
  });

  test('of seq holds at both ends', () => {
    const connection = emptySchema();
    connection.exec("INSERT INTO daybook_entries (action) VALUES ('x')");
    connection.exec("UPDATE sqlite_sequence SET seq = 9007199254740990 WHERE name = 'daybook_entries'");
    connection.exec("INSERT INTO daybook_entries (action) VALUES ('x')");
    expect(() => connection.exec("INSERT INTO daybook_entries (action) VALUES ('x')")).toThrow(/CHECK/);
  });
});

/**
 * No SQLite 3.38 can be had here. The shell of Debian and Python's module have older ones than ours, and stand for the
 * programs that share a database with us; what 3.39 and later brought is looked for in the text of the schema.
 */
describe('the schema, in an older SQLite', () => {
  const PROBE = `
INSERT INTO daybook_entries (action, ts, metadata, changed_fields) VALUES ('x', '2026-03-05T14:07:09.123Z', '{"a":1}', '["a"]');
INSERT INTO daybook_entries (action) VALUES ('y');
SELECT count(*) || ' ' || sum(ts_ms = 1772719629123) || ' ' || sum(id GLOB '????????-????-7???-[89ab]???-????????????') FROM daybook_entries;
`;
  const FORBIDDEN = [
    "UPDATE daybook_entries SET message = 'x'",
    'DELETE FROM daybook_entries',
    "REPLACE INTO daybook_entries (id, action) SELECT id, 'x' FROM daybook_entries LIMIT 1",
    "INSERT INTO daybook_entries (seq, action) VALUES (9, 'x')",
    "INSERT INTO daybook_entries (action, ts) VALUES ('x', '2026-02-30T00:00:00.000Z')",
    "INSERT INTO daybook_entries (action, metadata) VALUES ('x', '[]')",
    "INSERT INTO daybook_entries (action, message) VALUES ('x', 'a' || char(0))",
  ];

  test.skipIf(!hasProgram(SHELL, '--version'))('of the sqlite3 shell', () => {
    const shell = (input: string): string =>
      execFileSync(SHELL, ['-bail', ':memory:'], { input, encoding: 'utf8', stdio: 'pipe' });
    expect(shell(SCHEMA + PROBE)).toBe('2 1 2\n');
    for (const statement of FORBIDDEN) {
      expect(() => shell(`${SCHEMA + PROBE}${statement};`)).toThrow(/daybook: |CHECK constraint/);
    }
  });

  test.skipIf(!hasProgram(SHELL, '--version'))(
    'leaves all of its file readable to a program that trusts no schema',
    () => {
      const ask = (input: string): string =>
        execFileSync(SHELL, ['-bail', file], { input, encoding: 'utf8', stdio: 'pipe' });
      const file = path.join(temporaryDirectory(), 'app.db');
      ask(`CREATE TABLE app (i); INSERT INTO app VALUES (1);${SCHEMA + PROBE}`);
      for (const untrusting of ['PRAGMA trusted_schema = OFF;', '.dbconfig trusted_schema off']) {
        const names = ask(`${untrusting}\nSELECT name FROM sqlite_schema WHERE type = 'table'`).trim().split('\n');
        expect(names).toContain('daybook_entries');
        for (const name of names.filter((one) => !one.includes(' '))) {
          expect(ask(`${untrusting}\nSELECT count(*) >= 0 FROM "${name}"`), name).toMatch(/1\n$/);
        }
        ask(`${untrusting}\nINSERT INTO app (i) VALUES (2); UPDATE app SET i = 3;`);
      }
    },
  );

  test.skipIf(!hasProgram('python3', '-c', 'import sqlite3'))("of Python's module", () => {
    const script = `
import json, sqlite3, sys
schema, probe, forbidden = json.load(sys.stdin)
connection = sqlite3.connect(':memory:')
connection.executescript(schema)
*inserts, query = probe.strip().rstrip(';').split(';\\n')
for insert in inserts: connection.execute(insert)
print(connection.execute(query).fetchone()[0])
for statement in forbidden:
    try:
        connection.execute(statement)
        print('taken: ' + statement)
    except sqlite3.IntegrityError as error:
        pass
`;
    const input = JSON.stringify([SCHEMA, PROBE, FORBIDDEN]);
    expect(execFileSync('python3', ['-c', script], { input, encoding: 'utf8' })).toBe('2 1 2\n');
  });

  test('takes every millisecond where strftime reads some as the one before, as all before 3.40', () => {
    const connection = emptySchema();
    const inner = new Database(':memory:');
    onTestFinished(() => {
      inner.close();
    });
    const format = inner.prepare<unknown[], string>('SELECT strftime(?, ?, ?)').pluck();
    connection.function('strftime', { varargs: true }, (pattern: string, time: string, modifier?: string) => {
      const [, upTo, seconds] = /^(.{17})(\d\d\.\d{3})Z$/.exec(time) ?? [];
      const cut =
        seconds === undefined
          ? time
          : `${upTo}${(Math.trunc(Number(seconds) * 1000) / 1000).toFixed(3).padStart(6, '0')}Z`;
      return format.get(pattern, modifier === undefined ? time : cut, modifier ?? '+0 days') ?? null;
    });
    const read = connection.prepare<[string], string>(`SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ?, '+0 days')`).pluck();
    expect(read.get('2026-11-21T12:34:01.001Z')).toBe('2026-11-21T12:34:01.000Z');
    const insert = connection.prepare(`INSERT INTO daybook_entries (action, ts, recorded_at) VALUES ('x', ?, ?)`);
    for (let ms = 0; ms < 60_000; ms += 1) {
      const text = formatTimestamp(NOW + ms);
      insert.run(text, text);
    }
  });

  test('uses nothing that came after 3.38', () => {
    // 3.39 to 3.51: functions, operators and clauses of the release notes.
    const newer =
      /\b(unhex|timediff|octet_length|concat|concat_ws|string_agg|json_pretty|json_error_position|jsonb\w*|subsec|subsecond|median|percentile\w*|unistr\w*|if|RIGHT JOIN|FULL JOIN|IS (NOT )?DISTINCT FROM|WITHIN GROUP)\s*(\(|\b(?=JOIN|FROM|GROUP))/i;
    expect(newer.exec(SCHEMA.replaceAll(/IF NOT EXISTS/g, ''))).toBeNull();
    expect(SCHEMA).not.toMatch(/'auto'|'ceiling'|'floor'|_\d{3}\b/);
  });
});
