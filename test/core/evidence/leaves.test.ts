import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { sha256 } from '../../../src/core/evidence/hashing.js';
import { LEAF_HEAD, leafHash, leafHashInto, saltsOf } from '../../../src/core/evidence/leaves.js';

test('the salts of a tile are AES-256-CTR of zeros under its secret', () => {
  // NIST SP 800-38A, F.5.5, has the key; its counter blocks here begin at zero, as openssl encrypts them.
  const salts = saltsOf(Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex'));
  expect(salts).toHaveLength(256 * 16);
  expect(salts.subarray(0, 16).toString('hex')).toBe('e568f68194cf76d6174d4cc04310a854');
  expect(new Set(Array.from({ length: 256 }, (_, at) => salts.toString('hex', at * 16, at * 16 + 16))).size).toBe(256);
});

test('a leaf is SHA-256(0x00 || salt || line), copied or in place', () => {
  const salt = Buffer.alloc(16, 7);
  const line = Buffer.from('{"seq":1}');
  const expected = sha256(Buffer.concat([Buffer.of(0), salt, line]));
  expect(leafHash(salt, line)).toEqual(expected);
  const room = Buffer.concat([Buffer.alloc(LEAF_HEAD, 1), line]);
  const target = Buffer.alloc(40);
  leafHashInto(target, 4, salt, room);
  expect(target.subarray(4, 36)).toEqual(expected);
});

test('json_quote of SQLite writes every code point as JSON.stringify does: lines are sealed by the one and checked by the other', () => {
  const sqlite = new Database(':memory:');
  const ask = sqlite.prepare<[number, number], string>(
    `WITH RECURSIVE n(point) AS (SELECT ? UNION ALL SELECT point + 1 FROM n WHERE point < ?)
     SELECT group_concat(json_quote('a' || char(point) || 'b'), char(10)) FROM n`,
  );
  // Surrogates are no code points of text, and char(0) ends a text of SQL.
  let points = 0;
  for (const [from, to] of [
    [1, 0xd7ff],
    [0xe000, 0x10ffff],
  ] as const) {
    const quoted = ask.pluck().get(from, to)?.split('\n') ?? [];
    for (const [at, line] of quoted.entries()) {
      const expected = JSON.stringify(`a${String.fromCodePoint(from + at)}b`);
      // One assertion for each takes minutes.
      if (line !== expected) expect(line, `U+${(from + at).toString(16)}`).toBe(expected);
      points += 1;
    }
  }
  sqlite.close();
  // All but U+0000.
  expect(points).toBe(1_112_063);
});
