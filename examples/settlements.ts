// A service that settles the cash of machines. Each change and its entry commit together, or neither does.
import Database from 'better-sqlite3';
import { attach, initializeTrail, isDaybookError, openTrail } from 'daybook';
import type { Attached } from 'daybook';

interface Settlement {
  readonly id: string;
  readonly machine: string;
  readonly net: number;
}

class Settlements {
  readonly #database: Database.Database;
  readonly #daybook: Attached<Database.Database>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#daybook = attach(database, { redact: ['card'] });
  }

  /** A machine gave out less than it should: the settlement is that much smaller. Gives the seq of the entry. */
  partialDispense(id: string, missing: number, cashier: string, request: string): number {
    return this.#daybook.transaction({ actor: cashier, correlationId: request }, (database) => {
      const before = this.#settlement(id);
      const net = before.net - missing;
      database.prepare('UPDATE settlements SET net = ? WHERE id = ?').run(net, id);
      const { seq } = this.#daybook.record({
        action: 'partial_dispense',
        severity: 'warning',
        scope: `machine:${before.machine}`,
        entity_type: 'settlement',
        entity_id: id,
        message: `the machine gave out ${net} of ${before.net}`,
        old_values: { net: before.net },
        new_values: { net },
        metadata: { card: '4711 0815' },
      });
      return seq;
    });
  }

  /** It was another settlement: the amount comes back, and the entry is taken back. */
  takeBack(seq: number, id: string, missing: number, supervisor: string): void {
    this.#daybook.transaction({ actor: supervisor, actorType: 'moderator' }, (database) => {
      database.prepare('UPDATE settlements SET net = net + ? WHERE id = ?').run(missing, id);
      this.#daybook.revert(seq, { reason: 'was another settlement' });
    });
  }

  net(id: string): number {
    return this.#settlement(id).net;
  }

  #settlement(id: string): Settlement {
    const found = this.#database.prepare<[string], Settlement>('SELECT * FROM settlements WHERE id = ?').get(id);
    if (found === undefined) throw new Error(`there is no settlement ${id}`);
    return found;
  }
}

async function main(): Promise<void> {
  const database = new Database('settlements.db');
  database.exec('CREATE TABLE settlements (id TEXT PRIMARY KEY, machine TEXT NOT NULL, net INTEGER NOT NULL)');
  database.exec("INSERT INTO settlements VALUES ('s-1', '17', 100), ('s-2', '18', 50)");
  await initializeTrail(database, { actor: 'deploy', actorType: 'system' });

  const settlements = new Settlements(database);
  const seq = settlements.partialDispense('s-1', 10, 'ana', 'request-9');
  console.log('net', settlements.net('s-1'));
  settlements.takeBack(seq, 's-1', 10, 'ines');
  console.log('net', settlements.net('s-1'));
  try {
    settlements.takeBack(seq, 's-1', 10, 'ines');
  } catch (error) {
    // The second time changes nothing, neither the trail nor the settlement.
    if (!isDaybookError(error)) throw error;
    console.log(error.kind, settlements.net('s-1'));
  }

  const trail = await openTrail('settlements.db', { readonly: true });
  const filter = { entity: [{ type: 'settlement', id: 's-1' }] };
  for await (const entry of trail.entries({ filter, order: 'oldest' })) {
    console.log(entry.action, entry.actor, entry.actor_type, entry.correlation_id, JSON.stringify(entry.metadata));
  }
  await trail.close();
  database.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
