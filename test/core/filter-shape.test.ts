import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkFilter, filterFlaw } from '../../src/core/filter-shape.js';
import type { Filter } from '../../src/core/filter.js';
import { filter as anyFilter } from '../store/arbitraries.js';

const NAMES = [
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'scope',
  'correlation_id',
  'source',
  'entity',
  'search',
  'changed',
  'meta',
];

class Conditions {
  readonly actor = ['anna'];
}

describe('what is no filter is refused, for it would match everything', () => {
  const flaws: [unknown, string][] = [
    [{ actors: ['nobody'] }, 'a filter has no condition "actors": it has category, action,'],
    [{ not: { actors: ['nobody'] } }, 'a filter has no condition "not.actors"'],
    [{ not: { since: 1 } }, 'a filter has no condition "not.since"'],
    [{ not: { not: {} } }, 'a filter has no condition "not.not"'],
    [{ constructor: ['x'] }, 'a filter has no condition "constructor"'],
    [JSON.parse('{"__proto__":["x"]}'), 'a filter has no condition "__proto__"'],
    [{ actor: 'nobody' }, 'condition actor must be a list of texts, and is "nobody"'],
    [{ actor: undefined }, 'condition actor must be a list of texts, and is undefined'],
    [{ actor: null }, 'condition actor must be a list of texts, and is null'],
    [{ actor: [] }, 'condition actor must be a list of texts, and is an empty list'],
    [{ actor: [1] }, 'condition actor must be a list of texts, and is a list of something else'],
    [{ actor: Array.from({ length: 2 }) }, 'and is a list of something else'],
    // oxlint-disable-next-line no-sparse-arrays
    [{ actor: ['anna', , 'bob'] }, 'and is a list of something else'],
    [{ actor: new Set(['anna']) }, 'and is another kind of object'],
    [{ not: { actor: [] } }, 'condition not.actor must be a list of texts, and is an empty list'],
    [{ severity: ['fatal'] }, 'condition severity must be a list of info, warning, error'],
    [{ entity: [{}] }, 'condition entity must be a list of {type, id}, {type} or {id}, each a text'],
    [{ entity: [{ type: 'a', id: undefined }] }, 'condition entity must be'],
    [{ entity: [{ type: 'a', name: 'b' }] }, 'condition entity must be'],
    [{ entity: { type: 'a' } }, 'condition entity must be'],
    [{ search: '' }, 'condition search must be a text that is not empty, and is ""'],
    [{ search: ['x'] }, 'condition search must be a text that is not empty'],
    [{ meta: [{ path: 'a' }] }, 'condition meta must be a list of {path, value}, both texts'],
    [{ meta: [{ path: 'a', value: 1 }] }, 'condition meta must be'],
    [{ since: '2026-01-01' }, 'condition since must be a whole number of milliseconds since 1970, and is "2026-01-01"'],
    [{ since: new Date(0) }, 'condition since must be'],
    [{ until: Number.NaN }, 'condition until must be'],
    [{ reverted: 0 }, 'condition reverted must be true or false, and is 0'],
    [{ not: undefined }, 'condition not must be an object of conditions, and is undefined'],
    [{ not: [] }, 'condition not must be an object of conditions, and is an empty list'],
    [{ not: new Map([['actor', ['cron']]]) }, 'condition not must be an object of conditions'],
    [undefined, 'a filter must be an object of conditions, and is undefined'],
    [null, 'a filter must be an object of conditions, and is null'],
    ['actor', 'a filter must be an object of conditions, and is "actor"'],
    [[], 'a filter must be an object of conditions, and is an empty list'],
    [new Map([['actor', ['anna']]]), 'a filter must be an object of conditions, and is another kind of object'],
    [Promise.resolve({ actor: ['anna'] }), 'a filter must be an object of conditions'],
    [Object.create({ actor: ['anna'] }), 'a filter must be an object of conditions'],
    [new Conditions(), 'a filter must be an object of conditions'],
  ];
  test.each(flaws)('%j: %s', (value, message) => {
    expect(filterFlaw(value)).toContain(message);
    expect(() => checkFilter(value as Filter)).toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(message) }),
    );
  });

  test('every condition, wherever it stands, refuses what is no value of its own', () => {
    const nothing = fc.constantFrom(undefined, null, '', [], {}, 0, true, [[]], [null], [undefined], [{}]);
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), nothing, (name, value) => {
        expect(filterFlaw({ [name]: value })).toContain(`condition ${name} must be`);
        expect(filterFlaw({ not: { [name]: value } })).toContain(`condition not.${name} must be`);
      }),
    );
  });

  test('so does any name that is no condition', () => {
    fc.assert(
      fc.property(fc.string(), fc.anything(), (name, value) => {
        fc.pre(![...NAMES, 'not', 'since', 'until', 'reverted', '__proto__'].includes(name));
        expect(filterFlaw({ [name]: value })).toContain('a filter has no condition');
      }),
    );
  });
});

test('a filter is one', () => {
  expect(filterFlaw({})).toBeUndefined();
  // To exclude nothing is said plainly, as to ask for nothing is.
  expect(filterFlaw({ not: {} })).toBeUndefined();
  expect(filterFlaw(Object.assign(Object.create(null), { actor: ['anna'] }))).toBeUndefined();
  fc.assert(
    fc.property(anyFilter, (filter) => {
      expect(filterFlaw(filter)).toBeUndefined();
    }),
  );
});
