// A bot's store of guild configurations with revisions. The rows are captured, so every change has its entry, also one that
// another program makes. An update that expects an older revision is refused, and told of all the same.
import Database from 'better-sqlite3';
import { attach, initializeTrail, openTrail } from 'daybook';
import type { Attached, Trail } from 'daybook';

class StaleRevision extends Error {}

class Guilds {
  readonly #daybook: Attached<Database.Database>;

  constructor(database: Database.Database) {
    this.#daybook = attach(database);
  }

  create(guild: string, document: object, member: string): void {
    this.#daybook.transaction({ actor: member, reason: 'set up' }, (database) => {
      database.prepare('INSERT INTO guilds (guild, data) VALUES (?, ?)').run(guild, JSON.stringify(document));
    });
  }

  update(guild: string, revision: number, document: object, member: string): void {
    const daybook = this.#daybook.with({ actor: member });
    try {
      daybook.transaction({}, (database) => {
        const { changes } = database
          .prepare('UPDATE guilds SET data = ?, revision = revision + 1 WHERE guild = ? AND revision = ?')
          .run(JSON.stringify(document), guild, revision);
        if (changes === 0) throw new StaleRevision(`revision ${revision} of guild ${guild} is not the latest`);
      });
    } catch (error) {
      if (error instanceof StaleRevision) {
        // The transaction is taken back: this entry has one of its own.
        daybook.record({
          action: 'stale_update',
          severity: 'warning',
          scope: `guild:${guild}`,
          entity_type: 'guild',
          entity_id: guild,
          message: error.message,
          new_values: { data: document },
        });
      }
      throw error;
    }
  }
}

/** Snowflakes are texts: a number would lose their last digits. */
const GUILD = '1138912345678901234';

async function setUp(database: Database.Database): Promise<Trail> {
  database.exec(
    'CREATE TABLE guilds (guild TEXT PRIMARY KEY, data TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1)',
  );
  await initializeTrail(database, { actor: 'deploy', actorType: 'system' });
  const trail = await openTrail(database);
  await trail.capture(['guilds'], {
    entityType: 'guild',
    scope: { kind: 'guild', column: 'guild' },
    json: ['data'],
    requireActor: true,
    actor: 'deploy',
    actorType: 'system',
  });
  return trail;
}

async function main(): Promise<void> {
  // In memory, as a test would have it; a file is the same.
  const database = new Database(':memory:');
  const trail = await setUp(database);
  const guilds = new Guilds(database);
  guilds.create(GUILD, { minLevel: 5, roles: ['1'] }, 'u-1');
  guilds.update(GUILD, 1, { minLevel: 6, roles: ['1'] }, 'u-2');
  try {
    guilds.update(GUILD, 1, { minLevel: 7, roles: [] }, 'u-3');
  } catch (error) {
    console.log(String(error));
  }
  try {
    database.exec("UPDATE guilds SET data = '{}'");
  } catch (error) {
    console.log('refused:', String(error).includes('must say who makes it'));
  }
  for await (const entry of trail.entries({ filter: { scope: [`guild:${GUILD}`] }, order: 'oldest' })) {
    console.log(entry.action, entry.actor, JSON.stringify(entry.changed_fields));
  }
  for await (const change of trail.changes('data.minLevel', { entity: [{ type: 'guild', id: GUILD }] })) {
    console.log(`minLevel ${String(change.old)} to ${String(change.new)} by ${change.actor}`);
  }
  const before = await trail.state({ type: 'guild', id: GUILD }, { atEntry: 2 });
  console.log('then', before.values?.['data']);
  await trail.close();
  database.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
