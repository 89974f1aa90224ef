import type Database from 'better-sqlite3';
import { parse } from 'lossless-json';
import { sqlName } from './capture-statements.js';
import type { DrawnTable } from './capture-statements.js';

/** A value with its type, as text that is the same for the same value alone: 1 and 1.0 differ, and so do their bits. */
type Exact = string;

type Row = Readonly<Record<string, Exact>>;

/** Rows of tables, in any order. */
export type Contents = ReadonlyMap<string, readonly Row[]>;

/** What the tables were, and how far the trail was then. */
export interface Moment {
  readonly seq: number;
  readonly contents: Contents;
}

function exact(value: unknown): Exact {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return `integer ${value}`;
  if (typeof value === 'string') return `text ${value}`;
  if (Buffer.isBuffer(value)) return `blob ${value.toString('hex')}`;
  if (typeof value !== 'number') throw new TypeError(`not a value of SQLite: ${JSON.stringify(value)}`);
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return `real ${value} ${bits.toString('hex')}`;
}

/** Takes a copy of tables and of where the trail stands, in one read transaction. */
export function takeMoment(database: Database.Database, tables: readonly DrawnTable[]): Moment {
  return database.transaction(() => ({
    seq: database.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM daybook_entries').pluck().get() ?? 0,
    contents: new Map(
      tables.map((table) => [
        table.name,
        database
          .prepare<[], Record<string, unknown>>(`SELECT * FROM ${sqlName(table.name)}`)
          .safeIntegers()
          .all()
          .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, exact(value)]))),
      ]),
    ),
  }))();
}

interface Recorded {
  readonly seq: number;
  readonly action: string;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly metadata: string;
  readonly old_values: string | null;
  readonly new_values: string | null;
  readonly changed_fields: string | null;
}

/** Rebuilds tables from their captured entries alone, and finds every entry that does not go with those before it. */
export class Rebuild {
  readonly #tables: ReadonlyMap<string, DrawnTable>;
  readonly #rows = new Map<string, Map<string, Row>>();
  readonly #read: Database.Statement<[number, number], Recorded>;
  #seq = 0;
  entries = 0;

  constructor(database: Database.Database, tables: readonly DrawnTable[]) {
    this.#tables = new Map(tables.map((table) => [table.name, table]));
    for (const table of tables) this.#rows.set(table.name, new Map());
    this.#read = database.prepare(
      `SELECT seq, action, entity_type, entity_id, metadata, old_values, new_values, changed_fields
       FROM daybook_entries WHERE category = 'entity' AND seq > ? AND seq <= ? ORDER BY seq`,
    );
  }

  /** Goes on to an entry; throws for one that contradicts what the trail said before. */
  to(seq: number): void {
    for (const entry of this.#read.all(this.#seq, seq)) {
      const wrong = this.#apply(entry);
      if (wrong !== null) throw new Error(`${wrong}: ${JSON.stringify(entry)}`);
      this.entries += 1;
    }
    this.#seq = seq;
  }

  /** What the tables are by the trail. */
  contents(): Contents {
    return new Map([...this.#rows].map(([name, rows]) => [name, [...rows.values()]]));
  }

  #apply(entry: Recorded): string | null {
    const { table: name } = JSON.parse(entry.metadata) as { table: string };
    const table = this.#tables.get(name);
    const rows = this.#rows.get(name);
    if (table === undefined || rows === undefined) return 'an entry of no table that is captured';
    const before = readRow(entry.old_values);
    const after = readRow(entry.new_values);
    const now = after ?? before;
    if (now === null) return 'neither old nor new values';
    const key = (row: Row): string => JSON.stringify(table.primaryKey.map((column) => row[column]));
    if (!isIdentity(table, entry.entity_id, now)) return 'the entity id is not the key';
    const there = rows.get(key(now));
    if (before === null ? there !== undefined : there === undefined)
      return `the row is ${there === undefined ? 'not ' : ''}there`;
    if (before !== null && !same(before, there))
      return `the old values are not the row that is there, ${JSON.stringify(there)}`;
    const action = before === null ? 'create' : after === null ? 'delete' : 'update';
    if (entry.action !== action) return `it should be a ${action}`;
    const changed =
      before === null || after === null ? null : table.columns.filter((column) => before[column] !== after[column]);
    if (JSON.stringify(changed) !== (entry.changed_fields ?? 'null'))
      return `the changed fields should be ${JSON.stringify(changed)}`;
    if (changed?.length === 0) return 'an update that changes nothing';
    if (after === null) rows.delete(key(now));
    else rows.set(key(now), after);
    return null;
  }
}

function same(one: Row, other: Row | undefined): boolean {
  return other !== undefined && lineOf(one) === lineOf(other);
}

function lineOf(row: Row): string {
  return JSON.stringify(Object.entries(row).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Rows of each table in an order of their own, to compare. */
export function inOrder(contents: Contents): Record<string, string[]> {
  return Object.fromEntries([...contents].map(([name, rows]) => [name, rows.map(lineOf).toSorted()]));
}

function readRow(text: string | null): Row | null {
  if (text === null) return null;
  const values = parse(text, undefined, readNumber) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, readValue(value)]));
}

function readNumber(digits: string): unknown {
  return /[.eE]/.test(digits) ? Number(digits) : BigInt(digits);
}

function readValue(value: unknown): Exact {
  if (value === null || typeof value !== 'object') return exact(value);
  const { $blob: bytes, $real: real, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length === 0) {
    if (typeof bytes === 'string') return exact(Buffer.from(bytes, 'hex'));
    if (real === 'inf') return exact(Infinity);
    if (real === '-inf') return exact(-Infinity);
    const [whole, exponent] = typeof real === 'string' ? real.split('p') : [];
    if (whole !== undefined && exponent !== undefined) return exact(Number(whole) * 2 ** Number(exponent));
  }
  throw new Error(`not a value of a row: ${JSON.stringify(value)}`);
}

/** Whether an entity's id is the key of its row: as text, or where there are several columns, as their JSON array. */
function isIdentity(table: DrawnTable, id: string, row: Row): boolean {
  const key = table.primaryKey.map((column) => row[column] ?? '');
  if (key.length > 1) {
    const values = parse(id, undefined, readNumber) as unknown[];
    return JSON.stringify(values.map(readValue)) === JSON.stringify(key);
  }
  const [, type, text] = /^(\w+) ?([^]*)$/.exec(key[0] ?? '') ?? [];
  if (type === 'blob') return id === `{"$blob":"${text}"}`;
  // What could be taken for another kind of value stands in quotes.
  const isUnclear = type === 'text' && text !== undefined && /^[{"]|^null$|\0/.test(text);
  return type === 'real'
    ? true
    : id === (isUnclear ? JSON.stringify(text) : text) || (type === 'text' && id === JSON.stringify(text));
}
