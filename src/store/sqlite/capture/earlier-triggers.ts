import { looksSecret } from '../../../core/capture.js';
import type { CaptureSettings } from '../../../core/capture.js';
import { REDACTED } from '../../../core/redact.js';
import { contextHolds } from '../engine/index.js';
import { changedPathsSql } from './document-changes.js';
import { literal, identifier } from '../tables/index.js';
import type { TableColumn, TableDescription } from '../tables/index.js';
import type { Trigger } from './triggers.js';

/**
 * SQLite takes 127 arguments, older releases 100, and an expression that is 1,000 levels deep, which a chain of operators
 * is by each of them. A program that takes less than a trigger has does not read the schema at all any more.
 */
const FIELDS_PER_PIECE = 40;

/**
 * The triggers as daybook made them up to schema 4, to tell those that are whole from those that somebody has changed: what
 * they missed would be a gap. They record a text that a JSON function wrote as a document. Nothing here is ever edited.
 *
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
 *
 * Where triggers of the application may write into the table between the two moments (`nests`), the notes say too little:
 * of rows that were changed or came since, and of those that another write has cleared. Then a REPLACE is refused.
 */
export function earlierTriggers(table: TableDescription, settings: CaptureSettings, nests: boolean): Trigger[] {
  const parts = partsOf(table, settings);
  const on = identifier(table.name);
  const trigger = (when: string, condition: string | null, body: readonly string[]): Trigger => {
    const name = triggerName(table.name, when);
    return {
      name,
      sql: `CREATE TRIGGER ${identifier(name)} ${event(when)} ON ${on}${condition === null ? '' : `\nWHEN ${condition}`}
BEGIN
${body.map((statement) => `  ${statement};\n`).join('')}END`,
    };
  };
  const { differs, uniqueDiffers } = parts;
  // SQLite does not even look at these where a statement sets other columns. Whoever sets the rowid may call it so.
  const keyEvent =
    parts.deciding === null ? '' : ` OF ${[...parts.deciding.map(identifier), 'rowid', '_rowid_', 'oid'].join(', ')}`;
  const event = (when: string): string =>
    when === 'BEFORE UPDATE' || when === 'AFTER UPDATE key' ? `${when.replace(' key', '')}${keyEvent}` : when;
  // Within the REPLACE of a row, a foreign key may change others of the same table, which have notes of their own.
  const inserted = `''`;
  const updated = `'of ' || ${parts.identity('OLD')}`;
  return [
    trigger('BEFORE INSERT', null, [
      parts.clearNotes(inserted),
      parts.noteRivals(inserted, 'TRUE'),
      ...(nests ? parts.markWrite(parts.insertMark) : []),
    ]),
    trigger('AFTER INSERT', null, [
      ...(nests ? parts.refuseNested(parts.insertMarks) : []),
      ...parts.actorRequired('NEW'),
      parts.settleGone(inserted, parts.identity('NEW')),
      parts.settleReplaced,
      ...parts.recordInsert,
      parts.clearNotes(inserted),
      parts.renewContext,
    ]),
    trigger('BEFORE UPDATE', uniqueDiffers, [
      parts.clearNotes(updated),
      parts.noteRivals(
        updated,
        `NOT (${table.primaryKey.map((name) => `t.${identifier(name)} IS OLD.${identifier(name)}`).join(' AND ')})`,
      ),
      ...(nests ? parts.markWrite(updated) : []),
    ]),
    // Nearly every update leaves the keys alone, and needs no more than this.
    trigger('AFTER UPDATE', `(${differs}) AND NOT (${uniqueDiffers})`, [
      ...parts.actorRequired('NEW'),
      ...parts.recordPlainUpdate,
      parts.renewContext,
    ]),
    trigger('AFTER UPDATE key', uniqueDiffers, [
      ...(nests ? parts.refuseNested([updated]) : []),
      ...parts.actorRequired('NEW'),
      ...parts.refuseToFollowItself,
      parts.settleGone(updated, 'NULL', uniqueDiffers),
      ...parts.recordUpdate,
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

function triggerName(table: string, when: string): string {
  return `daybook_capture_${table}_${when.toLowerCase().replaceAll(' ', '_')}`;
}

/** The row of a table as the JSON that entries hold, for a row that SQL knows by this prefix. */
function rowJson(
  table: Pick<TableDescription, 'columns'>,
  settings: Pick<CaptureSettings, 'ignore' | 'redact'>,
  prefix: string,
): string {
  const redacted = new Set(settings.redact);
  const stored = table.columns.filter(({ name }) => !isLeftOut(name, settings));
  const value = (column: TableColumn): string => {
    const at = `${prefix}.${identifier(column.name)}`;
    return redacted.has(column.name) ? `iif(${at} IS NULL, NULL, ${literal(REDACTED)})` : encoded(column, at);
  };
  return inPieces(
    'json_object',
    stored.map((column) => `${literal(column.name)}, ${value(column)}`),
  );
}

/** A document of very many members is put together from several. */
function inPieces(make: 'json_object' | 'json_array', members: readonly string[]): string {
  const pieces = chunks(members, FIELDS_PER_PIECE).map((some) => `${make}(${some.join(', ')})`);
  if (pieces.length < 2) return pieces[0] ?? `${make}()`;
  const inner = pieces.map((piece) => `substr(${piece}, 2, length(${piece}) - 2)`);
  const [open, close] = make === 'json_object' ? ['{', '}'] : ['[', ']'];
  return `'${open}' || ${inner.join(` || ',' || `)} || '${close}'`;
}

/** A chain of an operator for which it does not matter where the brackets are. */
function chained(terms: readonly string[], operator: 'OR' | '||'): string {
  if (terms.length <= FIELDS_PER_PIECE) return terms.join(` ${operator} `);
  return chained(
    chunks(terms, FIELDS_PER_PIECE).map((some) => `(${some.join(` ${operator} `)})`),
    operator,
  );
}

/** A secret that is ignored is not kept either. */
function isLeftOut(column: string, settings: Pick<CaptureSettings, 'ignore'>): boolean {
  return settings.ignore.includes(column) && looksSecret(column);
}

/**
 * What an entity's id is: the key as text, or where there are several columns, their JSON array in the key's order. A text
 * that could be taken for a value of another kind stands in the quotes of JSON, and so does one with NUL.
 */
function identityOf(table: TableDescription, prefix: string): string {
  const at = (name: string): [TableColumn, string] => [columnOf(table, name), `${prefix}.${identifier(name)}`];
  const [first = '', ...others] = table.primaryKey;
  if (others.length > 0) {
    return inPieces(
      'json_array',
      table.primaryKey.map((name) => encoded(...at(name))),
    );
  }
  const [column, value] = at(first);
  if (column.holds === 'integer') return `CAST(${value} AS TEXT)`;
  const number = ` OR (${value} GLOB '[-0-9]*' AND ${value} NOT GLOB '*[^-0-9.e+]*')`;
  const unclear = `${value} GLOB '["{]*' OR ${value} = 'null' OR instr(${value}, char(0))${column.untyped ? number : ''}`;
  return `CASE typeof(${value}) WHEN 'text' THEN iif(${unclear}, json_quote(${value}), ${value}) WHEN 'null' THEN 'null' ELSE CAST(${encoded(column, value)} AS TEXT) END`;
}

/**
 * A value for a JSON object. JSON has no bytes and no infinities. A real of up to six places and fifteen digits needs no
 * care: what JSON functions write of it is read back as the same. Others get 17 digits, which are enough for any, as long
 * as SQLite's digits are right: far from 1, those of older releases are not, so such a real is brought near to it by a
 * power of two, which loses nothing, and that is written behind the digits.
 *
 * SQLite sets up all registers of a trigger whenever it fires, so what stands here for each column is kept small.
 */
function encoded(column: TableColumn, value: string): string {
  const bytes = `json_object('$blob', lower(hex(${value})))`;
  if (column.holds === 'text or bytes') return `iif(typeof(${value}) = 'blob', ${bytes}, ${value})`;
  if (column.holds !== 'anything') return value;
  const scaled = `(SELECT printf('%!.17g', ${value} / value) || 'p' || exponent FROM daybook_powers_of_two WHERE value <= abs(${value}) OR exponent = -1020 ORDER BY exponent DESC LIMIT 1)`;
  return `CASE typeof(${value}) WHEN 'real' THEN CASE WHEN abs(${value}) < 1e9 AND round(${value} * 1e6) / 1e6 = ${value} THEN ${value} WHEN ${value} = ${value} * 2 THEN json_object('$real', iif(${value} > 0, 'inf', '-inf')) WHEN abs(${value}) BETWEEN 1e-15 AND 1e15 AND CAST(printf('%!.17g', ${value}) AS REAL) = ${value} THEN json(printf('%!.17g', ${value})) ELSE json_object('$real', ${scaled}) END WHEN 'blob' THEN ${bytes} ELSE ${value} END`;
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
    const at = identifier(column.name);
    return [column, `OLD.${at}`, `NEW.${at}`];
  };
  const keyColumns = new Set(table.uniqueKeys.flatMap((key) => key.columns.map((column) => column.name)));
  /** What an update changes before a REPLACE can take other rows: a key, or what decides whether a partial one holds. */
  const deciding = new Set([...keyColumns, ...table.uniqueKeys.flatMap((key) => key.conditional)]);
  const differs =
    chained(
      watched.map((column) => differ(...byColumn(column))),
      'OR',
    ) || 'FALSE';
  const uniqueDiffers = [
    ...[...deciding].map((key) => differ(...byColumn(columnOf(table, key)))),
    ...(table.hiddenRowid === null ? [] : [`OLD.${table.hiddenRowid} <> NEW.${table.hiddenRowid}`]),
  ].join(' OR ');
  const sameKey = table.primaryKey.map((key) => `NOT (${differ(...byColumn(columnOf(table, key)))})`).join(' AND ');

  const textOf = (column: string | null, prefix: string): string =>
    column === null ? 'NULL' : `nullif(replace(CAST(${prefix}.${identifier(column)} AS TEXT), char(0), ' '), '')`;
  const scopeOf = (prefix: string): string =>
    settings.scope === null
      ? 'NULL'
      : `${literal(`${settings.scope.kind}:`)} || ${textOf(settings.scope.column, prefix)}`;
  const nameOf = (prefix: string): string => textOf(settings.nameColumn, prefix);
  const actorOf = (prefix: string): string => textOf(settings.actorColumn, prefix);

  /** Puts each changed field behind a comma; a document that differs in form alone is named whole. */
  const changedOf = (fragments: readonly string[]): string =>
    `'[' || substr(${chained(fragments, '||') || `''`}, 2) || ']'`;
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
    readonly action: string;
    readonly id: string;
    readonly name: string;
    readonly scope: string;
    readonly actor: string;
    readonly message: string;
    readonly before: string;
    readonly after: string;
    readonly changed: string;
    /** The metadata, where it says more than the table. */
    readonly link?: string;
    readonly reverts?: string;
    readonly from?: string;
    readonly where?: string;
  }
  const plainMetadata = literal(JSON.stringify({ table: table.name }));
  const entry = (source: EntrySource): string => {
    const metadata = source.link ?? plainMetadata;
    const actor = source.actor === 'NULL' ? 'c.actor' : `coalesce(c.actor, ${source.actor})`;
    return `INSERT INTO daybook_entries (action, actor, actor_type, actor_name, recorded_by, scope, entity_type, entity_id, entity_name, message, metadata, old_values, new_values, changed_fields, correlation_id, reverts)
  SELECT ${source.action}, coalesce(c.actor, ${source.actor}, 'unknown'), CASE WHEN c.actor IS NOT NULL THEN c.actor_type WHEN ${source.actor} IS NULL THEN 'unknown' ELSE 'user' END, iif(${actor} IS NULL, NULL, (SELECT name FROM daybook_actors WHERE actor = ${actor})), c.recorded_by, ${source.scope}, ${type}, ${source.id}, ${source.name}, ${source.message}, iif(c.reason IS NULL, ${metadata}, json_set(${metadata}, '$.reason', c.reason)), ${source.before}, ${source.after}, ${source.changed}, c.correlation_id, ${source.reverts ?? 'c.reverts'}
  FROM ${source.from ?? '(SELECT 1)'} LEFT JOIN daybook_context AS c ON (${contextHolds('c.used')})${source.where === undefined ? '' : `\n  WHERE ${source.where}`}`;
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

  const rowidKey = table.uniqueKeys.find((key) => key.isRowid)?.columns[0]?.name;
  const markOf = (rowid: string): string =>
    `'in '${[rowid, ...[...keyColumns].filter((key) => key !== rowidKey).map((key) => `quote(NEW.${identifier(key)})`)].map((part) => (part === '' ? '' : ` || ',' || ${part}`)).join('')}`;
  const notesOf = (write: string): string => `daybook_replaced WHERE table_name = ${name} AND written = ${write}`;
  // Without its plus, NEW would have the affinity of the column and not the value that will be stored. A binary index on
  // a column of another collation has rivals among those that the column finds; to name it would keep its index away.
  const sameAs = ({ name: column, collation }: { readonly name: string; readonly collation: string }): string =>
    `t.${identifier(column)} = +NEW.${identifier(column)}${collation === 'BINARY' ? '' : ` COLLATE ${identifier(collation)}`}`;
  const { hiddenRowid } = table;
  // A new rowid is -1 before it is chosen.
  const sameRowid =
    hiddenRowid === null ? [] : [`(t.${hiddenRowid} = NEW.${hiddenRowid} AND NEW.${hiddenRowid} <> -1)`];
  const rival = [
    // A partial index serves only a question that has its condition.
    ...table.uniqueKeys.map(
      (key) => `(${[...key.columns.map(sameAs), ...(key.where === null ? [] : [`(${key.where})`])].join(' AND ')})`,
    ),
    ...sameRowid,
  ].join(' OR ');
  // An UPDATE within a trigger must not call its table by another name: SQLite understands that when the trigger runs, and
  // not when it looks through all triggers for an ALTER TABLE of anything.
  const inNote = (key: string): string => `'$[${all.findIndex((one) => one.name === key)}]'`;
  /**
   * Which row of the table a note is still about. Where the row that was written has a whole unique key in common with
   * another one, that has gone: only one of a partial index may have stayed, and -1, which a new rowid is at first.
   */
  const there = table.uniqueKeys.some((key) => key.isRowid)
    ? table.primaryKey
        .map((key) => `t.${identifier(key)} = json_extract(daybook_replaced.compared, ${inNote(key)})`)
        .join(' AND ')
    : table.uniqueKeys.some((key) => key.partial)
      ? `(${rival}) AND ${table.primaryKey.map((key) => `json_quote(${encoded(columnOf(table, key), `t.${identifier(key)}`)}) IS (daybook_replaced.compared -> ${inNote(key)})`).join(' AND ')}`
      : null;
  const isNew = table.primaryKey
    .map((key) => `t.${identifier(key)} IS NEW.${identifier(key)} COLLATE BINARY`)
    .join(' AND ');
  const gone = (write: string, newId: string): string =>
    `daybook_replaced.table_name = ${name} AND daybook_replaced.written = ${write} AND +daybook_replaced.entity_id IS NOT ${newId}${there === null ? '' : ` AND NOT EXISTS (SELECT 1 FROM ${identifier(table.name)} AS t WHERE ${there} AND NOT (${isNew}))`}`;
  const compared = (prefix: string): string[] =>
    all.map((column) =>
      redacted.has(column.name) || isLeftOut(column.name, settings)
        ? 'NULL'
        : encoded(column, `${prefix}.${identifier(column.name)}`),
    );
  const secretly = all.filter((column) => redacted.has(column.name));
  const changedSince = changedOf([
    ...all.flatMap((column, position) => {
      if (settings.ignore.includes(column.name) || redacted.has(column.name)) return [];
      const before = `(daybook_replaced.compared -> '$[${position}]')`;
      return [
        `CASE WHEN ${before} IS NOT json_quote(${encoded(column, `NEW.${identifier(column.name)}`)}) THEN ${jsonName(column)} ELSE '' END`,
      ];
    }),
    'daybook_replaced.redacted',
  ]);

  return {
    identity,
    differs,
    uniqueDiffers,
    /** Null where one of them is computed from others. */
    deciding: [...deciding].some((key) => columnOf(table, key).generated) ? null : [...deciding],
    clearNotes: (write: string): string => `DELETE FROM ${notesOf(write)}`,
    insertMark: markOf(rowidKey === undefined ? '' : `NEW.${identifier(rowidKey)}`),
    // A rowid that is still to be chosen is -1.
    insertMarks: rowidKey === undefined ? [markOf('')] : [markOf(`NEW.${identifier(rowidKey)}`), markOf('-1')],
    markWrite: (mark: string): string[] => [
      `DELETE FROM daybook_writes WHERE table_name = ${name}`,
      `INSERT INTO daybook_writes (table_name, written, seq) SELECT ${name}, ${mark}, coalesce(max(seq), 0) FROM daybook_entries`,
    ],
    /**
     * Where another write has left its mark since, or its entry, and this one is a REPLACE: the conflict clause of a
     * statement holds within its triggers too, so that only then does an INSERT of what is there already change anything.
     * With recursive_triggers on, SQLite tells of every row that goes.
     */
    refuseNested: (marks: readonly string[]): string[] => [
      `INSERT OR IGNORE INTO daybook_writes (table_name, written, seq) SELECT ${name}, '', 0 WHERE NOT EXISTS (SELECT 1 FROM daybook_writes AS w WHERE w.table_name = ${name} AND w.written IN (${marks.join(', ')}) AND NOT EXISTS (SELECT 1 FROM daybook_entries AS e WHERE e.seq > w.seq AND +e.entity_type = ${type} AND e.action <> 'delete' AND e.metadata ->> '$.table' = ${name}))`,
      `SELECT RAISE(ABORT, ${literal(`daybook: a trigger of the application writes into ${table.name} while a REPLACE of it is under way, so rows could go unseen: use ON CONFLICT DO UPDATE, or PRAGMA recursive_triggers = ON`)}) WHERE changes() = 1 AND NOT (SELECT recursive_triggers FROM pragma_recursive_triggers)`,
    ],
    noteRivals: (write: string, others: string): string =>
      `INSERT INTO daybook_replaced (table_name, written, entity_type, entity_id, entity_name, scope, actor, old_values, compared, redacted)
  SELECT ${name}, ${write}, ${type}, ${identity('t')}, ${nameOf('t')}, ${scopeOf('t')}, ${actorOf('t')}, ${row('t')}, ${inPieces('json_array', compared('t'))}, ${
    chained(
      secretly.map(
        (column) =>
          `CASE WHEN ${differ(column, `t.${identifier(column.name)}`, `NEW.${identifier(column.name)}`)} THEN ${jsonName(column)} ELSE '' END`,
      ),
      '||',
    ) || `''`
  }
  FROM ${identifier(table.name)} AS t WHERE (${rival}) AND ${others}`,
    actorRequired: (prefix: 'OLD' | 'NEW'): string[] =>
      settings.requireActor
        ? [
            `SELECT RAISE(ABORT, ${literal(`daybook: a change of ${table.name} must say who makes it: first INSERT OR REPLACE INTO daybook_context (actor) VALUES (...), afterwards DELETE FROM daybook_context`)}) WHERE ${actorOf(prefix)} IS NULL AND NOT EXISTS (SELECT 1 FROM daybook_context WHERE (${contextHolds('used')}))`,
          ]
        : [],
    /**
     * SQLite has such a row follow before any trigger sees its change, and so no entry of it could be right. Where foreign
     * keys are off, or the statement sets both columns, the row is as NEW says, and all is well.
     */
    refuseToFollowItself: table.followsItself.map(({ from, to }) => {
      const same = from.map((column, at) => `OLD.${identifier(column)} IS OLD.${identifier(to[at] ?? '')}`);
      const moved = to.map((column) => `OLD.${identifier(column)} IS NOT NEW.${identifier(column)}`);
      const asSet = from.map((column) => `t.${identifier(column)} IS NEW.${identifier(column)}`);
      return `SELECT RAISE(ABORT, ${literal(`daybook: this row of ${table.name} refers to itself by ${from.join(', ')}, which follows ${to.join(', ')}: set ${from.join(', ')} to NULL first, and again afterwards`)}) WHERE ${same.join(' AND ')} AND (${moved.join(' OR ')}) AND NOT EXISTS (SELECT 1 FROM ${identifier(table.name)} AS t WHERE ${isNew} AND ${asSet.join(' AND ')})`;
    }),
    /** Where there are no notes, as nearly always, this costs next to nothing: what it does is a trigger of the notes. */
    settleGone: (write: string, newId: string, noted = 'TRUE'): string =>
      `UPDATE daybook_replaced SET action = 'delete' WHERE ${gone(write, newId)} AND (${noted})`,
    settleReplaced: `UPDATE daybook_replaced SET changed_fields = ${changedSince} WHERE table_name = ${name} AND written = '' AND entity_id IS ${identity('NEW')}`,
    recordInsert: [
      entry({
        action: `iif(n.table_name IS NULL, 'create', 'update')`,
        ...ofRow('NEW'),
        message: `iif(n.table_name IS NULL, ${wordsOf(identity('NEW'), 'created')}, ${titled('n.changed_fields', identity('NEW'))})`,
        before: 'n.old_values',
        after: row('NEW'),
        changed: 'n.changed_fields',
        from: `(SELECT 1) LEFT JOIN daybook_replaced AS n ON n.table_name = ${name} AND n.written = '' AND n.entity_id IS ${identity('NEW')}`,
        where: `n.changed_fields IS NOT '[]'`,
      }),
      `SELECT ${refuse} WHERE changes() <> 1 AND NOT EXISTS (SELECT 1 FROM ${notesOf(`''`)} AND changed_fields = '[]')`,
    ],
    recordPlainUpdate: [
      entry({
        action: `'update'`,
        ...ofRow('NEW'),
        message: titled('v.changed', identity('NEW')),
        before: row('OLD'),
        after: row('NEW'),
        changed: 'v.changed',
        // The limit keeps SQLite from writing the expression out wherever its value is used.
        from: `(SELECT ${changed} AS changed LIMIT 1) AS v`,
      }),
      recorded('1'),
    ],
    /** Another key makes two entries of one row: what it was, gone, and what it is, come. */
    recordUpdate: [
      entry({
        action: `CASE v.part WHEN 0 THEN 'update' WHEN 1 THEN 'delete' ELSE 'create' END`,
        id: `iif(v.part = 1, ${identity('OLD')}, ${identity('NEW')})`,
        name: `iif(v.part = 1, ${nameOf('OLD')}, ${nameOf('NEW')})`,
        scope: `iif(v.part = 1, ${scopeOf('OLD')}, ${scopeOf('NEW')})`,
        actor: actorOf('NEW'),
        message: `CASE v.part WHEN 0 THEN ${titled('v.changed', identity('NEW'))} WHEN 1 THEN ${wordsOf(identity('OLD'), 'became ')} || ${identity('NEW')} ELSE ${wordsOf(identity('NEW'), 'was ')} || ${identity('OLD')} END`,
        before: `iif(v.part < 2, ${row('OLD')}, NULL)`,
        after: `iif(v.part <> 1, ${row('NEW')}, NULL)`,
        changed: `iif(v.part = 0, v.changed, NULL)`,
        link: `CASE v.part WHEN 1 THEN json_object('table', ${name}, 'key_changed_to', ${identity('NEW')} || '') WHEN 2 THEN json_object('table', ${name}, 'key_changed_from', ${identity('OLD')} || '') ELSE ${plainMetadata} END`,
        reverts: `iif(v.part = 2, coalesce(c.reverts_created, c.reverts), c.reverts)`,
        // The limit keeps SQLite from writing the expression out wherever its value is used.
        from: `(SELECT column1 AS part, ${changed} AS changed FROM (VALUES (0), (1), (2)) WHERE (column1 = 0) = (${sameKey}) LIMIT 2) AS v`,
        where: `v.changed <> '[]' OR v.part > 0`,
      }),
      recorded(`iif(${sameKey}, ${differs}, 2)`),
    ],
    recordDelete: [
      entry({
        action: `'delete'`,
        ...ofRow('OLD'),
        message: wordsOf(identity('OLD'), 'deleted'),
        before: row('OLD'),
        after: 'NULL',
        changed: 'NULL',
      }),
      recorded('1'),
    ],
    renewContext: `UPDATE daybook_context SET used = julianday('now') WHERE used < julianday('now') - 1.0 / 86400 AND (${contextHolds('used')})`,
  };
}
