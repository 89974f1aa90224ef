import { crc32 as zlibCrc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from '../../src/core/crc32.js';
import { decodeCursor, encodeCursor, questionHash } from '../../src/core/cursor.js';

test('is what zlib computes, for every text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      expect(crc32(text)).toBe(zlibCrc32(text).toString(16).padStart(8, '0'));
    }),
  );
});

test('a cursor of the first version is still the same word, and is read', () => {
  const question = questionHash('{"actor":["u-42"]}');
  const word = 'WyJuZXdlc3QiLDEwNTgsMTc3MjcxOTYyOTEyMywxNyxudWxsLG51bGwsIjg0OWM3MGZkIl027249a36';
  const cursor = decodeCursor(word, { order: 'newest', question });
  expect(cursor).toMatchObject({ upTo: '1058', ms: 1_772_719_629_123, seq: 17 });
  expect(encodeCursor(cursor)).toBe(word);
});
