import { DaybookError } from '../../../core/errors.js';
import type { Connection } from '../engine/index.js';
import { foreignKeysOf } from './foreign-key-list.js';

export interface TableColumn {
  readonly name: string;
  /** Which kinds of value it can hold, where SQLite makes sure of that. */
  readonly holds: 'integer' | 'text' | 'text or bytes' | 'anything';
  /** Whether 1 and 1.0 can both stand in it. */
  readonly untyped: boolean;
  readonly generated: boolean;
  /** Whether it is computed anew whenever it is read: of a text that a JSON function wrote otherwise than of the same text in its table. */
  readonly virtual: boolean;
}

/** A key of which no two rows have the same. */
interface UniqueKey {
  readonly isRowid: boolean;
  /** Whether two rows may have the same key in spite of that: with a partial index, or a folding collation. */
  readonly partial: boolean;
  readonly columns: readonly { readonly name: string; readonly collation: string }[];
  /** The condition of a partial index, in SQL. */
  readonly where: string | null;
  /** The columns that this condition may name: one too many only costs time. */
  readonly conditional: readonly string[];
}

export interface TableDescription {
  readonly name: string;
  readonly withoutRowid: boolean;
  /** A name for the rowid, where there is one that is no column of the table. */
  readonly hiddenRowid: string | null;
  readonly columns: readonly TableColumn[];
  /** The columns of the primary key, in its order. */
  readonly primaryKey: readonly string[];
  /** Columns that follow others of the same row, by a foreign key of the table to itself, when these change. */
  readonly followsItself: readonly { readonly from: readonly string[]; readonly to: readonly string[] }[];
  /** The primary key and every other. */
  readonly uniqueKeys: readonly UniqueKey[];
}

interface ColumnRow {
  name: string;
  type: string;
  pk: number;
  hidden: number;
}

/** A name as SQL: anything may stand in one. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

interface NamedTable {
  /** As it was made with. */
  readonly name: string;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
  /** What it is where that is no ordinary table, with its article. */
  readonly isRather: string | null;
}

/** Finds a table, or what passes for one, by its name; undefined where nothing has it. */
export function namedTable(connection: Connection, asked: string): NamedTable | undefined {
  const found = connection
    .prepare<[string], { name: string; type: string; wr: number; strict: number }>(
      `SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE`,
    )
    // Whatever the connection gives otherwise.
    .safeIntegers(false)
    .get(asked);
  if (found === undefined) return undefined;
  const { name, type, wr, strict } = found;
  const isRather = type === 'table' ? null : type === 'view' ? 'a view' : `a ${type} table`;
  return { name, withoutRowid: wr === 1, strict: strict === 1, isRather };
}

/** As `namedTable`. Throws kind `missing` where nothing has the name. */
export function findTable(connection: Connection, asked: string): NamedTable {
  const found = namedTable(connection, asked);
  if (found === undefined) throw new DaybookError('missing', `no table ${asked} in this database`);
  return found;
}

/**
 * Describes an ordinary table for capture, by the name it was made with.
 * Throws kind `missing` where there is no such table, and kind `refused` for one that cannot be captured.
 */
export function describeTable(connection: Connection, asked: string): TableDescription {
  const { name, withoutRowid, strict, isRather } = findTable(connection, asked);
  const refuse = (reason: string): DaybookError => new DaybookError('refused', `${name} cannot be captured: ${reason}`);
  if (/^(?:daybook|sqlite)_/i.test(name)) throw refuse('it belongs to daybook or to SQLite itself');
  if (isRather !== null) throw refuse(`it is ${isRather}, and has no triggers on rows`);
  const rows = connection
    .prepare<[string], ColumnRow>('SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)')
    .all(name);
  const key = rows.filter((row) => row.pk > 0).toSorted((one, other) => one.pk - other.pk);
  const [first] = key;
  if (first === undefined) throw refuse('it has no primary key, so nothing says which row an entry is about');
  // The column that is the rowid has no index: any other type name, INT among them, makes one, as PRIMARY KEY DESC does.
  const indexed = connection.prepare(`SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'`).get(name) !== undefined;
  const rowid = !withoutRowid && !indexed ? first.name : null;
  const columns = rows.map((row) => row.name);
  const primaryKey = key.map((row) => row.name);
  return {
    name,
    withoutRowid,
    hiddenRowid: withoutRowid || rowid !== null ? null : rowidName(columns),
    columns: rows.map((row) => describeColumn(row, strict, row.name === rowid)),
    primaryKey,
    followsItself: followsItself(connection, name, columns, primaryKey),
    uniqueKeys: uniqueKeys(connection, name, columns, rowid, refuse),
  };
}

/** A foreign key that means columns that are not there, or are more than the primary key has, moves nothing. */
function followsItself(
  connection: Connection,
  table: string,
  columns: readonly string[],
  primaryKey: readonly string[],
): { from: readonly string[]; to: readonly string[] }[] {
  const there = new Set(columns.map((name) => name.toLowerCase()));
  return (
    foreignKeysOf(connection, table)
      .filter(
        (key) => key.parent.toLowerCase() === table.toLowerCase() && !/^(?:NO ACTION|RESTRICT)$/.test(key.onUpdate),
      )
      .map((key) => ({ from: key.columns, to: key.to ?? primaryKey }))
      // A key that fits no columns moves nothing.
      .filter(({ from, to }) => from.length === to.length && to.every((name) => there.has(name.toLowerCase())))
  );
}

/** The rowid has three names, of which columns may take any: the first that is free, or null. */
export function rowidName(columns: readonly string[]): string | null {
  const taken = new Set(columns.map((name) => name.toLowerCase()));
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) ?? null;
}

function describeColumn(row: ColumnRow, strict: boolean, isRowid: boolean): TableColumn {
  const type = row.type.toUpperCase();
  const affinity = affinityOf(type);
  return {
    name: row.name,
    holds:
      isRowid || (strict && affinity === 'integer')
        ? 'integer'
        : affinity !== 'text'
          ? 'anything'
          : strict
            ? 'text'
            : 'text or bytes',
    untyped: affinity === 'blob' || type === 'ANY',
    generated: row.hidden > 1,
    virtual: row.hidden === 2,
  };
}

/** SQLite's rules for a declared type, in their order (https://www.sqlite.org/datatype3.html, 3.1). */
export function affinityOf(type: string): 'integer' | 'text' | 'blob' | 'other' {
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(type)) return 'text';
  return type === '' || type.includes('BLOB') ? 'blob' : 'other';
}

function uniqueKeys(
  connection: Connection,
  table: string,
  all: readonly string[],
  rowid: string | null,
  refuse: (reason: string) => DaybookError,
): UniqueKey[] {
  const indexes = connection
    .prepare<[string], { index: string; partial: number }>(
      `SELECT name AS "index", partial FROM pragma_index_list(?) WHERE "unique" = 1 ORDER BY seq`,
    )
    .all(table);
  const made = connection.prepare<[string], string>(`SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?`);
  const folds = /\bcollate\b/i.test(made.pluck().get(table) ?? '');
  const keys = indexes.map(({ index, partial }) => {
    const columns = connection
      .prepare<[string], { cid: number; name: string | null; collation: string }>(
        'SELECT cid, name, coll AS collation FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno',
      )
      .all(index);
    return {
      isRowid: false,
      where: partial === 1 ? conditionOf(connection, index) : null,
      conditional: partial === 1 ? namedIn(sqlOf(connection, index), all) : [],
      partial: partial === 1 || folds,
      columns: columns.map(({ name, collation }) => {
        if (name === null) {
          throw refuse(
            `its unique index ${index} is over an expression, and a row that REPLACE removes by it goes unseen`,
          );
        }
        return { name, collation };
      }),
    };
  });
  return rowid === null
    ? keys
    : [
        {
          isRowid: true,
          where: null,
          conditional: [],
          partial: false,
          columns: [{ name: rowid, collation: 'BINARY' }],
        },
        ...keys,
      ];
}

/** What stands behind the columns of a partial index; they are no expressions, so the first bracket ends them. */
function conditionOf(connection: Connection, index: string): string | null {
  return /\)\s*WHERE\s+(?<condition>.*)$/is.exec(sqlOf(connection, index))?.groups?.['condition'] ?? null;
}

function namedIn(sql: string, columns: readonly string[]): string[] {
  const text = sql.replaceAll('""', '"').replaceAll('``', '`').toLowerCase();
  return columns.filter((name) => text.includes(name.toLowerCase()));
}

function sqlOf(connection: Connection, index: string): string {
  const made = connection.prepare<[string], string>(`SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?`);
  return made.pluck().get(index) ?? '';
}
