import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FieldChange } from '../../src/core/field-change.js';
import { changeFormat } from '../../src/format/changes.js';
import { PLAIN_PALETTE } from '../../src/terminal/colour.js';
import { ANY_TEXT, expectVisible, widthOf } from './looks.js';

function change(fields: Partial<FieldChange>): FieldChange {
  return {
    seq: 1,
    ts: '2026-03-05T14:07:09.123Z',
    entity: 'users:42',
    field: 'name',
    old: '"Ines"',
    new: '"Ines Moreau"',
    actor: 'u-9',
    actor_name: null,
    correlation_id: null,
    ...fields,
  };
}

const CHANGES: readonly FieldChange[] = [
  change({}),
  change({ seq: 23, old: 'null', new: '"田中さくら"', actor: 'ann\u001b[2J', correlation_id: 'T-\u202e17' }),
  change({ seq: 4711, ts: '2026-03-06T00:00:00.000Z', entity: null, new: `"${'long '.repeat(40)}"` }),
  change({ seq: 4712, ts: '2026-03-06T00:00:00.001Z', entity: `guild:${'1'.repeat(60)}`, new: '{"a":[1,"\u200b"]}' }),
];

async function table(changes: readonly FieldChange[], width: number, zone = 'UTC'): Promise<string> {
  const options = { terminal: true, width, zone, palette: PLAIN_PALETTE };
  const { begin, page, end } = await changeFormat('table', 'name', options);
  return begin() + (await page(changes)) + end();
}

describe('changes as a table', () => {
  test.each([40, 80, 120, 200])('at %d columns', async (width) => {
    const text = await table(CHANGES, width, 'Europe/Berlin');
    expect(await widthOf(text)).toBeLessThanOrEqual(width);
    expectVisible(text);
    await expect(text).toMatchFileSnapshot(path.join(import.meta.dirname, 'snapshots', `changes-${width}.txt`));
  });

  test('is never wider than the terminal and hides nothing, whatever the changes hold', async () => {
    const value = ANY_TEXT.map((text) => JSON.stringify(text));
    const changes = fc
      .record({ entity: ANY_TEXT, actor: ANY_TEXT, correlation_id: ANY_TEXT, old: value, new: value })
      .map(change);
    await fc.assert(
      fc.asyncProperty(
        fc.array(changes, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 40, max: 200 }),
        async (all, width) => {
          const text = await table(all, width);
          expect(await widthOf(text)).toBeLessThanOrEqual(width);
          expectVisible(text);
        },
      ),
    );
  });
});

test('what a terminal gets as CSV or JSON hides nothing, and JSON says the same', async () => {
  const hostile = change({ entity: 'users:\u202e\u001b', new: '"\u200b"' });
  const options = { terminal: true, width: 80, zone: 'UTC', palette: PLAIN_PALETTE };
  for (const name of ['csv', 'json', 'ndjson'] as const) {
    const { begin, page, end } = await changeFormat(name, 'a\u202eb', options);
    const text = begin() + (await page([hostile])) + end();
    expectVisible(text);
    expect(text).toContain('\\u202e');
    if (name === 'json')
      expect(JSON.parse(text)).toMatchObject({ field: 'a\u202eb', changes: [{ entity: hostile.entity }] });
  }
});
