import { looksSecret } from '../../core/capture.js';
import type { CaptureSettings } from '../../core/capture.js';
import { REDACTED } from '../../core/redact.js';
import { changedPathsSql } from './document-changes.js';
import { literal, quoted } from './table-description.js';
import type { TableColumn, TableDescription } from './table-description.js';

export interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/** So long after its last use, a context that nobody cleared holds no more. In days, as `used` is. */
const CONTEXT_LIFE = '5.0 / 86400';

/** SQLite takes 127 arguments, older releases 100. */
const FIELDS_PER_OBJECT = 40;

const LIVE_CONTEXT = `abs(julianday('now') - used) < ${CONTEXT_LIFE}`;

/**
 * The triggers that record every change of a table's rows. They run within other programs, from SQLite 3.38 on, and use
 * no function of ours.
 *
 * REPLACE deletes rows without a word to any trigger unless a connection asks for that. So before an INSERT or an UPDATE
 * the rows that have a key in common with the new one are noted, and afterwards, when those that it could not live
 * beside are gone, the notes become entries. Where the connection does ask, the DELETE trigger records such a row and
 * takes its note away. A note may be left over, by OR IGNORE or ON CONFLICT DO UPDATE, and goes before the next one.
 *
 * The conflict clause of a statement overrules those within its triggers: OR IGNORE would skip an entry that breaks a
 * rule. So each INSERT of an entry is followed by a look at whether it was made; RAISE is not overruled.
 */
export function captureTriggers(table: TableDescription, settings: CaptureSettings): Trigger[] {
  const parts = partsOf(table, settings);
  const on = quoted(table.name);
  const trigger = (when: string, condition: string | null, body: readonly string[]): Trigger => {
    const name = triggerName(table.name, when);
    return {
      name,
      sql: `CREATE TRIGGER ${quoted(name)} ${when.split(' ', 2).join(' ')} ON ${on}${condition === null ? '' : `\nWHEN ${condition}`}
BEGIN
${body.map((statement) => `  ${statement};\n`).join('')}END`,
    };
  };
  const { sameKey, differs, uniqueDiffers } = parts;
  // Within the REPLACE of a row, a foreign key may change others of the same table, which have notes of their own.
  const inserted = `''`;
  const updated = `'of ' || ${parts.identity('OLD')}`;
  return [
    trigger('BEFORE INSERT', null, [parts.clearNotes(inserted), parts.noteRivals(inserted, 'TRUE')]),
    trigger('AFTER INSERT', null, [
      ...parts.actorRequired('NEW'),
      ...parts.recordReplaced(inserted, parts.identity('NEW')),
      ...parts.recordReplacement,
      ...parts.recordCreate,
      parts.clearNotes(inserted),
      parts.renewContext,
    ]),
    trigger('BEFORE UPDATE', uniqueDiffers, [
      parts.clearNotes(updated),
      parts.noteRivals(
        updated,
        `NOT (${table.primaryKey.map((name) => `t.${quoted(name)} IS OLD.${quoted(name)}`).join(' AND ')})`,
      ),
    ]),
    trigger('AFTER UPDATE', `${sameKey} AND (${differs} OR ${uniqueDiffers})`, [
      ...parts.actorRequired('NEW'),
      ...parts.recordReplaced(updated, 'NULL', uniqueDiffers),
      ...parts.recordUpdate,
      parts.clearNotes(updated),
      parts.renewContext,
    ]),
    trigger('AFTER UPDATE key', `NOT (${sameKey})`, [
      ...parts.actorRequired('NEW'),
      ...parts.recordReplaced(updated, 'NULL', uniqueDiffers),
      ...parts.recordKeyChange,
      parts.clearNotes(updated),
      parts.renewContext,
    ]),
    trigger('AFTER DELETE', null, [
      ...parts.actorRequired('OLD'),
      ...parts.recordDelete,
      `DELETE FROM daybook_replaced WHERE table_name = ${literal(table.name)} AND entity_id IS ${parts.identity('OLD')}`,
      parts.renewContext,
    ]),
  ];
}

const MOMENTS = ['BEFORE INSERT', 'AFTER INSERT', 'BEFORE UPDATE', 'AFTER UPDATE', 'AFTER UPDATE key', 'AFTER DELETE'];

function triggerName(table: string, when: string): string {
  return `daybook_capture_${table}_${when.toLowerCase().replaceAll(' ', '_')}`;
}

/** The names of a captured table's triggers, whatever has become of the table. */
export function captureTriggerNames(table: string): string[] {
  return MOMENTS.map((when) => triggerName(table, when));
}

/** The row of a table as the JSON that entries hold, for a row that SQL knows by this prefix. */
export function rowJson(table: TableDescription, settings: CaptureSettings, prefix: string): string {
  const redacted = new Set(settings.redact);
  const stored = table.columns.filter(({ name }) => !isLeftOut(name, settings));
  const value = (column: TableColumn): string => {
    const at = `${prefix}.${quoted(column.name)}`;
    return redacted.has(column.name) ? `iif(${at} IS NULL, NULL, ${literal(REDACTED)})` : encoded(column, at);
  };
  const objects = chunks(stored, FIELDS_PER_OBJECT).map(
    (some) => `json_object(${some.map((column) => `${literal(column.name)}, ${value(column)}`).join(', ')})`,
  );
  if (objects.length < 2) return objects[0] ?? `'{}'`;
  const inner = objects.map((object) => `substr(${object}, 2, length(${object}) - 2)`);
  return `'{' || ${inner.join(` || ',' || `)} || '}'`;
}

/** A secret that is ignored is not kept either. */
function isLeftOut(column: string, settings: CaptureSettings): boolean {
  return settings.ignore.includes(column) && looksSecret(column);
}

/** What an entity's id is: the key as text, or where there are several columns, their JSON array in the key's order. */
export function identityOf(table: TableDescription, prefix: string): string {
  const at = (name: string): [TableColumn, string] => [columnOf(table, name), `${prefix}.${quoted(name)}`];
  const [first = '', ...others] = table.primaryKey;
  if (others.length > 0) return `json_array(${table.primaryKey.map((name) => encoded(...at(name))).join(', ')})`;
  const [column, value] = at(first);
  if (column.holds !== 'anything') return `CAST(${value} AS TEXT)`;
  return `CASE typeof(${value}) WHEN 'blob' THEN json_object('$blob', lower(hex(${value}))) WHEN 'real' THEN printf('%!.17g', ${value}) WHEN 'null' THEN 'null' ELSE CAST(${value} AS TEXT) END`;
}

/**
 * A value for a JSON object. JSON has no bytes and no infinities; a real gets 17 digits, which are enough for any, or
 * where SQLite would not read the same back, a whole number and a power of two.
 */
function encoded(column: TableColumn, value: string): string {
  if (column.holds !== 'anything') return value;
  const exact = `(SELECT CAST(${value} / value AS INTEGER) || 'p' || exponent FROM daybook_powers_of_two WHERE abs(${value}) / value < 9007199254740992.0 AND (abs(${value}) / value >= 4503599627370496.0 OR exponent = -1074))`;
  const real = `CASE WHEN ${value} <> 0 AND ${value} = ${value} * 2 THEN json_object('$real', iif(${value} > 0, 'inf', '-inf')) WHEN CAST(printf('%!.17g', ${value}) AS REAL) = ${value} THEN json(printf('%!.17g', ${value})) ELSE json_object('$real', ${exact}) END`;
  return `CASE typeof(${value}) WHEN 'blob' THEN json_object('$blob', lower(hex(${value}))) WHEN 'real' THEN ${real} ELSE ${value} END`;
}

function columnOf(table: TableDescription, name: string): TableColumn {
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) throw new Error(`table ${table.name} has no column ${name}`);
  return column;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** The statements that the triggers are made of. */
function partsOf(table: TableDescription, settings: CaptureSettings) {
  const name = literal(table.name);
  const type = literal(settings.entityType);
  const all = table.columns;
  const watched = all.filter((column) => !settings.ignore.includes(column.name));
  const redacted = new Set(settings.redact);
  const documents = new Set(settings.json);
  const identity = (prefix: string): string => identityOf(table, prefix);
  const row = (prefix: string): string => rowJson(table, settings, prefix);
  const differ = (column: TableColumn, before: string, after: string): string => {
    const unequal = `${before} IS NOT ${after} COLLATE BINARY`;
    return column.untyped ? `(${unequal} OR typeof(${before}) <> typeof(${after}))` : unequal;
  };
  const byColumn = (column: TableColumn): [TableColumn, string, string] => {
    const at = quoted(column.name);
    return [column, `OLD.${at}`, `NEW.${at}`];
  };
  const keyColumns = new Set(table.uniqueKeys.flatMap((key) => key.columns.map((column) => column.name)));
  const differs = watched.map((column) => differ(...byColumn(column))).join(' OR ') || 'FALSE';
  const uniqueDiffers = [...keyColumns].map((key) => differ(...byColumn(columnOf(table, key)))).join(' OR ');
  const sameKey = table.primaryKey.map((key) => `NOT (${differ(...byColumn(columnOf(table, key)))})`).join(' AND ');

  const textOf = (column: string | null, prefix: string): string =>
    column === null ? 'NULL' : `nullif(replace(CAST(${prefix}.${quoted(column)} AS TEXT), char(0), ' '), '')`;
  const scopeOf = (prefix: string): string =>
    settings.scope === null
      ? 'NULL'
      : `${literal(`${settings.scope.kind}:`)} || ${textOf(settings.scope.column, prefix)}`;
  const nameOf = (prefix: string): string => textOf(settings.nameColumn, prefix);
  const actorOf = (prefix: string): string => textOf(settings.actorColumn, prefix);

  /** Puts each changed field behind a comma; a document that differs in form alone is named whole. */
  const changedOf = (fragments: readonly string[]): string =>
    `'[' || substr(${fragments.join(' || ') || `''`}, 2) || ']'`;
  const jsonName = (column: TableColumn): string => literal(`,${JSON.stringify(column.name)}`);
  const changed = changedOf(
    watched.map((column) => {
      const [, before, after] = byColumn(column);
      const named =
        documents.has(column.name) && !redacted.has(column.name)
          ? `coalesce(nullif(${changedPathsSql(column.name, before, after)}, ''), ${jsonName(column)})`
          : jsonName(column);
      return `CASE WHEN ${differ(column, before, after)} THEN ${named} ELSE '' END`;
    }),
  );
  const titled = (fields: string, id: string): string =>
    `replace(replace(replace(substr(${fields}, 2, length(${fields}) - 2), '","', ', '), '"', ''), '\\', '') || ${literal(` of ${settings.entityType} `)} || ${id} || ' changed'`;

  interface EntrySource {
    readonly action: 'create' | 'update' | 'delete';
    readonly id: string;
    readonly name: string;
    readonly scope: string;
    readonly actor: string;
    readonly message: string;
    readonly before: string;
    readonly after: string;
    readonly changed: string;
    readonly link?: readonly [key: string, id: string];
    readonly from?: string;
    readonly where?: string;
  }
  const plainMetadata = literal(JSON.stringify({ table: table.name }));
  const entry = (source: EntrySource): string => {
    const { link } = source;
    // The id as text: a composite one would be an array within.
    const linked = link === undefined ? '' : `, ${literal(link[0])}, ${link[1]} || ''`;
    const metadata = `CASE WHEN c.reason IS NULL THEN ${link === undefined ? plainMetadata : `json_object('table', ${name}${linked})`} ELSE json_object('table', ${name}${linked}, 'reason', c.reason) END`;
    return `INSERT INTO daybook_entries (action, actor, actor_type, scope, entity_type, entity_id, entity_name, message, metadata, old_values, new_values, changed_fields, correlation_id, reverts)
  SELECT '${source.action}', coalesce(c.actor, ${source.actor}, 'unknown'), CASE WHEN c.actor IS NOT NULL THEN c.actor_type WHEN ${source.actor} IS NULL THEN 'unknown' ELSE 'user' END, ${source.scope}, ${type}, ${source.id}, ${source.name}, ${source.message}, ${metadata}, ${source.before}, ${source.after}, ${source.changed}, c.correlation_id, c.reverts
  FROM ${source.from ?? '(SELECT 1)'} LEFT JOIN daybook_context AS c ON abs(julianday('now') - c.used) < ${CONTEXT_LIFE}${source.where === undefined ? '' : `\n  WHERE ${source.where}`}`;
  };
  const wordsOf = (id: string, word: string): string => `${literal(`${settings.entityType} `)} || ${id} || ' ${word}'`;
  const refuse = `RAISE(ABORT, ${literal(`daybook: the entry of this change of ${table.name} cannot be recorded, so the change is refused`)})`;
  const recorded = (count: string): string => `SELECT ${refuse} WHERE changes() <> ${count}`;
  const ofRow = (prefix: 'OLD' | 'NEW') => ({
    id: identity(prefix),
    name: nameOf(prefix),
    scope: scopeOf(prefix),
    actor: actorOf(prefix),
  });

  const notesOf = (write: string): string => `daybook_replaced WHERE table_name = ${name} AND written = ${write}`;
  const insertNotes = notesOf(`''`);
  const rival = table.uniqueKeys
    .map(
      (key) =>
        `(${key.columns.map((column) => `t.${quoted(column.name)} = +NEW.${quoted(column.name)} COLLATE ${quoted(column.collation)}`).join(' AND ')})`,
    )
    .join(' OR ');
  const byRowid = table.uniqueKeys.some((key) => key.isRowid);
  const inNote = (key: string): string => `'$[${all.findIndex((one) => one.name === key)}]'`;
  /**
   * Which row of the table a note is still about. Where the row that was written has a whole unique key in common with
   * another one, that has gone: only one of a partial index may have stayed, and -1, which a new rowid is at first.
   */
  const there = byRowid
    ? table.primaryKey.map((key) => `t.${quoted(key)} = json_extract(n.compared, ${inNote(key)})`).join(' AND ')
    : table.uniqueKeys.some((key) => key.partial)
      ? `(${rival}) AND ${table.primaryKey.map((key) => `json_quote(${encoded(columnOf(table, key), `t.${quoted(key)}`)}) IS (n.compared -> ${inNote(key)})`).join(' AND ')}`
      : null;
  const isNew = table.primaryKey.map((key) => `t.${quoted(key)} IS NEW.${quoted(key)} COLLATE BINARY`).join(' AND ');
  const gone = (write: string, newId: string): string =>
    `n.table_name = ${name} AND n.written = ${write} AND +n.entity_id IS NOT ${newId}${there === null ? '' : ` AND NOT EXISTS (SELECT 1 FROM ${quoted(table.name)} AS t WHERE ${there} AND NOT (${isNew}))`}`;
  const compared = (prefix: string): string[] =>
    all.map((column) =>
      redacted.has(column.name) || isLeftOut(column.name, settings)
        ? 'NULL'
        : encoded(column, `${prefix}.${quoted(column.name)}`),
    );
  const secretly = all.filter((column) => redacted.has(column.name));
  const changedSince = changedOf([
    ...all.flatMap((column, position) => {
      if (settings.ignore.includes(column.name) || redacted.has(column.name)) return [];
      const before = `(n.compared -> '$[${position}]')`;
      return [
        `CASE WHEN ${before} IS NOT json_quote(${encoded(column, `NEW.${quoted(column.name)}`)}) THEN ${jsonName(column)} ELSE '' END`,
      ];
    }),
    'n.redacted',
  ]);

  return {
    identity,
    differs,
    uniqueDiffers,
    sameKey,
    clearNotes: (write: string): string => `DELETE FROM ${notesOf(write)}`,
    noteRivals: (write: string, others: string): string =>
      `INSERT INTO daybook_replaced (table_name, written, entity_id, entity_name, scope, actor, old_values, compared, redacted)
  SELECT ${name}, ${write}, ${identity('t')}, ${nameOf('t')}, ${scopeOf('t')}, ${actorOf('t')}, ${row('t')}, json_array(${compared('t').join(', ')}), ${secretly.map((column) => `CASE WHEN ${differ(column, `t.${quoted(column.name)}`, `NEW.${quoted(column.name)}`)} THEN ${jsonName(column)} ELSE '' END`).join(' || ') || `''`}
  FROM ${quoted(table.name)} AS t WHERE (${rival}) AND ${others}`,
    actorRequired: (prefix: 'OLD' | 'NEW'): string[] =>
      settings.requireActor
        ? [
            `SELECT RAISE(ABORT, ${literal(`daybook: a change of ${table.name} must say who makes it: first INSERT OR REPLACE INTO daybook_context (actor) VALUES (...), afterwards DELETE FROM daybook_context`)}) WHERE ${actorOf(prefix)} IS NULL AND NOT EXISTS (SELECT 1 FROM daybook_context WHERE ${LIVE_CONTEXT})`,
          ]
        : [],
    recordReplaced: (write: string, newId: string, noted = 'TRUE'): string[] => [
      entry({
        action: 'delete',
        id: 'n.entity_id',
        name: 'n.entity_name',
        scope: 'n.scope',
        actor: 'n.actor',
        message: wordsOf('n.entity_id', 'replaced'),
        before: 'n.old_values',
        after: 'NULL',
        changed: 'NULL',
        from: 'daybook_replaced AS n',
        where: `(${noted}) AND ${gone(write, newId)}`,
      }),
      recorded(`(SELECT count(*) FROM daybook_replaced AS n WHERE (${noted}) AND ${gone(write, newId)})`),
    ],
    recordReplacement: [
      entry({
        action: 'update',
        ...ofRow('NEW'),
        message: titled('n.changed', identity('NEW')),
        before: 'n.old_values',
        after: row('NEW'),
        changed: 'n.changed',
        from: `(SELECT n.old_values, ${changedSince} AS changed FROM daybook_replaced AS n WHERE n.table_name = ${name} AND n.written = '' AND n.entity_id IS ${identity('NEW')}) AS n`,
        where: `n.changed <> '[]'`,
      }),
      recorded(
        `(SELECT count(*) FROM daybook_replaced AS n WHERE n.table_name = ${name} AND n.written = '' AND n.entity_id IS ${identity('NEW')} AND ${changedSince} <> '[]')`,
      ),
    ],
    recordCreate: [
      entry({
        action: 'create',
        ...ofRow('NEW'),
        message: wordsOf(identity('NEW'), 'created'),
        before: 'NULL',
        after: row('NEW'),
        changed: 'NULL',
        where: `NOT EXISTS (SELECT 1 FROM ${insertNotes} AND entity_id IS ${identity('NEW')})`,
      }),
      recorded(`NOT EXISTS (SELECT 1 FROM ${insertNotes} AND entity_id IS ${identity('NEW')})`),
    ],
    recordUpdate: [
      entry({
        action: 'update',
        ...ofRow('NEW'),
        message: titled('v.changed', identity('NEW')),
        before: row('OLD'),
        after: row('NEW'),
        changed: 'v.changed',
        from: `(SELECT ${changed} AS changed) AS v`,
        where: `v.changed <> '[]'`,
      }),
      recorded(`(${differs})`),
    ],
    recordKeyChange: [
      entry({
        action: 'delete',
        ...ofRow('OLD'),
        message: `${wordsOf(identity('OLD'), 'became ')} || ${identity('NEW')}`,
        before: row('OLD'),
        after: 'NULL',
        changed: 'NULL',
        link: ['key_changed_to', identity('NEW')],
      }),
      recorded('1'),
      entry({
        action: 'create',
        ...ofRow('NEW'),
        message: `${wordsOf(identity('NEW'), 'was ')} || ${identity('OLD')}`,
        before: 'NULL',
        after: row('NEW'),
        changed: 'NULL',
        link: ['key_changed_from', identity('OLD')],
      }),
      recorded('1'),
    ],
    recordDelete: [
      entry({
        action: 'delete',
        ...ofRow('OLD'),
        message: wordsOf(identity('OLD'), 'deleted'),
        before: row('OLD'),
        after: 'NULL',
        changed: 'NULL',
      }),
      recorded('1'),
    ],
    renewContext: `UPDATE daybook_context SET used = julianday('now') WHERE used < julianday('now') - 1.0 / 86400 AND ${LIVE_CONTEXT}`,
  };
}
