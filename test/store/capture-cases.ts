import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { captured, scene, USERS } from './capture-scene.js';
import type { Captured } from './capture-scene.js';
import { PROGRAMS } from './writing-programs.js';

export interface Case {
  readonly what: string;
  readonly schema?: string;
  readonly request?: Partial<CaptureRequest>;
  readonly run: readonly string[];
  /** Patterns of the errors that statements have. */
  readonly fails?: Readonly<Record<number, RegExp>>;
  readonly entries: readonly Partial<Captured>[];
  /** With recursive_triggers, SQLite tells of the rows that REPLACE deletes, and of the same key as well. */
  readonly recursive?: readonly string[];
}

/** Each case in every program that writes, with recursive triggers and without. */
export function testCases(cases: readonly Case[]): void {
  describe.each(PROGRAMS)('%s', (_name, execute) => {
    test.each(cases)('$what', async ({ schema = USERS, request, run, fails, entries, recursive: others }) => {
      const { file, connection } = await scene(
        schema,
        request,
        schema.startsWith('CREATE TABLE "') ? [`it's "odd"`] : undefined,
      );
      for (const recursive of ['OFF', 'ON']) {
        // The last is undone for the next, so that both begin with the same rows.
        if (recursive === 'ON') {
          connection.exec(
            `DROP TRIGGER daybook_entries_append_only_delete; DELETE FROM daybook_entries WHERE category = 'entity'`,
          );
        }
        const rows = copyOf(connection);
        const errors = execute(file, [`PRAGMA recursive_triggers = ${recursive}`, ...run]).slice(1);
        expect(
          errors.map((error, index) =>
            error !== null && fails?.[index]?.test(error) === true ? 'as expected' : error,
          ),
        ).toEqual(run.map((_, index) => (fails?.[index] === undefined ? null : 'as expected')));
        const found = captured(connection);
        if (recursive === 'OFF' || others === undefined) expect(found).toMatchObject(entries);
        else expect(found.map(({ action, id }) => `${action} ${id ?? 'nothing'}`)).toEqual(others);
        rows.restore();
      }
    });
  });
}

/** The rows of every table but ours, to put back. */
function copyOf(connection: Database.Database): { restore: () => void } {
  const tables = connection
    .prepare<[], string>(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'daybook_*'`,
    )
    .pluck()
    .all();
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const rows = tables.map((table) =>
    connection
      .prepare<[], Record<string, unknown>>(`SELECT * FROM ${quoted(table)}`)
      .safeIntegers()
      .all(),
  );
  return {
    restore: () => {
      connection.pragma('foreign_keys = OFF');
      connection.exec(`INSERT OR REPLACE INTO daybook_context (actor) VALUES ('the test')`);
      for (const [index, table] of tables.entries()) {
        connection.exec(`DELETE FROM ${quoted(table)}`);
        const kept = new Set(
          connection
            .prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0')
            .pluck()
            .all(table),
        );
        for (const row of rows[index] ?? []) {
          const names = Object.keys(row).filter((name) => kept.has(name));
          connection
            .prepare(
              `INSERT INTO ${quoted(table)} (${names.map(quoted).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
            )
            .run(names.map((name) => row[name]));
        }
      }
      connection.exec('DELETE FROM daybook_context');
    },
  };
}
