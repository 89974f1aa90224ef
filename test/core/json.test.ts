import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  documentIn,
  documentText,
  fromValue,
  listed,
  madeDocumentIn,
  MAXIMUM_VALUES,
  normalizeDocument,
  parseDocument,
  plainObject,
  shown,
  sameDocument,
} from '../../src/core/json.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('documents keep what was written', () => {
  test.each([
    '12345678901234567890',
    '1.0',
    '1e5',
    '1E+400',
    '-0',
    '0.10',
    'null',
    '"text"',
    '[]',
    '{}',
    '{"b":1,"a":[true,false,null,"x"]}',
    '{"toJSON":1,"isLosslessNumber":true,"value":"7","constructor":{}}',
  ])('%s', (text) => {
    expect(normalizeDocument(text)).toBe(text);
  });

  test('white space and needless escapes go', () => {
    expect(normalizeDocument(' { "a" : [ 1 , "\\u00e9\\/" ] }\n')).toBe('{"a":[1,"é/"]}');
  });

  test('__proto__ is a key like any other', () => {
    const document = parseDocument('{"__proto__":{"polluted":1}}');
    expect(Object.getPrototypeOf(document)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(documentText(document)).toBe('{"__proto__":{"polluted":1}}');
    expect(normalizeDocument('{"__proto__":1}')).toBe('{"__proto__":1}');
  });

  test('whatever JSON.stringify writes comes back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('\\u0000') && !/\\ud[89a-f]/.test(text));
        expect(JSON.parse(normalizeDocument(text))).toEqual(JSON.parse(text));
        expect(normalizeDocument(JSON.stringify(value, null, 2))).toBe(normalizeDocument(text));
      }),
    );
  });
});

describe('refused', () => {
  test.each([
    ['', 'not valid JSON: JSON value expected but reached end of input at position 0'],
    ['{"a":1,}', "not valid JSON: quoted object key expected but got '}' at position 7"],
    ['[1', 'not valid JSON: array item or end'],
    ['01', 'not valid JSON'],
    ['"\\x"', 'not valid JSON'],
    ['{"\\x":1}', 'not valid JSON'],
    ['"\\u00zz"', 'not valid JSON'],
    ['"open', 'not valid JSON'],
    ['"open\\"', 'not valid JSON'],
    [']', 'not valid JSON'],
    ['{"a":1}]', 'not valid JSON'],
    ['"\u001b"', "not valid JSON: invalid character '\\u001b' at position 1"],
    ['{"a":1,"a":1}', 'key "a" stands twice in its object at position 7'],
    ['{"a":"x","a":"x"}', 'key "a" stands twice'],
    ['{"a":1,"\\u0061":2}', 'key "a" stands twice'],
    ['[{"b":{"a":{},"a":[]}}]', 'key "a" stands twice'],
    ['{"a":{"x":1},"b":[2],"a":3}', 'key "a" stands twice'],
    ['{"x":"\\"","a":1,"a":1}', 'key "a" stands twice'],
    ['{"x":"\\\\","a":1,"a":1}', 'key "a" stands twice'],
    ['"\ud800"', 'half of a surrogate pair'],
    ['"\\ud800"', 'text "\\ud800" holds half of a surrogate pair at position 0'],
    ['{"\\udc00":1}', 'half of a surrogate pair'],
    ['["\\ud83d","\\ude00"]', 'half of a surrogate pair at position 1'],
    ['"a\\u0000"', 'text "a\\u0000" holds NUL'],
    ['{"a\\u0000":1}', 'holds NUL'],
    ['"\0"', 'not valid JSON'],
    [nested(1001), 'JSON is nested deeper than 1000 levels at position 1000'],
    ['{"a":'.repeat(100_000), 'nested deeper than 1000'],
  ])('%.40j', (text, reason) => {
    expect(() => parseDocument(text)).toThrow(
      expect.objectContaining({ kind: 'data', message: expect.stringContaining(reason) }),
    );
  });

  test('a long mistake makes a short message', () => {
    const message = thrown(() => parseDocument(`${'1'.repeat(10_000)}.`));
    expect(message.length).toBeLessThan(300);
  });
});

function thrown(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('accepted', () => {
  test.each([
    nested(1000),
    '{"a":{"a":1},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '["a","b","b"]',
    '{"a":[{},"b","b"],"b":"a"}',
    '"\\ud83d\\ude00"',
    '"{\\"a\\":1,\\"a\\":1}"',
    '["\\\\",{"a":1}]',
    '"\\\\u0000"',
    `"${'['.repeat(2000)}"`,
  ])('%.40j', (text) => {
    expect(() => parseDocument(text)).not.toThrow();
  });
});

describe('sameDocument', () => {
  test.each([
    ['{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}', true],
    ['[{"a":1,"b":2}]', '[{"b":2,"a":1}]', true],
    [' [ 1 ] ', '[1]', true],
    ['"\\u0061"', '"a"', true],
    ['1', '1.0', false],
    ['1', '"1"', false],
    ['1', '{"value":"1"}', false],
    ['[1,2]', '[2,1]', false],
    ['[1]', '[1,1]', false],
    ['{"a":null}', '{}', false],
    ['{"a":null}', '{"b":null}', false],
    ['{"a":1}', '{"a":1,"b":1}', false],
    ['{"__proto__":{}}', '{"a":{}}', false],
    ['{}', '[]', false],
    ['[]', '{}', false],
    ['null', '{}', false],
    ['12345678901234567890', '12345678901234567891', false],
  ])('%s and %s', (a, b, same) => {
    expect(sameDocument(a, b)).toBe(same);
    expect(sameDocument(b, a)).toBe(same);
  });
});

describe('fromValue', () => {
  test('writes what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('\\u0000'));
        expect(fromValue(value)).toBe(text);
      }),
    );
  });

  test('keeps digits, and takes what has a toJSON', () => {
    expect(fromValue({ big: 12345678901234567890n, exact: parseDocument('1.50') })).toBe(
      '{"big":12345678901234567890,"exact":1.50}',
    );
    expect(fromValue([new Date(0)])).toBe('["1970-01-01T00:00:00.000Z"]');
    expect(fromValue(Object.assign(Object.create(null), { a: -0 }))).toBe('{"a":0}');
    expect(fromValue(JSON.parse('{"__proto__":1}'))).toBe('{"__proto__":1}');
    expect(fromValue(JSON.parse(nested(1000)))).toBe(nested(1000));
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;

  test.each([
    [undefined, 'undefined is not a JSON value'],
    [{ a: [undefined] }, 'undefined is not a JSON value, at "a.0"'],
    [Array.from({ length: 1 }), 'undefined is not a JSON value, at "0"'],
    [{ f: () => 1 }, 'function is not a JSON value, at "f"'],
    [Symbol('s'), 'symbol is not a JSON value'],
    [Number.NaN, 'NaN is not a JSON value'],
    [[Number.NEGATIVE_INFINITY], '-Infinity is not a JSON value, at "0"'],
    [{ m: new Map() }, 'an instance of a class is not a JSON value, at "m"'],
    [cycle, 'holds itself, or is nested deeper than 1000 levels'],
    [JSON.parse(nested(1001)), 'nested deeper than 1000 levels'],
    ['\ud800', 'text "\\ud800" holds half of a surrogate pair'],
    [{ a: 'x\0' }, 'text "x\\u0000" holds NUL, which no text may, at "a"'],
    [{ 'x\0': 1 }, 'holds NUL'],
  ])('refuses what JSON would drop or change (%#)', (value, reason) => {
    expect(() => fromValue(value)).toThrow(
      expect.objectContaining({ kind: 'data', message: expect.stringContaining(reason) }),
    );
  });
});

describe('shown', () => {
  test.each([
    ['plain', '"plain"'],
    ['say "x"', '"say \\"x\\""'],
    ['a\u001b[31m\u0000\u007f\u009b\u202e\u200b\ufeff', '"a\\u001b[31m\\u0000\\u007f\\u009b\\u202e\\u200b\\ufeff"'],
    ['é😀', '"é😀"'],
    ['x'.repeat(60), `"${'x'.repeat(60)}"`],
    ['x'.repeat(61), `"${'x'.repeat(60)}"…`],
    [`${'x'.repeat(59)}😀`, `"${'x'.repeat(59)}"…`],
    [5, '5'],
    [null, 'null'],
    [undefined, 'undefined'],
    [parseDocument('1.50'), '1.50'],
    [[1], 'an array'],
    [{}, 'an object'],
  ])('%j', (value, expected) => {
    expect(shown(value)).toBe(expected);
  });
});

describe('a text that may be a document', () => {
  test.each([documentIn, madeDocumentIn])('%o gives nothing for what is none, and swallows no other error', (read) => {
    expect(read('[1]')).toHaveLength(1);
    for (const none of ['', 'a', '{"a":']) expect(read(none)).toBeUndefined();
    expect(() => read(undefined as never)).toThrow(TypeError);
  });

  test('an engine may make of a row what no entry of ours may hold', () => {
    expect(documentIn('"a\\u0000b"')).toBeUndefined();
    expect(madeDocumentIn('"a\\u0000b"')).toBe('a\0b');
    expect(documentIn('{"a":1,"a":"2"}')).toBeUndefined();
    expect(madeDocumentIn('{"a":1,"a":"2"}')).toEqual({ a: '2' });
  });
});

describe('the fast way through small objects', () => {
  test.each([
    ['{}', '{}'],
    ['{ }', '{}'],
    ['{"n": 0, "ip": "10.0.0.0", "deep": {"a": [1, 2]}}', '{"n":0,"ip":"10.0.0.0","deep":{"a":[1,2]}}'],
    ['{"a  b": " c\t"}\n', undefined],
    ['{"text": "two  spaces , and : marks"}\n', '{"text":"two  spaces , and : marks"}'],
  ])('takes %j', (text, expected) => {
    expect(plainObject(text)).toBe(expected);
  });

  test.each([
    '{"a":1,"a":2}',
    '{"a": 1, "a": 1}',
    '{"a": {"b": 1, "b": 2}}',
    '{"n": 9007199254740993}',
    '{"n": 1.0}',
    '{"n": -0}',
    '{"n": 1e5}',
    '{"2": 1, "1": 2}',
    '{"a": "\\u0000"}',
    '{"a": "\ud800"}',
    '{"torn": ',
    '[1]',
    ' {}',
    `{"a": ${'['.repeat(1001)}${']'.repeat(1001)}}`,
  ])('leaves %j to the exact one', (text) => {
    expect(plainObject(text)).toBeUndefined();
  });

  test('says what the exact one says, or nothing', () => {
    const number = fc.oneof(fc.integer(), fc.constantFrom('9007199254740993', '1.0', '-0', '1e3', '0.5')).map(String);
    const space = fc.constantFrom('', ' ', '\n', '  ');
    const key = fc.constantFrom('"a"', '"b"', '"a b"', '"1"', '"__proto__"', '"\\n"', '"\\u00e9"');
    const member = fc
      .tuple(space, key, space, fc.oneof(number, key, fc.constant('{"a": [ ] }')), space)
      .map(([before, name, between, value, after]) => `${before}${name}${between}:${between}${value}${after}`);
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), (members) => {
        const text = `{${members.join(',')}}`;
        const fast = plainObject(text);
        expect(fast === undefined || fast === documentText(parseDocument(text))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a document has so many keys and items, and no more', () => {
  const of = (count: number): string => `[${Array.from({ length: count }, () => '{}').join(',')}]`;
  const tooMany = expect.objectContaining({ kind: 'data', message: expect.stringContaining('200000 keys and items') });
  expect(parseDocument(of(MAXIMUM_VALUES / 2 - 1))).toHaveLength(MAXIMUM_VALUES / 2 - 1);
  expect(() => parseDocument(of(MAXIMUM_VALUES))).toThrow(tooMany);
  const keys = Array.from({ length: MAXIMUM_VALUES + 1 }, (_, index) => `"${index}":0`).join(',');
  expect(() => parseDocument(`{${keys}}`)).toThrow(tooMany);
});

test('a list of names in a message is short', () => {
  expect(listed(['a', 'b'])).toBe('a, b');
  expect(listed(Array.from({ length: 100_000 }, (_, index) => `c${index}`))).toMatch(/^c0, .*c19 and 99980 more$/);
  expect(listed(['x'.repeat(1000)]).length).toBeLessThan(80);
});
