import { changedFields } from './diff.js';
import { ENTRY_FIELDS, newEntry, SEVERITIES, type JsonText, type NewEntry } from './entry.js';
import { DaybookError, type ErrorKind } from './errors.js';
import { isValidId } from './identifiers.js';
import {
  endOfString,
  fromValue,
  isJsonObject,
  MAXIMUM_DEPTH,
  parseDocument,
  plainObject,
  shown,
  textProblem,
} from './json.js';
import { editDistance } from './nearest.js';
import { formatTimestamp, normalizeTimestamp } from './timestamp.js';

export interface LineOptions {
  /** Milliseconds since 1970: when an entry with a time of its own is recorded. */
  readonly now: number;
  /** For fields that the writer left out, instead of the defaults of the contract. */
  readonly defaults?: Partial<NewEntry>;
}

export interface ValidateOptions extends LineOptions {
  /** How documents arrive: as JSON text, or as values, parsed ones or plain JavaScript. */
  readonly documents: 'text' | 'values';
  /** Times that are in their form already: nobody has to look at them again. */
  readonly times?: { readonly ts: string; readonly recorded_at: string };
}

export interface ValidEntry {
  readonly entry: NewEntry;
  /** The fields that the writer gave. */
  readonly given: readonly (keyof NewEntry)[];
}

type Field = keyof NewEntry;
type DocumentField = 'metadata' | 'old_values' | 'new_values' | 'changed_fields';

interface Rule {
  readonly nullable: boolean;
  /** What is wrong with a text, as the end of a sentence; undefined for a good one. Documents have none. */
  readonly problem: ((text: string) => string | undefined) | undefined;
}

const anyText = (): undefined => undefined;
const notEmpty = (text: string): string | undefined => (text === '' ? 'must not be empty' : undefined);

const RULES: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    id: required((text) => (isValidId(text) ? undefined : 'must not be empty nor all digits, which would be a seq')),
    // Times are checked where they are brought into their form.
    ts: required(anyText),
    recorded_at: optional(anyText),
    category: required(notEmpty),
    action: required(notEmpty),
    severity: required((text) =>
      SEVERITIES.some((severity) => severity === text) ? undefined : `is not one of ${SEVERITIES.join(', ')}`,
    ),
    actor: required(notEmpty),
    actor_type: required(notEmpty),
    actor_name: optional(anyText),
    recorded_by: optional(anyText),
    scope: optional((text) => (/^[^:]+:[^]+$/.test(text) ? undefined : 'is not kind:id, such as tenant:42')),
    entity_type: optional((text) => notEmpty(text) ?? (text.includes(':') ? 'must not hold a colon' : undefined)),
    entity_id: optional(anyText),
    entity_name: optional(anyText),
    message: required(anyText),
    metadata: required(undefined),
    old_values: optional(undefined),
    new_values: optional(undefined),
    changed_fields: optional(undefined),
    correlation_id: optional(anyText),
    reverts: optional(anyText),
    source: optional(anyText),
  } satisfies Record<Field, Rule>),
);

function required(problem: Rule['problem']): Rule {
  return { nullable: false, problem };
}

function optional(problem: Rule['problem']): Rule {
  return { nullable: true, problem };
}

const DEFAULTS = newEntry({ action: '' });

/**
 * Makes an entry of the fields that somebody gave (undefined is not given), completed by the defaults. `seq` and
 * `reverted_by` are ignored. Where both documents of a change are given, its changed fields are computed.
 *
 * @throws DaybookError of `kind`, naming field, value and rule; always 'data' for documents, wherever they come from
 */
export function validateEntry(
  input: Readonly<Record<string, unknown>>,
  kind: 'usage' | 'data',
  options: ValidateOptions,
): ValidEntry {
  const entry: Record<Field, string | null> = { ...DEFAULTS, ...options.defaults, ...options.times };
  const given: Field[] = [];
  for (const key of Object.keys(input)) {
    const value = input[key];
    if (value === undefined || key === 'seq' || key === 'reverted_by') continue;
    const rule = RULES.get(key);
    if (rule === undefined) {
      const text = `${shown(key)} is not a field of an entry: the nearest is ${nearestField(key)}`;
      throw new DaybookError(kind, text, { field: key, value });
    }
    const field = key as Field;
    entry[field] = readField(field, value, rule, kind, options);
    given.push(field);
  }
  if (entry.action === '') throw new DaybookError(kind, 'action is missing: say what was done', { field: 'action' });
  const { old_values: before, new_values: after } = entry;
  if (before !== null && after !== null && !given.includes('changed_fields')) {
    entry.changed_fields = JSON.stringify(changedFields(before, after));
  }
  if (given.includes('ts') && !given.includes('recorded_at')) entry.recorded_at = formatTimestamp(options.now);
  // Null has been refused where an entry does not take it.
  return { entry: entry as unknown as NewEntry, given };
}

function readField(
  field: Field,
  value: unknown,
  rule: Rule,
  kind: 'usage' | 'data',
  options: ValidateOptions,
): string | null {
  if (value === null) {
    if (rule.nullable) return null;
    throw wrongField(field, value, kind, 'must not be null: leave it out, or give it a value');
  }
  if (rule.problem === undefined) return readDocument(field as DocumentField, value, options.documents);
  if (typeof value !== 'string') throw wrongField(field, value, kind, `${shown(value)} is not a text`);
  const problem = textProblem(value) ?? rule.problem(value);
  if (problem !== undefined) throw wrongField(field, value, kind, `${shown(value)} ${problem}`);
  if (field !== 'ts' && field !== 'recorded_at') return value;
  return underName(field, value, kind, () => normalizeTimestamp(value));
}

function readDocument(field: DocumentField, value: unknown, documents: 'text' | 'values'): JsonText {
  return underName(field, value, 'data', () => {
    if (documents === 'values') return checkedText(field, value);
    if (typeof value !== 'string') throw new DaybookError('data', `${shown(value)} is not JSON text`);
    const plain = field === 'changed_fields' ? undefined : plainObject(value);
    if (plain !== undefined) return plain;
    return checkedText(field, parseDocument(value));
  });
}

function checkedText(field: DocumentField, document: unknown): JsonText {
  if (field !== 'changed_fields') {
    if (!isJsonObject(document)) throw new DaybookError('data', `${shown(document)} is not a JSON object`);
  } else if (!Array.isArray(document) || !document.every((name) => typeof name === 'string')) {
    throw new DaybookError('data', `${shown(document)} is not a JSON array of texts`);
  }
  return fromValue(document);
}

function wrongField(field: Field, value: unknown, kind: ErrorKind, problem: string): DaybookError {
  return new DaybookError(kind, `${field} ${problem}`, { field, value });
}

/** Puts the name of a field before what is wrong with it. */
function underName<Result>(field: Field, value: unknown, kind: ErrorKind, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof DaybookError) throw wrongField(field, value, kind, error.message);
    throw error;
  }
}

/**
 * Makes an entry of one NDJSON line, without its line feed.
 *
 * @throws DaybookError 'data', as validateEntry and parseDocument do
 */
export function parseLine(line: string, options: LineOptions): ValidEntry {
  // The line itself is a level around its documents.
  const document = parseFlatLine(line) ?? parseDocument(line, MAXIMUM_DEPTH + 1);
  if (!isJsonObject(document)) throw new DaybookError('data', `${shown(document)} is not a JSON object`);
  return validateEntry(document, 'data', { ...options, documents: 'values' });
}

/**
 * The parser of the engine is many times faster, but rounds numbers and drops the first of two equal keys. It will do
 * where the text holds no keys but those that came out of it: none was dropped, and the documents are empty.
 */
function parseFlatLine(line: string): Record<string, unknown> | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isJsonObject(entry) && countKeys(line) === Object.keys(entry).length ? entry : undefined;
}

/** How many keys stand in valid JSON text. */
function countKeys(text: JsonText): number {
  let keys = 0;
  for (let start = text.indexOf('"'); start >= 0; start = text.indexOf('"', start)) {
    let next = endOfString(text, start) + 1;
    // White space is all that may stand here below the colon.
    while (text.charCodeAt(next) <= 0x20) next++;
    if (text.charCodeAt(next) === 0x3a) keys++;
    start = next;
  }
  return keys;
}

function nearestField(name: string): string {
  const fields = ENTRY_FIELDS.map((field) => ({ field, distance: editDistance(name, field) }));
  return fields.reduce((nearest, other) => (other.distance < nearest.distance ? other : nearest)).field;
}
