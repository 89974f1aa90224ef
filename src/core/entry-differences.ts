import { diffFields, namesOfChanged } from './diff.js';
import type { FieldDifference } from './diff.js';
import type { HistoryEntry, JsonText } from './entry.js';
import { DaybookError } from './errors.js';
import { isJsonObject, parseDocument } from './json.js';
import { REDACTED } from './redact.js';

/** What changed, field by field; a field that is named as changed and shows no difference was redacted. */
export function entryDifferences(entry: HistoryEntry): FieldDifference[] {
  if (entry.old_values === null && entry.new_values === null) return [];
  const named = namesOfChanged(entry.changed_fields);
  const visibleOnes = diffFields(entry.old_values, entry.new_values).flatMap((field) => insideDocuments(field, named));
  const hides = entry.new_values?.includes(REDACTED_TEXT) === true;
  const shown = new Set(visibleOnes.map(({ path }) => path));
  const redacted = named.filter(
    (path) => hides && ![...shown].some((other) => other === path || other.startsWith(`${path}.`)),
  );
  return [...visibleOnes, ...redacted.map((path) => ({ path, old: REDACTED_TEXT, new: REDACTED_TEXT }))];
}

/** Capture keeps a document of a text column as the text that it is: its fields are shown where they are named. */
function insideDocuments(field: FieldDifference, named: readonly string[]): FieldDifference[] {
  const inside = named.some((path) => path.startsWith(`${field.path}.`));
  const [before, after] = [field.old, field.new].map((value) =>
    value?.startsWith('"') ? documentIn(value) : undefined,
  );
  if (!inside || before === undefined || after === undefined) return [field];
  return diffFields(before, after).map((one) => ({ path: `${field.path}.${one.path}`, old: one.old, new: one.new }));
}

function documentIn(text: JsonText): JsonText | undefined {
  const inner = JSON.parse(text) as string;
  try {
    return isJsonObject(parseDocument(inner)) ? inner : undefined;
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'data') return undefined;
    throw error;
  }
}

const REDACTED_TEXT = JSON.stringify(REDACTED);
