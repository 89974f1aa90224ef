import type { HistoryField } from '../core/entry.js';
import type { Cell } from '../store/audit-store.js';

/** Rows of cells to CSV text. */
export interface CsvEncoder {
  header(): string;
  rows(rows: readonly (readonly Cell[])[]): string;
}

const QUOTED = /[",\r\n]|^$/;
const FORMULA = /^[=+\-@\t\r]/;
const SPECIAL = /[",\r\n]|^[=+\-@\t\r]|^$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Text in the database never holds it. */
const NUL = '\0';

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

  /** Quotes each text, or gives up where one of them holds the separator. */
  const quoteAll = (texts: readonly string[]): string[] | undefined => {
    if (texts.some((text) => text.includes(NUL))) return undefined;
    const records = texts.map((text) => [text]);
    return stringify(records, { quoted: true, quoted_empty: true, record_delimiter: NUL }).split(NUL);
  };

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
      const quoted = quoteAll(texts);
      // quoted_empty would quote null as well.
      if (quoted === undefined) return stringify(output as Cell[][], { quoted_match: /^$/ });
      for (const [index, place] of places.entries()) place.row[place.column] = quoted[index] ?? null;
      return output.map((row) => `${row.join(',')}\n`).join('');
    },
  };
}
