import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newEntry, type NewEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { matches, type DatedEntry } from '../../src/core/match.js';
import { parseTimestamp } from '../../src/core/timestamp.js';
import { entries, filter as anyFilter } from '../store/arbitraries.js';
import { takes } from '../store/oracle.js';

const TS = '2026-03-05T14:07:09.123Z';
const MS = parseTimestamp(TS);

function dated(fields: Partial<NewEntry>): DatedEntry {
  return { ...newEntry({ action: 'update', ...fields }), ts: TS };
}

const entry = dated({
  category: 'device',
  severity: 'warning',
  actor: 'anna',
  actor_type: 'user',
  scope: 'tenant:42',
  entity_type: 'invoice',
  entity_id: 'a:7',
  message: 'Straße Ärger [50%] FOO_bar',
  metadata:
    '{"name":"x","n":1.50,"big":12345678901234567890,"t":true,"f":false,"z":null,"o":{"b":1,"a":[1, "two"]},"":{"":"e"},"l":[{"k":"v"}],"__proto__":{"p":1}}',
  changed_fields: '["status","address.street.name","list"]',
  correlation_id: 'req-1',
});

const bare = dated({});

describe('each condition', () => {
  const cases: [Filter, boolean][] = [
    [{}, true],
    [{ category: ['auth', 'device'] }, true],
    [{ category: ['auth'] }, false],
    [{ action: ['update'] }, true],
    [{ action: ['UPDATE'] }, false],
    [{ severity: ['warning'] }, true],
    [{ severity: ['info'] }, false],
    [{ actor: ['anna'] }, true],
    [{ actor: ['bob'] }, false],
    [{ actor_type: ['user'] }, true],
    [{ actor_type: ['system'] }, false],
    [{ scope: ['tenant:42'] }, true],
    [{ scope: ['tenant:4'] }, false],
    [{ correlation_id: ['req-1'] }, true],
    [{ source: ['ledgrab'] }, false],
    [{ entity: [{ type: 'invoice' }] }, true],
    [{ entity: [{ type: 'order' }] }, false],
    [{ entity: [{ type: 'order' }, { id: 'a:7' }] }, true],
    [{ entity: [{ type: 'invoice', id: 'a:7' }] }, true],
    [{ entity: [{ type: 'invoice', id: '7' }] }, false],
    [{ entity: [{ type: 'order', id: 'a:7' }] }, false],
    [{ search: 'foo_BAR' }, true],
    [{ search: '50%' }, true],
    [{ search: 'foo.bar' }, false],
    [{ search: 'ärger' }, false],
    [{ search: 'STRAßE' }, true],
    [{ changed: ['status'] }, true],
    [{ changed: ['address'] }, true],
    [{ changed: ['address.street'] }, true],
    [{ changed: ['address.street.name'] }, true],
    [{ changed: ['addr'] }, false],
    [{ changed: ['street'] }, false],
    [{ changed: ['none', 'list'] }, true],
    [{ since: MS }, true],
    [{ since: MS + 1 }, false],
    [{ until: MS }, true],
    [{ until: MS - 1 }, false],
    [{ category: ['device'], action: ['create'] }, false],
  ];
  test.each(cases)('%j: %s', (filter, expected) => {
    expect(matches(filter, entry)).toBe(expected);
  });

  test('a column that is null equals nothing', () => {
    for (const field of ['scope', 'correlation_id', 'source'] as const) {
      expect(matches({ [field]: [''] }, bare)).toBe(false);
      expect(matches({ not: { [field]: ['x'] } }, bare)).toBe(true);
    }
    expect(matches({ entity: [{ type: 'invoice' }] }, bare)).toBe(false);
    expect(matches({ not: { entity: [{ id: '1' }] } }, bare)).toBe(true);
    expect(matches({ changed: ['a'] }, bare)).toBe(false);
  });

  test('whether it was taken back is told', () => {
    expect(matches({ reverted: true }, entry)).toBe(false);
    expect(matches({ reverted: true }, entry, true)).toBe(true);
    expect(matches({ reverted: false }, entry)).toBe(true);
    expect(matches({ reverted: false }, entry, true)).toBe(false);
    expect(matches({}, entry, true)).toBe(true);
  });
});

describe('metadata', () => {
  test.each([
    ['name', 'x', true],
    ['name', '"x"', false],
    ['n', '1.50', true],
    ['n', '1.5', false],
    ['big', '12345678901234567890', true],
    ['t', 'true', true],
    ['f', 'false', true],
    ['z', 'null', true],
    ['missing', 'null', false],
    ['o', '{"b":1,"a":[1,"two"]}', true],
    ['o.b', '1', true],
    ['o.a', '[1,"two"]', true],
    ['o.a.1', 'two', true],
    ['o.a.2', 'two', false],
    ['o.a.x', 'two', false],
    ['o.a.1e0', 'two', false],
    ['o.a. 1', 'two', false],
    ['o.a.length', '2', false],
    ['l.0.k', 'v', true],
    ['l.k', 'v', false],
    ['.', 'e', true],
    ['name.x', 'x', false],
    ['name.length', '1', false],
    ['n.value', '1.50', false],
    ['toString', '', false],
    ['__proto__.p', '1', true],
  ])('%s is %s: %s', (path, value, expected) => {
    expect(matches({ meta: [{ path, value }] }, entry)).toBe(expected);
    expect(matches({ not: { meta: [{ path, value }] } }, entry)).toBe(!expected);
  });

  test('all are asked for, and each one excludes', () => {
    const yes = { path: 'name', value: 'x' };
    const no = { path: 'name', value: 'y' };
    expect(matches({ meta: [yes, yes] }, entry)).toBe(true);
    expect(matches({ meta: [yes, no] }, entry)).toBe(false);
    expect(matches({ not: { meta: [yes, no] } }, entry)).toBe(false);
    expect(matches({ not: { meta: [no, no] } }, entry)).toBe(true);
  });
});

describe('not', () => {
  const cases: [Filter, boolean][] = [
    [{ not: {} }, true],
    [{ not: { category: ['device', 'auth'] } }, false],
    [{ not: { category: ['auth'] } }, true],
    [{ not: { category: ['auth'], actor: ['anna'] } }, false],
    [{ not: { entity: [{ type: 'order' }, { id: 'a:7' }] } }, false],
    [{ not: { search: 'foo' } }, false],
    [{ not: { search: 'other' } }, true],
    [{ not: { changed: ['x', 'address'] } }, false],
    [{ not: { changed: ['x'] } }, true],
    [{ category: ['device'], not: { action: ['update'] } }, false],
  ];
  test.each(cases)('%j: %s', (filter, expected) => {
    expect(matches(filter, entry)).toBe(expected);
  });
});

test('every filter takes what the words of the contract say', () => {
  fc.assert(
    fc.property(anyFilter, entries(8), fc.boolean(), (filter, drawn, reverted) => {
      for (const fields of drawn) {
        const one = { ...newEntry({ action: 'update', ...fields }), ts: fields.ts };
        expect(matches(filter, one, reverted)).toBe(takes(filter, one, reverted));
      }
    }),
    { numRuns: 1000 },
  );
});
