import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sourceJson, sourceObject } from '../../src/core/import.js';
import { parseDocument } from '../../src/core/json.js';
import { listOf, objectOf, optional, required, textOf } from '../../src/importers/values.js';

const record = (values: Record<string, string | null>) => ({ position: 'row 1', values });

describe('texts', () => {
  test('are texts whatever the source has them as', () => {
    expect(textOf('a', 'x')).toBe('a');
    expect(textOf(12, 'x')).toBe('12');
    expect(textOf(9007199254740993n, 'x')).toBe('9007199254740993');
    expect(textOf(parseDocument('9007199254740993'), 'x')).toBe('9007199254740993');
    expect(textOf(true, 'x')).toBe('true');
    expect(textOf(null, 'x')).toBeNull();
    expect(textOf(undefined, 'x')).toBeNull();
  });

  test('bytes and documents are none', () => {
    expect(() => textOf(Buffer.from('ab'), 'message')).toThrow('message is 2 bytes, not a text');
    expect(() => textOf({ a: 'b' }, 'message')).toThrow('message an object is not a text');
  });

  test('must be there, or may', () => {
    expect(optional(record({ a: '' }), 'a')).toBeNull();
    expect(optional(record({}), 'a')).toBeNull();
    expect(required(record({ a: '0' }), 'a')).toBe('0');
    expect(() => required(record({ a: '' }), 'a')).toThrow(expect.objectContaining({ kind: 'data' }));
  });
});

describe('documents', () => {
  test('are objects, as text or as values, and keep every digit', () => {
    expect(objectOf('{ "n": 9007199254740993 }', 'metadata')).toBe('{"n":9007199254740993}');
    expect(objectOf(parseDocument('{"n":1.50}'), 'metadata')).toBe('{"n":1.50}');
    expect(objectOf('', 'metadata')).toBeNull();
    expect(objectOf(null, 'metadata')).toBeNull();
  });

  test.each(['[1]', '"a"', '{"torn": ', '{"a":1,"a":2}', 'null'])('%s is none', (text) => {
    expect(() => objectOf(text, 'payload')).toThrow(/^payload /);
  });

  test('take in what JSON has no word for', () => {
    expect(sourceJson(Buffer.from([0, 255]))).toBe('{"$blob":"00ff"}');
    expect(sourceJson(Number.POSITIVE_INFINITY)).toBe('"Infinity"');
    expect(
      sourceObject([
        ['a', 1n],
        ['__proto__', 'b'],
        ['c', undefined],
      ]),
    ).toBe('{"a":1,"__proto__":"b","c":null}');
  });
});

describe('lists', () => {
  test.each([
    ['{}', []],
    ['{email,updated_at}', ['email', 'updated_at']],
    ['{"a,b","c\\"d","e\\\\f",""}', ['a,b', 'c"d', 'e\\f', '']],
    ['{"NULL"}', ['NULL']],
    ['["email","updated_at"]', ['email', 'updated_at']],
    ['[]', []],
  ])('%s', (text, expected) => {
    expect(JSON.parse(listOf(text, 'changed_fields') ?? '')).toEqual(expected);
  });

  test.each(['{a"b}', '{a,}', '{a', 'a', '[1]', '[', '{,a}', '{"a}', '{NULL}'])('%s is none', (text) => {
    expect(() => listOf(text, 'changed_fields')).toThrow(expect.objectContaining({ kind: 'data' }));
  });

  test('come back from PostgreSQL notation, whatever they hold', () => {
    const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
    fc.assert(
      fc.property(fc.array(fc.string()), (items) => {
        expect(JSON.parse(listOf(`{${items.map(quote).join(',')}}`, 'x') ?? '')).toEqual(items);
      }),
    );
  });
});
