import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { cli, ok, trail } from '../support/cli.js';
import { djangoAuditlog, fixture, historyJson, lnbitsAudit } from '../support/sources.js';
import { imported, importedText, importOf, imports, movesIn, staysTheSame } from './imported.js';
import type { ImportedFields } from './imported.js';

/** The entry that came of a record, by the end of its id. */
function entryIn(entries: readonly ImportedFields[], end: string): ImportedFields | undefined {
  return entries.find(({ id }) => id.endsWith(`:${end}`));
}

describe('supa-audit', () => {
  const VERSIONS = fixture('relatives/supa-audit/record_version.csv');

  test('has the rows by their own ids, and their record ids in metadata', async () => {
    const found = await movesIn('supa-audit', VERSIONS);
    expect(entryIn(found, '3')).toMatchObject({
      ts: '2026-03-01T08:00:00.123Z',
      action: 'update',
      actor: 'unknown',
      actor_type: 'unknown',
      entity_type: 'accounts',
      entity_id: '1',
      message: 'name, tags of accounts 1 changed',
      metadata: { record_id: 'a9d89d79-63a2-ee2f-1b92-f73c2dfb73a0', table_oid: '16385', table_schema: 'public' },
      old_values: { name: 'Ada', tags: [] },
      new_values: { name: 'Ada L.', tags: ['vip'] },
      changed_fields: ['name', 'tags'],
    });
    expect(entryIn(found, '5')).toMatchObject({ message: 'nothing of accounts 1 changed', changed_fields: [] });
    expect(await importedText('supa-audit')).toContain('"balance":99999999999999999.99');
    expect(entryIn(found, '6')).toMatchObject({ entity_id: '9007199254740993', action: 'create', old_values: null });
    expect(entryIn(found, '9')).toMatchObject({ entity_id: '20', action: 'delete', new_values: null });
  });

  test('has a changed key as what went and what came', async () => {
    const found = await movesIn('supa-audit', VERSIONS);
    const two = found.filter(({ ts }) => ts === '2026-03-02T08:00:00.500Z');
    expect(two.map(({ id, action, entity_id: entity, message }) => [id, action, entity, message])).toEqual([
      ['supa-audit:4', 'delete', '2', 'accounts 2 became 20'],
      ['supa-audit:4:key', 'create', '20', 'accounts 20 was 2'],
    ]);
  });

  test('has a TRUNCATE, which tells of no row', async () => {
    const found = await movesIn('supa-audit', VERSIONS);
    expect(entryIn(found, '8')).toMatchObject({
      action: 'truncate',
      entity_type: 'sessions',
      entity_id: null,
      message: 'sessions emptied',
      old_values: null,
      new_values: null,
    });
  });

  const VERSION = {
    id: 1,
    record_id: 'b7d89d79-63a2-ee2f-1b92-f73c2dfb73a0',
    old_record_id: null,
    op: 'INSERT',
    ts: '2026-03-01T08:00:00+00:00',
    table_oid: '1',
    table_schema: 'shop',
    table_name: 'carts',
    record: { user: 1, item: 2 },
    old_record: null,
  };

  test('has a row without id by its record id, unless --key names its columns', async () => {
    await importOf('supa-audit', [VERSION]);
    await importOf('supa-audit', [VERSION], '--source', 'keyed', '--key', 'shop.carts(user, item)');
    const [[plain], [keyed]] = [await imported('supa-audit'), await imported('keyed')];
    expect(plain).toMatchObject({ entity_type: 'shop.carts', entity_id: VERSION.record_id });
    expect(keyed).toMatchObject({ entity_type: 'shop.carts', entity_id: '[1,2]' });
  });

  test('knows who acted within Supabase', async () => {
    const user = '0b0e1c52-7d7c-4c6e-9d2b-3f0e6a1f9a10';
    await importOf('supa-audit', [{ ...VERSION, auth_uid: user, auth_role: 'authenticated' }]);
    expect(await imported('supa-audit')).toMatchObject([
      { actor: user, actor_type: 'user', metadata: { auth_role: 'authenticated' } },
    ]);
  });

  test.each([
    [{ op: 'MERGE' }, 'op "MERGE" is not one of INSERT, UPDATE, DELETE, TRUNCATE'],
    [{ record: 'x' }, 'record not valid JSON'],
    [{ table_name: null }, 'table_name is missing'],
  ])('rejects %j', async (columns, reason) => {
    const { code, stderr } = await importOf('supa-audit', [{ ...VERSION, ...columns }]);
    expect([code, stderr]).toEqual([6, expect.stringContaining(`line 1: ${reason}`)]);
  });
});

describe('postgresql-audit', () => {
  const JOINED = fixture('relatives/postgresql-audit/joined.csv');
  const UTC = ['--assume-tz', 'UTC'];

  test('has the row after a change: what was there, and what changed', async () => {
    const found = await movesIn('postgresql-audit', JOINED, ...UTC);
    expect(entryIn(found, '2')).toMatchObject({
      ts: '2026-04-01T11:30:00.000Z',
      action: 'update',
      actor: '7',
      actor_type: 'user',
      entity_id: '9007199254740993',
      changed_fields: ['name', 'views'],
      correlation_id: 'postgresql-audit:2',
      metadata: { client_addr: '2001:db8::7', schema_name: 'public', relid: '16397', native_transaction_id: '749' },
    });
    const lines = (await importedText('postgresql-audit')).split('\n');
    expect(lines.find((line) => line.includes('"postgresql-audit:3"'))).toContain(
      '"new_values":{"id":9007199254740993,"body":null,"name":"Premier – relu","views":9223372036854775807}',
    );
    expect(entryIn(found, '1')).toMatchObject({ action: 'create', old_values: null, changed_fields: null });
    expect(entryIn(found, '5')).toMatchObject({ action: 'delete', new_values: null, old_values: { body: null } });
  });

  test('has nobody where the transaction has none, and without a transaction', async () => {
    const found = await movesIn('postgresql-audit', JOINED, ...UTC);
    expect(entryIn(found, '3')).toMatchObject({
      actor: 'unknown',
      actor_type: 'unknown',
      correlation_id: 'postgresql-audit:4',
    });
    expect(entryIn(found, '4')).toMatchObject({ actor: 'unknown', actor_type: 'unknown', correlation_id: null });
    expect(entryIn(found, '6')).toMatchObject({ actor: 'admin@example.com', correlation_id: 'postgresql-audit:5' });
  });

  test('asks for the zone of its times', async () => {
    const { code, stderr } = await cli(['import', 'postgresql-audit', JOINED]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('issued_at "2026-04-01 10:00:00.000001" has no offset'),
    ]);
    await imports('postgresql-audit', JOINED, '--assume-tz', 'Asia/Tokyo');
    expect((await imported('postgresql-audit'))[0]?.ts).toBe('2026-04-01T01:00:00.000Z');
  });

  test('is read without its transactions too: who acted is then not known', async () => {
    const activity = fixture('relatives/postgresql-audit/activity.csv');
    const found = await movesIn('postgresql-audit', activity, ...UTC);
    expect(new Set(found.map(({ actor }) => actor))).toEqual(new Set(['unknown']));
  });
});

describe('django-auditlog', () => {
  const JOINED = fixture('relatives/django-auditlog/joined.csv');

  test('has old and new values of each field, as the texts that Django writes', async () => {
    const found = await movesIn('django-auditlog', JOINED);
    expect(entryIn(found, '2')).toMatchObject({
      action: 'update',
      actor: '1',
      actor_type: 'user',
      actor_name: 'ines',
      entity_type: 'shop.product',
      entity_id: '12',
      entity_name: 'Lamp “Luna”',
      message: 'price, active of shop.product 12 changed',
      metadata: {
        remote_addr: '192.0.2.44',
        remote_port: '50123',
        actor_email: 'ines@example.com',
        content_type_id: '7',
      },
      old_values: { price: '19.90', active: 'True' },
      new_values: { price: '17.50', active: 'False' },
      changed_fields: ['price', 'active'],
      correlation_id: 'req-2',
    });
    // A new object was nothing before, and a deleted one is nothing now.
    expect(entryIn(found, '1')).toMatchObject({ action: 'create', old_values: null, new_values: { price: '19.90' } });
    expect(entryIn(found, '8')).toMatchObject({ action: 'delete', old_values: { status: 'paid' }, new_values: null });
  });

  test('has many-to-many changes as they are, also as JSON within JSON', async () => {
    const found = await movesIn('django-auditlog', JOINED);
    const added = { tags: { type: 'm2m', operation: 'add', objects: ['sale', 'été'] } };
    expect(entryIn(found, '3')).toMatchObject({ changed_fields: ['tags'], old_values: null, new_values: null });
    expect(entryIn(found, '3')?.metadata['changes']).toEqual(added);
    expect(entryIn(found, '5')?.metadata['changes']).toEqual({
      items: { type: 'm2m', operation: 'delete', objects: ['Lamp “Luna”'] },
    });
    expect(await ok(['count', '--meta', 'changes.tags.operation=add'])).toBe('1\n');
  });

  test('has an access, the text of old rows, and additional data', async () => {
    const found = await movesIn('django-auditlog', JOINED);
    expect(entryIn(found, '6')).toMatchObject({ action: 'access', actor: 'gone@example.com', changed_fields: null });
    expect(entryIn(found, '7')).toMatchObject({ old_values: { name: 'Lamp' }, changed_fields: ['name'] });
    expect(await importedText('django-auditlog')).toContain('"additional_data":{"nested":{"ids":[9007199254740992]},');
  });

  test('finds models and users in its SQLite database, and without them says the number', async () => {
    const file = djangoAuditlog(path.dirname(await trail()));
    await imports('django-auditlog', file, '--assume-tz', 'UTC');
    await staysTheSame('django-auditlog', JOINED, 8);
    await imports('django-auditlog', fixture('relatives/django-auditlog/auditlog_logentry.csv'), '--source', 'alone');
    const alone = await imported('alone');
    expect(entryIn(alone, '2')).toMatchObject({ entity_type: 'content_type.7', actor: '1', actor_name: null });
  });

  const LINE = { id: 1, object_pk: '5', object_repr: 'x', action: 1, changes: null, timestamp: '2026-03-01T08:00:00Z' };

  test('keeps a text that is no JSON, and counts it', async () => {
    const line = { ...LINE, content_type_id: 7, changes_text: 'name: a → b' };
    const { code, stdout } = await importOf('django-auditlog', [line], '--format', 'json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { recorded: 1, unmatched: 1 }]);
    expect(await imported('django-auditlog')).toMatchObject([
      { message: 'content_type.7 5 changed', metadata: { changes_text: 'name: a → b' }, changed_fields: null },
    ]);
  });

  test('keeps "None" in an update: it may be a text', async () => {
    const line = { ...LINE, content_type_id: 7, changes: { name: ['None', 'b'], rank: [1, null] } };
    await importOf('django-auditlog', [line]);
    expect(await imported('django-auditlog')).toMatchObject([
      { old_values: { name: 'None', rank: 1 }, new_values: { name: 'b', rank: null } },
    ]);
  });

  test('drops nothing that a new object was before, nor a number that is not the key', async () => {
    const changes = { name: ['None', 'b'], rank: ['1', '2'] };
    await importOf('django-auditlog', [{ ...LINE, content_type_id: 7, action: 0, changes, object_id: 6 }]);
    expect(await imported('django-auditlog')).toMatchObject([
      { action: 'create', old_values: { name: 'None', rank: '1' }, metadata: { object_id: '6' } },
    ]);
    await importOf('django-auditlog', [{ ...LINE, content_type_id: 7, object_id: 5 }], '--source', 'same');
    expect((await imported('same'))[0]?.metadata).toEqual({ content_type_id: '7' });
  });

  test.each([
    [{ action: 4 }, 'action "4" is not one of 0, 1, 2, 3'],
    [{ changes: [1] }, 'changes an array is not a JSON object'],
    [{ changes: 'torn {' }, 'changes "torn {" is not a JSON object'],
    [{ object_pk: '' }, 'object_pk is missing'],
    [{ content_type_id: null }, 'content_type_id is missing'],
  ])('rejects %j', async (columns, reason) => {
    const { code, stderr } = await importOf('django-auditlog', [{ ...LINE, content_type_id: 7, ...columns }]);
    expect([code, stderr]).toEqual([6, expect.stringContaining(`line 1: ${reason}`)]);
  });
});

describe('sqlite-history-json', () => {
  const ITEMS = ['--table', '_history_json_items'];

  async function history(): Promise<string> {
    return historyJson(path.dirname(await trail()));
  }

  test('has the new values that it keeps, and the whole row where it begins', async () => {
    const found = await movesIn('sqlite-history-json', await history(), ...ITEMS);
    expect(entryIn(found, 'items:2')).toMatchObject({
      ts: '2026-02-08T13:41:35.001Z',
      action: 'create',
      actor: 'unknown',
      entity_type: 'items',
      entity_id: '2',
      message: 'items 2 created',
      old_values: null,
      new_values: { id: 2, name: 'Gadgét', photo: { $blob: '00ff10' } },
    });
    expect(await importedText('sqlite-history-json')).toContain('"quantity":9007199254740993');
    expect(entryIn(found, 'items:5')).toMatchObject({
      action: 'update',
      old_values: null,
      new_values: { name: null, photo: { $blob: 'cafe' } },
      changed_fields: ['name', 'photo'],
    });
    expect(entryIn(found, 'items:6')).toMatchObject({ changed_fields: [], message: 'nothing of items 2 changed' });
    expect(entryIn(found, 'items:7')).toMatchObject({ action: 'delete', old_values: null, new_values: null });
  });

  test('has groups as correlation, with their notes', async () => {
    const found = await movesIn('sqlite-history-json', await history(), ...ITEMS);
    const grouped = found.filter(({ correlation_id: id }) => id === 'sqlite-history-json:1');
    expect(grouped.map(({ metadata }) => metadata)).toEqual([
      { reason: 'bulk import from the warehouse' },
      { reason: 'bulk import from the warehouse' },
    ]);
    expect(entryIn(found, 'items:7')).toMatchObject({ correlation_id: 'sqlite-history-json:2', metadata: {} });
  });

  test('has the second table of one source beside the first, by keys of several columns, and without groups', async () => {
    const file = await history();
    await imports('sqlite-history-json', file, ...ITEMS);
    await imports('sqlite-history-json', file, '--table', '_history_json_memberships', '--entity-type', 'member');
    const found = await imported('sqlite-history-json');
    expect(found).toHaveLength(12);
    expect(entryIn(found, 'memberships:2')).toMatchObject({
      entity_type: 'member',
      entity_id: '["g1",81384788765712384]',
      new_values: { nick: null },
      correlation_id: null,
    });
    expect(await importedText('sqlite-history-json')).toContain(
      '"new_values":{"guild":"g1","member":81384788765712384,',
    );
  });

  test('asks for a history', async () => {
    const file = await history();
    const missing = await cli(['import', 'sqlite-history-json', file]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('--table is missing')]);
    const { code, stderr } = await cli(['import', 'sqlite-history-json', file, '--table', 'items']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(' --table _history_json_items\n')]);
  });
});

describe('sources that forget who it was, as their foreign keys do', () => {
  const UTC = ['--assume-tz', 'UTC'];

  test.each([
    ['django-auditlog', 'relatives/django-auditlog/auditlog_logentry.ndjson', ['actor_id'], UTC],
    [
      'postgresql-audit',
      'relatives/postgresql-audit/joined.ndjson',
      ['actor_id', 'client_addr', 'transaction_id'],
      UTC,
    ],
    ['audit-logs', 'proconnect/audit_logs.ndjson', ['user_id', 'actor_email'], []],
  ])('%s is imported again without a conflict', async (format, file, columns, options) => {
    const { recorded } = await imports(format, fixture(file), ...options);
    const before = await importedText(format);
    // As text, which keeps every digit; keys within documents have a blank behind their colon.
    const value = new RegExp(`"(${columns.join('|')})":(?:"[^"]*"|[^", ][^",]*)(?=[,}])`, 'g');
    const emptied = readFileSync(fixture(file), 'utf8').trim().replaceAll(value, '"$1":null').split('\n');
    const again = await importOf(format, emptied, '--format', 'json', ...options);
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { recorded: 0, skipped: recorded, rejected: 0 }]);
    expect((JSON.parse(again.stdout) as { forgotten: number }).forgotten).toBeGreaterThan(0);
    expect((await importOf(format, emptied, '--verify', ...options)).code).toBe(0);
    expect(await importedText(format)).toBe(before);
  });
});

describe('logged-actions', () => {
  const FILE = fixture('logged-actions/logged_actions.csv');

  test('become what capture would have made of them', async () => {
    const found = await movesIn('logged-actions', FILE);
    expect(found).toMatchObject([
      {
        id: 'logged-actions:1',
        ts: '2026-03-01T08:00:00.123Z',
        action: 'create',
        actor: 'app',
        actor_type: 'user',
        entity_type: 'users',
        entity_id: '1',
        new_values: { id: '1', name: 'Ada', note: null },
        correlation_id: 'logged-actions:771',
        metadata: { client_addr: '192.0.2.7', client_query: "INSERT INTO users VALUES (1, 'Ada')" },
      },
      {
        action: 'update',
        old_values: { name: 'Ada', note: null },
        new_values: { id: '1', name: 'Ada "L", x => y', note: 'c:\\d' },
        changed_fields: ['name', 'note'],
      },
      { id: 'logged-actions:3', action: 'delete', entity_id: '1', metadata: { key_changed_to: '9' } },
      { id: 'logged-actions:3:key', action: 'create', entity_id: '9', metadata: { key_changed_from: '1' } },
      { action: 'delete', entity_type: 'shop.carts', entity_id: '5', old_values: { été: 'oui' }, new_values: null },
      { action: 'truncate', entity_type: 'shop.carts', entity_id: null, actor: 'ops' },
    ]);
  });

  const LINE = {
    event_id: 7,
    schema_name: 'public',
    table_name: 'users',
    action_tstamp_tx: '2026-03-01 08:00:00+00',
    action: 'I',
    row_data: { id: '1', name: null } as unknown,
    changed_fields: null,
  };

  test('take hstore as JSON too, and an update without a row', async () => {
    await importOf('logged-actions', [LINE, { ...LINE, event_id: 8, action: 'U', row_data: null }]);
    expect(await imported('logged-actions')).toMatchObject([
      { entity_id: '1', new_values: { id: '1', name: null }, actor: 'unknown' },
      { action: 'update', old_values: null, new_values: null },
    ]);
  });

  test.each([
    ['"id"=>"1",', 'is not hstore'],
    ['"id"=>1', 'is not hstore'],
    ['id', 'is not hstore'],
    ['{"id":1}', 'is not hstore'],
    ['{"id"', 'not valid JSON'],
  ])('reject the row %j', async (text, reason) => {
    const { code, stderr } = await importOf('logged-actions', [{ ...LINE, row_data: text }]);
    expect([code, stderr]).toEqual([6, expect.stringContaining(reason)]);
  });
});

describe('lnbits-audit', () => {
  test('says who asked for what, and how it ended', async () => {
    const found = await movesIn('lnbits-audit', lnbitsAudit(path.dirname(await trail())));
    const user = '3be5aa2a737df78329ecf9852a01a988';
    expect(found.map(({ action, actor, entity_id: at, message }) => [action, actor, at, message])).toEqual([
      ['get', user, '/api/v1/wallet', 'GET /api/v1/wallet 200'],
      ['put', user, '/satmachineadmin/api/v1/settlements/42', 'PUT /satmachineadmin/api/v1/settlements/42 200'],
      ['post', 'unknown', '/api/v1/auth', 'POST /api/v1/auth 401'],
      ['post', user, '/api/v1/payments', 'POST /api/v1/payments 500'],
      ['get', 'unknown', '/', 'GET /'],
    ]);
    expect(found.find(({ action }) => action === 'put')?.metadata).toMatchObject({
      component: 'satmachineadmin',
      request_details: { body: { gross: 900 } },
    });
    expect(await ok(['count', '--severity', 'error', '--category', 'request'])).toBe('1\n');
    expect(await ok(['count', '--severity', 'warning', '--category', 'request'])).toBe('1\n');
  });

  const ROW = { created_at: 1772364000, path: '/a', request_method: 'GET', response_code: '200', duration: 0.5 };

  test('adds what is new where old rows have expired and others moved', async () => {
    const rows = Array.from([1, 2, 3], (second) => ({ ...ROW, created_at: ROW.created_at + second }));
    await importOf('lnbits-audit', rows.slice(0, 2));
    const again = await importOf('lnbits-audit', rows.slice(1).toReversed(), '--format', 'json');
    expect(JSON.parse(again.stdout)).toMatchObject({ recorded: 1, skipped: 1, rejected: 0 });
    expect(await imported('lnbits-audit')).toHaveLength(3);
  });
});
