import { CUT, readTemplate } from '../../../core/mirror.js';
import type { MirrorRequest, MirrorSettings, TemplatePart } from '../../../core/mirror.js';
import { identifier, literal, timeText } from '../engine/index.js';
import { revertedBy } from '../trail/index.js';

/** By what rows are looked up: an id that is no value of it names no row. */
export type KeyType = 'bigint' | 'text' | 'uuid';

/** A column of an application's table in which entries are shown, with what PostgreSQL has to know of it. */
export interface MirroredColumn extends MirrorRequest {
  readonly relation: number;
  /** The table as SQL, with all of its rows and no others. */
  readonly from: string;
  /** Whether the column refuses NULL. */
  readonly notNull: boolean;
  readonly keyType: KeyType;
}

/** A function of a mirror. */
export interface MirrorFunction {
  readonly name: string;
  readonly body: string;
  /** What CREATE FUNCTION has between the name and the body. */
  readonly head: string;
}

const OWN_PATH = 'SET search_path = pg_catalog, pg_temp';

/**
 * The functions of a mirror: which rows an entry changes, what a row shows, and the trigger's, which locks each row before it
 * asks what to show. Who shows another entry of the row has committed then, and what he recorded is shown as well.
 *
 * The trigger's runs with the rights of the trail's owner, to whom the table belongs, and the application's own triggers on
 * the table run within it. These know names by `path`, which is the owner's; ours stand there with their schemas.
 */
export function mirrorFunctions(
  schema: string,
  name: string,
  path: string,
  mirrored: MirroredColumn,
): MirrorFunction[] {
  const { from, column, settings, keyType } = mirrored;
  const type = literal(settings.entityType).trimStart();
  const found = `t.${identifier(settings.key)} OPERATOR(pg_catalog.=) v_key${keyType === 'text' ? ` AND t.${identifier(settings.key)}::pg_catalog.text COLLATE pg_catalog."C" OPERATOR(pg_catalog.=) v_id` : ''}`;
  return [
    {
      name: `${name}_ids`,
      head: `(v_type text, v_id text, v_reverts text) RETURNS TABLE (id text, key ${keyType}) LANGUAGE sql STABLE ${OWN_PATH}`,
      body: `
  WITH RECURSIVE line (id) AS (
    SELECT v_reverts COLLATE "C" WHERE v_reverts IS NOT NULL
    UNION SELECT e.reverts FROM line JOIN ${schema}.daybook_entries AS e ON e.id = line.id WHERE e.reverts IS NOT NULL
  ), named (id) AS (
    SELECT v_id COLLATE "C" WHERE v_type = ${type}
    UNION SELECT e.entity_id FROM line JOIN ${schema}.daybook_entries AS e ON e.id = line.id WHERE e.entity_type = ${type}
  )
  SELECT n.id, ${AS_KEY[keyType]} FROM named AS n WHERE n.id IS NOT NULL AND ${IS_KEY[keyType]} ORDER BY 1 `,
    },
    {
      name: `${name}_text`,
      head: `(v_id text) RETURNS text LANGUAGE sql STABLE ${OWN_PATH}`,
      body: `\n  SELECT ${rendering(schema, mirrored, 'v_id')} `,
    },
    {
      name,
      head: `() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${path}`,
      body: `
#variable_conflict use_variable
DECLARE
  v_id pg_catalog.text; v_key pg_catalog.${keyType === 'bigint' ? 'int8' : keyType};
BEGIN
  FOR v_id, v_key IN SELECT i.id, i.key FROM ${schema}.${name}_ids(NEW.entity_type, NEW.entity_id, NEW.reverts) AS i LOOP
    PERFORM FROM ${from} AS t WHERE ${found} FOR NO KEY UPDATE;
    UPDATE ${from} AS t SET ${identifier(column)} = ${schema}.${name}_text(v_id) WHERE ${found};
  END LOOP;
  RETURN NULL;
END `,
    },
  ];
}

const AS_KEY: Readonly<Record<KeyType, string>> = { bigint: 'n.id::numeric::bigint', text: 'n.id', uuid: 'n.id::uuid' };

/** Whether an id is a value of the key, written as PostgreSQL writes it. */
const IS_KEY: Readonly<Record<KeyType, string>> = {
  bigint: `CASE WHEN n.id ~ '^(?:0|-{0,1}[1-9][0-9]{0,18})$' THEN n.id::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 ELSE false END`,
  text: 'true',
  uuid: `n.id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'`,
};

/** The text of an entity; NULL, or empty where the column refuses that, where there is no entry to show. */
export function rendering(
  schema: string,
  { settings, notNull }: Pick<MirroredColumn, 'settings' | 'notNull'>,
  id: string,
): string {
  const { latest, separator, maxLength } = settings;
  const lines = `SELECT ${lineOf(schema, settings)} AS line, e.ts, e.seq FROM ${shownOf(schema, settings, id)} ORDER BY e.ts DESC, e.seq DESC LIMIT ${latest}`;
  const all = `SELECT string_agg(l.line, ${literal(separator)} ORDER BY l.ts DESC, l.seq DESC) AS shown FROM (${lines}) AS l`;
  const text =
    maxLength === null
      ? `(${all})`
      : `(SELECT CASE WHEN length(a.shown) > ${maxLength} THEN left(a.shown, ${maxLength - 1}) || '${CUT}' ELSE a.shown END FROM (${all}) AS a)`;
  return notNull ? `coalesce(${text}, '')` : text;
}

/** Of an entity: the greatest seq of its entries, and whether as many are shown as there is room for. */
export function standing(schema: string, settings: MirrorSettings, id: string): string {
  const { entityType, latest } = settings;
  return `(SELECT max(e.seq) FROM ${schema}.daybook_entries AS e WHERE e.entity_id = ${id} AND e.entity_type = ${literal(entityType)}) AS newest,
    (SELECT count(*) FROM (SELECT FROM ${shownOf(schema, settings, id)} LIMIT ${latest}) AS s) = ${latest} AS "full"`;
}

/** Whether the trail has any entry of a row. */
export function isRecorded(schema: string, { entityType }: MirrorSettings, id: string): string {
  return `EXISTS (SELECT FROM ${schema}.daybook_entries AS e WHERE e.entity_id = ${id} AND e.entity_type = ${literal(entityType)})`;
}

/** The entries of an entity that are shown, where there is room. */
function shownOf(schema: string, settings: MirrorSettings, id: string): string {
  const kept = settings.reverted === 'mark' ? '' : ` AND e.reverts IS NULL AND (${taken(schema)}) IS NULL`;
  return `${schema}.daybook_entries AS e WHERE e.entity_id = ${id} AND e.entity_type = ${literal(settings.entityType)}${kept}`;
}

/** What took an entry back, in the end. */
function taken(schema: string): string {
  return revertedBy('e', { generations: [] }).sql.replaceAll('daybook_entries', `${schema}.daybook_entries`);
}

function lineOf(schema: string, { template, reverted }: MirrorSettings): string {
  const parts = readTemplate(template).map(partOf);
  const mark = `CASE WHEN (${taken(schema)}) IS NULL THEN '' ELSE '[reverted] ' END`;
  return [...(reverted === 'mark' ? [mark] : []), ...parts].join(' || ');
}

function partOf(part: TemplatePart): string {
  if (part.kind === 'text') return literal(part.text);
  if (part.kind === 'meta') return metadataText(part.path.split('.'));
  switch (part.field) {
    case 'date':
      return `left(${timeText('e.ts')}, 10)`;
    case 'time':
      return `substr(${timeText('e.ts')}, 12, 8)`;
    case 'ts':
    case 'recorded_at':
      return `coalesce(${timeText(`e.${part.field}`)}, '')`;
    case 'epoch':
      return 'floor(extract(epoch FROM e.ts))::bigint::text';
    case 'epoch_ms':
      return 'round(extract(epoch FROM e.ts) * 1000)::bigint::text';
    case 'actor_name':
      return 'coalesce(e.actor_name, e.actor)';
    case 'text':
      return `CASE e.message WHEN '' THEN e.action ELSE e.message END`;
    case 'reason':
      return metadataText(['reason']);
    default:
      return `coalesce(e.${part.field}::text, '')`;
  }
}

/** A text as it is, anything else as its JSON, which keeps every digit; nothing where there is none. */
function metadataText(path: readonly string[]): string {
  const at = `ARRAY[${path.map(literal).join(', ')}]`;
  return `coalesce(CASE json_typeof(e.metadata #> ${at}) WHEN 'string' THEN e.metadata #>> ${at} WHEN 'null' THEN '' ELSE (e.metadata #> ${at})::text END, '')`;
}
