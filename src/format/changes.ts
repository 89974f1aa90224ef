import type { JsonText } from '../core/entry.js';
import { clockFor } from '../terminal/time.js';
import { oneLine } from './words.js';

interface ShownChange {
  readonly seq: number;
  readonly ts: string;
  readonly entity: string | null;
  readonly field: string;
  readonly old: JsonText;
  readonly new: JsonText;
  readonly actor: string;
  readonly correlation_id: string | null;
}

interface ChangeFormat {
  readonly begin: string;
  readonly end: string;
  page(changes: readonly ShownChange[]): string;
}

const COLUMNS = ['seq', 'ts', 'entity', 'field', 'old', 'new', 'actor', 'correlation_id'] as const;

/** The changes of a field as lines for people, or for programs. */
export async function changeFormat(
  name: 'line' | 'json' | 'ndjson' | 'csv',
  field: string,
  zone: string,
): Promise<ChangeFormat> {
  switch (name) {
    case 'line': {
      const clock = await clockFor(zone);
      const line = (change: ShownChange): string =>
        oneLine(
          `${clock.iso(change.ts)} #${change.seq} ${change.actor} ${change.entity ?? '-'} ${field}: ${change.old} -> ${change.new}`,
        ) + '\n';
      return { begin: '', end: '', page: (changes) => changes.map(line).join('') };
    }
    case 'ndjson':
      return { begin: '', end: '', page: (changes) => changes.map((change) => `${changeJson(change)}\n`).join('') };
    case 'json': {
      let separator = '\n';
      const one = (change: ShownChange): string => {
        const text = separator + changeJson(change);
        separator = ',\n';
        return text;
      };
      const begin = `{"field":${JSON.stringify(field)},"changes":[`;
      return { begin, end: '\n]}\n', page: (changes) => changes.map(one).join('') };
    }
    case 'csv': {
      const { csvEncoder } = await import('./csv.js');
      const { rows } = await csvEncoder([], { exact: false });
      const page = (changes: readonly ShownChange[]): string =>
        rows(
          changes.map((change) => {
            const shown = { ...change, old: cellOf(change.old), new: cellOf(change.new) };
            return COLUMNS.map((column) => shown[column]);
          }),
        );
      return { begin: `${COLUMNS.join(',')}\n`, end: '', page };
    }
  }
}

function cellOf(json: JsonText): JsonText | null {
  return json === 'null' ? null : json;
}

function changeJson(change: ShownChange): string {
  const { old, new: now, ...rest } = change;
  const { seq, ts, entity, field, actor, correlation_id: correlation } = rest;
  return `{"seq":${seq},"ts":"${ts}","entity":${JSON.stringify(entity)},"field":${JSON.stringify(field)},"old":${old},"new":${now},"actor":${JSON.stringify(actor)},"correlation_id":${JSON.stringify(correlation)}}`;
}
