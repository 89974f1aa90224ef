import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, json, ok } from '../support/cli.js';
import { factsOf, fixture } from '../support/sources.js';
import { imported, importedText, importOf, imports, movesIn } from './imported.js';
import type { ImportedFields } from './imported.js';

const CSV = fixture('proconnect/audit_logs.csv');
const facts = factsOf('proconnect');

/** The serial numbers of entries. */
function numbers(entries: readonly ImportedFields[]): number[] {
  return entries.map(({ id }) => Number(id.replace('audit-logs:', '')));
}

/** A row as a line, with these columns. */
function row(columns: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    id: 1,
    table_name: 'users',
    record_id: 7,
    action: 'UPDATE',
    old_values: { id: 7, name: 'a' },
    new_values: { id: 7, name: 'b' },
    changed_fields: ['name'],
    user_id: null,
    actor_email: 'a@example.com',
    actor_type: 'user',
    migration_name: null,
    created_at: '2026-03-01T00:00:00+00:00',
    ...columns,
  };
}

async function entryOf(columns: Readonly<Record<string, unknown>>, ...options: string[]): Promise<ImportedFields> {
  const { code, stderr } = await importOf('audit-logs', [row(columns)], ...options);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const [entry] = await imported('audit-logs');
  if (entry === undefined) throw new Error('nothing was imported');
  return entry;
}

describe('rows', () => {
  test('become what capture would have made of them', async () => {
    const found = await movesIn('audit-logs', CSV);
    const counts: Record<string, number> = {};
    const words: Readonly<Record<string, string>> = { create: 'INSERT', update: 'UPDATE', delete: 'DELETE' };
    for (const { entity_type: type, action } of found) {
      const key = `${type ?? ''} ${words[action] ?? action}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    expect(counts).toEqual(facts.by_table_and_action);
    expect(found[1]).toMatchObject({
      id: 'audit-logs:2',
      ts: '2026-09-01T07:31:12.500Z',
      action: 'update',
      actor: 'claire@mairie.example',
      actor_type: 'user',
      entity_type: 'users',
      entity_id: '1',
      message: 'given_name, updated_at, family_name, email_verified of users 1 changed',
      metadata: { user_id: '1' },
      old_values: { id: 1, given_name: null },
      new_values: { id: 1, given_name: 'Claire', family_name: 'Moreau' },
      changed_fields: ['given_name', 'updated_at', 'family_name', 'email_verified'],
      correlation_id: null,
      source: 'audit-logs',
    });
    expect(found[0]).toMatchObject({ action: 'create', old_values: null, changed_fields: null });
    expect(found.filter(({ action }) => action === 'delete').map(({ new_values }) => new_values)).toEqual([
      null,
      null,
      null,
    ]);
  });

  test('keep their order within a transaction', async () => {
    const found = await movesIn('audit-logs', CSV);
    const [first = 0] = facts.in_one_transaction;
    const ts = found.find(({ id }) => id === `audit-logs:${first}`)?.ts;
    expect(numbers(found.filter((entry) => entry.ts === ts))).toEqual(facts.in_one_transaction);
  });

  test('keep the names of changed fields as they are, in both notations', async () => {
    for (const file of [CSV, fixture('proconnect/audit_logs.ndjson')]) {
      await imports('audit-logs', file, '--source', file.endsWith('csv') ? 'c' : 'n');
    }
    for (const source of ['c', 'n']) {
      const found = await imported(source);
      const changed = (id: number) => found.find((entry) => entry.id === `${source}:${id}`)?.changed_fields;
      expect([changed(24), changed(18), changed(17)]).toEqual([
        ['odd "name"', 'with,comma', 'NULL', '', 'back\\slash', 'été'],
        [],
        ['updated_at'],
      ]);
    }
  });

  test('have their changed fields computed where the table does not say', async () => {
    expect(await entryOf({ changed_fields: null })).toMatchObject({ changed_fields: ['name'] });
  });

  test('keep what other columns hold, and every digit', async () => {
    await entryOf({ ip: '192.0.2.1', tags: ['a'], empty: '', old_values: null });
    const text = readFileSync(CSV, 'utf8')
      .split('\n')
      .slice(0, 2)
      .join('\n')
      .replace('""id"": 1', '""id"": 9007199254740993');
    expect(await importedText('audit-logs')).toContain('"metadata":{"ip":"192.0.2.1","tags":["a"]}');
    await ok(['import', 'audit-logs', '-', '--source', 'big', '--quiet'], { input: text });
    expect(await importedText('big')).toContain('"new_values":{"id":9007199254740993,');
  });
});

describe('memberships', () => {
  test('have the two ids as theirs, and are found by that of the user too', async () => {
    const found = await movesIn('audit-logs', CSV);
    const memberships = found.filter(({ entity_type: type }) => type === 'users_organizations');
    expect(memberships.map(({ action, entity_id: id }) => [action, id])).toEqual([
      ['create', '[1,1]'],
      ['create', '[2,2]'],
      ['create', '[3,2]'],
      ['create', '[4,1]'],
      ['create', '[2,1]'],
      ['delete', '[2,1]'],
      ['create', '[2,1]'],
      ['delete', '[4,1]'],
    ]);
    expect(await ok(['count', '--entity', 'users_organizations', '--meta', 'record_id=2'])).toBe('4\n');
  });

  test('have the record id where no values hold their key', async () => {
    const membership = { table_name: 'users_organizations', old_values: null, new_values: null };
    expect(await entryOf(membership)).toMatchObject({ entity_id: '7', metadata: { record_id: '7' } });
  });

  test('of another key are two entries, as capture has them', async () => {
    const line = row({
      table_name: 'users_organizations',
      old_values: { user_id: 7, organization_id: 1 },
      new_values: { user_id: 8, organization_id: 1 },
      changed_fields: ['user_id'],
      record_id: 8,
    });
    await importOf('audit-logs', [line]);
    expect(await imported('audit-logs')).toMatchObject([
      {
        id: 'audit-logs:1',
        action: 'delete',
        entity_id: '[7,1]',
        message: 'users_organizations [7,1] became [8,1]',
        metadata: { record_id: '8', key_changed_to: '[8,1]' },
        old_values: { user_id: 7 },
        new_values: null,
        changed_fields: null,
      },
      {
        id: 'audit-logs:1:key',
        action: 'create',
        entity_id: '[8,1]',
        message: 'users_organizations [8,1] was [7,1]',
        metadata: { record_id: '8', key_changed_from: '[7,1]' },
        old_values: null,
        new_values: { user_id: 8 },
        changed_fields: ['user_id'],
      },
    ]);
  });

  test('and other tables of several keys, or of another one, are named by --key', async () => {
    const values = { guild: 'g"1', member: 5, token: 't-1' };
    const change = { action: 'INSERT', old_values: null, new_values: values, changed_fields: null };
    const lines = [
      row({ ...change, table_name: 'members' }),
      row({ ...change, id: 2, table_name: 'sessions' }),
      row({ ...change, id: 3, table_name: 'users' }),
    ];
    await importOf('audit-logs', lines, '--key', ' members(guild, member), sessions ( token )');
    expect((await imported('audit-logs')).map(({ entity_id: id }) => id)).toEqual(['["g\\"1",5]', 't-1', '7']);
  });

  test.each(['users', 'users()', 'users(id', 'users(id,)', 'users(id) x', '(id)'])('--key %s is wrong', async (key) => {
    const { code, stderr } = await importOf('audit-logs', [row({})], '--key', key);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`--key "${key}" is not table(column, …)`)]);
  });
});

describe('who acted', () => {
  test('is unknown where nobody said, whatever the default of the column says', async () => {
    const found = await movesIn('audit-logs', CSV);
    expect(numbers(found.filter(({ actor }) => actor === 'unknown'))).toEqual(facts.without_actor_email);
    const migrations = new Set(Object.values(facts.by_migration).flat());
    const forgotten = facts.without_actor_email.filter((id) => !migrations.has(id));
    expect(numbers(found.filter(({ actor_type: type }) => type === 'unknown'))).toEqual(forgotten);
    // Some have the full time of the source besides.
    expect(found.filter(({ actor_type: type }) => type === 'unknown').map(({ metadata }) => metadata)).toMatchObject(
      forgotten.map(() => ({ actor_type: 'system' })),
    );
    const quoted = found.filter(({ metadata }) => metadata['actor_type'] === "'system'");
    expect(numbers(quoted)).toEqual(facts.default_of_actor_type_with_its_quotes);
  });

  test.each([
    [{ actor_type: "'system'" }, 'a@example.com', 'system', { actor_type: "'system'" }],
    [{ actor_type: 'system' }, 'a@example.com', 'system', {}],
    [{ actor_type: null }, 'a@example.com', 'unknown', {}],
    [{ actor_email: null, actor_type: "'system'" }, 'unknown', 'unknown', { actor_type: "'system'" }],
    [{ actor_email: null, actor_type: 'moderator' }, 'unknown', 'moderator', {}],
    [{ actor_email: null, user_id: 5 }, '5', 'user', {}],
    [{ user_id: 5 }, 'a@example.com', 'user', { user_id: '5' }],
    [{ migration_name: 'm' }, 'a@example.com', 'user', {}],
    [{ migration_name: 'm', actor_type: 'system' }, 'a@example.com', 'migration', { actor_type: 'system' }],
    [{ migration_name: 'm', actor_type: null, actor_email: '' }, 'unknown', 'migration', {}],
  ])('%j', async (columns, actor, type, metadata) => {
    expect(await entryOf(columns)).toMatchObject({ actor, actor_type: type });
    expect((await imported('audit-logs'))[0]?.metadata).toEqual(metadata);
  });

  test('a migration is the correlation of what it did', async () => {
    const found = await movesIn('audit-logs', CSV);
    for (const [name, ids] of Object.entries(facts.by_migration)) {
      const entries = found.filter(({ correlation_id: id }) => id === name);
      expect(numbers(entries)).toEqual(ids);
      expect(entries.map(({ actor_type: type }) => type)).toEqual(ids.map(() => 'migration'));
    }
  });
});

describe('a foreign key that empties the user of old rows', () => {
  const USER = { user_id: 5 };
  const GONE = { user_id: null };

  test.each([
    [{}, 'a@example.com', ['metadata.user_id']],
    [{ actor_email: null }, '5', ['actor']],
    [{ actor_email: null, actor_type: 'system' }, '5', ['actor', 'actor_type']],
    [{ actor_email: null, actor_type: null }, '5', ['actor']],
    [{ actor_email: null, actor_type: 'moderator', migration_name: 'm' }, '5', ['actor']],
    [{ table_name: 'users_organizations' }, 'a@example.com', ['metadata.user_id']],
  ])('is no conflict for %j: the entry keeps it', async (columns, actor, forgotten) => {
    expect(await entryOf({ ...USER, ...columns })).toMatchObject({ actor });
    const before = await importedText('audit-logs');
    const again = await importOf('audit-logs', [row({ ...columns, ...GONE })], '--format', 'json');
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { recorded: 0, skipped: 1, forgotten: 1 }]);
    const verified = await importOf('audit-logs', [row({ ...columns, ...GONE })], '--verify');
    const told = `line 1: audit-logs:1 holds ${forgotten.join(', ')}, which the source has forgotten\n`;
    expect([verified.code, verified.stdout]).toEqual([0, told]);
    expect(await importedText('audit-logs')).toBe(before);
  });

  test('does not hide another user', async () => {
    await entryOf({ ...USER });
    expect(await importOf('audit-logs', [row({ user_id: 6 })])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('with another metadata'),
    });
  });
});

test('a change that was refused as deprecated is told, and is no change', async () => {
  const refused = { action: 'DEPRECATED', table_name: 'guild', changed_fields: null, reason: 'stale' };
  expect(await entryOf(refused)).toMatchObject({
    action: 'deprecated',
    entity_type: 'guild',
    entity_id: '7',
    new_values: { name: 'b' },
    changed_fields: null,
    metadata: { reason: 'stale' },
  });
  expect(await ok(['changes', 'guild:7', '--field', 'name'])).toBe('');
});

test('a scope is that of the entry, where it is one, and what an earlier version made of it is recognised', async () => {
  const { metadata, ...entry } = await entryOf({ scope: 'guild:7', ip: '192.0.2.1' });
  expect([entry, metadata]).toMatchObject([{ scope: 'guild:7' }, { ip: '192.0.2.1' }]);
  expect(metadata).not.toHaveProperty('scope');
  const before = { ...entry, id: 'audit-logs:2', scope: null, metadata: { scope: 'guild:7', ip: '192.0.2.1' } };
  await ok(['record', '--stdin'], { input: JSON.stringify(before) });
  const again = await importOf('audit-logs', [row({ id: 2, scope: 'guild:7', ip: '192.0.2.1' })], '--format', 'json');
  expect(JSON.parse(again.stdout)).toMatchObject({ recorded: 0, skipped: 1, rejected: 0, forgotten: 0 });
});

test('a scope that is none stays in the metadata', async () => {
  expect(await entryOf({ scope: 'all' })).toMatchObject({ scope: null, metadata: { scope: 'all' } });
});

test.each([
  [{ action: 'UPSERT' }, 'action "UPSERT" is not one of INSERT, UPDATE, DELETE'],
  [{ action: null }, 'action is missing'],
  [{ table_name: '' }, 'table_name is missing'],
  [{ table_name: 'a:b' }, 'entity_type "a:b" must not hold a colon'],
  [{ created_at: null }, 'created_at is missing: when it happened'],
  [{ created_at: '0000-01-01T00:00:00Z' }, 'created_at "0000-01-01T00:00:00Z" is not a time of the calendar'],
  [{ old_values: [1] }, 'old_values "[1]" is not a JSON object'],
  [{ new_values: '{"a":' }, 'new_values not valid JSON'],
  [{ changed_fields: '{a,' }, 'changed_fields "{a," is not a list of texts'],
  [{ changed_fields: '{a,NULL}' }, 'changed_fields "{a,NULL}" is not a list of texts'],
  [{ changed_fields: ['a', null] }, 'changed_fields an array is not a list of texts'],
  [{ record_id: { a: 1 } }, 'record_id an object is not a text'],
])('%j is rejected by its name and value', async (columns, reason) => {
  const { code, stderr } = await importOf('audit-logs', [row(columns)]);
  expect([code, stderr]).toEqual([6, expect.stringContaining(`line 1: ${reason}`)]);
  expect(await imported('audit-logs')).toEqual([]);
});

test('a time without an offset asks for its zone', async () => {
  const line = row({ created_at: '2026-03-01 12:00:00' });
  const refused = await importOf('audit-logs', [line]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--assume-tz')]);
  expect((await importOf('audit-logs', [line], '--assume-tz', 'Europe/Paris')).code).toBe(0);
  expect(await imported('audit-logs')).toMatchObject([{ ts: '2026-03-01T11:00:00.000Z' }]);
});

test('a torn CSV keeps what stood before, and says where it is torn', async () => {
  const { code, stderr } = await cli(['import', 'audit-logs', fixture('broken/torn.csv')]);
  expect([code, stderr]).toEqual([6, expect.stringContaining('line 4: a quote is opened and never closed')]);
});

describe('the table as it is later', () => {
  const LATER = fixture('proconnect/audit_logs_later.csv');

  test('adds what came, keeps what a deleted account emptied, and knows an actor by his id alone', async () => {
    const before = await imports('audit-logs', CSV);
    const known = await imported('audit-logs');
    const of = (number: number): ImportedFields | undefined => known.find(({ id }) => id === `audit-logs:${number}`);
    expect(of(2)?.metadata).toMatchObject({ user_id: '1' });
    expect(await imports('audit-logs', LATER)).toMatchObject({
      recorded: 4,
      skipped: before.recorded,
      rejected: 0,
      forgotten: 8,
    });
    const now = await imported('audit-logs');
    expect(now.filter(({ id }) => known.some((entry) => entry.id === id))).toEqual(known);
    expect(now.filter(({ id }) => !known.some((entry) => entry.id === id))).toMatchObject([
      { actor: '2', actor_type: 'user', metadata: { ts_exact: '2026-12-01T09:00:00.123456Z' } },
      { actor: 'sarah@beta.example', metadata: { user_id: '2', ts_exact: '2026-12-01T09:00:00.123512Z' } },
      { action: 'delete', entity_type: 'users', entity_id: '1' },
      { action: 'delete', entity_type: 'users_organizations' },
    ]);
    expect(await json(['import', 'audit-logs', LATER, '--verify', '--format', 'json'])).toMatchObject({ different: 0 });
    expect(await imports('audit-logs', LATER)).toMatchObject({ recorded: 0, forgotten: 8 });
  });

  test('has no secret in the trail, by the documented options', async () => {
    const told = readFileSync('docs/row-changes.md', 'utf8').match(/--redact\s+\w+/g) ?? [];
    const options = told.flatMap((one) => one.split(/\s+/));
    expect(options).toContain('encrypted_totp_key');
    await imports('audit-logs', LATER, ...options);
    const text = JSON.stringify(await imported('audit-logs'));
    for (const secret of ['link_77', 'totp_88', '$2a$10$', 'tok_']) expect(text).not.toContain(secret);
  });
});
