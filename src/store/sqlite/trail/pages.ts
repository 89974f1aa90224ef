import { isUtf8 } from 'node:buffer';
import type { Statement } from 'better-sqlite3';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../../core/entry.js';
import type { Entry, EntryField, HistoryEntry, HistoryField } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { EMPTY_TEXT, FIELD_END } from '../../../core/fields.js';
import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Cell } from '../../../core/cell.js';
import type {
  EntryPage,
  Explanation,
  Extent,
  FieldPage,
  Key,
  LinePage,
  PageQuery,
  PrunePlan,
  RowPage,
  ValueCount,
  Within,
} from '../../audit-store.js';
import {
  conditionsOf,
  doomed,
  fallsByAge,
  filterCondition,
  horizon,
  recordedBy,
  ruleMatches,
  windowOf,
} from './compile.js';
import { counted, reading, markOf, seqOf, and, concat, join, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { chooseDrive, indexedBy } from './drive.js';
import { columnOf } from './fitness.js';
import type { ColumnOf } from './fitness.js';

/** A page of rows of other programs' text may be large: it ends early at about so many characters. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

/** Quoting is what costs most in a line. A time, as the table checks it, holds nothing to escape. */
const TIMES: ReadonlySet<HistoryField> = new Set(['ts', 'recorded_at'] as const);

/**
 * The value of a field as JSON text: documents as they stand, everything else quoted by SQLite. What ends a line can only
 * be white space in a document; no document of ours holds it, and where it may, it is replaced (`mending`).
 */
function jsonColumn(field: HistoryField, column: ColumnOf, mending: boolean): string {
  if (field === 'seq') return 'e.seq';
  const value = column(field);
  if (TIMES.has(field)) return `coalesce('"' || ${value} || '"', 'null')`;
  if (!JSON_FIELDS.has(field)) return `json_quote(${value})`;
  const document = mending ? `replace(replace(${value}, char(10), ' '), char(13), ' ')` : value;
  return `coalesce(${document}, 'null')`;
}

/**
 * The statement of a page: `selected`, then the key of each row. It reads one index in its own order: a list of values
 * is a merge of ordered runs, and a page behind a key has two runs for each, the rest of that millisecond and what lies
 * beyond it, for thousands of entries may share one.
 */
function pageStatement(
  connection: Connection,
  query: PageQuery,
  selected: Sql,
  limit: Sql,
  further: readonly Sql[] = [],
): Sql {
  const rule = query.doomedBy?.rules.length === 1 ? query.doomedBy.rules[0] : undefined;
  const filter = rule === undefined ? query.filter : rule.filter;
  const until =
    query.doomedBy === undefined ? filter.until : Math.min(horizon(query.doomedBy), filter.until ?? Infinity);
  const upTo = seqOf(query.upTo);
  const beyond = query.beyond === undefined ? undefined : seqOf(query.beyond);
  // Only the run and the stretch are to be the range that is read. The plus keeps all else out of SQLite's choice: with
  // statistics that an application left, it would skip through the index, or take a list for the range, and sort.
  const conditions = [
    ...conditionsOf(query.filter, '+e', upTo),
    // Where the rule gives the range, the window of the question is a condition like any other.
    ...(rule === undefined ? [] : windowOf(query.filter, '+e')),
    ...(query.doomedBy === undefined ? [] : [doomed(query.doomedBy)]),
    ...(query.sparedBy === undefined ? [] : [concat('NOT (', doomed(query.sparedBy), ')')]),
    sql(query.order === 'recorded' ? 'e.seq <= ?' : '+e.seq <= ?', upTo),
    ...(beyond === undefined || query.order === 'recorded' ? [] : [sql('+e.seq > ?', beyond)]),
    ...further,
  ];
  const keyed = concat('SELECT ', selected, ', e.ts_ms AS key_ms, e.seq AS key_seq FROM daybook_entries AS e ');
  if (query.order === 'recorded') {
    return concat(
      keyed,
      'NOT INDEXED WHERE ',
      and([
        ...conditions,
        ...between(filter.since, until),
        sql('e.seq > ?', Math.max(query.after?.seq ?? 0, beyond ?? 0)),
      ]),
      ' ORDER BY e.seq LIMIT ',
      limit,
    );
  }
  const drive = chooseDrive(connection, { ...filter, ...(until === undefined ? {} : { until }) });
  const runs = drive.runs.flatMap((run) =>
    stretches(query, filter.since, until).map((stretch) =>
      concat(keyed, `${indexedBy(drive)} WHERE `, and([run, stretch, ...conditions])),
    ),
  );
  const direction = query.order === 'newest' ? 'DESC' : 'ASC';
  return concat(join(runs, ' UNION ALL '), ` ORDER BY key_ms ${direction}, key_seq ${direction} LIMIT `, limit);
}

/** The parts of a window that lie behind the key, each of them one range of an index. */
function stretches(query: PageQuery, since: number | undefined, until: number | undefined): Sql[] {
  if (query.after === undefined) return [and(between(since, until))];
  const { ms, seq } = query.after;
  return query.order === 'newest'
    ? [sql('e.ts_ms = ? AND e.seq < ?', ms, seq), and(between(since, Math.min(ms - 1, until ?? Infinity)))]
    : [sql('e.ts_ms = ? AND e.seq > ?', ms, seq), and(between(Math.max(ms + 1, since ?? -Infinity), until))];
}

function between(since: number | undefined, until: number | undefined): Sql[] {
  return [
    ...(since === undefined ? [] : [sql('e.ts_ms >= ?', since)]),
    ...(until === undefined ? [] : [sql('e.ts_ms <= ?', until)]),
  ];
}

/** A page of history, with what took each entry back. */
export function readPage(connection: Connection, query: PageQuery): EntryPage {
  const { rows, next } = readRows(connection, query, [...ENTRY_FIELDS, 'reverted_by']);
  return { entries: rows.map(toEntry), next };
}

function toEntry(row: readonly Cell[]): HistoryEntry {
  const fields: Record<string, Cell> = {};
  ENTRY_FIELDS.forEach((field, position) => (fields[field] = row[position] ?? null));
  fields['reverted_by'] = row[ENTRY_FIELDS.length] ?? null;
  return fields as unknown as HistoryEntry;
}

/** A page as rows of the asked columns. */
export function readRows(connection: Connection, query: PageQuery, columns: readonly HistoryField[]): RowPage {
  const selected = sql(columns.map(columnOf(connection)).join(', '));
  const statement = pageStatement(connection, query, selected, sql('?', query.limit + 1));
  const rows: Cell[][] = [];
  let next: Key | null = null;
  let key: Key | null = null;
  let characters = 0;
  let least: number | null = null;
  let greatest: number | null = null;
  const read = connection.prepare<unknown[], Cell[]>(statement.sql).raw();
  for (const row of read.iterate(...statement.parameters)) {
    if (rows.length === query.limit || characters > PAGE_CHARACTERS) {
      next = key;
      break;
    }
    const seq = row.pop() as number;
    key = { ms: row.pop() as number, seq };
    if (least === null || seq < least) least = seq;
    if (greatest === null || seq > greatest) greatest = seq;
    for (let position = 0; position < columns.length; position++) {
      const cell = row[position];
      if (typeof cell === 'string') characters += cell.length;
    }
    rows.push(row);
  }
  return { rows, characters, firstSeq: least, lastSeq: greatest, next };
}

/** A page as lines of JSON, joined by SQLite: for a large export this moves each byte once. */
export function readLines(connection: Connection, query: PageQuery, columns: readonly HistoryField[]): LinePage {
  const column = columnOf(connection);
  const read = (): LinePage => {
    const mending = mended.has(connection);
    const members = columns.map(
      (field, position) => `'${position === 0 ? '{' : ','}"${field}":', ${jsonColumn(field, column, mending)}`,
    );
    // concat is told how long its texts are; format would look for the end of each.
    const { text, ...page } = readJoined(connection, query, `concat(${members.join(', ')}, '}\n')`, 'line');
    return { lines: asUtf8(text), ...page };
  };
  const page = read();
  if (hasLines(page.lines, page.count)) return page;
  mended.add(connection);
  return read();
}

/** Where a document was seen that goes over several lines: replacing that in all of them is a tenth of an export. */
const mended = new WeakSet<Connection>();

/** Whether a text has so many lines, and nothing else in it that some readers take for the end of one. */
function hasLines({ buffer, byteOffset, byteLength }: Uint8Array, count: number): boolean {
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (text.includes(CARRIAGE_RETURN)) return false;
  let lines = 0;
  for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED, end + 1)) lines += 1;
  return lines === count;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Lines as UTF-8, whatever the database keeps its text in. They start with a brace, of which UTF-16 makes two bytes. In a
 * database of UTF-8, SQLite does not look at the bytes that another program stored as text.
 */
function asUtf8(lines: Buffer): Buffer {
  if (lines[1] === 0) return Buffer.from(lines.toString('utf16le'));
  if (lines[0] === 0) return Buffer.from(lines.swap16().toString('utf16le'));
  return isUtf8(lines) ? lines : Buffer.from(lines.toString('utf8'));
}

/** A longer row is not joined to others: a page of such rows could be too large for memory, and for SQLite. */
const JOINED_BYTES = 64 * 1024;

/**
 * A page as one text of its fields, joined by SQLite, or null where that would not say what they are: a field holds a
 * mark of ours, or text that is not UTF-8, or a NUL (in a database of UTF-16 they are everywhere), or a row is long.
 */
export function readFields(
  connection: Connection,
  query: PageQuery,
  columns: readonly HistoryField[],
): FieldPage | null {
  const column = columnOf(connection);
  const row = `concat(${columns.map((field) => `${fieldColumn(field, column)}, ${END_MARK}`).join(', ')})`;
  const { text, ...page } = readJoined(
    connection,
    query,
    row,
    `iif(octet_length(line) <= ${JOINED_BYTES}, line, char(0))`,
  );
  if (text.includes(0) || !isUtf8(text)) return null;
  return occurrences(FIELD_END, text) === page.count * columns.length ? { fields: text, ...page } : null;
}

/** The marks as they stand in a statement. */
const END_MARK = `'${String.fromCharCode(FIELD_END)}'`;
const EMPTY_MARK = `'${String.fromCharCode(EMPTY_TEXT)}'`;

/**
 * The value of a field, with the mark for empty text. Hardly any text comes before FIELD_END in the order of bytes, so
 * that one comparison is enough for almost all. Text that is EMPTY_TEXT itself becomes a field too many.
 */
function fieldColumn(field: HistoryField, column: ColumnOf): string {
  const value = column(field);
  if (field === 'seq') return value;
  const marked = `CASE ${value} WHEN '' THEN ${EMPTY_MARK} WHEN ${EMPTY_MARK} THEN ${END_MARK}`;
  return `iif(${value} < ${END_MARK}, ${marked} ELSE ${value} END, ${value})`;
}

/** How often a byte of ASCII occurs. Four bytes are compared at once: one by one takes twice as long. */
function occurrences(wanted: number, bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const all = wanted * 0x01010101;
  let count = 0;
  let at = 0;
  while (at < words.length) {
    // Each byte of this sum counts for itself, and up to 255 times.
    let sums = 0;
    for (const end = Math.min(at + 255, words.length); at < end; at++) {
      const different = (words[at] ?? 0) ^ all;
      // The highest bit of each byte: 0 where the byte is the wanted one.
      const high = ((different & 0x7f7f7f7f) + 0x7f7f7f7f) | different;
      sums += (~high >>> 7) & 0x01010101;
    }
    count += (sums & 0xff) + ((sums >>> 8) & 0xff) + ((sums >>> 16) & 0xff) + (sums >>> 24);
  }
  for (at *= 4; at < bytes.length; at++) if (bytes[at] === wanted) count += 1;
  return count;
}

/** A page whose rows become lines, each a text in SQL, and the lines one text: `joined` says what of each `line`. */
function readJoined(
  connection: Connection,
  query: PageQuery,
  line: string,
  joined: string,
): Omit<LinePage, 'lines'> & { readonly text: Buffer } {
  // A limit that were a parameter would have SQLite compile the statement again for each page.
  const page = pageStatement(connection, query, sql(`${line} AS line`), sql(String(query.limit)));
  const statement = concat(
    `SELECT CAST(coalesce(group_concat(${joined}, ''), '') AS BLOB), count(*), min(key_seq), max(key_seq),
      ${LAST_KEY[query.order]} FROM (`,
    page,
    ')',
  );
  type Joined = [
    text: Buffer,
    count: number,
    least: number | null,
    greatest: number | null,
    ms: number | string | null,
    seq: number | string | null,
  ];
  const [text, count, least, greatest, ms, seq] = compiled(connection, statement.sql).get(
    ...statement.parameters,
  ) as Joined;
  const range = { count, firstSeq: least, lastSeq: greatest };
  if (ms === null || seq === null || count < query.limit) return { text, ...range, next: null };
  return { text, ...range, next: { ms: lastOf(ms), seq: lastOf(seq) } };
}

/**
 * The time and the seq of a page's last row, as SQL: what the page is ordered by is the least or the greatest, and of
 * the other one all are told. SQLite knows no last value without that.
 */
const LAST_KEY: Readonly<Record<PageQuery['order'], string>> = {
  newest: 'min(key_ms), group_concat(key_seq)',
  oldest: 'max(key_ms), group_concat(key_seq)',
  recorded: 'group_concat(key_ms), max(key_seq)',
};

function lastOf(values: number | string): number {
  return typeof values === 'number' ? values : Number(values.slice(values.lastIndexOf(',') + 1));
}

const lastCompiled = new WeakMap<Connection, { readonly sql: string; readonly statement: Statement<unknown[]> }>();

/** The statement of a page for its raw row, as it was compiled for the page before it: that takes a fifth of a page. */
function compiled(connection: Connection, text: string): Statement<unknown[]> {
  const last = lastCompiled.get(connection);
  if (last?.sql === text) return last.statement;
  const statement = connection.prepare<unknown[]>(text).raw();
  lastCompiled.set(connection, { sql: text, statement });
  return statement;
}

/** A doomed entry as a batch of a prune needs it. */
export interface DoomedRow {
  readonly seq: number;
  readonly ts: string;
  readonly byAge: boolean;
  /** For each rule of the plan, whether it matches. */
  readonly rules: readonly boolean[];
}

/**
 * The next doomed entries of a plan, oldest first. What one of them takes back comes with it, however young it is: it
 * would hold again for as long as they fall apart, and for good where the prune is cut off between them.
 */
export function readDoomed(
  connection: Connection,
  plan: PrunePlan,
  after: Key | undefined,
  limit: number,
): { readonly rows: readonly DoomedRow[]; readonly next: Key | null } {
  const query: PageQuery = {
    filter: {},
    order: 'oldest',
    limit,
    upTo: plan.upTo,
    doomedBy: plan,
    ...(after === undefined ? {} : { after }),
  };
  const selected = concat(
    'e.seq, e.ts, e.reverts, ',
    join([fallsByAge(plan), ...plan.rules.map((rule) => ruleMatches(rule))], ', '),
  );
  const all = (statement: Sql): Cell[][] =>
    connection
      .prepare<unknown[], Cell[]>(statement.sql)
      .raw()
      .all(...statement.parameters);
  const found = all(pageStatement(connection, query, selected, sql('?', limit + 1)));
  const page = found.slice(0, limit);
  const taking = page.filter((row) => row[2] !== null);
  const taken = taking.length === 0 ? [] : all(takenBack(selected, seqsOf(taking), seqsOf(page)));
  const rows = [...page, ...taken].map((row) => ({
    seq: row[0] as number,
    ts: row[1] as string,
    byAge: row[3] === 1,
    rules: plan.rules.map((_, position) => row[4 + position] === 1),
  }));
  const last = found[limit - 1];
  const next =
    found.length <= limit || last === undefined ? null : { ms: last.at(-2) as number, seq: last.at(-1) as number };
  return { rows, next };
}

function seqsOf(rows: readonly (readonly Cell[])[]): string {
  return JSON.stringify(rows.map((row) => row[0]));
}

/** What the entries `taking` take back, and what that takes back, and so on, but for what is in `known`. */
function takenBack(selected: Sql, taking: string, known: string): Sql {
  return concat(
    sql(
      `WITH RECURSIVE taken (id, reverts) AS (
        SELECT t.id, t.reverts FROM daybook_entries AS t WHERE t.seq IN (SELECT value FROM json_each(?))
        UNION SELECT t.id, t.reverts FROM taken JOIN daybook_entries AS t ON t.id = taken.reverts) SELECT `,
      taking,
    ),
    selected,
    ' FROM daybook_entries AS e WHERE e.id IN (SELECT id FROM taken) AND e.seq NOT IN (SELECT value FROM json_each(',
    sql('?', known),
    '))',
  );
}

/** Where the entry stands that has `offset` newer ones that match, or undefined where there are not so many. */
export function keyAt(
  connection: Connection,
  filter: Filter,
  trail: { readonly upTo: Mark; readonly recordedBefore: string | null },
  offset: number,
): Key | undefined {
  const further = trail.recordedBefore === null ? [] : [recordedBy('e', trail.recordedBefore)];
  const query: PageQuery = { filter, order: 'newest', limit: 1, upTo: trail.upTo };
  const statement = pageStatement(connection, query, sql('e.ts_ms AS ms'), sql('1 OFFSET ?', offset), further);
  const row = connection
    .prepare<unknown[], [number, number, number]>(statement.sql)
    .raw()
    .get(...statement.parameters);
  return row === undefined ? undefined : { ms: row[1], seq: row[2] };
}

/** The SQL of a page and how SQLite means to run it. */
export function explainPage(connection: Connection, query: PageQuery): Explanation {
  const statement = pageStatement(connection, query, sql('e.*'), sql('?', query.limit + 1));
  const plan = connection
    .prepare<unknown[], { id: number; parent: number; detail: string }>(`EXPLAIN QUERY PLAN ${statement.sql}`)
    .all(...statement.parameters);
  const depth = new Map<number, number>();
  const lines = plan.map((step) => {
    depth.set(step.id, (depth.get(step.parent) ?? -1) + 1);
    return `${'  '.repeat(depth.get(step.id) ?? 0)}${step.detail}`;
  });
  return { sql: statement.sql, parameters: statement.parameters, plan: lines };
}

/** One entry, by its seq or its id. */
export function findEntry(
  connection: Connection,
  key: { readonly seq: number } | { readonly id: string },
): HistoryEntry | undefined {
  const [condition, value] = 'seq' in key ? ['e.seq = ?', key.seq] : ['e.id = ?', key.id];
  const columns = [...ENTRY_FIELDS, 'reverted_by' as const].map(columnOf(connection)).join(', ');
  const row = connection
    .prepare<unknown[], Cell[]>(`SELECT ${columns} FROM daybook_entries AS e WHERE ${condition}`)
    .raw()
    .get(value);
  return row === undefined ? undefined : toEntry(row);
}

/** Those of the entries with these ids that are there, by their ids. */
export function findEntries(connection: Connection, ids: readonly string[]): Map<string, Entry> {
  if (ids.length === 0) return new Map();
  const columns = [...ENTRY_FIELDS.map(columnOf(connection)), 'NULL'].join(', ');
  const rows = connection
    .prepare<[string], Cell[]>(
      `SELECT ${columns} FROM daybook_entries AS e WHERE e.id IN (SELECT value FROM json_each(?))`,
    )
    .raw()
    .all(JSON.stringify(ids));
  return new Map(rows.map(toEntry).map((entry) => [entry.id, entry]));
}

export function lastSeq(connection: Connection): number {
  return connection.prepare<[], number | null>('SELECT max(seq) FROM daybook_entries').pluck().get() ?? 0;
}

/** The trail as it is at this moment or was at a mark, and how many of its entries match. */
export function readExtent(connection: Connection, filter: Filter, { upTo, beyond }: Within = {}): Extent {
  return reading(connection, () => {
    // Nothing lies beyond it within this one read.
    const newest = lastSeq(connection);
    const last = upTo === undefined ? newest : Math.min(seqOf(upTo), newest);
    const statement = concat(
      'SELECT count(*) FROM daybook_entries AS e WHERE ',
      and([
        filterCondition(filter, 'e', last),
        ...(last === newest ? [] : [sql('e.seq <= ?', last)]),
        ...(beyond === undefined ? [] : [sql('e.seq > ?', seqOf(beyond))]),
      ]),
    );
    return { upTo: markOf(last), count: counted(connection, statement), lastSeq: last };
  });
}

/** So many values of a field are held at once, and so many characters of them. */
const MOST_VALUES = 100_000;
const MOST_VALUE_CHARACTERS = 16 * 1024 * 1024;

/** The distinct values of a field, most frequent first. Throws kind `data` where they are too many to hold. */
export function readValues(connection: Connection, field: EntryField, filter: Filter): ValueCount[] {
  const condition = filterCondition(filter);
  const values: ValueCount[] = [];
  let characters = 0;
  const rows = connection
    .prepare<unknown[], ValueCount>(
      `SELECT e.${field} AS value, count(*) AS count FROM daybook_entries AS e WHERE ${condition.sql}
       GROUP BY e.${field} ORDER BY count(*) DESC, e.${field}`,
    )
    .iterate(...condition.parameters);
  for (const row of rows) {
    characters += String(row.value ?? '').length;
    if (values.length === MOST_VALUES || characters > MOST_VALUE_CHARACTERS) {
      throw new DaybookError(
        'data',
        `${field} has too many values to list, more than ${values.length}: ask with filters, or export them`,
        { hint: `daybook export --format csv --columns ${field}` },
      );
    }
    values.push(row);
  }
  return values;
}
