import { looksSecret } from '../../../core/capture.js';
import type { Capture, CheckedCase } from '../../../core/capture.js';
import { DaybookError } from '../../../core/errors.js';
import { documentText, isJsonObject, madeDocumentIn } from '../../../core/json.js';
import { CHECK_CORRELATION, saidEntries, wrongInEntries } from '../../capture-judge.js';
import type { JudgedEntry } from '../../capture-judge.js';
import { sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { setContext } from '../context/index.js';
import { answer, asApplication, identifier, literal } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { isOfFunctions, namedOrAll, readCaptures } from './installed.js';
import { keyTexts, rowText, typeOf } from './row-text.js';
import type { RowText } from './row-text.js';
import { describeTable } from './tables.js';
import type { TableDescription } from './tables.js';

/** What a case finds wrong, or null; throws what the database throws. */
type Case = (bench: Bench) => Promise<string | null>;

/** What `capture check` asks of a column, beyond what capture does. */
interface BenchColumn {
  readonly name: string;
  /** SQL of another value of its type, `@` being the one that it has. Null for a type that nobody thought of. */
  readonly other: string | null;
  /** SQL of a value of its type that no row has. */
  readonly fresh: string | null;
  readonly nullable: boolean;
  readonly unique: boolean;
  readonly refers: boolean;
  readonly document: boolean;
  /** Whether a statement can set it in an update. */
  readonly settable: boolean;
  readonly generated: boolean;
}

/** A captured table with one of its rows, and what a case needs of it. */
interface Bench {
  readonly connection: Connection;
  readonly schema: string;
  readonly table: TableDescription;
  readonly capture: Capture;
  readonly columns: readonly BenchColumn[];
  readonly text: RowText;
  /** The key of the row, as texts. */
  readonly key: readonly string[];
  /** Whether statements may change more than they name: by foreign keys of the table to itself, or by its triggers. */
  readonly changesMore: boolean;
}

/** A case that has nothing to work with. */
class NotTried extends Error {}

/** Takes the transaction of a case back, and brings out what it found. */
class Found extends Error {
  readonly wrong: string | null;

  constructor(wrong: string | null) {
    super('taken back');
    this.wrong = wrong;
  }
}

/**
 * Tries on a row of each of these captured tables, or of all, whether every kind of statement is recorded as it should
 * be. Each case is a transaction that is rolled back. Throws kind `missing` for a table that is not captured.
 */
export async function checkCaptures(session: Session, named: readonly string[]): Promise<CheckedCase[]> {
  const { connection, read } = session;
  const captures = await read(async () => {
    const tables = await namedOrAll(connection, named);
    const all = await readCaptures(connection);
    return tables.map((table) => captureNamed(all, table));
  });
  const checked: CheckedCase[] = [];
  for (const capture of captures) {
    const { table, problem } = capture;
    checked.push(
      problem === null
        ? { table, case: 'triggers', outcome: 'holds', reason: null }
        : { table, case: 'triggers', outcome: 'fails', reason: `${table} ${problem}` },
    );
    // Other functions may do what ours do, and fail in some cases alone.
    for (const [words, work] of problem === null || isOfFunctions(problem) ? Object.entries(CASES) : []) {
      checked.push({ table, case: words, ...(await tried(session, capture, work)) });
    }
  }
  return checked;
}

function captureNamed(all: readonly Capture[], asked: string): Capture {
  const names = [asked, asked.replace(/^public\./, '')];
  const found =
    all.find(({ table }) => names.includes(table)) ??
    all.find(({ table }) => names.some((name) => name.toLowerCase() === table.toLowerCase()));
  if (found !== undefined) return found;
  throw new DaybookError('missing', `table ${asked} is not captured`, { hint: 'daybook capture list' });
}

async function tried(session: Session, capture: Capture, work: Case): Promise<Pick<CheckedCase, 'outcome' | 'reason'>> {
  try {
    await session.write(() => rehearsed(session, capture, work), { durable: false });
    throw new Error('a case of capture check was not taken back');
  } catch (error) {
    if (error instanceof Found) return { outcome: error.wrong === null ? 'holds' : 'fails', reason: error.wrong };
    if (error instanceof NotTried) return { outcome: 'not tried', reason: `because ${error.message}` };
    return judged(error);
  }
}

/** What a server says of a statement that it did not run. */
interface ServerError extends Error {
  readonly code?: string;
  /** The functions that it was in. */
  readonly where?: string;
}

/** What is wrong within a function of capture fails; what the table's own rules and triggers forbid says nothing of it. */
function judged(error: unknown): Pick<CheckedCase, 'outcome' | 'reason'> {
  const { code = '', where = '', message } = ((error as Error).cause ?? error) as ServerError;
  if (code === '55P03') return { outcome: 'not tried', reason: 'because others hold what it needs' };
  if (!/^(?:22|23|27|42|44|P0|0A|2B|2F|DB)/.test(code)) throw error;
  if (/\bdaybook_capture/.test(where)) return { outcome: 'fails', reason: message };
  return { outcome: 'not tried', reason: `because ${message}` };
}

async function rehearsed({ connection, options }: Session, capture: Capture, work: Case): Promise<never> {
  await setContext(connection, {
    actor: 'daybook',
    actorType: 'system',
    correlationId: CHECK_CORRELATION,
    reason: null,
    recordedBy: null,
  });
  throw new Found(await work(await benchOf(connection, options.schema, capture)));
}

async function benchOf(connection: Connection, schema: string, capture: Capture): Promise<Bench> {
  const table = await describeTable(connection, capture.table, schema);
  const text = await rowText(connection, table, capture.settings);
  // A row that somebody else is changing would keep him waiting, and us.
  const [key] = await connection.rows<string[]>(
    sql(`SELECT ${keyTexts(table)} FROM ${text.from} LIMIT 1 FOR UPDATE SKIP LOCKED`),
  );
  if (key === undefined) throw new NotTried('the table has no row to try it on');
  const columns = await columnsOf(connection, table);
  const changesMore = (await answer<boolean>(connection, sql(CHANGES_MORE, table.oid, table.oid, table.oid))) === true;
  return { connection, schema, table, capture, columns, text, key, changesMore };
}

const CHANGES_MORE = `SELECT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = ? AND confrelid = ?)
  OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ? AND NOT tgisinternal AND tgname NOT LIKE '!daybook%')`;

/** By a type's name, or its category where all of it are alike: another value, and one that no row has. */
const VALUES = `(VALUES
  ('int2', 'CASE WHEN @ < 32767 THEN @ + 1 ELSE @ - 1 END', NULL),
  ('int4', 'CASE WHEN @ < 2147483647 THEN @ + 1 ELSE @ - 1 END', NULL),
  ('int8', 'CASE WHEN @ < 9223372036854775807 THEN @ + 1 ELSE @ - 1 END', NULL),
  ('numeric', '@ + 1', NULL), ('float4', '@ + 1', NULL), ('float8', '@ + 1', NULL),
  ('text', '@ || ''~''', 'md5(random()::text)'), ('varchar', '@ || ''~''', 'md5(random()::text)'), ('bpchar', '@ || ''~''', NULL),
  ('bool', 'NOT @', NULL), ('uuid', 'gen_random_uuid()', 'gen_random_uuid()'),
  ('timestamptz', '@ + interval ''1 second''', 'clock_timestamp() + random() * interval ''1 day'''),
  ('timestamp', '@ + interval ''1 second''', 'localtimestamp + random() * interval ''1 day'''),
  ('date', '@ + 1', NULL), ('interval', '@ + interval ''1 second''', NULL), ('bytea', '@ || ''\\x00''::bytea', NULL),
  ('jsonb', 'jsonb_build_array(@)', NULL), ('json', 'json_build_array(@)', NULL)
) AS v (type, other, fresh)`;

/** What a column holds that has NULL, by its type. */
const FIRST: Readonly<Record<string, string>> = {
  bool: 'false',
  uuid: 'gen_random_uuid()',
  timestamptz: 'clock_timestamp()',
  timestamp: 'localtimestamp',
  date: 'current_date',
  interval: `interval '1 hour'`,
  bytea: `'\\x01'::bytea`,
  json: `'{}'::json`,
  jsonb: `'{}'::jsonb`,
  text: `'daybook'`,
  varchar: `'d'`,
  bpchar: `'d'`,
};

interface CatalogColumn extends Omit<BenchColumn, 'other' | 'fresh'> {
  /** The name of its type, without a domain over it. */
  readonly base: string;
  readonly other: string | null;
  readonly fresh: string | null;
  /** How many characters it takes, where that is bounded. */
  readonly length: number;
  /** Another label of an enumeration. */
  readonly label: string | null;
}

async function columnsOf(connection: Connection, table: TableDescription): Promise<BenchColumn[]> {
  const rows = await connection.all<CatalogColumn>(
    sql(
      `SELECT a.attname AS name, b.typname AS base, v.other, v.fresh, a.atttypmod - 4 AS length, NOT a.attnotnull AND NOT t.typnotnull AS nullable,
         EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND (i.indisunique OR i.indisexclusion)
           AND (a.attnum = ANY (i.indkey::int2[]) OR i.indexprs IS NOT NULL AND EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = i.indexrelid AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))) AS unique,
         EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND (k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey) OR k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey))) AS refers,
         b.typname IN ('json', 'jsonb') AS document, a.attgenerated = '' AND a.attidentity <> 'a' AS settable, a.attgenerated <> '' AS generated,
         CASE WHEN b.typtype = 'e' THEN (SELECT format('CASE WHEN @ = %L THEN %L ELSE %L END', min(e.enumlabel), max(e.enumlabel), min(e.enumlabel)) FROM pg_enum AS e WHERE e.enumtypid = b.oid) END AS label
       FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid JOIN pg_type AS b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
       LEFT JOIN ${VALUES} ON v.type = b.typname
       WHERE a.attrelid = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      table.oid,
    ),
  );
  return rows.map((row) => Object.assign(row, valuesOf(row, typeOf(table, row.name))));
}

/** SQL of other values of a column. */
function valuesOf(
  { base, other, fresh, length, label }: CatalogColumn,
  type: string,
): Pick<BenchColumn, 'other' | 'fresh'> {
  const cut = (base === 'varchar' || base === 'bpchar') && length > 0;
  const longer = `CASE WHEN length(@) < ${length} THEN @ || '~' ELSE overlay(@ PLACING CASE right(@, 1) WHEN '~' THEN '-' ELSE '~' END FROM ${length}) END`;
  const written = label ?? (cut ? longer : other);
  const first = label ?? FIRST[base] ?? '0';
  return {
    other: written === null ? null : `CASE WHEN @ IS NULL THEN (${first})::${type} ELSE (${written})::${type} END`,
    fresh: fresh === null ? null : `(${cut ? `left(${fresh}, ${length})` : fresh})::${type}`,
  };
}

/** A column that a case may change: watched, in no key, of no foreign key, and not computed. */
function free({ columns, capture, table }: Bench): BenchColumn & { readonly other: string } {
  const { ignore, redact, json } = capture.settings;
  const column = columns.find(
    (one) =>
      isFree(one, table) &&
      !one.document &&
      ![...ignore, ...redact, ...json].includes(one.name) &&
      !looksSecret(one.name),
  );
  if (column === undefined || column.other === null) {
    throw new NotTried(
      'every column is in a key, computed, ignored or redacted, or of a type that it knows no values of',
    );
  }
  return { ...column, other: column.other };
}

function isFree(column: BenchColumn, { primaryKey }: TableDescription): boolean {
  return (
    column.settable && !column.unique && !column.refers && column.other !== null && !primaryKey.includes(column.name)
  );
}

const of = (expression: string, name: string): string => expression.replaceAll('@', `t.${identifier(name)}`);

function keyCondition({ table }: Bench): string {
  return table.primaryKey.map((name) => `t.${identifier(name)} = ?::${typeOf(table, name)}`).join(' AND ');
}

function update(bench: Bench, set: string): () => Promise<unknown> {
  return () =>
    bench.connection.run(sql(`UPDATE ${bench.text.from} SET ${set} WHERE ${keyCondition(bench)}`, ...bench.key));
}

function changed(bench: Bench): () => Promise<unknown> {
  const { name, other } = free(bench);
  return update(bench, `${identifier(name)} = ${of(other, name)}`);
}

/** SQL of a copy of the row, with another key, and with others where no two rows may have the same. */
async function copied(bench: Bench, changes: Readonly<Record<string, string>> = {}): Promise<Sql> {
  const { table, columns, text, key } = bench;
  const anew = { ...(await newKey(bench)), ...newUniques(bench), ...changes };
  const names = columns.filter(({ generated }) => !generated).map(({ name }) => name);
  return sql(
    `INSERT INTO ${table.quoted} (${names.map(identifier).join(', ')}) OVERRIDING SYSTEM VALUE
     SELECT ${names.map((name) => anew[name] ?? `t.${identifier(name)}`).join(', ')} FROM ${text.from} WHERE ${keyCondition(bench)}`,
    ...key,
  );
}

/** Another primary key, as SQL for the column of it that is easiest to be had. */
async function newKey({ table, columns, connection, text, key }: Bench): Promise<Record<string, string>> {
  const keys = columns.filter(({ name }) => table.primaryKey.includes(name)).toReversed();
  const fresh = keys.find((one) => one.fresh !== null);
  if (fresh?.fresh !== undefined && fresh.fresh !== null) return { [fresh.name]: fresh.fresh };
  const counted = keys.find(({ name }) => /^(?:smallint|integer|bigint|numeric)/.test(typeOf(table, name)));
  if (counted === undefined) throw new NotTried('no other key of its type is known');
  const last = identifier(counted.name);
  const others = table.primaryKey.filter((name) => name !== counted.name);
  const beside = others.map((name) => `t.${identifier(name)} = ?::${typeOf(table, name)}`).join(' AND ') || 'TRUE';
  const greatest = await answer<string>(
    connection,
    sql(
      `SELECT (max(t.${last}) + 1)::text FROM ${text.from} WHERE ${beside}`,
      ...others.map((name) => key[table.primaryKey.indexOf(name)] ?? ''),
    ),
  );
  return { [counted.name]: `${literal(greatest ?? '1')}::${typeOf(table, counted.name)}` };
}

function newUniques({ table, columns }: Bench): Record<string, string> {
  const own = columns.filter(({ name, unique }) => unique && !table.primaryKey.includes(name));
  return Object.fromEntries(
    own.map(({ name, fresh, other }) => {
      const value = fresh ?? other;
      if (value === null) throw new NotTried(`no other value of ${name} is known, which no two rows may share`);
      return [name, `CASE WHEN t.${identifier(name)} IS NOT NULL THEN ${of(value, name)} END`];
    }),
  );
}

/** Puts a copy of the row into the table, and gives a bench with it. */
async function withCopy(bench: Bench): Promise<Bench> {
  const insert = await copied(bench);
  const keys = bench.table.primaryKey.map((name) => `${identifier(name)}::text`).join(', ');
  const [key] = await asApplication(bench.connection, bench.schema, () =>
    bench.connection.rows<string[]>({ ...insert, sql: `${insert.sql} RETURNING ${keys}` }),
  );
  if (key === undefined) throw new NotTried('no row came of it');
  return { ...bench, key };
}

/** The entries of capture that the work makes; what an application records of such rows itself is none of them. */
async function recordedBy(
  { connection, capture, schema }: Bench,
  work: () => Promise<unknown>,
): Promise<JudgedEntry[]> {
  const recorded = `FROM daybook_entries AS e WHERE e.tx = pg_current_xact_id()`;
  const last = (await answer<number>(connection, sql(`SELECT coalesce(max(e.seq), 0) ${recorded}`))) ?? 0;
  await asApplication(connection, schema, work);
  return connection.all<JudgedEntry>(
    sql(
      `SELECT e.action, e.entity_id, e.old_values, e.new_values, e.changed_fields, e.actor || coalesce(e.correlation_id, '') AS context
       ${recorded} AND e.seq > ? AND e.entity_type = ? AND e.metadata ->> 'table' = ? ORDER BY e.seq`,
      last,
      capture.settings.entityType,
      capture.table,
    ),
  );
}

/** The row as the table has it now, as an entry would. */
async function stored(bench: Bench): Promise<{ readonly id: string; readonly json: string | null }> {
  const { connection, text, key } = bench;
  const [row] = await connection.rows<[string, string]>(
    sql(`SELECT ${text.identity}, ${text.json} FROM ${text.from} WHERE ${keyCondition(bench)}`, ...key),
  );
  return { id: row?.[0] ?? '', json: row?.[1] ?? null };
}

/** Where the row stays as it was, the table keeps it so, and the case has nothing to say. */
async function expectUpdate(bench: Bench, work: () => Promise<unknown>): Promise<string | null> {
  const before = await stored(bench);
  const wrong = await expectTold(bench, work);
  if (wrong === null && (await stored(bench)).json === before.json) throw new NotTried('the row stays as it was');
  return wrong;
}

/** The entries must tell how the row came to be what it is; triggers of the application may add changes of their own. */
async function expectTold(bench: Bench, work: () => Promise<unknown>): Promise<string | null> {
  const before = await stored(bench);
  const entries = await recordedBy(bench, work);
  // Other rows of the table may change as well.
  return wrongIn(
    bench,
    before.json,
    bench.changesMore ? entries.filter((entry) => entry.entity_id === before.id) : entries,
  );
}

async function wrongIn(bench: Bench, before: string | null, entries: readonly JudgedEntry[]): Promise<string | null> {
  const { capture, columns } = bench;
  return wrongInEntries({
    before,
    after: (await stored(bench)).json,
    entries,
    columns: columns.map(({ name }) => name),
    settings: capture.settings,
    documents: [...capture.settings.json, ...columns.filter(({ document }) => document).map(({ name }) => name)],
    differ,
  });
}

function differ(columns: readonly string[], one: string | null, other: string | null): string[] {
  const [before, after] = [one, other].map((row) => (row === null ? undefined : madeDocumentIn(row)));
  const value = (row: typeof before, name: string): string =>
    isJsonObject(row) ? documentText(row[name] ?? null) : 'null';
  return columns.filter((name) => value(before, name) !== value(after, name));
}

/** A trigger may keep a row that was to go, or mark it as deleted: the entries must tell of that. */
async function wrongWithKept(bench: Bench, before: string | null, entries: readonly JudgedEntry[]): Promise<string> {
  const wrong = await wrongIn(bench, before, entries);
  if (wrong === null) throw new NotTried('the row is still there');
  return wrong;
}

/** What locks a whole table is tried where nobody is in the way, since all who come after would wait as well. */
const AT_ONCE = `SET LOCAL lock_timeout = '50ms'`;

const CASES: Readonly<Record<string, Case>> = {
  'an update': (bench) => expectUpdate(bench, changed(bench)),
  'an update to NULL and back': async (bench) => {
    const { name, other, nullable } = free(bench);
    if (!nullable) throw new NotTried(`${name} cannot be NULL`);
    const column = identifier(name);
    const turn = update(bench, `${column} = CASE WHEN t.${column} IS NULL THEN ${of(other, name)} END`);
    return (await expectUpdate(bench, turn)) ?? expectUpdate(bench, turn);
  },
  'an update that changes nothing': (bench) => {
    const name = identifier(free(bench).name);
    return expectTold(bench, update(bench, `${name} = t.${name}`));
  },
  'an update of ignored columns alone': (bench) => {
    const column = bench.columns.find(
      (one) => bench.capture.settings.ignore.includes(one.name) && isFree(one, bench.table),
    );
    if (column === undefined) throw new NotTried('no such column is ignored');
    return expectTold(bench, update(bench, `${identifier(column.name)} = ${of(column.other ?? '@', column.name)}`));
  },
  'an update of the key': async (bench) => {
    const copy = await withCopy(bench);
    const before = await stored(copy);
    const key = Object.entries(await newKey(copy)).map(([name, value]) => `${identifier(name)} = ${value}`);
    const entries = (await recordedBy(copy, update(copy, key.join(', ')))).filter(
      (entry) => entry.entity_id === before.id || entry.action === 'create',
    );
    if ((await stored(copy)).json !== null) return wrongWithKept(copy, before.json, entries);
    const [gone, come, ...others] = entries;
    return gone?.action === 'delete' &&
      differ(namesOf(copy), gone.old_values, before.json).length === 0 &&
      come?.action === 'create' &&
      others.length === 0
      ? null
      : `expected a delete and a create, found ${saidEntries(entries)}`;
  },
  'a delete': async (bench) => {
    const copy = await withCopy(bench);
    const before = await stored(copy);
    const remove = (): Promise<number> =>
      copy.connection.run(sql(`DELETE FROM ${copy.text.from} WHERE ${keyCondition(copy)}`, ...copy.key));
    const entries = (await recordedBy(copy, remove)).filter((entry) => entry.entity_id === before.id);
    if ((await stored(copy)).json !== null) return wrongWithKept(copy, before.json, entries);
    const [entry, ...others] = entries;
    return entry?.action === 'delete' &&
      differ(namesOf(copy), entry.old_values, before.json).length === 0 &&
      entry.new_values === null &&
      others.length === 0
      ? null
      : `expected one delete with the row, found ${saidEntries(entries)}`;
  },
  'an insert': async (bench) => {
    let copy = bench;
    const entries = await recordedBy(bench, async () => {
      copy = await withCopy(bench);
    });
    const { id, json } = await stored(copy);
    const own = bench.changesMore ? entries.filter((entry) => entry.entity_id === id) : entries;
    const [entry, ...others] = own;
    return entry?.action === 'create' &&
      entry.old_values === null &&
      (others.length > 0 || differ(namesOf(bench), entry.new_values, json).length === 0) &&
      (bench.changesMore || others.length === 0)
      ? null
      : `expected one create, found ${saidEntries(own)}`;
  },
  'a statement that changes several rows': async (bench) => {
    const { name, other } = free(bench);
    const copy = await withCopy(bench);
    const [mine, its] = [await stored(bench), await stored(copy)];
    const both = sql(
      `UPDATE ${bench.text.from} SET ${identifier(name)} = ${of(other, name)} WHERE (${keyCondition(bench)}) OR (${keyCondition(copy)})`,
      ...bench.key,
      ...copy.key,
    );
    const entries = await recordedBy(bench, () => bench.connection.run(both));
    const ownOf = ({ id }: { readonly id: string }): JudgedEntry[] => entries.filter((entry) => entry.entity_id === id);
    return (await wrongIn(bench, mine.json, ownOf(mine))) ?? wrongIn(copy, its.json, ownOf(its));
  },
  'INSERT ... ON CONFLICT DO NOTHING of a row that is there': (bench) =>
    expectTold(bench, () => again(bench, 'NOTHING')),
  'INSERT ... ON CONFLICT DO UPDATE': (bench) => {
    const { name, other } = free(bench);
    return expectUpdate(bench, () =>
      again(bench, `UPDATE SET ${identifier(name)} = ${other.replaceAll('@', `EXCLUDED.${identifier(name)}`)}`),
    );
  },
  MERGE: async (bench) => {
    const version =
      (await answer<number>(bench.connection, sql(`SELECT current_setting('server_version_num')::int`))) ?? 0;
    if (version < 150_000) throw new NotTried('this PostgreSQL does not have it');
    const { name, other } = free(bench);
    const { table, connection, text, key } = bench;
    const matched = table.primaryKey.map((column) => `t.${identifier(column)} = s.${identifier(column)}`).join(' AND ');
    const source = `(SELECT ${table.primaryKey.map((column) => `t.${identifier(column)}`).join(', ')} FROM ${text.from} WHERE ${keyCondition(bench)}) AS s`;
    return expectUpdate(bench, () =>
      connection.run(
        sql(
          `MERGE INTO ${text.from} USING ${source} ON ${matched} WHEN MATCHED THEN UPDATE SET ${identifier(name)} = ${of(other, name)}`,
          ...key,
        ),
      ),
    );
  },
  'replica mode': async (bench) => {
    await bench.connection.script('SET LOCAL session_replication_role = replica');
    return expectUpdate(bench, changed(bench));
  },
  'a savepoint that is rolled back': (bench) => {
    const change = changed(bench);
    return expectTold(bench, async () => {
      await bench.connection.script('SAVEPOINT daybook_inner');
      await change();
      await bench.connection.script('ROLLBACK TO daybook_inner');
    });
  },
  TRUNCATE: async ({ connection, table }) => {
    await connection.script(AT_ONCE);
    try {
      await connection.script(`TRUNCATE ${table.quoted}`);
    } catch (error) {
      if ((error as ServerError).code === 'DB001') return null;
      throw error;
    }
    return 'the table was emptied without an entry';
  },
  'no entry, no change': async (bench) => {
    const { connection, schema } = bench;
    const change = changed(bench);
    const none = `${identifier(schema)}.daybook_check_refuses`;
    await connection.script(AT_ONCE);
    await connection.script(`CREATE FUNCTION ${none}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`);
    await connection.script(
      `CREATE TRIGGER daybook_check_refuses BEFORE INSERT ON daybook_entries FOR EACH ROW EXECUTE FUNCTION ${none}()`,
    );
    try {
      await asApplication(connection, schema, change);
    } catch (error) {
      if ((error as ServerError).code === 'DB001') return null;
      throw error;
    }
    return 'the row was changed, although its entry could not be recorded';
  },
};

function namesOf({ columns }: Bench): string[] {
  return columns.map(({ name }) => name);
}

/** Inserts the row as it is once more. */
async function again(bench: Bench, instead: string): Promise<number> {
  const { table, connection, columns } = bench;
  const same = Object.fromEntries(columns.map(({ name }) => [name, `t.${identifier(name)}`]));
  const insert = await copied(bench, same);
  const key = table.primaryKey.map(identifier).join(', ');
  return connection.run({ ...insert, sql: `${insert.sql} ON CONFLICT (${key}) DO ${instead}` });
}
