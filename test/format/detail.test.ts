import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { diffFields } from '../../src/core/diff.js';
import { detailText } from '../../src/format/detail.js';
import { PLAIN_PALETTE, palette } from '../../src/terminal/colour.js';
import { rulerFor } from '../../src/terminal/width.js';
import { HARD_ENTRIES, historyEntry } from './entries.js';

const snapshot = (name: string): string => path.join(import.meta.dirname, 'snapshots', name);

const OLD =
  '{"status":"open","total":12345678901234567890.10,"address":{"street":"Main","city":"Köln"},"tags":["a","b"],"gone":null}';
const NEW =
  '{"status":"closed","total":12345678901234567890.20,"address":{"street":"Main","city":"Düsseldorf"},' +
  '"tags":["a","b","c with a rather long text in it to break lines at"],"note":"\u202eabc","日本":{"深":{"い":[]}}}';

const FULL = historyEntry({
  recorded_at: '2026-03-06T08:00:00.000Z',
  actor: 'u1',
  actor_name: '田中さくら',
  actor_type: 'user',
  recorded_by: 'root@host',
  scope: 'guild:900719925474099312345',
  severity: 'warning',
  entity_type: 'order',
  entity_id: '4711',
  entity_name: 'Order\x1b[2J',
  message:
    'first line of a message that is long enough to wrap at eighty columns, certainly\r\n  - indented\n\n\tlast\x07',
  metadata: '{"ip":"10.0.0.1","big":12345678901234567890,"nested":{"a":[],"b":{},"c":[1,2.50]}}',
  old_values: OLD,
  new_values: NEW,
  changed_fields: '["status","total"]',
  correlation_id: 'r-1',
  reverts: '01957f3e-8f00-7000-8000-000000000000',
  source: 'ledgrab',
  reverted_by: '01957f3e-8f00-7000-8000-000000000002',
});

describe('detailText', () => {
  test.each([40, 80, 200])('at %d columns', async (width) => {
    const options = { width, zone: 'Europe/Berlin', palette: PLAIN_PALETTE };
    const text = await detailText(FULL, diffFields(OLD, NEW), options);
    const ruler = await rulerFor([text]);
    expect(Math.max(...text.split('\n').map((line) => ruler.width(line)))).toBeLessThanOrEqual(width);
    await expect(text).toMatchFileSnapshot(snapshot(`detail-${width}.txt`));
  });

  test('with colour', async () => {
    const text = await detailText(FULL, diffFields(OLD, NEW), { width: 80, zone: 'UTC', palette: await palette(1) });
    await expect(JSON.stringify(text.split('\n'), null, 1)).toMatchFileSnapshot(snapshot('detail-colour-80.txt'));
  });

  test('fields without a value are left out', async () => {
    const text = await detailText(historyEntry(), [], { width: 80, zone: 'UTC', palette: PLAIN_PALETTE });
    expect(text).toMatchInlineSnapshot(`
      "seq         1
      id          01957f3e-8f00-7000-8000-000000000001
      time        Thu 2026-03-05 14:07:09.123 UTC
      category    entity
      action      update
      severity    info
      actor       unknown
      actor_type  unknown
      "
    `);
  });

  test('a row that was created stands under its changes, once', async () => {
    const entry = historyEntry({ action: 'create', new_values: '{"a":{"b":1},"c":2}' });
    const options = { width: 80, zone: 'UTC', palette: PLAIN_PALETTE };
    const text = await detailText(entry, diffFields(null, entry.new_values), options);
    expect(text.slice(text.indexOf('changes'))).toBe('changes\n  + a: {"b":1}\n  + c: 2\n');
  });

  test('values that are the same before and after stand in full', async () => {
    const entry = historyEntry({ old_values: '{"a":1}', new_values: '{"a":1}' });
    const text = await detailText(entry, [], { width: 80, zone: 'UTC', palette: PLAIN_PALETTE });
    expect(text).toContain('\nold_values\n  {\n    "a": 1\n  }\n\nnew_values\n');
  });

  test('any entry keeps to the width, the narrowest terminals get 40', async () => {
    for (const entry of HARD_ENTRIES) {
      const options = { width: 40, zone: 'Europe/Berlin', palette: PLAIN_PALETTE };
      const text = await detailText(entry, [], options);
      const ruler = await rulerFor([text]);
      expect(Math.max(...text.split('\n').map((line) => ruler.width(line)))).toBeLessThanOrEqual(40);
      expect(await detailText(entry, [], { ...options, width: 10 })).toBe(text);
    }
  });
});
