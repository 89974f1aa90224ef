import { describe, expect, test } from 'vitest';
import { jsonWriter } from '../../src/format/json.js';

function written(shape: 'array' | 'envelope', pages: readonly string[], cursor: string | null = null): string {
  const { begin, page, end } = jsonWriter(shape);
  return begin() + pages.map((lines) => Buffer.from(page(Buffer.from(lines))).toString()).join('') + end(cursor);
}

describe('jsonWriter', () => {
  test.each<[string, string[], string]>([
    ['nothing', [], '[]\n'],
    ['an empty page', [''], '[]\n'],
    ['one', ['{"a":1}\n'], '[\n{"a":1}\n]\n'],
    ['several pages', ['{"a":1}\n{"a":2}\n', '', '{"a":"ü\\n"}\n'], '[\n{"a":1},\n{"a":2},\n{"a":"ü\\n"}\n]\n'],
  ])('an array of %s', (_name, pages, text) => {
    expect(written('array', pages)).toBe(text);
  });

  test('an envelope with a cursor', () => {
    const text = written('envelope', ['{"a":1}\n', '{"a":2}\n'], 'abc"d');
    expect(text).toBe('{"entries": [\n{"a":1},\n{"a":2}\n], "next_cursor": "abc\\"d"}\n');
    expect(JSON.parse(text)).toEqual({ entries: [{ a: 1 }, { a: 2 }], next_cursor: 'abc"d' });
  });

  test('an envelope of nothing', () => {
    expect(written('envelope', [])).toBe('{"entries": [], "next_cursor": null}\n');
  });

  test('two writers do not know of each other', () => {
    written('array', ['{}\n']);
    expect(written('array', ['{}\n'])).toBe('[\n{}\n]\n');
  });
});
