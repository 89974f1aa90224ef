import { describe, expect, test } from 'vitest';
import { blocksOf, newDesk, withoutTimes } from './pages.js';
import type { Desk } from './pages.js';
import { exported, parseLines } from './trail.js';

describe('docs/capture.md', () => {
  test('is a story that goes as it is told', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    // What needs SQLite's sessions is tried in changesets.test.ts.
    const blocks = blocksOf('capture.md').filter(({ language }) => language !== 'js');
    const languages = new Set(blocks.map(({ language }) => language));
    expect(languages).toEqual(new Set(['sql', 'sh', 'console', 'python', 'ts']));
    for (const block of blocks) {
      const printed = await desk.follow(block);
      if (block.language === 'console') expect(withoutTimes(printed)).toBe(withoutTimes(block.text));
    }
    // Each of the languages has said who changed what, and why; the second TypeScript says no reason.
    const told = (await exported(desk.file)).filter(
      ({ entity_type: type, entity_id: id, actor_type: by }) => type === 'users' && id === '42' && by === 'user',
    );
    const contexts = told
      .filter(({ action }) => action === 'update')
      .map(({ actor, correlation_id: correlation, metadata }) => [actor, correlation, metadata]);
    expect(contexts).toEqual([
      ['u-9', 'ticket-4711', { table: 'users', reason: 'asked by phone' }],
      ['u-10', null, { table: 'users', reason: 'changed her name' }],
      ['u-11', null, { table: 'users', reason: 'asked by mail' }],
      ['u-12', null, { table: 'users' }],
    ]);
  });
});

describe('README.md', () => {
  test('shows row changes as they are', async () => {
    const desk = await newDesk();
    const [tables, begin] = blocksOf('capture.md');
    const blocks = blocksOf('../README.md', 'Row changes');
    expect(blocks.map(({ language }) => language)).toEqual(['console']);
    for (const block of [tables, begin, ...blocks]) {
      if (block === undefined) throw new Error('docs/capture.md has no beginning');
      const printed = await desk.follow(block);
      if (block.language === 'console') expect(withoutTimes(printed)).toBe(withoutTimes(block.text));
    }
  });
});

/** An identity provider in little: who is a member of what, and what a moderator decided. */
const TABLES = `
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, email_verified INTEGER NOT NULL DEFAULT 0);
CREATE TABLE organizations (id INTEGER PRIMARY KEY, siret TEXT NOT NULL UNIQUE, name TEXT);
CREATE TABLE users_organizations (
  user_id INTEGER REFERENCES users (id), organization_id INTEGER REFERENCES organizations (id),
  is_external INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (user_id, organization_id)) WITHOUT ROWID;
CREATE TABLE moderations (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, organization_id INTEGER NOT NULL, type TEXT NOT NULL, created_at TEXT);
INSERT INTO users (id, email) VALUES (42, 'ines@example.com'), (43, 'tomas@example.com');
INSERT INTO organizations VALUES (7, '21340126800130', 'Lamalou-les-Bains');
`;

const acting = (actor: string, type: string, correlation: string, sql: string): string =>
  `BEGIN IMMEDIATE;
   INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id) VALUES ('${actor}', '${type}', nullif('${correlation}', ''));
   ${sql};
   DELETE FROM daybook_context;
   COMMIT;`;

const CHANGES = [
  acting('u-9', 'user', '', 'INSERT INTO users_organizations VALUES (42, 7, 0), (43, 7, 1)'),
  acting('m-1', 'moderator', '', `INSERT INTO moderations VALUES (55, 42, 7, 'ask_for_sponsorship', NULL)`),
  acting('u-9', 'user', '', `UPDATE users SET email = 'ines@example.org' WHERE id = 42`),
  acting('m-1', 'moderator', '', 'UPDATE users_organizations SET is_external = 1 WHERE user_id = 42'),
  acting('0007_verify_emails', 'migration', '0007_verify_emails', 'UPDATE users SET email_verified = 1'),
  acting('u-43', 'user', '', 'DELETE FROM users_organizations WHERE user_id = 43'),
  `UPDATE organizations SET name = 'Lamalou' WHERE id = 7;`,
];

async function identityProvider(): Promise<Desk> {
  const desk = await newDesk();
  await desk.follow({ language: 'sql', text: TABLES });
  await desk.follow({ language: 'sh', text: 'daybook init --alongside' });
  const add = 'daybook capture add users organizations users_organizations moderations';
  await desk.follow({ language: 'sh', text: add });
  for (const text of CHANGES) {
    // Each in a millisecond of its own, as people and migrations are.
    await desk.follow({ language: 'sh', text: 'sleep 0.01' });
    await desk.follow({ language: 'sql', text });
  }
  return desk;
}

describe('docs/questions.md', () => {
  const blocks = blocksOf('questions.md');
  const lineOf = (part: string): string => {
    const found = blocks.find(({ text }) => text.includes(part));
    if (found === undefined) throw new Error(`docs/questions.md asks nothing with ${part}`);
    return found.text.trim();
  };

  test('each of its lines runs, and answers something', { timeout: 120_000 }, async () => {
    const desk = await identityProvider();
    expect(blocks.map(({ language }) => language)).toEqual(blocks.map(() => 'sh'));
    for (const { text } of blocks) {
      expect(text.trim().split('\n')).toHaveLength(1);
      const { code, stdout } = await desk.type(text);
      expect({ text, code }).toEqual({ text, code: 0 });
      expect(stdout, text).not.toBe('');
    }
  });

  test('its lines find what they ask for', { timeout: 120_000 }, async () => {
    const desk = await identityProvider();
    const ask = async (part: string): Promise<string[]> => {
      const { stdout } = await desk.type(`${lineOf(part)} --quiet --format ndjson`);
      return parseLines(stdout).map(({ action, entity_type: type, entity_id: id }) => `${action} ${type}:${id}`);
    };
    expect(await ask('history users:42')).toEqual(['update users:42', 'update users:42']);
    expect(await ask('--changed email')).toEqual(['update users:42']);
    expect(await ask('--actor u-9')).toEqual([
      'update users:42',
      'create users_organizations:[43,7]',
      'create users_organizations:[42,7]',
    ]);
    expect(await ask('--correlation 0007_verify_emails')).toEqual(['update users:42', 'update users:43']);
    expect(await ask(`--entity 'users_organizations:[42,7]'`)).toEqual([
      'update users_organizations:[42,7]',
      'create users_organizations:[42,7]',
    ]);
    expect(await ask('history --actor-type unknown')).toEqual(['update organizations:7']);
    expect((await desk.type(lineOf('count --actor-type unknown'))).stdout).toBe('1\n');
    expect((await desk.type(lineOf('values correlation_id'))).stdout).toContain('0007_verify_emails');
    expect((await desk.type(lineOf('daybook show'))).stdout).toContain('~ email_verified: 0 → 1');
  });

  test('a membership is what it was at the time of a moderation', { timeout: 120_000 }, async () => {
    const desk = await identityProvider();
    const membership = await desk.type(`${lineOf(`state 'users_organizations`)} --format json`);
    expect(JSON.parse(membership.stdout)).toMatchObject({
      exists: true,
      values: { user_id: 42, organization_id: 7, is_external: 0 },
    });
    const all = await desk.type(lineOf('state users_organizations --where'));
    const members = parseLines(all.stdout) as unknown as { entity: string; values: { is_external: number } }[];
    expect(members.map(({ entity, values }) => [entity, values.is_external])).toEqual([
      ['users_organizations:[42,7]', 0],
      ['users_organizations:[43,7]', 1],
    ]);
  });
});

describe.each(['state.md', 'undo.md'])('docs/%s', (page) => {
  test('shows what is printed', { timeout: 60_000 }, async () => {
    const desk = await newDesk();
    const consoles: string[] = [];
    for (const block of blocksOf(page)) {
      const printed = await desk.follow(block);
      if (block.language !== 'console') continue;
      consoles.push(printed);
      expect(alike(printed)).toBe(alike(block.text));
    }
    expect(consoles.length).toBeGreaterThan(1);
  });
});

/** What is printed differs from one run to the next in times and ids alone. */
function alike(text: string): string {
  return withoutTimes(text)
    .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>')
    .replaceAll(/'[^'@]+@[^'@]+', 1e9\)/g, `'<user>@<host>', 1e9)`);
}
