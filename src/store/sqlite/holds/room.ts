import type { Cell } from '../../../core/cell.js';
import type { Actor } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Filter } from '../../../core/filter.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import { expectRelease, holdEntry } from '../../../core/hold.js';
import type { Hold, PlacedHold } from '../../../core/hold.js';
import { shellWord } from '../../../core/shell.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Holds } from '../../audit-store.js';
import type { Connection, Session, Sql } from '../engine/index.js';
import { filterCondition, inserter } from '../trail/index.js';

interface HoldRow {
  name: string;
  filter: string;
  reason: string;
  until: string | null;
  release_key: string | null;
  placed_at: string;
  entry: number;
}

export function holdsOf({ connection, clock, readAtOnce, write }: Session): Holds {
  return {
    holds: () => readAtOnce(() => readHolds(connection)),
    placeHold: (hold, actor) => write(() => placeHold(connection, hold, actor, clock)),
    releaseHold: (name, reason, signature, actor) =>
      write(() => releaseHold(connection, name, { reason, signature, actor, clock })),
  };
}

function readHolds(connection: Connection): PlacedHold[] {
  const there = new Map(
    connection
      .prepare<[], [string, string]>(
        `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'daybook_hold_*'`,
      )
      .raw()
      .all(),
  );
  return connection
    .prepare<[], HoldRow>('SELECT * FROM daybook_holds ORDER BY name')
    .all()
    .map(({ name, filter: text, reason, until, release_key: releaseKey, placed_at: placedAt, entry }) => {
      const filter = filterFromJson(text);
      const binds = there.get(triggerName(name)) === triggerOf(name, filter);
      return { name, filter, reason, until, releaseKey, placedAt, entry, binds };
    });
}

/** The filters of all holds. */
export function heldFilters(connection: Connection): Filter[] {
  return readHolds(connection).map(({ filter }) => filter);
}

/** The triggers that holds have, as SQLite keeps them. */
export function holdTriggerTexts(connection: Connection): string[] {
  return readHolds(connection).map(({ name, filter }) => triggerOf(name, filter));
}

/**
 * Gives holds the triggers of today: earlier versions wrote the conditions otherwise, and another program may have dropped
 * one. In the open transaction; gives the names of those that it put back.
 */
export function renewHolds(connection: Connection): string[] {
  const missing = readHolds(connection).filter(({ binds }) => !binds);
  for (const { name, filter } of missing) {
    connection.exec(`DROP TRIGGER IF EXISTS ${triggerName(name)}`);
    connection.exec(triggerOf(name, filter));
  }
  return missing.map(({ name }) => `the hold ${name}`);
}

function triggerName(name: string): string {
  return `daybook_hold_${Buffer.from(name).toString('hex')}`;
}

/** What refuses to delete what a hold matches, from any program. It knows nothing that SQLite 3.38 does not. */
function triggerOf(name: string, filter: Filter): string {
  const says = quoted(`daybook: hold ${name} keeps this entry`);
  return `CREATE TRIGGER ${triggerName(name)} BEFORE DELETE ON daybook_entries
WHEN ${spelled(filterCondition(filter, 'OLD'))}
BEGIN
  SELECT RAISE(ABORT, ${says});
END`;
}

/** A statement with its values in their places: a trigger takes no parameters. */
function spelled({ sql, parameters }: Sql): string {
  const values = [...parameters];
  return sql.replaceAll('?', () => quoted(values.shift() ?? null));
}

function quoted(value: Cell): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return String(value);
}

function placeHold(connection: Connection, hold: Hold, actor: Actor, clock: () => number): number {
  const { name, filter, reason, until, releaseKey } = hold;
  if (readHolds(connection).some((one) => one.name === name)) {
    throw new DaybookError('refused', `there is a hold ${name} already`, { hint: 'daybook hold list' });
  }
  const { seq } = inserter(connection, clock)(holdEntry(actor, 'hold_place', hold, reason));
  connection
    .prepare(
      'INSERT INTO daybook_holds (name, filter, reason, until, release_key, placed_at, entry) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(name, filterToJson(filter), reason, until, releaseKey, formatTimestamp(clock()), seq);
  connection.exec(triggerOf(name, filter));
  return seq;
}

function releaseHold(
  connection: Connection,
  name: string,
  release: { reason: string; signature: Buffer | null; actor: Actor; clock: () => number },
): number {
  const hold = readHolds(connection).find((one) => one.name === name);
  if (hold === undefined) {
    throw new DaybookError('missing', `no hold named ${shellWord(name)}`, { hint: 'daybook hold list' });
  }
  expectRelease(hold, release.signature);
  connection.exec(`DROP TRIGGER IF EXISTS ${triggerName(name)}`);
  connection.prepare('DELETE FROM daybook_holds WHERE name = ?').run(name);
  return inserter(connection, release.clock)(holdEntry(release.actor, 'hold_release', hold, release.reason)).seq;
}
