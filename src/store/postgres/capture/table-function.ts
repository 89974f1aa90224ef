import { looksSecret } from '../../../core/capture.js';
import type { CaptureSettings } from '../../../core/capture.js';
import { keptJson } from '../../../core/kept-json.js';
import { REDACTED } from '../../../core/redact.js';
import { identifier, literal } from '../engine/index.js';

// The function that records the changes of one table: what `daybook_captured` finds out for each row stands written here,
// and an insert, an update and a delete are one INSERT. Whatever it was not made for (other columns, another type, another
// name, a row whose key changes) it hands over.

/** A column as `daybook_shape` tells of it. */
interface ShapeColumn {
  readonly name: string;
  /** Without a domain over it. */
  readonly type: string;
  /** Its place in the key, if it has one. */
  readonly keyPlace: number | null;
}

/** What a function is made of. */
export interface FunctionOf {
  /** As entries call it. */
  readonly table: string;
  readonly relation: number;
  readonly settings: CaptureSettings;
  /** What `daybook_shape` said of the table. */
  readonly shape: string;
}

function columnsIn(shape: string): readonly ShapeColumn[] {
  const { columns } = JSON.parse(shape) as { columns: readonly [string, string, string, number | null][] };
  return columns.map(([name, , type, keyPlace]) => ({ name, type, keyPlace }));
}

const WHOLE = new Set(['smallint', 'integer', 'bigint', 'boolean']);
const FLOATS = new Set(['real', 'double precision']);
const TEXTS = new Set(['text', 'character varying']);
/** Of these, the text is what PostgreSQL writes, and two values are equal where their texts are. */
const WRITTEN_ALIKE = new Set(['uuid', 'date', 'timestamp without time zone']);
const TIME = 'timestamp with time zone';

const DAYS = String.raw`'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

/** SQL of a value that `row_to_json` writes as entries have it; `at` is the column of a row. */
function value(type: string, at: string): string {
  if (WHOLE.has(type) || FLOATS.has(type) || TEXTS.has(type) || type === 'jsonb') return at;
  if (WRITTEN_ALIKE.has(type) || type === 'numeric') return `${at}::text`;
  if (type === 'json') {
    return `CASE WHEN strpos(${at}::text, chr(92) || 'u') > 0 THEN to_json(${at}::text) ELSE translate(${at}::text, chr(10) || chr(13) || chr(9), '   ')::json END`;
  }
  if (type === TIME) {
    return `CASE WHEN isfinite(${at}) AND ${at} >= '0001-01-01 00:00:00+00' THEN to_char(${at}, ${DAYS}) ELSE format('%s', ${at}) END`;
  }
  return `CASE WHEN ${at} IS NOT DISTINCT FROM NULL THEN NULL ELSE format('%s', ${at}) END`;
}

/** SQL of the text of a value: of a JSON string, what it says. */
function textOf(type: string, at: string): string {
  if (TEXTS.has(type)) return at;
  if (WHOLE.has(type)) return `${at}::text`;
  if (FLOATS.has(type)) return `(to_json(${at}) #>> '{}')`;
  if (type === 'jsonb') return `(${at} #>> '{}')`;
  if (type === 'json') return `((${value(type, at)}) #>> '{}')`;
  return `(${value(type, at)})`;
}

/** SQL of a value as JSON text. */
function jsonOf(type: string, at: string): string {
  if (WHOLE.has(type) || type === 'jsonb') return `${at}::text`;
  return `to_json(${value(type, at)})::text`;
}

/** SQL of whether a column of both rows is written in two ways. */
function differs(type: string, old: string, now: string): string {
  if (WHOLE.has(type) || WRITTEN_ALIKE.has(type) || type === TIME) return `${old} IS DISTINCT FROM ${now}`;
  if (TEXTS.has(type)) return `${old} COLLATE "C" IS DISTINCT FROM ${now} COLLATE "C"`;
  if (FLOATS.has(type) || type === 'numeric') return `${old}::text IS DISTINCT FROM ${now}::text`;
  // To compare the bytes costs less than to write both, where nothing changed.
  return `record_image_ne(ROW(${old}), ROW(${now})) AND (${value(type, old)})::text IS DISTINCT FROM (${value(type, now)})::text`;
}

/** Types of which no text looks like JSON. */
const PLAIN_KEYS = new Set([...WHOLE, ...WRITTEN_ALIKE, 'numeric', TIME]);

/** SQL of the id of a row, as entries name it. */
function identity(key: readonly ShapeColumn[], row: string): string {
  const [only] = key;
  if (only === undefined || key.length > 1) {
    return `'[' || ${key.map(({ name, type }) => jsonOf(type, `${row}.${identifier(name)}`)).join(` || ',' || `)} || ']'`;
  }
  const at = `${row}.${identifier(only.name)}`;
  const written = textOf(only.type, at);
  if (PLAIN_KEYS.has(only.type)) return written;
  return `CASE WHEN ${written} ~ '^["{[]' OR ${written} = 'null' THEN ${jsonOf(only.type, at)} ELSE ${written} END`;
}

const SHAPE_LINE = /^ {2}v_shape CONSTANT text := (E?)'(.*)';$/m;

/** What a function says that it was made for; undefined for one that says nothing, or nothing that can be read. */
export function shapeIn(body: string): string | undefined {
  const [, escaped, quoted] = SHAPE_LINE.exec(body) ?? [];
  const unquoted = quoted?.replaceAll("''", "'");
  const shape = escaped === 'E' ? unquoted?.replaceAll('\\\\', '\\') : unquoted;
  const columns = shape === undefined ? undefined : (keptJson(shape) as { columns?: unknown } | null)?.columns;
  return Array.isArray(columns) && columns.every(Array.isArray) ? shape : undefined;
}

/** The body of the function that records the changes of a table. `schema` is quoted. */
export function tableFunction(schema: string, { table, relation: oid, settings, shape }: FunctionOf): string {
  const columns = columnsIn(shape);
  const relation = `'${oid}'::oid`;
  const { entityType, redact, ignore, scope } = settings;
  const key = columns
    .filter(({ keyPlace }) => keyPlace !== null)
    .toSorted((a, b) => Number(a.keyPlace) - Number(b.keyPlace));
  const old = ({ name }: ShapeColumn): string => `OLD.${identifier(name)}`;
  const now = ({ name }: ShapeColumn): string => `NEW.${identifier(name)}`;
  const type = text(entityType);

  const row = (of: (column: ShapeColumn) => string): string => {
    const kept = columns.filter(({ name }) => !(ignore.includes(name) && looksSecret(name)));
    const members = kept.map((column) => {
      const at = of(column);
      const shown = redact.includes(column.name)
        ? `CASE WHEN ${at} IS DISTINCT FROM NULL THEN '${REDACTED}' END`
        : value(column.type, at);
      return `${shown} AS ${identifier(column.name)}`;
    });
    return `(SELECT row_to_json(daybook_row.*) FROM (SELECT ${members.join(',\n        ')}) AS daybook_row)`;
  };

  const isDocument = ({ name, type: its }: ShapeColumn): boolean =>
    !redact.includes(name) && (its === 'json' || its === 'jsonb' || settings.json.includes(name));
  const changed = columns
    .filter(({ name }) => !ignore.includes(name))
    .map((column) => {
      const name = text(column.name);
      const [was, is] = [old(column), now(column)].map((at) => textOf(column.type, at));
      const names = isDocument(column) ? `${schema}.daybook_changed_fields(${name}, ${was}, ${is})` : name;
      const sql = `CASE WHEN ${differs(column.type, old(column), now(column))} THEN ${names} END`;
      return { sql, many: isDocument(column) };
    });
  // Neighbours that give one name each are one list.
  const fields = changed.map(({ sql, many }, at) => {
    const before = changed[at - 1];
    const opens = before === undefined || before.many;
    const closes = changed[at + 1]?.many !== false;
    const joined = before === undefined ? '' : many || opens ? '\n      || ' : ',\n      ';
    return `${joined}${!many && opens ? 'ARRAY[' : ''}${sql}${!many && closes ? ']' : ''}`;
  });

  /** SQL of what the row has in this column: the one that is there after the change, else the one that was. */
  const told = (name: string | null): string | undefined => {
    const column = columns.find((one) => one.name === name);
    if (column === undefined) return undefined;
    const [was, is] = [old(column), now(column)].map((at) => textOf(column.type, at));
    return `nullif(CASE TG_OP WHEN 'DELETE' THEN ${was} ELSE ${is} END, '')`;
  };
  const scoped = scope === null ? undefined : told(scope.column);
  const setting = (name: string | null | undefined): string | undefined =>
    name === undefined || name === null || name === '' ? undefined : `nullif(current_setting(${text(name)}, true), '')`;
  const ofContext = (name: string): string => `nullif(current_setting('daybook.${name}', true), '')`;
  const actor = [setting(settings.actorSetting), told(settings.actorColumn)].filter((one) => one !== undefined);
  const correlation = setting(settings.correlationSetting);
  const actorType = setting(settings.actorTypeSetting);
  const other = actor.length === 0 ? `'unknown'` : `CASE WHEN v_actor IS NOT NULL THEN 'user' ELSE 'unknown' END`;
  const metadata = JSON.stringify({ table });

  return `
DECLARE
  v_shape CONSTANT text := ${text(shape)};
  v_table CONSTANT oid := ${relation};
  v_fits boolean; v_id text; v_fields text[]; v_changed json; v_message text;
  v_actor text; v_actor_type text; v_recorded_by text; v_reason text; v_count bigint;
BEGIN
  -- Whether the table is what this function was made for. The first answer is kept until the table is altered; a transaction
  -- that goes on seeing what was there when it began has to ask each time.
  IF current_setting('transaction_isolation') = 'read committed' THEN
    v_fits := ${schema}.daybook_shape(${relation}) = v_shape;
  ELSE
    v_fits := ${schema}.daybook_shape(v_table) = v_shape;
  END IF;
  IF v_fits IS NOT TRUE THEN
    PERFORM ${schema}.daybook_captured(TG_OP, TG_RELID, TG_ARGV, OLD, NEW);
    RETURN NULL;
  END IF;

  IF TG_OP = 'UPDATE' THEN
    IF ${key.map((column) => differs(column.type, old(column), now(column))).join('\n      OR ')} THEN
      PERFORM ${schema}.daybook_captured(TG_OP, TG_RELID, TG_ARGV, OLD, NEW);
      RETURN NULL;
    END IF;
    v_fields := array_remove(${fields.join('') || 'ARRAY[]::text[]'}, NULL);
    IF v_fields = '{}' THEN RETURN NULL; END IF;
    v_id := ${identity(key, 'NEW')};
    v_changed := array_to_json(v_fields);
    v_message := array_to_string(v_fields, ', ');
    IF length(v_changed::text) > 400 THEN
      v_message := (SELECT string_agg(left(f, 60), ', ' ORDER BY place) FROM unnest(v_fields[1:5]) WITH ORDINALITY AS u (f, place))
        || CASE WHEN cardinality(v_fields) > 5 THEN ' and ' || (cardinality(v_fields) - 5) || ' more' ELSE '' END;
    END IF;
    v_message := v_message || ' of ' || ${type} || ' ' || v_id || ' changed';
  ELSIF TG_OP = 'INSERT' THEN
    v_id := ${identity(key, 'NEW')};
    v_message := ${type} || ' ' || v_id || ' created';
  ELSE
    v_id := ${identity(key, 'OLD')};
    v_message := ${type} || ' ' || v_id || ' deleted';
  END IF;

  v_actor := ${ofContext('actor')};
  IF v_actor IS NOT NULL THEN
    v_actor_type := coalesce(${ofContext('actor_type')}, 'user');
    v_recorded_by := ${ofContext('recorded_by')};
  ELSE
    v_actor := ${actor.length === 0 ? 'NULL' : `coalesce(${actor.join(', ')})`};
    v_actor_type := ${actorType === undefined ? other : `coalesce(${actorType}, ${other})`};
${
  settings.requireActor
    ? `    IF v_actor IS NULL THEN
      RAISE EXCEPTION 'daybook: a change of % must say who makes it: in its transaction, first SELECT set_config(''daybook.actor'', ..., true)', ${text(table)} USING ERRCODE = 'DB001';
    END IF;\n`
    : ''
}    v_actor := coalesce(v_actor, 'unknown');
  END IF;
  v_reason := ${ofContext('reason')};

  INSERT INTO ${schema}.daybook_entries (action, actor, actor_type, actor_name, recorded_by, scope, entity_type, entity_id, entity_name,
    message, metadata, old_values, new_values, changed_fields, correlation_id, reverts)
  VALUES (CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE lower(TG_OP) END,
    v_actor, v_actor_type, (SELECT a.name FROM ${schema}.daybook_actors AS a WHERE a.actor = v_actor), v_recorded_by,
    ${scoped === undefined || scope === null ? 'NULL' : `${text(`${scope.kind}:`)} || ${scoped}`},
    ${type}, v_id, ${told(settings.nameColumn) ?? 'NULL'}, v_message,
    CASE WHEN v_reason IS NULL THEN ${text(metadata)}::json ELSE (${text(metadata.slice(0, -1))} || ',"reason":' || to_json(v_reason)::text || '}')::json END,
    CASE WHEN TG_OP <> 'INSERT' THEN
      ${row(old)}
    END,
    CASE WHEN TG_OP <> 'DELETE' THEN
      ${row(now)}
    END,
    v_changed, ${correlation === undefined ? ofContext('correlation_id') : `coalesce(${ofContext('correlation_id')}, ${correlation})`}, ${ofContext('reverts')});
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count <> 1 THEN
    RAISE EXCEPTION 'daybook: the entry of a captured change cannot be recorded, so the change is refused' USING ERRCODE = 'DB001';
  END IF;
  RETURN NULL;
END `;
}

/** A text as SQL, without the space that keeps it apart from what comes before. */
function text(of: string): string {
  return literal(of).trimStart();
}
