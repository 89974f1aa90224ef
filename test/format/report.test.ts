import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bar, sparkline, squeezed } from '../../src/format/report/bars.js';
import { plainReport, terminalReport } from '../../src/format/report/terminal.js';
import type { ReportView } from '../../src/format/report/view.js';
import { burstsView, groupView, timelineView } from '../../src/format/report/views.js';
import { palette, PLAIN_PALETTE } from '../../src/terminal/colour.js';
import { rulerFor } from '../../src/terminal/width.js';
import { withoutEscapes } from '../support/program.js';

const ASKED = { filter: 'every entry', zone: 'UTC' };
const TIMES = { first: '2026-03-01T10:00:00.000Z', last: '2026-03-05T14:07:09.123Z' };

/** Names of strangers: other scripts, controls, bidi, length, nothing. */
const NAMES = [
  'anna',
  '田中さくら',
  'नमस्ते 👨‍👩‍👧',
  '\u001b[31mred\u001b[0m',
  'user\u202egpj.exe',
  'two\nlines\tand a tab',
  '<script>alert(1)</script>',
  'x'.repeat(300),
  '',
];

async function hardView(): Promise<ReportView> {
  const rows = NAMES.map((key, index) => ({
    first: TIMES.first,
    last: TIMES.last,
    key,
    name: index % 2 === 0 ? null : key,
    count: 10 ** (8 - index),
    reverted: index,
    share: 0.123456,
  }));
  return groupView('actors', 'actor', undefined, { rows, total: 123456789, more: true }, ASKED);
}

describe('a report on a screen', () => {
  test.each([20, 40, 60, 80, 120, 200])('fits %i columns', async (width) => {
    const text = await terminalReport(await hardView(), { width, palette: PLAIN_PALETTE });
    const ruler = await rulerFor([text]);
    // The numbers and a least of each name need so much.
    const limit = Math.max(width, 36);
    for (const line of text.split('\n')) expect(ruler.width(line), line).toBeLessThanOrEqual(limit);
    await expect(text).toMatchFileSnapshot(`snapshots/report-${width}.txt`);
  });

  test('has nothing on it that moves other text or hides', async () => {
    const text = await terminalReport(await hardView(), { width: 200, palette: PLAIN_PALETTE });
    expect(text).not.toMatch(/(?![\n\u200d])[\p{Cc}\p{Cf}]/u);
    expect(text).toContain(String.raw`user\u202egpj.exe`);
    expect(plainReport(await hardView())).not.toMatch(/(?![\n\t])\p{Cc}|\u202e/u);
  });

  test('says the same in colour', async () => {
    const view = await hardView();
    const coloured = await terminalReport(view, { width: 80, palette: await palette(1) });
    expect(coloured).not.toBe(withoutEscapes(coloured));
    expect(withoutEscapes(coloured)).toBe(await terminalReport(view, { width: 80, palette: PLAIN_PALETTE }));
  });

  test('has a sparkline as wide as the screen at most', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => ({
      start: new Date(Date.UTC(2025, 0, 1 + n)).toISOString(),
      count: n % 7 === 0 ? 0 : n,
    }));
    const text = await terminalReport(await timelineView('day', rows, { filled: true, short: false }, ASKED), {
      width: 60,
      palette: PLAIN_PALETTE,
    });
    const line = text.split('\n').find((candidate) => /^[·▁▂▃▄▅▆▇█]+$/.test(candidate)) ?? '';
    expect(line.length).toBeGreaterThan(30);
    expect(line.length).toBeLessThanOrEqual(60);
    expect(text).toContain('Wed 2025-01-01');
  });

  test('never cuts a command', async () => {
    const command = `daybook history --actor ${'x'.repeat(200)} -n 11`;
    const row = { ...TIMES, actor: 'x', count: 11, window: '1h', name: null, first_seq: 1, last_seq: 11, command };
    const limits = { window: '1h', moreThan: 10 };
    const view = await burstsView({ rows: [row], more: false }, limits, ASKED);
    expect(await terminalReport(view, { width: 40, palette: PLAIN_PALETTE })).toContain(`  ${command}\n`);
    expect(plainReport(view)).toBe(`x\t11\t2026-03-01 10:00:00\t2026-03-05 14:07:09\t${command}\n`);
  });

  test('says so where there is nothing', async () => {
    const view = await groupView('scopes', 'scope', undefined, { rows: [], total: 0, more: false }, ASKED);
    expect(await terminalReport(view, { width: 80, palette: PLAIN_PALETTE })).toBe(
      'scopes\nevery entry, times in UTC, 0 entries\n\nnothing\n',
    );
    expect(plainReport(view)).toBe('');
  });
});

describe('bars', () => {
  test('are as long as their part', () => {
    expect(bar(10, 10, 5)).toBe('█████');
    expect(bar(5, 10, 5)).toBe('██▌');
    expect(bar(1, 1_000_000, 5)).toBe('▏');
    expect(bar(0, 10, 5)).toBe('');
    expect(bar(0, 0, 5)).toBe('');
  });

  test('of a course keep every count', () => {
    expect(sparkline([0, 1, 4, 8], 80)).toBe('·▁▄█');
    expect(sparkline([], 80)).toBe('');
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), fc.integer({ min: 1, max: 200 }), (counts, most) => {
        const sums = squeezed(counts, most);
        expect(sums.length).toBeLessThanOrEqual(most);
        expect(sums.reduce((a, b) => a + b, 0)).toBe(counts.reduce((a, b) => a + b, 0));
        expect(sparkline(counts, most)).toHaveLength(sums.length);
      }),
    );
  });
});
