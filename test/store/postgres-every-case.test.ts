import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newDatabase, HAS_POSTGRES, urlOf } from './postgres-trail.js';
import { NOTHING_ASKED, postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { ACTOR } from './trail.js';

let scene: PostgresScene;

beforeAll(async () => {
  if (HAS_POSTGRES) scene = await postgresScene();
});

afterAll(async () => {
  if (HAS_POSTGRES) await scene.close();
});

async function another(url = scene.url): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe.skipIf(!HAS_POSTGRES)('row changes in PostgreSQL', () => {
  test('are kept with what a deferred constraint lets through, and gone with what it does not', async () => {
    const parent = await scene.captured('id int PRIMARY KEY');
    const child = await scene.captured(`id int PRIMARY KEY, p int REFERENCES ${parent} DEFERRABLE INITIALLY DEFERRED`);
    await scene.app.query(`BEGIN; INSERT INTO ${child} VALUES (1, 5); INSERT INTO ${parent} VALUES (5); COMMIT`);
    const broken = scene.app.query(`BEGIN; INSERT INTO ${child} VALUES (2, 6); COMMIT`);
    await expect(broken).rejects.toThrow('violates foreign key constraint');
    expect([await scene.told(child), await scene.told(parent)]).toEqual([['create 1'], ['create 5']]);
    // A key that moves on by a constraint that is looked at in the end.
    const turn = await scene.captured(
      'id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text',
      `INSERT INTO T VALUES (1, 'a'), (2, 'b')`,
    );
    await scene.run(turn, `BEGIN; UPDATE T SET id = 3 - id; COMMIT`);
    expect((await scene.told(turn)).toSorted()).toEqual(['create 1', 'create 2', 'delete 1', 'delete 2']);
    const { rows } = await scene.app.query(`SELECT id, v FROM ${turn} ORDER BY id`);
    expect(rows).toEqual([
      { id: 1, v: 'b' },
      { id: 2, v: 'a' },
    ]);
  });

  test('are those of the transactions that were not refused as serialization failures', async () => {
    const table = await scene.captured('id int PRIMARY KEY, n int', `INSERT INTO T VALUES (1, 0)`);
    const clients = await Promise.all([another(), another(), another()]);
    let failures = 0;
    const add = async (client: Client): Promise<void> => {
      for (let done = 0; done < 5;) {
        try {
          await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
          const { rows } = await client.query<{ n: number }>(`SELECT n FROM ${table}`);
          await sleep(5);
          await client.query(`UPDATE ${table} SET n = $1`, [(rows[0]?.n ?? 0) + 1]);
          await client.query('COMMIT');
          done += 1;
        } catch (error) {
          await client.query('ROLLBACK');
          expect((error as { code: string }).code).toBe('40001');
          failures += 1;
        }
      }
    };
    await Promise.all(clients.map(add));
    expect(failures).toBeGreaterThan(0);
    const entries = await scene.entriesOf(table);
    expect(entries.map(({ new_values }) => (JSON.parse(new_values ?? '') as { n: number }).n)).toEqual(
      Array.from({ length: 15 }, (_, index) => index + 1),
    );
  });

  test('come by logical replication as well', async () => {
    const { folder, database } = await newDatabase();
    const publisher = await another(urlOf(folder, database));
    const table = await scene.captured('id int PRIMARY KEY, v text');
    await publisher.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, v text); CREATE PUBLICATION all_of_it FOR ALL TABLES`,
    );
    // Within one cluster, the slot has to be there first.
    const slot = `slot_${database}`;
    await publisher.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    await scene.app.query(
      `CREATE SUBSCRIPTION sub CONNECTION 'host=${folder} user=owner dbname=${database}' PUBLICATION all_of_it WITH (create_slot = false, slot_name = '${slot}', copy_data = false)`,
    );
    onTestFinished(async () => {
      await scene.app.query('ALTER SUBSCRIPTION sub DISABLE; ALTER SUBSCRIPTION sub SET (slot_name = NONE)');
      await scene.app.query('DROP SUBSCRIPTION sub');
    });
    await publisher.query(
      `INSERT INTO ${table} VALUES (1, 'a'), (2, 'b'); UPDATE ${table} SET v = 'c' WHERE id = 1; DELETE FROM ${table} WHERE id = 2`,
    );
    await expect
      .poll(() => scene.told(table), { timeout: 20_000, interval: 200 })
      .toEqual(['create 1', 'create 2', 'update 1', 'delete 2']);
  }, 60_000);

  test('of tables that inherit are those of the table that is captured', async () => {
    const child = scene.name();
    await scene.app.query(`CREATE TABLE ${child}_parent (id int PRIMARY KEY, v text)`);
    await scene.app.query(`CREATE TABLE ${child} (PRIMARY KEY (id)) INHERITS (${child}_parent)`);
    await scene.store.addCaptures([child], NOTHING_ASKED, ACTOR);
    await scene.app.query(
      `INSERT INTO ${child}_parent VALUES (1, 'p'); INSERT INTO ${child} VALUES (2, 'c'); UPDATE ${child}_parent SET v = 'x'`,
    );
    expect(await scene.told(child)).toEqual(['create 2', 'update 2']);
  });
});
