import { parseDuration } from '../../../core/duration.js';
import type { Actor, JsonText } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { filterFromJson, filterToJson } from '../../../core/filter-json.js';
import { sameDocument } from '../../../core/json.js';
import { foundPolicyEntry, policyEntry, policyJson } from '../../../core/policy.js';
import type { Policy, PolicyProblem, StandingPolicy } from '../../../core/policy.js';
import { shellWord } from '../../../core/shell.js';
import type { Connection } from '../engine/index.js';
import { inserter } from '../trail/index.js';

interface NamedRow {
  name: string;
  /** The bytes of the name: one that is no text must be found again as well. */
  key: string;
}

interface PolicyRow extends NamedRow {
  filter: string;
  max_age: string | null;
  max_entries: number | null;
}

interface Standing extends StandingPolicy {
  readonly key: string;
  /** What is there, or was set and is gone, as JSON. */
  readonly json: JsonText | null;
}

/** The retention policies, by name. Throws kind `refused` where one is not what daybook set, or cannot be read. */
export function readPolicies(connection: Connection): Policy[] {
  const standing = standingPolicies(connection);
  const problems = standing.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) {
    throw new DaybookError('refused', problems.map(({ message }) => message).join('; '), {
      hint: 'daybook retention list',
    });
  }
  return standing.flatMap(({ policy }) => policy ?? []);
}

/** Every policy that stands, and every one that daybook set and did not remove, by name, with what is wrong with it. */
export function standingPolicies(connection: Connection): StandingPolicy[] {
  return readStanding(connection).map(({ name, policy, entry, problem }) => ({ name, policy, entry, problem }));
}

function readStanding(connection: Connection): Standing[] {
  const rows = connection
    .prepare<[], PolicyRow>('SELECT name, hex(name) AS key, filter, max_age, max_entries FROM daybook_retention')
    .all();
  const entries = connection
    .prepare<[], NamedRow & { entry: number }>('SELECT name, hex(name) AS key, entry FROM daybook_retention_entries')
    .all();
  const there = new Map(rows.map((row) => [row.key, row]));
  const set = new Map(entries.map((row) => [row.key, row]));
  const told = connection
    .prepare<[number, string], string | null>(
      `SELECT new_values FROM daybook_entries WHERE seq = ? AND entity_id = ? AND entity_type = 'retention'
         AND category = 'system' AND action = 'retention_set' AND recorded_at IS NULL AND source IS NULL`,
    )
    .pluck();
  const textOf = namesOf(connection);
  return [...new Map<string, NamedRow>([...set, ...there]).values()].toSorted(byKey).map((named) => {
    const { key } = named;
    const text = textOf(named);
    const name = text ?? `x'${key}'`;
    const row = there.get(key);
    const entry = set.get(key)?.entry ?? null;
    const says = entry === null ? null : (told.get(entry, name) ?? null);
    if (row === undefined) {
      const message = `policy ${name} was removed, and not by daybook: entry ${entry} set it`;
      return { key, name, policy: null, entry, json: says, problem: changed(name, message) };
    }
    const policy = text === undefined ? 'its name is no text' : policyOf(text, row);
    if (typeof policy === 'string') {
      return { key, name, policy: null, entry, json: rawJson(name, row), problem: unreadable(name, policy) };
    }
    const json = policyJson(policy);
    return { key, name, policy, entry, json, problem: differing(name, json, entry, says) };
  });
}

/** What a rule says, or what of it cannot be read. */
function policyOf(name: string, row: Pick<PolicyRow, 'filter' | 'max_age' | 'max_entries'>): Policy | string {
  const { filter, max_age: maxAge, max_entries: maxEntries } = row;
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

/** Gives a name as text, unless it is none: SQLite keeps any bytes as text, and NUL nobody can give on a command line. */
function namesOf(connection: Connection): (row: NamedRow) => string | undefined {
  const found = connection.prepare<[string, string, string, string]>(
    `SELECT 1 FROM daybook_retention WHERE name = ? AND hex(name) = ?
     UNION ALL SELECT 1 FROM daybook_retention_entries WHERE name = ? AND hex(name) = ?`,
  );
  return ({ name, key }) => (name.includes('\0') || found.get(name, key, name, key) === undefined ? undefined : name);
}

function byKey(one: NamedRow, other: NamedRow): number {
  return one.key < other.key ? -1 : 1;
}

function rawJson(name: string, { filter, max_age, max_entries }: PolicyRow): JsonText {
  return JSON.stringify({ name, max_age, max_entries, filter: String(filter) });
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

function unreadable(name: string, why: string): PolicyProblem {
  return { code: 'unreadable_row', message: `policy ${name} cannot be read: ${why} (${wayOut(name)})` };
}

function wayOut(name: string): string {
  return `daybook retention set sets it anew, daybook retention remove ${shellWord(name)} ends it`;
}

/**
 * Keeps or removes a policy together with the entry that tells of it, and gives the seq of that; null where nothing
 * changes. Runs in the open transaction.
 */
export function changePolicy(
  connection: Connection,
  name: string,
  policy: Policy | null,
  actor: Actor,
  clock: () => number,
): number | null {
  const before = readStanding(connection).find((standing) => standing.name === name) ?? null;
  if (policy === null && before === null) return null;
  const after = policy === null ? null : valid({ ...policy, name });
  if (after !== null && before?.problem === null && before.json === policyJson(after)) return null;
  const { seq } = inserter(connection, clock)(policyEntry(actor, name, before, after));
  if (before !== null) {
    for (const table of ['daybook_retention', 'daybook_retention_entries']) {
      connection.prepare(`DELETE FROM ${table} WHERE hex(name) = ?`).run(before.key);
    }
  }
  if (after !== null) {
    connection
      .prepare('INSERT INTO daybook_retention (name, filter, max_age, max_entries) VALUES (?, ?, ?, ?)')
      .run(name, filterToJson(after.filter), after.maxAge, after.maxEntries);
    connection.prepare('INSERT INTO daybook_retention_entries (name, entry) VALUES (?, ?)').run(name, seq);
  }
  return seq;
}

/** Throws kind `usage` for a policy that could not be read again. */
function valid(policy: Policy): Policy {
  const { name, maxAge, maxEntries } = policy;
  const read = policyOf(name, { filter: filterToJson(policy.filter), max_age: maxAge, max_entries: maxEntries });
  if (typeof read === 'string') throw new DaybookError('usage', `policy ${name} cannot be kept: ${read}`);
  return read;
}

/** Gives each policy that can be read, and has no entry, one: once, in the upgrade that brings entries to policies. */
export function giveEntries(connection: Connection, actor: Actor, clock: () => number): void {
  const insert = inserter(connection, clock);
  const name = connection.prepare('INSERT INTO daybook_retention_entries (name, entry) VALUES (?, ?)');
  for (const { policy } of standingPolicies(connection)) {
    if (policy !== null) name.run(policy.name, insert(foundPolicyEntry(actor, policy)).seq);
  }
}
