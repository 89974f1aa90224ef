import type { CaptureSettings } from '../core/capture.js';
import type { JsonText } from '../core/entry.js';

// What `capture check` makes of the entries of a case, whatever engine they are in.

/** The correlation id under which cases are tried. */
export const CHECK_CORRELATION = 'daybook check';

export interface JudgedEntry {
  readonly action: string;
  readonly entity_id: string;
  readonly old_values: JsonText | null;
  readonly new_values: JsonText | null;
  readonly changed_fields: JsonText | null;
  /** The actor and the correlation id. */
  readonly context: string;
}

/** A row before and after a case, as entries have it, and what came of the case. */
export interface Judged {
  readonly before: JsonText | null;
  readonly after: JsonText | null;
  readonly entries: readonly JudgedEntry[];
  readonly columns: readonly string[];
  readonly settings: Pick<CaptureSettings, 'ignore' | 'redact'>;
  /** Columns that entries name fields inside of. */
  readonly documents: readonly string[];
  /** The columns among these that differ between two rows. */
  readonly differ: (columns: readonly string[], one: JsonText | null, other: JsonText | null) => string[];
}

/**
 * The entries must tell, one after the other, how the row came to be what it is, and no more: none where it is as it was.
 * Gives what is wrong, or null.
 */
export function wrongInEntries(judged: Judged): string | null {
  const { before, after, entries } = judged;
  let row = before;
  for (const { action, old_values, new_values, changed_fields, context } of entries) {
    if (action !== 'update' || changed_fields === null || changed_fields === '[]') return unexpected(judged);
    if (differing(judged, old_values, row).length > 0)
      return `the old values are ${old_values}, and the row was ${row}`;
    const named = comparable(judged, JSON.parse(changed_fields) as string[]);
    const changed = comparable(judged, differing(judged, old_values, new_values));
    if (JSON.stringify(named) !== JSON.stringify(changed)) {
      return `the changed fields are ${JSON.stringify(named)}, and should be ${JSON.stringify(changed)}`;
    }
    if (context !== `daybook${CHECK_CORRELATION}`) return 'the entry does not say who made the change';
    row = new_values;
  }
  if (differing(judged, row, after).length === 0) return null;
  return entries.length === 0 ? unexpected(judged) : `the new values are ${row}, and the row is ${after}`;
}

function unexpected({ before, after, entries }: Judged): string {
  return `expected ${before === after ? 'no entry' : 'one update'}, found ${saidEntries(entries)}`;
}

/** The columns that are not ignored and differ between two rows, in the order of the table. */
function differing({ columns, settings, differ }: Judged, one: JsonText | null, other: JsonText | null): string[] {
  return differ(
    columns.filter((name) => !settings.ignore.includes(name)),
    one,
    other,
  );
}

/** Without the columns of which the values do not show what an entry names as changed: secrets and documents. */
function comparable({ columns, settings, documents }: Judged, fields: readonly string[]): string[] {
  return fields.filter(
    (name) => columns.includes(name) && !settings.redact.includes(name) && !documents.includes(name),
  );
}

/** Entries in short. */
export function saidEntries(entries: readonly JudgedEntry[]): string {
  return entries.length === 0 ? 'none' : entries.map((entry) => `${entry.action} of ${entry.entity_id}`).join(', ');
}
