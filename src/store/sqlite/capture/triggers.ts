import { looksSecret } from '../../../core/capture.js';
import type { CaptureSettings } from '../../../core/capture.js';
import { REDACTED } from '../../../core/redact.js';
import { contextHolds } from '../engine/index.js';
import { pathsSql } from './document-changes.js';
import { literal, identifier } from '../tables/index.js';
import type { TableColumn, TableDescription } from '../tables/index.js';

export interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/**
 * The triggers that record every change of a table's rows. They run within other programs, from SQLite 3.38 on, and use
 * no function of ours. Each lists the columns once, as rows of a name and its value, and encodes them in one place. They
 * put what they find into `daybook_changes`; what is the same for all tables is done there (engine/captured-changes.ts).
 * Everybody who opens the database reads their text, and every ALTER TABLE reads it again: it is as short as can be.
 *
 * REPLACE deletes rows without a word to any trigger unless a connection asks for that. So before an INSERT or an UPDATE
 * the rows that have a key in common with the new one are noted, and afterwards, when those that it could not live
 * beside are gone, the notes become entries. Where the connection does ask, the DELETE trigger records such a row, and
 * its note goes. A note may be left over, by OR IGNORE or ON CONFLICT DO UPDATE, and goes before the next one.
 *
 * Where triggers of the application may write into the table between the two moments (`nests`), the notes say too little:
 * of rows that were changed or came since, and of those that another write has cleared. Then a REPLACE is refused.
 */
export function captureTriggers(table: TableDescription, settings: CaptureSettings, nests: boolean): Trigger[] {
  const parts = partsOf(table, settings);
  const on = identifier(table.name);
  const trigger = (when: string, event: string, condition: string | null, body: readonly string[]): Trigger => {
    const name = triggerName(table.name, when);
    return {
      name,
      sql: `CREATE TRIGGER ${identifier(name)} ${event} ON ${on}${condition === null ? '' : `\nWHEN ${condition}`}
BEGIN
${body.map((statement) => `  ${statement};\n`).join('')}END`,
    };
  };
  const { uniqueDiffers } = parts;
  // SQLite does not even look at these where a statement sets other columns. Whoever sets the rowid may call it so.
  const ofKeys =
    parts.deciding === null ? '' : ` OF ${[...parts.deciding.map(identifier), 'rowid', '_rowid_', 'oid'].join(', ')}`;
  // Within the REPLACE of a row, a foreign key may change others of the same table, which have notes of their own.
  const inserted = `''`;
  const updated = parts.updateMark;
  const afterKey = [
    ...(nests ? parts.refuseNested([updated]) : []),
    ...parts.refuseToFollowItself,
    ...(parts.partial || nests ? [parts.forgetStayed(updated)] : []),
  ];
  return [
    trigger('BEFORE INSERT', 'BEFORE INSERT', null, [
      parts.clearNotes(inserted),
      parts.noteRivals(inserted, 'TRUE'),
      ...(nests ? parts.markWrite(parts.insertMark) : []),
    ]),
    trigger('AFTER INSERT', 'AFTER INSERT', null, [
      ...(nests ? parts.refuseNested(parts.insertMarks) : []),
      ...parts.actorRequired('NEW'),
      ...(parts.mayStay || nests ? [parts.forgetStayed(inserted)] : []),
      parts.recordInsert,
    ]),
    trigger('BEFORE UPDATE', `BEFORE UPDATE${ofKeys}`, uniqueDiffers, [
      parts.clearNotes(updated),
      parts.noteRivals(updated, parts.isAnother),
      ...(nests ? parts.markWrite(updated) : []),
    ]),
    trigger('AFTER UPDATE', 'AFTER UPDATE', parts.anyDiffers, [...parts.actorRequired('NEW'), parts.recordUpdate]),
    // SQLite runs the newest trigger first: what this refuses or forgets comes before the entry.
    ...(afterKey.length > 0 ? [trigger('AFTER UPDATE key', `AFTER UPDATE${ofKeys}`, uniqueDiffers, afterKey)] : []),
    trigger('AFTER DELETE', 'AFTER DELETE', null, [...parts.actorRequired('OLD'), parts.recordDelete]),
  ];
}

const MOMENTS = ['BEFORE INSERT', 'AFTER INSERT', 'BEFORE UPDATE', 'AFTER UPDATE', 'AFTER UPDATE key', 'AFTER DELETE'];

function triggerName(table: string, when: string): string {
  return `daybook_capture_${table}_${when.toLowerCase().replaceAll(' ', '_')}`;
}

/** The names that a captured table's triggers may have, whatever has become of the table. */
export function captureTriggerNames(table: string): string[] {
  return MOMENTS.map((when) => triggerName(table, when));
}

type Shown = Pick<CaptureSettings, 'ignore' | 'redact'>;

/** The row of a table as the JSON that entries hold, for a row that SQL knows by this prefix. */
export function rowJson(table: Pick<TableDescription, 'columns'>, settings: Shown, prefix: string): string {
  const columns = storedColumns(table.columns, settings);
  return `(SELECT json_group_object(k, ${recorded(columns, settings, 'v')})
  FROM (
    ${rowsOf(columns, { v: ({ name }) => `${prefix}.${identifier(name)}` })}
  ))`;
}

/** A secret that is ignored is not kept either. */
function storedColumns(columns: readonly TableColumn[], { ignore }: Shown): readonly TableColumn[] {
  return columns.filter(({ name }) => !(ignore.includes(name) && looksSecret(name)));
}

/** SQLite takes 500 parts of a compound, unless somebody has lowered that. */
const MOST_ROWS = 400;

/**
 * The columns as rows, `k` their names, with the values that are asked for. The plus takes the affinity of a column from its
 * values: all of them are in one column here, and would be compared by that of another.
 */
function rowsOf(
  columns: readonly TableColumn[],
  values: Readonly<Record<string, (column: TableColumn) => string>>,
): string {
  const rows = columns.map(
    (column, at) =>
      `SELECT ${literal(column.name)}${at % MOST_ROWS === 0 ? ' AS k' : ''}, ${Object.entries(values)
        .map(([as, value]) => `+${value(column)}${at % MOST_ROWS === 0 ? ` AS ${as}` : ''}`)
        .join(', ')}`,
  );
  const parts = chunks(rows, MOST_ROWS).map((some) => some.join('\n  UNION ALL '));
  if (parts.length < 2)
    return (
      parts[0] ??
      `SELECT NULL AS k, ${Object.keys(values)
        .map((as) => `NULL AS ${as}`)
        .join(', ')} WHERE FALSE`
    );
  return parts.map((part) => `SELECT * FROM (\n    ${part})`).join('\n  UNION ALL ');
}

/** What an entry holds of a value in rows of these columns. */
function recorded(columns: readonly TableColumn[], { redact }: Shown, value: string): string {
  const kinds = new Set(columns.map((column) => column.holds));
  const [one] = kinds;
  // A number and a text go the same way only where what holds anything goes.
  const plain = encoded(kinds.size === 1 && one !== undefined ? one : 'anything', value);
  const hidden = columns.filter(({ name }) => redact.includes(name));
  if (hidden.length === 0) return plain;
  return `CASE WHEN k IN (${hidden.map(({ name }) => literal(name)).join(', ')})
    THEN iif(${value} IS NULL, NULL, ${literal(REDACTED)}) ELSE ${plain} END`;
}

/**
 * What an entity's id is: the key as text, or where there are several columns, their JSON array in the key's order. A text
 * that could be taken for a value of another kind stands in the quotes of JSON, and so does one with NUL.
 */
export function identityOf(table: TableDescription, prefix: string): string {
  const [first = '', ...others] = table.primaryKey;
  if (others.length > 0) return keyJson(table, prefix);
  const { holds, untyped } = columnOf(table, first);
  const value = `${prefix}.${identifier(first)}`;
  if (holds === 'integer') return `CAST(${value} AS TEXT)`;
  const number = `\n      OR (${value} GLOB '[-0-9]*' AND ${value} NOT GLOB '*[^-0-9.e+]*')`;
  return `CASE typeof(${value}) WHEN 'text' THEN
      iif(${value} GLOB '["{]*' OR ${value} = 'null' OR instr(${value}, char(0))${untyped ? number : ''},
        json_quote(${value} || ''), ${value})
      WHEN 'null' THEN 'null' ELSE CAST(${encoded(holds, value)} AS TEXT) END`;
}

/** SQLite takes 127 arguments, older releases 100. */
const MOST_ARGUMENTS = 100;

/** The primary key as a JSON array; one of very many columns is put together from several. */
function keyJson(table: TableDescription, prefix: string): string {
  const values = table.primaryKey.map((name) => encoded(columnOf(table, name).holds, `${prefix}.${identifier(name)}`));
  const pieces = chunks(values, MOST_ARGUMENTS).map((some) => `json_array(\n      ${some.join(',\n      ')})`);
  if (pieces.length < 2) return pieces.join('');
  return `'[' || ${pieces.map((piece) => `substr(${piece}, 2, length(${piece}) - 2)`).join(` || ',' || `)} || ']'`;
}

/**
 * A value for a JSON object. JSON has no bytes and no infinities. A real of up to six places and fifteen digits needs no
 * care: what JSON functions write of it is read back as the same. Others get 17 digits, which are enough for any, as long
 * as SQLite's digits are right: far from 1, those of older releases are not, so such a real is brought near to it by a
 * power of two, which loses nothing, and that is written behind the digits. (Beside max(), a column is that of its row.)
 *
 * A text is nothing but a text: what a JSON function wrote is marked as JSON, and the mark goes through NEW, OLD of a
 * computed column, a CAST, a plus and a subquery, so that it would be put into a document as one. It does not go through `||`.
 */
function encoded(holds: TableColumn['holds'], value: string): string {
  const bytes = `json_object('$blob', lower(hex(${value})))`;
  const text = `${value} || ''`;
  switch (holds) {
    case 'integer':
      return value;
    case 'text':
      return text;
    case 'text or bytes':
      return `iif(typeof(${value}) = 'blob', ${bytes}, ${text})`;
    case 'anything':
      return `CASE typeof(${value}) WHEN 'text' THEN ${text} WHEN 'blob' THEN ${bytes}
  WHEN 'real' THEN CASE WHEN abs(${value}) < 1e9 AND round(${value} * 1e6) / 1e6 = ${value} THEN ${value}
  WHEN abs(${value}) BETWEEN 1e-15 AND 1e15 AND CAST(printf('%!.17g', ${value}) AS REAL) = ${value}
  THEN json(printf('%!.17g', ${value}))
  ELSE json_object('$real', iif(${value} = ${value} * 2, iif(${value} > 0, 'inf', '-inf'), (
  SELECT printf('%!.17g', ${value} / max(value)) || 'p' || exponent FROM daybook_powers_of_two
  WHERE value <= abs(${value}) OR exponent = -1020))) END
  ELSE ${value} END`;
  }
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

/** A list of SQL, with what is short on one line. */
function inLines(items: readonly string[]): string {
  let text = '';
  let room = 0;
  for (const item of items) {
    const fits = item.length <= room && !item.includes('\n');
    text += text === '' ? item : fits ? `, ${item}` : `,\n    ${item}`;
    room = item.includes('\n') ? 0 : (fits ? room : 100) - item.length;
  }
  return text;
}

/** SQLite takes an expression of 1,000 levels, which a chain of operators is by each of them. */
const MOST_LEVELS = 400;

/** A chain of OR, for which it does not matter where the brackets are. */
function anyOf(terms: readonly string[]): string {
  const chain = terms.join('\n  OR ');
  if (terms.length <= MOST_LEVELS) return chain;
  return anyOf(chunks(terms, MOST_LEVELS).map((some) => `(${some.join('\n  OR ')})`));
}

/** The statements that the triggers are made of. */
function partsOf(table: TableDescription, settings: CaptureSettings) {
  const name = literal(table.name);
  const type = literal(settings.entityType);
  const all = table.columns;
  const on = identifier(table.name);
  const watched = all.filter((column) => !settings.ignore.includes(column.name));
  const stored = storedColumns(all, settings);
  const documents = settings.json.filter((column) => !settings.redact.includes(column));
  const identity = (prefix: string): string => identityOf(table, prefix);
  const differ = (column: TableColumn, before: string, after: string): string => {
    const unequal = `${before} IS NOT ${after}${column.holds === 'integer' ? '' : ' COLLATE BINARY'}`;
    return column.untyped ? `(${unequal} OR typeof(${before}) <> typeof(${after}))` : unequal;
  };
  const changes = (column: TableColumn): string => {
    const at = identifier(column.name);
    return differ(column, `OLD.${at}`, `NEW.${at}`);
  };
  const keyColumns = new Set(table.uniqueKeys.flatMap((key) => key.columns.map((column) => column.name)));
  /** What an update changes before a REPLACE can take other rows: a key, or what decides whether a partial one holds. */
  const deciding = new Set([...keyColumns, ...table.uniqueKeys.flatMap((key) => key.conditional)]);
  const uniqueChanges = [
    ...[...deciding].map((key) => changes(columnOf(table, key))),
    ...(table.hiddenRowid === null ? [] : [`OLD.${table.hiddenRowid} <> NEW.${table.hiddenRowid}`]),
  ];
  const uniqueDiffers = anyOf(uniqueChanges);
  const anyDiffers = anyOf([...new Set([...watched.map(changes), ...uniqueChanges])]);

  const textOf = (column: string | null, prefix: string): string | null =>
    column === null ? null : `nullif(replace(CAST(${prefix}.${identifier(column)} AS TEXT), char(0), ' '), '')`;
  const scopeOf = (prefix: string): string | null =>
    settings.scope === null
      ? null
      : `${literal(`${settings.scope.kind}:`)} || ${textOf(settings.scope.column, prefix) ?? ''}`;
  const nameOf = (prefix: string): string | null => textOf(settings.nameColumn, prefix);
  const actorOf = (prefix: string): string | null => textOf(settings.actorColumn, prefix);

  const isNew = table.primaryKey
    .map((key) => {
      const same = `t.${identifier(key)} IS NEW.${identifier(key)}`;
      // The first is for the index of a key that folds.
      return columnOf(table, key).holds === 'integer' ? same : `${same} AND ${same} COLLATE BINARY`;
    })
    .join(' AND ');
  const before = ({ name: column }: TableColumn): string => `OLD.${identifier(column)}`;
  /** A column that is computed when it is read is read in the table, as everybody will read it. */
  const after = ({ name: column, virtual }: TableColumn): string =>
    virtual ? `(SELECT t.${identifier(column)} FROM ${on} AS t WHERE ${isNew})` : `NEW.${identifier(column)}`;

  /** A row for a table of ours: without what is NULL. */
  const inserted = (into: string, values: Readonly<Record<string, string | null>>): string => {
    const given = Object.entries(values).flatMap(([column, value]) =>
      value === null ? [] : [[column, value] as const],
    );
    return `INSERT INTO ${into}
    (${given.map(([column]) => column).join(', ')})
  SELECT ${inLines(given.map(([, value]) => value))}`;
  };
  const change = (values: Readonly<Record<string, string | null>>, rows: string): string =>
    `${inserted('daybook_changes', { table_name: name, entity_type: type, ...values })}
  FROM (
    ${rows}
  )`;
  const rowOf = (value: string): string => `json_group_object(k, ${recorded(stored, settings, value)})`;
  const inList = (columns: readonly string[]): string => `(${columns.map(literal).join(', ')})`;
  const ignored = all.filter(({ name: column }) => settings.ignore.includes(column)).map((column) => column.name);
  const changed = `FILTER (WHERE ${ignored.length === 0 ? '' : `k NOT IN ${inList(ignored)}\n      AND `}(o IS NOT n COLLATE BINARY OR typeof(o) <> typeof(n)))`;
  /** A document that differs in form alone is named whole. */
  const changedFields =
    documents.length === 0
      ? `json_group_array(k) ${changed}`
      : `'[' || substr(coalesce(group_concat(CASE WHEN k IN ${inList(documents)}
      THEN coalesce(nullif(${pathsSql('k', 'o', 'n', '\n')}, ''), ',' || json_quote(k))
      ELSE ',' || json_quote(k) END, '') ${changed}, ''), 2) || ']'`;

  const rowidKey = table.uniqueKeys.find((key) => key.isRowid)?.columns[0]?.name;
  const markOf = (rowid: string): string =>
    `'in '${[rowid, ...[...keyColumns].filter((key) => key !== rowidKey).map((key) => `quote(NEW.${identifier(key)})`)].map((part) => (part === '' ? '' : `\n    || ',' || ${part}`)).join('')}`;
  const updateMark = `'of ' || ${table.primaryKey.map((key) => `quote(OLD.${identifier(key)})`).join(` || ',' || `)}`;
  const notesOf = (write: string): string => `daybook_replaced WHERE table_name = ${name} AND written = ${write}`;
  // Without its plus, NEW would have the affinity of the column and not the value that will be stored. A binary index on
  // a column of another collation has rivals among those that the column finds; to name it would keep its index away.
  const sameAs = ({ name: column, collation }: { readonly name: string; readonly collation: string }): string =>
    `t.${identifier(column)} = +NEW.${identifier(column)}${collation === 'BINARY' ? '' : ` COLLATE ${identifier(collation)}`}`;
  const { hiddenRowid } = table;
  const rival = [
    // A partial index serves only a question that has its condition.
    ...table.uniqueKeys.map(
      (key) => `(${[...key.columns.map(sameAs), ...(key.where === null ? [] : [`(${key.where})`])].join(' AND ')})`,
    ),
    // A new rowid is -1 before it is chosen.
    ...(hiddenRowid === null ? [] : [`(t.${hiddenRowid} = NEW.${hiddenRowid} AND NEW.${hiddenRowid} <> -1)`]),
  ].join('\n      OR ');
  const partial = table.uniqueKeys.some((key) => key.partial);
  const inNote = (key: string): string => `'$[${table.primaryKey.indexOf(key)}]'`;
  /** The row of the table that a note is about, if it is still there. */
  const isNoted =
    rowidKey === undefined
      ? [
          `(${rival})`,
          ...table.primaryKey.map(
            (key) =>
              `json_quote(${encoded(columnOf(table, key).holds, `t.${identifier(key)}`)}) IS (daybook_replaced.compared -> ${inNote(key)})`,
          ),
        ]
      : [`t.${identifier(rowidKey)} = daybook_replaced.entity_id`];
  const secretly = all.filter((column) => settings.redact.includes(column.name));
  /** The redacted columns that differ between a row that is noted and the new one, as a JSON array. */
  const redactedOf =
    secretly.length === 0
      ? `'[]'`
      : `(SELECT json_group_array(k) FILTER (WHERE o IS NOT n COLLATE BINARY OR typeof(o) <> typeof(n)) FROM (
    ${rowsOf(secretly, { o: ({ name: column }) => `t.${identifier(column)}`, n: ({ name: column }) => `NEW.${identifier(column)}` })}
  ))`;

  return {
    identity,
    anyDiffers,
    uniqueDiffers,
    /** Null where one of them is computed from others. */
    deciding: [...deciding].some((key) => columnOf(table, key).generated) ? null : [...deciding],
    updateMark,
    isAnother: `NOT (${table.primaryKey.map((key) => `t.${identifier(key)} IS OLD.${identifier(key)}`).join(' AND ')})`,
    clearNotes: (write: string): string => `DELETE FROM ${notesOf(write)}`,
    insertMark: markOf(rowidKey === undefined ? '' : `NEW.${identifier(rowidKey)}`),
    // A rowid that is still to be chosen is -1.
    insertMarks: rowidKey === undefined ? [markOf('')] : [markOf(`NEW.${identifier(rowidKey)}`), markOf('-1')],
    markWrite: (mark: string): string[] => [
      `DELETE FROM daybook_writes WHERE table_name = ${name}`,
      `INSERT INTO daybook_writes (table_name, written, seq)
  SELECT ${name}, ${mark}, coalesce(max(seq), 0) FROM daybook_entries`,
    ],
    /**
     * Where another write has left its mark since, or its entry, and this one is a REPLACE: the conflict clause of a
     * statement holds within its triggers too, so that only then does an INSERT of what is there already change anything.
     * With recursive_triggers on, SQLite tells of every row that goes.
     */
    refuseNested: (marks: readonly string[]): string[] => [
      `INSERT OR IGNORE INTO daybook_writes (table_name, written, seq)
  SELECT ${name}, '', 0 WHERE NOT EXISTS (
    SELECT 1 FROM daybook_writes AS w
    WHERE w.table_name = ${name} AND w.written IN (${marks.join(', ')})
      AND NOT EXISTS (SELECT 1 FROM daybook_entries AS e
        WHERE e.seq > w.seq AND +e.entity_type = ${type} AND e.action <> 'delete' AND e.metadata ->> '$.table' = ${name}))`,
      `SELECT RAISE(ABORT,
    ${literal(`daybook: a trigger of the application writes into ${table.name} while a REPLACE of it is under way, so rows could go unseen: use ON CONFLICT DO UPDATE, or PRAGMA recursive_triggers = ON`)})
  WHERE changes() = 1 AND NOT (SELECT recursive_triggers FROM pragma_recursive_triggers)`,
    ],
    noteRivals: (write: string, others: string): string =>
      `${inserted('daybook_replaced', {
        table_name: name,
        written: write,
        entity_type: type,
        entity_id: identity('t'),
        entity_name: nameOf('t'),
        scope: scopeOf('t'),
        actor: actorOf('t'),
        compared: rowidKey === undefined ? keyJson(table, 't') : `'[]'`,
        redacted: redactedOf,
        old_values: rowJson(table, settings, 't'),
      })}
  FROM ${on} AS t
  WHERE ${others === 'TRUE' ? rival : `(${rival})\n    AND ${others}`}`,
    actorRequired: (prefix: 'OLD' | 'NEW'): string[] =>
      settings.requireActor
        ? [
            `SELECT RAISE(ABORT,
    ${literal(`daybook: a change of ${table.name} must say who makes it: first INSERT OR REPLACE INTO daybook_context (actor) VALUES (...), afterwards DELETE FROM daybook_context`)})
  WHERE ${actorOf(prefix) ?? 'NULL'} IS NULL
    AND NOT EXISTS (SELECT 1 FROM daybook_context WHERE (${contextHolds('used')}))`,
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
      return `SELECT RAISE(ABORT,
    ${literal(`daybook: this row of ${table.name} refers to itself by ${from.join(', ')}, which follows ${to.join(', ')}: set ${from.join(', ')} to NULL first, and again afterwards`)})
  WHERE ${same.join(' AND ')} AND (${moved.join(' OR ')})
    AND NOT EXISTS (SELECT 1 FROM ${on} AS t WHERE ${isNew} AND ${asSet.join(' AND ')})`;
    }),
    partial,
    mayStay: partial || rowidKey !== undefined,
    /**
     * Where the row that was written has a whole unique key in common with another one, that has gone: only one of a
     * partial index may have stayed, and -1, which a new rowid is at first, and one that a write within this one changed.
     */
    forgetStayed: (write: string): string =>
      `DELETE FROM ${notesOf(write)} AND EXISTS (
    SELECT 1 FROM ${on} AS t
    WHERE ${isNoted.join('\n      AND ')}
      AND NOT (${isNew}))`,
    recordInsert: change(
      {
        action: `'create'`,
        written: `''`,
        entity_id: identity('NEW'),
        entity_name: nameOf('NEW'),
        scope: scopeOf('NEW'),
        actor: actorOf('NEW'),
        ignored: ignored.length === 0 ? null : literal(JSON.stringify(ignored)),
        new_values: rowOf('v'),
      },
      rowsOf(stored, { v: after }),
    ),
    recordUpdate: change(
      {
        action: `'update'`,
        written: `CASE WHEN ${uniqueDiffers}\n    THEN ${updateMark} END`,
        entity_id: identity('NEW'),
        was_id: identity('OLD'),
        entity_name: nameOf('NEW'),
        was_name: nameOf('OLD'),
        scope: scopeOf('NEW'),
        was_scope: scopeOf('OLD'),
        actor: actorOf('NEW'),
        changed_fields: changedFields,
        old_values: rowOf('o'),
        new_values: rowOf('n'),
      },
      rowsOf(stored, { o: before, n: after }),
    ),
    recordDelete: change(
      {
        action: `'delete'`,
        entity_id: identity('OLD'),
        entity_name: nameOf('OLD'),
        scope: scopeOf('OLD'),
        actor: actorOf('OLD'),
        old_values: rowOf('v'),
      },
      rowsOf(stored, { v: before }),
    ),
  };
}
