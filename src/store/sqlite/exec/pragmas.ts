import { refusedStatement } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';

/** Pragmas that only read, and those that do what they say within a transaction and no harm to the trail. */
const PRAGMAS: ReadonlySet<string> = new Set([
  'application_id',
  'collation_list',
  'compile_options',
  'database_list',
  'defer_foreign_keys',
  'foreign_key_check',
  'foreign_key_list',
  'freelist_count',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'legacy_alter_table',
  'module_list',
  'optimize',
  'page_count',
  'pragma_list',
  'quick_check',
  'recursive_triggers',
  'table_info',
  'table_list',
  'table_xinfo',
  'user_version',
]);

/**
 * Refuses a pragma that is not known to be harmless. SQLite runs some while it reads them: an EXPLAIN before one makes no
 * difference. Throws kind `usage`.
 */
export function refusePragma(statement: SqlStatement, pragma: string): void {
  if (PRAGMAS.has(pragma)) return;
  throw refusedStatement(
    statement,
    `PRAGMA ${pragma} is refused, since it does nothing or harm within a transaction; allowed are ${[...PRAGMAS].join(', ')}`,
  );
}
