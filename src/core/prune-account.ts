import { newEntry } from './entry.js';
import type { JsonText, NewEntry } from './entry.js';
import { isFilter } from './filter-json.js';
import type { Filter } from './filter.js';
import { isObject, isTextOrNull, keptJson } from './kept-json.js';
import type { Mark } from './mark.js';

/** The commands that take entries out of the trail. */
export type Removing = 'prune' | 'clear' | 'erase';

/** What an account of a prune says from its beginning. */
export interface PruneIntent {
  readonly command: Removing;
  readonly actor: string;
  readonly actorType: string;
  readonly recordedBy: string | null;
  readonly reason: string | null;
  /** The options as they were asked. */
  readonly criteria: JsonText;
  /** Entries recorded later are out of its reach. */
  readonly upTo: Mark;
}

/** How many entries fell under one rule; the name is null for a rule that is no policy. */
export interface RuleCount {
  readonly name: string | null;
  readonly deleted: number;
}

/** The account of a prune: who removed what and why, kept up with every batch. */
export interface PruneAccount extends PruneIntent {
  readonly prune: number;
  /** `cut_off`: its program ended before it did. */
  readonly state: 'open' | 'done' | 'cut_off';
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly deleted: number;
  readonly byAge: number;
  readonly byCount: number;
  readonly rules: readonly RuleCount[];
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly firstTs: string | null;
  readonly lastTs: string | null;
  /** {path, count, sha256} of the archive that was written first. */
  readonly archive: JsonText | null;
  /** The seq of the entry that tells of it. */
  readonly entry: number | null;
  readonly host: string;
  readonly pid: number;
  /** The last sign of life, UTC. */
  readonly heartbeat: string;
}

/** What a prune was asked, rule by rule, or undefined where that cannot be read. */
export function readCriteria(criteria: JsonText): readonly { readonly filter?: Filter }[] | undefined {
  const asked = keptJson(criteria);
  const isRule = (rule: unknown): boolean =>
    isObject(rule) && (rule['filter'] === undefined || isFilter(rule['filter']));
  return Array.isArray(asked) && asked.every(isRule) ? asked : undefined;
}

/** What each rule took, or undefined where that cannot be read. */
export function readRuleCounts(rules: JsonText): readonly RuleCount[] | undefined {
  const counts = keptJson(rules);
  const isCount = (count: unknown): boolean =>
    isObject(count) && isTextOrNull(count['name']) && Number.isSafeInteger(count['deleted']);
  return Array.isArray(counts) && counts.every(isCount) ? (counts as RuleCount[]) : undefined;
}

/** What tells, later, whether an entry left the trail by another way than a prune. */
export interface Tally {
  /** The entries that are there, and all that prunes have deleted. */
  readonly accounted: number;
  /** The last seq that was given. Less is accounted for where a row was deleted by hand, or its seq given for nothing. */
  readonly sequence: number;
}

/** The entry that tells of a prune, made from its account, and from the trail as it was shortly before its end. */
export function pruneEntry(account: PruneAccount, tally?: Tally): NewEntry {
  const verb = { prune: 'pruned', clear: 'cleared', erase: 'erased' }[account.command];
  const noun = account.deleted === 1 ? 'entry' : 'entries';
  const range =
    account.firstTs === null || account.lastTs === null ? '' : `, dated ${account.firstTs} to ${account.lastTs}`;
  const reason = account.reason === null ? '' : `: ${account.reason}`;
  const ending = account.state === 'cut_off' ? ', then cut off' : '';
  const facts = {
    deleted: account.deleted,
    ...(account.command !== 'erase' && {
      by_age: account.byAge,
      by_count: account.byCount,
      policies: account.rules.filter((rule) => rule.name !== null),
    }),
    first_seq: account.firstSeq,
    last_seq: account.lastSeq,
    first_ts: account.firstTs,
    last_ts: account.lastTs,
    started_at: account.startedAt,
    finished_at: account.finishedAt,
    state: account.state,
    reason: account.reason,
    ...tally,
  };
  // The criteria and the archive are JSON text already, and stay as they are.
  const metadata = `${JSON.stringify(facts).slice(0, -1)},"criteria":${account.criteria},"archive":${account.archive ?? 'null'}}`;
  return newEntry({
    category: 'system',
    action: account.command,
    severity: account.state === 'cut_off' ? 'warning' : 'info',
    actor: account.actor,
    actor_type: account.actorType,
    recorded_by: account.recordedBy,
    message: `${verb} ${account.deleted} ${noun}${range}${ending}${reason}`,
    metadata,
  });
}
