import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ImportFormat } from '../../src/core/import.js';
import type { ImportedFields } from '../importers/imported.js';
import { factsOf, fixture } from '../support/sources.js';
import { blocksOf, newDesk, withoutTimes } from './pages.js';
import type { Block, Desk } from './pages.js';
import { exported, parseLines } from './trail.js';

const facts = factsOf('proconnect');

/** Where these are not installed, what a page says of PostgreSQL cannot be followed. */
const noPostgres = !existsSync(process.env['PG_BIN'] ?? '/usr/lib/postgresql/15/bin');

interface Postgres {
  readonly run: (sql: string) => void;
  readonly url: string;
}

/** Hands over a PostgreSQL that is gone afterwards. */
async function withPostgres(use: (postgres: Postgres) => Promise<void>): Promise<void> {
  const maker = (await import(pathToFileURL(fixture('support/postgres.mjs')).href)) as {
    withPostgres: (use: (postgres: Postgres) => Promise<void>) => Promise<void>;
  };
  await maker.withPostgres(use);
}

type Entry = ImportedFields & { readonly scope: string | null };

/** Every entry of a trail. */
async function entriesIn(file: string): Promise<Entry[]> {
  return (await exported(file)) as unknown as Entry[];
}

/** A block of a page that holds this text. */
function blockWith(blocks: readonly Block[], part: string): Block {
  const found = blocks.find(({ text }) => text.includes(part));
  if (found === undefined) throw new Error(`no block has ${part}`);
  return found;
}

/** A desk whose trail holds the row changes of the identity provider. */
async function deskWithRowChanges(): Promise<Desk> {
  const desk = await newDesk();
  const text = `daybook init\ndaybook import audit-logs '${fixture('proconnect/audit_logs.csv')}'`;
  await desk.follow({ language: 'sh', text });
  return desk;
}

describe('docs/row-changes.md', () => {
  const [simple = '', reports = ''] =
    readFileSync(path.resolve(fixture('.'), '../docs/row-changes.md'), 'utf8')
      .split('\n## Questions\n')[1]
      ?.split('\n## ')[0]
      ?.split('### Counts and bursts') ?? [];
  const commandsIn = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('daybook '));
  const questions = commandsIn(simple);

  /** The serial numbers of the entries that a question finds. */
  async function ask(desk: Desk, part: string): Promise<number[]> {
    const line = questions.find((one) => one.includes(part));
    const { code, stdout } = await desk.type(`${line ?? part} --quiet --limit 100 --format ndjson`);
    expect({ part, code }).toEqual({ part, code: 0 });
    return parseLines(stdout).map(({ id }) => Number(id.split(':')[1]));
  }

  test('each of its questions runs, and answers something', { timeout: 120_000 }, async () => {
    const desk = await deskWithRowChanges();
    expect(questions.length).toBeGreaterThan(10);
    for (const line of questions) {
      const { code, stdout } = await desk.type(line);
      expect({ line, code }).toEqual({ line, code: 0 });
      expect(stdout, line).not.toBe('');
    }
  });

  test('its questions find what the owners know', { timeout: 120_000 }, async () => {
    const desk = await deskWithRowChanges();
    expect((await ask(desk, 'history users:1')).toReversed()).toEqual(facts.of_user_1);
    const [migration = ''] = Object.keys(facts.by_migration);
    expect(await ask(desk, `--correlation ${migration}`)).toEqual(facts.by_migration[migration]);
    const migrations = await desk.type(questions.find((line) => line.includes('values correlation_id')) ?? '');
    for (const name of Object.keys(facts.by_migration)) expect(migrations.stdout).toContain(name);
    expect(await ask(desk, `--entity 'users_organizations:[2,1]'`)).toEqual([28, 27, 14]);
    expect(await ask(desk, '--meta record_id=2')).toEqual([28, 27, 14, 11]);
    expect(await ask(desk, '--actor sarah@beta.example')).toHaveLength(16);
    const forgotten = facts.without_actor_email.filter(
      (id) => !Object.values(facts.by_migration).some((ids) => ids.includes(id)),
    );
    expect((await ask(desk, '--actor-type unknown')).toReversed()).toEqual(forgotten);
    const emails = await desk.type(`${questions.find((line) => line.includes('--field email')) ?? ''} --format ndjson`);
    const { at_moderation_1: first, at_moderation_2: second, at_moderation_3: third } = facts.email_of_user_3;
    expect(fieldChanges(emails.stdout)).toEqual([
      [first, second],
      [second, third],
    ]);
    const line = questions.find((one) => one.includes('values action --entity users')) ?? '';
    const { values } = JSON.parse((await desk.type(`${line} --format json`)).stdout) as {
      values: { value: string; count: number }[];
    };
    const ofUsers = Object.entries(facts.by_table_and_action).filter(([key]) => key.startsWith('users '));
    expect(Object.fromEntries(values.map(({ value, count }) => [`users ${sqlWord(value)}`, count]))).toEqual(
      Object.fromEntries(ofUsers),
    );
  });

  test('what a record was at a time', { timeout: 120_000 }, async () => {
    const desk = await deskWithRowChanges();
    const at = async (part: string, time: string): Promise<LastState> => {
      const line = questions.find((one) => one.includes(part) && one.includes('--at ')) ?? '';
      const { stdout } = await desk.type(`${line.replace(/--at \S+/, `--at ${time}`)} --quiet --format json`);
      return JSON.parse(stdout) as LastState;
    };
    const moderations = readFileSync(fixture('proconnect/moderations.ndjson'), 'utf8').split('\n').slice(0, 3);
    const emails: Record<string, unknown> = {};
    for (const [index, text] of moderations.entries()) {
      const { created_at: time } = JSON.parse(text) as { created_at: string };
      const state = await at('state users:3', new Date(time).toISOString());
      emails[`at_moderation_${index + 1}`] = state.values?.['email'];
    }
    expect(emails).toEqual(facts.email_of_user_3);
    const { gone_from: gone, until } = facts.membership_of_user_2_in_organization_1;
    const before = new Date(Date.parse(gone) - 1).toISOString();
    expect(await at("state 'users_organizations", before)).toMatchObject({ exists: true });
    expect(await at("state 'users_organizations", gone)).toMatchObject({ exists: false, values: null });
    expect(await at("state 'users_organizations", until)).toMatchObject({ values: { user_id: 2 } });
    expect(await at("state 'users_organizations", '2026-09-01T00:00Z')).toMatchObject({ exists: null });
  });

  test('its reports count, and find the burst', { timeout: 120_000 }, async () => {
    const desk = await deskWithRowChanges();
    const [counting = '', finding = '', ...others] = commandsIn(reports);
    expect(others).toEqual([]);
    const counts = JSON.parse((await desk.type(`${counting} --format json`)).stdout) as { rows: Counted[] };
    expect(Object.fromEntries(counts.rows.map(({ key, by, count }) => [`${by} ${sqlWord(key)}`, count]))).toEqual(
      facts.by_table_and_action,
    );
    expect(finding).toBe('daybook report bursts --window 1h --more-than 10');
    const { rows } = JSON.parse((await desk.type(`${finding} --format json`)).stdout) as { rows: Burst[] };
    expect(rows).toMatchObject(
      facts.more_than_10_within_an_hour.map(({ actor_email: actor, ...rest }) => ({ actor, ...rest, window: '1h' })),
    );
    expect(rows).toHaveLength(facts.more_than_10_within_an_hour.length);
    // Each says how to see just its entries.
    for (const { command, count } of rows) {
      const { stdout } = await desk.type(`${command} --format ndjson --quiet`);
      expect(parseLines(stdout)).toHaveLength(count);
    }
  });

  test('what it says that imported entries do not do', { timeout: 60_000 }, async () => {
    const desk = await deskWithRowChanges();
    const state = await desk.type('daybook state users:3 --at 2026-09-01 --format json --quiet');
    expect(JSON.parse(state.stdout)).toMatchObject({ exists: null, known_since: '2026-09-03T08:00:00.000Z' });
    const nothing = await desk.type('daybook state moderations:1');
    expect([nothing.code, nothing.stdout]).toEqual([
      4,
      expect.stringContaining('no table is captured as "moderations"'),
    ]);
    const apply = await desk.type('daybook revert audit-logs:25 --reason test --apply');
    expect(apply.code).toBe(7);
    expect(await desk.type('daybook revert audit-logs:25 --reason test')).toMatchObject({ code: 0 });
  });

  test.skipIf(noPostgres)('its exports of PostgreSQL come over without secrets', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    await withPostgres(async ({ run, url }) => {
      const table =
        readFileSync(fixture('proconnect/schema.sql'), 'utf8').match(/CREATE TABLE audit_logs [^;]*;/)?.[0] ?? '';
      run(table.replace(' REFERENCES users ON DELETE SET NULL', '').replace(' DEFAULT told_now()', ''));
      run(`\\copy audit_logs FROM '${fixture('proconnect/audit_logs.csv')}' CSV HEADER`);
      const steps = ['Rehearse', 'Move in', 'While both are there'].flatMap((heading) =>
        blocksOf('row-changes.md', heading),
      );
      expect(steps).toHaveLength(4);
      for (const { language, text } of steps) {
        await desk.follow({ language, text: `export DATABASE_URL='${url}' DAYBOOK_DB=trail.db\n${text}` });
      }
    });
    const entries = (await entriesIn(path.join(desk.directory, 'trail.db'))).filter(
      ({ source }) => source === 'audit-logs',
    );
    expect(entries).toHaveLength(facts.entries);
    const text = JSON.stringify(entries.map(({ old_values, new_values }) => [old_values, new_values]));
    expect(text).not.toMatch(/hashOf|tok_5f2c9a|encrypted_password/);
    expect(entries.find(({ id }) => id === 'audit-logs:16')?.changed_fields).toContain('encrypted_password');
  });
});

interface Counted {
  readonly key: string;
  readonly by: string;
  readonly count: number;
}

interface Burst {
  readonly actor: string;
  readonly count: number;
  readonly command: string;
}

/** What the owners' table calls an action. */
function sqlWord(action: string): string {
  const words: Readonly<Record<string, string>> = { create: 'INSERT', update: 'UPDATE', delete: 'DELETE' };
  return words[action] ?? action;
}

interface LastState {
  readonly exists: boolean | null;
  readonly values: Readonly<Record<string, unknown>> | null;
}

/** Old and new value of each change. */
function fieldChanges(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as { old: unknown; new: unknown }).map((one) => [one.old, one.new]);
}

describe('docs/guilds.md', () => {
  const GUILD = '1138912345678901234';

  test('in SQLite goes as it is told', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    const guilds = readFileSync(fixture('datadrop/guild_configurations.sql'), 'utf8');
    await desk.follow({ language: 'sql', text: guilds });
    for (const block of blocksOf('guilds.md', 'In SQLite')) {
      const printed = await desk.follow(block);
      if (block.language === 'console') expect(withoutTimes(printed)).toBe(withoutTimes(block.text));
    }
    const entries = (await entriesIn(desk.file)).filter(({ entity_type: type }) => type === 'guild');
    expect(entries.map(({ action, actor }) => [action, actor])).toEqual([
      ...Array.from({ length: 5 }, () => ['snapshot', 'deploy']),
      ['create', '99123456789012345678'],
      ['update', '99123456789012345678'],
    ]);
    expect(entries.map(({ scope, entity_id: id }) => scope === `guild:${id ?? ''}`)).toEqual(entries.map(() => true));
  });

  test.skipIf(noPostgres)('in PostgreSQL no change goes without its record', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    await desk.follow({ language: 'sh', text: 'daybook init' });
    const [, trigger, snapshot, bring, ask] = blocksOf('guilds.md', 'In PostgreSQL');
    const acting = (actor: string, sql: string): string =>
      `BEGIN; SELECT set_config('app.actor_id', '${actor}', true); ${sql}; COMMIT;`;
    await withPostgres(async ({ run, url }) => {
      const bringOver = (): Promise<string> =>
        desk.follow({ language: 'sh', text: `export DATABASE_URL='${url}'\n${bring?.text ?? ''}` });
      run(
        'CREATE TABLE guild_configurations (guildid text PRIMARY KEY, data text NOT NULL, createdat timestamp, updatedat timestamp)',
      );
      run(`\\copy guild_configurations FROM '${fixture('datadrop/guild_configurations.csv')}' CSV HEADER`);
      run(trigger?.text ?? '');
      run(snapshot?.text ?? '');
      expect(() => run(`UPDATE guild_configurations SET data = '{}'`)).toThrow('must say who makes it');
      expect(() => run('TRUNCATE guild_configurations')).toThrow('is not emptied at once');
      run(acting('u-1', `INSERT INTO guild_configurations VALUES ('${GUILD}', '{"minLevel":5}', now(), now())`));
      await bringOver();
      const set = `UPDATE guild_configurations SET updatedat = now() + interval '1 minute'`;
      run(
        acting(
          'u-2',
          `${set}, data = '{"minLevel":5,"announce":{"channelid":"1138912345678904321"}}' WHERE guildid = '${GUILD}'`,
        ),
      );
      // The time of the last change alone is no change.
      run(acting('u-2', `${set} WHERE guildid = '${GUILD}'`));
      run(acting('u-3', `DELETE FROM guild_configurations WHERE guildid = '${GUILD}'`));
      await bringOver();
      await bringOver();
    });
    const entries = (await entriesIn(desk.file)).filter(({ source }) => source === 'datadrop');
    expect(entries).toHaveLength(5 + 3);
    expect(entries.slice(-3)).toMatchObject([
      { action: 'create', actor: 'u-1', entity_type: 'guild', entity_id: GUILD, metadata: {} },
      { action: 'update', actor: 'u-2', entity_id: GUILD, changed_fields: expect.arrayContaining(['data.announce']) },
      { action: 'delete', actor: 'u-3', entity_id: GUILD },
    ]);
    const lines = ask?.text.trim().split('\n') ?? [];
    expect(lines).toHaveLength(3);
    const answers = await Promise.all(lines.map((line) => desk.type(line)));
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(answers[1]?.stdout).toContain('null -> "1138912345678904321"');
    expect(answers[2]?.stdout).toContain('{"action":"delete","new_values":null}');
  });
});

describe('docs/import-formats.md', () => {
  test.skipIf(noPostgres)('its queries of PostgreSQL give what the fixtures hold', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    await desk.follow({ language: 'sh', text: 'daybook init' });
    const blocks = blocksOf('import-formats.md').filter(
      ({ language, text }) => language === 'sh' && text.includes('psql'),
    );
    expect(blocks).toHaveLength(4);
    await withPostgres(async ({ run, url }) => {
      const schema = readFileSync(fixture('relatives/schema.sql'), 'utf8');
      run(schema);
      const copy = (table: string, name: string, more = ''): void =>
        run(`\\copy ${table} FROM '${fixture(`relatives/${name}.csv`)}' (FORMAT csv, HEADER${more})`);
      copy('audit.record_version', 'supa-audit/record_version');
      copy('transaction', 'postgresql-audit/transaction');
      copy('activity', 'postgresql-audit/activity');
      copy('auditlog_logentry', 'django-auditlog/auditlog_logentry', ', FORCE_NOT_NULL (changes_text)');
      run(`INSERT INTO django_content_type VALUES (7, 'shop', 'product'), (8, 'shop', 'order');
        INSERT INTO auth_user VALUES (1, 'ines', 'ines@example.com'), (2, 'tomás', '')`);
      const table =
        readFileSync(fixture('proconnect/schema.sql'), 'utf8').match(/CREATE TABLE audit_logs [^;]*;/)?.[0] ?? '';
      run(table.replace(' REFERENCES users ON DELETE SET NULL', ''));
      run(`\\copy audit_logs FROM '${fixture('proconnect/audit_logs.csv')}' CSV HEADER`);
      for (const { language, text } of blocks) {
        const only = text.replace(/^daybook import django-auditlog db.*\n/m, '');
        await desk.follow({ language, text: `export DATABASE_URL='${url}'\n${only}` });
      }
    });
    const counts: Record<string, number> = {};
    for (const { source } of await entriesIn(desk.file)) counts[source ?? ''] = (counts[source ?? ''] ?? 0) + 1;
    expect(counts).toMatchObject({ 'supa-audit': 10, 'postgresql-audit': 6, 'django-auditlog': 8, 'audit-logs': 66 });
    for (const [format, name, option] of [
      ['supa-audit', 'relatives/supa-audit/record_version', ''],
      ['postgresql-audit', 'relatives/postgresql-audit/joined', ' --assume-tz UTC'],
      ['django-auditlog', 'relatives/django-auditlog/joined', ''],
      ['audit-logs', 'proconnect/audit_logs', ''],
    ]) {
      const line = `daybook import ${format ?? ''} '${fixture(`${name ?? ''}.ndjson`)}' --verify${option ?? ''}`;
      expect(await desk.type(line), line).toMatchObject({ code: 0 });
    }
  });

  test('the format that it shows is one', async () => {
    const block = blockWith(blocksOf('import-formats.md'), 'doorLog');
    expect(block.language).toBe('ts');
    const { build } = await import('esbuild');
    const resolveDir = path.resolve(fixture('.'), '../src/importers');
    const { outputFiles } = await build({
      stdin: { contents: block.text, resolveDir, loader: 'ts' },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
    });
    const text = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
    const { doorLog } = (await import(`data:text/javascript;base64,${text}`)) as {
      doorLog: ImportFormat;
    };
    const settings = {
      source: 's',
      assumedZone: undefined,
      map: [],
      entityType: undefined,
      key: undefined,
      column: undefined,
    };
    const read = doorLog.reader({ ...settings, order: undefined, pattern: undefined });
    expect(read({ position: 'row 1', values: { id: '1', at: '2026-03-05T00:00:00Z', door: 'd', who: 'w' } })).toEqual([
      {
        id: 's:1',
        time: { ms: Date.parse('2026-03-05T00:00:00Z'), finer: '' },
        fields: { action: 'open', actor: 'w', entity_type: 'door', entity_id: 'd' },
      },
    ]);
  });
});
