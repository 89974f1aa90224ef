import { describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import { LINE_FIELDS, lineFormatter } from '../../src/format/line.js';
import { HARD_ENTRIES, historyEntry } from './entries.js';

async function formatterIn(zone: string): Promise<(entries: readonly HistoryEntry[]) => string> {
  const format = await lineFormatter(zone);
  return (entries) => format(entries.map((entry) => LINE_FIELDS.map((field) => entry[field])));
}

describe('lineFormatter', () => {
  test('one line an entry, whatever it holds', async () => {
    const format = await formatterIn('UTC');
    expect(format(HARD_ENTRIES)).toMatchInlineSnapshot(`
      "2026-03-05T14:07:09.123Z warning #12345 田中さくら update ticket:4711 在庫の数を直しました。次の棚卸しまで変えないでください。
      2026-03-05T14:07:09.123Z info    #12344 नमस्ते partial_dispense prescription:rx_0190a7c5-77aa-7cc0-b2f0-000000000042 हिन्दी में एक टिप्पणी 👨‍👩‍👧 with family, 👍🏽 and 🇩🇪
      2026-03-05T00:00:00.000Z error   #12343 mallory\\u202egnp.exe update file:a\\u200bb\\x07 \\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred\\x9b1m\\rroot\\u2028\\u{e0041}
      2026-03-04T23:59:59.999Z info    #12342 unknown update document:d1 [reverted] The quick brown fox jumps over the lazy dog while the auditor takes notes about everything. The quick brown fox jumps over the lazy dog while the auditor takes notes about everything. The quick brown fox jumps over the lazy dog while the auditor takes notes about everything. The quick brown fox jumps over the lazy dog while the auditor takes notes about everything.
      2025-10-26T01:30:00.000Z info    #7 - été - first line⏎second line\\r⏎\\tthird
      2025-10-26T00:30:00.000Z info    #6 unknown update only-type
      "
    `);
  });

  test('in another zone, times have their offset', async () => {
    const format = await formatterIn('Europe/Berlin');
    expect(format([historyEntry({ message: 'text' })])).toBe(
      '2026-03-05T15:07:09.123+01:00 info    #1 unknown update - text\n',
    );
  });

  test('a line depends on its entry alone', async () => {
    const format = await formatterIn('UTC');
    expect(format(HARD_ENTRIES)).toBe(HARD_ENTRIES.map((entry) => format([entry])).join(''));
  });
});
