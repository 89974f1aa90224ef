import { refusedStatement } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';
import type { Effects } from './statement-effects.js';

/** Sees to it that savepoints stand in pairs. */
interface SavepointStack {
  /** Throws kind `usage` for a savepoint that is gone back to or released, and does not stand. */
  take(statement: SqlStatement, effects: Effects): void;
  /** Behind the last statement. Throws kind `usage` for a savepoint that still stands. */
  end(): void;
}

export function savepointStack(): SavepointStack {
  const open: { readonly name: string; readonly statement: SqlStatement }[] = [];
  return {
    take(statement, { savepoint }) {
      if (savepoint === null) return;
      // SQLite tells them apart as it does tables: without regard to the case of ASCII.
      const name = savepoint.name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
      if (savepoint.does === 'begin') {
        open.push({ name, statement });
        return;
      }
      const place = open.findLastIndex((each) => each.name === name);
      if (place < 0) {
        throw refusedStatement(statement, `there is no savepoint ${savepoint.name} to go back to or to release`);
      }
      // Going back to a savepoint leaves it open.
      open.length = savepoint.does === 'release' ? place : place + 1;
    },
    end() {
      const left = open.at(-1);
      if (left !== undefined) throw refusedStatement(left.statement, 'the savepoint is never released');
    },
  };
}
