import type { ImportFormat } from '../core/import.js';
import { anyCsv, anyNdjson } from './any-keys.js';
import { ledgrab } from './ledgrab.js';

/** The formats that can be imported, by name, in the order in which they are listed. */
export const IMPORT_FORMATS: ReadonlyMap<string, ImportFormat> = new Map(
  [anyNdjson, anyCsv, ledgrab].map((format) => [format.name, format]),
);
