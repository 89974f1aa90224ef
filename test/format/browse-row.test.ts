import { expect, test } from 'vitest';
import { browseRows } from '../../src/format/browse-row.js';
import { PLAIN_PALETTE } from '../../src/terminal/colour.js';
import { clockFor } from '../../src/terminal/time.js';
import { rulerFor } from '../../src/terminal/width.js';
import { historyEntry } from './entries.js';

test.each([
  ['902', /^set\w*…:902$/],
  ['90210', /^s\w*…:90210$/],
  ['12345678901', /^…12.*01$/],
  ['012345678901234567890123456789', /^…01.*…\d*89$/],
])('of the entity settlement:%s the type gives way before the id, as in history', async (id, expected) => {
  const [clock, ruler] = [await clockFor('UTC'), await rulerFor([])];
  const entry = historyEntry({ entity_type: 'settlement', entity_id: id, message: 'x'.repeat(90) });
  const row = browseRows(80, { clock, ruler, palette: PLAIN_PALETTE }).line(entry, undefined);
  expect(row).toHaveLength(80);
  expect(/(?<=update +)\S+/.exec(row)?.[0]).toMatch(expected);
});
