import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, ok, toLines, trail } from '../support/cli.js';

/** What another program may put on the trail, each of which keeps entries from being there as they were given. */
const TRIGGERS = {
  'deletes what comes': `CREATE TRIGGER foreign_one AFTER INSERT ON daybook_entries
    BEGIN
      UPDATE daybook_prunes SET deleting = 1;
      DELETE FROM daybook_entries WHERE seq = NEW.seq;
      UPDATE daybook_prunes SET deleting = 0;
    END`,
  'keeps out what comes': 'CREATE TRIGGER foreign_one BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END',
  'deletes the one before': `CREATE TRIGGER foreign_one AFTER INSERT ON daybook_entries
    WHEN NEW.seq > 2
    BEGIN
      UPDATE daybook_prunes SET deleting = 1;
      DELETE FROM daybook_entries WHERE seq = NEW.seq - 1;
      UPDATE daybook_prunes SET deleting = 0;
    END`,
  'changes what comes': `DROP TRIGGER daybook_entries_append_only_update;
    CREATE TRIGGER foreign_one AFTER INSERT ON daybook_entries
    BEGIN UPDATE daybook_entries SET message = 'nothing happened' WHERE seq = NEW.seq; END`,
  'stands under the name of a mirror': `CREATE TRIGGER "daybook_mirror_foreign_one.x" AFTER INSERT ON daybook_entries
    BEGIN
      UPDATE daybook_prunes SET deleting = 1;
      DELETE FROM daybook_entries WHERE seq = NEW.seq;
      UPDATE daybook_prunes SET deleting = 0;
    END`,
  'stands in the place of a guard': `DROP TRIGGER daybook_entries_append_only_insert;
    CREATE TRIGGER daybook_entries_append_only_insert BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END`,
};

type Which = keyof typeof TRIGGERS;

/** A trail with an entry, an account of a prune for the guard, and a trigger of somebody else's. */
async function sabotaged(which: Which): Promise<Database.Database> {
  await given({ action: 'first', message: 'before' });
  const plain = new Database(await trail());
  plain.exec(`INSERT INTO daybook_prunes (command, state, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid)
    VALUES ('prune', 'done', 'x', 'user', '[]', 1, '', '', '', 1)`);
  plain.exec(TRIGGERS[which]);
  return plain;
}

const many = (count: number, fields: object = {}): string =>
  toLines(Array.from({ length: count }, (_, index) => ({ action: 'a', message: `m${index}`, ...fields })));

async function imported(count: number): Promise<string[]> {
  const file = inTestDirectory('source.ndjson');
  const at = '2026-01-01T00:00:00Z';
  writeFileSync(
    file,
    toLines(Array.from({ length: count }, (_, index) => ({ n: index, at, what: 'did', who: 'bob' }))),
  );
  return ['import', 'ndjson', file, ...['id=n', 'action=what', 'actor=who', 'ts=at'].flatMap((map) => ['--map', map])];
}

/** Every command that records, as its words and its input. */
const RECORDING: Readonly<Record<string, () => Promise<{ words: readonly string[]; input?: string }>>> = {
  record: async () => ({ words: ['record', '--action', 'a', '--message', 'm'] }),
  note: async () => ({ words: ['note', 'machine:1', 'text'] }),
  revert: async () => ({ words: ['revert', '1', '--reason', 'wrong'] }),
  'record --stdin, few': async () => ({ words: ['record', '--stdin'], input: many(3) }),
  'record --stdin, many': async () => ({ words: ['record', '--stdin'], input: many(50) }),
  'record --stdin, of another trail': async () => ({
    words: ['record', '--stdin', '--ack'],
    input: toLines(
      Array.from({ length: 50 }, (_, index) => ({
        id: `id-${index}`,
        action: 'a',
        ts: '2026-01-01T00:00:00.000Z',
        recorded_at: '2026-01-02T00:00:00.000Z',
        source: 'other',
      })),
    ),
  }),
  'import, few': async () => ({ words: await imported(3) }),
  'import, many': async () => ({ words: await imported(50) }),
  'retention set': async () => ({ words: ['retention', 'set', 'p', '--max-age', '2y'] }),
  'actors set': async () => ({ words: ['actors', 'set', 'bob', '--name', 'Bob'] }),
};

describe.each(Object.keys(TRIGGERS) as Which[])('a trigger that %s', (which) => {
  // What it takes is only the entry before: one alone it leaves.
  const single = new Set(['record', 'note', 'revert', 'retention set', 'actors set']);
  test.each(Object.entries(RECORDING).filter(([name]) => which !== 'deletes the one before' || !single.has(name)))(
    '%s says that nothing of it is recorded, and exits 1',
    async (_name, command) => {
      const plain = await sabotaged(which);
      const { words, ...input } = await command();
      const { code, stdout, stderr } = await cli(words, input);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      const name = which === 'stands in the place of a guard' ? 'daybook_entries_append_only_insert' : 'foreign_one';
      expect(stderr).toMatch(/(?:the entry is|\d+ entries are) not recorded: a trigger on daybook_entries \(/);
      expect(stderr).toContain(name);
      expect(stderr).toMatch(/\ntry: daybook status\n$/);
      const rows = plain.prepare('SELECT seq, message FROM daybook_entries').all();
      expect(rows).toEqual([{ seq: 1, message: 'before' }]);
      expect(plain.prepare('SELECT count(*) FROM daybook_retention').pluck().get()).toBe(0);
      plain.close();
    },
  );
});

test('a trigger that does no harm keeps nobody from recording', async () => {
  await given({ action: 'first' });
  const plain = new Database(await trail());
  plain.exec(`CREATE TABLE seen (seq); CREATE TRIGGER harmless AFTER INSERT ON daybook_entries
    BEGIN INSERT INTO seen VALUES (NEW.seq); END`);
  for (const command of Object.values(RECORDING)) {
    const { words, ...input } = await command();
    await ok(words, input);
  }
  const counts = plain.prepare(`SELECT (SELECT count(*) FROM seen) + 1 = (SELECT count(*) FROM daybook_entries)`);
  expect(counts.pluck().get()).toBe(1);
  plain.close();
});

test.each([
  ['deletes', 'DELETE FROM daybook_entries WHERE seq = NEW.seq'],
  ['changes', "UPDATE daybook_entries SET message = 'x' WHERE seq = NEW.seq"],
])('where a guard of ours stops a trigger that %s entries, it is said that a trigger tried to', async (_, body) => {
  await given({ action: 'first' });
  const path = await trail();
  const plain = new Database(path);
  plain.exec(`CREATE TRIGGER foreign_one AFTER INSERT ON daybook_entries BEGIN ${body}; END`);
  plain.close();
  for (const command of Object.values(RECORDING)) {
    const { words, ...input } = await command();
    const { code, stderr } = await cli(words, input);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a trigger of another program'),
    });
    expect(stderr).toMatch(/^try: daybook --db \S+ status --check$/m);
  }
  expect(await ok(['count'])).toBe('1\n');
});
