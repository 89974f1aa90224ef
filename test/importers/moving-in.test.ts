import { readFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, inTestDirectory, trail } from '../support/cli.js';
import { djangoAuditlog, fixture, historyJson } from '../support/sources.js';
import { imported, imports, linesFile, movesIn, staysTheSame, textFile } from './imported.js';

interface Exported {
  readonly format: string;
  /** Without its ending. */
  readonly name: string;
  readonly options: readonly string[];
  readonly records: number;
  readonly entries: number;
  /** A value of the last line, and another one. */
  readonly other: readonly [string, string];
}

const EXPORTS: readonly Exported[] = [
  {
    format: 'audit-logs',
    name: 'proconnect/audit_logs',
    options: [],
    records: 66,
    entries: 66,
    other: ['"Autre nom 11"', '"Un autre"'],
  },
  {
    format: 'supa-audit',
    name: 'relatives/supa-audit/record_version',
    options: [],
    records: 9,
    // A changed key makes two.
    entries: 10,
    other: ['99999999999999999.99', '99999999999999999.98'],
  },
  {
    format: 'postgresql-audit',
    name: 'relatives/postgresql-audit/joined',
    options: ['--assume-tz', 'UTC'],
    records: 6,
    entries: 6,
    other: ['"admin@example.com"', '"somebody"'],
  },
  {
    format: 'django-auditlog',
    name: 'relatives/django-auditlog/joined',
    options: [],
    records: 8,
    entries: 8,
    other: ['["paid", "None"]', '["open", "None"]'],
  },
];

describe.each(EXPORTS)('$format', ({ format, name, options, records, entries, other }) => {
  const lines = readFileSync(fixture(`${name}.ndjson`), 'utf8')
    .trimEnd()
    .split('\n');

  test('moves in from psql CSV, and JSON lines say the same to the last digit', async () => {
    const found = await movesIn(format, fixture(`${name}.csv`), ...options);
    expect(found).toHaveLength(entries);
    expect(new Set(found.map(({ id }) => id)).size).toBe(entries);
    await staysTheSame(format, fixture(`${name}.ndjson`), entries, ...options);
  });

  test('moves in from JSON lines, in the order of its serial numbers within a time', async () => {
    const found = await movesIn(format, linesFile('backwards.ndjson', ...lines.toReversed()), ...options);
    expect(found).toHaveLength(entries);
    const numbers = found.map(({ id, ts }) => [ts, Number(id.split(':')[1])] as const);
    const byTime = numbers.toSorted(([ts, number], [otherTs, otherNumber]) =>
      ts === otherTs ? number - otherNumber : ts < otherTs ? -1 : 1,
    );
    expect(numbers).toEqual(byTime);
  });

  test('a source that grew adds what is new', async () => {
    const first = linesFile('source.ndjson', ...lines.slice(0, -2));
    const { recorded } = await imports(format, first, ...options);
    const rest = await imports(format, linesFile('source.ndjson', ...lines), ...options);
    expect(rest).toMatchObject({ read: records, recorded: entries - recorded, skipped: recorded });
    expect(rest.recorded).toBe(2);
  });

  test('one id with two contents is a conflict, and is said', async () => {
    await imports(format, fixture(`${name}.ndjson`), ...options);
    const changed = lines.at(-1)?.replaceAll(other[0], other[1]) ?? '';
    expect(changed).not.toBe(lines.at(-1));
    const file = linesFile('changed.ndjson', ...lines.slice(0, -1), changed);
    const refused = await cli(['import', format, file, ...options]);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain(`${format}:${records} is recorded already, with another `);
    const rejects = inTestDirectory('rejects.ndjson');
    const set = await cli(['import', format, file, '--rejects', rejects, '--format', 'json', ...options]);
    expect(JSON.parse(set.stdout)).toMatchObject({ recorded: 0, skipped: entries - 1, rejected: 1 });
    expect(readFileSync(rejects, 'utf8')).toContain(
      `"position":"line ${records}","reason":"id ${format}:${records} is`,
    );
    const checked = await cli(['import', format, file, '--verify', ...options]);
    expect([checked.code, checked.stdout]).toEqual([
      3,
      expect.stringContaining(`${format}:${records} has an entry with`),
    ]);
    expect(await imported(format)).toHaveLength(entries);
  });

  test('a record without its id, or of a time that is none, is rejected by name', async () => {
    const [line = ''] = lines;
    const wrong = [
      line.replace('{"id":1,', '{"id":null,'),
      line.replaceAll(/"20\d\d-\d\d-\d\dT[^"]*"/g, '"2026-02-30T10:00:00"'),
    ];
    const rejects = inTestDirectory('rejects.ndjson');
    const file = linesFile('wrong.ndjson', ...wrong, line);
    const { stdout } = await cli(['import', format, file, '--rejects', rejects, '--format', 'json', ...options]);
    expect(JSON.parse(stdout)).toMatchObject({ read: 3, recorded: 1, rejected: 2 });
    const reasons = fromLines<{ reason: string }>(readFileSync(rejects, 'utf8')).map(({ reason }) => reason);
    expect(reasons).toEqual(['id is missing', expect.stringMatching(/^\w+ "2026-02-30T10:00:00" is not a time/)]);
  });

  test('a CSV that lacks a column is refused before anything is recorded', async () => {
    const { code, stderr } = await cli(['import', format, textFile('short.csv', 'id\n1\n'), ...options]);
    expect([code, stderr]).toEqual([6, expect.stringMatching(/the source has no column \w+: it has id/)]);
    expect(await imported(format)).toEqual([]);
  });
});

const HISTORY = ['--table', '_history_json_items'];

describe.each([
  { format: 'django-auditlog', make: djangoAuditlog, table: 'auditlog_logentry', options: ['--assume-tz', 'UTC'] },
  { format: 'sqlite-history-json', make: historyJson, table: '_history_json_items', options: HISTORY },
])('$format in SQLite', ({ format, make, table, options }) => {
  async function database(): Promise<string> {
    return make(path.dirname(await trail()));
  }

  function change(file: string, sql: string): void {
    const connection = new Database(file);
    connection.exec(sql);
    connection.close();
  }

  test('moves in', async () => {
    expect(await movesIn(format, await database(), ...options)).toHaveLength(8);
  });

  test('grown it adds what is new, and changed it is a conflict', async () => {
    const file = await database();
    await imports(format, file, ...options);
    change(
      file,
      `CREATE TEMP TABLE copy AS SELECT * FROM ${table} WHERE id = 8; UPDATE copy SET id = 9;
      INSERT INTO ${table} SELECT * FROM copy`,
    );
    expect(await imports(format, file, ...options)).toMatchObject({ read: 9, recorded: 1, skipped: 8 });
    change(file, `UPDATE ${table} SET timestamp = '2026-03-08 11:00:00' WHERE id = 9`);
    const { code, stderr } = await cli(['import', format, file, ...options]);
    expect([code, stderr]).toEqual([6, expect.stringContaining(':9 is recorded already, with another ts')]);
  });
});
