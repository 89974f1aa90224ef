import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { indentJson } from '../../src/format/json-text.js';

describe('indentJson', () => {
  test('is as JSON.stringify would indent it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 4), (value, space) => {
        expect(indentJson(JSON.stringify(value, null, space))).toBe(JSON.stringify(value, null, 2));
      }),
      { numRuns: 1000 },
    );
  });

  test('keeps every digit, and what looks like structure inside text', () => {
    expect(indentJson('{"n":12345678901234567890.10,"t":"{\\"a\\\\\\":[1, 2]}"}')).toBe(
      '{\n  "n": 12345678901234567890.10,\n  "t": "{\\"a\\\\\\":[1, 2]}"\n}',
    );
  });

  test('goes as deep as documents may be', () => {
    const deep = '['.repeat(1000) + ']'.repeat(1000);
    expect(indentJson(deep).replaceAll(/\s/g, '')).toBe(deep);
  });
});
