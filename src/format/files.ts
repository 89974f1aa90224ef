import type { EntryField } from '../core/entry.js';
import { PLAIN_PALETTE } from '../terminal/colour.js';
import { FORMAT_NAMES, FORMATS } from './index.js';
import type { Formatter, FormatName } from './index.js';

const endingsOf = (name: FormatName): readonly string[] => FORMATS[name].endings;

/** The formats that files hold. */
export const FILE_FORMATS = FORMAT_NAMES.filter((name) => endingsOf(name).length > 0);

/** The format that the name of a file says, also of one that is compressed. */
export function formatOfFile(file: string): FormatName | undefined {
  const name = file.replace(/\.gz$/, '');
  return FILE_FORMATS.find((format) => endingsOf(format).some((ending) => name.endsWith(`.${ending}`)));
}

/** A formatter for a file, which is no screen; undefined for a format that only people read. */
export async function fileFormatter(
  format: FormatName,
  options: { readonly columns: readonly EntryField[]; readonly header: boolean; readonly exact: boolean },
): Promise<Exclude<Formatter, { readonly reads: 'entries' }> | undefined> {
  const screen = { columnsGiven: true, terminal: false, width: 80, zone: 'UTC', palette: PLAIN_PALETTE } as const;
  const plain = { bom: false, octets: false, shape: 'array' } as const;
  const formatter: Formatter = await FORMATS[format].make({ ...options, ...screen, ...plain });
  return formatter.reads === 'entries' ? undefined : formatter;
}
