import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS, newEntry } from '../../src/core/entry.js';
import type { NewEntry } from '../../src/core/entry.js';
import { recogniseRecord } from '../../src/core/recognised.js';

const FIELDS = ENTRY_FIELDS.filter((field): field is keyof NewEntry => field !== 'seq');

const KNOWN = newEntry({
  id: 'logs:1',
  ts: '2026-03-01T00:00:00.000Z',
  action: 'update',
  actor: 'u-5',
  actor_type: 'user',
  actor_name: 'Ada',
  scope: 'guild:1',
  entity_type: 'users',
  entity_id: '7',
  entity_name: 'Bo',
  message: 'name of users 7 changed',
  metadata: '{"user_id":"5","mail":"ada@example.org","document":{"a":1}}',
  old_values: '{"name":"a","secret":"s"}',
  new_values: '{"name":"b","secret":null}',
  changed_fields: '["name"]',
  correlation_id: 'm-1',
  source: 'logs',
});

function recognised(change: Partial<NewEntry>, earlier: readonly NewEntry[] = []): ReturnType<typeof recogniseRecord> {
  return recogniseRecord({ ...KNOWN, ...change }, FIELDS, KNOWN, earlier);
}

/** What a source may come to say, with what it has forgotten then. */
const FORGOTTEN: readonly (readonly [Partial<NewEntry>, readonly string[]])[] = [
  [{}, []],
  [{ actor: 'unknown' }, ['actor']],
  [{ actor: 'unknown', actor_type: 'unknown' }, ['actor', 'actor_type']],
  // An account is gone, and what is left of it is the address.
  [{ actor: 'ada@example.org', actor_name: null }, ['actor', 'actor_name']],
  [{ scope: null, entity_name: null }, ['scope', 'entity_name']],
  [{ entity_type: null, entity_id: null }, ['entity_type', 'entity_id']],
  [{ message: '', correlation_id: null }, ['message', 'correlation_id']],
  [{ metadata: '{"mail":null,"document":{"a":1}}' }, ['metadata.user_id', 'metadata.mail']],
  [{ metadata: '{}' }, ['metadata.user_id', 'metadata.mail', 'metadata.document']],
  [{ old_values: '{"name":"a"}', new_values: '{"name":"b"}' }, ['old_values.secret', 'new_values.secret']],
  [{ old_values: null, changed_fields: null }, ['old_values', 'changed_fields']],
  // More than before is no conflict where it stands beside what happened.
  [{ metadata: '{"user_id":"5","mail":"ada@example.org","document":{"a":1},"ts_exact":"x"}' }, []],
];

/** What is another content of the same id. */
const OTHER: readonly Partial<NewEntry>[] = [
  { actor: 'u-6' },
  { actor_type: 'moderator' },
  { action: 'delete' },
  { severity: 'error' },
  { ts: '2026-03-01T00:00:00.001Z' },
  { message: 'other' },
  { recorded_by: 'root' },
  { entity_id: '8' },
  { metadata: '{"user_id":"6","mail":"ada@example.org","document":{"a":1}}' },
  { metadata: '{"user_id":"5","mail":"ada@example.org","document":{}}' },
  { old_values: '{"name":null,"secret":"s"}' },
  { new_values: '{"name":"c","secret":null}' },
  { new_values: '{"name":"b","secret":null,"more":1}' },
  { changed_fields: '["name","secret"]' },
];

describe('a record of a source', () => {
  test.each(FORGOTTEN)('that says %j has forgotten %j', (change, forgotten) => {
    expect(recognised(change)).toEqual({ differing: [], forgotten });
  });

  test.each(OTHER)('that says %j is another one', (change) => {
    expect(recognised(change)).toMatchObject({ differing: Object.keys(change) });
  });

  test('that forgets and says another thing at once is another one, in that thing alone', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORGOTTEN), fc.constantFrom(...OTHER), ([less], other) => {
        const [field] = Object.keys(other) as [keyof NewEntry];
        fc.pre(!(field in less));
        expect(recognised({ ...less, ...other }).differing).toEqual([field]);
      }),
    );
  });

  test('has not forgotten a null that was there before, beside what it says more', () => {
    const known = { ...KNOWN, metadata: '{"note":null}' };
    const more = { ...KNOWN, metadata: '{"note":null,"ts_exact":"x"}' };
    expect(recogniseRecord(more, FIELDS, known, [])).toEqual({ differing: [], forgotten: [] });
  });

  test('may have forgotten however much', () => {
    const keys = Array.from({ length: 150_000 }, (_, n) => [`k${n}`, n]);
    const known = { ...KNOWN, metadata: JSON.stringify(Object.fromEntries(keys)) };
    expect(recogniseRecord({ ...known, metadata: '{}' }, FIELDS, known, []).forgotten).toHaveLength(150_000);
  });

  test('is the one of which an earlier version made the entry', () => {
    const now = { action: 'jam_cleared', actor: 'system', message: 'jam cleared' };
    expect(recognised(now).differing).toEqual(['action', 'actor', 'message']);
    expect(recognised(now, [newEntry({ action: 'x' }), KNOWN])).toEqual({ differing: [], forgotten: [] });
    expect(recognised(now, [{ ...KNOWN, scope: null }])).toEqual({ differing: [], forgotten: ['scope'] });
    // Nothing is forgotten where one of the two says all of it.
    expect(recognised({ actor: 'unknown' }, [KNOWN])).toEqual({ differing: [], forgotten: [] });
  });
});
