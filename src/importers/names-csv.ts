import { DIRECTORY_KEYS } from '../core/directory.js';
import type { DirectoryKey, ListedActor } from '../core/directory.js';
import { DaybookError } from '../core/errors.js';
import { undisarmed } from '../core/formula.js';
import { listed as namesOf, shown } from '../core/json.js';
import { csvRows } from './csv-rows.js';
import type { BrokenCsv, CsvRecord } from './csv-rows.js';

/** Which column holds what. Without a word for the address, it is taken from `email`, where there is such a column. */
export type NameColumns = Readonly<Partial<Record<DirectoryKey, string>>>;

export interface NamesInCsv {
  readonly withEmail: boolean;
  readonly list: AsyncIterable<readonly ListedActor[]>;
}

type Rows = readonly (CsvRecord | BrokenCsv)[];

/**
 * Reads names from CSV with a header line, as it comes, in memory that does not grow with it. Throws kind `data`, naming
 * the line, for what is no CSV, no UTF-8, or lacks a column. In a list of our own, formulas were disarmed, unless `exact`.
 */
export async function namesInCsv(
  bytes: AsyncIterable<Uint8Array>,
  columns: NameColumns,
  exact = false,
): Promise<NamesInCsv> {
  const pages = csvRows(bytes, { bareQuotes: 'broken' });
  try {
    const { value: first = [] } = await pages.next();
    const [header, ...others] = first as Rows;
    if (header === undefined) throw new DaybookError('data', 'there is no header line, such as id,name,email');
    const { places, width } = readHeader(whole(header), columns);
    const isOwn = header.text === DIRECTORY_KEYS.join(',');
    const valueOf = isOwn && !exact ? undisarmed : (text: string): string => text;
    return { withEmail: places.email !== undefined, list: listed(others, pages, places, { width, valueOf }) };
  } catch (error) {
    // Nobody will read the rest.
    await pages.return();
    throw error;
  }
}

function whole(row: CsvRecord | BrokenCsv): CsvRecord {
  if ('problem' in row) throw new DaybookError('data', `line ${row.line}: ${row.problem}`);
  return row;
}

type Places = { readonly id: number; readonly name: number; readonly email: number | undefined };

function readHeader(
  { line, cells }: CsvRecord,
  columns: NameColumns,
): { readonly places: Places; readonly width: number } {
  const header = cells.map((name) => name ?? '');
  const place = (key: DirectoryKey): number | undefined => {
    const wanted = columns[key] ?? key;
    const found = header.indexOf(wanted);
    if (found >= 0 && header.includes(wanted, found + 1)) {
      throw new DaybookError('data', `line ${line}: there are two columns ${shown(wanted)}`);
    }
    if (found >= 0 || (key === 'email' && columns.email === undefined)) return found < 0 ? undefined : found;
    throw new DaybookError('data', `line ${line}: no column ${shown(wanted)} for the ${key}: ${namesOf(header)}`, {
      hint: `… --columns ${DIRECTORY_KEYS.map((one) => `${one}=<column>`).join(',')}`,
    });
  };
  return { places: { id: place('id') ?? 0, name: place('name') ?? 0, email: place('email') }, width: header.length };
}

async function* listed(
  first: Rows,
  pages: AsyncIterable<Rows>,
  { id, name, email }: Places,
  { width, valueOf }: { readonly width: number; readonly valueOf: (text: string) => string },
): AsyncGenerator<readonly ListedActor[]> {
  const actorOf = (row: CsvRecord | BrokenCsv): ListedActor => {
    const { line, cells } = whole(row);
    if (cells.length !== width) {
      throw new DaybookError('data', `line ${line}: ${cells.length} fields, and the header has ${width}`);
    }
    const address = email === undefined ? '' : valueOf(cells[email] ?? '');
    return {
      actor: valueOf(cells[id] ?? ''),
      name: valueOf(cells[name] ?? ''),
      // An address that is empty is none.
      email: address === '' ? null : address,
      place: `line ${line}`,
    };
  };
  yield first.map(actorOf);
  for await (const rows of pages) yield rows.map(actorOf);
}
