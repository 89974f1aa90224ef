import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSorter } from '../../src/store/sqlite/sources/sorter.js';

test('puts things into the order of time, and those of one time into the order in which they came', () => {
  const time = fc.option(
    fc.record({
      ms: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 })),
      finer: fc.constantFrom('', '1', '15', '2'),
    }),
    { nil: null },
  );
  fc.assert(
    fc.property(fc.array(fc.array(time), { maxLength: 5 }), (pages) => {
      const sorter = openSorter<number>();
      let number = 0;
      const all = pages.map((page) => page.map((each) => ({ time: each, item: number++ })));
      for (const page of all) sorter.add(page);
      const expected = all.flat().toSorted((a, b) => {
        if (a.time === null || b.time === null) return Number(a.time === null) - Number(b.time === null);
        return a.time.ms - b.time.ms || (a.time.finer < b.time.finer ? -1 : Number(a.time.finer > b.time.finer));
      });
      expect([...sorter.sorted()].flat()).toEqual(expected.map(({ item }) => item));
      sorter.close();
    }),
    { numRuns: 50 },
  );
});

test('gives many back in pages', () => {
  const sorter = openSorter<string>();
  const count = 1750;
  sorter.add(Array.from({ length: count }, (_, n) => ({ time: { ms: count - n, finer: '' }, item: `item ${n}` })));
  const pages = [...sorter.sorted()];
  expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(count);
  expect(pages.flat()).toEqual(Array.from({ length: count }, (_, n) => `item ${count - 1 - n}`));
  sorter.close();
});
