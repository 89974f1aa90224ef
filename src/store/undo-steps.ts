import { looksSecret } from '../core/capture.js';
import type { CaptureSettings } from '../core/capture.js';
import { namesOfChanged } from '../core/diff.js';
import { putBack } from '../core/document-undo.js';
import type { HistoryEntry, JsonText } from '../core/entry.js';
import { sameDocument } from '../core/json.js';
import type { UndoConflict, UndoObstacle } from '../core/undo.js';

// What undoes a captured change as its row is now, whatever engine it is in.

/** What capture says of an entry that it made here. */
export interface CaptureMark {
  readonly table: string;
  readonly becameKey: string | null;
  readonly wasKey: string | null;
}

/** What capture says of an entry that it made here; undefined for another, and for one that was copied in from elsewhere. */
export function captureMarkOf(entry: HistoryEntry): CaptureMark | undefined {
  if (entry.recorded_at !== null || entry.source !== null) return undefined;
  if (entry.category !== 'entity' || !['create', 'update', 'delete'].includes(entry.action)) return undefined;
  const { table, key_changed_to, key_changed_from } = JSON.parse(entry.metadata) as Record<string, unknown>;
  if (typeof table !== 'string' || entry.entity_type === null || entry.entity_id === null) return undefined;
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return { table, becameKey: text(key_changed_to), wasKey: text(key_changed_from) };
}

/** Whether two entries are those of one change of a key. */
export function areHalves(gone: HistoryEntry, come: HistoryEntry): boolean {
  return (
    gone.entity_type === come.entity_type &&
    captureMarkOf(gone)?.becameKey === come.entity_id &&
    captureMarkOf(come)?.wasKey === gone.entity_id
  );
}

export type UndoRow<Value> = ReadonlyMap<string, Value | null>;

/** What an engine knows of its values. */
export interface UndoValues<Value> {
  same(one: Value | null, other: Value | null): boolean;
  isRedacted(value: Value | null): boolean;
  /** The text of a column that holds documents; null for any other, and for a value that is no text. */
  documentIn(column: string, value: Value | null): JsonText | null;
  ofDocument(column: string, text: JsonText): Value;
}

/** A change that is to be undone, with the row as it is now. */
export interface Undoing<Value> {
  readonly seq: number;
  readonly entity: string;
  /** The row before and behind the change: one of them at least. */
  readonly before: UndoRow<Value> | null;
  readonly after: UndoRow<Value> | null;
  /** Whether the key changed: then nothing says which redacted values did. */
  readonly rekeyed: boolean;
  readonly changedFields: JsonText | null;
  readonly columns: readonly string[];
  /** The columns that a statement can set. */
  readonly settable: readonly string[];
  readonly primaryKey: readonly string[];
  readonly settings: Pick<CaptureSettings, 'ignore'>;
  /** The row with the key that the change left, exactly; of a delete the one with the key as the database compares it. */
  readonly now: UndoRow<Value> | null;
  /** Of a change of the key, the row that has the old one now. */
  readonly old: UndoRow<Value> | null;
  /** The last captured entry that named the field as changed, behind this one. */
  laterChange(field: string): number | null;
  readonly values: UndoValues<Value>;
}

/** What is left to do to the row. */
export type UndoStep<Value> =
  | {
      readonly done: 'update';
      readonly row: UndoRow<Value>;
      readonly sets: readonly (readonly [string, Value | null])[];
    }
  | { readonly done: 'insert'; readonly values: readonly (readonly [string, Value | null])[] }
  | { readonly done: 'delete'; readonly row: UndoRow<Value> };

/** The conflicts on the way, which a step overrules. */
type Conflict = (field: string | null, obstacle: UndoObstacle) => void;

/** What undoes a change as the row is now, conflicts overruled and noted; a null step where nothing is left to do. */
export function undoStep<Value>(undoing: Undoing<Value>): {
  readonly step: UndoStep<Value> | null;
  readonly conflicts: readonly UndoConflict[];
} {
  const { before, after, seq, entity } = undoing;
  const conflicts: UndoConflict[] = [];
  const conflict: Conflict = (field, obstacle) => {
    const by = obstacle === 'changed' && field !== null ? undoing.laterChange(field) : null;
    conflicts.push({ seq, entity, field, obstacle, by });
  };
  const step =
    after === null
      ? insertAgain(undoing, before ?? new Map(), conflict)
      : before === null
        ? deleteAgain(undoing, after, conflict)
        : changeBack(undoing, before, after, conflict);
  return { step, conflicts };
}

function changeBack<Value>(
  undoing: Undoing<Value>,
  before: UndoRow<Value>,
  after: UndoRow<Value>,
  conflict: Conflict,
): UndoStep<Value> | null {
  const { now, values, settable, settings, primaryKey } = undoing;
  if (now === null) {
    if (!undoing.rekeyed || !isThere(undoing, before)) conflict(null, 'row gone');
    return null;
  }
  for (const [name, old] of before) {
    if (undoing.columns.includes(name)) continue;
    if (!values.same(old, after.get(name) ?? null)) conflict(name, 'column gone');
  }
  const named = new Set(namesOfChanged(undoing.changedFields));
  const sets: [string, Value | null][] = [];
  for (const name of settable) {
    if (settings.ignore.includes(name) && !primaryKey.includes(name)) continue;
    const [old, made, current] = [before.get(name), after.get(name), now.get(name)];
    if (old === undefined || made === undefined || current === undefined) continue;
    if (values.isRedacted(old)) {
      if (!values.same(made, old) || named.has(name)) conflict(name, 'redacted');
    } else if (!values.same(old, made) && !values.same(current, old)) {
      const value = valueBack(undoing, name, { old, made, current }, conflict);
      if (!values.same(value, current)) sets.push([name, value]);
    }
  }
  return sets.length === 0 ? null : { done: 'update', row: now, sets };
}

/** A field before a change, behind it, and now. */
interface FieldStates<Value> {
  readonly old: Value | null;
  readonly made: Value | null;
  readonly current: Value | null;
}

/** What a field is set to: its old value, or what a document was with later changes to other parts of it. */
function valueBack<Value>(
  { values, laterChange }: Undoing<Value>,
  name: string,
  { old, made, current }: FieldStates<Value>,
  conflict: Conflict,
): Value | null {
  const isAsMade = values.isRedacted(made) ? laterChange(name) === null : values.same(current, made);
  if (isAsMade) return old;
  const [before, after, now] = [old, made, current].map((value) => values.documentIn(name, value));
  const document =
    typeof before === 'string' && typeof after === 'string' && typeof now === 'string'
      ? putBack(before, after, now, name)
      : null;
  for (const field of document?.conflicts ?? [name]) conflict(field, 'changed');
  if (document === null) return old;
  return typeof now === 'string' && sameDocument(document.text, now) ? current : values.ofDocument(name, document.text);
}

function deleteAgain<Value>(
  { now, values, settable, settings, laterChange }: Undoing<Value>,
  after: UndoRow<Value>,
  conflict: Conflict,
): UndoStep<Value> | null {
  if (now === null) return null;
  for (const name of settable) {
    if (settings.ignore.includes(name)) continue;
    const [made, current] = [after.get(name), now.get(name) ?? null];
    const changed =
      made === undefined
        ? laterChange(name) !== null
        : values.isRedacted(made)
          ? current === null || laterChange(name) !== null
          : !values.same(current, made);
    if (changed) conflict(name, 'changed');
  }
  return { done: 'delete', row: now };
}

function insertAgain<Value>(
  { now: there, values, settable, columns, settings }: Undoing<Value>,
  before: UndoRow<Value>,
  conflict: Conflict,
): UndoStep<Value> | null {
  const given: [string, Value | null][] = [];
  const obstacles: [string, UndoObstacle][] = [];
  for (const [name, old] of before) {
    if (old !== null && !columns.includes(name)) obstacles.push([name, 'column gone']);
  }
  for (const name of settable) {
    const old = before.get(name);
    if (old === undefined) {
      if (settings.ignore.includes(name) && looksSecret(name)) obstacles.push([name, 'not kept']);
    } else if (values.isRedacted(old)) obstacles.push([name, 'redacted']);
    else given.push([name, old]);
  }
  if (there === null) {
    for (const [name, obstacle] of obstacles) conflict(name, obstacle);
    return { done: 'insert', values: given };
  }
  const sets = given.filter(([name, old]) => !values.same(there.get(name) ?? null, old));
  if (sets.length === 0 && obstacles.length === 0) return null;
  conflict(null, 'row there');
  return sets.length === 0 ? null : { done: 'update', row: there, sets };
}

/** Whether the row of a key is as it was, as far as the trail knows: a foreign key may have brought it back. */
function isThere<Value>({ old: now, settable, settings, values }: Undoing<Value>, row: UndoRow<Value>): boolean {
  return (
    now !== null &&
    settable.every((name) => {
      const old = row.get(name);
      if (old === undefined || values.isRedacted(old) || settings.ignore.includes(name)) return true;
      return values.same(now.get(name) ?? null, old);
    })
  );
}
