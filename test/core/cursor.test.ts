import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor, questionHash, type Cursor } from '../../src/core/cursor.js';
import { keptMark } from '../../src/core/mark.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const whole = fc.maxSafeInteger();

const cursors: fc.Arbitrary<Cursor> = fc.record(
  {
    order: fc.constantFrom('newest', 'oldest', 'recorded'),
    upTo: fc.oneof(whole.map(markOf), fc.string().map(keptMark)),
    ms: whole,
    seq: whole,
    since: whole,
    until: whole,
    question: fc.string().map(questionHash),
  },
  { requiredKeys: ['order', 'upTo', 'ms', 'seq', 'question'] },
);

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ';

test('what goes in comes out', () => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const text = encodeCursor(cursor);
      expect(text).toMatch(/^[\w-]+$/);
      expect(decodeCursor(text, cursor)).toEqual(cursor);
    }),
  );
});

test('any changed character, and any cut, is refused', () => {
  const character = fc.constantFrom(...ALPHABET);
  fc.assert(
    fc.property(cursors, fc.nat(), character, (cursor, at, replacement) => {
      const text = encodeCursor(cursor);
      const position = at % text.length;
      const changed = text.slice(0, position) + replacement + text.slice(position + 1);
      fc.pre(changed !== text);
      for (const damaged of [changed, text.slice(0, position), text.slice(position + 1), `${text}${replacement}`]) {
        expect(() => decodeCursor(damaged, cursor)).toThrow(
          expect.objectContaining({ kind: 'usage', message: expect.stringContaining('the cursor is damaged') }),
        );
      }
    }),
  );
});

describe('a cursor of something else', () => {
  const cursor: Cursor = { order: 'newest', upTo: markOf(9), ms: 5, seq: 3, question: questionHash('{}') };

  test('of another order', () => {
    expect(() => decodeCursor(encodeCursor(cursor), { ...cursor, order: 'oldest' })).toThrow(
      'the cursor was made for another order: ask in the order newest, not oldest',
    );
  });

  test('of another filter', () => {
    expect(() => decodeCursor(encodeCursor(cursor), { ...cursor, question: questionHash('{"a":1}') })).toThrow(
      'the cursor was made for another filter',
    );
  });

  test.each([
    'not JSON',
    '{}',
    '["sideways",1,2,3,null,null,"q"]',
    '["newest",1.5,2,3,null,null,"q"]',
    '["newest",1,"2",3,null,null,"q"]',
    '["newest",1,2,null,null,null,"q"]',
    '["newest",1,2,3,null,null,7]',
  ])('a forged one: %s', (content) => {
    const body = Buffer.from(content).toString('base64url');
    const forged = body + questionHash(body);
    expect(() => decodeCursor(forged, { order: 'newest', question: 'q' })).toThrow('the cursor is damaged');
  });
});

test('a question hash is the CRC-32 of the question', () => {
  // The check value that catalogues of such codes give for CRC-32.
  expect(questionHash('123456789')).toBe('cbf43926');
  expect(questionHash('a')).not.toBe(questionHash('b'));
});
