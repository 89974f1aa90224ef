import { PLAIN_PALETTE } from '../terminal/colour.js';
import { FORMAT_NAMES, FORMATS } from './index.js';
import type { Formatter, FormatName, FormatOptions } from './index.js';

const endingsOf = (name: FormatName): readonly string[] => FORMATS[name].endings;

/** The formats that files hold. */
export const FILE_FORMATS = FORMAT_NAMES.filter((name) => endingsOf(name).length > 0);

/** The format that the name of a file says, also of one that is compressed. */
export function formatOfFile(file: string): FormatName | undefined {
  const name = file.replace(/\.gz$/, '');
  return FILE_FORMATS.find((format) => endingsOf(format).some((ending) => name.endsWith(`.${ending}`)));
}

/** A formatter for a file, or for a stream that programs read; undefined for a format that only people read. */
export async function fileFormatter(
  format: FormatName,
  options: Pick<FormatOptions, 'columns' | 'header' | 'exact'> &
    Partial<Pick<FormatOptions, 'terminal' | 'bom' | 'octets'>>,
): Promise<Exclude<Formatter, { readonly reads: 'entries' }> | undefined> {
  const screen = { columnsGiven: true, terminal: false, width: 80, zone: 'UTC', palette: PLAIN_PALETTE } as const;
  const plain = { bom: false, octets: false, shape: 'array' } as const;
  const formatter: Formatter = await FORMATS[format].make({ ...screen, ...plain, ...options });
  return formatter.reads === 'entries' ? undefined : formatter;
}
