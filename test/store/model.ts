import type { HistoryEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import type { Order, PruneRule } from '../../src/store/audit-store.js';
import { takes } from './oracle.js';

/** The id of the entry that takes this one back, by the words of the contract: a revert that is taken back is none. */
export function takenBackBy(all: readonly HistoryEntry[], id: string): string | null {
  const latest = all.filter((entry) => entry.reverts === id).toSorted((a, b) => b.seq - a.seq)[0];
  return latest === undefined || takenBackBy(all, latest.id) !== null ? null : latest.id;
}

export function matching(all: readonly HistoryEntry[], filter: Filter): HistoryEntry[] {
  return all.filter((entry) => takes(filter, entry, takenBackBy(all, entry.id) !== null));
}

export function inOrder(entries: readonly HistoryEntry[], order: Order): HistoryEntry[] {
  const sorted = entries.toSorted((a, b) =>
    order === 'recorded' ? a.seq - b.seq : Date.parse(a.ts) - Date.parse(b.ts) || a.seq - b.seq,
  );
  return order === 'newest' ? sorted.toReversed() : sorted;
}

export interface Fall {
  readonly doomed: readonly HistoryEntry[];
  readonly byAge: number;
}

/** What a prune takes, by the words of the contract. */
export function fallOf(all: readonly HistoryEntry[], rules: readonly PruneRule[]): Fall {
  const views = rules.map((rule) => {
    const found = inOrder(matching(all, rule.filter), 'newest');
    return { rule, found: new Set(found), kept: new Set(rule.keep === null ? found : found.slice(0, rule.keep)) };
  });
  const tooOld = (rule: PruneRule, entry: HistoryEntry): boolean =>
    rule.before !== null && Date.parse(entry.ts) < rule.before;
  const due = (entry: HistoryEntry): boolean => {
    const concerned = views.filter((view) => view.found.has(entry));
    return concerned.length > 0 && concerned.every(({ rule, kept }) => tooOld(rule, entry) || !kept.has(entry));
  };
  const stays = (id: string | null): boolean => {
    const target = all.find((entry) => entry.id === id);
    return target !== undefined && (!due(target) || stays(target.reverts));
  };
  const doomed = inOrder(
    all.filter((entry) => due(entry) && !stays(entry.reverts)),
    'oldest',
  );
  const byAge = doomed.filter((entry) =>
    views.filter((view) => view.found.has(entry)).every((view) => tooOld(view.rule, entry)),
  );
  return { doomed, byAge: byAge.length };
}
