import type { JsonText } from '../core/entry.js';
import { CHANGE_FIELDS } from '../core/field-change.js';
import type { FieldChange } from '../core/field-change.js';
import type { Palette } from '../terminal/colour.js';
import { visible, visibleJson } from '../terminal/sanitize.js';
import { clockFor, type Clock } from '../terminal/time.js';
import type { TableCell } from './layout.js';
import { eachAs, jsonArray, jsonLines, nothing, type Destination, type PageFormat } from './pages.js';
import { pagedTable, timed, type View } from './paged-table.js';
import { actorText, oneLine } from './words.js';

interface ChangeOptions extends Destination {
  readonly width: number;
  readonly zone: string;
  readonly palette: Palette;
}

/** The changes of a field, for people or for programs. */
export async function changeFormat(
  name: 'table' | 'line' | 'json' | 'ndjson' | 'csv',
  field: string,
  options: ChangeOptions,
): Promise<PageFormat<FieldChange>> {
  switch (name) {
    case 'table': {
      const view = changesView(await clockFor(options.zone), options);
      return { begin: nothing, page: pagedTable(view, options), end: nothing };
    }
    case 'line': {
      const clock = await clockFor(options.zone);
      return eachAs(
        ({ seq, ts, actor, entity, field: own, old, new: now }) =>
          oneLine(`${clock.iso(ts)} #${seq} ${actor} ${entity ?? '-'} ${own}: ${old} -> ${now}`) + '\n',
      );
    }
    case 'ndjson':
      return jsonLines(changeJson, options);
    case 'json':
      return jsonArray(changeJson, {
        ...options,
        before: `{"field":${JSON.stringify(field)},"changes":`,
        behind: '}',
      });
    case 'csv': {
      const { csvEncoder } = await import('./csv.js');
      const { rows } = await csvEncoder([], { exact: false });
      const text = (changes: readonly FieldChange[]): string =>
        rows(
          changes.map((change) => {
            const shown = { ...change, old: cellOf(change.old), new: cellOf(change.new) };
            return CHANGE_FIELDS.map((column) => shown[column]);
          }),
        );
      return {
        begin: () => `${CHANGE_FIELDS.join(',')}\n`,
        page: options.terminal ? (changes) => visible(text(changes), { newlines: 'keep' }) : text,
        end: nothing,
      };
    }
  }
}

/** Who changed the field of what, when, from what to what. */
function changesView(clock: Clock, { width, palette }: ChangeOptions): View<FieldChange> {
  const time = timed<FieldChange>(clock, width);
  const { narrow, dated } = time;
  const entity = (change: FieldChange): TableCell => ({ text: oneLine(change.entity ?? '-') });
  const values = (change: FieldChange): TableCell[] => [
    { text: visibleJson(change.old), colour: palette.removed },
    { text: visibleJson(change.new), colour: palette.added },
  ];
  return {
    columns: [
      { heading: 'seq', weight: 0, align: 'right' },
      time.column,
      { heading: 'actor', weight: 3 },
      { heading: 'entity', weight: 4, cut: 'entity' },
      ...(narrow
        ? []
        : [
            { heading: 'old', weight: 5 },
            { heading: 'new', weight: 5 },
          ]),
      ...(dated ? [{ heading: 'correlation_id', weight: 2 }] : []),
    ],
    cells: (change) => [
      { text: String(change.seq), colour: palette.dim },
      time.cell(change),
      { text: actorText(change), colour: palette.accent },
      entity(change),
      ...(narrow ? [] : values(change)),
      ...(dated ? [{ text: oneLine(change.correlation_id ?? '-') }] : []),
    ],
    ...(narrow ? { below: (change) => [{ text: `${visibleJson(change.old)} → ${visibleJson(change.new)}` }] } : {}),
    ...time.days,
  };
}

function cellOf(json: JsonText): JsonText | null {
  return json === 'null' ? null : json;
}

function changeJson(change: FieldChange): JsonText {
  const { seq, ts, entity, field, old, new: now, actor, correlation_id: correlation } = change;
  return `{"seq":${seq},"ts":"${ts}","entity":${JSON.stringify(entity)},"field":${JSON.stringify(field)},"old":${old},"new":${now},"actor":${JSON.stringify(actor)},"correlation_id":${JSON.stringify(correlation)}}`;
}
