import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { captured, scene } from './capture-scene.js';
import { PROGRAMS } from './writing-programs.js';

const NESTED_ROWS = ['a', 'b', 'c', 'd', 'e'].map((u, index) => ({ id: index + 1, u, a: 'x' }));

/** Triggers that write into their own table in the middle of a write of it; made before capture, they run after it. */
const NESTED = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, a TEXT);
INSERT INTO t VALUES ${NESTED_ROWS.map(({ id, u, a }) => `(${id}, '${u}', '${a}')`).join(', ')};
${['INSERT', 'UPDATE']
  .map(
    (
      event,
    ) => `CREATE TRIGGER nest_other_${event} BEFORE ${event} ON t WHEN NEW.a = 'other' BEGIN INSERT OR REPLACE INTO t VALUES (100, 'z', 'inner'); END;
CREATE TRIGGER nest_rival_${event} BEFORE ${event} ON t WHEN NEW.a = 'rival' BEGIN UPDATE t SET u = NULL WHERE u = NEW.u; INSERT INTO t VALUES (NULL, NEW.u, 'inner'); END;
CREATE TRIGGER nest_change_${event} BEFORE ${event} ON t WHEN NEW.a = 'change' BEGIN UPDATE t SET a = a || '!' WHERE id IN (1, 2); END;
CREATE TRIGGER nest_ignored_${event} BEFORE ${event} ON t WHEN NEW.a = 'ignored' BEGIN INSERT INTO t VALUES (5, 'q', 'inner') ON CONFLICT DO NOTHING; END;`,
  )
  .join('\n')}`;

describe.each(PROGRAMS)('%s', (_name, execute) => {
  test.each(['other', 'rival', 'change', 'ignored', 'nothing'])(
    'a write within a write of the same table is captured, or the REPLACE is refused: %s',
    async (kind) => {
      const { file, connection } = await scene(NESTED);
      const rows = (): unknown => connection.prepare('SELECT * FROM t ORDER BY id').all();
      const run = (statement: string, recursive = 'OFF'): string => {
        const error = execute(file, [`PRAGMA recursive_triggers = ${recursive}`, statement])[1] ?? 'done';
        expect(rebuiltFrom(connection)).toEqual(rows());
        return /daybook: a trigger of the application writes into t while a REPLACE/.test(error) ? 'refused' : error;
      };
      expect(run(`INSERT INTO t VALUES (20, 'n', '${kind}')`)).toMatch(kind === 'rival' ? /UNIQUE/ : /^done$/);
      expect(run(`INSERT OR IGNORE INTO t VALUES (21, 'a', '${kind}'), (22, 'o', '${kind}')`)).toBe('done');
      expect(run(`UPDATE t SET u = 'p', a = '${kind}' WHERE id = 3`)).toMatch(kind === 'rival' ? /UNIQUE/ : /^done$/);
      const before = rows();
      const expected = kind === 'nothing' ? 'done' : 'refused';
      expect(run(`REPLACE INTO t VALUES (1, 'b', '${kind}')`)).toBe(expected);
      expect(run(`UPDATE OR REPLACE t SET u = 'b', a = '${kind}' WHERE id = 4`)).toBe(expected);
      if (kind !== 'nothing') expect(rows()).toEqual(before);
      expect(run(`REPLACE INTO t VALUES (1, 'b', '${kind}')`, 'ON')).toBe('done');
      expect(run(`UPDATE OR REPLACE t SET u = 'e', a = '${kind}' WHERE id = 4`, 'ON')).toBe('done');
      expect(rows()).not.toEqual(before);
    },
    // Each statement starts a program of its own.
    120_000,
  );
});

/** What the entries make of the rows that NESTED begins with. */
function rebuiltFrom(connection: Database.Database): unknown[] {
  const rows = new Map<string | null, unknown>(NESTED_ROWS.map((row) => [String(row.id), row]));
  for (const { id, action, old, new: now } of captured(connection)) {
    expect([action, id, rows.get(id) ?? null]).toEqual([action, id, old]);
    if (now === null) rows.delete(id);
    else rows.set(id, now);
  }
  return [...rows.values()].toSorted((one, other) => (one as { id: number }).id - (other as { id: number }).id);
}
