import { newEntryText } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import { entityText } from '../core/entity.js';
import { KIND_NAMES } from '../core/import.js';
import type { ImportFormat } from '../core/import.js';
import type { Rehearsal } from '../operations/import-rehearsal.js';
import { visible } from '../terminal/sanitize.js';
import { rulerFor } from '../terminal/width.js';
import type { Ruler } from '../terminal/width.js';

/** The option of the command line that a setting comes from. */
export function flagOf(setting: string): string {
  return `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The formats with what each reads and needs, for people. */
export async function formatList(formats: readonly ImportFormat[], width: number): Promise<string> {
  const ruler = await rulerFor([]);
  const column = Math.max(...formats.map(({ name }) => name.length)) + 2;
  const blocks = formats.map((format) => {
    const { name, description, kinds, table, needs, settings } = format;
    const facts = [
      description,
      `reads ${kinds.map((kind) => (kind === 'sqlite' && table !== undefined ? `SQLite (table ${table})` : KIND_NAMES[kind])).join(', ')}`,
      ...(needs.length === 0 ? [] : [`needs ${needs.join(', ')}`]),
      ...(settings.length === 0 ? [] : [`takes ${settings.map(flagOf).join(', ')}`]),
    ];
    const lines = facts.flatMap((fact) => ruler.wrap(fact, Math.max(width - column, 20)));
    return lines.map((line, index) => `${(index === 0 ? name : '').padEnd(column)}${line}\n`).join('');
  });
  return blocks.join('\n');
}

/** The formats in the shape of the contract. */
export function formatListJson(formats: readonly ImportFormat[]): string {
  const described = formats.map(({ name, description, kinds, table, source, needs, settings }) => ({
    name,
    description,
    kinds,
    table: table ?? null,
    source: source ?? null,
    needs,
    options: settings.map(flagOf),
  }));
  return `${JSON.stringify({ formats: described })}\n`;
}

/** More than these are counted together. */
const SHOWN = 20;

/** What a rehearsal found, for people; `width` is undefined where nothing is to be cut. */
export async function rehearsalText(found: Rehearsal, width: number | undefined): Promise<string> {
  const { samples, unmatchedSamples, rejections, fields, actions, actors, unmatched, rejected, forgotten } = found;
  const entryLines = samples.map(sampleLine);
  const strays = unmatchedSamples.map(({ message }) => safe(message));
  const broken = rejections.map(({ position, reason }) => `${safe(position)}: ${safe(reason)}`);
  const shownFields = fields.flatMap(({ field, first }) => [safe(field), safe(first)]);
  const all = [
    ...shownFields,
    ...entryLines,
    ...strays,
    ...broken,
    ...[...actions, ...actors].map(({ value }) => safe(value)),
  ];
  const ruler = await rulerFor(all);
  const cut = (line: string): string => `${width === undefined ? line : ruler.truncate(line, width)}\n`;
  const part = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => cut(`  ${line}`)).join('')}`;
  const span = found.first === null ? '' : `, from ${found.first} to ${found.last ?? ''}`;
  return [
    `${found.read} records${span}\n`,
    `${found.recorded} to record, ${found.skipped} there already, ${unmatched} that do not match, ${rejected} rejected\n`,
    forgotten === 0 ? '' : `${forgottenText(forgotten)}\n`,
    part('what each field becomes: how many entries have it, and the first of them', fieldLines(fields, ruler)),
    part('actions', countLines(actions, ruler)),
    part('actors', countLines(actors, ruler)),
    part(`do not match, and become notes (${strays.length} of ${unmatched})`, strays),
    part(`rejected (${broken.length} of ${rejected})`, broken),
    part(`the first ${entryLines.length}`, entryLines),
  ].join('');
}

/** How many entries hold more than their source says now; which they are, a verification tells. */
export function forgottenText(count: number): string {
  return `${count === 1 ? '1 entry holds' : `${count} entries hold`} what the source has forgotten`;
}

/** What a rehearsal found, in the shape of the contract. */
export function rehearsalJson(found: Rehearsal): string {
  const { samples, unmatchedSamples, rejections, fields, actions, actors, ...counts } = found;
  const head = {
    ...counts,
    entry: null,
    actions: actions.map(({ value, count }) => ({ action: value, count })),
    actors: actors.map(({ value, count }) => ({ actor: value, count })),
    fields,
    rejected_samples: rejections.map(({ position, reason }) => ({ position, reason })),
  };
  const listed = (entries: readonly NewEntry[]): string => `[${entries.map(newEntryText).join(',')}]`;
  return `${JSON.stringify(head).slice(0, -1)},"samples":${listed(samples)},"unmatched_samples":${listed(unmatchedSamples)}}`;
}

function fieldLines(fields: Rehearsal['fields'], ruler: Ruler): string[] {
  const names = Math.max(0, ...fields.map(({ field }) => ruler.width(safe(field))));
  const digits = Math.max(0, ...fields.map(({ count }) => String(count).length));
  return fields.map(({ field, count, first }) => {
    const value =
      first.length > LONGEST_VALUE ? `${first.slice(0, LONGEST_VALUE).replace(/[\ud800-\udbff]$/, '')}\u2026` : first;
    return `${ruler.pad(safe(field), names)}  ${ruler.pad(String(count), digits, 'right')}  ${safe(value)}`;
  });
}

/** Of a field's first value. */
const LONGEST_VALUE = 100;

function countLines(counts: Rehearsal['actions'], ruler: Ruler): string[] {
  const digits = String(counts[0]?.count ?? 0).length;
  const lines = counts
    .slice(0, SHOWN)
    .map(({ value, count }) => `${ruler.pad(String(count), digits, 'right')}  ${safe(value)}`);
  const rest = counts.length - SHOWN;
  return rest > 0 ? [...lines, `and ${rest} more`] : lines;
}

function sampleLine({ ts, action, actor, entity_type: type, entity_id: id, message }: NewEntry): string {
  const parts = [ts ?? '', actor, action, entityText(type, id) ?? '', message];
  return parts
    .filter((part) => part !== '')
    .map(safe)
    .join(' ');
}

function safe(text: string): string {
  return visible(text, { newlines: 'mark' });
}
