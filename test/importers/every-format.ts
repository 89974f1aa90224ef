import path from 'node:path';
import { inTestDirectory } from '../support/cli.js';
import { djangoAuditlog, fixture, historyJson, ledgrab, lnbitsAudit, settlements } from '../support/sources.js';

interface FormatScene {
  /** Gives a source that is right, out of `fixtures/`. */
  readonly source: () => string;
  readonly options?: readonly string[];
}

const folder = (): string => path.dirname(inTestDirectory('any'));

/** Every format that can be imported, with a fixture of it and the options that it needs. */
export const EVERY_FORMAT: Readonly<Record<string, FormatScene>> = {
  ndjson: { source: () => fixture('demo/settlements.ndjson'), options: ['--source', 'demo'] },
  csv: {
    source: () => fixture('proconnect/audit_logs.csv'),
    options: ['--source', 'logs', '--map', 'id=id', '--map', 'ts=created_at', '--map', 'action=action'],
  },
  sqlite: {
    source: () => settlements(folder()).extension,
    options:
      '--table dca_settlement_audit --map ts=created_at --map action=action_type --map actor=author_user_id'.split(' '),
  },
  ledgrab: { source: () => ledgrab(folder()) },
  'settlement-audit': { source: () => settlements(folder()).extension },
  notes: {
    source: () => settlements(folder()).extension,
    options:
      '--source notes --table dca_settlements --key id --column notes --entity-type settlement --pattern memo,stamped'.split(
        ' ',
      ),
  },
  'audit-logs': { source: () => fixture('proconnect/audit_logs.csv') },
  'supa-audit': { source: () => fixture('relatives/supa-audit/record_version.csv') },
  'postgresql-audit': {
    source: () => fixture('relatives/postgresql-audit/joined.csv'),
    options: ['--assume-tz', 'UTC'],
  },
  'django-auditlog': { source: () => djangoAuditlog(folder()), options: ['--assume-tz', 'UTC'] },
  'logged-actions': { source: () => fixture('logged-actions/logged_actions.csv') },
  'lnbits-audit': { source: () => lnbitsAudit(folder()) },
  'sqlite-history-json': { source: () => historyJson(folder()), options: ['--table', '_history_json_items'] },
};
