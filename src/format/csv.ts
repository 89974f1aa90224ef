import type { HistoryField } from '../core/entry.js';
import { EMPTY_TEXT, FIELD_END } from '../core/fields.js';
import { release } from '../core/release.js';
import type { Cell } from '../store/audit-store.js';

/** Rows of cells to CSV text, or a page of marked fields (`core/fields.ts`) to the bytes of the same text. */
export interface CsvEncoder {
  header(): string;
  rows(rows: readonly (readonly Cell[])[]): string;
  /** Takes the page over: it may be empty afterwards. */
  fields(fields: Uint8Array): Uint8Array;
}

const QUOTED = /[",\r\n]|^$/;
const FORMULA = /^[=+\-@\t\r]/;
const SPECIAL = /[",\r\n]|^[=+\-@\t\r]|^$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Text in the database never holds it. */
const NUL = '\0';

const END = String.fromCharCode(FIELD_END);
const EMPTY = String.fromCharCode(EMPTY_TEXT);
const COMMA = 0x2c;
const LINE_FEED = 0x0a;

/** Where the search through a field stops: at its end, or at what may need more than a comma behind it. */
const STOPS = tableOf(`",\r\n${EMPTY}${END}`);
/** What may begin a formula. */
const LEADING = tableOf('=+-@\t\r');

/**
 * CSV as the contract has it: line feeds, null as an empty cell, empty text as `""`. Unless `exact`, text that a
 * spreadsheet would take for a formula gets a `'` in front.
 *
 * csv-stringify decides how a field is quoted, but it sees only the fields that need it, all those of a page at once:
 * the whole costs less than half of giving it every field, and comes out the same byte for byte.
 */
export async function csvEncoder(
  columns: readonly HistoryField[],
  options: { readonly exact: boolean },
): Promise<CsvEncoder> {
  const { stringify } = await import('csv-stringify/sync');
  const special = options.exact ? QUOTED : SPECIAL;
  const disarmed = (text: string): string =>
    !options.exact && FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;

  /** Quotes each text. None of them may hold the separator. */
  const quoteAll = (texts: readonly string[], separator: string): string[] =>
    stringify([texts as string[]], {
      quoted: true,
      quoted_empty: true,
      delimiter: separator,
      record_delimiter: separator,
    }).split(separator);

  return {
    header: () => stringify([columns]),
    rows(rows) {
      const output: (readonly Cell[])[] = [];
      const texts: string[] = [];
      const places: { readonly row: Cell[]; readonly column: number }[] = [];
      for (const row of rows) {
        let copy: Cell[] | undefined;
        for (let column = 0; column < row.length; column += 1) {
          const cell = row[column];
          if (typeof cell !== 'string' || !special.test(cell)) continue;
          copy ??= row.slice();
          const text = disarmed(cell);
          copy[column] = text;
          if (!QUOTED.test(text)) continue;
          texts.push(text);
          places.push({ row: copy, column });
        }
        output.push(copy ?? row);
      }
      // quoted_empty would quote null as well.
      if (texts.some((text) => text.includes(NUL))) return stringify(output as Cell[][], { quoted_match: /^$/ });
      const quoted = quoteAll(texts, NUL);
      for (const [index, place] of places.entries()) place.row[place.column] = quoted[index] ?? null;
      return output.map((row) => `${row.join(',')}\n`).join('');
    },
    fields(fields) {
      const bytes = Buffer.from(fields.buffer, fields.byteOffset, fields.byteLength);
      const places = delimit(bytes, columns.length);
      const toQuote: string[] = [];
      const quoting: Place[] = [];
      for (const place of places) {
        // One character a byte: all that is looked for is ASCII, and what is not stays as it is.
        const field = bytes.toString('latin1', place.begin, place.end);
        place.text = field === EMPTY ? '' : disarmed(field);
        if (QUOTED.test(place.text)) {
          toQuote.push(place.text);
          quoting.push(place);
        }
      }
      const quoted = quoteAll(toQuote, END);
      for (const [index, place] of quoting.entries()) place.text = quoted[index] ?? '';
      const text = replaced(bytes, places);
      release(fields);
      return text;
    },
  };
}

/** For each byte, whether it is one of these characters of ASCII. */
function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}

/** A field to look at: where it is, and what to write there, one character a byte. */
interface Place {
  readonly begin: number;
  readonly end: number;
  text: string;
}

/** Puts commas and line feeds for the marks, and gives the fields that may need more than that. */
function delimit(bytes: Buffer, columns: number): Place[] {
  const places: Place[] = [];
  let column = 0;
  for (let begin = 0; begin < bytes.length;) {
    let end = begin;
    if (LEADING[bytes[begin] ?? 0] === 0) {
      while (STOPS[bytes[end] ?? FIELD_END] === 0) end += 1;
    }
    if (bytes[end] !== FIELD_END) {
      end = bytes.indexOf(FIELD_END, end);
      places.push({ begin, end, text: '' });
    }
    column = column + 1 === columns ? 0 : column + 1;
    bytes[end] = column === 0 ? LINE_FEED : COMMA;
    begin = end + 1;
  }
  return places;
}

/** The bytes with the texts of these places in them. */
function replaced(bytes: Buffer, places: readonly Place[]): Buffer {
  const growth = places.reduce((sum, { begin, end, text }) => sum + text.length - (end - begin), 0);
  const output = Buffer.allocUnsafe(bytes.length + growth);
  let from = 0;
  let to = 0;
  for (const { begin, end, text } of places) {
    to += bytes.copy(output, to, from, begin);
    to += output.write(text, to, 'latin1');
    from = end;
  }
  bytes.copy(output, to, from);
  return output;
}
