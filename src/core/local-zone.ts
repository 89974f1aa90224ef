import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { IANAZone } from 'luxon';
import { DaybookError } from './errors.js';
import { shown } from './json.js';

/** Where systems keep their zones, a file each. */
const ZONES = '/usr/share/zoneinfo';

/**
 * The zone that the C library reads out of the variable TZ: the name of one, `:name`, or the path of a file; nothing is UTC.
 * Undefined where the variable is not set: then the system says.
 * Throws kind `usage`, naming TZ, for what has no name among the zones, such as rules that are written out.
 */
export function zoneOfVariable(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const name = variable.replace(/^:/, '');
  if (name === '' || /^(?:UTC|GMT)0?$/.test(name)) return 'UTC';
  const zone = name.startsWith('/') ? zoneOfFile(name) : name;
  if (zone !== undefined && isZone(zone)) return zone;
  throw new DaybookError('usage', `TZ ${shown(variable)} is no zone with a name: write one, such as Europe/Berlin`, {
    hint: 'daybook --tz UTC …',
  });
}

function isZone(name: string): boolean {
  return /^[a-z]/i.test(name) && IANAZone.isValidZone(name);
}

/** The zone that a file is: by the place that it leads to, or as the same file among all zones. */
function zoneOfFile(file: string): string | undefined {
  try {
    const place = realpathSync(file);
    const name = /\/zoneinfo\/(?:(?:posix|right)\/)?(.+)$/.exec(place)?.[1];
    if (name !== undefined && isZone(name)) return name;
    const bytes = readFileSync(place);
    return readdirSync(ZONES, { recursive: true, encoding: 'utf8' })
      .toSorted()
      .find((one) => isZone(one) && isSame(path.join(ZONES, one), bytes));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function isSame(file: string, bytes: Buffer): boolean {
  const { size } = statSync(file);
  return size === bytes.length && readFileSync(file).equals(bytes);
}
