import type { Case, CaseEntry, CaseSummary } from '../../core/case.js';
import type { FieldDifference } from '../../core/diff.js';
import type { HistoryEntry, JsonText } from '../../core/entry.js';
import { documentIn } from '../../core/json.js';
import type { Palette } from '../../terminal/colour.js';
import { visible, visibleJson } from '../../terminal/sanitize.js';
import { clockFor } from '../../terminal/time.js';
import type { Clock } from '../../terminal/time.js';
import { rulerFor } from '../../terminal/width.js';
import type { Ruler } from '../../terminal/width.js';
import { changeLines } from '../detail.js';
import { indentJson } from '../json-text.js';
import { shownEntity, oneLine } from '../words.js';

const NARROWEST = 40;

interface Paper {
  readonly clock: Clock;
  readonly width: number;
  readonly palette: Palette;
}

/** A case for people to read, in pieces. */
export async function* caseText(
  { summary, history, related, moreRelated }: Case,
  options: { readonly width: number; readonly zone: string; readonly palette: Palette },
): AsyncGenerator<string> {
  const { palette } = options;
  const clock = await clockFor(options.zone);
  const paper: Paper = { clock, palette, width: Math.max(NARROWEST, options.width) };
  yield await summaryText(summary, paper);
  for await (const entries of history) {
    for (const entry of entries) yield `\n${await entryText(entry, paper)}`;
  }
  let heading = `\n${palette.heading('in the same units of work')}\n`;
  for await (const { correlation_id: id, count, entries } of related) {
    const ruler = await rulerFor([oneLine(id), ...entries.map(shortWords)]);
    const lines = entries.map(
      (entry) => `  #${entry.seq} ${clock.iso(entry.ts)} ${ruler.truncate(shortWords(entry), paper.width)}\n`,
    );
    const rest = count > entries.length ? `  and ${count - entries.length} more\n` : '';
    yield `${heading}${palette.accent(oneLine(id))}\n${lines.join('')}${rest}`;
    heading = '';
  }
  if (moreRelated) yield `${palette.dim('there are more units of work than were looked at')}\n`;
}

/** Who it was: the name as it was then, and the id. */
export function personText({ actor, actor_name: name }: Pick<HistoryEntry, 'actor' | 'actor_name'>): string {
  return name === null || name === actor ? actor : `${name} (${actor})`;
}

/** The facts of a case, each with its label. */
export function summaryFacts(summary: CaseSummary, clock: Clock): (readonly [label: string, text: string])[] {
  const { count, notes, reverted, names, actors, pruned } = summary;
  const facts: (readonly [string, string])[] = [
    ['entries', `${count} (notes: ${notes}, taken back: ${reverted})`],
    ['first', clock.iso(summary.first)],
    ['last', clock.iso(summary.last)],
    ['called', names.map(({ name, first }) => `${name} (since ${clock.iso(first)})`).join(', ') || '-'],
    [
      'by',
      actors.map(({ actor, name, count: made }) => `${personText({ actor, actor_name: name })} ${made}`).join(', '),
    ],
    ['recorded', `up to entry ${summary.lastSeq}`],
    ['sha256', summary.sha256],
    ['check it', summary.command],
  ];
  return pruned === 0
    ? facts
    : [...facts, ['pruned or erased', `${pruned} entries of the whole trail; whether any was about this is not known`]];
}

async function summaryText(summary: CaseSummary, { clock, width, palette }: Paper): Promise<string> {
  const facts = summaryFacts(summary, clock).map(([label, text]) => [label, oneLine(text)] as const);
  const title = oneLine(summary.entity);
  const ruler = await rulerFor([title, ...facts.map(([, text]) => text)]);
  const labels = Math.max(...facts.map(([label]) => label.length)) + 2;
  const lines = facts.flatMap(([label, text]) => {
    // A command is for copying, and stays in one piece.
    const parts = label === 'check it' ? [text] : ruler.wrap(text, width - labels);
    return parts.map((part, index) => palette.dim((index === 0 ? label : '').padEnd(labels)) + part);
  });
  return `${[...ruler.wrap(title, width).map((line) => palette.heading(line)), ...lines].join('\n')}\n`;
}

async function entryText(
  { entry, changes, takenBackBy }: CaseEntry,
  { clock, width, palette }: Paper,
): Promise<string> {
  const { weekday, date, time, zone } = clock.text(entry.ts);
  const head = oneLine(
    `#${entry.seq} ${weekday} ${date} ${time} ${zone}  ${personText(entry)}  ${entry.action}${marks(entry)}`,
  );
  const message = visible(entry.message, { newlines: 'keep' }).trimEnd();
  const details = detailWords(entry, takenBackBy, clock).map(oneLine);
  const metadata = entry.metadata === '{}' ? [] : ['metadata:', ...visibleJson(indentJson(entry.metadata)).split('\n')];
  const ruler = await rulerFor([
    head,
    message,
    ...details,
    ...metadata,
    ...changes.flatMap(({ path, old, new: now }) => [path, old ?? '', now ?? '']),
  ]);
  const lines = [
    ...ruler.wrap(head, width).map((line) => palette.heading(line)),
    ...indented(message === '' ? [] : message.split('\n'), ruler, width),
    ...changes.flatMap(
      (change) => documentLines(change, { clock, width, palette }, ruler) ?? changeLines(change, width, ruler, palette),
    ),
    ...indented([...metadata, ...details], ruler, width),
  ];
  return `${lines.join('\n')}\n`;
}

/** A value that is a document, or a text that holds one; undefined for any other. */
export function documentShown(json: JsonText): JsonText | undefined {
  const text = json.startsWith('"') ? (JSON.parse(json) as string).trim() : json;
  const isDocument = /^(?:\{\s*"|\[\s*[^\s\]])/.test(text) && documentIn(text) !== undefined;
  return isDocument ? text : undefined;
}

/** What changed, with documents as documents: a column that holds JSON as text is one, too. */
function documentLines(
  { path, old, new: now }: FieldDifference,
  { width, palette }: Paper,
  ruler: Ruler,
): string[] | undefined {
  const documents = [old, now].map((value) => (value === undefined ? undefined : documentShown(value)));
  if (documents.every((document) => document === undefined)) return undefined;
  const sides = [
    { mark: '-', value: old, document: documents[0], colour: palette.removed },
    { mark: '+', value: now, document: documents[1], colour: palette.added },
  ];
  return [
    ...ruler.wrap(`  ${oneLine(path)}:`, width),
    ...sides.flatMap(({ mark, value, document, colour }) => {
      if (value === undefined) return [];
      const text = visibleJson(document === undefined ? value : indentJson(document));
      const lines = text.split('\n').flatMap((line) => ruler.wrap(line, width - 6));
      return lines.map((line, index) => colour(`    ${index === 0 ? mark : ' '} ${line}`));
    }),
  ];
}

function indented(lines: readonly string[], ruler: Ruler, width: number): string[] {
  return lines.flatMap((line) => ruler.wrap(line, width - 2).map((part) => `  ${part}`.trimEnd()));
}

function marks({ severity, reverts }: HistoryEntry): string {
  return `${severity === 'info' ? '' : `  ${severity}`}${reverts === null ? '' : `  takes back ${reverts}`}`;
}

/** What else there is to say of an entry: units of work, who recorded it, and who took it back. */
function detailWords(entry: HistoryEntry, takenBackBy: HistoryEntry | null, clock: Clock): string[] {
  return [
    ...plainDetails(entry, clock),
    ...(entry.correlation_id === null ? [] : [`correlation ${entry.correlation_id}`]),
    ...(takenBackBy === null ? [] : [takenBackWords(takenBackBy, clock)]),
  ];
}

/** How an entry was recorded. */
export function plainDetails(entry: HistoryEntry, clock: Clock): string[] {
  return [
    ...(entry.recorded_at === null ? [] : [`recorded at ${clock.iso(entry.recorded_at)}`]),
    ...(entry.recorded_by === null ? [] : [`recorded by ${entry.recorded_by}`]),
    ...(entry.source === null ? [] : [`from ${entry.source}`]),
  ];
}

/** Who took an entry back, when and why. */
export function takenBackWords(by: HistoryEntry, clock: Clock): string {
  return `taken back by #${by.seq}, ${personText(by)}, ${clock.iso(by.ts)}: ${by.message}`;
}

function shortWords(entry: HistoryEntry): string {
  return `${oneLine(personText(entry))} ${oneLine(entry.action)} ${shownEntity(entry)} ${oneLine(entry.message)}`.trimEnd();
}
