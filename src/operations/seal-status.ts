import { readCheckpoint, timeOf } from '../core/evidence/checkpoint.js';
import { keyLine } from '../core/evidence/notes.js';
import { termsOf } from '../core/evidence/terms.js';
import { formatTimestamp, parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, SealState } from '../store/audit-store.js';
import { checkAnchors, eachSeal } from './anchors.js';
import type { AnchorTold } from './anchors.js';
import type { SealKey } from './seal-key.js';

/** What `seal status` tells. */
export interface SealStatus {
  readonly origin: string;
  readonly key: { readonly id: string; readonly line: string };
  readonly sealed: { readonly size: number; readonly at: string | null };
  readonly unsealed: number;
  /** Since when the first of them waits. */
  readonly waiting_since: string | null;
  /** Null where it is not at hand. What it has signed: the same as the database, more, or something that was cut off. */
  readonly key_file: { readonly path: string; readonly state: KeyState } | null;
  /** Which key signs from which size on. */
  readonly terms: readonly { readonly key: string; readonly from: number; readonly to: number | null }[];
  readonly anchors: readonly AnchorTold[];
}

/** How what a key has signed stands to what the database holds. */
export type KeyState = 'level' | 'pending' | 'behind' | 'old';

/** How much is sealed, and what is not. The trail must be one that is sealed. */
export async function sealStatus(store: AuditStore, key: SealKey | null): Promise<SealStatus> {
  const state = await store.sealState();
  const { origin } = state.trails.at(-1) ?? { origin: '' };
  const terms = (termsOf(state.trails, state.handovers) ?? []).map(({ key: signs, from, to }) => ({
    key: keyLine(signs),
    from,
    to: to === Infinity ? null : to,
  }));
  const line = terms.at(-1)?.key ?? '';
  const { count } = await store.extent({}, { beyond: state.mark });
  const waiting = await waitingSince(store, state);
  const at = sealedAt(state);
  return {
    origin,
    key: { id: line.split('+')[1] ?? '', line },
    sealed: { size: state.last?.size ?? 0, at: at === null ? null : formatTimestamp(at) },
    unsealed: count,
    waiting_since: waiting === null ? null : formatTimestamp(waiting),
    key_file: key === null ? null : { path: key.path, state: keyState(state, key) },
    terms,
    anchors: await checkAnchors(store, { size: state.last?.size ?? 0, witnesses: [] }),
  };
}

/** How what a key has signed stands to what the database holds: `behind` where the trail became shorter. */
export function keyState({ last }: Pick<SealState, 'last'>, { signed, pending }: SealKey): KeyState {
  const there = last?.size ?? 0;
  if (last?.note === signed?.note) return pending === null ? 'level' : 'pending';
  if (pending !== null && last?.note === pending.note) return 'pending';
  return there < (signed?.frontier.size ?? 0) ? 'behind' : 'old';
}

/** When the last seal says that it was signed, in milliseconds since 1970; null where there is none, or it says nothing. */
function sealedAt({ last }: Pick<SealState, 'last'>): number | null {
  const checkpoint = last === null ? undefined : readCheckpoint(last.note);
  const seconds = checkpoint === undefined ? null : timeOf(checkpoint);
  return seconds === null ? null : seconds * 1000;
}

/**
 * Since when something waits for a seal, in milliseconds since 1970; null where nothing does. An entry may claim any time,
 * and none was recorded before the seal that it came after.
 */
export async function waitingSince(store: AuditStore, state: SealState): Promise<number | null> {
  const query = { filter: {}, order: 'recorded', limit: 1, upTo: await store.mark(), beyond: state.mark } as const;
  const [row] = (await store.rows(query, ['ts', 'recorded_at'])).rows;
  if (row === undefined) return null;
  return Math.max(parseTimestamp(String(row[1] ?? row[0])), sealedAt(state) ?? -Infinity);
}

/** A seal, with what others said of it. */
export interface ToldSeal {
  readonly size: number;
  readonly at: string | null;
  readonly note: string;
  readonly anchors: readonly AnchorTold[];
}

/** Every seal, oldest first. */
export async function* toldSeals(store: AuditStore): AsyncGenerator<ToldSeal> {
  const { last: newest } = await store.sealState();
  const anchors = await checkAnchors(store, { size: newest?.size ?? 0, witnesses: [] });
  for await (const last of eachSeal(store)) {
    const at = sealedAt({ last });
    yield {
      size: last.size,
      at: at === null ? null : formatTimestamp(at),
      note: last.note,
      anchors: anchors.filter(({ size }) => size === last.size),
    };
  }
}
