import { isLosslessNumber, parse, stringify, type LosslessNumber } from 'lossless-json';
import type { JsonText } from './entry.js';
import { DaybookError } from './errors.js';

/** A parsed document; numbers keep the text that they were written with. */
export type JsonDocument = null | boolean | string | LosslessNumber | JsonDocument[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonDocument;
}

/** How many objects and arrays may stand inside each other; SQLite's own limit. */
export const MAXIMUM_DEPTH = 1000;

/** How many keys and items a document may have: each takes more than a kilobyte while it is read exactly. */
export const MAXIMUM_VALUES = 200_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a parsed document is an object, neither an array nor a number that looks like one. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

/**
 * Parses JSON text exactly: every digit of a number is kept. `depth` is the number of levels allowed.
 *
 * @throws DaybookError 'data' for what is not JSON, an object with a key twice, nesting that is too deep, and texts with
 *   NUL or lone surrogates, and more than 200,000 keys and items; positions count UTF-16 units from 0.
 */
export function parseDocument(text: JsonText, depth: number = MAXIMUM_DEPTH): JsonDocument {
  scanDocument(text, depth);
  return parsed(text);
}

/** A text as a document, exactly, or undefined where it is none that `parseDocument` takes. */
export function documentIn(text: string): JsonDocument | undefined {
  return unlessData(() => parseDocument(text));
}

/**
 * JSON that an engine made of a row, exactly, or undefined where it is none: the values of other programs may hold what
 * no entry of ours may.
 */
export function madeDocumentIn(text: string): JsonDocument | undefined {
  return unlessData(() => parseMade(text));
}

function parsed(text: JsonText, ofTwo?: (twice: { newValue: unknown }) => unknown): JsonDocument {
  try {
    return parse(text, null, ofTwo && { onDuplicateKey: ofTwo }) as JsonDocument;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // A reason quotes what it does not understand, however long that is.
    const reason = error.message.slice(0, 200).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
    throw new DaybookError('data', `not valid JSON: ${visible(reason)}`);
  }
}

/**
 * Parses JSON that is in the trail, exactly. Other programs write there too, and capture what others wrote: it may hold
 * NUL, and a key twice, of which the last one counts.
 */
export function parseMade(text: JsonText): JsonDocument {
  return parsed(text, ({ newValue }) => newValue);
}

/** What is wrong with a text says only that there is no document in it; any other error is none of the text's. */
function unlessData(parsing: () => JsonDocument): JsonDocument | undefined {
  try {
    return parsing();
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'data') return undefined;
    throw error;
  }
}

/**
 * Refuses what a parser would let pass: nesting beyond `depth` (a recursive parser must never see it), keys that stand
 * twice in an object, NUL and lone surrogates, also where they are written as escapes, and more values than are read in
 * bounded memory. What is not JSON at all is left for the parser to say.
 */
function scanDocument(text: JsonText, depth: number): void {
  if (!text.isWellFormed()) {
    throw new DaybookError('data', 'not valid JSON: the text holds half of a surrogate pair');
  }
  // Not text.includes: that is pure to V8 (11.3), which moves it into the loop below and asks for each quote anew.
  const escapes = /\\u/.test(text);
  // For each open object its keys, for each open array null.
  const open: (Set<string> | null)[] = [];
  let keys: Set<string> | null = null;
  let keyIsNext = false;
  // Each stands behind a comma, or is the first in its object or array.
  let values = 0;
  for (let position = 0; position < text.length; position++) {
    switch (text.charCodeAt(position)) {
      case QUOTE: {
        const end = endOfString(text, position);
        if (end < 0) return;
        const start = position;
        position = end;
        if (!escapes && !keyIsNext) break;
        const content = stringContent(text, start, end);
        if (content === undefined) return;
        if (escapes) refuseBrokenText(content, start);
        if (keyIsNext && keys !== null) {
          if (keys.has(content))
            throw new DaybookError('data', `key ${shown(content)} stands twice in its object ${at(start)}`);
          keys.add(content);
          keyIsNext = false;
        }
        break;
      }
      case 0x7b: // {
      case 0x5b: // [
        if (open.length === depth) {
          throw new DaybookError('data', `JSON is nested deeper than ${MAXIMUM_DEPTH} levels ${at(position)}`);
        }
        keyIsNext = text.charCodeAt(position) === 0x7b;
        keys = keyIsNext ? new Set() : null;
        open.push(keys);
        countValue();
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        keys = open.at(-1) ?? null;
        break;
      case 0x2c: // ,
        keyIsNext = keys !== null;
        countValue();
        break;
    }
  }

  function countValue(): void {
    values += 1;
    if (values <= MAXIMUM_VALUES) return;
    throw new DaybookError('data', `a document of more than ${MAXIMUM_VALUES} keys and items is too large`);
  }
}

/** Where the string of JSON text that begins at `start` has its closing quote, or -1. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

function stringContent(text: string, start: number, end: number): string | undefined {
  const content = text.slice(start + 1, end);
  if (!content.includes('\\')) return content;
  try {
    return JSON.parse(text.slice(start, end + 1)) as string;
  } catch {
    return undefined;
  }
}

function refuseBrokenText(content: string, position: number): void {
  const problem = textProblem(content);
  if (problem !== undefined) throw new DaybookError('data', `text ${shown(content)} ${problem} ${at(position)}`);
}

/** What keeps a text out of an entry, as the end of a sentence; undefined for a good one. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'holds NUL, which no text may';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair';
  return undefined;
}

function at(position: number): string {
  return `at position ${position}`;
}

/** A parsed document as minified text; keys stay in their order, digits as they were written. */
export function documentText(value: JsonDocument): JsonText {
  const text = stringify(value);
  if (text === undefined) throw new DaybookError('data', `${typeof value} is not a JSON value`);
  return text;
}

/**
 * JSON text, checked and minified.
 *
 * @throws DaybookError 'data', as parseDocument does
 */
export function normalizeDocument(text: JsonText): JsonText {
  return plainObject(text) ?? documentText(parseDocument(text));
}

/** Within so many characters nothing can be nested too deep, and larger ones gain little. */
const PLAIN_LENGTH = 2 * MAXIMUM_DEPTH;

/** An import's format reads a document, and then the entry with it is validated: the second time it is known. */
let lastPlain: JsonText | undefined;

/**
 * normalizeDocument for what most metadata is: a small object that the parser of the engine, which is many times faster,
 * gives back as it was written, but for white space. So it lost nothing: no digit, and no key that stands twice. Undefined
 * for all others.
 */
export function plainObject(text: JsonText): JsonText | undefined {
  if (text === lastPlain) return text;
  // An escape may stand for NUL or half of a surrogate pair.
  if (text.length > PLAIN_LENGTH || !text.startsWith('{') || text.includes('\\u')) return undefined;
  try {
    const minified = JSON.stringify(JSON.parse(text));
    if (minified !== text && !isSpaced(text, minified)) return undefined;
    lastPlain = minified;
    return minified;
  } catch {
    return undefined;
  }
}

/** Whether a text is another one with white space put in. */
function isSpaced(text: string, dense: string): boolean {
  let place = 0;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code === dense.charCodeAt(place)) place++;
    else if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return false;
  }
  return place === dense.length;
}

/** Whether two documents say the same, whatever the order of their keys. Numbers are compared as written: 1 is not 1.0. */
export function sameDocument(a: JsonText, b: JsonText): boolean {
  return a === b || sameValue(parseDocument(a), parseDocument(b));
}

/** sameDocument for parsed documents; undefined is one that is not there. */
export function sameValue(a: JsonDocument | undefined, b: JsonDocument | undefined): boolean {
  if (a === b) return true;
  if (isLosslessNumber(a)) return isLosslessNumber(b) && a.value === b.value;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
  );
}

/**
 * A JavaScript value as JSON text: plain objects, arrays, texts, finite numbers, bigints, numbers of a parsed document,
 * and what has a `toJSON`, such as a Date.
 *
 * @throws DaybookError 'data' for whatever JSON would drop or change without a word: undefined, functions, NaN,
 *   instances such as a Map, cycles, nesting beyond 1000 levels, texts with NUL or lone surrogates
 */
export function fromValue(value: unknown): JsonText {
  return valueText(value, '', 0);
}

function valueText(value: unknown, path: string, depth: number): JsonText {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint' || isLosslessNumber(value)) return value.toString();
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === 'string') return goodText(value, path);
  if (typeof value !== 'object') {
    throw new DaybookError(
      'data',
      `${typeof value === 'number' ? value : typeof value} is not a JSON value${where(path)}`,
    );
  }
  if (depth === MAXIMUM_DEPTH) {
    throw new DaybookError('data', `a document holds itself, or is nested deeper than ${MAXIMUM_DEPTH} levels`);
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return valueText(value.toJSON(), path, depth + 1);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, index) => valueText(item, below(path, String(index)), depth + 1)).join(',')}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new DaybookError(
      'data',
      `an instance of a class is not a JSON value${where(path)}: only plain objects and arrays are`,
    );
  }
  const members = Object.entries(value).map(
    ([key, member]) => `${goodText(key, path)}:${valueText(member, below(path, key), depth + 1)}`,
  );
  return `{${members.join(',')}}`;
}

function goodText(text: string, path: string): JsonText {
  const problem = textProblem(text);
  if (problem !== undefined) throw new DaybookError('data', `text ${shown(text)} ${problem}${where(path)}`);
  return JSON.stringify(text);
}

function below(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function where(path: string): string {
  return path === '' ? '' : `, at ${shown(path)}`;
}

const MOST_NAMED = 20;

/** Names for a message, and how many more there are. */
export function listed(names: readonly string[]): string {
  const first = names.slice(0, MOST_NAMED).map((name) => (name.length > QUOTED_LENGTH ? shown(name) : name));
  const more = names.length - first.length;
  return more === 0 ? first.join(', ') : `${first.join(', ')} and ${more} more`;
}

const QUOTED_LENGTH = 60;

/** A value for a message: a text as JSON, cut at about 60 characters, without anything that a reader could not see. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null && !isLosslessNumber(value)) return 'an object';
  const text = String(value);
  // A cut must not leave half of a surrogate pair behind.
  const short = text.length > QUOTED_LENGTH ? text.slice(0, QUOTED_LENGTH).replace(/[\ud800-\udbff]$/, '') : text;
  return visible(typeof value === 'string' ? JSON.stringify(short) : short) + (short === text ? '' : '…');
}

/** Control, bidi and zero-width characters as \u escapes. */
function visible(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
