import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

// A condition that one place does not know would match everything there. So each place is a table that does not build
// until it has the new one: the files of these tests are all that handle conditions.

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Which files of a copy no longer build where its filter has this change. */
function broken(from: string, to: string): string[] {
  const copy = mkdtempSync(path.join(tmpdir(), 'daybook-filter-'));
  onTestFinished(() => rmSync(copy, { recursive: true }));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  for (const part of ['src', 'test/store', 'package.json', 'tsconfig.json']) {
    cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
  }
  writeFileSync(
    path.join(copy, 'tsconfig.copy.json'),
    JSON.stringify({
      extends: './tsconfig.json',
      include: ['src'],
      files: ['test/store/oracle.ts', 'test/store/arbitraries.ts'],
    }),
  );
  const filter = path.join(copy, 'src/core/filter.ts');
  const text = readFileSync(filter, 'utf8');
  expect(text).toContain(from);
  writeFileSync(filter, text.replace(from, to));
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [tsc, '--project', 'tsconfig.copy.json', '--pretty', 'false'],
    {
      cwd: copy,
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  const files = stdout.split('\n').flatMap((line) => /^([^( ]+)\(\d+,\d+\): error /.exec(line)?.[1] ?? []);
  return [...new Set(files)].toSorted();
}

/** What handles the conditions that may also be excluded. */
const OF_CONDITIONS = [
  'src/cli/filters.ts',
  'src/core/erasure.ts',
  'src/core/filter-described.ts',
  'src/core/filter-shape.ts',
  'src/core/filter-text.ts',
  'src/core/filter-words.ts',
  'src/core/match.ts',
  'src/core/prune-reach.ts',
  'src/store/postgres/trail/compile.ts',
  'src/store/sqlite/trail/compile.ts',
  'src/store/sqlite/trail/drive.ts',
  'test/store/arbitraries.ts',
  'test/store/oracle.ts',
];

test.each([
  ['a condition', 'readonly search?: string;', 'readonly search?: string; readonly host?: string;', OF_CONDITIONS],
  [
    'a condition of the whole filter',
    'readonly reverted?: boolean;',
    'readonly reverted?: boolean; readonly sealed?: boolean;',
    // What is typed for one of these is read by name.
    OF_CONDITIONS.filter((name) => name !== 'src/core/filter-text.ts'),
  ],
  // What only compares a column with a list knows every such column.
  [
    'a column that is compared with a list',
    "'source',\n",
    "'source',\n  'recorded_by',\n",
    [
      'src/cli/filters.ts',
      'src/core/filter-text.ts',
      'src/core/filter-words.ts',
      'src/core/prune-reach.ts',
      'src/store/sqlite/trail/drive.ts',
      'test/store/arbitraries.ts',
      'test/store/oracle.ts',
    ],
  ],
] as const)('%s', { timeout: 120_000 }, (_name, from, to, places) => {
  expect(broken(from, to)).toEqual(places);
});
