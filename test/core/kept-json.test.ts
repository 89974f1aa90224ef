import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCaptureSettings } from '../../src/core/capture.js';
import { readMirrorSettings } from '../../src/core/mirror.js';
import { readCriteria, readRuleCounts } from '../../src/core/prune-account.js';
import { mayHaveTaken, mayHaveTakenType, tookOldestFirst } from '../../src/core/prune-reach.js';

const CAPTURE = {
  entityType: 'user',
  scope: { kind: 'tenant', column: 'tenant_id' },
  actorColumn: null,
  nameColumn: 'email',
  ignore: ['seen'],
  redact: [],
  keep: [],
  json: ['prefs'],
  requireActor: true,
};
const MIRROR = {
  entityType: 'user',
  key: 'id',
  latest: 5,
  template: '{ts}',
  separator: '\n',
  reverted: 'mark',
  maxLength: null,
};
const CRITERIA = [{ policy: 'x', before: '2026-01-01T00:00:00.000Z', filter: { category: ['auth'] } }, {}];
const RULES = [
  { name: null, deleted: 3 },
  { name: 'x', deleted: 0 },
];

/** Each reader, a value of its kind, and what is as good as that although a member differs. */
const READERS: readonly [name: string, read: (json: string) => unknown, value: object, free: readonly string[]][] = [
  ['readCaptureSettings', readCaptureSettings, CAPTURE, []],
  ['readMirrorSettings', readMirrorSettings, MIRROR, []],
  ['readCriteria', readCriteria, CRITERIA, ['policy', 'before']],
  ['readRuleCounts', readRuleCounts, RULES, []],
];

const JUNK = ['{bad', '', 'null', '5', '"text"', '{"a":1}', '[null]', '[5]', '[[]]', '['.repeat(100_000)];

describe.each(READERS)('%s', (_name, read, value, free) => {
  test('reads what was kept', () => {
    expect(read(JSON.stringify(value))).toEqual(value);
  });

  test.each(JUNK)('tells %.20j', (junk) => {
    expect(read(junk)).toBeUndefined();
  });

  test('never throws, whatever stands there', () => {
    const property = fc.property(fc.oneof(fc.string(), fc.json()), (text) => void read(text));
    expect(() => fc.assert(property)).not.toThrow();
  });

  test('tells each member that is of another kind or missing', () => {
    const inner = (Array.isArray(value) ? (value as object[])[0] : value) ?? {};
    const put = (changed: object): string => JSON.stringify(Array.isArray(value) ? [changed] : changed);
    for (const key of Object.keys(inner).filter((member) => !free.includes(member))) {
      expect(read(put({ ...inner, [key]: { other: [5] } })), key).toBeUndefined();
      if (key !== 'filter') expect(read(put({ ...inner, [key]: undefined })), key).toBeUndefined();
    }
  });
});

test.each(JUNK)('a prune of which %.20j is kept may have taken anything, and not in order', (junk) => {
  expect(mayHaveTaken(junk, [], 'user', '1')).toBe(true);
  expect(mayHaveTakenType(junk, [], 'user')).toBe(true);
  expect(tookOldestFirst(junk)).toBe(false);
});
