import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HistoryEntry, HistoryField } from '../../src/core/entry.js';
import { plainTable, tableFormatter } from '../../src/format/table.js';
import { PLAIN_PALETTE, palette } from '../../src/terminal/colour.js';
import { HARD_ENTRIES, historyEntry } from './entries.js';
import { ANY_TEXT, widthOf } from './looks.js';

const snapshot = (name: string): string => path.join(import.meta.dirname, 'snapshots', name);

async function table(
  entries: readonly HistoryEntry[],
  width: number,
  options: { zone?: string; columns?: readonly HistoryField[] } = {},
): Promise<string> {
  const { page } = await tableFormatter({ width, zone: 'UTC', palette: PLAIN_PALETTE, ...options });
  return page(entries);
}

describe('tableFormatter', () => {
  test.each([40, 80, 120, 200])('at %d columns', async (width) => {
    const text = await table(HARD_ENTRIES, width, { zone: 'Europe/Berlin' });
    expect(await widthOf(text)).toBeLessThanOrEqual(width);
    await expect(text).toMatchFileSnapshot(snapshot(`table-${width}.txt`));
  });

  test('of an entity the type gives way before the id', async () => {
    const shown = async (width: number, id: string): Promise<string> => {
      const text = await table(
        [historyEntry({ entity_type: 'settlement', entity_id: id, message: 'x'.repeat(90) })],
        width,
      );
      expect(await widthOf(text)).toBeLessThanOrEqual(width);
      return /update +(\S+)/.exec(text)?.[1] ?? '';
    };
    expect(await shown(120, '902')).toBe('settlement:902');
    expect(await shown(80, '90210')).toMatch(/^s\w*…:90210$/);
    expect(await shown(80, '12345678901')).toMatch(/^…12.*…\d*01$|^…12345678901$/);
  });

  test('in UTC, at 80 columns', async () => {
    await expect(await table(HARD_ENTRIES, 80)).toMatchFileSnapshot(snapshot('table-utc-80.txt'));
  });

  test('with chosen columns', async () => {
    const columns = ['seq', 'ts', 'actor', 'entity_id', 'message', 'metadata', 'reverted_by'] as const;
    await expect(await table(HARD_ENTRIES, 100, { columns })).toMatchFileSnapshot(snapshot('table-columns-100.txt'));
  });

  test('with colour', async () => {
    const { page } = await tableFormatter({ width: 80, zone: 'UTC', palette: await palette(1) });
    const text = await page(HARD_ENTRIES);
    await expect(JSON.stringify(text.split('\n'), null, 1)).toMatchFileSnapshot(snapshot('table-colour-80.txt'));
  });

  test('never wider than the terminal, whatever the entries hold', async () => {
    const entry = fc
      .record({ actor: ANY_TEXT, action: ANY_TEXT, entity_type: ANY_TEXT, entity_id: ANY_TEXT, message: ANY_TEXT })
      .map((fields) => historyEntry(fields));
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 40, max: 200 }),
        async (entries, width) => {
          const lines = await table(entries, width);
          expect(await widthOf(lines)).toBeLessThanOrEqual(width);
          const perEntry = width < 72 ? 2 : 1;
          const headings = width < 120 ? 2 : 1;
          expect(lines.split('\n')).toHaveLength(headings + entries.length * perEntry + 1);
        },
      ),
    );
  });

  test('later pages stand in the columns of the first, without headings', async () => {
    const { page } = await tableFormatter({ width: 80, zone: 'UTC', palette: PLAIN_PALETTE });
    const first = await page([historyEntry({ seq: 100, actor: 'a long name', message: 'one' })]);
    const second = await page([historyEntry({ seq: 9, actor: 'b', message: 'two' })]);
    expect(await page([])).toBe('');
    expect(first.split('\n').slice(1)).toEqual([
      'Thu 2026-03-05  UTC',
      '100  14:07:09.123   a long name  update  -       one',
      '',
    ]);
    expect(second).toBe('  9  14:07:09.123   b            update  -       two\n');
  });

  test('a seq or a time is never cut, even if it grows', async () => {
    const { page } = await tableFormatter({ width: 80, zone: 'UTC', palette: PLAIN_PALETTE });
    await page([historyEntry({ seq: 1, ts: '2026-03-05T14:07:09.000Z' })]);
    expect(await page([historyEntry({ seq: 9007199254740991 })])).toContain('9007199254740991  14:07:09.123');
  });

  test('a day has one heading, also across pages', async () => {
    const { page } = await tableFormatter({ width: 80, zone: 'UTC', palette: PLAIN_PALETTE });
    const first = await page([historyEntry({ seq: 3 }), historyEntry({ seq: 2 })]);
    const second = await page([historyEntry({ seq: 1 }), historyEntry({ ts: '2026-03-04T00:00:00.000Z' })]);
    expect((first + second).match(/^\w{3} \d.*/gm)).toEqual(['Thu 2026-03-05  UTC', 'Wed 2026-03-04  UTC']);
  });
});

describe('plainTable', () => {
  test.each([40, 80])('at %d columns', async (width) => {
    const rows = [
      ['sgrubb', '8123', 'x'],
      ['田中さくら', '12', '\x1b[2J'],
      ['x'.repeat(120), '1', ''],
    ];
    const text = await plainTable(['value', 'count', 'note'], rows, {
      width,
      align: ['left', 'right'],
      palette: PLAIN_PALETTE,
    });
    expect(await widthOf(text)).toBeLessThanOrEqual(width);
    await expect(text).toMatchFileSnapshot(snapshot(`plain-${width}.txt`));
  });

  test('without rows there are headings', async () => {
    expect(await plainTable(['name', 'due'], [], { width: 80, palette: PLAIN_PALETTE })).toBe('name  due\n');
  });
});
