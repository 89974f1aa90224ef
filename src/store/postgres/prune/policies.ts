import { parseDuration } from '../../../core/duration.js';
import type { Actor, JsonText } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import { sameDocument } from '../../../core/json.js';
import { policyEntry, policyJson } from '../../../core/policy.js';
import type { Policy, PolicyProblem, StandingPolicy } from '../../../core/policy.js';
import { shellWord } from '../../../core/shell.js';
import { sql } from '../../sql.js';
import { answer } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { insertOne } from '../trail/index.js';

interface PolicyRow {
  readonly name: string;
  readonly filter: string;
  readonly max_age: string | null;
  readonly max_entries: number | null;
}

interface Standing extends StandingPolicy {
  /** What is there, or was set and is gone, as JSON. */
  readonly json: JsonText | null;
}

/** The retention policies, by name. Throws kind `refused` where one is not what daybook set, or cannot be read. */
export async function readPolicies(connection: Connection): Promise<Policy[]> {
  const standing = await standingPolicies(connection);
  const problems = standing.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) {
    throw new DaybookError('refused', problems.map(({ message }) => message).join('; '), {
      hint: 'daybook retention list',
    });
  }
  return standing.flatMap(({ policy }) => policy ?? []);
}

/** Every policy that stands, and every one that daybook set and did not remove, by name, with what is wrong with it. */
export async function standingPolicies(connection: Connection): Promise<StandingPolicy[]> {
  return (await readStanding(connection)).map(({ name, policy, entry, problem }) => ({ name, policy, entry, problem }));
}

async function readStanding(connection: Connection): Promise<Standing[]> {
  const rows = await connection.all<PolicyRow>(sql('SELECT name, filter, max_age, max_entries FROM daybook_retention'));
  const entries = await connection.all<{ name: string; entry: number }>(
    sql('SELECT name, entry FROM daybook_retention_entries'),
  );
  const there = new Map(rows.map((row) => [row.name, row]));
  const set = new Map(entries.map(({ name, entry }) => [name, entry]));
  const standing: Standing[] = [];
  for (const name of [...new Set([...set.keys(), ...there.keys()])].toSorted((a, b) => (a < b ? -1 : 1))) {
    const row = there.get(name);
    const entry = set.get(name) ?? null;
    const says = entry === null ? null : await toldBy(connection, entry, name);
    standing.push({ name, entry, ...standingOf(name, row, entry, says) });
  }
  return standing;
}

/** What the entry that set a policy says of it. */
async function toldBy(connection: Connection, entry: number, name: string): Promise<JsonText | null> {
  const told = sql(
    `SELECT new_values::text FROM daybook_entries WHERE seq = ? AND entity_id = ? AND entity_type = 'retention'
       AND category = 'system' AND action = 'retention_set' AND recorded_at IS NULL AND source IS NULL`,
    entry,
    name,
  );
  return (await answer<string | null>(connection, told)) ?? null;
}

function standingOf(
  name: string,
  row: PolicyRow | undefined,
  entry: number | null,
  says: JsonText | null,
): Pick<Standing, 'policy' | 'json' | 'problem'> {
  if (row === undefined) {
    const message = `policy ${name} was removed, and not by daybook: entry ${entry} set it`;
    return { policy: null, json: says, problem: changed(name, message) };
  }
  const policy = policyOf(row);
  if (typeof policy === 'string') {
    const { filter, max_age, max_entries } = row;
    const json = JSON.stringify({ name, max_age, max_entries, filter });
    const message = `policy ${name} cannot be read: ${policy} (${wayOut(name)})`;
    return { policy: null, json, problem: { code: 'unreadable_row', message } };
  }
  const json = policyJson(policy);
  return { policy, json, problem: differing(name, json, entry, says) };
}

/** What a rule says, or what of it cannot be read. */
function policyOf({ name, filter, max_age: maxAge, max_entries: maxEntries }: PolicyRow): Policy | string {
  if (maxEntries !== null && !(Number.isSafeInteger(maxEntries) && maxEntries >= 0)) return 'its number is none';
  try {
    if (maxAge !== null) parseDuration(maxAge);
  } catch {
    return 'its age is no duration';
  }
  try {
    return { name, filter: filterFromJson(filter), maxAge, maxEntries };
  } catch {
    return 'its filter is not one that this daybook understands';
  }
}

function differing(name: string, json: JsonText, entry: number | null, says: string | null): PolicyProblem | null {
  if (entry === null) return changed(name, `policy ${name} was not set by daybook: it has no entry`);
  if (says === null) return changed(name, `policy ${name} names entry ${entry}, which does not set it`);
  if (sameDocument(says, json)) return null;
  return changed(name, `policy ${name} was changed, and not by daybook: entry ${entry}, which set it, says otherwise`);
}

function changed(name: string, message: string): PolicyProblem {
  return { code: 'policy_changed', message: `${message} (${wayOut(name)})` };
}

function wayOut(name: string): string {
  return `daybook retention set sets it anew, daybook retention remove ${shellWord(name)} ends it`;
}

/**
 * Keeps or removes a policy together with the entry that tells of it, and gives the seq of that; null where nothing
 * changes. Runs in the open transaction.
 */
export async function changePolicy(
  connection: Connection,
  name: string,
  policy: Policy | null,
  actor: Actor,
  clock: () => number,
): Promise<number | null> {
  // Two that change policies at once come one after the other; who only reads or records waits for neither.
  await connection.run(sql('LOCK TABLE daybook_retention IN SHARE ROW EXCLUSIVE MODE'));
  const before = (await readStanding(connection)).find((standing) => standing.name === name) ?? null;
  if (policy === null && before === null) return null;
  const after = policy === null ? null : valid({ ...policy, name });
  if (after !== null && before?.problem === null && before.json === policyJson(after)) return null;
  const seq = await insertOne(connection, policyEntry(actor, name, before, after), clock);
  for (const table of ['daybook_retention', 'daybook_retention_entries']) {
    await connection.run(sql(`DELETE FROM ${table} WHERE name = ?`, name));
  }
  if (after !== null) {
    await connection.run(
      sql(
        'INSERT INTO daybook_retention (name, filter, max_age, max_entries) VALUES (?, ?, ?, ?)',
        name,
        filterToJson(after.filter),
        after.maxAge,
        after.maxEntries,
      ),
    );
    await connection.run(sql('INSERT INTO daybook_retention_entries (name, entry) VALUES (?, ?)', name, seq));
  }
  return seq;
}

/** Throws kind `usage` for a policy that could not be read again. */
function valid(policy: Policy): Policy {
  const { name, filter, maxAge, maxEntries } = policy;
  const read = policyOf({ name, filter: filterToJson(filter), max_age: maxAge, max_entries: maxEntries });
  if (typeof read === 'string') throw new DaybookError('usage', `policy ${name} cannot be kept: ${read}`);
  return read;
}
