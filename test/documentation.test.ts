import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

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
