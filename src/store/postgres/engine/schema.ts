import { ENTRY_FIELDS } from '../../../core/entry.js';
import { captureFunctions, CAPTURES, MIRRORS, TABLE_FUNCTIONS } from './capture-schema.js';
import { ERASURES, HELD, SEALS, SEAL_TABLES } from './seal-schema.js';

/** The schema, as migrations that are only ever added to. Everything here runs in other programs too, and needs no extension. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** `schema` is an identifier, quoted. */
  readonly sql: (schema: string) => string;
}

const time = (column: string): string =>
  `CHECK (${column} >= '0001-01-01 00:00:00+00' AND ${column} < '10000-01-01 00:00:00+00')`;

/** `#>> '{}'` refuses what json keeps and every later reading of that row would fail on: NUL and half surrogates. */
const json = (column: string, type: string): string =>
  `CHECK (${column} IS NULL OR (json_typeof(${column}) = '${type}' AND ${column} #>> '{}' IS NOT NULL))`;

/**
 * Documents are json, since jsonb keeps neither the order of keys nor the digits. The default of the id can be inlined: a
 * function with a SET clause would take as long as the rest of an insert. `tx` says which transaction recorded an entry,
 * and so, with a snapshot, who could see it when.
 */
const ENTRIES = (schema: string): string => `
CREATE FUNCTION ${schema}.daybook_uuid_v7() RETURNS text LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
    pg_catalog.substring(pg_catalog.int8send((pg_catalog.date_part('epoch'::text, pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint), 3), 1, 6), 52, 1), 53, 1), 'hex'::text)::pg_catalog.uuid::pg_catalog.text $$;
CREATE TABLE ${schema}.daybook_entries (
  seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY CHECK (seq BETWEEN 1 AND 9007199254740991),
  id text COLLATE "C" NOT NULL DEFAULT ${schema}.daybook_uuid_v7() CONSTRAINT daybook_entries_id UNIQUE CHECK (translate(id, '0123456789', '') <> ''),
  ts timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()) ${time('ts')},
  recorded_at timestamptz(3) ${time('recorded_at')},
  category text COLLATE "C" NOT NULL DEFAULT 'entity' CHECK (category <> ''),
  action text COLLATE "C" NOT NULL CHECK (action <> ''),
  severity text COLLATE "C" NOT NULL DEFAULT 'info' CHECK (severity IN ('info', 'warning', 'error')),
  actor text COLLATE "C" NOT NULL DEFAULT 'unknown' CHECK (actor <> ''),
  actor_type text COLLATE "C" NOT NULL DEFAULT 'unknown' CHECK (actor_type <> ''),
  actor_name text COLLATE "C",
  recorded_by text COLLATE "C",
  scope text COLLATE "C" CHECK (strpos(scope, ':') > 1 AND strpos(scope, ':') < length(scope)),
  entity_type text COLLATE "C" CHECK (entity_type <> '' AND strpos(entity_type, ':') = 0),
  entity_id text COLLATE "C",
  entity_name text COLLATE "C",
  message text COLLATE "C" NOT NULL DEFAULT '',
  metadata json NOT NULL DEFAULT '{}' ${json('metadata', 'object')},
  old_values json ${json('old_values', 'object')},
  new_values json ${json('new_values', 'object')},
  changed_fields json ${json('changed_fields', 'array')},
  correlation_id text COLLATE "C",
  reverts text COLLATE "C",
  source text COLLATE "C",
  tx xid8 NOT NULL DEFAULT pg_current_xact_id()
);
`;

/** Each serves one filter in the order of history; the last says which entries a snapshot did not see. */
const INDEXES: readonly string[] = [
  'by_time (ts, seq)',
  'by_category (category, ts, seq)',
  'by_action (action, ts, seq)',
  `by_severity (severity, ts, seq) WHERE severity <> 'info'`,
  'by_actor (actor, ts, seq)',
  'by_actor_type (actor_type, ts, seq)',
  'by_scope (scope, ts, seq) WHERE scope IS NOT NULL',
  'by_entity_type (entity_type, ts, seq) WHERE entity_type IS NOT NULL',
  'by_entity (entity_id, entity_type, ts, seq) WHERE entity_id IS NOT NULL',
  'by_correlation (correlation_id, ts, seq) WHERE correlation_id IS NOT NULL',
  'by_source (source, ts, seq) WHERE source IS NOT NULL',
  'by_reverts (reverts, seq) WHERE reverts IS NOT NULL',
  'by_tx (tx)',
];

/** An index, a trigger or a function of the trail, with what makes it anew. */
export interface SchemaObject {
  readonly type: 'index' | 'trigger' | 'function';
  readonly name: string;
  readonly sql: string;
  /** Of a trigger, the function behind it and its text; of a function, its own. */
  readonly body?: { readonly name: string; readonly text: string; readonly pinned?: string };
}

function indexesOf(schema: string): SchemaObject[] {
  return INDEXES.map((index) => {
    const [short, ...rest] = index.split(' ');
    const name = `daybook_entries_${short}`;
    const sql = `DROP INDEX IF EXISTS ${schema}.${name};
CREATE INDEX ${name} ON ${schema}.daybook_entries ${rest.join(' ')};\n`;
    return { type: 'index', name, sql };
  });
}

/**
 * Which cluster gave the tx of which entries: a dump carries them into clusters where they mean nothing. A generation
 * begins behind a seq.
 */
const GENERATIONS = (schema: string): string => `
CREATE TABLE ${schema}.daybook_generations (
  generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  system_identifier bigint NOT NULL,
  after_seq bigint NOT NULL
);
`;

/** One prune at a time has an open account, and deletes only in the transaction that its account names. */
const ACCOUNTS = (schema: string): string => `
CREATE TABLE ${schema}.daybook_prunes (
  prune bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'cut_off')),
  actor text COLLATE "C" NOT NULL,
  actor_type text COLLATE "C" NOT NULL,
  recorded_by text COLLATE "C",
  reason text COLLATE "C",
  criteria text COLLATE "C" NOT NULL,
  up_to text COLLATE "C" NOT NULL,
  started_at text COLLATE "C" NOT NULL,
  finished_at text COLLATE "C",
  heartbeat text COLLATE "C" NOT NULL,
  host text COLLATE "C" NOT NULL,
  pid bigint NOT NULL,
  deleted bigint NOT NULL DEFAULT 0,
  by_age bigint NOT NULL DEFAULT 0,
  by_count bigint NOT NULL DEFAULT 0,
  rules text COLLATE "C" NOT NULL DEFAULT '[]',
  first_seq bigint,
  last_seq bigint,
  first_ts text COLLATE "C",
  last_ts text COLLATE "C",
  archive text COLLATE "C",
  entry bigint,
  deleting_tx xid8
);
CREATE UNIQUE INDEX daybook_prunes_open ON ${schema}.daybook_prunes ((true)) WHERE state = 'open';
`;

const SETTINGS = (schema: string): string => `
CREATE TABLE ${schema}.daybook_retention (
  name text COLLATE "C" PRIMARY KEY,
  filter text COLLATE "C" NOT NULL,
  max_age text COLLATE "C",
  max_entries bigint
);
CREATE TABLE ${schema}.daybook_retention_entries (
  name text COLLATE "C" PRIMARY KEY,
  entry bigint NOT NULL
);
CREATE TABLE ${schema}.daybook_checkpoints (
  name text COLLATE "C" PRIMARY KEY,
  question text COLLATE "C" NOT NULL,
  filter text COLLATE "C" NOT NULL,
  mark text COLLATE "C",
  pending text COLLATE "C",
  missed bigint NOT NULL DEFAULT 0,
  missed_later bigint NOT NULL DEFAULT 0,
  updated_at text COLLATE "C"
);
CREATE TABLE ${schema}.daybook_actors (
  actor text COLLATE "C" PRIMARY KEY CHECK (actor <> ''),
  name text COLLATE "C" NOT NULL CHECK (name <> ''),
  email text COLLATE "C"
);
CREATE INDEX daybook_actors_by_name ON ${schema}.daybook_actors (name);
`;

/** Takes DELETE only in the transaction that an open account names. */
const REFUSE = (schema: string): string => `
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM ${schema}.daybook_prunes WHERE state = 'open' AND deleting_tx = pg_current_xact_id_if_assigned()) THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION 'daybook: entries never change, record another one that reverts it' USING ERRCODE = 'DB001';
  END IF;
  RAISE EXCEPTION 'daybook: entries are only deleted by daybook prune and daybook clear' USING ERRCODE = 'DB001';
END `;

/**
 * A seq at the end of all numbers would stop all recording, and a tx that is not the transaction's would hide an entry from
 * whoever asks what is new.
 */
const GIVEN = (schema: string): string => `
BEGIN
  IF EXISTS (SELECT FROM daybook_new WHERE tx <> pg_current_xact_id() OR seq > (SELECT last_value FROM ${schema}.daybook_entries_seq_seq)) THEN
    RAISE EXCEPTION 'daybook: seq and tx are given by the trail, leave them out' USING ERRCODE = 'DB001';
  END IF;
  RETURN NULL;
END `;

/** The trail is append-only for every role and program, also where triggers are switched off by the session. */
function guardsOf(schema: string): SchemaObject[] {
  const guard = (name: string, by: string, text: string, rights: string, when: string): SchemaObject => ({
    type: 'trigger',
    name,
    body: { name: by, text },
    sql: `
CREATE OR REPLACE FUNCTION ${schema}.${by}() RETURNS trigger LANGUAGE plpgsql${rights} SET search_path = pg_catalog, pg_temp AS $$${text}$$;
DROP TRIGGER IF EXISTS ${name} ON ${schema}.daybook_entries;
CREATE TRIGGER ${name} ${when} FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.${by}();
ALTER TABLE ${schema}.daybook_entries ENABLE ALWAYS TRIGGER ${name};
`,
  });
  const entries = `ON ${schema}.daybook_entries`;
  return [
    guard(
      'daybook_append_only',
      'daybook_refuse',
      REFUSE(schema),
      '',
      `BEFORE UPDATE OR DELETE OR TRUNCATE ${entries}`,
    ),
    guard(
      'daybook_given',
      'daybook_given',
      GIVEN(schema),
      ' SECURITY DEFINER',
      `AFTER INSERT ${entries} REFERENCING NEW TABLE AS daybook_new`,
    ),
    guard(
      'daybook_held',
      'daybook_held',
      HELD(schema),
      '',
      `AFTER DELETE ${entries} REFERENCING OLD TABLE AS daybook_gone`,
    ),
  ];
}

/** What belongs to the table of entries. */
function entryObjects(schema: string): SchemaObject[] {
  return [...indexesOf(schema), ...guardsOf(schema)];
}

/** What of the trail can be made anew where it is missing. */
export function objectsOf(schema: string): SchemaObject[] {
  return [...entryObjects(schema), ...captureFunctions(schema)];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'the trail',
    sql: (schema) =>
      [
        ...[ENTRIES, GENERATIONS, ACCOUNTS, SETTINGS].map((part) => part(schema)),
        ...entryObjects(schema).map((object) => object.sql),
      ].join(''),
  },
  { version: 2, name: 'captures', sql: CAPTURES },
  {
    version: 3,
    name: 'seals and holds',
    sql: (schema) =>
      [SEALS(schema), ...guardsOf(schema).flatMap(({ name, sql }) => (name === 'daybook_held' ? [sql] : []))].join(''),
  },
  { version: 4, name: 'erasures', sql: ERASURES },
  { version: 5, name: 'a function for each captured table', sql: TABLE_FUNCTIONS },
  { version: 6, name: 'mirrors', sql: MIRRORS },
];

/** Which migrations a trail has seen. */
export const MIGRATIONS_TABLE = (schema: string): string => `
CREATE TABLE IF NOT EXISTS ${schema}.daybook_migrations (
  version integer PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  applied_at text COLLATE "C" NOT NULL
);
`;

export const SCHEMA_VERSION = MIGRATIONS.length;

/** What a writer may give: all but what the trail gives. */
export const GIVEN_COLUMNS = ENTRY_FIELDS.slice(1);

/** The tables of ours. */
export const TABLES = [
  'entries',
  'migrations',
  'generations',
  'prunes',
  'retention',
  'retention_entries',
  'checkpoints',
  'actors',
  'captures',
  'capture_spans',
  'mirrors',
  ...SEAL_TABLES,
].map((name) => `daybook_${name}`);

/** How many rules the table of entries has. */
export const ENTRY_RULES = ENTRIES('').split('CHECK (').length - 1;

/** What a role needs to record and to read: columns, since it is the trail that gives seq and tx. */
export function grantsOf(schema: string, role: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA ${schema} TO ${role};`,
    `GRANT SELECT ON ${TABLES.map((table) => `${schema}.${table}`).join(', ')} TO ${role};`,
    `GRANT INSERT (${GIVEN_COLUMNS.join(', ')}) ON ${schema}.daybook_entries TO ${role};`,
  ];
}
