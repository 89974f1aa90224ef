import type { EntryField } from '../../../core/entry.js';
import { CHANGES } from './captured-changes.js';
import { contextHolds } from './context-life.js';
import { ERASURES, SEALS } from './seal-schema.js';

/**
 * The schema, as migrations that are only ever added to. Everything here runs in other programs too: defaults, CHECKs
 * and triggers use nothing that SQLite 3.38 does not know, and no function of ours.
 */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** Milliseconds since 1970, from the clock; `now` is one moment within a statement. */
const NOW_MS = `(CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER))`;

/** A UUIDv7 (RFC 9562, 5.7) in plain SQL, so that any program can record. */
const UUID_V7 = `lower(printf('%08x-%04x-7%s-%s%s-%s',
    ${NOW_MS} >> 16, ${NOW_MS} & 65535, substr(hex(randomblob(2)), 2),
    substr('89ab', 1 + (random() & 3), 1), substr(hex(randomblob(2)), 2), hex(randomblob(6))))`;

/** Text is kept byte for byte, but for NUL, which SQLite's own functions and many programs take for the end. */
const clean = (column: string): string => `instr(${column}, char(0)) = 0`;

/**
 * UTC of one width, so that text order is time order. strftime turns 30 February into March, which then differs; older
 * releases (3.40 among them) do so only with a modifier. It is asked for whole seconds: before 3.40 it reads one
 * millisecond of a hundred as the one before.
 */
const time = (column: string): string =>
  `${column} IS strftime('%Y-%m-%dT%H:%M:%S', substr(${column}, 1, 19), '+0 days') || substr(${column}, 20, 5)
    AND substr(${column}, 20) GLOB '.[0-9][0-9][0-9]Z' AND ${column} >= '0001'`;

/** JSON ends at NUL for SQLite, whatever stands behind it. */
const json = (column: string, type: string): string =>
  `json_valid(${column}) AND json_type(${column}) = '${type}' AND ${clean(column)}`;

const object = (column: string): string => `${column} = '{}' OR (${json(column, 'object')})`;

/** The columns of documents, each with the rule of what it holds. */
const DOCUMENTS: readonly (readonly [column: string, rule: (column: string) => string])[] = [
  ['metadata', object],
  ['old_values', (column) => `${column} IS NULL OR ${object(column)}`],
  ['new_values', (column) => `${column} IS NULL OR ${object(column)}`],
  ['changed_fields', (column) => `${column} IS NULL OR (${json(column, 'array')})`],
];

const ENTRIES = `
CREATE TABLE daybook_entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq BETWEEN 1 AND 9007199254740991),
  id TEXT NOT NULL UNIQUE DEFAULT (${UUID_V7}) CHECK (id GLOB '*[^0-9]*' AND ${clean('id')}),
  ts TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CHECK (${time('ts')}),
  recorded_at TEXT CHECK (recorded_at IS NULL OR (${time('recorded_at')})),
  category TEXT NOT NULL DEFAULT 'entity' CHECK (category <> '' AND ${clean('category')}),
  action TEXT NOT NULL CHECK (action <> '' AND ${clean('action')}),
  severity TEXT NOT NULL DEFAULT 'info' CHECK (severity IN ('info', 'warning', 'error')),
  actor TEXT NOT NULL DEFAULT 'unknown' CHECK (actor <> '' AND ${clean('actor')}),
  actor_type TEXT NOT NULL DEFAULT 'unknown' CHECK (actor_type <> '' AND ${clean('actor_type')}),
  actor_name TEXT CHECK (${clean('actor_name')}),
  recorded_by TEXT CHECK (${clean('recorded_by')}),
  scope TEXT CHECK (instr(scope, ':') > 1 AND instr(scope, ':') < length(scope) AND ${clean('scope')}),
  entity_type TEXT CHECK (entity_type <> '' AND instr(entity_type, ':') = 0 AND ${clean('entity_type')}),
  entity_id TEXT CHECK (${clean('entity_id')}),
  entity_name TEXT CHECK (${clean('entity_name')}),
  message TEXT NOT NULL DEFAULT '' CHECK (${clean('message')}),
  metadata TEXT NOT NULL DEFAULT '{}' CHECK (${object('metadata')}),
  old_values TEXT CHECK (old_values IS NULL OR ${object('old_values')}),
  new_values TEXT CHECK (new_values IS NULL OR ${object('new_values')}),
  changed_fields TEXT CHECK (changed_fields IS NULL OR (${json('changed_fields', 'array')})),
  correlation_id TEXT CHECK (${clean('correlation_id')}),
  reverts TEXT CHECK (${clean('reverts')}),
  source TEXT CHECK (${clean('source')}),
  ts_ms INTEGER NOT NULL GENERATED ALWAYS AS (unixepoch(ts) * 1000 + CAST(substr(ts, 21, 3) AS INTEGER)) VIRTUAL
) STRICT;
`;

/** Each serves one filter in the order of history: SQLite puts seq behind the named columns by itself. */
const INDEXES = `
CREATE INDEX daybook_entries_by_time ON daybook_entries (ts_ms);
CREATE INDEX daybook_entries_by_category ON daybook_entries (category, ts_ms);
CREATE INDEX daybook_entries_by_action ON daybook_entries (action, ts_ms);
CREATE INDEX daybook_entries_by_severity ON daybook_entries (severity, ts_ms);
CREATE INDEX daybook_entries_by_actor ON daybook_entries (actor, ts_ms);
CREATE INDEX daybook_entries_by_actor_type ON daybook_entries (actor_type, ts_ms);
CREATE INDEX daybook_entries_by_scope ON daybook_entries (scope, ts_ms) WHERE scope IS NOT NULL;
CREATE INDEX daybook_entries_by_entity_type ON daybook_entries (entity_type, ts_ms) WHERE entity_type IS NOT NULL;
CREATE INDEX daybook_entries_by_entity ON daybook_entries (entity_id, entity_type, ts_ms) WHERE entity_id IS NOT NULL;
CREATE INDEX daybook_entries_by_correlation ON daybook_entries (correlation_id, ts_ms) WHERE correlation_id IS NOT NULL;
CREATE INDEX daybook_entries_by_source ON daybook_entries (source, ts_ms) WHERE source IS NOT NULL;
CREATE INDEX daybook_entries_by_reverts ON daybook_entries (reverts) WHERE reverts IS NOT NULL;
`;

const ACCOUNTS = `
CREATE TABLE daybook_prunes (
  prune INTEGER PRIMARY KEY AUTOINCREMENT,
  command TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'cut_off')),
  actor TEXT NOT NULL,
  actor_type TEXT NOT NULL,
  recorded_by TEXT,
  reason TEXT,
  criteria TEXT NOT NULL,
  up_to INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  heartbeat TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  by_age INTEGER NOT NULL DEFAULT 0,
  by_count INTEGER NOT NULL DEFAULT 0,
  rules TEXT NOT NULL DEFAULT '[]',
  first_seq INTEGER,
  last_seq INTEGER,
  first_ts TEXT,
  last_ts TEXT,
  archive TEXT,
  entry INTEGER,
  deleting INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX daybook_prunes_open ON daybook_prunes (prune) WHERE state = 'open';
CREATE INDEX daybook_prunes_deleting ON daybook_prunes (prune) WHERE deleting = 1;
`;

const SETTINGS = `
CREATE TABLE daybook_retention (
  name TEXT NOT NULL PRIMARY KEY,
  filter TEXT NOT NULL,
  max_age TEXT,
  max_entries INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE daybook_checkpoints (
  name TEXT NOT NULL PRIMARY KEY,
  question TEXT NOT NULL,
  filter TEXT NOT NULL,
  seq INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  missed_later INTEGER NOT NULL DEFAULT 0,
  updated_at TEXT
) STRICT, WITHOUT ROWID;
`;

/**
 * The trail is append-only for every program. REPLACE fires no DELETE trigger unless a connection asks for it, so an
 * INSERT that would replace is refused before it can; seq is ours to give, or one foreign row could stop all recording.
 */
const GUARDS = `
CREATE TRIGGER daybook_entries_append_only_insert BEFORE INSERT ON daybook_entries
WHEN NEW.seq IS NOT -1 OR EXISTS (SELECT 1 FROM daybook_entries WHERE id = NEW.id)
BEGIN
  SELECT CASE WHEN NEW.seq IS NOT -1 THEN RAISE(ABORT, 'daybook: seq is given by the trail, leave it out')
    ELSE RAISE(ABORT, 'daybook: an entry with this id is recorded already, and entries never change') END;
END;
CREATE TRIGGER daybook_entries_append_only_update BEFORE UPDATE ON daybook_entries
BEGIN
  SELECT RAISE(ABORT, 'daybook: entries never change, record another one that reverts it');
END;
CREATE TRIGGER daybook_entries_append_only_delete BEFORE DELETE ON daybook_entries
WHEN NOT EXISTS (SELECT 1 FROM daybook_prunes WHERE deleting = 1)
BEGIN
  SELECT RAISE(ABORT, 'daybook: entries are only deleted by daybook prune and daybook clear');
END;
`;

/**
 * Capture: which tables, since when and until when; the context of a transaction; and what triggers note of rows that a
 * REPLACE is about to delete. The context has a foreign key to a row that never exists: with foreign keys on, a
 * transaction that leaves a context behind cannot commit. Where they are off, `used` (a Julian day) makes it expire. If
 * `context` were the rowid, SQLite would number it, and the second context of a transaction would not replace the first. A
 * change of a key is two entries; the second one takes back `reverts_created`, if that is given. `daybook_writes` shows
 * whether a write of a table runs within another one, and what the last entry was when it began.
 */
const CAPTURE = `
CREATE TABLE daybook_captures (
  table_name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
  entity_type TEXT NOT NULL UNIQUE,
  settings TEXT NOT NULL,
  columns TEXT NOT NULL,
  primary_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE daybook_capture_spans (
  span INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL COLLATE NOCASE,
  entity_type TEXT NOT NULL,
  since_seq INTEGER NOT NULL,
  since_ts TEXT NOT NULL,
  until_seq INTEGER,
  until_ts TEXT,
  ended TEXT CHECK (ended IN ('removed', 'gap'))
) STRICT;
CREATE INDEX daybook_capture_spans_by_type ON daybook_capture_spans (entity_type);
CREATE TABLE daybook_never (
  never INTEGER PRIMARY KEY CHECK (never = 0 AND never = 1)
) STRICT;
CREATE TABLE daybook_context (
  context INTEGER NOT NULL DEFAULT 1 PRIMARY KEY CHECK (context = 1),
  actor TEXT NOT NULL CHECK (actor <> '' AND ${clean('actor')}),
  actor_type TEXT NOT NULL DEFAULT 'user' CHECK (actor_type <> '' AND ${clean('actor_type')}),
  correlation_id TEXT CHECK (${clean('correlation_id')}),
  reason TEXT CHECK (${clean('reason')}),
  reverts TEXT CHECK (${clean('reverts')}),
  reverts_created TEXT CHECK (${clean('reverts_created')}),
  recorded_by TEXT CHECK (${clean('recorded_by')}),
  used REAL NOT NULL DEFAULT (julianday('now')),
  left_behind INTEGER NOT NULL DEFAULT 1 REFERENCES daybook_never (never) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE TABLE daybook_replaced (
  table_name TEXT NOT NULL,
  written TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT,
  entity_name TEXT,
  scope TEXT,
  actor TEXT,
  old_values TEXT NOT NULL,
  compared TEXT NOT NULL,
  redacted TEXT NOT NULL,
  action TEXT,
  changed_fields TEXT
) STRICT;
CREATE INDEX daybook_replaced_by_write ON daybook_replaced (table_name, written);
CREATE INDEX daybook_replaced_by_entity ON daybook_replaced (table_name, entity_id);
CREATE TABLE daybook_writes (
  table_name TEXT NOT NULL PRIMARY KEY,
  written TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE daybook_powers_of_two (
  exponent INTEGER PRIMARY KEY,
  value REAL NOT NULL
) STRICT;
INSERT INTO daybook_powers_of_two (exponent, value)
WITH RECURSIVE
  up (exponent, value) AS (
    SELECT 0, 1.0 UNION ALL SELECT exponent + 60, value * 1152921504606846976.0 FROM up WHERE exponent < 960),
  down (exponent, value) AS (
    SELECT -60, 1.0 / 1152921504606846976.0
    UNION ALL SELECT exponent - 60, value / 1152921504606846976.0 FROM down WHERE exponent > -1020)
SELECT exponent, value FROM up UNION ALL SELECT exponent, value FROM down;
CREATE TRIGGER daybook_replaced_settle AFTER UPDATE OF action ON daybook_replaced
BEGIN
  INSERT INTO daybook_entries (action, actor, actor_type, actor_name, recorded_by, scope, entity_type, entity_id, entity_name, message, metadata, old_values, new_values, changed_fields, correlation_id, reverts)
  SELECT NEW.action, coalesce(c.actor, NEW.actor, 'unknown'), CASE WHEN c.actor IS NOT NULL THEN c.actor_type WHEN NEW.actor IS NULL THEN 'unknown' ELSE 'user' END, (SELECT name FROM daybook_actors WHERE actor = coalesce(c.actor, NEW.actor)), c.recorded_by, NEW.scope, NEW.entity_type, NEW.entity_id, NEW.entity_name,
    NEW.entity_type || ' ' || NEW.entity_id || ' replaced',
    CASE WHEN c.reason IS NULL THEN json_object('table', NEW.table_name) ELSE json_object('table', NEW.table_name, 'reason', c.reason) END,
    NEW.old_values, NULL, NULL, c.correlation_id, c.reverts
  FROM (SELECT 1) LEFT JOIN daybook_context AS c ON ${contextHolds('c.used')};
  SELECT RAISE(ABORT, 'daybook: the entry of a row that is replaced cannot be recorded, so the change is refused') WHERE changes() <> 1;
END;
`;

/**
 * The directory of names, and the mirrors: which columns of an application's tables show the latest entries of their
 * rows. A name may belong to several actors.
 */
const NAMES_AND_MIRRORS = `
CREATE TABLE daybook_actors (
  actor TEXT NOT NULL PRIMARY KEY CHECK (actor <> '' AND ${clean('actor')}),
  name TEXT NOT NULL CHECK (name <> '' AND ${clean('name')}),
  email TEXT CHECK (${clean('email')})
) STRICT, WITHOUT ROWID;
CREATE INDEX daybook_actors_by_name ON daybook_actors (name);
CREATE TABLE daybook_mirrors (
  table_name TEXT NOT NULL COLLATE NOCASE,
  column_name TEXT NOT NULL COLLATE NOCASE,
  entity_type TEXT NOT NULL,
  settings TEXT NOT NULL,
  PRIMARY KEY (table_name, column_name)
) STRICT, WITHOUT ROWID;
`;

/**
 * Which entry set each retention policy, beside the policies themselves: one that has none here was not set by daybook,
 * and one that stands here alone was not removed by it.
 */
const POLICY_ENTRIES = `
CREATE TABLE daybook_retention_entries (
  name TEXT NOT NULL PRIMARY KEY,
  entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/**
 * With `PRAGMA trusted_schema = OFF`, SQLite 3.40 reads no table of a file in which a CHECK asks for a JSON function. So
 * the guard asks for it: triggers are read when they are to fire.
 */
const ENTRIES_WITHOUT_JSON = DOCUMENTS.reduce(
  (table, [column, rule]) => table.replace(`CHECK (${rule(column)})`, `CHECK (${clean(column)})`),
  ENTRIES,
);

const isDocument = ([column, rule]: (typeof DOCUMENTS)[number]): string => `(${rule(`NEW.${column}`)})`;

const DOCUMENT_GUARD = `
CREATE TRIGGER daybook_entries_append_only_insert BEFORE INSERT ON daybook_entries
WHEN NEW.seq IS NOT -1 OR EXISTS (SELECT 1 FROM daybook_entries WHERE id = NEW.id)
  OR NOT ${DOCUMENTS.map(isDocument).join('\n  OR NOT ')}
BEGIN
  SELECT CASE WHEN NEW.seq IS NOT -1 THEN RAISE(ABORT, 'daybook: seq is given by the trail, leave it out')
    WHEN EXISTS (SELECT 1 FROM daybook_entries WHERE id = NEW.id)
    THEN RAISE(ABORT, 'daybook: an entry with this id is recorded already, and entries never change')
    ELSE RAISE(ABORT, 'daybook: metadata, old_values and new_values are JSON objects, changed_fields is a JSON array') END;
END;
`;

/** To take a CHECK away, its text goes from the schema (https://sqlite.org/lang_altertable.html, 7): what is stored stays. */
const READABLE_ANYWHERE = `
DROP TRIGGER IF EXISTS daybook_entries_append_only_insert;
${DOCUMENT_GUARD.trim()}
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = ${literal(asKept(ENTRIES_WITHOUT_JSON))}
WHERE type = 'table' AND name = 'daybook_entries' AND sql = ${literal(asKept(ENTRIES))};
PRAGMA writable_schema = RESET;
`;

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'the trail', sql: ENTRIES + INDEXES + ACCOUNTS + SETTINGS + GUARDS },
  { version: 2, name: 'capture', sql: CAPTURE },
  { version: 3, name: 'names and mirrors', sql: NAMES_AND_MIRRORS },
  { version: 4, name: 'entries of policies', sql: POLICY_ENTRIES },
  { version: 5, name: 'a trail that is readable without trust', sql: READABLE_ANYWHERE },
  { version: 6, name: 'changes of captured tables', sql: CHANGES },
  { version: 7, name: 'seals', sql: SEALS },
  { version: 8, name: 'erasures', sql: ERASURES },
];

/** How SQLite keeps the definition of the table of entries. */
export const ENTRIES_TABLE = asKept(ENTRIES_WITHOUT_JSON);

/** How SQLite keeps the trigger that guards what is recorded. */
export const INSERT_GUARD = asKept(DOCUMENT_GUARD);

/** How SQLite keeps the triggers that guard the table of entries. */
export const GUARD_TRIGGERS: readonly string[] = [
  INSERT_GUARD,
  ...GUARDS.trim()
    .split(/;\n(?=CREATE)/)
    .slice(1)
    .map(asKept),
];

/** A definition as SQLite keeps it. */
function asKept(sql: string): string {
  return sql.trim().replace(/;$/, '');
}

function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/**
 * What the table holds of each field, as SQL over the entry `e`: the rules that keep an entry's text from passing for
 * something else where it is put into JSON as it stands. For a table that another program has relieved of its CHECKs.
 */
export const FIT: Readonly<Record<EntryField, string>> = {
  seq: 'TRUE',
  id: text('id'),
  ts: `${text('ts')} AND (${time('e.ts')})`,
  recorded_at: `e.recorded_at IS NULL OR ${text('recorded_at')} AND (${time('e.recorded_at')})`,
  category: text('category'),
  action: text('action'),
  severity: text('severity'),
  actor: text('actor'),
  actor_type: text('actor_type'),
  actor_name: optional('actor_name'),
  recorded_by: optional('recorded_by'),
  scope: optional('scope'),
  entity_type: optional('entity_type'),
  entity_id: optional('entity_id'),
  entity_name: optional('entity_name'),
  message: text('message'),
  metadata: `${text('metadata')} AND (${object('e.metadata')})`,
  old_values: `e.old_values IS NULL OR ${text('old_values')} AND (${object('e.old_values')})`,
  new_values: `e.new_values IS NULL OR ${text('new_values')} AND (${object('e.new_values')})`,
  changed_fields: `e.changed_fields IS NULL OR ${text('changed_fields')} AND (${json('e.changed_fields', 'array')})`,
  correlation_id: optional('correlation_id'),
  reverts: optional('reverts'),
  source: optional('source'),
};

function text(field: EntryField): string {
  return `typeof(e.${field}) = 'text'`;
}

function optional(field: EntryField): string {
  return `typeof(e.${field}) IN ('text', 'null')`;
}

/** Which migrations a database has seen: `user_version` belongs to the application beside us. */
export const MIGRATIONS_TABLE = `
CREATE TABLE IF NOT EXISTS daybook_migrations (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT;
`;

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The tables of ours, in the order in which they came. */
export const TABLES: readonly string[] = [
  'daybook_migrations',
  'daybook_entries',
  'daybook_prunes',
  'daybook_retention',
  'daybook_checkpoints',
  'daybook_captures',
  'daybook_capture_spans',
  'daybook_never',
  'daybook_context',
  'daybook_replaced',
  'daybook_writes',
  'daybook_powers_of_two',
  'daybook_actors',
  'daybook_mirrors',
  'daybook_retention_entries',
  'daybook_changes',
  'daybook_seal_trail',
  'daybook_seals',
  'daybook_seal_tiles',
  'daybook_seal_lease',
  'daybook_seal_keys',
  'daybook_seal_removals',
  'daybook_erased',
  'daybook_holds',
  'daybook_anchors',
];
