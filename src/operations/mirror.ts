import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { mayBePruned, mirrorName, readMirrorName } from '../core/mirror.js';
import type { AddedMirror, Mirror, MirrorCounts, MirroredRow, MirrorRequest } from '../core/mirror.js';
import type { AuditStore, KeyValue } from '../store/audit-store.js';

/** So many rows are compared in one transaction. */
const PAGE = 200;

/** What `mirror add` would do to one row. */
export interface MirrorPlan {
  readonly change: 'filled' | 'replaced' | 'kept';
  readonly row: MirroredRow;
}

/** A mirror that was rehearsed: as it was asked for, with its names as the database has them, and what adding it would do. */
export interface PreparedMirror {
  readonly request: MirrorRequest;
  readonly mirror: MirrorRequest;
  readonly counts: MirrorCounts;
}

/** Tells of each row that a mirror would change, or would leave alone although it holds a text; changes nothing. */
export async function* prepareMirror(
  store: AuditStore,
  request: MirrorRequest,
): AsyncGenerator<MirrorPlan, PreparedMirror> {
  const mirror = await store.resolveMirror(request);
  const counts = { same: 0, filled: 0, replaced: 0, kept: 0 };
  let after: KeyValue = null;
  do {
    const page = await store.compareMirror(mirror, after, PAGE);
    counts.same += page.compared - page.rows.length;
    for (const row of page.rows) {
      const change = row.newest === null ? 'kept' : (row.held ?? '') === '' ? 'filled' : 'replaced';
      counts[change] += 1;
      yield { change, row };
    }
    after = page.next;
  } while (after !== null);
  return { request, mirror, counts };
}

/**
 * Adds a mirror as it was rehearsed. Where texts would be replaced, `agree` is asked first with their number, and no more
 * are replaced than it has agreed to. Throws kind `refused` where it does not agree.
 */
export async function addPreparedMirror(
  store: AuditStore,
  { request, counts: { replaced } }: PreparedMirror,
  actor: Actor,
  agree: 'to any' | ((replaced: number) => Promise<boolean>),
): Promise<AddedMirror> {
  if (agree === 'to any') return store.addMirror(request, Number.MAX_SAFE_INTEGER, actor);
  if (replaced > 0 && !(await agree(replaced))) {
    throw new DaybookError('refused', 'not confirmed: nothing was changed');
  }
  return store.addMirror(request, replaced, actor);
}

/** What `mirror check` finds, in the shape of the contract. */
export interface MirrorDifference {
  readonly table: string;
  readonly column: string;
  /**
   * `broken`: the mirror itself is not as it should be. `differs`: the row holds something else than its entries say.
   * `unrecorded`: it holds a text, and the trail has no entry of it. `pruned`: it holds more than the trail has, and
   * prunes may have taken the rest: that is no fault.
   */
  readonly kind: 'broken' | 'differs' | 'unrecorded' | 'pruned';
  readonly entity: string | null;
  readonly held: string | null;
  readonly expected: string | null;
  readonly problem: string | null;
}

/** What came of the check of one mirror. */
export interface CheckedMirror {
  readonly table: string;
  readonly column: string;
  readonly rows: number;
  readonly same: number;
  readonly differs: number;
  readonly unrecorded: number;
  readonly pruned: number;
  readonly problem: string | null;
}

type MirrorPlace = Pick<MirrorRequest, 'table' | 'column'>;

/** Compares the rows of these mirrors (all, where none is named), page by page. Throws kind `missing`. */
export async function* checkMirrors(
  store: AuditStore,
  names: readonly MirrorPlace[],
): AsyncGenerator<MirrorDifference, CheckedMirror[]> {
  const checked: CheckedMirror[] = [];
  const isSame = (one: MirrorPlace, other: MirrorPlace): boolean =>
    mirrorName(one).toLowerCase() === mirrorName(other).toLowerCase();
  const unreadable = (await store.unreadableRows())
    .flatMap(({ kind, name }) => (kind === 'mirror' ? [readMirrorName(name)] : []))
    .filter((place) => names.length === 0 || names.some((name) => isSame(name, place)));
  for (const { table, column } of unreadable) {
    const problem = 'cannot be read';
    yield { table, column, kind: 'broken', entity: null, held: null, expected: null, problem };
    checked.push({ table, column, rows: 0, same: 0, differs: 0, unrecorded: 0, pruned: 0, problem });
  }
  const named = names.filter((name) => !unreadable.some((place) => isSame(name, place)));
  if (named.length < names.length && named.length === 0) return checked;
  for (const mirror of chosen(await store.mirrors(), named)) checked.push(yield* checkMirror(store, mirror));
  return checked;
}

function chosen(mirrors: readonly Mirror[], names: readonly { table: string; column: string }[]): readonly Mirror[] {
  if (names.length === 0) return mirrors;
  return names.map((name) => {
    const found = mirrors.find((one) => mirrorName(one).toLowerCase() === mirrorName(name).toLowerCase());
    if (found !== undefined) return found;
    throw new DaybookError('missing', `${mirrorName(name)} is not mirrored`, { hint: 'daybook mirror list' });
  });
}

async function* checkMirror(store: AuditStore, mirror: Mirror): AsyncGenerator<MirrorDifference, CheckedMirror> {
  const { table, column, settings, problem } = mirror;
  const counts = { same: 0, differs: 0, unrecorded: 0, pruned: 0 };
  if (problem !== null) {
    yield { table, column, kind: 'broken', entity: null, held: null, expected: null, problem };
  }
  if (mirror.isThere) {
    let after: KeyValue = null;
    do {
      const page = await store.compareMirror(mirror, after, PAGE);
      counts.same += page.compared - page.rows.length;
      // Asked behind the page: a prune may have begun since the check did.
      const prunes = page.rows.length === 0 ? [] : await store.mirrorPrunes(settings.entityType);
      for (const row of page.rows) {
        const { id, held, expected, newest } = row;
        const kind = mayBePruned(row, settings, prunes) ? 'pruned' : newest === null ? 'unrecorded' : 'differs';
        counts[kind] += 1;
        yield { table, column, kind, entity: `${settings.entityType}:${id}`, held, expected, problem: null };
      }
      after = page.next;
    } while (after !== null);
  }
  const rows = counts.same + counts.differs + counts.unrecorded + counts.pruned;
  return { table, column, rows, ...counts, problem };
}
