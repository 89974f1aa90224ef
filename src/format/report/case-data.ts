import type { Case, CaseEntry, CaseRelated } from '../../core/case.js';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../core/entry.js';
import type { HistoryEntry } from '../../core/entry.js';
import type { Cell } from '../../core/cell.js';

/** A case as one JSON document, in pieces. `head` stands at its beginning. */
export async function* caseJson(
  { summary, history, related, moreRelated }: Case,
  head: Readonly<Record<string, unknown>>,
): AsyncGenerator<string> {
  const { entity, mark, lastSeq, count, sha256, command, ...facts } = summary;
  const told = { ...head, entity, up_to: lastSeq, mark, count, ...facts, sha256, command };
  yield `${JSON.stringify(told).slice(0, -1)},"rows":[`;
  yield* list(history, (entries) => entries.map(entryOfCase));
  yield `],"related":[`;
  yield* list(related, (unit) => [relatedJson(unit)]);
  yield `],"more_related":${moreRelated}}\n`;
}

async function* list<Item>(
  items: AsyncIterable<Item>,
  texts: (item: Item) => readonly string[],
): AsyncGenerator<string> {
  let separator = '\n';
  for await (const item of items) {
    for (const text of texts(item)) {
      yield separator + text;
      separator = ',\n';
    }
  }
  if (separator !== '\n') yield '\n';
}

function entryOfCase({ entry, changes, takenBackBy }: CaseEntry): string {
  const differences = changes.map(
    ({ path, old, new: now }) => `{"field":${JSON.stringify(path)},"old":${old ?? 'null'},"new":${now ?? 'null'}}`,
  );
  const by = takenBackBy === null ? 'null' : entryJson(takenBackBy);
  return `${entryJson(entry).slice(0, -1)},"changes":[${differences.join(',')}],"taken_back_by":${by}}`;
}

/** An entry as every JSON of ours has it: its documents are JSON text already, with every digit. */
function entryJson(entry: HistoryEntry): string {
  const fields = ENTRY_FIELDS.map((field) => {
    const value = entry[field];
    const text = JSON_FIELDS.has(field) ? String(value ?? 'null').replace(/[\r\n]/g, ' ') : JSON.stringify(value);
    return `"${field}":${text}`;
  });
  return `{${fields.join(',')},"reverted_by":${JSON.stringify(entry.reverted_by)}}`;
}

function relatedJson({ correlation_id: id, count, entries }: CaseRelated): string {
  return `{"correlation_id":${JSON.stringify(id)},"count":${count},"entries":[${entries.map(entryJson).join(',')}]}`;
}

const CSV_COLUMNS = [
  ...(['seq', 'id', 'ts', 'actor', 'actor_name', 'action', 'severity', 'message'] as const),
  ...(['field', 'old', 'new', 'correlation_id', 'reverts', 'reverted_by'] as const),
] as const;

/** The history of a case as CSV, in pieces: a row for each field that changed, and one for an entry without any. */
export async function* caseCsv({ history }: Case): AsyncGenerator<string> {
  const { csvEncoder } = await import('../csv.js');
  const { rows } = await csvEncoder([], { exact: false });
  yield `${CSV_COLUMNS.join(',')}\n`;
  for await (const entries of history) {
    const cells = entries.flatMap(({ entry, changes }): Cell[][] => {
      const row = ({ field, old, now }: Record<'field' | 'old' | 'now', string | null>): Cell[] =>
        CSV_COLUMNS.map((column) =>
          column === 'field' ? field : column === 'old' ? old : column === 'new' ? now : entry[column],
        );
      if (changes.length === 0) return [row({ field: null, old: null, now: null })];
      return changes.map(({ path, old, new: now }) => row({ field: path, old: old ?? null, now: now ?? null }));
    });
    yield rows(cells);
  }
}
