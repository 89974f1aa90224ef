import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ImportedEntry, SourceValue } from '../../src/core/import.js';
import { parseDocument } from '../../src/core/json.js';
import { anyCsv, anyNdjson } from '../../src/importers/any-keys.js';
import { severityOf } from '../../src/importers/severities.js';

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
      id: ':shop:7',
      // As an earlier version named it.
      earlier: [{ id: 'shop:7' }],
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
    expect(row({ ts: TS, action: 'a' }).id).toBe(':shop:7');
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

  test('of several ways the first counts that leads to something', () => {
    const map = 'actor=user.name|user.id|"nobody"';
    const actors = ['{"name":"eve","id":7}', '{"name":"","id":7}', '{"name":null,"id":7}', '{}', 'null'].map(
      (user) => line(`{"ts":"${TS}","action":"a","user":${user}}`, map).fields.actor,
    );
    expect(actors).toEqual(['eve', '7', '7', 'nobody', 'nobody']);
    expect(row({ ts: TS, action: 'a', uid: '7' }, 'actor=user|uid').fields.actor).toBe('7');
  });

  test('texts are put together, and nothing comes of a part that is nothing', () => {
    const map = ['scope="org:"+org.login', 'entity_id=ns+"/"+name|name'];
    expect(line(`{"ts":"${TS}","action":"a","org":{"login":"acme"},"ns":"a|b","name":"x+y"}`, ...map).fields).toEqual({
      action: 'a',
      scope: 'org:acme',
      entity_id: 'a|b/x+y',
      metadata: '{"org":{"login":"acme"},"ns":"a|b","name":"x+y"}',
    });
    const without = line(`{"ts":"${TS}","action":"a","org":{},"ns":"","name":"x"}`, ...map).fields;
    expect([without.scope, without.entity_id]).toEqual([undefined, 'x']);
  });

  test('a key may hold the signs that maps have', () => {
    const values = { ts: TS, action: 'a', 'a+b': '1', 'c|d': '2' };
    expect(row(values, 'actor=a+b', 'message=c|d').fields).toMatchObject({ actor: '1', message: '2' });
  });

  test.each(['actor=a|', 'actor=|a', 'actor=a+', 'actor=a||b', 'actor="x"+', 'actor=a"b"'])(
    '--map %s is wrong',
    (map) => {
      expect(() => anyCsv.reader({ ...SETTINGS, map: [map] })).toThrow(expect.objectContaining({ kind: 'usage' }));
    },
  );

  test('a member of a list of keys and values is found by its key, as OpenTelemetry has them', () => {
    const attributes =
      '[{"key":"user.id","value":{"stringValue":"eve"}},{"key":"n","value":{"intValue":"7"}},{"key":"p","value":1}]';
    const record = `{"ts":"${TS}","action":"a","attributes":${attributes}}`;
    const map = ['actor=attributes.user.id', 'entity_id=attributes.n', 'message=attributes.p'];
    expect(line(record, ...map).fields).toMatchObject({ actor: 'eve', entity_id: '7', message: '1' });
  });

  test('a text in bytes, as journald has it, is a text', () => {
    expect(line(`{"ts":"${TS}","action":"a","message":[104,195,169,10]}`).fields.message).toBe('h\u00e9\n');
    expect(line(`{"ts":"${TS}","action":"a","message":[104,233]}`).fields.message).toBe('h\u00e9');
    expect(() => line(`{"ts":"${TS}","action":"a","message":[256]}`)).toThrow('is not a text');
  });

  test('a map that leads nowhere in every record is told at the end, and none that leads somewhere in one', () => {
    const reader = anyNdjson.reader({ ...SETTINGS, map: ['actor=usr', 'message=note', 'scope=x|"a:b"'] });
    reader({ position: 'line 1', values: { ts: TS, action: 'a', user: 'eve' } });
    expect(() => reader.ended?.()).toThrow(
      '--map "actor=usr" leads nowhere in any record: the first has ts, action, user',
    );
    reader({ position: 'line 2', values: { ts: TS, action: 'a', usr: null } });
    expect(() => reader.ended?.()).toThrow('--map "message=note"');
    reader({ position: 'line 3', values: { ts: TS, action: 'a', note: 'x' } });
    expect(() => reader.ended?.()).not.toThrow();
    expect(() => anyNdjson.reader({ ...SETTINGS, map: ['actor=usr'] }).ended?.()).not.toThrow();
  });
});

describe('ids of records with any keys', () => {
  const idOf = (values: Record<string, SourceValue>, settings: object = {}, key?: readonly SourceValue[]) => {
    const [entry] = anyNdjson.reader({ ...SETTINGS, ...settings })({
      position: 'line 7',
      values: { ts: TS, action: 'a', ...values },
      ...(key && { key }),
    });
    return entry as ImportedEntry;
  };

  test('a made-up one has a form that no given id can have', () => {
    const taken = new Set([idOf({}).id, idOf({ x: '1' }, { idFrom: 'content' }).id]);
    expect([...taken].every((id) => id.startsWith(':shop:'))).toBe(true);
    const text = fc.oneof(fc.string(), fc.constantFrom('7', ':7', ':shop:7', 'shop:7', ...taken));
    const source = fc.oneof(fc.string({ minLength: 1 }), fc.constant('shop')).filter((name) => !name.startsWith(':'));
    fc.assert(
      fc.property(text, source, fc.boolean(), (id, name, isNamed) => {
        if (id === '') return;
        expect(idOf({ id }, { source: name, isNamed }).id.startsWith(':')).toBe(false);
        expect(idOf({ x: id }, { source: name, isNamed, idFrom: 'x' }).id.startsWith(':')).toBe(false);
        expect(idOf({ x: id, y: id }, { source: name, isNamed, idFrom: 'x,y' }).id.startsWith(':')).toBe(false);
      }),
    );
  });

  test('the id that an earlier version made up is not taken for one that the source gives', () => {
    const reader = anyNdjson.reader({ ...SETTINGS, source: 'm3' });
    reader({ position: 'line 1', values: { ts: TS, action: 'a', id: '2' } });
    expect([reader.isGiven?.('m3:2'), reader.isGiven?.('m3:3'), reader.isGiven?.('other:2')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('come from the keys that are named, one or several', () => {
    expect(idOf({ auditID: 'x' }, { idFrom: 'auditID' }).id).toBe('shop:x');
    expect(idOf({ a: { b: 'x' }, stage: 's', n: 7n }, { idFrom: 'a.b, stage,n' }).id).toBe('shop:["x","s","7"]');
    const uuid = '0195c0de-0000-7000-8000-000000000001';
    expect(idOf({ eventID: uuid }, { idFrom: 'eventID' }).id).toBe(uuid);
    // Its own is kept then, as everything that is no field.
    expect(idOf({ id: '7', k: 'x' }, { idFrom: 'k' }).fields.metadata).toBe('{"id":"7","k":"x"}');
    expect(idOf({ id: '7' }, { idFrom: 'id' }).fields.metadata).toBe('{}');
  });

  test('that cannot be made are told', () => {
    expect(() => idOf({ a: '' }, { idFrom: 'a' })).toThrow('a is missing: --id-from takes the id from it');
    expect(() => idOf({}, { idFrom: 'a,' })).toThrow(expect.objectContaining({ kind: 'usage' }));
    expect(() => idOf({ a: '1' }, { idFrom: 'a', map: ['id=a'] })).toThrow(expect.objectContaining({ kind: 'usage' }));
    const rows = anyCsv.reader({ ...SETTINGS, idFrom: 'b' });
    expect(() => rows({ position: 'line 2', values: { a: '1' } })).toThrow('--id-from "b": the columns are a');
  });

  test('of the content are the same wherever the record stands, and in whatever order its keys do', () => {
    const one = idOf({ a: '1', b: '2' }, { idFrom: 'content' });
    expect(idOf({ b: '2', a: '1' }, { idFrom: 'content' }).id).toBe(one.id);
    expect(idOf({ a: '1', b: '3' }, { idFrom: 'content' }).id).not.toBe(one.id);
    expect(one.mayRepeat).toBe(true);
  });

  test('of rows of a table are their keys, below the table', () => {
    const settings = { table: 't' };
    expect(idOf({}, settings, [7n]).id).toBe('shop:t:7');
    expect(idOf({}, settings, ['a', 7n]).id).toBe('shop:t:["a","7"]');
    expect(idOf({ id: '9' }, settings, [7n]).id).toBe('shop:t:9');
  });

  test('with a name for the source, only what is unique in the world stays bare', () => {
    const uuid = '0195c0de-0000-7000-8000-000000000001';
    const ulid = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
    expect(idOf({ id: uuid }).id).toBe(uuid);
    expect(idOf({ id: ulid }).id).toBe(`shop:${ulid}`);
    expect(idOf({ id: uuid }, { isNamed: true })).toMatchObject({ id: uuid });
    expect(idOf({ id: ulid }, { isNamed: true })).toMatchObject({ id: ulid, earlier: [{ id: `shop:${ulid}` }] });
  });
});

describe('severities of other systems', () => {
  test.each([
    ['emerg alert crit err error ERROR fatal FATAL panic PANIC severe critical 0 1 2 3 50 60 17 24 200 40000', 'error'],
    ['warn WARN warning Warning 4 40 13 16 300 30000 WARN3', 'warning'],
    ['notice info INFO debug DEBUG2 trace LOG informational 5 6 7 10 20 30 8 9 12 400 600 20000 TRACE4', 'info'],
  ])('%s are %s', (words, severity) => {
    for (const word of words.split(' ')) {
      expect([word, severityOf(word, 'level')]).toEqual([word, severity]);
    }
  });

  test("OpenTelemetry's numbers are read by the name of their key", () => {
    const severities = [1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24].map((number) =>
      severityOf(String(number), 'severityNumber'),
    );
    expect(severities.join(' ')).toBe('info info info info info info warning warning error error error error');
    expect(() => severityOf('30', 'SeverityNumber')).toThrow(expect.objectContaining({ kind: 'data' }));
  });

  test.each(['', 'bad', '-1', '70', '3.5', '1e1', '99999'])('%j is none', (word) => {
    expect(() => severityOf(word, 'level')).toThrow('is no severity');
  });

  test('what was written stays where it said more', () => {
    expect(line(`{"ts":"${TS}","action":"a","level":60}`, 'severity=level').fields).toEqual({
      action: 'a',
      severity: 'error',
      metadata: '{"level":60}',
    });
    expect(line(`{"ts":"${TS}","action":"a","severity":"warning"}`).fields).toMatchObject({ metadata: '{}' });
  });
});
