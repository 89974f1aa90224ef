import { refusedStatement } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';

/** What tools write around a migration, where it asks for no more than what exec does anyway. */
export interface GeneratedFrame {
  /** Whether a statement is one of the pair BEGIN and COMMIT around all others: then it is not run. Throws kind `usage`. */
  takes(statement: SqlStatement): boolean;
  /** Refuses a foreign_keys pragma that asks for something else than exec was asked for. Throws kind `usage`. */
  agree(statement: SqlStatement): void;
  /** Throws kind `usage` where BEGIN has no COMMIT. */
  end(): void;
}

export function generatedFrame(foreignKeys: boolean): GeneratedFrame {
  let begun: SqlStatement | undefined;
  let [anyRun, isClosed, wereOff] = [false, false, false];
  return {
    takes(statement) {
      const [word = ''] = statement.explained ? [] : statement.words;
      if (isClosed && statement.pragma === null) {
        throw refusedStatement(statement, 'it stands behind COMMIT, and exec runs all of its SQL in one transaction');
      }
      if (word === 'BEGIN' && begun === undefined && !anyRun) {
        begun = statement;
        return true;
      }
      if ((word === 'COMMIT' || word === 'END') && begun !== undefined) {
        isClosed = true;
        return true;
      }
      if (statement.pragma === null) anyRun = true;
      return false;
    },
    agree(statement) {
      const asked = askedOf(statement);
      if (asked === undefined) {
        throw refusedStatement(
          statement,
          'PRAGMA foreign_keys is refused, since SQLite ignores it within a transaction: leave it out, and say it with --foreign-keys',
          '… --foreign-keys off',
        );
      }
      // To switch them on again is the end of what was done without them.
      if (asked === 'reads' || asked === foreignKeys || (asked && wereOff)) {
        wereOff ||= asked === false;
        return;
      }
      const word = asked ? 'on' : 'off';
      throw refusedStatement(
        statement,
        `foreign keys are ${foreignKeys ? 'on' : 'off'} for all of this SQL, and the pragma asks for ${word}, which SQLite ignores within a transaction: say it with --foreign-keys`,
        `… --foreign-keys ${word}`,
      );
    },
    end() {
      if (begun !== undefined && !isClosed) {
        throw refusedStatement(begun, 'BEGIN has no COMMIT: exec runs its SQL in one transaction, leave it out');
      }
    },
  };
}

const PRAGMA =
  /^PRAGMA\s+(?:main\s*\.\s*)?(?:foreign_keys|"foreign_keys"|`foreign_keys`|\[foreign_keys\])\s*(?:=\s*(?<set>[^\s;()]+)|\(\s*(?<called>[^\s;()]+)\s*\))?\s*;?$/i;
const ON = /^(?:on|yes|true|1)$/i;
const OFF = /^(?:off|no|false|0)$/i;

/** What the pragma asks for; undefined where that cannot be read. */
function askedOf({ text, explained }: SqlStatement): boolean | 'reads' | undefined {
  const found = explained ? null : PRAGMA.exec(text.trim());
  if (found === null) return undefined;
  const value = (found.groups?.['set'] ?? found.groups?.['called'])?.replace(/^(["'])(.*)\1$/, '$2');
  if (value === undefined) return 'reads';
  return ON.test(value) ? true : OFF.test(value) ? false : undefined;
}
