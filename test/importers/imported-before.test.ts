import { readFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { IMPORT_FORMATS } from '../../src/importers/index.js';
import { inTestDirectory, json } from '../support/cli.js';
import { fixture } from '../support/sources.js';
import { imports } from './imported.js';

interface Case {
  readonly name: string;
  readonly format: string;
  readonly source: string;
  readonly options?: readonly string[];
}

const CASES = JSON.parse(readFileSync(fixture('imported/cases.json'), 'utf8')) as readonly Case[];

/** A file of the fixtures; what is SQL becomes a database. */
function sourceOf(source: string): string {
  if (!source.endsWith('.sql')) return fixture(source);
  const file = inTestDirectory(`${path.basename(source, '.sql')}.db`);
  const database = new Database(file);
  database.exec(readFileSync(fixture(source), 'utf8'));
  database.close();
  return file;
}

describe('what an earlier version imported', () => {
  test('has a case for every format of that version', () => {
    const formats = new Set(CASES.map(({ format }) => format));
    expect([...formats].filter((format) => !IMPORT_FORMATS.has(format))).toEqual([]);
    expect(formats.size).toBeGreaterThanOrEqual(10);
  });

  test.each(CASES)('is recognised: $name', async ({ name, format, source, options = [] }) => {
    const before = readFileSync(fixture(`imported/entries/${name}.ndjson`), 'utf8');
    const there = before.trimEnd().split('\n').length;
    expect(await json(['record', '--stdin', '--format', 'json'], { input: before })).toMatchObject({ recorded: there });
    const file = sourceOf(source);
    expect(await imports(format, file, ...options)).toMatchObject({ recorded: 0, skipped: there, rejected: 0 });
    expect(await json(['import', format, file, '--verify', '--format', 'json', ...options])).toMatchObject({
      entries: there,
      different: 0,
      rejected: 0,
    });
  });
});
