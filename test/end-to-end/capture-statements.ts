import type Database from 'better-sqlite3';

/** A table as the drawing of statements knows it. */
export interface DrawnTable {
  readonly name: string;
  /** All columns, also those that are computed. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  readonly writable: readonly DrawnColumn[];
  readonly conflictTargets: readonly (readonly string[])[];
  /** A view through which rows can be inserted. */
  readonly view: string | null;
}

interface DrawnColumn {
  readonly name: string;
  /** SQL of the values that it is given; those of keys are few, so that they collide. */
  readonly values: readonly string[];
  readonly inKey: boolean;
}

export type Random = () => number;

/** A name as SQL. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The application's tables of a database, by their names. */
export function drawnTables(database: Database.Database): DrawnTable[] {
  return database
    .prepare<[], string>(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'daybook_*' ORDER BY name`,
    )
    .pluck()
    .all()
    .map((name) => drawnTable(database, name));
}

interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
  readonly hidden: number;
}

function drawnTable(database: Database.Database, name: string): DrawnTable {
  const columns = database
    .prepare<[string], ColumnInfo>('SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)')
    .all(name);
  const uniques = database
    .prepare<[string], string>(`SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial`)
    .pluck()
    .all(name)
    .map((index) =>
      database.prepare<[string], string>('SELECT name FROM pragma_index_info(?) ORDER BY seqno').pluck().all(index),
    );
  const referring = database
    .prepare<[string], string>('SELECT "from" FROM pragma_foreign_key_list(?)')
    .pluck()
    .all(name);
  const primaryKey = columns
    .filter(({ pk }) => pk > 0)
    .toSorted((one, other) => one.pk - other.pk)
    .map((column) => column.name);
  const keys = new Set([...primaryKey, ...uniques.flat(), ...referring]);
  return {
    name,
    columns: columns.map((column) => column.name),
    primaryKey,
    conflictTargets: [primaryKey, ...uniques],
    view:
      database
        .prepare<[string], string>(`SELECT name FROM sqlite_schema WHERE type = 'view' AND name = ? || '_shown'`)
        .pluck()
        .get(name) ?? null,
    writable: columns
      .filter(({ hidden }) => hidden === 0)
      .map((column) => ({
        name: column.name,
        inKey: keys.has(column.name),
        values: valuesOf(column, keys.has(column.name), primaryKey.includes(column.name)),
      })),
  };
}

const SMALL = ['1', '2', '3', '4', '5', '6', '7'];
const BIG = ['9007199254740993', '9223372036854775807', '-9223372036854775807', '-1', '0'];
const REALS = [
  '0.1 + 0.2',
  '5e-324',
  '2.2250738585072011e-308',
  '1e308',
  '1.7976931348623157e308',
  '1e999',
  '-1e999',
  '1.0',
  '1e23',
  '-123456789.12345678',
  '1.0 / 3',
  '9007199254740993.0',
  '0.0',
];
/** What JSON functions write is a text like any other. */
const JSON_TEXTS = [
  `json('{"$blob":"00ff"}')`,
  `json_quote('hey')`,
  `json('17')`,
  `json('null')`,
  `json_object('a', 1)`,
  `json_array()`,
];
const KEY_TEXTS = [`json('{"a":1}')`, `json_quote('a')`, `'a'`, `'A'`, `'b'`, `'B '`, `'b'`, `'it''s'`, `'c"d'`, `'ü'`];
const TEXTS = [
  ...KEY_TEXTS,
  ...JSON_TEXTS,
  `''`,
  `'two' || char(10) || 'lines' || char(13, 9)`,
  `'Ünï©ödé 😀 ' || char(8232, 65533, 127, 1)`,
  `'back\\slash "quotes" ''and'' {"$blob": "00"}'`,
  `'{"a":[1,{"b":null}]}'`,
  `'before' || char(0) || 'behind'`,
  `'12'`,
  `'null'`,
  `printf('%.*c', 3000, 'x')`,
];
const BLOBS = [`x''`, `x'00'`, `x'ff00'`, `x'7b7d'`, `x'61'`, `x'c328'`, 'zeroblob(20)'];

function valuesOf({ type, pk }: ColumnInfo, inKey: boolean, inPrimaryKey: boolean): string[] {
  const orNull = inPrimaryKey ? [] : ['NULL', 'NULL'];
  const wanted = type.toUpperCase();
  if (/INT/.test(wanted)) return inKey ? [...SMALL, ...(pk > 0 ? [] : orNull)] : [...SMALL, ...BIG, ...orNull];
  if (/CHAR|TEXT|DATE/.test(wanted)) return [...(inKey ? KEY_TEXTS : TEXTS), ...orNull];
  if (/REAL|NUMERIC/.test(wanted)) {
    if (inKey) return ['1', '0.5', '0.1 + 0.2', '5e-324', '1e999', '2.5', ...orNull];
    return [...REALS, ...SMALL, ...(wanted === 'REAL' ? [] : ['9007199254740993']), ...orNull];
  }
  if (wanted === 'BLOB') return [...BLOBS.slice(0, inKey ? 5 : 7), ...orNull];
  if (inKey) return ['1', '2', '3', `'a'`, `'A'`, `'it''s'`, `x'00'`, `x'61'`, ...orNull];
  return [...SMALL, ...BIG, ...REALS, ...TEXTS, ...BLOBS, ...orNull];
}

/** One step of a program: its statements, one after the other, whatever errors they have. */
export type Step = readonly string[];

/** Draws what a program does; its changes carry its name and the step's number, where there is a context. */
export function stepDrawer(tables: readonly DrawnTable[], random: Random, program: string): () => Step {
  const below = (limit: number): number => Math.floor(random() * limit);
  const chance = (probability: number): boolean => random() < probability;
  const one = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error('nothing to draw from');
    return item;
  };
  const some = <T>(items: readonly T[], probability: number): T[] => items.filter(() => chance(probability));

  const literalOf = (column: DrawnColumn): string => one(column.values);
  const conflict = (): string =>
    one(['', '', '', ' OR REPLACE', ' OR REPLACE', ' OR IGNORE', ' OR FAIL', ' OR ABORT', ' OR ROLLBACK']);

  const insert = (table: DrawnTable): string => {
    const given = table.writable.filter((column) => chance(column.inKey || table.writable.length < 12 ? 0.92 : 0.4));
    const columns = given.length === 0 ? table.writable : given;
    const rows = Array.from({ length: chance(0.7) ? 1 : 2 + below(2) }, () => `(${columns.map(literalOf).join(', ')})`);
    const names = columns.map(({ name }) => sqlName(name)).join(', ');
    const verb = chance(0.1) ? 'REPLACE' : `INSERT${conflict()}`;
    const upsert = chance(0.3) ? ` ${upsertOf(table)}` : '';
    const returning = chance(0.1) ? ' RETURNING *' : '';
    const source =
      chance(0.15) && upsert === ''
        ? `SELECT ${columns.map((column) => (chance(0.5) ? sqlName(column.name) : literalOf(column))).join(', ')} FROM ${sqlName(table.name)} WHERE ${condition(table)}`
        : `VALUES ${rows.join(', ')}`;
    const into = table.view !== null && upsert === '' && returning === '' && chance(0.3) ? table.view : table.name;
    return `${verb} INTO ${sqlName(into)} (${names}) ${source}${upsert}${returning}`;
  };
  const upsertOf = (table: DrawnTable): string => {
    const target = chance(0.2) ? '' : ` (${one(table.conflictTargets).map(sqlName).join(', ')})`;
    if (chance(0.2)) return `ON CONFLICT${target} DO NOTHING`;
    return `ON CONFLICT${target} DO UPDATE SET ${sets(table, (column) => `excluded.${sqlName(column.name)}`)}${chance(0.3) ? ` WHERE ${condition(table)}` : ''}`;
  };
  const sets = (table: DrawnTable, other: (column: DrawnColumn) => string): string => {
    const chosen = some(table.writable, Math.min(0.4, 4 / table.writable.length));
    const columns = chosen.length > 0 ? chosen : [one(table.writable)];
    return columns
      .map((column) => `${sqlName(column.name)} = ${chance(0.3) ? other(column) : literalOf(column)}`)
      .join(', ');
  };
  const update = (table: DrawnTable): string => {
    const others = (column: DrawnColumn): string =>
      one([
        sqlName(column.name),
        `${sqlName(column.name)} + 1`,
        `${sqlName(column.name)} / 2`,
        `coalesce(${sqlName(column.name)}, ${literalOf(column)})`,
        `json_set(iif(json_valid(${sqlName(column.name)}), ${sqlName(column.name)}, '{}'), '$.k', ${literalOf(column)})`,
      ]);
    const returning = chance(0.1) ? ' RETURNING *' : '';
    return `UPDATE${conflict()} ${sqlName(table.name)} SET ${sets(table, others)} WHERE ${condition(table)}${returning}`;
  };
  const condition = (table: DrawnTable): string => {
    if (chance(0.05)) return 'TRUE';
    const column = chance(0.6)
      ? one(table.writable.filter(({ name }) => table.primaryKey.includes(name)))
      : one(table.writable);
    // An UPSERT knows the column twice, by its table and as excluded.
    const name = `${sqlName(table.name)}.${sqlName(column.name)}`;
    return one([
      `${name} = ${literalOf(column)}`,
      `${name} IN (${literalOf(column)}, ${literalOf(column)})`,
      `${name} >= ${literalOf(column)}`,
      `${name} IS ${literalOf(column)}`,
    ]);
  };
  const remove = (table: DrawnTable): string =>
    chance(0.03)
      ? `DELETE FROM ${sqlName(table.name)}`
      : `DELETE FROM ${sqlName(table.name)} WHERE ${condition(table)} AND ${chance(0.5) ? 'TRUE' : condition(table)}`;
  const statement = (): string => {
    const table = one(tables);
    const drawn = random();
    return drawn < 0.5 ? insert(table) : drawn < 0.88 ? update(table) : remove(table);
  };
  const statements = (limit: number): string[] => Array.from({ length: 1 + below(limit) }, statement);
  const savepoint = (): string[] => [
    'SAVEPOINT inner_one',
    ...statements(3),
    ...(chance(0.3) ? ['SAVEPOINT inner_two', ...statements(2), 'RELEASE inner_two'] : []),
    ...(chance(0.6) ? ['ROLLBACK TO inner_one'] : []),
    'RELEASE inner_one',
  ];
  const context = (number: number): string =>
    `INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason) VALUES ('${program}', 'program', '${program} ${number}', ${one(['NULL', `'a "reason"'`])})`;

  let number = 0;
  return () => {
    number += 1;
    if (chance(0.08)) return [`PRAGMA ${one(['recursive_triggers', 'foreign_keys'])} = ${one(['ON', 'OFF'])}`];
    if (chance(0.35)) return [statement()];
    const says = chance(0.6);
    return [
      'BEGIN IMMEDIATE',
      ...(says ? [context(number)] : []),
      ...statements(3),
      ...(chance(0.4) ? savepoint() : []),
      ...statements(2),
      ...(says ? ['DELETE FROM daybook_context'] : []),
      chance(0.85) ? 'COMMIT' : 'ROLLBACK',
    ];
  };
}
