import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Pool } from 'pg';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { attachPostgres, initializeTrail, openTrail } from '../src/index.js';
import type { AttachedPostgres } from '../src/index.js';
import { HAS_POSTGRES, newDatabase, urlOf } from './store/postgres-trail.js';
import { cli, json, ndjson } from './support/cli.js';
import { fixture } from './support/sources.js';

// Two of the systems that the trail is made for live in PostgreSQL, and are asked there.

const DEPLOY = { actor: 'deploy', actorType: 'user' } as const;

describe.skipIf(!HAS_POSTGRES)('what an identity provider asks its audit_logs, and its trail beside it', () => {
  let url: string;
  let app: Client;
  let moment: string;

  type Row = Record<string, unknown>;

  /** One transaction, with what the application says of itself. */
  async function changes(
    who: Partial<Record<'email' | 'type' | 'migration', string>>,
    ...all: readonly string[]
  ): Promise<void> {
    await app.query('BEGIN');
    const settings = { actor_email: who.email, actor_type: who.type, current_migration: who.migration };
    for (const [name, value] of Object.entries(settings)) {
      if (value !== undefined) await app.query(`SELECT set_config($1, $2, true)`, [`app.${name}`, value]);
    }
    for (const sql of all) await app.query(sql);
    await app.query('COMMIT');
  }

  const own = async (sql: string, ...values: readonly unknown[]): Promise<Row[]> =>
    (await app.query<Row>(sql, [...values])).rows;
  const asked = async (...words: readonly string[]): Promise<Row[]> =>
    ndjson([...words, '--format', 'ndjson'], { db: url });
  const answered = async (...words: readonly string[]): Promise<Row> =>
    json([...words, '--format', 'json'], { db: url });

  beforeAll(async () => {
    const { folder, database } = await newDatabase();
    url = urlOf(folder, database);
    app = new Client({ connectionString: url });
    await app.connect();
    // Its time is the server's here.
    const schema = readFileSync(fixture('proconnect/schema.sql'), 'utf8');
    await app.query(schema.replace(`current_setting('fixture.now')::timestamptz`, 'now()'));
    await initializeTrail(url, DEPLOY);
    const settings = ['--actor-setting', 'app.actor_email', '--actor-type-setting', 'app.actor_type'];
    const add = ['capture', 'add', ...settings, '--correlation-setting', 'app.current_migration'];
    const tables = [
      'users',
      'organizations',
      'users_organizations',
      '--ignore',
      'updated_at',
      '--redact',
      'encrypted_password,reset_password_token',
    ];
    for (const words of [tables, ['moderations']]) {
      const added = await cli([...add, ...words], { db: url });
      if (added.code !== 0) throw new Error(added.stderr);
    }

    const [ines, sarah] = [
      { email: 'ines@x', type: 'user' },
      { email: 'sarah@x', type: 'moderator' },
    ];
    await changes(
      ines,
      `INSERT INTO users (email, encrypted_password, given_name) VALUES ('ines@x', 'hash', 'Ines'), ('bo@x', 'hash', 'Bo')`,
    );
    await changes(ines, `INSERT INTO organizations (siret) VALUES ('1'), ('2')`);
    await changes(ines, `INSERT INTO users_organizations (user_id, organization_id) VALUES (1, 1), (2, 1), (2, 2)`);
    await changes(ines, `UPDATE users SET email = 'ines@y', updated_at = now() WHERE id = 1`);
    await changes(
      sarah,
      `INSERT INTO moderations (user_id, organization_id, type, created_at) VALUES (2, 1, 'ask', now())`,
    );
    // A change that changes nothing, which they have and we have not.
    await changes(sarah, `UPDATE users SET updated_at = now() WHERE id = 2`);
    await changes(
      sarah,
      `UPDATE users_organizations SET is_external = true WHERE user_id = 2 AND organization_id = 1`,
      `UPDATE organizations SET cached_libelle = 'One' WHERE id = 1`,
    );
    await sleep(20);
    [{ now: moment }] = (await own(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`,
    )) as [{ now: string }];
    await sleep(20);
    const migration = { type: 'migration', migration: '0007_domains' };
    await changes(
      migration,
      `UPDATE organizations SET authorized_email_domains = '{x,y}'`,
      `UPDATE users SET phone_number = '+33' WHERE id = 2`,
    );
    await changes(sarah, `DELETE FROM users_organizations WHERE user_id = 2 AND organization_id = 1`);
    for (let n = 0; n < 12; n++) await changes(sarah, `UPDATE organizations SET cached_libelle = 'n${n}' WHERE id = 2`);
    await changes(ines, `DELETE FROM users_organizations WHERE user_id = 2`, `DELETE FROM users WHERE id = 2`);
    await changes({}, `UPDATE users SET job = 'boss' WHERE id = 1`);
  });

  afterAll(async () => {
    if (HAS_POSTGRES) await app.end();
  });

  /** Theirs, without the changes that change nothing. */
  const REAL = `(action <> 'UPDATE' OR changed_fields <> '{updated_at}')`;
  const ACTIONS: Row = { INSERT: 'create', UPDATE: 'update', DELETE: 'delete' };
  const fields = (changed: unknown): unknown[] | null =>
    changed === null ? null : (changed as string[]).filter((name) => name !== 'updated_at').toSorted();
  /** An audit log as an entry tells it, and an entry without the rest. */
  const theirs = ({ action, changed_fields: changed, actor_email: who }: Row): unknown => [
    ACTIONS[String(action)],
    fields(changed),
    who ?? 'unknown',
  ];
  const ours = ({ action, changed_fields: changed, actor }: Row): unknown => [action, fields(changed), actor];
  /** What both have of a row: their secrets are in the clear, and times and lists look otherwise. */
  const shared = (values: Row): Row => {
    const {
      encrypted_password: _,
      reset_password_token: _token,
      created_at: _at,
      updated_at: _later,
      authorized_email_domains: domains,
      ...rest
    } = values;
    return {
      ...rest,
      ...(domains !== undefined && { domains: Array.isArray(domains) ? `{${domains.join(',')}}` : domains }),
    };
  };

  test('every entry of one record', async () => {
    for (const [table, id] of [
      ['users', 1],
      ['users', 2],
      ['organizations', 1],
      ['organizations', 2],
    ] as const) {
      const logs = await own(
        `SELECT * FROM audit_logs WHERE table_name = $1 AND record_id = $2 AND ${REAL} ORDER BY id DESC`,
        table,
        id,
      );
      expect(logs.length).toBeGreaterThan(2);
      expect((await asked('history', `${table}:${id}`)).map(ours)).toEqual(logs.map(theirs));
    }
  });

  test('recent changes by one actor', async () => {
    const logs = await own(
      `SELECT * FROM audit_logs WHERE actor_email = $1 AND created_at > now() - interval '30 days' AND ${REAL} ORDER BY id DESC`,
      'sarah@x',
    );
    // The moderation is ours alone: nobody audits it there.
    const entries = await asked('history', '--actor', 'sarah@x', '--since', '30d', '--not', 'entity=moderations');
    expect(entries.map(ours)).toEqual(logs.map(theirs));
    expect(new Set(entries.map(({ actor_type: type }) => type))).toEqual(new Set(['moderator']));
  });

  test('everything one migration did', async () => {
    const logs = await own(`SELECT * FROM audit_logs WHERE migration_name = $1 ORDER BY id`, '0007_domains');
    const entries = await asked('history', '--correlation', '0007_domains', '--oldest-first');
    expect(entries.map(ours)).toEqual(logs.map(theirs));
    expect(entries).toHaveLength(3);
    expect(entries[0]).toMatchObject({ actor_type: 'migration' });
  });

  const STATE = `SELECT coalesce(new_values, old_values) AS values, action FROM audit_logs
    WHERE table_name = $1 AND record_id = $2 AND created_at <= $3 ORDER BY created_at DESC, id DESC LIMIT 1`;

  test('the state of a record at a time', async () => {
    for (const [table, id] of [
      ['users', 1],
      ['users', 2],
      ['organizations', 1],
      ['organizations', 2],
    ] as const) {
      const [log] = await own(STATE, table, id, moment);
      const state = await answered('state', `${table}:${id}`, '--at', moment);
      expect(state).toMatchObject({ exists: true });
      expect(shared(state['values'] as Row)).toEqual(shared(log?.['values'] as Row));
    }
    // A user who is gone looks alive there.
    expect((await own(STATE, 'users', 2, new Date()))[0]).toMatchObject({
      action: 'DELETE',
      values: { email: 'bo@x' },
    });
    expect(await answered('state', 'users:2', '--at', 'now')).toMatchObject({ exists: false, values: null });
  });

  test('the full history of its states', async () => {
    const logs = await own(
      `SELECT coalesce(new_values, '{}') AS values, action FROM audit_logs WHERE table_name = 'users' AND record_id = 1 AND ${REAL} ORDER BY id`,
    );
    const states = await asked('history', 'users:1', '--states', '--oldest-first');
    expect(states.map(({ values }) => shared(values as Row))).toEqual(logs.map(({ values }) => shared(values as Row)));
    expect(states).toHaveLength(3);
  });

  test('the state of a user, an organization and a membership as of a moderation', async () => {
    const [{ at }] = (await own('SELECT created_at AS at FROM moderations WHERE id = 1')) as [{ at: Date }];
    const asOf = ['--as-of', 'moderations:1'];
    for (const [table, id] of [
      ['users', 2],
      ['organizations', 1],
    ] as const) {
      const [log] = await own(STATE, table, id, at);
      const state = await answered('state', `${table}:${id}`, ...asOf);
      expect(shared(state['values'] as Row)).toEqual(shared(log?.['values'] as Row));
    }
    const membership = `SELECT new_values AS values FROM audit_logs WHERE table_name = 'users_organizations' AND action <> 'DELETE'
      AND new_values ->> 'user_id' = '2' AND new_values ->> 'organization_id' = '1' AND created_at <= $1 ORDER BY created_at DESC, id DESC LIMIT 1`;
    const state = await answered('state', 'users_organizations:[2,1]', ...asOf);
    expect(shared(state['values'] as Row)).toEqual(shared((await own(membership, at))[0]?.['values'] as Row));
    // One that is gone looks present there.
    expect(await own(membership, new Date())).toMatchObject([{ values: { is_external: true } }]);
    expect(await answered('state', 'users_organizations:[2,1]', '--at', 'now')).toMatchObject({ exists: false });
  });

  test('all changes of one field, with the old value and the new one', async () => {
    for (const [table, field] of [
      ['users', 'email'],
      ['organizations', 'cached_libelle'],
      ['users_organizations', 'is_external'],
    ] as const) {
      const logs = await own(
        `SELECT record_id AS id, old_values -> $2 AS old, new_values -> $2 AS new, actor_email AS actor FROM audit_logs
        WHERE table_name = $1 AND $2 = ANY (changed_fields) ORDER BY id`,
        table,
        field,
      );
      const found = await asked('changes', '--entity', table, '--field', field);
      const told = found.map(({ old, new: became, actor }) => ({ old, new: became, actor }));
      expect(told).toEqual(logs.map(({ old, new: became, actor }) => ({ old, new: became, actor })));
      expect(told.length).toBeGreaterThan(0);
    }
  });

  test('counts by table and action', async () => {
    const logs = await own(
      `SELECT table_name AS key, action AS by, count(*)::int AS count FROM audit_logs WHERE ${REAL} GROUP BY 1, 2`,
    );
    const { rows } = (await answered(
      'report',
      'actions',
      '--by',
      'entity_type',
      '--not',
      'entity=moderations',
      '--not',
      'category=system',
    )) as { rows: { key: string; by: string; count: number }[] };
    const told = (all: readonly { key: string; by: string; count: number }[]): string[] =>
      all.map(({ key, by, count }) => `${key} ${by} ${count}`).toSorted();
    expect(told(rows)).toEqual(
      told(
        logs.map(({ key, by, count }) => ({ key: String(ACTIONS[String(by)]), by: String(key), count: Number(count) })),
      ),
    );
  });

  test('suspicious activity: more than 10 changes within an hour', async () => {
    const logs =
      await own(`SELECT actor_email AS actor, count(*)::int AS count, min(created_at) AS first, max(created_at) AS last FROM audit_logs
      WHERE created_at > now() - interval '1 hour' AND actor_email IS NOT NULL AND ${REAL} GROUP BY 1 HAVING count(*) > 10`);
    const bursts = ['report', 'bursts', '--window', '1h', '--more-than', '10', '--not', 'category=system'];
    const { rows } = (await answered(...bursts, '--not', 'entity=moderations', '--not', 'actor=unknown')) as {
      rows: { actor: string; count: number; first: string; last: string }[];
    };
    expect(rows.map(({ actor, count }) => ({ actor, count }))).toEqual(
      logs.map(({ actor, count }) => ({ actor, count })),
    );
    expect(rows).toMatchObject([{ actor: 'sarah@x', count: 15 }]);
    // Theirs is when the transaction began, ours when the row changed.
    for (const edge of ['first', 'last'] as const) {
      expect(Math.abs(Date.parse(rows[0]?.[edge] ?? '') - Number(logs[0]?.[edge]))).toBeLessThan(1000);
    }
  });

  test('their passwords are in the clear there, and in no entry', async () => {
    expect(await own(`SELECT FROM audit_logs WHERE new_values ->> 'encrypted_password' = 'hash'`)).toHaveLength(6);
    expect(await own(`SELECT FROM daybook.daybook_entries WHERE concat(old_values, new_values) LIKE '%hash%'`)).toEqual(
      [],
    );
  });
});

/** Snowflakes, both larger than a JavaScript number can tell apart. */
const GUILD = '1138912345678901234';
const OTHER_GUILD = '1138912345678901235';

class StaleRevision extends Error {}

describe.skipIf(!HAS_POSTGRES)('the configuration of a guild, through a pool of node-postgres', () => {
  let pool: Pool;
  let daybook: AttachedPostgres<PoolClient>;

  beforeAll(async () => {
    if (!HAS_POSTGRES) return;
    const { folder, database } = await newDatabase();
    const url = urlOf(folder, database);
    pool = new Pool({ connectionString: url, max: 2 });
    await pool.query(`CREATE TABLE guild_configurations (guildid text PRIMARY KEY, data text NOT NULL, revision int NOT NULL DEFAULT 1,
      createdat timestamp NOT NULL DEFAULT now(), updatedat timestamp NOT NULL DEFAULT now())`);
    await initializeTrail(url, DEPLOY);
    const trail = await openTrail(url);
    await trail.capture(['guild_configurations'], {
      entityType: 'guild_configuration',
      scope: { kind: 'guild', column: 'guildid' },
      json: ['data'],
      ignore: ['updatedat'],
      requireActor: true,
      ...DEPLOY,
    });
    await trail.close();
    daybook = attachPostgres(pool);
  });

  afterAll(async () => {
    if (HAS_POSTGRES) await pool.end();
  });

  const create = async (guild: string, document: object): Promise<void> => {
    await daybook.transaction({ actor: 'u-1', reason: 'set up' }, async (client) =>
      client.query('INSERT INTO guild_configurations (guildid, data) VALUES ($1, $2)', [
        guild,
        JSON.stringify(document),
      ]),
    );
  };

  const update = async (guild: string, revision: number, document: object): Promise<void> => {
    try {
      await daybook.transaction({ actor: 'u-2', correlationId: 'request-9' }, async (client) => {
        const { rowCount } = await client.query(
          'UPDATE guild_configurations SET data = $1, revision = revision + 1, updatedat = now() WHERE guildid = $2 AND revision = $3',
          [JSON.stringify(document), guild, revision],
        );
        if (rowCount === 0) throw new StaleRevision(`revision ${revision} of guild ${guild} is not the latest`);
      });
    } catch (error) {
      if (error instanceof StaleRevision) {
        await daybook.record({
          action: 'deprecated',
          actor: 'u-2',
          scope: `guild:${guild}`,
          entity_type: 'guild_configuration',
          entity_id: guild,
          message: error.message,
          new_values: { data: document },
        });
      }
      throw error;
    }
  };

  const entriesOf = async (guild: string): Promise<Record<string, unknown>[]> =>
    (await pool.query(`SELECT * FROM daybook.daybook_entries WHERE scope = $1 ORDER BY seq`, [`guild:${guild}`])).rows;
  const all = async (): Promise<unknown> =>
    (
      await pool.query(
        `SELECT (SELECT json_agg(g ORDER BY guildid) FROM guild_configurations AS g) AS rows, (SELECT count(*) FROM daybook.daybook_entries) AS entries`,
      )
    ).rows;
  /** Whoever wants a change while this stands in the way of its entry. */
  const inTheWay = async (body: string, work: () => Promise<void>): Promise<void> => {
    await pool.query(`CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ${body}; END';
      CREATE TRIGGER in_the_way BEFORE INSERT ON daybook.daybook_entries FOR EACH ROW EXECUTE FUNCTION in_the_way()`);
    await work().finally(() => pool.query('DROP FUNCTION in_the_way CASCADE'));
  };

  it('has an entry for its creation and one for each update, with who, why and the fields that changed', async () => {
    await create(GUILD, { minLevel: 5, announce: { channelid: '99123456789012345678' }, roles: ['1', '2'] });
    await update(GUILD, 1, { minLevel: 5, announce: { channelid: '99123456789012345679' }, roles: ['1', '2', '3'] });
    const common = { entity_type: 'guild_configuration', entity_id: GUILD, actor_type: 'user' };
    const [first, second] = await entriesOf(GUILD);
    expect(first).toMatchObject({ ...common, action: 'create', actor: 'u-1', metadata: { reason: 'set up' } });
    expect(second).toMatchObject({ ...common, action: 'update', actor: 'u-2', correlation_id: 'request-9' });
    expect(second?.['changed_fields']).toEqual(['data.announce.channelid', 'data.roles', 'revision']);
    expect(second).toMatchObject({ new_values: { data: expect.stringContaining('"99123456789012345679"') } });
  });

  it('has a history by its guild', async () => {
    await create(OTHER_GUILD, { minLevel: 1 });
    expect((await entriesOf(OTHER_GUILD)).map(({ action }) => action)).toEqual(['create']);
    expect((await entriesOf(GUILD)).map(({ action }) => action)).toEqual(['create', 'update']);
  });

  it('does not change where its entry is refused, and the failure reaches the caller', async () => {
    const before = await all();
    await inTheWay(`RAISE ''no room''`, async () => {
      await expect(update(GUILD, 2, { minLevel: 6 })).rejects.toThrow('no room');
      await expect(create('1', { minLevel: 1 })).rejects.toThrow('no room');
    });
    expect(await all()).toEqual(before);
  });

  it('does not change where an entry is silently skipped either, nor where nobody says who acts', async () => {
    const before = await all();
    await inTheWay('RETURN NULL', async () => {
      await expect(update(GUILD, 2, { minLevel: 6 })).rejects.toThrow('cannot be recorded, so the change is refused');
    });
    await expect(pool.query(`UPDATE guild_configurations SET data = '{}'`)).rejects.toThrow('must say who makes it');
    await expect(pool.query('TRUNCATE guild_configurations')).rejects.toThrow('use DELETE FROM');
    expect(await all()).toEqual(before);
  });

  it('refuses a stale update, and tells of it in the trail all the same', async () => {
    await expect(update(GUILD, 1, { minLevel: 7 })).rejects.toThrow(StaleRevision);
    const entries = await entriesOf(GUILD);
    expect(entries.map(({ action }) => action)).toEqual(['create', 'update', 'deprecated']);
    expect(entries[2]).toMatchObject({ actor: 'u-2', entity_id: GUILD, new_values: { data: { minLevel: 7 } } });
    const { rows } = await pool.query('SELECT revision, data FROM guild_configurations WHERE guildid = $1', [GUILD]);
    expect(rows).toMatchObject([{ revision: 2, data: expect.stringContaining('"minLevel":5') }]);
  });

  it('lets one of two updates through that expect the same revision', async () => {
    const both = await Promise.allSettled([
      update(OTHER_GUILD, 1, { minLevel: 2 }),
      update(OTHER_GUILD, 1, { minLevel: 3 }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const actions = (await entriesOf(OTHER_GUILD)).map(({ action }) => action);
    expect(actions).toEqual(['create', 'update', 'deprecated']);
  });
});
