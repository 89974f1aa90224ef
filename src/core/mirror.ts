import { DaybookError } from './errors.js';
import { ENTRY_FIELDS, JSON_FIELDS } from './entry.js';
import type { EntryField } from './entry.js';
import { textProblem } from './json.js';
import { isObject, keptJson } from './kept-json.js';
import { shellWord } from './shell.js';

/** How the entries of an entity are shown in a column of an application's table. */
export interface MirrorSettings {
  readonly entityType: string;
  /** The application's column that holds the id of the entity. */
  readonly key: string;
  /** So many entries are shown, the newest first. */
  readonly latest: number;
  readonly template: string;
  /** What stands between two entries. */
  readonly separator: string;
  /** Whether entries that were taken back are left out, with what took them back, or shown with a mark. */
  readonly reverted: 'omit' | 'mark';
  /** The most characters that the column takes, or null. */
  readonly maxLength: number | null;
}

export interface MirrorRequest {
  readonly table: string;
  readonly column: string;
  readonly settings: MirrorSettings;
}

export interface Mirror extends MirrorRequest {
  /** What is not as it should be, in words that go on behind the mirror's name; null where all is well. */
  readonly problem: string | null;
  /** Whether its column is there, as one that can show entries. */
  readonly isThere: boolean;
}

/** What a mirror would find, or has found, in the rows of its table. */
export interface MirrorCounts {
  /** Rows that show what the trail holds already. */
  readonly same: number;
  /** Rows that held nothing. */
  readonly filled: number;
  /** Rows that held another text. */
  readonly replaced: number;
  /** Rows that hold a text, and the trail has no entry of them: they keep it. */
  readonly kept: number;
}

/** What came of a change to a mirror. */
export interface MirrorChange {
  readonly table: string;
  readonly column: string;
  readonly changed: boolean;
  /** The seq of the entry that tells of it; null where nothing changed. */
  readonly entry: number | null;
}

export interface AddedMirror extends MirrorChange, MirrorCounts {
  /** How long the write lock was held. */
  readonly lockMs: number;
}

/** A row whose column does not hold what its entries say. */
export interface MirroredRow {
  readonly id: string;
  readonly held: string | null;
  /** What the entries say; null where there is none to show. */
  readonly expected: string | null;
  /** The greatest seq of its entries; null where the trail has none of this row. */
  readonly newest: number | null;
  /** Whether the entries shown are as many as the mirror shows at most. */
  readonly full: boolean;
}

/** A prune that may have taken entries of a mirror. */
export interface MirrorPrune {
  /** Whether it took the oldest entries of each entity, and none from between. */
  readonly oldestFirst: boolean;
  /** The seq of the entry that tells of it; null where it is at work, or was cut off and is not told yet. */
  readonly told: number | null;
}

/** Settings that were kept as JSON, or undefined where they cannot be read. */
export function readMirrorSettings(json: string): MirrorSettings | undefined {
  const settings = keptJson(json);
  if (!isObject(settings)) return undefined;
  const { entityType, key, latest, template, separator, reverted, maxLength } = settings;
  const isReadable =
    [entityType, key, template, separator].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(latest) &&
    (reverted === 'omit' || reverted === 'mark') &&
    (maxLength === null || Number.isSafeInteger(maxLength));
  return isReadable ? (settings as unknown as MirrorSettings) : undefined;
}

/** The name of a mirror: `table.column`. */
export function mirrorName({ table, column }: Pick<MirrorRequest, 'table' | 'column'>): string {
  return `${table}.${column}`;
}

/**
 * Splits `table.column` at its first dot.
 *
 * @throws DaybookError 'usage' where a part is missing
 */
export function readMirrorName(text: string): { table: string; column: string } {
  const dot = text.indexOf('.');
  if (dot < 1 || dot === text.length - 1) {
    throw new DaybookError('usage', `${JSON.stringify(text)} is not a table and its column, such as settlements.notes`);
  }
  return { table: text.slice(0, dot), column: text.slice(dot + 1) };
}

/** Fields that a template names, with what it may hold beside those of an entry. */
type TemplateField = EntryField | 'date' | 'time' | 'epoch' | 'epoch_ms' | 'text' | 'reason';

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly field: TemplateField }
  /** A value of the metadata, by its path. */
  | { readonly kind: 'meta'; readonly path: string };

export const TEMPLATE_FIELDS: readonly TemplateField[] = [
  'ts',
  'date',
  'time',
  'epoch',
  'epoch_ms',
  'actor',
  'actor_name',
  'action',
  'text',
  'message',
  'reason',
  ...ENTRY_FIELDS.filter(
    (field) => !JSON_FIELDS.has(field) && !['ts', 'actor', 'actor_name', 'action', 'message'].includes(field),
  ),
];

/** What a text that was cut ends in. */
export const CUT = '…';

export const DEFAULT_LATEST = 5;
export const DEFAULT_TEMPLATE = '{ts} {actor}: {text}';

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' };

/**
 * Reads a template: `{field}` and `{meta:path}` stand for what an entry holds, `{{` and `}}` for braces, `\n`, `\t` and
 * `\\` for a line feed, a tab and a backslash.
 *
 * @throws DaybookError 'usage' for what is none of these
 */
export function readTemplate(template: string): TemplatePart[] {
  const problem = textProblem(template);
  if (problem !== undefined) throw new DaybookError('usage', `--template ${problem}`);
  const parts: TemplatePart[] = [];
  let text = '';
  const endText = (): void => {
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
  };
  for (const [token] of template.matchAll(/\{\{|\}\}|\{[^{}]*\}|\\[^]|[^]/gu)) {
    if (token === '{{' || token === '}}') text += token[0];
    else if (token.length > 1 && token.startsWith('{')) {
      endText();
      parts.push(readPlaceholder(token.slice(1, -1)));
    } else if (token === '{' || token === '}') {
      throw new DaybookError('usage', `--template: a single ${token} must be written twice: ${token}${token}`);
    } else text += token.startsWith('\\') ? unescaped(token, '--template') : token;
  }
  endText();
  if (!parts.some(({ kind }) => kind !== 'text')) {
    throw new DaybookError('usage', `--template ${JSON.stringify(template)} shows nothing of an entry`, {
      hint: `… --template '${DEFAULT_TEMPLATE}'`,
    });
  }
  return parts;
}

function readPlaceholder(name: string): TemplatePart {
  if (name.startsWith('meta:') && name.length > 'meta:'.length) {
    return { kind: 'meta', path: name.slice('meta:'.length) };
  }
  const field = TEMPLATE_FIELDS.find((one) => one === name);
  if (field !== undefined) return { kind: 'field', field };
  throw new DaybookError('usage', `--template: {${name}} is none of ${TEMPLATE_FIELDS.join(', ')}, meta:<path>`);
}

/** Reads what stands between two entries, with the escapes of a template. */
export function readSeparator(text: string): string {
  const problem = textProblem(text);
  if (problem !== undefined) throw new DaybookError('usage', `--separator ${problem}`);
  return text.replaceAll(/\\([^]?)/gu, (token) => unescaped(token, '--separator'));
}

/** A text as readSeparator reads it. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\t', String.raw`\t`);
}

/** The command that makes a mirror as it is, or shows again what differs. */
export function mirrorCommand(mirror: MirrorRequest): string {
  const { entityType, key, latest, template, separator, reverted, maxLength } = mirror.settings;
  const words = [
    'daybook mirror add',
    shellWord(mirrorName(mirror)),
    `--entity-type ${shellWord(entityType)}`,
    `--key ${shellWord(key)}`,
    ...(latest === DEFAULT_LATEST ? [] : [`--latest ${latest}`]),
    ...(template === DEFAULT_TEMPLATE ? [] : [`--template ${shellWord(template)}`]),
    ...(separator === '\n' ? [] : [`--separator ${shellWord(escaped(separator))}`]),
    ...(reverted === 'omit' ? [] : [`--reverted ${reverted}`]),
    ...(maxLength === null ? [] : [`--max-length ${maxLength}`]),
  ];
  return words.join(' ');
}

function unescaped(token: string, option: string): string {
  const character = ESCAPES[token.slice(1)];
  if (character !== undefined) return character;
  throw new DaybookError('usage', String.raw`${option}: ${token} is none of \n, \t and \\`);
}

/**
 * Whether a row may hold something else than its entries say because prunes took entries since it was shown. They never
 * add: it holds what is still there, and more.
 */
export function mayBePruned(row: MirroredRow, settings: MirrorSettings, prunes: readonly MirrorPrune[]): boolean {
  const { newest, full } = row;
  // An entry that was recorded behind a prune has shown the row anew.
  const since = prunes.filter(({ told }) => newest === null || told === null || told > newest);
  const held = row.held ?? '';
  const expected = row.expected ?? '';
  if (since.length === 0 || held === '') return false;
  if (expected === '') return true;
  // What took an entry back stays as long as that does, whatever its own time: marked, it may outlive its neighbours.
  const oldestFirst = settings.reverted === 'omit' && since.every((prune) => prune.oldestFirst);
  if (oldestFirst) return !full && beginsWith(held, expected, settings);
  return mayHaveHeldMore(held, settings) || holdsInOrder(held, expected, settings);
}

/** Whether a text, which may have been cut, is another one with more behind it. */
function beginsWith(held: string, expected: string, settings: MirrorSettings): boolean {
  const begin = expected + settings.separator;
  return held.startsWith(begin) || (isCut(held, settings) && begin.startsWith(held.slice(0, -CUT.length)));
}

function isCut(held: string, { maxLength }: MirrorSettings): boolean {
  return held.endsWith(CUT) && [...held].length === maxLength;
}

/**
 * Whether there may have been entries that a text had no room for: where others go from between, these move up. Of fewer
 * lines than entries are shown it was all that there was.
 */
function mayHaveHeldMore(held: string, settings: MirrorSettings): boolean {
  const { separator, latest } = settings;
  return separator === '' || held.split(separator).length >= latest || isCut(held, settings);
}

/** Whether a text has all lines of another one, in their order. */
function holdsInOrder(held: string, expected: string, { separator }: MirrorSettings): boolean {
  const wanted = expected.split(separator);
  let found = 0;
  for (const line of held.split(separator)) if (line === wanted[found]) found += 1;
  return found === wanted.length;
}

/** The settings as JSON, in the shape of `mirror list`. */
export function mirrorSettingsJson(settings: MirrorSettings): Record<string, string | number | null> {
  const { entityType, key, latest, template, separator, reverted, maxLength } = settings;
  return { entity_type: entityType, key, latest, template, separator, reverted, max_length: maxLength };
}
