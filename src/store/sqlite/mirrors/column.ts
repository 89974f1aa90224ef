import { readCaptureSettings } from '../../../core/capture.js';
import { DaybookError } from '../../../core/errors.js';
import { mirrorName } from '../../../core/mirror.js';
import type { MirrorRequest } from '../../../core/mirror.js';
import { shellWord } from '../../../core/shell.js';
import type { Connection } from '../engine/index.js';
import type { MirroredColumn } from './rendering.js';
import { affinityOf, findTable } from '../tables/index.js';

interface ColumnRow {
  name: string;
  type: string;
  notnull: number;
  pk: number;
  hidden: number;
}

interface IndexRow {
  index: string;
  unique: number;
  partial: number;
}

interface IndexedRow {
  name: string | null;
  collation: string;
}

/** Those that every SQLite has; another one is known only to the application. */
const COLLATIONS: ReadonlySet<string> = new Set(['BINARY', 'NOCASE', 'RTRIM']);

/**
 * Looks up the column that a mirror is to fill, with names as the table writes them.
 *
 * @throws DaybookError 'missing' where there is no such table, 'usage' for a column that it does not have, and 'refused'
 *   for one that cannot show entries
 */
export function describeMirrored(connection: Connection, { table, column, settings }: MirrorRequest): MirroredColumn {
  const { name, withoutRowid, strict, isRather } = findTable(connection, table);
  const columns = connection
    .prepare<[string], ColumnRow>('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)')
    .all(name);
  const named = (asked: string, what: string): ColumnRow => {
    const one = columns.find((candidate) => candidate.name.toLowerCase() === asked.toLowerCase());
    if (one !== undefined) return one;
    const known = columns.map((candidate) => candidate.name).join(', ');
    throw new DaybookError('usage', `${what}${name} has no column ${asked}, only ${known}`);
  };
  const shown = named(column, '');
  const key = named(settings.key, '--key: ');
  const mirror = mirrorName({ table: name, column: shown.name });
  const refuse = (reason: string, hint?: string): DaybookError =>
    new DaybookError('refused', `${mirror} cannot show entries: ${reason}`, hint === undefined ? {} : { hint });

  if (/^(?:daybook|sqlite)_/i.test(name)) throw refuse('the table belongs to daybook or to SQLite itself');
  if (isRather !== null) throw refuse(`${name} is ${isRather}, and no trigger of ours writes there`);
  if (shown.hidden > 1) throw refuse('it is computed from other columns');
  if (shown.name === key.name) throw refuse('it is the key');
  const indexes = connection
    .prepare<[string], IndexRow>('SELECT name AS "index", "unique", partial FROM pragma_index_list(?)')
    .all(name);
  const indexed = indexes.map((index) => Object.assign(index, { columns: indexedColumns(connection, index.index) }));
  if (shown.pk > 0 || indexed.some((index) => index.unique === 1 && holds(index.columns, shown.name))) {
    throw refuse('no two rows may have the same in it');
  }
  const referring = connection.prepare<[string], string>('SELECT "from" FROM pragma_foreign_key_list(?)').pluck();
  if (referring.all(name).includes(shown.name)) throw refuse('it refers to another table');
  const affinity = affinityOf(shown.type.toUpperCase());
  if (affinity !== 'text' && (affinity !== 'blob' || (strict && shown.type.toUpperCase() === 'BLOB')))
    throw refuse(`it is declared ${shown.type}, and shows only text`);
  refuseCaptured(connection, name, shown.name, refuse);

  const single = indexed.find(
    (index) =>
      index.unique === 1 &&
      index.partial === 0 &&
      index.columns.length === 1 &&
      index.columns[0]?.name === key.name &&
      COLLATIONS.has(index.columns[0].collation.toUpperCase()),
  );
  // A primary key without an index is the rowid.
  const isRowid =
    key.pk > 0 &&
    !withoutRowid &&
    connection.prepare(`SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'`).get(name) === undefined;
  if (!isRowid && single === undefined) {
    throw refuse(
      `rows are found by ${key.name}, which has no unique index of its own, so every entry would read the whole table`,
    );
  }
  return {
    table: name,
    column: shown.name,
    settings: { ...settings, key: key.name },
    notNull: shown.notnull === 1,
    collation: isRowid ? null : (single?.columns[0]?.collation ?? null),
    untypedKey: !isRowid && affinityOf(key.type.toUpperCase()) === 'blob',
  };
}

function indexedColumns(connection: Connection, index: string): IndexedRow[] {
  return connection
    .prepare<[string], IndexedRow>(
      'SELECT name, coll AS collation FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno',
    )
    .all(index);
}

function holds(columns: readonly IndexedRow[], name: string): boolean {
  // An expression has no name, and what it is made of cannot be told from here.
  return columns.some((column) => column.name === name || column.name === null);
}

/** Each entry would change the row, and that change would be an entry again. */
function refuseCaptured(
  connection: Connection,
  table: string,
  column: string,
  refuse: (reason: string, hint: string) => DaybookError,
): void {
  const settings = connection
    .prepare<[string], string>('SELECT settings FROM daybook_captures WHERE table_name = ?')
    .pluck()
    .get(table);
  if (settings === undefined) return;
  // What cannot be read ignores nothing.
  if (readCaptureSettings(settings)?.ignore.includes(column) === true) return;
  throw refuse(
    `${table} is captured, so that each entry would make another one: let capture ignore ${column} first`,
    `daybook capture add ${shellWord(table)} --ignore ${shellWord(column)}`,
  );
}
