import { describe, expect, test } from 'vitest';
import { testCases } from './capture-cases.js';
import { ANA, captured, DOCUMENTS, scene, SETTINGS } from './capture-scene.js';
import { PROGRAMS } from './writing-programs.js';

testCases([
  {
    what: 'bytes, integers beyond 2^53 and reals',
    schema: `CREATE TABLE things (id INTEGER PRIMARY KEY, v); INSERT INTO things VALUES (1, NULL);`,
    run: [
      `UPDATE things SET v = x'00FF'`,
      'UPDATE things SET v = 1',
      'UPDATE things SET v = 1.0',
      'UPDATE things SET v = 1e999',
      'UPDATE things SET v = -1e999',
      `UPDATE things SET v = '1'`,
    ],
    entries: [
      { new: { id: 1, v: { $blob: '00ff' } } },
      { new: { id: 1, v: 1 } },
      { changed: ['v'] },
      { new: { id: 1, v: { $real: 'inf' } } },
      { new: { id: 1, v: { $real: '-inf' } } },
      { new: { id: 1, v: '1' } },
    ],
  },
  {
    what: 'names with quotes',
    schema: `CREATE TABLE "it's ""odd""" ("a ""b""" TEXT, "key's" TEXT NOT NULL PRIMARY KEY); INSERT INTO "it's ""odd""" VALUES ('x', 'k''1');`,
    run: [`UPDATE "it's ""odd""" SET "a ""b""" = 'y'`],
    entries: [{ id: `k'1`, changed: ['a "b"'], type: `it's "odd"`, message: `a b of it's "odd" k'1 changed` }],
  },
  {
    what: 'ignored columns',
    recursive: ['update 1', 'delete 2', 'create 2'],
    request: { ignore: ['name'] },
    run: [
      `UPDATE users SET name = 'x' WHERE id = 1`,
      `UPDATE users SET name = 'y', email = 'e' WHERE id = 1`,
      `REPLACE INTO users VALUES (2, 'ben@x', 'z', '{"a":1}')`,
    ],
    entries: [{ changed: ['email'], old: { ...ANA, name: 'x' }, new: { ...ANA, name: 'y', email: 'e' } }],
  },
  {
    what: 'an ignored secret',
    recursive: ['update 1', 'delete 1', 'create 1', 'delete 1'],
    schema: `CREATE TABLE u (id INTEGER PRIMARY KEY, password TEXT, n); INSERT INTO u VALUES (1, 'geheim', 1);`,
    request: { ignore: ['password'] },
    run: [
      `UPDATE u SET password = 'geheimer'`,
      `UPDATE u SET n = 2`,
      `REPLACE INTO u VALUES (1, 'geheim', 3)`,
      'DELETE FROM u',
    ],
    entries: [
      { changed: ['n'], old: { id: 1, n: 1 }, new: { id: 1, n: 2 } },
      { changed: ['n'] },
      { action: 'delete', old: { id: 1, n: 3 } },
    ],
  },
  {
    what: 'a redacted column',
    recursive: ['update 1', 'update 1', 'delete 1', 'create 1', 'delete 1', 'create 1'],
    schema: `CREATE TABLE u (id INTEGER PRIMARY KEY, password TEXT, n); INSERT INTO u VALUES (1, 'geheim', 1);`,
    request: { redact: ['password'] },
    run: [
      `UPDATE u SET password = 'geheimer'`,
      `UPDATE u SET password = NULL`,
      `REPLACE INTO u VALUES (1, 'geheim', 1)`,
      `REPLACE INTO u VALUES (1, 'geheim', 1)`,
    ],
    entries: [
      {
        changed: ['password'],
        old: { id: 1, password: '[redacted]', n: 1 },
        new: { id: 1, password: '[redacted]', n: 1 },
      },
      { changed: ['password'], new: { id: 1, password: null, n: 1 } },
      { changed: ['password'] },
    ],
  },
  {
    what: 'documents in a column',
    schema: DOCUMENTS,
    request: { json: ['data'], entityType: 'guild' },
    run: [
      `UPDATE guilds SET data = json_set(data, '$.announce.channelid', '2')`,
      `UPDATE guilds SET data = data || ' '`,
      `UPDATE guilds SET data = 'none'`,
    ],
    entries: [
      { type: 'guild', changed: ['data.announce.channelid'], message: 'data.announce.channelid of guild 7 changed' },
      { changed: ['data'] },
      { changed: ['data'] },
    ],
  },
  {
    what: 'scope, name and actor from columns',
    schema: SETTINGS,
    request: { scope: { kind: 'guild', column: 'guild' }, nameColumn: 'value', actorColumn: 'by' },
    run: [`UPDATE settings SET value = 'off'`, `UPDATE settings SET by = ''`],
    entries: [
      { scope: 'guild:g1', name: 'off', actor: 'ana', actor_type: 'user' },
      { actor: 'unknown', actor_type: 'unknown' },
    ],
  },
  {
    what: 'every column ignored: only rows that come, go and change their key',
    schema: `CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1)`,
    request: { ignore: ['k', 'v'] },
    run: ['UPDATE t SET v = 2', `UPDATE t SET k = 'b', v = 3`, 'DELETE FROM t', `INSERT INTO t VALUES ('c', 4)`],
    entries: [
      { action: 'delete', id: 'a', old: { k: 'a', v: 2 } },
      { action: 'create', id: 'b', new: { k: 'b', v: 3 } },
      { action: 'delete', id: 'b', old: { k: 'b', v: 3 } },
      { action: 'create', id: 'c', new: { k: 'c', v: 4 } },
    ],
  },
  {
    what: 'columns that hide every name of the rowid',
    schema: `CREATE TABLE t (k TEXT PRIMARY KEY, rowid, oid UNIQUE, _rowid_); INSERT INTO t VALUES ('a', 1, 2, 3), ('b', 4, 5, 6)`,
    run: [
      `INSERT OR REPLACE INTO t VALUES ('a', 1, 5, 3)`,
      'UPDATE OR REPLACE t SET rowid = 9',
      `INSERT OR REPLACE INTO t VALUES ('c', 9, 6, 3)`,
    ],
    entries: [
      { action: 'delete', id: 'b' },
      { action: 'update', id: 'a', changed: ['oid'] },
      { action: 'update', id: 'a', old: { rowid: 1 }, new: { rowid: 9 }, changed: ['rowid'] },
      { action: 'create', id: 'c' },
    ],
    recursive: ['delete b', 'delete a', 'create a', 'update a', 'create c'],
  },
  {
    what: 'rows that fall by a partial key of which only the condition changes',
    schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT, u TEXT, "it's ""so""" INTEGER, g AS (state = 'on'));
      CREATE UNIQUE INDEX live ON t (u) WHERE "STATE" = 'live';
      CREATE UNIQUE INDEX so ON t (u) WHERE "it's ""so""";
      CREATE UNIQUE INDEX computed ON t (u) /* while */ WHERE g;
      INSERT INTO t VALUES (1, 'live', 'a', 0), (2, 'draft', 'a', 0), (3, 'x', 'b', 1), (4, 'x', 'b', 0), (5, 'on', 'c', 0), (6, 'x', 'c', 0)`,
    run: [
      `UPDATE OR REPLACE t SET state = 'live' WHERE id = 2`,
      `UPDATE OR REPLACE t SET "it's ""so""" = 1 WHERE id = 4`,
      `UPDATE OR REPLACE t SET state = 'on' WHERE id = 6`,
    ],
    entries: [
      { action: 'delete', id: '1', message: 't 1 replaced' },
      { action: 'update', id: '2', changed: ['state'] },
      { action: 'delete', id: '3' },
      { action: 'update', id: '4', changed: [`it's "so"`] },
      { action: 'delete', id: '5' },
      { action: 'update', id: '6', changed: ['state', 'g'] },
    ],
    recursive: ['delete 1', 'update 2', 'delete 3', 'update 4', 'delete 5', 'update 6'],
  },
]);

describe.each(PROGRAMS)('%s', (_name, execute) => {
  test('a table of very many columns, also in the key and redacted, is captured like any other', async () => {
    const columns = Array.from({ length: 1100 }, (_, index) => `c${index}`);
    const key = columns.slice(0, 60);
    const { file, connection } = await scene(
      `CREATE TABLE wide (${columns.map((name) => `${name} TEXT${key.includes(name) ? " DEFAULT ''" : ''}`).join(', ')}, PRIMARY KEY (${key.join(', ')})) STRICT;
       CREATE TABLE beside (id INTEGER PRIMARY KEY)`,
      { redact: columns.slice(-50) },
      ['wide'],
    );
    const errors = execute(file, [
      `INSERT INTO wide (c0, c59, c60, c1099) VALUES ('a', 'b', 'c', 'd')`,
      `UPDATE wide SET c61 = 'e', c1049 = 'f', c1050 = 'g', c1099 = 'h'`,
      `UPDATE wide SET c59 = 'i'`,
      'INSERT INTO beside VALUES (1)',
      'DELETE FROM wide',
    ]);
    expect(errors).toEqual([null, null, null, null, null]);
    const id = (last: string): string => JSON.stringify(key.map((name) => ({ c0: 'a', c59: last })[name] ?? ''));
    const row = (values: object): object => ({
      ...Object.fromEntries(columns.map((name) => [name, key.includes(name) ? '' : null])),
      ...values,
    });
    const first = { c0: 'a', c59: 'b', c60: 'c' };
    const then = { ...first, c61: 'e', c1049: 'f', c1050: '[redacted]', c1099: '[redacted]' };
    expect(captured(connection)).toMatchObject([
      { action: 'create', id: id('b'), old: null, new: row({ ...first, c1099: '[redacted]' }) },
      { action: 'update', id: id('b'), new: row(then), changed: ['c61', 'c1049', 'c1050', 'c1099'] },
      { action: 'delete', id: id('b'), old: row(then) },
      { action: 'create', id: id('i'), new: row({ ...then, c59: 'i' }) },
      { action: 'delete', id: id('i'), old: row({ ...then, c59: 'i' }) },
    ]);
  });

  test('keeps every digit of an integer, and every bit of a real', async () => {
    const { file, connection } = await scene('CREATE TABLE things (id INTEGER PRIMARY KEY, v);');
    const values = [
      '9007199254740993',
      '-9223372036854775808',
      '0.1 + 0.2',
      '5e-324',
      '1e308',
      '1.7976931348623157e308',
      '2.2250738585072011e-308',
      '1.0 / 3',
    ];
    execute(
      file,
      values.map((value) => `INSERT INTO things (v) VALUES (${value})`),
    );
    const stored = connection
      .prepare<[], { v: number | bigint; json: string }>(
        `SELECT v, new_values AS json FROM things JOIN daybook_entries ON entity_type = 'things' AND entity_id = CAST(things.id AS TEXT)`,
      )
      .safeIntegers()
      .all();
    expect(stored).toHaveLength(values.length);
    for (const { v, json } of stored) {
      const text = /"v":(.*)\}$/.exec(json)?.[1] ?? '';
      const [, whole, exponent] = /^\{"\$real":"(-?[\d.e+-]+)p(-?\d+)"\}$/.exec(text) ?? [];
      if (typeof v === 'bigint') expect(text).toBe(String(v));
      else expect(whole === undefined ? Number(text) : Number(whole) * 2 ** Number(exponent)).toBe(v);
    }
  });
});
