import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, inTestDirectory, json, ok, toLines } from '../support/cli.js';

interface Row {
  readonly key: string;
  readonly name: string | null;
  readonly count: number;
  readonly entities?: number;
  readonly per_entity?: number | null;
}

const entry = (scope: string | null, entity: string, action: string, more: object = {}): object => ({
  action,
  scope,
  entity_type: entity.split(':')[0],
  entity_id: entity.split(':')[1],
  ...more,
});

/** Machine 7 has three settlements and two dispenses, machine 3 one and one, machine 9 one and none. */
async function fleet(): Promise<void> {
  const entries = [
    entry('machine:7', 'settlement:1', 'note'),
    entry('machine:7', 'settlement:1', 'partial_dispense'),
    entry('machine:7', 'settlement:1', 'partial_dispense'),
    entry('machine:7', 'settlement:2', 'balance_settle'),
    entry('machine:7', 'settlement:3', 'note', { ts: '2025-01-01T00:00:00Z' }),
    entry('machine:7', 'machine:7', 'door_open'),
    entry('machine:3', 'settlement:4', 'partial_dispense'),
    entry('machine:9', 'settlement:5', 'note'),
    entry(null, 'settlement:6', 'partial_dispense'),
  ];
  await ok(['record', '--stdin'], { input: toLines(entries) });
}

const rows = async (...words: readonly string[]): Promise<Row[]> =>
  (await json<{ rows: Row[] }>(['report', 'scopes', ...words, '--format', 'json'])).rows;

function machines(): string {
  const file = inTestDirectory('machines.csv');
  writeFileSync(file, 'id,name\n7,Front desk\n3,"Gare, east"\n8,\n');
  return file;
}

describe('a report of scopes', () => {
  test('tells the count for each entity that was seen there, with the names of the directory', async () => {
    await fleet();
    expect(await ok(['names', 'import', machines(), '--scope', 'machine', '--quiet'])).toBe('');
    expect(await rows('--action', 'partial_dispense', '--per-entity')).toMatchObject([
      { key: 'machine:7', name: 'Front desk', count: 2, entities: 3, per_entity: 0.666667 },
      { key: 'machine:3', name: 'Gare, east', count: 1, entities: 1, per_entity: 1 },
    ]);
    const lately = await rows('--action', 'partial_dispense', '--per-entity', '--since', '2025-06');
    expect(lately[0]).toMatchObject({ key: 'machine:7', count: 2, entities: 2, per_entity: 1 });
    // Of all that machine 7 did, the door is about no settlement.
    expect((await rows('--per-entity'))[0]).toMatchObject({ count: 6, entities: 4, per_entity: 1.5 });
    expect((await rows('--per-entity', '--entity', 'settlement:1'))[0]).toMatchObject({ count: 3, entities: 1 });
    expect((await rows())[0]).not.toHaveProperty('entities');
  });

  test('has it in every form', async () => {
    await fleet();
    await ok(['actors', 'import', machines(), '--scope', 'machine', '--quiet']);
    const words = ['report', 'scopes', '--action', 'partial_dispense', '--per-entity'];
    const csv = await ok([...words, '--format', 'csv']);
    expect(csv.split('\n')[0]).toBe('key,name,count,first,last,reverted,share,entities,per_entity');
    expect(csv).toMatch(/^machine:7,Front desk,2,.*,0\.5,3,0\.666667$/m);
    expect(await ok(words)).toMatch(/^machine:7\tFront desk\t2\t3\t0\.667\t50\.0%/m);
    const by = await ok(['report', 'actors', '--by', 'scope', '--format', 'csv', '--scope', 'machine:7']);
    expect(by).toContain('machine:7,Front desk');
  });

  test('alone has it', async () => {
    expect(await cli(['report', 'actors', '--per-entity'])).toMatchObject({ code: 2 });
  });
});

describe('names of scopes', () => {
  test('come from a table as well, and are told', async () => {
    await ok(['init']);
    const file = inTestDirectory('shop.db');
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(file);
    database.exec("CREATE TABLE dca_machines (id TEXT, name TEXT); INSERT INTO dca_machines VALUES ('7', 'Desk')");
    database.close();
    const words = ['actors', 'import', '--from', 'shop.dca_machines(id, name)', '--attach', `shop=${file}`];
    expect(await json([...words, '--scope', 'machine', '--format', 'json'])).toMatchObject({ added: 1 });
    expect(await ok(['names', 'list', '--format', 'csv'])).toBe('id,name,email\nmachine:7,Desk,\n');
  });

  test('are no names of actors: --actor does not mean a machine', async () => {
    await fleet();
    await ok(['names', 'import', machines(), '--scope', 'machine', '--quiet']);
    await ok(['actors', 'set', 'u-1', '--name', 'Front desk', '--quiet']);
    await ok(['record', '--action', 'x', '--as', 'u-1', '--quiet']);
    expect(await ok(['count', '--actor', 'Front desk', '--not', 'category=system'])).toBe('1\n');
  });

  test.each(['', 'a:b'])('need a kind: %j is none', async (kind) => {
    const refused = await cli(['actors', 'import', machines(), '--scope', kind]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is not a kind, such as machine')]);
  });
});
