import { execFileSync } from 'node:child_process';
import path from 'node:path';
import Database from 'better-sqlite3';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/capture');

type Errors = (string | null)[];

/** Each runs statements on a database, one after the other in one session, and gives the error of each, or null. */
export const PROGRAMS: readonly (readonly [string, (file: string, statements: readonly string[]) => Errors])[] = [
  ['better-sqlite3', inOwn],
  ['the sqlite3 shell', inShell],
  ['python', inPython],
];

function inOwn(file: string, statements: readonly string[]): Errors {
  const connection = new Database(file, { timeout: 0 });
  try {
    return statements.map((statement) => {
      try {
        connection.exec(statement);
        return null;
      } catch (error) {
        return (error as Error).message;
      }
    });
  } finally {
    connection.close();
  }
}

function inShell(file: string, statements: readonly string[]): Errors {
  const script = statements.map((statement) => `${statement};\n.print "--"\n`).join('');
  const output = execFileSync('sh', ['-c', 'sqlite3 "$0" 2>&1 || true', file], { input: script, encoding: 'utf8' });
  return output
    .split('--\n')
    .slice(0, -1)
    .map((text) => (/error/i.test(text) ? text : null));
}

function inPython(file: string, statements: readonly string[]): Errors {
  const input = `${JSON.stringify(statements)}\n`;
  return JSON.parse(
    execFileSync('python3', [path.join(FIXTURES, 'writer.py'), file], { input, encoding: 'utf8' }),
  ) as Errors;
}
