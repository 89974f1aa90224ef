import type { ImportFormat } from '../core/import.js';
import { anyCsv, anyNdjson, anyTable } from './any-keys.js';
import { auditLogs } from './audit-logs.js';
import { djangoAuditlog } from './django-auditlog.js';
import { ledgrab } from './ledgrab.js';
import { lnbitsAudit } from './lnbits-audit.js';
import { loggedActions } from './logged-actions.js';
import { notes } from './notes.js';
import { postgresqlAudit } from './postgresql-audit.js';
import { settlementAudit } from './settlement-audit.js';
import { sqliteHistoryJson } from './sqlite-history-json.js';
import { supaAudit } from './supa-audit.js';

/** The formats that can be imported, by name, in the order in which they are listed. */
export const IMPORT_FORMATS: ReadonlyMap<string, ImportFormat> = new Map(
  [
    anyNdjson,
    anyCsv,
    anyTable,
    ledgrab,
    settlementAudit,
    notes,
    auditLogs,
    supaAudit,
    postgresqlAudit,
    djangoAuditlog,
    sqliteHistoryJson,
    loggedActions,
    lnbitsAudit,
  ].map((format) => [format.name, format]),
);
