import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../src/cli/main.js';
import { ENTRY_FIELDS } from '../src/core/entry.js';
import { VERDICTS } from '../src/core/evidence/verdicts.js';
import { FORMAT_NAMES, FORMATS } from '../src/format/index.js';
import { IMPORT_FORMATS } from '../src/importers/index.js';

const ROOT = path.resolve(import.meta.dirname, '..');
const PAGES = readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`);
const ALL = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...PAGES];

/** A page without its examples. */
function proseOf(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8').replaceAll(/^ *```[^]*?^ *```$/gm, '');
}

/** Where the links of a page lead that stay among ours: `page` or `page#heading`, from the root. */
function linksOf(page: string): string[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets
    .filter((target) => !/^https?:/.test(target))
    .map((target) =>
      target.startsWith('#') ? page + target : path.posix.normalize(path.posix.join(path.dirname(page), target)),
    );
}

/** The headings of a page, as links name them. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(ALL)('every link of %s leads to a page and a heading that are there', (page) => {
  for (const link of linksOf(page)) {
    const [target = '', anchor] = link.split('#');
    expect(existsSync(path.join(ROOT, target)), link).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor);
  }
});

test('README.md leads to every page', () => {
  expect(linksOf('README.md')).toEqual(expect.arrayContaining(PAGES));
});

test('what README.md leads to is in the package', () => {
  const { files } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  for (const link of linksOf('README.md')) expect(files, link).toContain(link.split(/[/#]/)[0]);
});

/** The cells of each row of the tables of a page, below a heading where one is given, without the rows that head them. */
function rowsOf(page: string, heading?: string): string[][] {
  const text = heading === undefined ? proseOf(page) : sectionOf(page, heading);
  return [...text.matchAll(/^\| *(`.*)\|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
}

/** What stands below a heading, up to the next one that is not below it. */
function sectionOf(page: string, heading: string): string {
  const text = readFileSync(path.join(ROOT, page), 'utf8');
  const [, level = '', below = ''] = new RegExp(`^(#+) ${heading}\n([^]*)`, 'm').exec(text) ?? [];
  const end = below.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end === -1 ? below : below.slice(0, end);
}

const coded = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

// What is added to the program is added to these pages as well.

test('docs/scripts.md has a section for every command', async () => {
  const headings = [...sectionOf('docs/scripts.md', 'Commands and what they print').matchAll(/^### (.+)$/gm)];
  const told = new Set(headings.flatMap(([, heading = '']) => heading.split(', ')));
  expect((await buildProgram()).commands.map((command) => command.name()).filter((name) => !told.has(name))).toEqual(
    [],
  );
});

test('docs/scripts.md has a row for every format of output, with the names of its files', () => {
  const rows = rowsOf('docs/scripts.md', 'An entry').map(([name, files]) => [coded(name)[0], coded(files)]);
  expect(rows).toEqual(FORMAT_NAMES.map((name) => [name, FORMATS[name].endings.map((ending) => `.${ending}`)]));
});

test('docs/scripts.md shows every field of an entry, in its order', () => {
  const [, json = ''] = /```json\n([^]*?)```/.exec(sectionOf('docs/scripts.md', 'An entry')) ?? [];
  expect(Object.keys(JSON.parse(json) as object)).toEqual(ENTRY_FIELDS);
});

test('docs/scripts.md has a row for every verdict', () => {
  const rows = rowsOf('docs/scripts.md', 'verify').map(([code, severity, about]) => [coded(code)[0], severity, about]);
  expect(rows).toEqual(Object.entries(VERDICTS).map(([code, { severity, about }]) => [code, severity, about]));
});

test('docs/plain-sql.md has a row for every column of the trail', () => {
  const rows = rowsOf('docs/plain-sql.md', 'The columns').map(([name]) => coded(name)[0]);
  expect(rows).toEqual([...ENTRY_FIELDS, 'ts_ms']);
});

test('docs/import-formats.md has every format that can be imported', () => {
  const rows = rowsOf('docs/import-formats.md').flatMap(([name]) => coded(name));
  expect(rows.toSorted()).toEqual([...IMPORT_FORMATS.keys()].toSorted());
});

test('docs/row-changes.md leaves each secret column of ProConnect out of every export', () => {
  const page = readFileSync(path.join(ROOT, 'docs/row-changes.md'), 'utf8');
  const secret = rowsOf('docs/row-changes.md', 'Rehearse').flatMap(([columns]) => coded(columns));
  expect(secret).toEqual(
    expect.arrayContaining(
      'encrypted_password encrypted_totp_key magic_link_token verify_email_token current_challenge'.split(' '),
    ),
  );
  const left = [...page.matchAll(/_values - '\{([^}]*)\}'/g)].map(([, columns = '']) => columns.split(','));
  expect(left).toHaveLength(4);
  for (const columns of left) expect(columns.toSorted()).toEqual(secret.toSorted());
  for (const column of secret) expect(page).toMatch(new RegExp(`--redact\\s+${column}\\b`));
});
