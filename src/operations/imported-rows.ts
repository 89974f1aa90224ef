import type { JsonText } from '../core/entry.js';
import { documentText, isJsonObject, parseDocument, sameValue } from '../core/json.js';
import { REDACTED } from '../core/redact.js';
import type { RowTelling } from '../core/row-changes.js';
import { parseTimestamp } from '../core/timestamp.js';
import type {
  AuditStore,
  CapturedChange,
  ImportedChange,
  ImportedHistory,
  ImportedPlace,
} from '../store/audit-store.js';

/** A row as imported changes leave it. */
export interface ImportedRow {
  readonly exists: boolean;
  /** Null where it does not exist, and where the change that made it so does not say. */
  readonly values: JsonText | null;
}

/** What one imported change does to a row. */
interface ImportedStep {
  readonly row: ImportedRow;
  /** Whether the change begins where the one before it ended; else the source misses something between them. */
  readonly joined: boolean;
}

const GONE: ImportedRow = { exists: false, values: null };

/** What a row is after a change of it; `before` is undefined where nothing is known of what it was. */
function importedStep(
  before: ImportedRow | undefined,
  change: Pick<CapturedChange, 'action' | 'before' | 'after'>,
  telling: RowTelling,
): ImportedStep {
  const joined = before === undefined || joins(before, change, telling);
  if (change.action === 'delete') return { row: GONE, joined };
  const goesOn = change.action === 'update' && telling !== 'rows' && joined && before !== undefined && before.exists;
  return { row: { exists: true, values: goesOn ? merged(before.values, change.after) : change.after }, joined };
}

function joins(
  before: ImportedRow,
  { action, before: told }: Pick<CapturedChange, 'action' | 'before'>,
  telling: RowTelling,
): boolean {
  // A REPLACE leaves nothing but the new row in a history that has new values alone.
  if (action === 'create') return !before.exists || telling === 'new values';
  return before.exists && agree(before.values, told);
}

/** Whether two tellings of a row say the same of every column that both have: a column comes or goes without a change. */
function agree(one: JsonText | null, other: JsonText | null): boolean {
  const [a, b] = [one, other].map((text) => (text === null ? null : parseDocument(text)));
  if (!isJsonObject(a) || !isJsonObject(b)) return true;
  return Object.keys(a).every(
    (name) => !Object.hasOwn(b, name) || a[name] === REDACTED || b[name] === REDACTED || sameValue(a[name], b[name]),
  );
}

function merged(before: JsonText | null, changes: JsonText | null): JsonText | null {
  if (before === null || changes === null) return before ?? changes;
  const [row, changed] = [parseDocument(before), parseDocument(changes)];
  if (!isJsonObject(row) || !isJsonObject(changed)) return changes;
  return documentText({ ...row, ...changed });
}

/** Something that happened to a row, or to all rows of its table at once. */
export interface ImportedEvent {
  readonly ts: string;
  readonly seq: number;
  /** Null where the table was emptied. */
  readonly change: ImportedChange | null;
}

/** What became of a row by one event. */
export interface ImportedTurn extends ImportedStep {
  readonly event: ImportedEvent;
  /** From when on all its changes are known, up to this one. */
  readonly since: string;
}

/** Follows one row from event to event; what lies up to where prunes took changes from between is left out. */
export function rowFollower({ sources, truncations, prunedUpTo }: ImportedHistory): {
  /** The turns that come with a change: emptyings of the table before it, then itself. */
  follow(change: ImportedChange): ImportedTurn[];
  /** The turns that are left when there are no more changes. */
  end(): ImportedTurn[];
} {
  const tellings = new Map(sources.map(({ source, telling }) => [source, telling]));
  const isKept = (event: { readonly ts: string }): boolean => prunedUpTo === null || event.ts > prunedUpTo;
  const emptyings = truncations.filter(isKept);
  let next = 0;
  let last: ImportedTurn | undefined;
  const turn = (event: ImportedEvent, { row, joined }: ImportedStep): ImportedTurn => {
    last = { row, joined, event, since: last !== undefined && joined ? last.since : event.ts };
    return last;
  };
  const emptied = (before?: ImportedChange): ImportedTurn[] => {
    const turns: ImportedTurn[] = [];
    for (
      let at = emptyings[next];
      at !== undefined && (before === undefined || isBefore(at, before));
      at = emptyings[next]
    ) {
      turns.push(turn({ ...at, change: null }, { row: GONE, joined: true }));
      next += 1;
    }
    return turns;
  };
  return {
    follow(change) {
      if (!isKept(change)) return [];
      const turns = emptied(change);
      const step = importedStep(last?.row, change, tellings.get(change.source) ?? 'rows');
      return [...turns, turn({ ts: change.ts, seq: change.seq, change }, step)];
    },
    end: () => emptied(),
  };
}

function isBefore(
  one: { readonly ts: string; readonly seq: number },
  other: { readonly ts: string; readonly seq: number },
): boolean {
  return one.ts === other.ts ? one.seq < other.seq : one.ts < other.ts;
}

const PAGE = 256;

/** Imported changes of a type, or of one entity: row by row, each in the order of history, page by page. */
export async function* importedChangesOf(
  store: AuditStore,
  type: string,
  id: string | null,
  { sources }: ImportedHistory,
): AsyncGenerator<readonly ImportedChange[]> {
  const names = sources.map(({ source }) => source);
  for (let after: ImportedPlace | null = null, more = true; more;) {
    const page: readonly ImportedChange[] = await store.importedChanges(type, id, names, after, PAGE);
    if (page.length > 0) yield page;
    const final = page.at(-1);
    more = final !== undefined && page.length === PAGE;
    if (final !== undefined) after = { id: final.id, ms: parseTimestamp(final.ts), seq: final.seq };
  }
}
