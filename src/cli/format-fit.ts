import { DaybookError } from '../core/errors.js';
import { formatNamed } from '../format/index.js';
import type { FormatName } from '../format/index.js';

/** Refuses what a format has no use for. Throws kind `usage`. */
export function checkFormatOptions(
  format: FormatName,
  { columns, octets }: { readonly columns: string | undefined; readonly octets: true | undefined },
): void {
  if (columns !== undefined && !formatNamed(format).takesColumns) {
    throw new DaybookError('usage', `--columns does not go with the ${format} format`, { hint: '… --format csv' });
  }
  if (octets === true && format !== 'rfc5424') {
    throw new DaybookError('usage', `--octet-framing is about syslog, and this is ${format}`, {
      hint: '… --format rfc5424',
    });
  }
}
