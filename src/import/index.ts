import type { ImportFormat } from '../core/import.js';
import { ledgrab } from './ledgrab.js';
import { notes } from './notes.js';
import { settlementAudit } from './settlement-audit.js';

/** The formats that can be imported, by name, in the order in which they are listed. */
export const IMPORT_FORMATS: ReadonlyMap<string, ImportFormat> = new Map(
  [ledgrab, settlementAudit, notes].map((format) => [format.name, format]),
);
