import type { Actor } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import { expectRelease, holdEntry } from '../../../core/hold.js';
import type { Hold, PlacedHold } from '../../../core/hold.js';
import { shellWord } from '../../../core/shell.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Holds } from '../../audit-store.js';
import { sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { answer, identifier, literal, objectsOf } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { filterCondition, insertOne } from '../trail/index.js';

interface HoldRow {
  readonly name: string;
  readonly filter: string;
  readonly condition: string;
  readonly reason: string;
  readonly until: string | null;
  readonly release_key: string | null;
  readonly placed_at: string;
  readonly entry: number;
}

export function holdsOf(session: Session): Holds {
  const { read, write } = session;
  return {
    holds: () => read(() => readHolds(session)),
    placeHold: (hold, actor) => write(() => placeHold(session, hold, actor)),
    releaseHold: (name, reason, signature, actor) =>
      write(() => releaseHold(session, name, { reason, signature, actor })),
  };
}

async function readHolds({ connection, options }: Session): Promise<PlacedHold[]> {
  const rows = await connection.all<HoldRow>(sql('SELECT * FROM daybook_holds ORDER BY name'));
  if (rows.length === 0) return [];
  const isWatched = await watches(connection, options.schema);
  return rows.map(
    ({ name, filter: text, condition, reason, until, release_key: releaseKey, placed_at: placedAt, entry }) => {
      const filter = filterFromJson(text);
      const binds = isWatched && condition === conditionOf(filter);
      return { name, filter, reason, until, releaseKey, placedAt, entry, binds };
    },
  );
}

/** The filters of all holds. */
export async function heldFilters(connection: Connection): Promise<Filter[]> {
  const rows = await connection.rows<[string]>(sql('SELECT filter FROM daybook_holds ORDER BY name'));
  return rows.map(([text]) => filterFromJson(text));
}

/** Gives holds the conditions of today: earlier versions wrote them otherwise. In the open transaction; gives their names. */
export async function renewHolds(connection: Connection): Promise<string[]> {
  const rows = await connection.rows<[string, string, string]>(
    sql('SELECT name, filter, condition FROM daybook_holds ORDER BY name'),
  );
  const renewed: string[] = [];
  for (const [name, filter, before] of rows) {
    const condition = conditionOf(filterFromJson(filter));
    if (condition === before) continue;
    await connection.run(sql('UPDATE daybook_holds SET condition = ? WHERE name = ?', condition, name));
    renewed.push(`the hold ${name}`);
  }
  return renewed;
}

/** Whether the trigger that asks the holds is there, as it was made. */
async function watches(connection: Connection, schema: string): Promise<boolean> {
  const own = objectsOf(identifier(schema)).find(({ name }) => name === 'daybook_held');
  const there = await answer<string>(
    connection,
    // After each statement that deletes, in every session.
    sql(`SELECT p.prosrc FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
      WHERE t.tgrelid = 'daybook_entries'::regclass AND t.tgname = 'daybook_held' AND t.tgenabled = 'A' AND t.tgtype = 8 AND t.tgqual IS NULL`),
  );
  return there !== undefined && there === own?.body?.text;
}

/** What a hold matches, as the trigger asks it of the entry `e`. */
function conditionOf(filter: Filter): string {
  return spelled(filterCondition(filter, { generations: [] }));
}

/** A condition with its values in their places. A question mark within quotes belongs to a text. */
function spelled({ sql: text, parameters }: Sql): string {
  const values = [...parameters];
  return text.replaceAll(/"[^"]*"|'[^']*'|\?/g, (piece) => {
    if (piece !== '?') return piece;
    const value = values.shift() ?? null;
    return typeof value === 'string' ? literal(value) : String(value);
  });
}

async function placeHold({ connection, clock }: Session, hold: Hold, actor: Actor): Promise<number> {
  const { name, filter, reason, until, releaseKey } = hold;
  // What is being deleted now asked the holds before, and whoever deletes next waits for this one.
  await connection.run(sql('LOCK TABLE daybook_holds IN ACCESS EXCLUSIVE MODE'));
  if ((await answer(connection, sql('SELECT 1 FROM daybook_holds WHERE name = ?', name))) !== undefined) {
    throw new DaybookError('refused', `there is a hold ${name} already`, { hint: 'daybook hold list' });
  }
  const seq = await insertOne(connection, holdEntry(actor, 'hold_place', hold, reason), clock);
  await connection.run(
    sql(
      'INSERT INTO daybook_holds (name, filter, condition, reason, until, release_key, placed_at, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      name,
      filterToJson(filter),
      conditionOf(filter),
      reason,
      until,
      releaseKey,
      formatTimestamp(clock()),
      seq,
    ),
  );
  return seq;
}

async function releaseHold(
  session: Session,
  name: string,
  release: { readonly reason: string; readonly signature: Buffer | null; readonly actor: Actor },
): Promise<number> {
  const { connection, clock } = session;
  await connection.run(sql('LOCK TABLE daybook_holds IN ACCESS EXCLUSIVE MODE'));
  const hold = (await readHolds(session)).find((one) => one.name === name);
  if (hold === undefined) {
    throw new DaybookError('missing', `no hold named ${shellWord(name)}`, { hint: 'daybook hold list' });
  }
  expectRelease(hold, release.signature);
  await connection.run(sql('DELETE FROM daybook_holds WHERE name = ?', name));
  return insertOne(connection, holdEntry(release.actor, 'hold_release', hold, release.reason), clock);
}
