import { describe, expect, test } from 'vitest';
import { collapse, redact } from '../../src/core/redact.js';

describe('redact', () => {
  test.each([
    ['{"a":1,"b":2}', ['a'], '{"a":"[redacted]","b":2}', ['a']],
    ['{"a":{"b":{"c":1}}}', ['a.b'], '{"a":{"b":"[redacted]"}}', ['a.b']],
    ['{"a":null}', ['a'], '{"a":"[redacted]"}', ['a']],
    [
      '{"users":[{"pin":1},{"x":2},{"pin":3}]}',
      ['users.pin'],
      '{"users":[{"pin":"[redacted]"},{"x":2},{"pin":"[redacted]"}]}',
      ['users.pin'],
    ],
    ['[[{"pin":1}]]', ['pin'], '[[{"pin":"[redacted]"}]]', ['pin']],
    ['{"a":1.50}', ['b', 'a.b', 'a.b.c'], '{"a":1.50}', []],
    ['{"a":1.50,"b":null,"c":"x"}', ['a.value', 'b.x', 'c.length'], '{"a":1.50,"b":null,"c":"x"}', []],
    ['[{"pin":1},{"pin":2}]', ['pin'], '[{"pin":"[redacted]"},{"pin":"[redacted]"}]', ['pin']],
    ['[{"pin":1}]', ['pon'], '[{"pin":1}]', []],
    ['{"a":1,"b":1}', ['a', 'b', 'c'], '{"a":"[redacted]","b":"[redacted]"}', ['a', 'b']],
    ['{"a.b":1,"a":{"b":2}}', ['a.b'], '{"a.b":"[redacted]","a":{"b":"[redacted]"}}', ['a.b']],
    ['{"x.y":{"z":1}}', ['x.y.z'], '{"x.y":{"z":"[redacted]"}}', ['x.y.z']],
    ['{"__proto__":{"a":1}}', ['__proto__'], '{"__proto__":"[redacted]"}', ['__proto__']],
    ['{"a":1}', ['toString', '__proto__'], '{"a":1}', []],
  ])('%s without %j', (text, paths, expected, found) => {
    const result = redact(text, paths);
    expect(result.text).toBe(expected);
    expect([...result.found]).toEqual(found);
  });
});

describe('collapse', () => {
  test.each([
    [['a.b.c', 'a.b.d', 'x'], ['a.b'], ['a.b', 'x']],
    [['a.b', 'a.bc'], ['a.b'], ['a.b', 'a.bc']],
    [['a'], ['a.b'], ['a']],
    [
      ['z', 'a.b.c', 'y'],
      ['a.b.c', 'a', 'a.b'],
      ['z', 'a', 'y'],
    ],
    [['a', 'b'], [], ['a', 'b']],
  ])('%j with %j', (fields, paths, expected) => {
    expect(collapse(fields, paths)).toEqual(expected);
  });
});
