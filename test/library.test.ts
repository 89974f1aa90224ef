import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { DaybookError, entryOf, history, initializeTrail, openTrail, record, recordIn } from '../src/index.js';
import { temporaryDirectory } from './support/program.js';

const WHOLE = { filter: {}, order: 'oldest', limit: 50, question: '' } as const;

async function messages(file: string): Promise<string[]> {
  const store = openTrail(file, { readonly: true });
  const found: string[] = [];
  for await (const page of history(store, WHOLE, { as: 'entries' })) {
    if (page.as === 'entries') found.push(...page.entries.map((entry) => entry.message));
  }
  await store.close();
  return found;
}

function application(): { readonly file: string; readonly database: Database.Database } {
  const file = path.join(temporaryDirectory(), 'app.db');
  const database = new Database(file);
  database.exec('CREATE TABLE settings (id INTEGER PRIMARY KEY, level INTEGER); INSERT INTO settings VALUES (1, 5)');
  initializeTrail(file, { actor: 'deploy', alongside: true });
  return { file, database };
}

const level = (database: Database.Database): unknown => database.prepare('SELECT level FROM settings').pluck().get();

describe('the library', () => {
  it('creates, records and reads a trail', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect(initializeTrail(file, { actor: 'deploy' }).outcome).toBe('created');
    expect(initializeTrail(file, { actor: 'deploy' }).outcome).toBe('unchanged');
    const store = openTrail(file);
    const entry = entryOf({ action: 'login', message: 'in', metadata: { big: 12345678901234567890n } });
    const { seq } = await record(store, entry);
    expect((await store.find({ seq }))?.metadata).toBe('{"big":12345678901234567890}');
    await store.close();
    expect(await messages(file)).toEqual(['in']);
  });

  it('refuses an invalid entry in words', () => {
    const wrong = (): unknown => entryOf({ action: 'login', severity: 'fatal' });
    expect(wrong).toThrow(DaybookError);
    expect(wrong).toThrow('severity "fatal" is not one of info, warning, error');
  });

  it('records in the transaction of the application, with its change or not at all', async () => {
    const { file, database } = application();
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
    const { file, database } = application();
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
