import type { FieldDifference } from '../core/diff.js';
import type { HistoryEntry, JsonText } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import { visible, visibleJson } from '../terminal/sanitize.js';
import { clockFor, type Clock } from '../terminal/time.js';
import { rulerFor, type Ruler } from '../terminal/width.js';
import { indentJson } from './json-text.js';
import { oneLine, timeText } from './words.js';

const INDENT = '  ';
const NARROWEST = 40;

/** One entry in full, for a person: its fields, its message as it was written, its documents, and what it changed. */
export async function detailText(
  entry: HistoryEntry,
  differences: readonly FieldDifference[],
  options: {
    readonly width: number;
    readonly zone: string;
    readonly palette: Palette;
    /** What the actor is called now, where the entry does not say what it was called then. */
    readonly nameNow?: string | null;
  },
): Promise<string> {
  const { palette, nameNow = null } = options;
  const width = Math.max(NARROWEST, options.width);
  const clock = await clockFor(options.zone);
  const ruler = await rulerFor([...textsOf(entry, differences), nameNow ?? '']);

  const parts = [fieldLines(fieldsOf(entry, nameNow, clock, palette), width, ruler, palette)];
  const section = (heading: string, lines: readonly string[]): void => {
    parts.push(['', palette.heading(heading), ...lines]);
  };
  if (entry.message !== '') {
    const lines = visible(entry.message, { newlines: 'keep' }).split('\n');
    section(
      'message',
      lines.flatMap((line) => wrapped(line, INDENT, width, ruler)),
    );
  }
  if (differences.length > 0) {
    section(
      'changes',
      differences.flatMap((difference) => changeLines(difference, width, ruler, palette)),
    );
  }
  // A row that was created or deleted stands whole under the changes. Of one that was changed, the rest belongs here.
  const isWhole = entry.old_values !== null && entry.new_values !== null;
  if (isWhole && differences.length === 0) section('old_values', documentLines(entry.old_values, INDENT, width, ruler));
  if (isWhole) section('new_values', documentLines(entry.new_values, INDENT, width, ruler));
  if (entry.metadata !== '{}') section('metadata', documentLines(entry.metadata, INDENT, width, ruler));
  return `${parts.flat().join('\n')}\n`;
}

interface Field {
  readonly label: string;
  readonly text: string;
  readonly colour?: ((text: string) => string) | undefined;
}

function fieldsOf(entry: HistoryEntry, nameNow: string | null, clock: Clock, palette: Palette): Field[] {
  const severities: Record<string, Field['colour']> = { error: palette.error, warning: palette.warning };
  const fields: [string, string | null, Field['colour']?][] = [
    ['seq', String(entry.seq)],
    ['id', entry.id],
    ['time', timeText(clock, entry.ts)],
    ['recorded_at', entry.recorded_at === null ? null : timeText(clock, entry.recorded_at)],
    ['category', entry.category],
    ['action', entry.action],
    ['severity', entry.severity, severities[entry.severity]],
    ['actor', entry.actor, palette.accent],
    ['actor_name', entry.actor_name],
    ['name now', nameNow],
    ['actor_type', entry.actor_type],
    ['recorded_by', entry.recorded_by],
    ['scope', entry.scope],
    ['entity_type', entry.entity_type],
    ['entity_id', entry.entity_id],
    ['entity_name', entry.entity_name],
    ['changed_fields', entry.changed_fields],
    ['correlation_id', entry.correlation_id],
    ['source', entry.source],
    ['reverts', entry.reverts],
    ['reverted_by', entry.reverted_by, palette.warning],
  ];
  return fields.flatMap(([label, text, colour]) => (text === null ? [] : [{ label, text: oneLine(text), colour }]));
}

function fieldLines(fields: readonly Field[], width: number, ruler: Ruler, palette: Palette): string[] {
  const labels = Math.max(...fields.map(({ label }) => label.length)) + INDENT.length;
  return fields.flatMap(({ label, text, colour = (same: string) => same }) =>
    ruler
      .wrap(text, width - labels)
      .map((line, index) =>
        (
          palette.dim(index === 0 ? label : '') +
          ' '.repeat(labels - (index === 0 ? label.length : 0)) +
          colour(line)
        ).trimEnd(),
      ),
  );
}

/** `+` is there now, `-` was there, `~` is another value. */
export function changeLines(difference: FieldDifference, width: number, ruler: Ruler, palette: Palette): string[] {
  const path = oneLine(difference.path);
  const { old, new: now } = difference;
  const before = old === undefined ? undefined : visibleJson(old);
  const after = now === undefined ? undefined : visibleJson(now);
  const mark = before === undefined ? '+' : after === undefined ? '-' : '~';
  const values = [
    ...(before === undefined ? [] : [{ mark: '-', text: before, colour: palette.removed }]),
    ...(after === undefined ? [] : [{ mark: '+', text: after, colour: palette.added }]),
  ];
  const plain = `${INDENT}${mark} ${path}: ${values.map(({ text }) => text).join(' → ')}`;
  if (ruler.width(plain) <= width) {
    return [`${INDENT}${mark} ${path}: ${values.map(({ text, colour }) => colour(text)).join(' → ')}`];
  }
  return [
    ...wrapped(`${mark} ${path}:`, INDENT, width, ruler),
    ...values.flatMap((value) => {
      const indent = INDENT.repeat(4);
      const fits = ruler.width(indent + value.text) <= width;
      const lines = fits ? [indent + value.text] : documentLines(value.text, indent, width, ruler);
      return lines.map((line, index) =>
        value.colour(index === 0 ? `${INDENT.repeat(3)}${value.mark} ${line.trimStart()}` : line),
      );
    }),
  ];
}

function documentLines(json: JsonText | null, indent: string, width: number, ruler: Ruler): string[] {
  return visibleJson(indentJson(json ?? 'null'))
    .split('\n')
    .flatMap((line) => wrapped(line, indent, width, ruler));
}

function wrapped(line: string, indent: string, width: number, ruler: Ruler): string[] {
  return ruler.wrap(line, width - indent.length).map((part) => (indent + part).trimEnd());
}

function textsOf(entry: HistoryEntry, differences: readonly FieldDifference[]): string[] {
  const values = differences.flatMap((difference) => [difference.path, difference.old ?? '', difference.new ?? '']);
  return [...Object.values(entry).map((value) => String(value ?? '')), ...values];
}
