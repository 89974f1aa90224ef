import { SECRET_NAMES } from '../../../core/capture.js';
import { REDACTED } from '../../../core/redact.js';
import type { SchemaObject } from './schema.js';

// What is the same for all captured tables. The arguments of a table's triggers say how it is captured, so that a dump
// carries them. Each table has a function of its own beside these, made for its columns (capture/table-function.ts), which is
// several times as fast; it hands over to `daybook_captured` whatever it was not made for. There, the columns and the key are
// asked of the catalog for each row: a column that comes, goes or gets another name breaks no write. `OFFSET 0` looks up each
// column's type by its oid: to join them would read all types of the database for each row.
//
// `daybook_capture` is what triggers of earlier daybooks call for each row, and what refuses TRUNCATE.
//
// The functions run with the rights of the trail's owner, and so they let no code of others run: whatever is not of a type
// that PostgreSQL brings is written by its output function, and no cast of anybody's is asked. They pin what a session
// may set and what would change how values are written.

/** How a value is written as JSON, by its type; `@` is the value. All others are texts, as PostgreSQL writes them. */
export const WRITTEN = String.raw`CASE
      WHEN c.type = ANY ('{int2,int4,int8,bool,jsonb}'::regtype[]) THEN '(@)::text'
      WHEN c.type = ANY ('{float4,float8,text,varchar}'::regtype[]) THEN 'to_json(@)::text'
      WHEN c.type = 'json'::regtype THEN 'CASE WHEN strpos((@)::text, chr(92) || ''u'') > 0 THEN to_json((@)::text)::text ELSE translate((@)::text, chr(10) || chr(13) || chr(9), ''   '') END'
      WHEN c.type = 'timestamptz'::regtype THEN 'to_json(CASE WHEN isfinite(@) AND (@) >= ''0001-01-01 00:00:00+00'' THEN to_char(@, ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'') ELSE format(''%s'', @) END)::text'
      ELSE 'CASE WHEN (@) IS NOT DISTINCT FROM NULL THEN NULL ELSE to_json(format(''%s'', @))::text END'
    END`;

/** PostgreSQL has no groups without a capture, and a question mark stands for a parameter. */
const SECRET = SECRET_NAMES.source.replaceAll('(?:', '(').replaceAll('?', '{0,1}');

const DOCUMENT = `
BEGIN
  RETURN written::jsonb;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END `;

const CHANGED_PATHS = (schema: string): string => `
BEGIN
  IF o IS NOT DISTINCT FROM n THEN RETURN '{}'; END IF;
  IF jsonb_typeof(o) = 'object' AND jsonb_typeof(n) = 'object' THEN
    RETURN (SELECT coalesce(array_agg(p ORDER BY k, p), '{}')
      FROM (SELECT jsonb_object_keys(o) UNION SELECT jsonb_object_keys(n)) AS keys (k),
        unnest(${schema}.daybook_changed_paths(place || '.' || k, o -> k, n -> k)) AS p);
  END IF;
  RETURN ARRAY[place];
END `;

const CAPTURE = (schema: string): string => String.raw`
#variable_conflict use_column
DECLARE
  of_table CONSTANT text := TG_ARGV[0];
  settings CONSTANT json := TG_ARGV[1];
  known CONSTANT text[] := TG_ARGV[2];
  v_type CONSTANT text := settings ->> 'entityType';
  v_names text[]; v_hidden boolean[]; v_left_out boolean[]; v_ignored boolean[]; v_documents boolean[]; v_written text; v_key text[];
  v_before text[]; v_after text[]; v_row text[];
  v_old text; v_new text; v_changed text; v_fields text[];
  v_id text; v_was_id text; v_actor text; v_actor_type text; v_recorded_by text; v_correlation text; v_reason text; v_reverts text; v_reverts_created text;
  v_told text; v_count bigint; v_expected integer;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    RAISE EXCEPTION 'daybook: TRUNCATE of % would take its rows without entries: use DELETE FROM %, or daybook capture remove % first', of_table, of_table, of_table
      USING ERRCODE = 'DB001';
  END IF;
  SELECT array_agg(c.name ORDER BY c.place), array_agg(c.hidden ORDER BY c.place),
    array_agg(c.ignored AND c.secret ORDER BY c.place), array_agg(c.ignored ORDER BY c.place),
    array_agg(NOT c.hidden AND (c.type IN ('json'::regtype, 'jsonb'::regtype) OR c.document) ORDER BY c.place),
    string_agg(replace(${WRITTEN}, '@', format('($1).%I', c.name)), ', ' ORDER BY c.place),
    array_agg(c.name ORDER BY c.in_key) FILTER (WHERE c.in_key IS NOT NULL)
  INTO v_names, v_hidden, v_left_out, v_ignored, v_documents, v_written, v_key
  FROM (
    SELECT d.*, d.redacted OR (d.name <> ALL (known) AND NOT d.ignored AND d.in_key IS NULL AND (d.secret OR d.renamed)) AS hidden
    FROM (
      SELECT a.attname::text AS name, a.attnum AS place, t.type, k.place AS in_key,
        a.attname = ANY (ARRAY(SELECT json_array_elements_text(settings -> 'redact'))) AS redacted,
        a.attname = ANY (ARRAY(SELECT json_array_elements_text(settings -> 'ignore'))) AS ignored,
        a.attname = ANY (ARRAY(SELECT json_array_elements_text(settings -> 'json'))) AS document,
        lower(regexp_replace(regexp_replace(a.attname, '([a-z0-9])([A-Z])', '\1_\2', 'g'), '[^A-Za-z0-9]+', '_', 'g')) ~ '${SECRET}' AS secret,
        EXISTS (SELECT FROM json_array_elements_text(settings -> 'redact') AS r (was)
          WHERE NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = TG_RELID AND b.attname = r.was AND NOT b.attisdropped)) AS renamed
      FROM pg_attribute AS a
      CROSS JOIN LATERAL (SELECT coalesce(nullif(b.typbasetype, 0), b.oid) AS type FROM pg_type AS b WHERE b.oid = a.atttypid OFFSET 0) AS t
      LEFT JOIN (SELECT u.num, u.place FROM pg_index AS i, unnest(i.indkey::int2[]) WITH ORDINALITY AS u (num, place)
        WHERE i.indrelid = TG_RELID AND i.indisprimary) AS k ON k.num = a.attnum
      WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped
    ) AS d
  ) AS c;
  IF v_key IS NULL THEN
    RAISE EXCEPTION 'daybook: the entry of a captured change cannot be recorded, since % has no primary key any more, so the change is refused', of_table USING ERRCODE = 'DB001';
  END IF;
  IF TG_OP <> 'INSERT' THEN
    EXECUTE 'SELECT ARRAY[' || v_written || ']::text[]' INTO v_before USING OLD;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    EXECUTE 'SELECT ARRAY[' || v_written || ']::text[]' INTO v_after USING NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND v_before = v_after THEN RETURN NULL; END IF;
  v_row := coalesce(v_after, v_before);
  SELECT '{' || string_agg(to_json(u.name)::text || ':' || CASE WHEN o IS NULL THEN 'null' WHEN hidden THEN '"${REDACTED}"' ELSE o END, ',' ORDER BY place) FILTER (WHERE NOT left_out) || '}',
    '{' || string_agg(to_json(u.name)::text || ':' || CASE WHEN n IS NULL THEN 'null' WHEN hidden THEN '"${REDACTED}"' ELSE n END, ',' ORDER BY place) FILTER (WHERE NOT left_out) || '}'
  INTO v_old, v_new
  FROM unnest(v_names, v_before, v_after, v_hidden, v_left_out) WITH ORDINALITY AS u (name, o, n, hidden, left_out, place);
  IF TG_OP = 'UPDATE' THEN
    SELECT array_agg(path ORDER BY place, part) INTO v_fields
    FROM unnest(v_names, v_before, v_after, v_ignored, v_documents) WITH ORDINALITY AS u (name, o, n, ignored, document, place),
      LATERAL (SELECT CASE WHEN document THEN ${schema}.daybook_document(o::json #>> '{}') END AS was, CASE WHEN document THEN ${schema}.daybook_document(n::json #>> '{}') END AS now) AS d,
      LATERAL unnest(CASE WHEN d.was IS DISTINCT FROM d.now THEN ${schema}.daybook_changed_paths(name, d.was, d.now) ELSE ARRAY[name] END) WITH ORDINALITY AS p (path, part)
    WHERE NOT ignored AND o IS DISTINCT FROM n;
  END IF;
  SELECT CASE WHEN TG_OP <> 'DELETE' THEN CASE count(*) WHEN 1 THEN min(CASE WHEN n #>> '{}' ~ '^["{[]' OR n #>> '{}' = 'null' THEN n::text ELSE n #>> '{}' END) ELSE '[' || string_agg(n::text, ',' ORDER BY place) || ']' END END,
    CASE WHEN TG_OP <> 'INSERT' THEN CASE count(*) WHEN 1 THEN min(CASE WHEN o #>> '{}' ~ '^["{[]' OR o #>> '{}' = 'null' THEN o::text ELSE o #>> '{}' END) ELSE '[' || string_agg(o::text, ',' ORDER BY place) || ']' END END
  INTO v_id, v_was_id
  FROM (SELECT array_position(v_key, u.name) AS place, u.o::json AS o, u.n::json AS n FROM unnest(v_names, v_before, v_after) AS u (name, o, n) WHERE u.name = ANY (v_key)) AS k;
  v_id := coalesce(v_id, v_was_id);
  IF TG_OP = 'UPDATE' AND v_fields IS NULL AND v_id = v_was_id THEN RETURN NULL; END IF;

  v_actor := nullif(current_setting('daybook.actor', true), '');
  IF v_actor IS NOT NULL THEN
    v_actor_type := coalesce(nullif(current_setting('daybook.actor_type', true), ''), 'user');
    v_recorded_by := nullif(current_setting('daybook.recorded_by', true), '');
  ELSE
    v_actor := nullif(current_setting(nullif(settings ->> 'actorSetting', ''), true), '');
    v_told := nullif(current_setting(nullif(settings ->> 'actorTypeSetting', ''), true), '');
    IF v_actor IS NULL THEN
      v_actor := nullif((v_row[array_position(v_names, settings ->> 'actorColumn')])::json #>> '{}', '');
    END IF;
    v_actor_type := coalesce(v_told, CASE WHEN v_actor IS NOT NULL THEN 'user' ELSE 'unknown' END);
    IF v_actor IS NULL AND (settings ->> 'requireActor')::boolean THEN
      RAISE EXCEPTION 'daybook: a change of % must say who makes it: in its transaction, first SELECT set_config(''daybook.actor'', ..., true)', of_table USING ERRCODE = 'DB001';
    END IF;
    v_actor := coalesce(v_actor, 'unknown');
  END IF;
  v_correlation := coalesce(nullif(current_setting('daybook.correlation_id', true), ''), nullif(current_setting(nullif(settings ->> 'correlationSetting', ''), true), ''));
  v_reason := nullif(current_setting('daybook.reason', true), '');
  v_reverts := nullif(current_setting('daybook.reverts', true), '');
  v_reverts_created := coalesce(nullif(current_setting('daybook.reverts_created', true), ''), v_reverts);

  v_changed := CASE WHEN v_fields IS NOT NULL THEN (SELECT '[' || string_agg(to_json(f)::text, ',' ORDER BY place) || ']' FROM unnest(v_fields) WITH ORDINALITY AS u (f, place)) END;
  v_expected := CASE WHEN v_id <> coalesce(v_was_id, v_id) THEN 2 ELSE 1 END;
  INSERT INTO ${schema}.daybook_entries (action, actor, actor_type, actor_name, recorded_by, scope, entity_type, entity_id, entity_name,
    message, metadata, old_values, new_values, changed_fields, correlation_id, reverts)
  SELECT CASE part WHEN 1 THEN 'delete' WHEN 2 THEN 'create' ELSE CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE lower(TG_OP) END END,
    v_actor, v_actor_type, (SELECT a.name FROM ${schema}.daybook_actors AS a WHERE a.actor = v_actor), v_recorded_by,
    (settings #>> '{scope,kind}') || ':' || nullif((r[array_position(v_names, settings #>> '{scope,column}')])::json #>> '{}', ''),
    v_type, id, nullif((r[array_position(v_names, settings ->> 'nameColumn')])::json #>> '{}', ''),
    CASE part WHEN 1 THEN v_type || ' ' || v_was_id || ' became ' || v_id
      WHEN 2 THEN v_type || ' ' || v_id || ' was ' || v_was_id
      ELSE CASE WHEN v_fields IS NULL THEN v_type || ' ' || v_id || ' ' || CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'deleted' END
        ELSE CASE WHEN length(v_changed) <= 400 THEN array_to_string(v_fields, ', ')
          ELSE (SELECT string_agg(left(f, 60), ', ' ORDER BY place) FROM unnest(v_fields[1:5]) WITH ORDINALITY AS u (f, place))
            || CASE WHEN cardinality(v_fields) > 5 THEN ' and ' || (cardinality(v_fields) - 5) || ' more' ELSE '' END END
          || ' of ' || v_type || ' ' || v_id || ' changed' END END,
    ('{"table":' || to_json(of_table)::text
      || CASE part WHEN 1 THEN ',"key_changed_to":' || to_json(v_id)::text WHEN 2 THEN ',"key_changed_from":' || to_json(v_was_id)::text ELSE '' END
      || coalesce(',"reason":' || to_json(v_reason)::text, '') || '}')::json,
    CASE WHEN part <> 2 AND v_before IS NOT NULL THEN v_old::json END, CASE WHEN part <> 1 AND v_after IS NOT NULL THEN v_new::json END,
    CASE WHEN part = 0 THEN v_changed::json END, v_correlation, CASE WHEN part = 2 THEN v_reverts_created ELSE v_reverts END
  FROM unnest(CASE v_expected WHEN 2 THEN '{1,2}'::int[] ELSE '{0}' END) AS parts (part),
    LATERAL (SELECT CASE WHEN part = 1 THEN v_before ELSE v_row END AS r, CASE WHEN part = 1 THEN v_was_id ELSE v_id END AS id) AS told
  ORDER BY part;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count <> v_expected THEN
    RAISE EXCEPTION 'daybook: the entry of a captured change cannot be recorded, so the change is refused' USING ERRCODE = 'DB001';
  END IF;
  RETURN NULL;
END `;

/** The same for a row that is handed over, with what the trigger knows of it. */
const CAPTURED = (schema: string): string =>
  CAPTURE(schema)
    .replaceAll('TG_OP', 'v_operation')
    .replaceAll('TG_RELID', 'v_relation')
    .replaceAll('TG_ARGV', 'v_arguments')
    .replaceAll(/\bOLD\b/g, 'v_was')
    .replaceAll(/\bNEW\b/g, 'v_is')
    .replaceAll('RETURN NULL;', 'RETURN;');

/** The fields in which a document has changed, by its texts; of what is no document, its name alone. */
const CHANGED_FIELDS = (schema: string): string => `
DECLARE
  was CONSTANT jsonb := ${schema}.daybook_document(o);
  now CONSTANT jsonb := ${schema}.daybook_document(n);
BEGIN
  RETURN CASE WHEN was IS DISTINCT FROM now THEN ${schema}.daybook_changed_paths(name, was, now) ELSE ARRAY[name] END;
END `;

/**
 * What a table is to capture: its name, its columns with their types (as they are declared, and without a domain over
 * them) and their places in the key.
 *
 * IMMUTABLE is not what it is, but what makes it cost nothing: asked with an oid that stands in the SQL, it is answered when the
 * plan is made, and a plan that names a table by its oid is made anew after each ALTER TABLE of it.
 */
const SHAPE = `
  SELECT json_build_object('table', c.oid::regclass, 'columns', (
    SELECT json_agg(json_build_array(a.attname, a.atttypid::regtype, t.name, k.place) ORDER BY a.attnum)
    FROM pg_attribute AS a
    CROSS JOIN LATERAL (SELECT coalesce(nullif(b.typbasetype, 0), b.oid)::regtype AS name FROM pg_type AS b WHERE b.oid = a.atttypid OFFSET 0) AS t
    LEFT JOIN (SELECT u.num, u.place FROM pg_index AS i, unnest(i.indkey::int2[]) WITH ORDINALITY AS u (num, place)
      WHERE i.indrelid = relation AND i.indisprimary) AS k ON k.num = a.attnum
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped))::text
  FROM pg_class AS c WHERE c.oid = relation `;

/** What a session may set and what would change how values are written, as the functions of capture have it. */
const PINNED = {
  search_path: 'pg_catalog, pg_temp',
  timezone: `'UTC'`,
  datestyle: `'ISO, YMD'`,
  intervalstyle: `'postgres'`,
  bytea_output: `'hex'`,
  extra_float_digits: '1',
  lc_monetary: `'C'`,
};

/** The same as CREATE FUNCTION has it. */
export const PINNING = Object.entries(PINNED)
  .map(([name, value]) => `SET ${name} = ${value}`)
  .join(' ');

/** The same as the catalog keeps it, in lower case; and the function has the rights of its owner. */
export const PINNED_AS_KEPT = `definer;${Object.entries(PINNED)
  .map(([name, value]) => `${name}=${value.replaceAll("'", '')}`)
  .join(';')
  .toLowerCase()}`;

/** The functions of capture. They are made anew where somebody dropped or changed them. */
export function captureFunctions(schema: string): SchemaObject[] {
  const made = (name: string, parameters: string, rest: string, text: string, pinned = ''): SchemaObject => ({
    type: 'function',
    name,
    body: { name, text, pinned },
    sql: `
CREATE OR REPLACE FUNCTION ${schema}.${name}(${parameters}) ${rest} AS $$${text}$$;
REVOKE ALL ON FUNCTION ${schema}.${name}(${parameters}) FROM PUBLIC;
`,
  });
  return [
    made('daybook_document', 'written text', 'RETURNS jsonb LANGUAGE plpgsql STABLE', DOCUMENT),
    made(
      'daybook_changed_paths',
      'place text, o jsonb, n jsonb',
      'RETURNS text[] LANGUAGE plpgsql STABLE',
      CHANGED_PATHS(schema),
    ),
    made(
      'daybook_changed_fields',
      'name text, o text, n text',
      'RETURNS text[] LANGUAGE plpgsql STABLE',
      CHANGED_FIELDS(schema),
    ),
    made(
      'daybook_shape',
      'relation oid',
      'RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp',
      SHAPE,
      'search_path=pg_catalog, pg_temp',
    ),
    made(
      'daybook_capture',
      '',
      `RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER ${PINNING}`,
      CAPTURE(schema),
      PINNED_AS_KEPT,
    ),
    made(
      'daybook_captured',
      'v_operation text, v_relation oid, v_arguments text[], v_was record, v_is record',
      `RETURNS void LANGUAGE plpgsql SECURITY DEFINER ${PINNING}`,
      CAPTURED(schema),
      PINNED_AS_KEPT,
    ),
  ];
}

/** What came with the functions for each table. */
export const TABLE_FUNCTIONS = (schema: string): string =>
  captureFunctions(schema)
    .filter(({ name }) => ['daybook_changed_fields', 'daybook_shape', 'daybook_captured'].includes(name))
    .map((made) => made.sql)
    .join('');

/** What is kept of captured tables. A table is known by its oid here, so that another name is no gap. */
export const CAPTURES = (schema: string): string => `
CREATE TABLE ${schema}.daybook_captures (
  table_name text COLLATE "C" PRIMARY KEY,
  relation oid NOT NULL,
  entity_type text COLLATE "C" NOT NULL UNIQUE,
  settings text COLLATE "C" NOT NULL,
  columns text COLLATE "C" NOT NULL,
  primary_key text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_capture_spans (
  span bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  since_seq bigint NOT NULL,
  since_ts text COLLATE "C" NOT NULL,
  until_seq bigint,
  until_ts text COLLATE "C",
  ended text COLLATE "C" CHECK (ended IN ('removed', 'gap'))
);
${captureFunctions(schema)
  .map((made) => made.sql)
  .join('')}`;

/** What is kept of mirrors; the names of their triggers and functions have their numbers. */
export const MIRRORS = (schema: string): string => `
CREATE TABLE ${schema}.daybook_mirrors (
  mirror bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text COLLATE "C" NOT NULL,
  column_name text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  settings text COLLATE "C" NOT NULL,
  UNIQUE (table_name, column_name)
);
`;
