/** The fields of an entry: at once the columns, the JSON keys and the CSV header, in this order. */
export const ENTRY_FIELDS = [
  'seq',
  'id',
  'ts',
  'recorded_at',
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'actor_name',
  'recorded_by',
  'scope',
  'entity_type',
  'entity_id',
  'entity_name',
  'message',
  'metadata',
  'old_values',
  'new_values',
  'changed_fields',
  'correlation_id',
  'reverts',
  'source',
] as const;

export type EntryField = (typeof ENTRY_FIELDS)[number];

/** A field of an entry, or what history adds to one: the entry that took it back. */
export type HistoryField = EntryField | 'reverted_by';

export const HISTORY_FIELDS: readonly HistoryField[] = [...ENTRY_FIELDS, 'reverted_by'];

/** The fields whose text is a JSON document. */
export const JSON_FIELDS: ReadonlySet<HistoryField> = new Set([
  'metadata',
  'old_values',
  'new_values',
  'changed_fields',
] as const);

export const SEVERITIES = ['info', 'warning', 'error'] as const;

/**
 * A JSON document as text. Documents stay text from end to end: a JavaScript number would lose digits beyond 2^53.
 */
export type JsonText = string;

/** One recorded event, as it is stored. Times are UTC text of one width, documents are JSON text. */
export interface Entry {
  readonly seq: number;
  readonly id: string;
  readonly ts: string;
  readonly recorded_at: string | null;
  readonly category: string;
  readonly action: string;
  readonly severity: string;
  readonly actor: string;
  readonly actor_type: string;
  readonly actor_name: string | null;
  readonly recorded_by: string | null;
  readonly scope: string | null;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly entity_name: string | null;
  readonly message: string;
  readonly metadata: JsonText;
  readonly old_values: JsonText | null;
  readonly new_values: JsonText | null;
  readonly changed_fields: JsonText | null;
  readonly correlation_id: string | null;
  readonly reverts: string | null;
  readonly source: string | null;
}

/** An entry as history shows it: with the id of the entry that took it back, or null. */
export interface HistoryEntry extends Entry {
  readonly reverted_by: string | null;
}

/**
 * An entry to be recorded, valid and complete but for what the store gives it: its seq, and an id and a time where it
 * has none.
 */
export interface NewEntry extends Omit<Entry, 'seq' | 'id' | 'ts'> {
  readonly id: string | null;
  readonly ts: string | null;
}

/** The id and kind of whoever acts, and who ran the program where that was somebody else. */
export interface Actor {
  readonly actor: string;
  readonly actor_type: string;
  readonly recorded_by: string | null;
}

/** Builds an entry from the fields that are given; the others get the defaults of the contract. */
export function newEntry(fields: Partial<NewEntry> & Pick<NewEntry, 'action'>): NewEntry {
  return {
    id: null,
    ts: null,
    recorded_at: null,
    category: 'entity',
    severity: 'info',
    actor: 'unknown',
    actor_type: 'unknown',
    actor_name: null,
    recorded_by: null,
    scope: null,
    entity_type: null,
    entity_id: null,
    entity_name: null,
    message: '',
    metadata: '{}',
    old_values: null,
    new_values: null,
    changed_fields: null,
    correlation_id: null,
    reverts: null,
    source: null,
    ...fields,
  };
}

/** An entry that is not recorded yet as JSON, its fields in order. Documents are JSON already, and keep every digit. */
export function newEntryText(entry: NewEntry): JsonText {
  const members = (ENTRY_FIELDS.slice(1) as readonly (keyof NewEntry)[]).map((field) => {
    const value = entry[field];
    return `"${field}":${value !== null && JSON_FIELDS.has(field) ? value : JSON.stringify(value)}`;
  });
  return `{${members.join(',')}}`;
}
