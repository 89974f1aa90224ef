import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, startBrowser } from '../support/browser.js';
import type { Browser } from '../support/browser.js';
import { run, runWithStdin, temporaryDirectory } from '../support/program.js';

/** What strangers write to break out of a page: each runs a script, loads something, or moves text about, if it can. */
const HOSTILE = [
  '<script>document.title = "broken"</script>',
  '</svg></table><img src=x onerror="document.title = \'broken\'">',
  '"><style>body { display: none }</style>',
  "' onmouseover='alert(1)",
  '</title></style></head><iframe src="https://example.org">',
  '<a href="javascript:alert(1)">here</a><form action="https://example.org"><button>go</button></form>',
  '&lt;b&gt; &#60;',
  'user\u202egpj.exe',
  'mark\u200bed \u2066apart',
  'nul-like \u0001 and \u009b2J',
  'שלום, עולם',
  'two  blanks',
];

async function trailOf(cwd: string): Promise<void> {
  const entries = Array.from({ length: 220 }, (_, n) => {
    const text = HOSTILE[n % HOSTILE.length] ?? '';
    return {
      id: `e-${n}`,
      action: n % 5 === 0 ? text : 'update',
      actor: n < 200 ? text : 'unknown',
      actor_name: n % 3 === 0 ? text : null,
      scope: `machine:${text}`,
      entity_type: 'settlement',
      entity_id: n % 2 === 0 ? '42' : text,
      entity_name: text,
      message: `${text}\n${text}`,
      metadata: { table: text },
      changed_fields: [text],
      correlation_id: `c-${n >> 2} ${HOSTILE[(n >> 2) % HOSTILE.length]}`,
      ...(n % 3 === 0 ? { old_values: { [text]: text, same: 1 }, new_values: { [text]: [text], same: 1 } } : {}),
      source: text,
      ts: new Date(Date.UTC(2026, 0, 1) + n * 1_800_000).toISOString(),
    };
  });
  await run(['init'], { cwd });
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const { code, stderr } = await runWithStdin(['record', '--stdin', '--quiet'], lines, { cwd });
  if (code !== 0) throw new Error(stderr);
}

const REPORTS: readonly (readonly string[])[] = [
  ['actors'],
  ['actors', '--by', 'action'],
  ['entities'],
  ['scopes'],
  ['fields'],
  ['severities'],
  ['timeline', '--bucket', 'hour'],
  ['timeline', '--by', 'actor'],
  ['hours'],
  ['bursts', '--window', '1w'],
  ['unattributed'],
  ['case', 'settlement:42'],
];

const directory = mkdtempSync(path.join(tmpdir(), 'daybook-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let made: Promise<void> | undefined;

/** The directory with the trail, which the first test makes. */
async function shared(): Promise<string> {
  made ??= trailOf(directory);
  await made;
  return directory;
}

describe('the file of a page', () => {
  test('appears whole, for its owner alone, and never over another one', async () => {
    const cwd = temporaryDirectory();
    await trailOf(cwd);
    const file = path.join(cwd, 'page.html');
    expect(await run(['report', 'actors', '--html', 'page.html'], { cwd })).toMatchObject({ code: 0, stdout: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    writeFileSync(file, 'precious');
    expect(await run(['report', 'actors', '--html', 'page.html'], { cwd })).toMatchObject({
      code: 7,
      stdout: '',
      stderr: expect.stringContaining('page.html exists already (--force replaces it)\n'),
    });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(await run(['report', 'actors', '--html', 'page.html', '--force'], { cwd })).toMatchObject({ code: 0 });
    expect(await run(['report', 'actors', '--html', 'no/page.html'], { cwd })).toMatchObject({ code: 1 });
    expect(await run(['report', 'actors', '--html', 'x.html', '--format', 'json'], { cwd })).toMatchObject({ code: 2 });
    const printed = await run(['report', 'actors', '--html', '-'], { cwd });
    expect(printed.stdout).toMatch(/^<!doctype html>/);
  });

  test('holds no text of strangers as markup, nor characters that hide', async () => {
    for (const words of REPORTS) {
      const { stdout } = await run(['report', ...words, '--html', '-'], { cwd: await shared() });
      // Links lead to places of the page itself, whatever is in an id.
      const unlinked = stdout.replaceAll(/<a href="#(?:entry|unit|told)-(?:[\w%.~()!*-]|&#39;)+">/g, '');
      expect(unlinked).not.toMatch(
        /<(?:script|img|iframe|form|a|button)\b|(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069\u200b]/u,
      );
      // One style, which is the one that the policy names by its checksum.
      const [, style = '', ...more] = stdout.split(/<style>|<\/style>/);
      expect(more).toHaveLength(1);
      expect(stdout).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
      const tags = unlinked.match(/<[a-z][^>]*>/g) ?? [];
      expect(tags.filter((tag) => /\b(?:src|href|style|on\w+)=/.test(tag))).toEqual([]);
    }
  });
});

describe.skipIf(CHROMIUM === undefined)('a page in a browser (chromium)', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  async function page(words: readonly string[]): Promise<string> {
    const file = path.join(temporaryDirectory(), 'page.html');
    const { code, stderr } = await run(['report', ...words, '--html', file], { cwd: await shared() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return file;
  }

  test.each(REPORTS.map((words) => ({ words })))(
    '$words shows what it should and does nothing',
    async ({ words }) => {
      const file = await page(words);
      for (const dark of [false, true]) {
        const opened = await browser.open(file, { dark });
        expect(opened.complaints).toEqual([]);
        expect(opened.requests).toHaveLength(1);
        expect(await opened.evaluate<string>('document.title')).not.toBe('broken');
        expect(
          await opened.evaluate(
            `document.querySelectorAll('script, img, iframe, form, a:not([href^="#"]), button, link, object').length`,
          ),
        ).toBe(0);
        expect(await opened.evaluate('document.querySelectorAll("style").length')).toBe(1);
        // The style holds, so its checksum is right.
        const [back, text] = await opened.evaluate<string[]>(
          '(({ backgroundColor, color }) => [backgroundColor, color])(getComputedStyle(document.body))',
        );
        expect([back, text]).toEqual(
          dark ? ['rgb(20, 23, 27)', 'rgb(228, 232, 237)'] : ['rgb(255, 255, 255)', 'rgb(28, 32, 38)'],
        );
        const drawn = words.includes('case') ? 'article' : 'svg';
        expect(await opened.evaluate<number>(`document.querySelectorAll("${drawn}").length`)).toBeGreaterThan(0);
      }
    },
    60_000,
  );

  test('would do nothing even with markup of strangers in it: its policy forbids that', async () => {
    const file = await page(['severities']);
    const markup = `<script>document.title = 'broken'</script><img src="https://example.org/x.png" onerror="document.title = 'broken'">
      <style>body { background: rgb(1, 2, 3) }</style><p style="position: fixed" onclick="1">x</p><iframe src="data:text/html,x"></iframe>`;
    writeFileSync(file, readFileSync(file, 'utf8').replace('</main>', `${markup}</main>`));
    const opened = await browser.open(file);
    expect(await opened.evaluate<string>('document.title')).toBe('severities');
    expect(await opened.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await opened.evaluate('getComputedStyle(document.querySelector("p[style]")).position')).toBe('static');
    // What complains is the browser, of each of them.
    expect(opened.complaints.length).toBeGreaterThanOrEqual(4);
    expect(opened.complaints.every((complaint) => complaint.includes('Content Security Policy'))).toBe(true);
  });

  test('fits a narrow screen', async () => {
    const file = await page(['actors']);
    const opened = await browser.open(file, { width: 380 });
    expect(await opened.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380);
  });

  test('says every text of strangers as text', async () => {
    const opened = await browser.open(await page(['scopes']));
    const cells = await opened.evaluate<string[]>(
      '[...document.querySelectorAll("tbody td:first-child")].map((cell) => cell.textContent)',
    );
    expect(cells).toEqual(
      expect.arrayContaining([
        ...HOSTILE.slice(0, 7).map((text) => `machine:${text}`),
        String.raw`machine:user\u202egpj.exe`,
        String.raw`machine:mark\u200bed \u2066apart`,
        'machine:שלום, עולם',
      ]),
    );
  });

  test('has commands that are copied as they are', async () => {
    const opened = await browser.open(await page(['bursts', '--window', '1w', '--more-than', '1']));
    const commands = await opened.evaluate<[string, string][]>(
      '[...document.querySelectorAll("tr.command code")].map((code) => [code.innerText, code.textContent])',
    );
    expect(commands.map(([, written]) => written)).toContainEqual(expect.stringContaining("--actor 'two  blanks' "));
    for (const [copied, written] of commands) expect(copied).toBe(written);
  });

  test('of a case begins with its timeline, and each link leads to a place that it has once', async () => {
    const opened = await browser.open(await page(['case', 'settlement:42']));
    expect(await opened.evaluate('document.querySelector("h1").nextElementSibling.localName')).toBe('figure');
    const [links, missing, twice] = await opened.evaluate<[number, string[], number]>(`(() => {
      const links = [...document.querySelectorAll('a')].map((link) => link.getAttribute('href').slice(1));
      const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
      return [links.length, links.filter((link) => !ids.includes(link)), ids.length - new Set(ids).size];
    })()`);
    expect(links).toBeGreaterThan(10);
    expect({ missing, twice }).toEqual({ missing: [], twice: 0 });
  });

  test('of a case of 125 entries is ten pages on paper at most, with all that its entries say', async () => {
    const cwd = temporaryDirectory();
    await run(['init'], { cwd });
    const lines = Array.from({ length: 125 }, (_, n) => {
      const own = { ts: new Date(Date.UTC(2026, 0, 1) + n * 7_200_000).toISOString(), correlation_id: `req-${n >> 1}` };
      const said =
        n % 4 === 0 ? 'Spoke to the operator on the phone: the drawer was short, and was counted twice.' : 'adjusted';
      const metadata = { request: `r-${n}`, ip: `10.0.0.${n}`, user_agent: 'Mozilla/5.0 (X11; Linux x86_64)' };
      const [old_values, new_values] = [n, n + 1].map((gross) => ({
        gross,
        net: gross / 4,
        fee: `${gross}.50`,
        state: `s-${gross}`,
      }));
      const entity = { entity_type: 'settlement', entity_id: '42', actor: 'u-1', actor_name: 'Ines Moreau' };
      return [
        { action: 'update', message: said, metadata, old_values, new_values, ...entity, ...own },
        ...[1, 2, 3, 4].map((part) =>
          Object.assign({ action: 'update', entity_type: 'dispense', entity_id: `${n}-${part}`, message: said }, own),
        ),
      ];
    });
    await runWithStdin(
      ['record', '--stdin', '-q'],
      lines
        .flat()
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
      { cwd },
    );
    await run(['revert', '1', '--reason', 'typed twice'], { cwd });
    const file = path.join(cwd, 'case.html');
    await run(['report', 'case', 'settlement:42', '--html', file], { cwd });
    const printed = await browser.open(file, { print: true });
    const pdf = (await printed.pdf()).toString('latin1');
    const pages = pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    expect(pages).toBeGreaterThan(2);
    expect(pages).toBeLessThanOrEqual(10);
    const text = await printed.evaluate<string>('document.body.innerText');
    for (const shown of ['s-124', '"r-124"', 'taken back by #626', 'req-61', '62.50']) expect(text).toContain(shown);
    // What a run says again and again, it says once; its entries and the unit of work lead to each other.
    expect(text).toContain('2 entries of req-1: adjusted');
    expect(await printed.evaluate('document.querySelectorAll("section.run a, details a").length')).toBeGreaterThan(100);
  }, 60_000);

  test('is dark on a dark screen, and black on white on paper', async () => {
    const file = await page(['timeline']);
    const printed = await browser.open(file, { dark: true, print: true });
    expect(await printed.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    const pdf = await printed.pdf();
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.length).toBeGreaterThan(5000);
  });
});
