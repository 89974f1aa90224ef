import { CUT, readTemplate } from '../../../core/mirror.js';
import type { MirrorRequest, MirrorSettings, TemplatePart } from '../../../core/mirror.js';
import { jsonPaths, revertedBy } from '../trail/index.js';
import { literal, identifier } from '../tables/index.js';

/** A column of an application's table in which entries are shown, with what SQLite has to know of it. */
export interface MirroredColumn extends MirrorRequest {
  /** Whether the column refuses NULL. */
  readonly notNull: boolean;
  /** The collation of the key's index; null for a rowid, which has none. */
  readonly collation: string | null;
  /** Whether the key column takes 7 and '7' as they come, so that both have to be looked up. */
  readonly untypedKey: boolean;
}

// An application's table has any name, but none of ours: with other aliases, its columns could be taken for an entry's.
const ENTRY = 'daybook_entry';
const TAKEN = 'daybook_taken';

export function mirrorTriggerName({ table, column }: Pick<MirrorRequest, 'table' | 'column'>): string {
  return `daybook_mirror_${table}.${column}`;
}

/**
 * The trigger of a mirror. It runs in whichever program records an entry. No index is named in it: without one, recording
 * would be slow, and with its name, it would fail.
 */
export function mirrorTrigger(mirrored: MirroredColumn): string {
  const { entityType } = mirrored.settings;
  return `CREATE TRIGGER ${identifier(mirrorTriggerName(mirrored))} AFTER INSERT ON daybook_entries
WHEN NEW.entity_type = ${literal(entityType)} OR NEW.reverts IS NOT NULL
BEGIN
${mirrorUpdates(mirrored, (column) => `NEW.${column}`)
  .map((update) => `  ${update};\n`)
  .join('')}END`;
}

/**
 * What an entry does to the column: its own row is rendered anew, and so is that of an entry that it takes back, or, since
 * taking back a revert makes the first hold again, of any down that line. `of` gives the SQL of a column of the entry.
 */
export function mirrorUpdates(mirrored: MirroredColumn, of: (column: string) => string): string[] {
  const { settings } = mirrored;
  const type = literal(settings.entityType);
  const update = (id: string): string =>
    `UPDATE ${identifier(mirrored.table)} SET ${identifier(mirrored.column)} = ${rendering(mirrored, id)}`;
  // CROSS JOIN keeps the order: the planner would rather scan all entries.
  const line = `WITH RECURSIVE daybook_line (id) AS (SELECT ${of('reverts')} UNION SELECT ${ENTRY}.reverts FROM daybook_line CROSS JOIN daybook_entries AS ${ENTRY} ON ${ENTRY}.id = daybook_line.id WHERE ${ENTRY}.reverts IS NOT NULL)`;
  const ids = (value: string): string =>
    `SELECT ${value} FROM daybook_line CROSS JOIN daybook_entries AS ${ENTRY} ON ${ENTRY}.id = daybook_line.id WHERE ${ENTRY}.entity_type = ${type}`;
  const id = `${ENTRY}.entity_id`;
  const found = mirrored.untypedKey
    ? `${line} ${ids(`+${id}`)} UNION ALL ${ids(`+CAST(${id} AS INTEGER)`)}`
    : `${line} ${ids(id)}`;
  return [
    `${update(of('entity_id'))} WHERE ${of('entity_type')} = ${type} AND ${isKey(mirrored, of('entity_id'))}`,
    `${update(keyText(mirrored))} WHERE ${of('reverts')} IS NOT NULL AND ${keyAsIndexed(mirrored)} IN (${found}) AND ${isRecorded(mirrored)}`,
  ];
}

/** The key as entries name it. */
export function keyText({ table, settings }: MirroredColumn): string {
  return `CAST(${identifier(table)}.${identifier(settings.key)} AS TEXT)`;
}

/** The key in the order of its index; with its table, for ORDER BY would take a name of the result for it. */
export function keyAsIndexed({ table, settings, collation }: MirroredColumn): string {
  return `${identifier(table)}.${identifier(settings.key)}${collation === null ? '' : ` COLLATE ${collation}`}`;
}

/** Whether the trail has any entry of a row. */
export function isRecorded(mirrored: MirroredColumn): string {
  return `EXISTS (SELECT 1 FROM daybook_entries AS ${ENTRY} WHERE ${ENTRY}.entity_id = ${keyText(mirrored)} AND ${ENTRY}.entity_type = ${literal(mirrored.settings.entityType)})`;
}

/** The index finds 7 by '7', but also by '07', and 'A' by 'a' where its collation folds: the text decides. */
function isKey(mirrored: MirroredColumn, id: string): string {
  const key = keyAsIndexed(mirrored);
  const found = mirrored.untypedKey ? `${key} IN (+${id}, +CAST(${id} AS INTEGER))` : `${key} = ${id}`;
  return `${found} AND ${keyText(mirrored)} COLLATE BINARY = ${id}`;
}

/** The text of an entity; NULL, or empty where the column refuses that, where there is no entry to show. */
export function rendering({ settings, notNull }: Pick<MirroredColumn, 'settings' | 'notNull'>, id: string): string {
  const { latest, separator, maxLength } = settings;
  const lines = `SELECT ${lineOf(settings)} AS line FROM ${shownOf(settings, id)} ORDER BY ${ENTRY}.ts_ms DESC, ${ENTRY}.seq DESC LIMIT ${latest}`;
  const all = `group_concat(line, ${literal(separator)})`;
  const text =
    maxLength === null
      ? `SELECT ${all} FROM (${lines})`
      : `SELECT iif(length(text) > ${maxLength}, substr(text, 1, ${maxLength - 1}) || '${CUT}', text) FROM (SELECT ${all} AS text FROM (${lines}))`;
  return notNull ? `coalesce((${text}), '')` : `(${text})`;
}

/** Of an entity: the greatest seq of its entries, and whether as many are shown as there is room for. */
export function standing(settings: MirrorSettings): string {
  const { entityType, latest } = settings;
  return `SELECT (SELECT max(${ENTRY}.seq) FROM daybook_entries AS ${ENTRY} WHERE ${ENTRY}.entity_id = :id AND ${ENTRY}.entity_type = ${literal(entityType)}) AS newest,
    (SELECT count(*) FROM (SELECT 1 FROM ${shownOf(settings, ':id')} LIMIT ${latest})) = ${latest} AS full`;
}

/** The entries of an entity that are shown, where there is room. */
function shownOf(settings: MirrorSettings, id: string): string {
  return `daybook_entries AS ${ENTRY} WHERE ${ENTRY}.entity_id = ${id} AND ${ENTRY}.entity_type = ${literal(settings.entityType)}${shown(settings)}`;
}

/** Most entries were never taken back: one look at a small index says so, before the line of reverts is followed. */
const EVER_TAKEN = `EXISTS (SELECT 1 FROM daybook_entries AS ${TAKEN} WHERE ${TAKEN}.reverts = ${ENTRY}.id)`;
const IS_TAKEN = `${EVER_TAKEN} AND ${revertedBy(ENTRY, undefined, 'any index')} IS NOT NULL`;

function shown({ reverted }: MirrorSettings): string {
  return reverted === 'mark' ? '' : ` AND ${ENTRY}.reverts IS NULL AND NOT (${IS_TAKEN})`;
}

function lineOf({ template, reverted }: MirrorSettings): string {
  const parts = readTemplate(template).map(partOf);
  return [...(reverted === 'mark' ? [`iif(${IS_TAKEN}, '[reverted] ', '')`] : []), ...parts].join(' || ');
}

function partOf(part: TemplatePart): string {
  if (part.kind === 'text') return literal(part.text);
  if (part.kind === 'meta') return metadataText(part.path);
  const at = (column: string): string => `${ENTRY}.${column}`;
  switch (part.field) {
    case 'date':
      return `substr(${at('ts')}, 1, 10)`;
    case 'time':
      return `substr(${at('ts')}, 12, 8)`;
    case 'epoch':
      return `CAST(strftime('%s', ${at('ts')}) AS TEXT)`;
    case 'epoch_ms':
      return `CAST(${at('ts_ms')} AS TEXT)`;
    case 'actor_name':
      return `coalesce(${at('actor_name')}, ${at('actor')})`;
    case 'text':
      return `iif(${at('message')} = '', ${at('action')}, ${at('message')})`;
    case 'reason':
      return metadataText('reason');
    default:
      return `coalesce(CAST(${at(part.field)} AS TEXT), '')`;
  }
}

/** A text as it is, anything else as its JSON, which keeps every digit; nothing where there is none. */
function metadataText(path: string): string {
  const metadata = `${ENTRY}.metadata`;
  const values = jsonPaths(path).map((at) => {
    const place = literal(at);
    return `CASE json_type(${metadata}, ${place}) WHEN 'text' THEN ${metadata} ->> ${place} WHEN 'null' THEN '' ELSE ${metadata} -> ${place} END`;
  });
  // Most entries have no metadata: that is told without reading JSON.
  return `iif(${metadata} = '{}', '', coalesce(${values.join(', ')}, ''))`;
}
