import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROW_CHANGE_FORMATS } from '../../src/core/row-changes.js';
import { IMPORT_FORMATS } from '../../src/importers/index.js';
import { cli, fromLines, json, ndjson, trail } from '../support/cli.js';
import { factsOf } from '../support/sources.js';
import { EVERY_FORMAT } from './every-format.js';
import { imports } from './imported.js';

interface State {
  readonly entity: string;
  readonly exists: boolean | null;
  readonly values: Readonly<Record<string, unknown>> | null;
}

async function brings(format: string): Promise<void> {
  await trail();
  const { source, options = [] } = EVERY_FORMAT[format] ?? { source: () => '' };
  await imports(format, source(), ...options);
}

const stateOf = (...words: readonly string[]): Promise<State> => json<State>(['state', ...words, '--format', 'json']);

describe("the fourth system's questions, asked of its own trail", () => {
  const facts = factsOf('proconnect');

  test('what a record was at the time of a moderation', async () => {
    await brings('audit-logs');
    // The times of the moderations, as the fixture tells them.
    for (const [at, email] of [
      ['2026-10-05T11:59:59.999Z', "léa.o'connor@asso.example"],
      ['2026-10-22T09:30:00.750Z', 'lea@asso.example'],
      ['2026-11-21T09:00:00.000Z', 'lea.oconnor@asso.example'],
    ] as const) {
      expect(Object.values(facts.email_of_user_3)).toContain(email);
      expect((await stateOf('users:3', '--at', at)).values?.['email']).toBe(email);
    }
    expect(await stateOf('users:3', '--at', '2026-09-03T07:59:59.999Z')).toMatchObject({ exists: null });
  });

  test('a deleted user and a removed membership do not exist', async () => {
    await brings('audit-logs');
    const { exists_until: until } = facts.user_4;
    const before = new Date(Date.parse(until) - 1).toISOString();
    expect([await stateOf('users:4', '--at', before), await stateOf('users:4', '--at', until)]).toMatchObject([
      { exists: true },
      { exists: false },
    ]);
    const { gone_from: gone, until: back } = facts.membership_of_user_2_in_organization_1;
    expect(await stateOf('users_organizations:[2, 1]', '--at', gone)).toMatchObject({ exists: false });
    expect(await stateOf('users_organizations:[2,1]', '--at', back)).toMatchObject({ exists: true });
  });

  test('as another record was made, within one transaction', async () => {
    await brings('audit-logs');
    // All of these have one created_at: the organization came first, then the membership, then its new names.
    const first = { values: { cached_libelle: 'Commune de Rennes' } };
    expect(await stateOf('organizations:1', '--as-of', 'users_organizations:[1,1]')).toMatchObject(first);
    expect(await stateOf('organizations:1', '--as-of', 'users_organizations:[1, 1]')).toMatchObject(first);
    const later = await stateOf('organizations:1', '--as-of', 'organizations:2', '--as-of-column', 'created_at');
    expect(later).toMatchObject({ values: { authorized_email_domains: ['mairie.example', 'ville.example'] } });
    expect((await cli(['state', 'users:1', '--as-of', 'users:99'])).code).toBe(4);
  });

  test('all of its states, and every row of a table', async () => {
    await brings('audit-logs');
    const states = await ndjson<{ seq: number }>(['history', 'users:1', '--states', '--format', 'ndjson']);
    expect(states.map(({ seq }) => seq)).toEqual(facts.of_user_1);
    const rows = await ndjson<State>(['state', 'users', '--at', '2026-11-03', '--format', 'ndjson']);
    expect(rows.map(({ entity, exists }) => [entity, exists])).toEqual([
      ['users', null],
      ...[1, 2, 3, 4].map((id) => [`users:${id}`, true]),
    ]);
    const picked = await ndjson<State>(['state', 'users', '--where', 'job=renamed 13', '--format', 'ndjson']);
    expect(picked.map(({ entity }) => entity)).toEqual(['users', 'users:2']);
  });

  test('undo stays refused', async () => {
    await brings('audit-logs');
    const { code, stderr } = await cli(['revert', '2', '--apply', '--reason', 'no']);
    expect([code, stderr]).toEqual([7, expect.stringContaining('entry 2')]);
  });
});

test.each([
  ['supa-audit', 'accounts:1', { name: 'Ada L.', tags: ['vip'] }],
  ['postgresql-audit', 'articles:9007199254740993', null],
  ['django-auditlog', 'shop.product:12', { price: '17.50', name: 'Lamp “Luna”' }],
  ['sqlite-history-json', 'items:2', { id: 2, name: null, price: 24.5, photo: { $blob: 'cafe' } }],
])('%s: what a row is after its last change', async (format, entity, values) => {
  await brings(format);
  expect(await stateOf(entity)).toMatchObject({ exists: values !== null, values });
});

test('supa-audit: no row of a table that was emptied exists', async () => {
  await brings('supa-audit');
  expect(await stateOf('sessions:2')).toMatchObject({ exists: false });
  expect(fromLines((await cli(['state', 'sessions', '--format', 'ndjson'])).stdout)).toEqual([]);
});

test('the formats whose entries are row changes are those that there are', () => {
  const folder = path.resolve(import.meta.dirname, '../../src/importers');
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const names = texts
    .filter((text) => /import \{[^}]*\b(?:rowEntries|changeMessage)\b[^}]*\} from '.\/row-changes.js'/.test(text))
    .map((text) => /^  name: '([^']+)'/m.exec(text)?.[1]);
  expect(names.toSorted()).toEqual(Object.keys(ROW_CHANGE_FORMATS).toSorted());
  for (const name of Object.keys(ROW_CHANGE_FORMATS)) expect(IMPORT_FORMATS.get(name)?.source).toBe(name);
});
