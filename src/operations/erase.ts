import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { shown } from '../core/json.js';
import type { AuditStore } from '../store/audit-store.js';
import { executePrune, preparePrune } from './prune.js';
import type { PreparedPrune, PruneRun } from './prune.js';

export interface EraseRequest {
  readonly filter: Filter;
  readonly reason: string;
  readonly actor: Actor;
}

/** What an erasure did or, rehearsed, would do, in the shape of the contract. */
export interface EraseResult {
  readonly dry_run: boolean;
  readonly erased: number;
  /** How many match and are kept by holds: with one of them nothing is erased. */
  readonly held: number;
  /** How many match and stay, since daybook accounts for itself by them. */
  readonly kept: number;
  readonly remaining: number;
  /** Whether what goes, and what stays of it, was signed before the first entry went. */
  readonly signed: boolean;
  readonly longest_lock_ms: number;
  readonly freed_bytes: number;
  readonly entry: number | null;
}

/**
 * Plans an erasure for the trail as it is now; nothing is written. Throws kind `usage` where what is to stay would name whom
 * the erasure is about.
 */
export async function prepareErase(
  store: AuditStore,
  { filter, reason, actor }: EraseRequest,
  now: number,
): Promise<PreparedPrune> {
  const named = namesIn(filter);
  const inReason = named.find((name) => mentions(reason, name));
  if (inReason !== undefined) {
    throw new DaybookError('usage', `--reason names ${shown(inReason)}, and stays in the trail: say it without that`);
  }
  if (filter.actor?.includes(actor.actor) === true) {
    throw new DaybookError(
      'usage',
      `the entry that tells of the erasure would be by ${shown(actor.actor)}, whose entries are to go: --as names another one`,
    );
  }
  const everything = { name: null, filter, before: Number.MAX_SAFE_INTEGER, keep: null };
  return preparePrune(store, { command: 'erase', rules: [everything], actor, reason }, now);
}

/** What an erasure would do. */
export async function rehearseErase(store: AuditStore, { forecast }: PreparedPrune): Promise<EraseResult> {
  const { count } = await store.extent({});
  return {
    dry_run: true,
    erased: forecast.count,
    held: forecast.held,
    kept: forecast.kept,
    remaining: count - forecast.count + (forecast.count > 0 ? 1 : 0),
    signed: false,
    longest_lock_ms: 0,
    freed_bytes: 0,
    entry: null,
  };
}

/** Throws kind `refused` where a hold keeps something of what is to be erased: holds win. */
export function expectNothingHeld({ forecast: { held } }: PreparedPrune): void {
  if (held === 0) return;
  const what = held === 1 ? '1 entry of these' : `${held} entries of these`;
  throw new DaybookError('refused', `holds keep ${what}: nothing was erased`, { hint: 'daybook hold list' });
}

/**
 * Erases what was planned: signs it where the trail is sealed, then deletes in short batches, which leave skeletons, and
 * records that. Throws kind `refused` where a hold keeps something of it.
 */
export async function executeErase(store: AuditStore, prepared: PreparedPrune, run: PruneRun): Promise<EraseResult> {
  expectNothingHeld(prepared);
  const { deleted, remaining, longest_lock_ms, freed_bytes, entry } = await executePrune(store, prepared, run);
  const signed = deleted > 0 && run.sealKey !== undefined;
  const { held, kept } = prepared.forecast;
  return { dry_run: false, erased: deleted, held, kept, remaining, signed, longest_lock_ms, freed_bytes, entry };
}

/** The names by which a filter may tell of a person: they must not stay in what tells of the erasure. */
export function namesIn({
  actor = [],
  entity = [],
  scope = [],
  correlation_id = [],
  meta = [],
  search,
}: Filter): string[] {
  return [
    ...actor,
    ...entity.flatMap(({ id }) => id ?? []),
    ...scope.map((one) => one.slice(one.indexOf(':') + 1)),
    ...correlation_id,
    ...meta.map(({ value }) => value),
    ...(search === undefined ? [] : [search]),
  ].filter((name) => name !== '');
}

/** Whether a text holds a name, and not as a part of a longer word or number. */
function mentions(text: string, name: string): boolean {
  const [words, wanted] = [text.toLowerCase(), name.toLowerCase()];
  const isWord = (sign: string | undefined): boolean => sign !== undefined && /[\p{L}\p{N}]/u.test(sign);
  for (let at = words.indexOf(wanted); at >= 0; at = words.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    if (!(isWord(words[at - 1]) && isWord(wanted[0])) && !(isWord(words[end]) && isWord(wanted.at(-1)))) return true;
  }
  return false;
}
