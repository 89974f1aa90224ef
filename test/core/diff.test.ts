import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedFields, diffFields } from '../../src/core/diff.js';

describe('changedFields', () => {
  test.each([
    ['{"a":1,"b":2}', '{"a":1,"b":3}', ['b']],
    ['{"a":{"b":{"c":1,"d":2}}}', '{"a":{"b":{"c":2,"d":2}}}', ['a.b.c']],
    ['{"z":1,"y":1}', '{"x":1,"y":2}', ['z', 'y', 'x']],
    ['{"a":{"b":1}}', '{"a":{"b":1,"c":2},"d":1}', ['a.c', 'd']],
    ['{"list":[1,{"b":2}]}', '{"list":[1,{"b":3}]}', ['list']],
    ['{"list":[{"a":1,"b":2}]}', '{"list":[{"b":2,"a":1}]}', []],
    ['{"a":null}', '{}', ['a']],
    ['{}', '{"a":null}', ['a']],
    ['{"a":1}', '{"a":1.0}', ['a']],
    ['{"a":12345678901234567890}', '{"a":12345678901234567891}', ['a']],
    ['{"a":{}}', '{"a":{"b":1}}', ['a.b']],
    ['{"a":{"b":1}}', '{"a":null}', ['a']],
    ['{"a":{"b":1}}', '{"a":[]}', ['a']],
    ['{"a":1,"b":2}', '{"b":2,"a":1}', []],
    ['{"a":1}', ' {"a":1}', []],
    ['{"__proto__":1}', '{}', ['__proto__']],
    ['{}', '{"toString":1}', ['toString']],
    ['{"a":false}', '{"a":0}', ['a']],
  ])('%s, %s', (before, after, fields) => {
    expect(changedFields(before, after)).toEqual(fields);
  });

  test('turned round, the same fields differ; against itself, none', () => {
    const documents = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 2 })).filter((value) => {
      const text = JSON.stringify(value);
      return !text.includes('\\u0000');
    });
    fc.assert(
      fc.property(documents, documents, (a, b) => {
        const [before, after] = [JSON.stringify(a), JSON.stringify(b)];
        expect(changedFields(before, after).toSorted()).toEqual(changedFields(after, before).toSorted());
        expect(changedFields(before, ` ${before}`)).toEqual([]);
      }),
    );
  });
});

describe('diffFields', () => {
  test('gives the values as they were written', () => {
    expect(diffFields('{"a":{"b":1.50,"gone":false},"c":null}', '{"a":{"b":"x"},"c":[1, 2]}')).toEqual([
      { path: 'a.b', old: '1.50', new: '"x"' },
      { path: 'a.gone', old: 'false', new: undefined },
      { path: 'c', old: 'null', new: '[1,2]' },
    ]);
  });

  test('against nothing, every top-level field differs', () => {
    expect(diffFields(null, '{"a":{"b":1},"c":""}')).toEqual([
      { path: 'a', old: undefined, new: '{"b":1}' },
      { path: 'c', old: undefined, new: '""' },
    ]);
    expect(diffFields('{"a":0}', null)).toEqual([{ path: 'a', old: '0', new: undefined }]);
    expect(diffFields(null, null)).toEqual([]);
  });
});
