import type { HistoryField } from '../core/entry.js';
import { EMPTY_TEXT, FIELD_END } from '../core/fields.js';
import { disarmed } from '../core/formula.js';
import { release } from '../core/release.js';
import type { Cell } from '../core/cell.js';

/** Rows of cells to CSV text, or a page of marked fields (`core/fields.ts`) to the bytes of the same text. */
export interface CsvEncoder {
  header(): string;
  rows(rows: readonly (readonly Cell[])[]): string;
  /** Takes the page over: it may be empty afterwards. */
  fields(fields: Uint8Array): Uint8Array;
}

/** What RFC 4180 asks to quote. */
const QUOTED = /[",\r\n]|^$/;
/** Spreadsheets of many countries take a semicolon for the comma, and some a tab. */
const QUOTED_FOR_PEOPLE = /[",;\t\r\n]|^$/;
/** Text in the database never holds it. */
const NUL = '\0';

const END = String.fromCharCode(FIELD_END);
const EMPTY = String.fromCharCode(EMPTY_TEXT);
const COMMA = 0x2c;
const LINE_FEED = 0x0a;

/** Where the search through a field stops: at its end, or at what may need more than a comma behind it. */
const STOPS = tableOf(Buffer.from(`",\r\n${EMPTY}${END}`));
const STOPS_FOR_PEOPLE = tableOf(Buffer.from(`",;\t\r\n${EMPTY}${END}`));
/**
 * With which bytes of UTF-8 a text begins that may be a formula: signs, quote marks, what nobody sees, and the first bytes
 * of those beyond ASCII. Few texts of people do, but for those of Kana.
 */
const LEADING = tableOf(
  [
    Array.from({ length: 0x21 }, (_, code) => code).filter((code) => code !== FIELD_END),
    Array.from(Buffer.from("'=+-@\x7f")),
    [0xc2, 0xcd, 0xd8, 0xdb, 0xdc, 0xe0, 0xe1, 0xe2, 0xe3, 0xef, 0xf0, 0xf3],
  ].flat(),
);
const NO_LEADING = tableOf([]);

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
  const { exact } = options;
  const quoted = exact ? QUOTED : QUOTED_FOR_PEOPLE;
  const stops = exact ? STOPS : STOPS_FOR_PEOPLE;
  const leading = exact ? NO_LEADING : LEADING;

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
          if (typeof cell !== 'string') continue;
          const text = exact ? cell : disarmed(cell);
          const isQuoted = quoted.test(text);
          if (text === cell && !isQuoted) continue;
          copy ??= row.slice();
          copy[column] = text;
          if (!isQuoted) continue;
          texts.push(text);
          places.push({ row: copy, column });
        }
        output.push(copy ?? row);
      }
      // quoted_empty would quote null as well.
      if (texts.some((text) => text.includes(NUL))) return stringify(output as Cell[][], { quoted_match: quoted });
      const inQuotes = quoteAll(texts, NUL);
      for (const [index, place] of places.entries()) place.row[place.column] = inQuotes[index] ?? null;
      return output.map((row) => `${row.join(',')}\n`).join('');
    },
    fields(fields) {
      const bytes = Buffer.from(fields.buffer, fields.byteOffset, fields.byteLength);
      const places = delimit(bytes, columns.length, { stops, leading });
      const toQuote: string[] = [];
      const quoting: Place[] = [];
      for (const place of places) {
        // One character a byte: all that is looked for is ASCII, and what is not stays as it is.
        const field = bytes.toString('latin1', place.begin, place.end);
        place.text = field === EMPTY ? '' : place.mayBeFormula && isFormula(bytes, place) ? `'${field}` : field;
        if (quoted.test(place.text)) {
          toQuote.push(place.text);
          quoting.push(place);
        }
      }
      const inQuotes = quoteAll(toQuote, END);
      for (const [index, place] of quoting.entries()) place.text = inQuotes[index] ?? '';
      const text = replaced(bytes, places);
      release(fields);
      return text;
    },
  };
}

/** For each byte, whether it is one of these. */
function tableOf(bytes: Iterable<number>): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytes) table[byte] = 1;
  return table;
}

/** A field to look at: where it is, and what to write there, one character a byte. */
interface Place {
  readonly begin: number;
  readonly end: number;
  readonly mayBeFormula: boolean;
  text: string;
}

function isFormula(bytes: Buffer, { begin, end }: Place): boolean {
  const text = bytes.toString('utf8', begin, end);
  return disarmed(text) !== text;
}

/** Puts commas and line feeds for the marks, and gives the fields that may need more than that. */
function delimit(
  bytes: Buffer,
  columns: number,
  { stops, leading }: { readonly stops: Uint8Array; readonly leading: Uint8Array },
): Place[] {
  const places: Place[] = [];
  let column = 0;
  for (let begin = 0; begin < bytes.length;) {
    let end = begin;
    const mayBeFormula = leading[bytes[begin] ?? 0] === 1;
    if (!mayBeFormula) {
      while (stops[bytes[end] ?? FIELD_END] === 0) end += 1;
    }
    if (bytes[end] !== FIELD_END) {
      end = bytes.indexOf(FIELD_END, end);
      places.push({ begin, end, mayBeFormula, text: '' });
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
