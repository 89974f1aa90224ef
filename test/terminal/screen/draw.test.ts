import { describe, expect, test, vi } from 'vitest';
import { browseRows } from '../../../src/format/browse-row.js';
import { palette, PLAIN_PALETTE } from '../../../src/terminal/colour.js';
import { createBrowser } from '../../../src/terminal/screen/browser.js';
import type { Key, Size } from '../../../src/terminal/screen/browser.js';
import { bar, draw } from '../../../src/terminal/screen/draw.js';
import { clockFor } from '../../../src/terminal/time.js';
import { rulerFor } from '../../../src/terminal/width.js';
import { entries, fakeDesk } from './desk.js';

const HOSTILE = 'a\x1b[31m\u202e\u0000 漢字漢字 👩‍👩‍👧 ' + 'e\u0301'.repeat(40) + '\n\u{1f600}'.repeat(30);

async function screen(size: Size, keys: readonly Key[], colours = PLAIN_PALETTE): Promise<readonly string[]> {
  const [clock, ruler] = [await clockFor('UTC'), await rulerFor(['\u4e00'])];
  const hostile = { message: HOSTILE, actor: HOSTILE, entity_id: HOSTILE, severity: 'error' } as const;
  const all = entries(50).map((entry, index) => (index % 3 === 0 ? Object.assign(entry, hostile) : entry));
  const desk = { ...fakeDesk(all), rows: (width: number) => browseRows(width, { clock, ruler, palette: colours }) };
  const browser = await createBrowser(desk, [], size, () => undefined);
  for (const key of keys) await browser.press(key);
  await vi.waitFor(() => expect(browser.scene().count).not.toBeNull(), { interval: 1 });
  return draw(browser.scene(), size, { ...desk, ruler, palette: colours, rows: desk.rows(size.columns - 1) });
}

const OPENED: Key = { name: 'enter' };
const LEFT: Key = { name: 'left' };
const letter = (text: string): Key => ({ letter: text });

describe.each([
  [60, 12],
  [80, 24],
  [132, 50],
])('a screen of %i columns and %i lines', (columns, rows) => {
  test.each<[string, Key[]]>([
    ['the list', []],
    ['an entry', [OPENED]],
    ['the help', [letter('?')]],
    ['the hours', [letter('h')]],
    ['a prompt', [letter('f'), ...Array.from(HOSTILE, letter)]],
    [
      'a prompt that is edited',
      [letter('f'), ...Array.from(HOSTILE, letter), ...Array.from({ length: 9 }, () => LEFT)],
    ],
    ['a prompt with what is wrong', [letter('f'), ...Array.from(HOSTILE, letter), OPENED]],
    ['a choice', [letter('a'), letter('e'), letter('-')]],
  ])('%s fills it, and no line is wider, whatever strangers wrote', async (_, keys) => {
    const ruler = await rulerFor(['\u4e00']);
    const lines = await screen({ columns, rows }, keys);
    expect(lines).toHaveLength(rows - 1);
    for (const line of lines) {
      // Of the codes of a terminal, only the inverse is ours.
      const plain = line.replaceAll('\x1b[7m', '').replaceAll('\x1b[27m', '');
      expect(plain).not.toMatch(new RegExp(String.raw`[\x00-\x1f\u202e]`));
      expect(ruler.width(plain)).toBeLessThanOrEqual(columns);
    }
  });
});

test('without colour, the selected line is still marked', async () => {
  const lines = await screen({ columns: 80, rows: 24 }, [letter('j')]);
  expect(lines.filter((line) => line.includes('>'))).toHaveLength(1);
});

test('colours end before the background of the selected line does', async () => {
  const lines = await screen({ columns: 80, rows: 24 }, [], await palette(1));
  const selected = lines.find((line) => line.includes('>')) ?? '';
  expect(selected.match(new RegExp(String.raw`\x1b\[\d+m`, 'g'))).toEqual(['\x1b[7m', '\x1b[27m']);
});

test('a bar shows whatever is there', () => {
  expect([0, 1, 500, 1000].map((count) => bar(count, 1000))).toEqual([' ', '▁', '▄', '█']);
});

test('a line of 60 columns has room for every choice, what is typed, and what is wrong with it', async () => {
  const lines = await screen({ columns: 60, rows: 24 }, [...'ae-9'].map(letter).concat(OPENED));
  expect(lines.at(-1)).toMatch(/which\? +1 -.*2 -.*: 9█ +9 is none of them/);
});

test('the timeline says when it begins and ends', async () => {
  const [, times] = await screen({ columns: 80, rows: 24 }, []);
  expect(times).toMatch(/^2026-01-01T00:01 +2026-01-01T00:5[01]$/);
});

test('the line above an entry says how much of it is seen', async () => {
  const all = await screen({ columns: 80, rows: 24 }, [OPENED]);
  expect(all.find((line) => line.startsWith('──'))).toBe('─'.repeat(80));
});
