import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EntityState, ReachedState } from '../../src/core/state.js';
import { reachedFormat, stateFormat, statesFormat } from '../../src/format/state.js';
import { PLAIN_PALETTE, palette } from '../../src/terminal/colour.js';
import { ANY_TEXT, expectVisible, widthOf } from './looks.js';

const AT = '2026-03-05T14:07:09.123Z';

function row(
  id: string,
  values: Readonly<Record<string, unknown>> | null,
  fields: Partial<EntityState> = {},
): EntityState {
  const text = values === null ? null : JSON.stringify(values);
  return { entity: `users:${id}`, at: AT, exists: text !== null, values: text, seq: 7, known_since: AT, ...fields };
}

const UNKNOWN = row('9', null, { exists: null, seq: null });
const ROWS: readonly EntityState[] = [
  row('1', { id: 1, name: 'Ann', note: null }),
  row('2', { id: 2, name: '田中さくら', note: 'null' }),
  UNKNOWN,
  row('3', { id: 3, name: 'x\u001b[2J\u202e', note: 'long '.repeat(40) }),
];
const WIDE = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`column_number_${index}`, index]));

const options = (width: number): { terminal: true; width: number; zone: string; palette: typeof PLAIN_PALETTE } => ({
  terminal: true,
  width,
  zone: 'Europe/Berlin',
  palette: PLAIN_PALETTE,
});
const snapshot = (name: string): string => path.join(import.meta.dirname, 'snapshots', name);

async function table(width: number, ...pages: (readonly EntityState[])[]): Promise<string> {
  const { begin, page, end } = await statesFormat('table', options(width));
  let text = begin();
  for (const states of pages) text += await page(states);
  return text + end();
}

async function block(width: number, state: EntityState): Promise<string> {
  return (await stateFormat('table', options(width))).page([state]);
}

describe('the rows of a table', () => {
  test.each([40, 80, 200])('at %d columns', async (width) => {
    const text = await table(width, ROWS, [row('4', { ...WIDE })]);
    expect(await widthOf(text)).toBeLessThanOrEqual(width);
    expectVisible(text);
    await expect(text).toMatchFileSnapshot(snapshot(`states-${width}.txt`));
  });

  test('what is not known is seen without colour', async () => {
    const lines = (await table(80, ROWS)).split('\n');
    expect(lines.filter((line) => line.startsWith('?'))).toEqual([
      '? users:9  ?   ?               ?',
      '? is not known',
    ]);
    expect(await table(80, ROWS.slice(0, 2))).not.toContain('?');
    const whole = row('', null, { entity: 'users', exists: null });
    expect(await table(80, [whole])).toBe(
      '? users at Thu 2026-03-05 15:07:09.123 Europe/Berlin +01:00: not known of every\nrow\n',
    );
  });

  test('rows with other columns get headings of their own, and those with fewer do not', async () => {
    const text = await table(
      80,
      [row('1', { id: 1, name: 'Ann' })],
      [row('2', { id: 2 })],
      [row('3', { id: 3, name: 'Li', phone: '1' })],
    );
    expect(text.split('\n').slice(1)).toEqual([
      '  entity   id  name',
      '  users:1  1   Ann',
      '  users:2  2',
      '',
      '  entity   id  name  phone',
      '  users:3  3   Li    1',
      '',
    ]);
  });

  test('names of columns are not cut while they are of a usual length', async () => {
    const names = Object.keys(WIDE);
    for (const width of [80, 120, 200, 300]) {
      const text = await table(width, [row('1', { ...WIDE, note: 'x'.repeat(500) })]);
      expect(names.filter((name) => !text.includes(name))).toEqual([]);
    }
  });
});

describe('a row', () => {
  test.each([40, 80])('at %d columns', async (width) => {
    const text = (await Promise.all([...ROWS, row('5', null)].map((state) => block(width, state)))).join('');
    expect(await widthOf(text)).toBeLessThanOrEqual(width);
    expectVisible(text);
    await expect(text).toMatchFileSnapshot(snapshot(`state-${width}.txt`));
  });

  test('says without colour what is not known, and that a row was not there', async () => {
    const at = 'at Thu 2026-03-05 15:07:09.123 Europe/Berlin +01:00';
    expect(await block(120, UNKNOWN)).toBe(`? users:9 ${at}: not known\n`);
    expect(await block(120, row('5', null))).toBe(`users:5 ${at} did not exist\n`);
  });

  test('with colour it says the same', async () => {
    const coloured = await stateFormat('table', { ...options(40), palette: await palette(1) });
    for (const state of ROWS) {
      const text = await coloured.page([state]);
      expect(text).toContain('\u001b[');
      // eslint-disable-next-line no-control-regex
      expect(`${text.replaceAll(/\u001b\[\d+m/g, '').replaceAll(/ +$/gm, '')}`).toContain(await block(40, state));
    }
  });
});

test('the states of an entity mark what is not as it was before', async () => {
  const reached = (seq: number | null, values: object | null): ReachedState => ({
    entity: 'users:1',
    at: AT,
    exists: values !== null,
    values: values === null ? null : JSON.stringify(values),
    seq,
    action: values === null ? 'delete' : seq === null ? null : 'update',
    actor: seq === null ? null : 'u-9',
    actor_name: null,
    correlation_id: null,
  });
  const { page } = await reachedFormat('table', 'users:1', { ...options(80), zone: 'UTC' });
  const first = await page([reached(null, { id: 1, name: 'Ann' }), reached(2, { id: 1, name: 'Anne' })]);
  const second = await page([
    reached(3, { id: 1, name: 'Anne', phone: null }),
    reached(4, null),
    reached(5, { id: 1 }),
  ]);
  expect(first + second).toBe(`users:1 at Thu 2026-03-05 14:07:09.123 UTC: before its first change
  id    1
  name  Ann

users:1 at Thu 2026-03-05 14:07:09.123 UTC: entry 2, update by u-9
  id    1
~ name  Anne

users:1 at Thu 2026-03-05 14:07:09.123 UTC: entry 3, update by u-9
  id     1
  name   Anne
~ phone  null

users:1 at Thu 2026-03-05 14:07:09.123 UTC: entry 4, delete by u-9

users:1 at Thu 2026-03-05 14:07:09.123 UTC: entry 5, update by u-9
  id  1
`);
});

test('nothing is wider than the terminal and nothing hides, whatever the rows hold', async () => {
  const values = fc.dictionary(ANY_TEXT, fc.oneof(ANY_TEXT, fc.integer(), fc.constant(null)), { maxKeys: 8 });
  const states = fc.array(
    fc.tuple(ANY_TEXT, values).map(([id, columns]) => row(id, columns)),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(states, fc.integer({ min: 40, max: 200 }), async (rows, width) => {
      const text = (await table(width, rows)) + (await block(width, rows[0] ?? UNKNOWN));
      expect(await widthOf(text)).toBeLessThanOrEqual(width);
      expectVisible(text);
    }),
  );
});
