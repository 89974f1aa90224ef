import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bar, partWidths, sparkline, squeezed } from '../../src/format/report/bars.js';
import { htmlReport } from '../../src/format/report/html.js';
import { plainReport, terminalReport } from '../../src/format/report/terminal.js';
import type { ReportView } from '../../src/format/report/view.js';
import { burstsView, groupView, hoursView, timelineView } from '../../src/format/report/views.js';
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

/** A timeline told apart by hostile names. */
async function stackedView(): Promise<ReportView> {
  const rows = NAMES.flatMap((name, index) => [
    { start: '2026-03-01T00:00:00.000Z', count: 9 - index, by: name, by_name: index % 2 === 0 ? null : name },
    { start: '2026-03-02T00:00:00.000Z', count: index === 0 ? 500 : 1, by: name, by_name: null },
  ]);
  const nothing = ['03', '04', '05'].map((day) => ({ start: `2026-03-${day}T00:00:00.000Z`, count: 0, by: null }));
  return timelineView('day', [...rows, ...nothing], { filled: true, short: true, by: 'actor' }, ASKED);
}

async function weekView(): Promise<ReportView> {
  const rows = Array.from({ length: 168 }, (_, hour) => ({
    weekday: Math.floor(hour / 24) + 1,
    hour: hour % 24,
    count: hour === 30 ? 1000 : hour % 7,
  }));
  return hoursView(rows, ASKED);
}

describe('drawings', () => {
  test.each([36, 60, 80, 200])('fit %i columns, and hide nothing', async (width) => {
    for (const view of [await stackedView(), await weekView()]) {
      const text = await terminalReport(view, { width, palette: PLAIN_PALETTE });
      const ruler = await rulerFor([text]);
      for (const line of text.split('\n')) expect(ruler.width(line), line).toBeLessThanOrEqual(width);
      expect(text).not.toMatch(/(?![\n\u200d])[\p{Cc}\p{Cf}]/u);
      const coloured = await terminalReport(view, { width, palette: await palette(1) });
      expect(withoutEscapes(coloured)).toBe(text);
    }
  });

  test('of a timeline tell the most frequent apart, and the others together', async () => {
    const view = await stackedView();
    const text = await terminalReport(view, { width: 80, palette: PLAIN_PALETTE });
    expect(view.parts?.map(({ name, count }) => [name, count])).toEqual([
      ['anna', 509],
      ['田中さくら (田中さくら)', 9],
      ['नमस्ते 👨‍👩‍👧', 8],
      [`\u001b[31mred\u001b[0m (\u001b[31mred\u001b[0m)`, 7],
      ['user\u202egpj.exe', 6],
      ['4 others', 14],
    ]);
    // What is there at all is seen, however little it is.
    expect(text).toMatch(/^Mon 2026-03-02 +508 {2}█+▓▒░=-+$/m);
    expect(text).toContain('… 3 days of nothing');
    expect(plainReport(view)).toContain('Mon 2026-03-02\t508\tanna 500, ');
  });

  test('of severities keep their colours', async () => {
    const rows = ['error', 'info'].map((by, index) => ({ start: '2026-03-01T00:00:00.000Z', count: 5 - index, by }));
    const { parts } = await timelineView('day', rows, { filled: true, short: true, by: 'severity' }, ASKED);
    expect(parts?.map(({ name, tone }) => [name, tone])).toEqual([
      ['error', 2],
      ['info', 0],
    ]);
  });

  test('of a week are darkest where most is', async () => {
    const text = await terminalReport(await weekView(), { width: 80, palette: PLAIN_PALETTE });
    const tuesday = text.split('\n').find((line) => line.startsWith('Tue')) ?? '';
    expect(tuesday.indexOf('█')).toBe(4 + 6 * 3);
    expect(text.match(/█/g)).toHaveLength(3);
    expect(text).toContain('█ is 1000 in an hour of the week');
  });

  test('of rows are there from 72 columns on', async () => {
    const [view, course] = [await hardView(), Array.from({ length: 24 }, (_, n) => n)];
    const drawn = { ...view, rows: view.rows.map(({ cells, count }) => ({ cells, count, course })) };
    for (const [width, line] of [
      [71, undefined],
      [72, '▁▁▂▃▄▄▅▆▆▇██'],
      [120, '·▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███'],
    ] as const) {
      const text = await terminalReport(drawn, { width, palette: PLAIN_PALETTE });
      expect(/[·▁▂▃▄▅▆▇█]{12,} /.exec(text)?.[0].trim()).toBe(line);
    }
  });

  test('on a page have texts beside them, and no markup of strangers', async () => {
    const stacked = htmlReport(await stackedView(), 'made');
    expect(stacked.match(/<li><svg class="key"/g)).toHaveLength(6);
    expect(stacked).toContain('<bdi>4 others</bdi> 14');
    expect(stacked.match(/<path class="tone/g)).toHaveLength(6);
    expect(stacked).not.toMatch(/<script|\u202e|(?!\n)\p{Cc}/u);
    const week = htmlReport(await weekView(), 'made');
    expect(week.match(/<td title="\d+">/g)).toHaveLength(168);
    expect(week).toContain(
      '<td title="1000"><svg class="hour" viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label="1000"><rect width="1" height="1" fill-opacity="1"/>',
    );
  });
});

describe('bars', () => {
  test('of parts are never wider than their room, and show whatever is there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 6 }),
        fc.nat(1000),
        fc.integer({ min: 6, max: 60 }),
        (parts, more, columns) => {
          const sum = parts.reduce((a, b) => a + b, 0);
          const widths = partWidths(parts, sum + more, columns);
          expect(widths.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(columns);
          expect(widths.map((width) => width > 0)).toEqual(parts.map((count) => count > 0));
        },
      ),
    );
  });

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
