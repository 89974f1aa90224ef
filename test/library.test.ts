import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { attach, initializeTrail, isDaybookError, openTrail } from '../src/index.js';
import type { Attached, EntryFields, EntryFilter, TrailEntry } from '../src/index.js';
import { temporaryDirectory } from './support/program.js';

const DEPLOY = { actor: 'deploy', actorType: 'system' };

async function entriesOf(file: string, filter: EntryFilter = {}): Promise<TrailEntry<'text'>[]> {
  const trail = await openTrail(file, { readonly: true, documents: 'text' });
  const found: TrailEntry<'text'>[] = [];
  for await (const entry of trail.entries({ filter, order: 'oldest' })) found.push(entry);
  await trail.close();
  return found;
}

async function messages(file: string): Promise<string[]> {
  return (await entriesOf(file)).map((entry) => entry.message);
}

async function application(): Promise<{ readonly file: string; readonly database: Database.Database }> {
  const file = path.join(temporaryDirectory(), 'app.db');
  const database = new Database(file);
  database.exec('CREATE TABLE settings (id INTEGER PRIMARY KEY, level INTEGER); INSERT INTO settings VALUES (1, 5)');
  await initializeTrail(file, { ...DEPLOY, alongside: true });
  return { file, database };
}

const level = (database: Database.Database): unknown => database.prepare('SELECT level FROM settings').pluck().get();

describe('the library', () => {
  it('records in the transaction of the application, with its change or not at all', async () => {
    const { file, database } = await application();
    const setLevel = database.transaction((to: number, after: () => void) => {
      database.prepare('UPDATE settings SET level = ?').run(to);
      attach(database).record({ action: 'update', message: `level ${to}`, actor: 'u-42' });
      after();
    });
    setLevel.immediate(6, () => undefined);
    const failing = (): void => {
      throw new Error('something later failed');
    };
    expect(() => setLevel.immediate(7, failing)).toThrow('something later failed');
    expect(level(database)).toBe(6);
    expect(await messages(file)).toEqual(['level 6']);
    database.close();
  });

  it('takes the change back where the entry is refused, and tells the caller', async () => {
    const { file, database } = await application();
    const setLevel = database.transaction((actor: string) => {
      database.prepare('UPDATE settings SET level = 9').run();
      attach(database).record({ action: 'update', actor });
    });
    expect(() => setLevel.immediate('')).toThrow('actor "" must not be empty');
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(ABORT, 'no room'); END`);
    expect(() => setLevel.immediate('u-42')).toThrow('no room');
    expect(level(database)).toBe(5);
    expect(await messages(file)).toEqual([]);
    database.close();
  });
});

/** Snowflakes, both larger than a JavaScript number can tell apart. */
const GUILD = '1138912345678901234';
const OTHER_GUILD = '1138912345678901235';

interface Guilds {
  readonly file: string;
  readonly database: Database.Database;
  readonly daybook: Attached<Database.Database>;
  readonly create: (guild: string, document: object) => void;
  readonly update: (guild: string, revision: number, document: object) => void;
}

class StaleRevision extends Error {}

/** A bot that keeps the configuration of each guild, and changes it only where the revision is the expected one. */
async function guilds(): Promise<Guilds> {
  const file = path.join(temporaryDirectory(), 'bot.db');
  const database = new Database(file);
  database.exec(`CREATE TABLE guild_configurations (
    guildid TEXT PRIMARY KEY, data TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1) STRICT`);
  await initializeTrail(file, { ...DEPLOY, alongside: true });
  const trail = await openTrail(file);
  await trail.capture(['guild_configurations'], {
    entityType: 'guild_configuration',
    scope: { kind: 'guild', column: 'guildid' },
    json: ['data'],
    requireActor: true,
    ...DEPLOY,
  });
  await trail.close();
  const daybook = attach(database);
  onTestFinished(() => void database.close());
  return {
    file,
    database,
    daybook,
    create: (guild, document) =>
      daybook.transaction({ actor: 'u-1', reason: 'set up' }, (db) => {
        db.prepare('INSERT INTO guild_configurations (guildid, data) VALUES (?, ?)').run(
          guild,
          JSON.stringify(document),
        );
      }),
    update: (guild, revision, document) => {
      try {
        daybook.transaction({ actor: 'u-2', correlationId: 'request-9' }, (db) => {
          const { changes } = db
            .prepare(
              'UPDATE guild_configurations SET data = ?, revision = revision + 1 WHERE guildid = ? AND revision = ?',
            )
            .run(JSON.stringify(document), guild, revision);
          if (changes === 0) throw new StaleRevision(`revision ${revision} of guild ${guild} is not the latest`);
        });
      } catch (error) {
        if (error instanceof StaleRevision) {
          attach(database).record({
            action: 'deprecated',
            actor: 'u-2',
            actor_type: 'user',
            scope: `guild:${guild}`,
            entity_type: 'guild_configuration',
            entity_id: guild,
            message: error.message,
            metadata: { expected_revision: revision },
            new_values: { data: document },
          });
        }
        throw error;
      }
    },
  };
}

const contexts = (database: Database.Database): unknown =>
  database.prepare('SELECT count(*) FROM daybook_context').pluck().get();
const configuration = (database: Database.Database, guild: string): unknown =>
  database.prepare('SELECT data FROM guild_configurations WHERE guildid = ?').pluck().get(guild);

describe('the configuration of a guild', () => {
  it('has an entry for its creation and one for each update, with who, why and the fields that changed', async () => {
    const { file, database, create, update } = await guilds();
    create(GUILD, { minLevel: 5, announce: { channelid: '99123456789012345678' }, roles: ['1', '2'] });
    update(GUILD, 1, { minLevel: 5, announce: { channelid: '99123456789012345679' }, roles: ['1', '2', '3'] });
    const entries = await entriesOf(file, { category: ['entity'] });
    expect(entries).toMatchObject([
      { action: 'create', actor: 'u-1', actor_type: 'user', entity_id: GUILD, scope: `guild:${GUILD}` },
      { action: 'update', actor: 'u-2', entity_id: GUILD, scope: `guild:${GUILD}`, correlation_id: 'request-9' },
    ]);
    expect(JSON.parse(entries[0]?.metadata ?? '')).toEqual({ table: 'guild_configurations', reason: 'set up' });
    expect(JSON.parse(entries[1]?.changed_fields ?? '')).toEqual(['data.roles', 'data.announce.channelid', 'revision']);
    const newest = JSON.parse(entries[1]?.new_values ?? '') as { data: string };
    expect(JSON.parse(newest.data)).toMatchObject({ announce: { channelid: '99123456789012345679' } });
    expect(contexts(database)).toBe(0);
  });

  it('has a history by its guild', async () => {
    const { file, create, update } = await guilds();
    create(GUILD, { minLevel: 5 });
    create(OTHER_GUILD, { minLevel: 1 });
    update(GUILD, 1, { minLevel: 6 });
    const byScope = await entriesOf(file, { scope: [`guild:${GUILD}`] });
    expect(byScope.map(({ action, entity_id: id }) => [action, id])).toEqual([
      ['create', GUILD],
      ['update', GUILD],
    ]);
    expect(await entriesOf(file, { entity: [{ type: 'guild_configuration', id: GUILD }] })).toEqual(byScope);
  });

  it('does not change where its entry is refused, and the failure reaches the caller', async () => {
    const { file, database, create, update } = await guilds();
    create(GUILD, { minLevel: 5 });
    const before = await entriesOf(file);
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(ABORT, 'no room'); END`);
    expect(() => update(GUILD, 1, { minLevel: 6 })).toThrow('no room');
    expect(() => create(OTHER_GUILD, { minLevel: 1 })).toThrow('no room');
    database.exec('DROP TRIGGER full');
    expect(configuration(database, GUILD)).toBe('{"minLevel":5}');
    expect(configuration(database, OTHER_GUILD)).toBeUndefined();
    expect(await entriesOf(file)).toEqual(before);
    expect([contexts(database), database.inTransaction]).toEqual([0, false]);
  });

  it('does not change where an entry is silently skipped either, nor where nobody says who acts', async () => {
    const { database, create, update } = await guilds();
    create(GUILD, { minLevel: 5 });
    database.exec(`CREATE TRIGGER skips BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END`);
    expect(() => update(GUILD, 1, { minLevel: 6 })).toThrow('cannot be recorded, so the change is refused');
    database.exec('DROP TRIGGER skips');
    expect(() => database.exec(`UPDATE guild_configurations SET data = '{}'`)).toThrow('must say who makes it');
    expect(configuration(database, GUILD)).toBe('{"minLevel":5}');
  });

  it('refuses a stale update, and tells of it in the trail all the same', async () => {
    const { file, database, create, update } = await guilds();
    create(GUILD, { minLevel: 5 });
    update(GUILD, 1, { minLevel: 6 });
    expect(() => update(GUILD, 1, { minLevel: 7 })).toThrow(StaleRevision);
    expect(configuration(database, GUILD)).toBe('{"minLevel":6}');
    const entries = await entriesOf(file, { scope: [`guild:${GUILD}`] });
    expect(entries.map(({ action }) => action)).toEqual(['create', 'update', 'deprecated']);
    expect(entries[2]).toMatchObject({ actor: 'u-2', entity_id: GUILD, new_values: '{"data":{"minLevel":7}}' });
  });
});

describe('a transaction with a context', () => {
  /** Who captured changes are taken to be by, in order. */
  const actors = async (file: string): Promise<string[]> =>
    (await entriesOf(file, { category: ['entity'] })).map(({ actor }) => actor);

  async function captured(): Promise<{ file: string; database: Database.Database }> {
    const { file, database } = await application();
    const trail = await openTrail(file);
    await trail.capture(['settings'], DEPLOY);
    await trail.close();
    onTestFinished(() => void database.close());
    return { file, database };
  }

  const set = (database: Database.Database, to: number): unknown =>
    database.prepare('UPDATE settings SET level = ?').run(to);

  it('gives what its work gives, and takes the write lock at once', async () => {
    const { file, database } = await captured();
    const other = new Database(file, { timeout: 0 });
    const given = attach(database).transaction({ actor: 'u-1' }, (db) => {
      expect(() => other.exec('BEGIN IMMEDIATE')).toThrow('locked');
      set(db, 6);
      return { level: 6 };
    });
    other.close();
    expect(given).toEqual({ level: 6 });
    expect(await actors(file)).toEqual(['u-1']);
  });

  it.each(['ON', 'OFF'])('leaves no context behind where its work throws, foreign keys %s', async (foreignKeys) => {
    const { file, database } = await captured();
    database.exec(`PRAGMA foreign_keys = ${foreignKeys}`);
    const failing = (): unknown =>
      attach(database).transaction({ actor: 'u-1' }, () => {
        set(database, 6);
        throw new Error('something later failed');
      });
    expect(failing).toThrow('something later failed');
    expect([level(database), contexts(database), database.inTransaction]).toEqual([5, 0, false]);
    set(database, 7);
    expect(await actors(file)).toEqual(['unknown']);
  });

  it('is a savepoint in a transaction of the application, which goes on without the context', async () => {
    const { file, database } = await captured();
    const daybook = attach(database);
    database.transaction(() => {
      set(database, 6);
      daybook.transaction({ actor: 'u-1' }, () => set(database, 7));
      const failing = (): unknown =>
        daybook.transaction({ actor: 'u-2' }, () => {
          set(database, 8);
          throw new Error('only this part');
        });
      expect(failing).toThrow('only this part');
      expect(level(database)).toBe(7);
      set(database, 9);
    })();
    expect(await actors(file)).toEqual(['unknown', 'u-1', 'unknown']);
    expect([level(database), contexts(database)]).toEqual([9, 0]);
  });

  it('restores the context around it, also where it fails', async () => {
    const { file, database } = await captured();
    const daybook = attach(database);
    daybook.transaction({ actor: 'u-1', actorType: 'moderator', correlationId: 'c-1', reason: 'why' }, () => {
      daybook.transaction({ actor: 'u-2' }, () => set(database, 6));
      set(database, 7);
      const failing = (): unknown =>
        daybook.transaction({ actor: 'u-3' }, () => {
          set(database, 8);
          throw new Error('only this part');
        });
      expect(failing).toThrow('only this part');
      set(database, 9);
    });
    const entries = await entriesOf(file, { category: ['entity'] });
    const outer = { actor: 'u-1', actor_type: 'moderator', correlation_id: 'c-1' };
    expect(entries).toMatchObject([
      { actor: 'u-2', actor_type: 'user', correlation_id: null, metadata: '{"table":"settings"}' },
      { ...outer, metadata: '{"table":"settings","reason":"why"}' },
      outer,
    ]);
    expect(contexts(database)).toBe(0);
  });

  it('restores a context that plain SQL set, unless it had expired', async () => {
    const { file, database } = await captured();
    const daybook = attach(database);
    database.exec(`BEGIN; INSERT INTO daybook_context (actor, recorded_by) VALUES ('ana', 'root@web-1')`);
    daybook.transaction({ actor: 'u-1' }, () => set(database, 6));
    set(database, 7);
    expect(database.prepare('SELECT recorded_by FROM daybook_entries ORDER BY seq DESC LIMIT 2').pluck().all()).toEqual(
      ['root@web-1', null],
    );
    database.exec(`UPDATE daybook_context SET used = used - 1`);
    daybook.transaction({ actor: 'u-2' }, () => set(database, 8));
    set(database, 9);
    database.exec('DELETE FROM daybook_context; COMMIT');
    expect(await actors(file)).toEqual(['u-1', 'ana', 'u-2', 'unknown']);
  });

  it('refuses an async function, and a generator, before any of it runs', async () => {
    const { file, database } = await captured();
    let ran = 0;
    const later = [
      async (): Promise<void> => void ran++,
      function* (): Generator<number> {
        yield ran++;
      },
      async function* (): AsyncGenerator<number> {
        yield ran++;
      },
      'UPDATE settings SET level = 6',
      undefined,
    ] as unknown as (() => undefined)[];
    for (const work of later) {
      expect(() => attach(database).transaction({ actor: 'u-1' }, work)).toThrow(
        expect.objectContaining({ kind: 'usage', field: 'work', message: expect.stringContaining('synchronous') }),
      );
    }
    await Promise.resolve();
    expect([ran, level(database), contexts(database), await actors(file)]).toEqual([0, 5, 0, []]);
  });

  it('takes back what a function did that gives a promise', async () => {
    const { file, database } = await captured();
    const work = (): Promise<void> => {
      set(database, 6);
      return Promise.resolve();
    };
    // @ts-expect-error a promise is refused by the compiler already
    expect(() => attach(database).transaction({ actor: 'u-1' }, work)).toThrow('must be synchronous');
    expect([level(database), contexts(database), await actors(file)]).toEqual([5, 0, []]);
  });

  it('keeps its context for as long as its work takes', async () => {
    const { file, database } = await captured();
    const used = (): unknown => database.prepare('SELECT used FROM daybook_context').pluck().get();
    const daybook = attach(database);
    daybook.transaction({ actor: 'u-1' }, () => {
      set(database, 6);
      daybook.transaction({ actor: 'u-2' }, () => set(database, 7));
      // A day that no clock shows: it does not expire.
      expect(used()).toBe(1e9);
      set(database, 8);
      expect(used()).toBe(1e9);
    });
    expect(await actors(file)).toEqual(['u-1', 'u-2', 'u-1']);
  });

  it('leaves no context behind either where its work ended the transaction and failed then', async () => {
    const { database } = await captured();
    database.exec('PRAGMA foreign_keys = OFF');
    const careless = (): unknown =>
      attach(database).transaction({ actor: 'u-1' }, () => {
        set(database, 6);
        database.exec('COMMIT');
        throw new Error('after that');
      });
    expect(careless).toThrow('after that');
    expect([level(database), contexts(database), database.inTransaction]).toEqual([6, 0, false]);
  });

  it('clears and records a context that leaked before', async () => {
    const { file, database } = await captured();
    database.exec(`PRAGMA foreign_keys = OFF; INSERT INTO daybook_context (actor) VALUES ('ana')`);
    attach(database).transaction({ actor: 'u-1' }, () => set(database, 6));
    expect((await entriesOf(file)).slice(1)).toMatchObject([
      { action: 'context_clear', severity: 'warning', metadata: '{"actor":"ana"}' },
      { action: 'update', actor: 'u-1' },
    ]);
  });

  it('refuses a context without an actor, in words', async () => {
    const { database } = await captured();
    const daybook = attach(database);
    expect(() => daybook.transaction({ actor: '' }, () => set(database, 6))).toThrow('actor "" must not be empty');
    expect(() => daybook.transaction({}, () => set(database, 6))).toThrow('actor is missing: say who acts');
    expect(level(database)).toBe(5);
  });

  it('works on a connection that gives whole numbers as bigint', async () => {
    const { file, database } = await captured();
    database.defaultSafeIntegers();
    attach(database).transaction({ actor: 'u-1' }, (db) => {
      attach(db).transaction({ actor: 'u-2' }, () => set(db, 6));
      expect(attach(db).record({ action: 'told', actor: 'u-1' }).seq).toBe(3);
      set(db, 7);
    });
    expect(await actors(file)).toEqual(['u-2', 'u-1', 'u-1']);
  });

  it('refuses a database without a trail', () => {
    const database = new Database(path.join(temporaryDirectory(), 'app.db'));
    expect(() => attach(database)).toThrow(expect.objectContaining({ kind: 'missing' }));
    database.close();
  });
});

describe('an entry in a transaction with a context', () => {
  const OUTER = { actor: 'u-1', actorType: 'moderator', recordedBy: 'root@web-1', correlationId: 'c-1', reason: 'why' };

  /** The last entry recorded. */
  const last = async (file: string): Promise<TrailEntry<'text'> | undefined> => (await entriesOf(file)).at(-1);

  it('gets of who and why what it does not say itself', async () => {
    const { file, database } = await application();
    const daybook = attach(database);
    const told = async (fields: Partial<EntryFields>, through: Attached<Database.Database> = daybook) => {
      daybook.transaction(OUTER, () => through.record({ action: 'told', ...fields }));
      return last(file);
    };
    const who = { actor: 'u-1', actor_type: 'moderator', recorded_by: 'root@web-1' };
    const whole = { ...who, correlation_id: 'c-1', metadata: '{"reason":"why"}' };
    expect(await told({})).toMatchObject(whole);
    expect(await told({ metadata: { ip: 1 } })).toMatchObject({ ...whole, metadata: '{"ip":1,"reason":"why"}' });
    expect(await told({ metadata: { reason: 'mine' } })).toMatchObject({ ...whole, metadata: '{"reason":"mine"}' });
    expect(await told({ correlation_id: 'c-2' })).toMatchObject({ ...whole, correlation_id: 'c-2' });
    expect(await told({ correlation_id: null })).toMatchObject({ ...who, correlation_id: null });
    // Another actor is of another kind, and ran the program himself.
    expect(await told({ actor: 'u-2' })).toMatchObject({
      actor: 'u-2',
      actor_type: 'user',
      recorded_by: null,
      correlation_id: 'c-1',
    });
    expect(await told({ actor: 'cron', actor_type: 'system' })).toMatchObject({ actor: 'cron', actor_type: 'system' });
    expect(await told({}, daybook.with({ actor: 'u-3' }))).toMatchObject({ actor: 'u-3', actor_type: 'user' });
    database.close();
  });

  it('gets it from a context that plain SQL set, too, and nothing outside of it', async () => {
    const { file, database } = await application();
    const daybook = attach(database);
    database.exec(`BEGIN; INSERT INTO daybook_context (actor, correlation_id) VALUES ('ana', 'c-9')`);
    daybook.record({ action: 'told' });
    database.exec('DELETE FROM daybook_context; COMMIT');
    expect(await last(file)).toMatchObject({ actor: 'ana', actor_type: 'user', correlation_id: 'c-9' });
    daybook.record({ action: 'told' });
    expect(await last(file)).toMatchObject({ actor: 'unknown', actor_type: 'unknown', correlation_id: null });
    // One that leaked is nobody's.
    database.exec(`PRAGMA foreign_keys = OFF; INSERT INTO daybook_context (actor) VALUES ('ana')`);
    daybook.record({ action: 'told' });
    expect(await last(file)).toMatchObject({ actor: 'unknown' });
    database.close();
  });

  it('must say who where the table of its rows asks for that', async () => {
    const { file, database } = await guilds();
    const daybook = attach(database);
    const fields = { action: 'shown', entity_type: 'guild_configuration', entity_id: '1' };
    const refused = { kind: 'refused', field: 'actor' };
    expect(() => daybook.record(fields)).toThrow(expect.objectContaining(refused));
    expect(() => daybook.transaction({ actor: 'u-1' }, () => daybook.record(fields))).not.toThrow();
    daybook.record({ ...fields, actor: 'u-1' });
    daybook.record({ ...fields, entity_type: 'another' });
    const trail = await openTrail(file);
    await expect(trail.record(fields)).rejects.toMatchObject(refused);
    await expect(trail.record([{ action: 'a' }, fields])).rejects.toMatchObject(refused);
    await trail.with({ actor: 'u-1' }).record(fields);
    expect(await trail.count({ action: ['shown', 'a'] })).toBe(4);
    await trail.close();
  });
});

describe('taking back, in a transaction of the application', () => {
  async function recorded(): Promise<{ file: string; database: Database.Database; id: string; seq: number }> {
    const { file, database } = await application();
    const { id, seq } = attach(database).record({ action: 'login', entity_type: 'user', entity_id: '7' });
    onTestFinished(() => void database.close());
    return { file, database, id, seq };
  }

  it('is an entry about the same entity', async () => {
    const { file, database, id, seq } = await recorded();
    const daybook = attach(database);
    const failing = database.transaction(() => {
      daybook.revert(seq, { actor: 'u-7', reason: 'slip' });
      throw new Error('something later failed');
    });
    expect(failing).toThrow('something later failed');
    expect(await entriesOf(file)).toHaveLength(1);
    daybook.transaction({ actor: 'u-7', correlationId: 'c-1' }, () => daybook.revert(id, { reason: 'was another' }));
    expect((await entriesOf(file))[1]).toMatchObject({
      action: 'revert',
      message: 'was another',
      reverts: id,
      actor: 'u-7',
      correlation_id: 'c-1',
      entity_type: 'user',
      entity_id: '7',
      metadata: '{}',
    });
  });

  it('is refused where there is nothing to take back any more, whichever way it is asked for', async () => {
    const { file, database, id, seq } = await recorded();
    const daybook = attach(database);
    const trail = await openTrail(file);
    const by = { actor: 'u-7', reason: 'slip' };
    const ways = [
      (target: string) => daybook.record({ action: 'revert', reverts: target }),
      (target: string) => database.transaction(() => daybook.record({ action: 'revert', reverts: target }))(),
      (target: string) => daybook.record([{ action: 'a' }, { action: 'revert', reverts: target }]),
      (target: string) => daybook.revert(target, by),
      (target: string) => trail.record({ action: 'revert', reverts: target }),
      (target: string) => trail.revert(target, by),
    ];
    for (const [index, way] of ways.entries()) {
      const missing = async (): Promise<unknown> => way('nothing');
      await expect(missing(), `way ${index}`).rejects.toMatchObject({ kind: 'missing' });
    }
    const twice = [seq, seq].map(() => ({ action: 'revert', reverts: id }));
    expect(() => daybook.record(twice)).toThrow(expect.objectContaining({ kind: 'refused' }));
    await expect(trail.record(twice)).rejects.toMatchObject({ kind: 'refused' });
    expect(await entriesOf(file)).toHaveLength(1);
    const first = daybook.record({ action: 'revert', reverts: id, id: 'my-revert' });
    for (const [index, way] of ways.entries()) {
      const again = async (): Promise<unknown> => way(id);
      await expect(again(), `way ${index}`).rejects.toMatchObject({ kind: 'refused' });
    }
    // What is recorded already is no second one.
    expect(daybook.record({ action: 'revert', reverts: id, id: 'my-revert' })).toEqual({ ...first, skipped: true });
    // Taking the revert back makes the first hold again.
    daybook.revert('my-revert', by);
    daybook.revert(id, by);
    expect(await entriesOf(file)).toHaveLength(4);
    await trail.close();
  });
});

describe('what goes wrong on a connection of the application', () => {
  const record = (database: Database.Database): unknown => attach(database).record({ action: 'told' });

  it.each([
    ['no trail', 'missing', () => new Database(':memory:')],
    [
      'a closed connection',
      'usage',
      async () => {
        const { database } = await application();
        database.close();
        return database;
      },
    ],
    [
      'a connection that only reads',
      'failed',
      async () => {
        const { file, database } = await application();
        database.close();
        return new Database(file, { readonly: true });
      },
    ],
    [
      'a database that is locked',
      'busy',
      async () => {
        const { file, database } = await application();
        database.close();
        const other = new Database(file);
        other.exec('BEGIN IMMEDIATE');
        onTestFinished(() => void other.close());
        return new Database(file, { timeout: 0 });
      },
    ],
  ] as const)('is said in words: %s', async (_what, kind, open) => {
    const database = await open();
    onTestFinished(() => void database.close());
    let thrown: unknown;
    try {
      record(database);
    } catch (error) {
      thrown = error;
    }
    expect(isDaybookError(thrown) && [thrown.kind, thrown.message]).toEqual([kind, expect.not.stringMatching(/--/)]);
  });

  it('is busy where the lock is not to be had at the end', async () => {
    const { file, database } = await application();
    database.pragma('journal_mode = DELETE');
    database.pragma('busy_timeout = 0');
    const reader = new Database(file);
    onTestFinished(() => void reader.close());
    reader.exec('BEGIN; SELECT count(*) FROM settings');
    const change = (): unknown =>
      attach(database).transaction({ actor: 'u-1' }, (db) => void db.exec('UPDATE settings SET level = 9'));
    expect(change).toThrow(expect.objectContaining({ kind: 'busy' }));
    reader.exec('COMMIT');
    expect([level(database), database.inTransaction]).toEqual([5, false]);
    database.close();
  });

  it('is said when it is closed later, too', async () => {
    const { database } = await application();
    const daybook = attach(database);
    daybook.record({ action: 'told' });
    database.close();
    const closed = expect.objectContaining({ kind: 'usage', message: expect.stringContaining('is closed') });
    expect(() => daybook.record({ action: 'told' })).toThrow(closed);
    expect(() => daybook.transaction({ actor: 'u-1' }, () => undefined)).toThrow(closed);
    expect(() => daybook.revert(1, { actor: 'u-1', reason: 'r' })).toThrow(closed);
  });

  it('is the same for an id that is there already as in a trail', async () => {
    const { file, database } = await application();
    const daybook = attach(database);
    const fields = { action: 'told', id: 'my-1', message: 'one' };
    const first = daybook.record(fields);
    expect(first.skipped).toBe(false);
    expect(daybook.record(fields)).toEqual({ ...first, skipped: true });
    const other = { ...fields, message: 'two' };
    const refused = { kind: 'refused', field: 'id', value: 'my-1' };
    expect(() => daybook.record(other)).toThrow(expect.objectContaining(refused));
    expect(() => daybook.record([{ action: 'before' }, other])).toThrow(expect.objectContaining(refused));
    const trail = await openTrail(file);
    expect(await trail.record(fields)).toEqual({ ...first, skipped: true });
    await expect(trail.record([{ action: 'before' }, other])).rejects.toMatchObject(refused);
    expect(await trail.count()).toBe(1);
    await trail.close();
    database.close();
  });

  it('leaves errors of the application as they are', async () => {
    const { database } = await application();
    const daybook = attach(database);
    database.exec('CREATE TABLE child (parent REFERENCES settings (id) DEFERRABLE INITIALLY DEFERRED)');
    const orphan = (): unknown =>
      daybook.transaction({ actor: 'u-1' }, (db) => void db.exec('INSERT INTO child VALUES (9)'));
    expect(orphan).toThrow(Database.SqliteError);
    expect([database.inTransaction, contexts(database)]).toEqual([false, 0]);
    const wrong = (): unknown => daybook.transaction({ actor: 'u-1' }, (db) => db.prepare('SELECT * FROM nothing'));
    expect(wrong).toThrow(Database.SqliteError);
    const odd = (): unknown =>
      daybook.transaction({ actor: 'u-1' }, () => {
        // oxlint-disable-next-line no-throw-literal
        throw 'a text';
      });
    expect(odd).toThrow('a text');
    expect(database.inTransaction).toBe(false);
    database.close();
  });
});
