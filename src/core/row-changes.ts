/**
 * What a trail of row changes tells of a row: all of it before and after each change, the fields that changed before and
 * after, or the new values alone.
 */
export type RowTelling = 'rows' | 'fields' | 'new values';

/** The formats of import whose entries are row changes. Each is the name of its source too, where none is given. */
export const ROW_CHANGE_FORMATS: Readonly<Record<string, RowTelling>> = {
  'audit-logs': 'rows',
  'supa-audit': 'rows',
  'postgresql-audit': 'rows',
  'logged-actions': 'rows',
  'django-auditlog': 'fields',
  'sqlite-history-json': 'new values',
};
