import type Database from 'better-sqlite3';
import type { CaptureRequest } from '../../src/core/capture.js';
import { capturedTrail } from './captured.js';
import type { Captured as Trail } from './captured.js';

// What the tests of capture begin with: tables of an application, and what their entries say.

export const USERS = `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, data TEXT);
INSERT INTO users VALUES (1, 'ana@x', 'Ana', NULL), (2, 'ben@x', 'Ben', '{"a":1}'), (3, NULL, NULL, NULL);`;

export const ANA = { id: 1, email: 'ana@x', name: 'Ana', data: null };
export const BEN = { id: 2, email: 'ben@x', name: 'Ben', data: '{"a":1}' };
export const NOBODY = { id: 3, email: null, name: null, data: null };

export const SETTINGS = `CREATE TABLE settings (guild TEXT NOT NULL, name TEXT NOT NULL, value, by TEXT, PRIMARY KEY (name, guild)) WITHOUT ROWID;
INSERT INTO settings VALUES ('g1', 'log', 'on', 'ana');`;
export const TREE = `CREATE TABLE tree (id INTEGER PRIMARY KEY, next INTEGER UNIQUE REFERENCES tree (id) ON DELETE SET NULL, text);
INSERT INTO tree VALUES (1, NULL, 'a'), (2, 1, 'b');`;
export const BYTES = `CREATE TABLE bytes (key BLOB NOT NULL PRIMARY KEY, code TEXT UNIQUE, value);
INSERT INTO bytes VALUES (x'00ff', 'a', 1), (x'01', 'b', 1);`;
export const DOCUMENTS = `CREATE TABLE guilds (id TEXT NOT NULL PRIMARY KEY, data TEXT);
INSERT INTO guilds VALUES ('7', '{"announce":{"channelid":"1","on":true},"n":1}');`;
export const TEAMS = `CREATE TABLE players (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE CASCADE ON UPDATE CASCADE, captain INTEGER REFERENCES teams (id) ON DELETE SET NULL);
CREATE TABLE teams (id INTEGER PRIMARY KEY);
INSERT INTO teams VALUES (1), (2);
INSERT INTO players VALUES (10, 1, NULL), (11, 2, 1);`;

export interface Scene extends Trail {
  readonly connection: Database.Database;
}

/** A trail beside these tables, of which the first is under capture. */
export async function scene(
  schema: string,
  request: Partial<CaptureRequest> = {},
  tables: readonly string[] = [/CREATE TABLE "?(\w+)/.exec(schema)?.[1] ?? ''],
): Promise<Scene> {
  const trail = await capturedTrail(schema);
  if (tables.length > 0) await trail.capture(tables, request);
  return { ...trail, connection: trail.app };
}

export interface Captured {
  readonly action: string;
  readonly id: string | null;
  readonly old: unknown;
  readonly new: unknown;
  readonly changed: unknown;
  readonly message: string;
  readonly actor: string;
  readonly type: string;
  readonly metadata: unknown;
  readonly [field: string]: unknown;
}

/** The entries of row changes, in order. */
export function captured(connection: Database.Database): Captured[] {
  const document = (text: unknown): unknown => (typeof text === 'string' ? JSON.parse(text) : text);
  return connection
    .prepare<[], Record<string, string | null>>(
      `SELECT action, entity_id AS id, old_values AS old, new_values AS new, changed_fields AS changed, message, actor,
         actor_type, correlation_id, scope, entity_name AS name, entity_type AS type, metadata, reverts
       FROM daybook_entries WHERE category = 'entity' ORDER BY seq`,
    )
    .all()
    .map(
      (row) =>
        Object.assign(row, {
          old: document(row['old']),
          new: document(row['new']),
          changed: document(row['changed']),
          metadata: document(row['metadata']),
        }) as unknown as Captured,
    );
}

/** Entries about captures, in order. */
export function told(connection: Database.Database): unknown[] {
  return connection
    .prepare(`SELECT action, entity_id, actor FROM daybook_entries WHERE entity_type = 'capture' ORDER BY seq`)
    .raw()
    .all();
}
