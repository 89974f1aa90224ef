import { describe, expect, test } from 'vitest';
import type { ImportedEntry, SourceValue } from '../../src/core/import.js';
import { parseDocument } from '../../src/core/json.js';
import { anyCsv, anyNdjson } from '../../src/importers/any-keys.js';

const SETTINGS = {
  source: 'shop',
  assumedZone: undefined,
  map: [],
  entityType: undefined,
  key: undefined,
  column: undefined,
  order: undefined,
  pattern: undefined,
};

function read(format: typeof anyCsv, values: Record<string, SourceValue>, map: readonly string[]): ImportedEntry {
  const [entry] = format.reader({ ...SETTINGS, map })({ position: 'line 7', values });
  if (entry === undefined) throw new Error('nothing came of it');
  return entry;
}

const line = (text: string, ...map: string[]): ImportedEntry =>
  read(anyNdjson, parseDocument(text) as Record<string, SourceValue>, map);
const row = (values: Record<string, SourceValue>, ...map: string[]): ImportedEntry => read(anyCsv, values, map);

const TS = '2026-03-05T14:07:09Z';

describe('records with any keys', () => {
  test('keys of the name of a field are that field, and all others go into metadata', () => {
    expect(
      line(`{"ts":"${TS}","action":"login","actor":"eve","ip":"10.0.0.7","big":9007199254740993,"gone":null}`),
    ).toEqual({
      id: 'shop:7',
      time: { ms: Date.parse(TS), finer: '' },
      fields: {
        action: 'login',
        actor: 'eve',
        metadata: '{"ip":"10.0.0.7","big":9007199254740993,"gone":null}',
      },
    });
  });

  test('an empty cell is nothing', () => {
    expect(row({ ts: TS, action: 'a', severity: '', scope: '', entity_type: null, note: null }).fields).toEqual({
      action: 'a',
      metadata: '{}',
    });
  });

  test('ids that are not unique in the world are kept below the source', () => {
    const id = '0195c0de-0000-7000-8000-000000000001';
    expect(row({ ts: TS, action: 'a', id: '12' }).id).toBe('shop:12');
    expect(row({ ts: TS, action: 'a', id }).id).toBe(id);
    expect(row({ ts: TS, action: 'a', number: '12' }, 'id=number').id).toBe('shop:12');
    expect(row({ ts: TS, action: 'a' }).id).toBe('shop:7');
  });

  test('a map gives a field another key, a constant, or a place in a document', () => {
    const entry = line(
      `{"at":1772000000,"verb":"paid","by":{"user.name":"eve","roles":["admin","till"]},"action":"kept"}`,
      'ts=at',
      'action=verb',
      'actor=by.user.name',
      'actor_type=by.roles.1',
      'category="billing"',
      'message="a = b"',
    );
    expect(entry.time?.ms).toBe(1_772_000_000_000);
    expect(entry.fields).toEqual({
      action: 'paid',
      actor: 'eve',
      actor_type: 'till',
      category: 'billing',
      message: 'a = b',
      // Only a part of `by` was asked for, and `action` was not: nothing of them is lost.
      metadata: '{"by":{"user.name":"eve","roles":["admin","till"]},"action":"kept"}',
    });
  });

  test('a key may be asked for twice, by a map and by its name', () => {
    expect(row({ ts: TS, action: 'login' }, 'message=action').fields).toEqual({
      action: 'login',
      message: 'login',
      metadata: '{}',
    });
  });

  test('a path goes into the JSON text of a cell, and a key may hold dots', () => {
    const { fields } = row(
      { ts: TS, payload: '{"user":{"id":42}}', 'user.mail': 'eve@x', action: 'a' },
      'actor=payload.user.id',
      'actor_name=user.mail',
    );
    expect(fields).toMatchObject({
      actor: '42',
      actor_name: 'eve@x',
      metadata: '{"payload":"{\\"user\\":{\\"id\\":42}}"}',
    });
  });

  test('a path that leads nowhere gives nothing', () => {
    expect(line(`{"ts":"${TS}","action":"a","x":"[1"}`, 'actor=x.y', 'message=z.0').fields).toEqual({
      action: 'a',
      metadata: '{"x":"[1"}',
    });
    // Nor do what arrays and objects have by nature.
    expect(line(`{"ts":"${TS}","action":"a","x":[]}`, 'actor=x.length', 'message=x.constructor').fields.actor).toBe(
      undefined,
    );
  });

  test('entity is type and id at once', () => {
    expect(row({ ts: TS, action: 'a', what: 'invoice:7:b' }, 'entity=what').fields).toMatchObject({
      entity_type: 'invoice',
      entity_id: '7:b',
    });
    expect(() => row({ ts: TS, action: 'a', what: 'invoice' }, 'entity=what')).toThrow('what "invoice" is not type:id');
  });

  test('documents are documents, and lists lists', () => {
    expect(
      row({ ts: TS, action: 'a', metadata: '{"a": 1}', old_values: '{"x": 1.50}', changed_fields: '{x,"y z"}', a: 'b' })
        .fields,
    ).toEqual({
      action: 'a',
      // The name is taken.
      metadata: '{"a":1,"a_":"b"}',
      old_values: '{"x":1.50}',
      changed_fields: '["x","y z"]',
    });
    expect(() => row({ ts: TS, action: 'a', metadata: 'text' })).toThrow(expect.objectContaining({ kind: 'data' }));
  });

  test('without a time or an action it is broken, and says what would help', () => {
    expect(() => row({ action: 'a' })).toThrow('ts is missing: --map ts=key says when it happened');
    expect(() => row({ ts: TS })).toThrow('action is missing: --map action=key says what was done');
    expect(() => row({ ts: '', action: 'a' })).toThrow(expect.objectContaining({ kind: 'data' }));
  });

  test("the words of the import are not the record's to say", () => {
    expect(row({ ts: TS, action: 'a', source: 'web', recorded_at: TS, seq: '4' }).fields).toEqual({
      action: 'a',
      metadata: `{"source":"web","recorded_at":"${TS}","seq":"4"}`,
    });
  });

  test.each([
    ['action', 'is not field=key'],
    ['action=', 'is not field=key'],
    ['=key', 'no field of an entry'],
    ['verb=key', 'no field of an entry'],
    ['source=key', 'no field of an entry'],
    ['action="torn', 'a constant that is not one text'],
    ['action="a" "b"', 'a constant that is not one text'],
  ])('--map %s is wrong usage', (map, problem) => {
    expect(() => anyCsv.reader({ ...SETTINGS, map: [map] })).toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(problem) as string }),
    );
    expect(() => anyCsv.reader({ ...SETTINGS, map: [map] })).toThrow(JSON.stringify(map));
  });

  test('a field is given once', () => {
    expect(() => anyCsv.reader({ ...SETTINGS, map: ['action=a', 'action=b'] })).toThrow(
      'gives what action=b gives, too',
    );
    expect(() => anyCsv.reader({ ...SETTINGS, map: ['entity_id=a', 'entity=b'] })).toThrow(
      expect.objectContaining({ kind: 'usage' }),
    );
  });

  test('a column that no row has is wrong usage; a key may be missing from a line', () => {
    expect(() => row({ ts: TS, action: 'a' }, 'actor=usr')).toThrow('--map "actor=usr": the columns are ts, action');
    expect(line(`{"ts":"${TS}","action":"a"}`, 'actor=usr').fields.actor).toBe(undefined);
  });
});
