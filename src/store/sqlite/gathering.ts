import Database from 'better-sqlite3';
import type { NamedActor } from '../../core/directory.js';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../core/entry.js';
import type { Entry } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { parseMade, sameValue } from '../../core/json.js';
import type { Gathering, GatheringConflict } from '../gathering.js';
import { attemptTemporary, MIGRATIONS, MIGRATIONS_TABLE, runMigration, openTemporary } from './engine/index.js';
import type { Connection, SqliteOptions } from './engine/index.js';
import { openSqlite } from './index.js';

/** Opens a trail without an entry in a temporary file. What it does throws kind `failed` where that cannot be written. */
export function openGathering(options: Pick<SqliteOptions, 'path' | 'clock' | 'presence'>): Gathering {
  const connection = openTemporary();
  // Nothing of it is to be kept or taken back.
  connection.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ${MIGRATIONS_TABLE}`);
  for (const { sql } of MIGRATIONS) runMigration(connection, sql);
  // The entries bring their seqs, and come from trails that let nothing be replaced.
  connection.exec('DROP TRIGGER daybook_entries_append_only_insert');
  // Filled first, an index costs a third.
  const indexes = withoutIndexes(connection);
  const places = ENTRY_FIELDS.map(() => '?').join(', ');
  const insert = connection.prepare<unknown[]>(
    `INSERT INTO daybook_entries (${ENTRY_FIELDS.join(', ')}) VALUES (${places}) ON CONFLICT DO NOTHING`,
  );
  const known = connection.prepare<[string, number], Entry>(
    `SELECT ${ENTRY_FIELDS.join(', ')} FROM daybook_entries WHERE id = ? OR seq = ?`,
  );
  const insertName = connection.prepare<unknown[]>(
    'INSERT INTO daybook_actors (actor, name, email) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );

  const inserted = (entry: Entry): boolean => {
    try {
      return insert.run(...ENTRY_FIELDS.map((field) => entry[field])).changes > 0;
    } catch (error) {
      // The rules of the table are those of an entry.
      if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_CONSTRAINT')) throw error;
      const what = `entry ${entry.seq} (${entry.id}) is none that a trail takes`;
      throw new DaybookError('data', `${what}: ${error.message}`, { cause: error });
    }
  };
  const addAll = connection.transaction((entries: readonly Entry[]): GatheringConflict | undefined => {
    for (const entry of entries) {
      if (inserted(entry)) continue;
      const other = known.all(entry.id, entry.seq).find((one) => !isSame(one, entry));
      if (other !== undefined) return { entry, other };
    }
    return undefined;
  });
  const addNames = connection.transaction((actors: readonly NamedActor[]) => {
    for (const { actor, name, email } of actors) insertName.run(actor, name, email);
  });

  return {
    add: async (entries) => attemptTemporary(() => addAll(entries)),
    addNames: async (actors) => attemptTemporary(() => addNames(actors)),
    finish: async () => {
      attemptTemporary(() => {
        for (const sql of indexes) connection.exec(sql);
      });
      return openSqlite({ ...options, readonly: true, busyTimeout: 0, opened: connection });
    },
    close: async () => void connection.close(),
  };
}

/** Whether two entries say the same: documents may be written with other blanks between their tokens. */
function isSame(one: Entry, other: Entry): boolean {
  return ENTRY_FIELDS.every((field) => {
    const [a, b] = [one[field], other[field]];
    if (a === b) return true;
    return JSON_FIELDS.has(field) && a !== null && b !== null && sameValue(parseMade(String(a)), parseMade(String(b)));
  });
}

/** Takes the indexes of the entries away, and gives what makes them again. */
function withoutIndexes(connection: Connection): readonly string[] {
  const found = connection
    .prepare<[], { name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'daybook_entries' AND sql IS NOT NULL`,
    )
    .all();
  for (const { name } of found) connection.exec(`DROP INDEX ${name}`);
  return found.map(({ sql }) => sql);
}
