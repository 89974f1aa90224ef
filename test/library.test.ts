import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  attach,
  captureRequest,
  DaybookError,
  entryOf,
  history,
  initializeTrail,
  openTrail,
  parseFilter,
  preparePrune,
  record,
  recordIn,
  setPolicy,
  timeline,
  undo,
} from '../src/index.js';
import type { Attached, Filter, HistoryEntry } from '../src/index.js';
import { temporaryDirectory } from './support/program.js';

const WHOLE = { filter: {}, order: 'oldest', limit: 50, question: '' } as const;

async function entriesOf(file: string, filter: Filter = {}): Promise<HistoryEntry[]> {
  const store = await openTrail(file, { readonly: true });
  const found: HistoryEntry[] = [];
  for await (const page of history(store, { ...WHOLE, filter }, { as: 'entries' })) {
    if (page.as === 'entries') found.push(...page.entries);
  }
  await store.close();
  return found;
}

async function messages(file: string): Promise<string[]> {
  return (await entriesOf(file)).map((entry) => entry.message);
}

async function application(): Promise<{ readonly file: string; readonly database: Database.Database }> {
  const file = path.join(temporaryDirectory(), 'app.db');
  const database = new Database(file);
  database.exec('CREATE TABLE settings (id INTEGER PRIMARY KEY, level INTEGER); INSERT INTO settings VALUES (1, 5)');
  await initializeTrail(file, { actor: 'deploy', alongside: true });
  return { file, database };
}

const level = (database: Database.Database): unknown => database.prepare('SELECT level FROM settings').pluck().get();

describe('the library', () => {
  it('creates, records and reads a trail', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect((await initializeTrail(file, { actor: 'deploy' })).outcome).toBe('created');
    expect((await initializeTrail(file, { actor: 'deploy' })).outcome).toBe('unchanged');
    const store = await openTrail(file);
    const entry = entryOf({ action: 'login', message: 'in', metadata: { big: 12345678901234567890n } });
    const { seq } = await record(store, entry);
    expect((await store.find({ seq }))?.metadata).toBe('{"big":12345678901234567890}');
    await store.close();
    expect(await messages(file)).toEqual(['in']);
  });

  it('refuses a filter with a condition that nobody knows, and a prune with it deletes nothing', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    await initializeTrail(file, { actor: 'deploy' });
    const store = await openTrail(file);
    await record(store, entryOf({ action: 'login', actor: 'u-42' }));
    const filter = { actors: ['nobody'] } as unknown as Filter;
    const refused = { kind: 'usage', message: expect.stringContaining('"actors"') };
    const rules = [{ name: null, filter, before: Date.now() + 1000, keep: null }];
    const actor = { actor: 'deploy', actor_type: 'system', recorded_by: null };
    const request = { command: 'prune', rules, actor, reason: null } as const;
    await expect(preparePrune(store, request, Date.now())).rejects.toMatchObject(refused);
    const policy = { name: 'all', filter, maxAge: '90d', maxEntries: null };
    await expect(setPolicy(store, policy, actor, false)).rejects.toMatchObject(refused);
    await expect(undo(store, filter, actor, { reason: 'slip' })).rejects.toMatchObject(refused);
    await expect(timeline(store, { filter, bucket: 'day', zone: 'UTC', now: 0 })).rejects.toMatchObject(refused);
    // A promise that nobody awaited has no conditions that anybody could see.
    const asked = parseFilter({ actor: ['nobody'] }, () => ({ now: Date.now(), zone: 'UTC' }));
    const unawaited = { name: null, filter: asked as unknown as Filter, before: Date.now() + 1000, keep: null };
    await expect(preparePrune(store, { ...request, rules: [unawaited] }, Date.now())).rejects.toMatchObject({
      kind: 'usage',
    });
    await store.close();
    expect(await messages(file)).toHaveLength(1);
  });

  it('refuses an invalid entry in words', () => {
    const wrong = (): unknown => entryOf({ action: 'login', severity: 'fatal' });
    expect(wrong).toThrow(DaybookError);
    expect(wrong).toThrow('severity "fatal" is not one of info, warning, error');
  });

  it('records in the transaction of the application, with its change or not at all', async () => {
    const { file, database } = await application();
    const setLevel = database.transaction((to: number, after: () => void) => {
      database.prepare('UPDATE settings SET level = ?').run(to);
      recordIn(database, { action: 'update', message: `level ${to}`, actor: 'u-42' });
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
      recordIn(database, { action: 'update', actor });
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
  await initializeTrail(file, { actor: 'deploy', alongside: true });
  const store = await openTrail(file);
  const request = captureRequest({
    entityType: 'guild_configuration',
    scope: { kind: 'guild', column: 'guildid' },
    json: ['data'],
    requireActor: true,
  });
  await store.addCaptures(['guild_configurations'], request, {
    actor: 'deploy',
    actor_type: 'system',
    recorded_by: null,
  });
  await store.close();
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
          recordIn(database, {
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
    const store = await openTrail(file);
    const deploy = { actor: 'deploy', actor_type: 'system', recorded_by: null };
    await store.addCaptures(['settings'], captureRequest(), deploy);
    await store.close();
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

  it('refuses work that goes on after its end', async () => {
    const { file, database } = await captured();
    const work = async (): Promise<void> => {
      set(database, 6);
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
    // @ts-expect-error as JavaScript could
    expect(() => daybook.transaction({}, () => set(database, 6))).toThrow('actor "" must not be empty');
    expect(level(database)).toBe(5);
  });

  it('works on a connection that gives whole numbers as bigint', async () => {
    const { file, database } = await captured();
    database.defaultSafeIntegers();
    attach(database).transaction({ actor: 'u-1' }, (db) => {
      attach(db).transaction({ actor: 'u-2' }, () => set(db, 6));
      expect(recordIn(db, { action: 'told', actor: 'u-1' }).seq).toBe(3);
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
