import { newEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { mirrorName, mirrorSettingsJson, readMirrorSettings } from '../../../core/mirror.js';
import type {
  AddedMirror,
  Mirror,
  MirrorChange,
  MirrorCounts,
  MirrorPrune,
  MirroredRow,
  MirrorRequest,
  MirrorSettings,
} from '../../../core/mirror.js';
import { readRuleCounts } from '../../../core/prune-account.js';
import { mayHaveTakenType, tookOldestFirst } from '../../../core/prune-reach.js';
import type { KeyValue, MirroredPage } from '../../audit-store.js';
import { sql } from '../../sql.js';
import type { Change } from '../capture/index.js';
import { answer, asApplication, identifier, literal } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { insertOne, MAY_HAVE_TAKEN } from '../trail/index.js';
import { describeMirrored } from './column.js';
import { isRecorded, mirrorFunctions, rendering, standing } from './rendering.js';
import type { MirroredColumn, MirrorFunction } from './rendering.js';

type MirrorPlace = Pick<MirrorRequest, 'table' | 'column'>;

/** A mirror as it is kept; `number` is in the names of its trigger and its functions. */
type Kept = MirrorRequest & { readonly number: number };

async function keptMirrors(connection: Connection): Promise<Kept[]> {
  const rows = await connection.rows<[number: number, table: string, column: string, settings: string]>(
    sql('SELECT mirror, table_name, column_name, settings FROM daybook_mirrors ORDER BY table_name, column_name'),
  );
  return rows.map(([number, table, column, json]) => {
    const settings = readMirrorSettings(json);
    if (settings !== undefined) return { number, table, column, settings };
    throw new DaybookError('refused', `mirror ${table}.${column} cannot be read: somebody changed it`);
  });
}

const nameOf = (number: number): string => `daybook_mirror_${number}`;

async function known(connection: Connection, place: MirrorPlace): Promise<Kept | undefined> {
  const name = mirrorName(place).toLowerCase();
  return (await keptMirrors(connection)).find((one) => mirrorName(one).toLowerCase() === name);
}

/** Every mirror, by its name, with what is wrong with it. */
export async function readMirrors(connection: Connection, schema: string): Promise<Mirror[]> {
  const mirrors: Mirror[] = [];
  for (const { number, ...mirror } of await keptMirrors(connection)) {
    const mirrored = await described(connection, schema, mirror);
    const problem = await problemOf(connection, schema, number, mirrored);
    mirrors.push({ ...mirror, problem, isThere: mirrored !== undefined });
  }
  return mirrors;
}

async function described(
  connection: Connection,
  schema: string,
  mirror: MirrorRequest,
): Promise<MirroredColumn | undefined> {
  try {
    return await describeMirrored(connection, schema, mirror);
  } catch (error) {
    if (error instanceof DaybookError) return undefined;
    throw error;
  }
}

/** What differs from what should be there, or null. */
async function problemOf(
  connection: Connection,
  schema: string,
  number: number,
  mirrored: MirroredColumn | undefined,
): Promise<string | null> {
  const fires = await answer<boolean>(
    connection,
    sql(
      `SELECT t.tgenabled = 'A' AND t.tgtype = 5 AND t.tgqual IS NULL AND p.proname = t.tgname AND p.prosecdef
       FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgrelid = 'daybook_entries'::regclass AND t.tgname = ?`,
      nameOf(number),
    ),
  );
  if (mirrored === undefined) {
    const gone = 'is no longer a column that can show entries: its table was dropped, renamed or changed';
    return fires === undefined
      ? `${gone}; nothing is shown`
      : `${gone}; recording may fail until the mirror is removed`;
  }
  if (fires === undefined) return 'lacks its trigger, so entries are not shown';
  const wanted = await functionsOf(connection, schema, number, mirrored);
  const there = await connection.rows<[name: string, body: string]>(
    sql(
      `SELECT p.proname, p.prosrc FROM pg_proc AS p
       WHERE p.pronamespace = (SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = 'daybook_mirrors'::regclass)`,
    ),
  );
  const bodies = new Map(there);
  const whole = fires && wanted.every(({ name, body }) => bodies.get(name) === body);
  return whole ? null : 'has a trigger that was changed';
}

/** The names that the table's owner knows without a schema are known to his triggers as well. */
async function functionsOf(
  connection: Connection,
  schema: string,
  number: number,
  mirrored: MirroredColumn,
): Promise<MirrorFunction[]> {
  const path = await asApplication(connection, schema, () =>
    answer<string>(connection, sql(`SELECT current_setting('search_path')`)),
  );
  const after = path === undefined || path === '' ? '' : `${path}, `;
  return mirrorFunctions(identifier(schema), nameOf(number), `${after}pg_temp`, mirrored);
}

/** A mirror as it would be, with names as the table writes them. Throws as describeMirrored does. */
export async function resolveMirror(
  connection: Connection,
  schema: string,
  request: MirrorRequest,
): Promise<MirrorRequest> {
  const { table, column, settings } = await describeMirrored(connection, schema, request);
  return { table, column, settings };
}

/** The prunes that may have taken entries of a type. */
export async function mirrorPrunes(connection: Connection, entityType: string): Promise<MirrorPrune[]> {
  const rows = await connection.all<{ criteria: string; rules: string; entry: number | null }>(
    sql(`SELECT criteria, rules, entry FROM daybook_prunes AS p WHERE deleted > 0 AND ${MAY_HAVE_TAKEN}`, entityType),
  );
  return rows
    .filter(({ criteria, rules }) => mayHaveTakenType(criteria, readRuleCounts(rules) ?? [], entityType))
    .map(({ criteria, entry }) => ({ oldestFirst: tookOldestFirst(criteria), told: entry }));
}

interface Page {
  readonly after: KeyValue;
  readonly limit: number;
}

/** Compares so many rows behind a key with their entries. Throws as describeMirrored does. */
export async function comparePage(
  connection: Connection,
  schema: string,
  request: MirrorRequest,
  page: Page,
): Promise<MirroredPage> {
  const mirrored = await describeMirrored(connection, schema, request);
  const { rows, compared, next } = await compareRows(connection, schema, mirrored, page);
  const told: MirroredRow[] = [];
  for (const { id, held, expected } of rows) {
    const [standingNow] = await connection.rows<[newest: number | null, full: boolean]>(
      sql(`SELECT ${standing(identifier(schema), mirrored.settings, 'i.id')} FROM (SELECT ?::text AS id) AS i`, id),
    );
    const [newest = null, full = false] = standingNow ?? [];
    told.push({ id, held, expected, newest, full });
  }
  return { rows: told, compared, next };
}

/** A row whose column does not hold what its entries say, if there are any. */
interface DifferentRow {
  readonly id: string;
  readonly held: string | null;
  readonly expected: string | null;
  readonly recorded: boolean;
}

interface ComparedRows {
  readonly rows: readonly DifferentRow[];
  readonly compared: number;
  readonly next: string | null;
}

/** Nobody may change the rows while they are locked. */
async function compareRows(
  connection: Connection,
  schema: string,
  mirrored: MirroredColumn,
  { after, limit }: Page,
  lock: '' | 'FOR NO KEY UPDATE OF t' = '',
): Promise<ComparedRows> {
  const { from, column, settings, keyType } = mirrored;
  const ours = identifier(schema);
  const key = `t.${identifier(settings.key)}`;
  const id = `${key}::text COLLATE "C"`;
  const behind = after === null ? `${key} IS NOT NULL` : `${key} > ?::text::${keyType}`;
  const all = await connection.all<DifferentRow>(
    sql(
      `SELECT ${id} AS id, t.${identifier(column)}::text AS held, ${rendering(ours, mirrored, id)} AS expected,
         ${isRecorded(ours, settings, id)} AS recorded
       FROM ${from} AS t WHERE ${behind} ORDER BY ${key} LIMIT ${limit} ${lock}`,
      ...(after === null ? [] : [String(after)]),
    ),
  );
  const rows = all
    .map((row) => (row.recorded ? row : { ...row, expected: null }))
    // Empty is empty, whether the column refuses NULL or not.
    .filter(({ held, expected }) => (held ?? '') !== (expected ?? ''));
  return { rows, compared: all.length, next: all.length === limit ? (all.at(-1)?.id ?? null) : null };
}

/**
 * Adds a mirror, or changes it: shows the entries of every row that has any, and from then on each new one. As it is
 * already, nothing changes. Runs in the open transaction.
 *
 * Throws as describeMirrored does, and kind `refused` where more rows than `mayReplace` hold another text.
 */
export async function addMirror(
  connection: Connection,
  request: MirrorRequest,
  mayReplace: number,
  change: Change,
): Promise<Omit<AddedMirror, 'lockMs'>> {
  const { schema } = change;
  const mirrored = await describeMirrored(connection, schema, request);
  const { table, column, settings } = mirrored;
  const name = mirrorName(mirrored);
  const before = (await readMirrors(connection, schema)).find(
    (one) => mirrorName(one).toLowerCase() === name.toLowerCase(),
  );
  // Whoever records has finished then, and whoever comes finds the trigger.
  await connection.script('LOCK TABLE daybook_entries IN SHARE ROW EXCLUSIVE MODE');
  const counts = await rendered(connection, schema, mirrored);
  if (counts.replaced > mayReplace) {
    throw new DaybookError(
      'refused',
      `${counts.replaced} rows of ${name} hold another text, more than when you were asked: nothing was changed`,
      { hint: '… --dry-run' },
    );
  }
  const same =
    before !== undefined &&
    before.problem === null &&
    JSON.stringify(before.settings) === JSON.stringify(settings) &&
    counts.filled + counts.replaced === 0;
  if (same) return { table, column, changed: false, entry: null, ...counts };
  const kept = await known(connection, mirrored);
  if (kept !== undefined) await drop(connection, schema, kept);
  const number = await answer<number>(
    connection,
    sql(
      'INSERT INTO daybook_mirrors (table_name, column_name, entity_type, settings) VALUES (?, ?, ?, ?) RETURNING mirror',
      table,
      column,
      settings.entityType,
      JSON.stringify(settings),
    ),
  );
  await install(connection, schema, number ?? 0, mirrored);
  const entry = await record(connection, 'mirror_add', mirrored, {
    before: before?.settings ?? null,
    after: settings,
    counts,
    change,
  });
  return { table, column, changed: true, entry, ...counts };
}

async function install(
  connection: Connection,
  schema: string,
  number: number,
  mirrored: MirroredColumn,
): Promise<void> {
  const ours = identifier(schema);
  const owner = await answer<string>(
    connection,
    sql(`SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'daybook_entries'::regclass`),
  );
  const functions = await functionsOf(connection, schema, number, mirrored);
  for (const { name, head, body } of functions) {
    await connection.script(`CREATE FUNCTION ${ours}.${name}${head} AS ${literal(body)}`);
    await connection.script(`REVOKE ALL ON FUNCTION ${ours}.${name} FROM PUBLIC`);
    await connection.script(`ALTER FUNCTION ${ours}.${name} OWNER TO ${owner}`);
  }
  const name = nameOf(number);
  await connection.script(
    `CREATE TRIGGER ${name} AFTER INSERT ON ${ours}.daybook_entries FOR EACH ROW EXECUTE FUNCTION ${ours}.${name}()`,
  );
  await connection.script(`ALTER TABLE ${ours}.daybook_entries ENABLE ALWAYS TRIGGER ${name}`);
}

async function drop(connection: Connection, schema: string, { number }: Kept): Promise<void> {
  const ours = identifier(schema);
  const name = nameOf(number);
  await connection.script(`DROP TRIGGER IF EXISTS ${name} ON ${ours}.daybook_entries`);
  for (const one of [name, `${name}_text`, `${name}_ids`]) {
    await connection.script(`DROP FUNCTION IF EXISTS ${ours}.${one}`);
  }
  await connection.run(sql('DELETE FROM daybook_mirrors WHERE mirror = ?', number));
}

/** Throws kind `refused` where a rule of the application's forbids a text: it would forbid recording, too. */
async function rendered(connection: Connection, schema: string, mirrored: MirroredColumn): Promise<MirrorCounts> {
  try {
    return await renderAll(connection, schema, mirrored);
  } catch (error) {
    const { code = '', message } = error as { readonly code?: string; readonly message: string };
    if (!/^(?:22|23|44|P0)/.test(code)) throw error;
    throw new DaybookError(
      'refused',
      `${mirrorName(mirrored)} cannot show what its entries say (${message}): nothing was changed`,
      { cause: error },
    );
  }
}

const PAGE = 1000;

/** Shows the entries of every row that has any and does not show them yet. */
async function renderAll(connection: Connection, schema: string, mirrored: MirroredColumn): Promise<MirrorCounts> {
  const { from, column, settings, keyType } = mirrored;
  const key = `t.${identifier(settings.key)}`;
  const update = `UPDATE ${from} AS t SET ${identifier(column)} = ? WHERE ${key} = ?::text::${keyType} AND ${key}::text COLLATE "C" = ?`;
  const counts = { same: 0, filled: 0, replaced: 0, kept: 0 };
  let after: string | null = null;
  do {
    const page: ComparedRows = await compareRows(
      connection,
      schema,
      mirrored,
      { after, limit: PAGE },
      'FOR NO KEY UPDATE OF t',
    );
    counts.same += page.compared - page.rows.length;
    for (const { id, held, expected, recorded } of page.rows) {
      if (!recorded) {
        counts.kept += 1;
        continue;
      }
      counts[(held ?? '') === '' ? 'filled' : 'replaced'] += 1;
      await asApplication(connection, schema, () => connection.run(sql(update, expected, id, id)));
    }
    after = page.next;
  } while (after !== null);
  return counts;
}

/**
 * Removes a mirror; the column keeps what it shows. Where there is none, nothing changes. Runs in the open transaction.
 * Throws kind `missing` where there is neither such a mirror nor such a column.
 */
export async function removeMirror(connection: Connection, asked: MirrorPlace, change: Change): Promise<MirrorChange> {
  const kept = await known(connection, asked);
  if (kept === undefined) {
    const there = await answer<boolean>(
      connection,
      sql(
        `SELECT EXISTS (SELECT FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE a.attnum > 0 AND NOT a.attisdropped AND lower(?::text) IN (lower(c.relname || '.' || a.attname), lower(n.nspname || '.' || c.relname || '.' || a.attname)))`,
        mirrorName(asked),
      ),
    );
    if (there !== true) {
      throw new DaybookError('missing', `no mirror and no column ${mirrorName(asked)}`, {
        hint: 'daybook mirror list',
      });
    }
    return { ...asked, changed: false, entry: null };
  }
  await drop(connection, change.schema, kept);
  const entry = await record(connection, 'mirror_remove', kept, {
    before: kept.settings,
    after: null,
    counts: null,
    change,
  });
  return { table: kept.table, column: kept.column, changed: true, entry };
}

function record(
  connection: Connection,
  action: 'mirror_add' | 'mirror_remove',
  mirror: MirrorRequest,
  told: {
    readonly before: MirrorSettings | null;
    readonly after: MirrorSettings | null;
    readonly counts: MirrorCounts | null;
    readonly change: Change;
  },
): Promise<number> {
  const { before, after, counts, change } = told;
  const name = mirrorName(mirror);
  const { entityType } = mirror.settings;
  const [old, now] = [before, after].map((settings) => settings && mirrorSettingsJson(settings));
  const entry = newEntry({
    ...change.actor,
    category: 'system',
    action,
    entity_type: 'mirror',
    entity_id: name,
    message:
      after === null
        ? `${name} no longer shows the entries of ${entityType}`
        : `${name} shows the entries of ${entityType}`,
    metadata: counts === null ? '{}' : JSON.stringify(counts),
    old_values: old ? JSON.stringify(old) : null,
    new_values: now ? JSON.stringify(now) : null,
    changed_fields: old && now ? JSON.stringify(Object.keys(now).filter((key) => old[key] !== now[key])) : null,
  });
  return insertOne(connection, entry, change.clock);
}
