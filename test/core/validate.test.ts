import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newEntry, type NewEntry } from '../../src/core/entry.js';
import { parseLine, validateEntry, type ValidateOptions } from '../../src/core/validate.js';

const NOW = Date.UTC(2026, 2, 5, 14, 7, 9, 123);
const NOW_TEXT = '2026-03-05T14:07:09.123Z';

const texts: ValidateOptions = { now: NOW, documents: 'text' };
const values: ValidateOptions = { now: NOW, documents: 'values' };

const FULL = {
  id: 'al_1a2b3c4d',
  ts: '2026-01-01T00:00:00.000Z',
  recorded_at: '2026-01-02T00:00:00.000Z',
  category: 'device',
  action: 'update',
  severity: 'error',
  actor: 'anna',
  actor_type: 'moderator',
  actor_name: 'Anna',
  recorded_by: 'root@host',
  scope: 'tenant:42:7',
  entity_type: 'invoice',
  entity_id: '7:8',
  entity_name: 'Seven',
  message: 'Grüße 😀',
  metadata: '{"big":12345678901234567890}',
  old_values: '{"a":1.0}',
  new_values: '{"a":1.00}',
  changed_fields: '["a"]',
  correlation_id: 'req-1',
  reverts: 'al_0',
  source: 'ledgrab',
} satisfies NewEntry;

describe('validateEntry', () => {
  test('keeps what is given, and says what that was', () => {
    expect(validateEntry(FULL, 'usage', texts)).toEqual({ entry: FULL, given: Object.keys(FULL) });
  });

  test('completes with the defaults of the contract, or with those of the caller', () => {
    expect(validateEntry({ action: 'note', message: undefined }, 'usage', texts)).toEqual({
      entry: newEntry({ action: 'note' }),
      given: ['action'],
    });
    const defaults = { actor: 'anna', actor_type: 'user', recorded_by: 'root@host' };
    expect(validateEntry({ action: 'note', actor: 'bob' }, 'usage', { ...texts, defaults }).entry).toEqual(
      newEntry({ action: 'note', ...defaults, actor: 'bob' }),
    );
  });

  test('seq and reverted_by are ignored', () => {
    const result = validateEntry({ seq: 'x', action: 'note', reverted_by: 7 }, 'usage', texts);
    expect(result).toEqual({ entry: newEntry({ action: 'note' }), given: ['action'] });
  });

  test('times get their form, and a given time is recorded now', () => {
    const { entry, given } = validateEntry({ action: 'note', ts: '2026-01-01T02:00+02:00' }, 'usage', texts);
    expect(entry).toMatchObject({ ts: '2026-01-01T00:00:00.000Z', recorded_at: NOW_TEXT });
    expect(given).toEqual(['action', 'ts']);
    const recorded = (recordedAt: unknown): string | null =>
      validateEntry({ action: 'note', ts: NOW_TEXT, recorded_at: recordedAt }, 'usage', texts).entry.recorded_at;
    expect(recorded(null)).toBeNull();
    expect(recorded('2026-01-01T00:00Z')).toBe('2026-01-01T00:00:00.000Z');
    expect(validateEntry({ action: 'note' }, 'usage', texts).entry.recorded_at).toBeNull();
  });

  test('changed fields are computed where both documents are given, and they are not', () => {
    const change = { action: 'update', old_values: '{"a":{"b":1},"c":1}', new_values: '{"a":{"b":2},"c":1}' };
    const computed = validateEntry(change, 'usage', texts);
    expect(computed.entry.changed_fields).toBe('["a.b"]');
    expect(computed.given).not.toContain('changed_fields');
    const fields = (more: object): string | null =>
      validateEntry({ ...change, ...more }, 'usage', texts).entry.changed_fields;
    expect(fields({ changed_fields: null })).toBeNull();
    expect(fields({ changed_fields: '["c"]' })).toBe('["c"]');
    expect(fields({ old_values: null })).toBeNull();
    expect(fields({ new_values: null })).toBeNull();
    expect(fields({ new_values: change.old_values })).toBe('[]');
  });

  test('documents arrive as text or as values', () => {
    expect(validateEntry({ action: 'a', metadata: ' {"n": 1.50} ' }, 'usage', texts).entry.metadata).toBe('{"n":1.50}');
    expect(validateEntry({ action: 'a', metadata: { n: 12n } }, 'data', values).entry.metadata).toBe('{"n":12}');
  });

  const wrong: [Record<string, unknown>, string][] = [
    [{ action: undefined }, 'action is missing'],
    [{ action: '' }, 'action "" must not be empty'],
    [{ action: null }, 'action must not be null'],
    [{ acton: 'x' }, '"acton" is not a field of an entry: the nearest is action'],
    [{ corelation: 'x' }, 'the nearest is correlation_id'],
    [{ Message: 'x' }, 'the nearest is message'],
    [{ entityid: 'x' }, 'the nearest is entity_id'],
    [{ sources: 'x' }, 'the nearest is source'],
    [{ d: 'x' }, 'the nearest is id'],
    [{ us: 'x' }, 'the nearest is ts'],
    [{ oldvalues: 'x' }, 'the nearest is old_values'],
    [{ newvalues: 'x' }, 'the nearest is new_values'],
    [{ ['x'.repeat(1000)]: 'x' }, 'is not a field of an entry'],
    [JSON.parse('{"__proto__":1}') as Record<string, unknown>, '"__proto__" is not a field'],
    [{ constructor: 'x' }, '"constructor" is not a field'],
    [{ category: '' }, 'category "" must not be empty'],
    [{ actor: '' }, 'actor "" must not be empty'],
    [{ actor_type: '' }, 'actor_type "" must not be empty'],
    [{ actor: null }, 'actor must not be null'],
    [{ message: null }, 'message must not be null'],
    [{ severity: 'fatal' }, 'severity "fatal" is not one of info, warning, error'],
    [{ severity: 'Info' }, 'severity "Info" is not one of'],
    [{ id: '42' }, 'id "42" must not be empty nor all digits'],
    [{ id: '' }, 'id "" must not be empty'],
    [{ id: null }, 'id must not be null'],
    [{ ts: null }, 'ts must not be null'],
    [{ ts: '2026-02-30T00:00Z' }, 'ts "2026-02-30T00:00Z" does not exist in the calendar'],
    [{ ts: '2026-02-03' }, 'ts "2026-02-03" is not a full time'],
    [{ recorded_at: 'now' }, 'recorded_at "now" is not a full time'],
    [{ scope: 'tenant' }, 'scope "tenant" is not kind:id'],
    [{ scope: 'tenant:' }, 'scope "tenant:" is not kind:id'],
    [{ scope: ':42' }, 'scope ":42" is not kind:id'],
    [{ scope: ':4:2' }, 'scope ":4:2" is not kind:id'],
    [{ entity_type: '' }, 'entity_type "" must not be empty'],
    [{ entity_type: 'a:b' }, 'entity_type "a:b" must not hold a colon'],
    [{ entity_id: 5 }, 'entity_id 5 is not a text'],
    [{ entity_id: { a: 1 } }, 'entity_id an object is not a text'],
    [{ message: true }, 'message true is not a text'],
    [{ message: 'a\0b' }, 'message "a\\u0000b" holds NUL'],
    [{ actor_name: 'a\ud800' }, 'actor_name "a\\ud800" holds half of a surrogate pair'],
    [{ severity: `\u001b${'x'.repeat(100)}` }, `severity "\\u001b${'x'.repeat(59)}"… is not`],
  ];
  test.each(wrong)('refuses %.60j', (fields, reason) => {
    for (const kind of ['usage', 'data'] as const) {
      expect(() => validateEntry({ action: 'note', ...fields }, kind, texts)).toThrow(
        expect.objectContaining({ kind, message: expect.stringContaining(reason) }),
      );
    }
  });

  const wrongDocuments: [Record<string, unknown>, string][] = [
    [{ metadata: '[1]' }, 'metadata an array is not a JSON object'],
    [{ metadata: '1.50' }, 'metadata 1.50 is not a JSON object'],
    [{ metadata: '{' }, 'metadata not valid JSON'],
    [{ metadata: {} }, 'metadata an object is not JSON text'],
    [{ old_values: '"x"' }, 'old_values "x" is not a JSON object'],
    [{ new_values: 'null' }, 'new_values null is not a JSON object'],
    [{ changed_fields: '{}' }, 'changed_fields an object is not a JSON array of texts'],
    [{ changed_fields: '["a",1]' }, 'changed_fields an array is not a JSON array of texts'],
    [{ changed_fields: '[1]' }, 'changed_fields an array is not a JSON array of texts'],
  ];
  test.each(wrongDocuments)('refuses %j as bad data, wherever it comes from', (fields, reason) => {
    expect(() => validateEntry({ action: 'note', ...fields }, 'usage', texts)).toThrow(
      expect.objectContaining({ kind: 'data', message: expect.stringContaining(reason) }),
    );
  });

  test('values that are no JSON are refused', () => {
    const wrongValues: [unknown, string][] = [
      ['{}', 'metadata "{}" is not a JSON object'],
      [{ a: undefined }, 'metadata undefined is not a JSON value, at "a"'],
      [[], 'metadata an array is not'],
    ];
    for (const [metadata, reason] of wrongValues) {
      expect(() => validateEntry({ action: 'note', metadata }, 'data', values)).toThrow(reason);
    }
    expect(() => validateEntry({ action: 'note', metadata: null }, 'data', values)).toThrow(
      'metadata must not be null',
    );
  });

  test('what is broken elsewhere is not a wrong value', () => {
    const broken = {
      get a(): never {
        throw new TypeError('broken');
      },
    };
    expect(() => validateEntry({ action: 'note', metadata: broken }, 'data', values)).toThrow(TypeError);
  });
});

describe('parseLine', () => {
  const line = (fields: string): string => `{"action":"note"${fields}}`;

  test.each([
    ['', {}],
    [',"metadata":{}', {}],
    [',"metadata":{},"old_values":null,"new_values":null,"changed_fields":null', {}],
    [',"message":"a \\"b\\": \\u00e9 {\\"x\\": [1,2]}"', { message: 'a "b": é {"x": [1,2]}' }],
    [' , "message" : "x" ', { message: 'x' }],
    [',"metadata":{"n":1.50}', { metadata: '{"n":1.50}' }],
    [',"metadata":{"__proto__":12345678901234567890}', { metadata: '{"__proto__":12345678901234567890}' }],
    [',"old_values":{"a":1}', { old_values: '{"a":1}' }],
    [',"new_values":{"a":1.0}', { new_values: '{"a":1.0}' }],
    [',"changed_fields":["a"]', { changed_fields: '["a"]' }],
    [
      ',"old_values":{"a":1},"new_values":{"a":1.0}',
      { old_values: '{"a":1}', new_values: '{"a":1.0}', changed_fields: '["a"]' },
    ],
    [',"seq":99999999999999999999,"reverted_by":"x"', {}],
  ])('takes %s', (fields, expected) => {
    expect(parseLine(line(fields), { now: NOW }).entry).toEqual(newEntry({ action: 'note', ...expected }));
  });

  test.each([
    ['', 'not valid JSON'],
    ['{"action":"note"', 'not valid JSON'],
    ['[]', 'an array is not a JSON object'],
    ['"note"', '"note" is not a JSON object'],
    ['1.50', '1.50 is not a JSON object'],
    ['null', 'null is not a JSON object'],
    [line(',"action":"note"'), 'key "action" stands twice'],
    [line(',"\\u0061ction":"note"'), 'key "action" stands twice'],
    [line(',"metadata":{"a":1},"metadata":{}'), 'key "metadata" stands twice'],
    [line(',"metadata":{"a":1,"a":1}'), 'key "a" stands twice'],
    [line(',"message":"\\ud800"'), 'message "\\ud800" holds half of a surrogate pair'],
    [line(',"message":"a\\u0000"'), 'message "a\\u0000" holds NUL'],
    [line(',"metadata":{"a":"\\u0000"}'), 'holds NUL'],
    [line(',"message":{"a":1}'), 'message an object is not a text'],
    [line(`,"message":${'['.repeat(100_000)}${']'.repeat(100_000)}`), 'message an array is not a text'],
    [line(`,"metadata":${'{"a":'.repeat(1001)}1${'}'.repeat(1001)}`), 'nested deeper than 1000 levels'],
    [line(',"metadata":null'), 'metadata must not be null'],
    [line(',"metadata":[]'), 'metadata an array is not a JSON object'],
    [line(',"metadata":"{}"'), 'metadata "{}" is not a JSON object'],
    [line(',"metadata":5'), 'metadata 5 is not a JSON object'],
    [line(',"__proto__":1'), '"__proto__" is not a field'],
    [line(',"changed_fields":[1]'), 'changed_fields an array is not'],
    ['{}', 'action is missing'],
  ])('refuses %.60j', (text, reason) => {
    expect(() => parseLine(text, { now: NOW })).toThrow(
      expect.objectContaining({ kind: 'data', message: expect.stringContaining(reason) }),
    );
  });

  test('a document may be as deep alone as in a line', () => {
    const deepest = `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`;
    expect(parseLine(line(`,"metadata":${deepest}`), { now: NOW }).entry.metadata).toBe(deepest);
  });

  test('the defaults of the caller are for what a line leaves out', () => {
    const defaults = { actor: 'anna', actor_type: 'user' };
    expect(parseLine(line(',"actor":"bob"'), { now: NOW, defaults }).entry).toMatchObject({
      actor: 'bob',
      actor_type: 'user',
    });
  });

  test('reads a line as validateEntry reads its texts, in one way or the other', () => {
    const good = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !text.includes('\0'));
    const metadata = fc.oneof(
      fc.constant('{}'),
      fc.constant('{"n":1.50,"s":"\\"a\\":"}'),
      fc.constant('{ "l": [ {} ] }'),
    );
    fc.assert(
      fc.property(good, good, good, metadata, (action, message, actor, document) => {
        const fields = { action, message, actor };
        const text = `${JSON.stringify(fields).slice(0, -1)},"metadata":${document}}`;
        expect(parseLine(text, { now: NOW })).toEqual(validateEntry({ ...fields, metadata: document }, 'data', texts));
      }),
    );
  });
});

test.each([
  [{ action: 'login', severity: 'fatal' }, 'severity', 'fatal'],
  [{ action: 'login', actor: null }, 'actor', null],
  [{ action: 'login', entity_id: 7 }, 'entity_id', 7],
  [{ action: 'login', ts: '2026-01-01' }, 'ts', '2026-01-01'],
  [{ action: 'login', metadata: 'ip' }, 'metadata', 'ip'],
  [{ action: 'login', actorr: 'anna' }, 'actorr', 'anna'],
  [{}, 'action', undefined],
])('an error of %o says which field is wrong, and its value', (fields, field, value) => {
  expect(() => validateEntry(fields, 'data', { documents: 'values', now: 0 })).toThrow(
    expect.objectContaining({ kind: 'data', field, value }),
  );
});
