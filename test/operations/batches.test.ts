import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shortSizes } from '../../src/operations/batches.js';
import { restAfter } from '../../src/operations/prune.js';

const BOUNDS = { first: 100, smallest: 10, largest: 1000 };

/** The sizes of batches of which each entry takes so many milliseconds. */
function sizesFor(paces: readonly number[]): number[] {
  const sizes = shortSizes(25, BOUNDS);
  return [
    BOUNDS.first,
    ...paces.map((pace) => {
      const size = sizes.next();
      sizes.took(size, size * pace);
      return sizes.next();
    }),
  ];
}

test('one slow batch makes the next ones small, until it is one of the last no more', () => {
  const fast = 0.05;
  expect(sizesFor([fast, fast, fast, fast])).toEqual([100, 200, 400, 500, 500]);
  const sizes = sizesFor([fast, fast, fast, 0.25, ...Array.from({ length: 21 }, () => fast)]);
  expect(sizes).toEqual([100, 200, 400, 500, ...Array.from({ length: 20 }, () => 100), 200, 400]);
});

test('a size is within its bounds, at most twice the last, and what the slowest of the last ones leaves room for', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.001, max: 50, noNaN: true }), { maxLength: 40 }), (paces) => {
      const sizes = sizesFor(paces);
      for (const [index, size] of sizes.entries()) {
        expect(size).toBeGreaterThanOrEqual(BOUNDS.smallest);
        expect(size).toBeLessThanOrEqual(BOUNDS.largest);
        if (index === 0) continue;
        expect(size).toBeLessThanOrEqual((sizes[index - 1] as number) * 2);
        if (size === BOUNDS.smallest) continue;
        const slowest = Math.max(...paces.slice(Math.max(0, index - 20), index));
        expect(size * slowest).toBeLessThanOrEqual(25.001);
      }
    }),
  );
});

test('what took no time, or did nothing, makes no size that is none', () => {
  const sizes = shortSizes(25, BOUNDS);
  sizes.took(100, 0);
  expect(sizes.next()).toBe(200);
  sizes.took(0, 3);
  expect(sizes.next()).toBe(10);
});

test('a pause behind a long batch is longer than whoever waited for it may sleep', () => {
  // How long the busy handler of SQLite sleeps, one time after the other; then 100 ms each.
  const sleeps = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100, 100, 100];
  let waited = 0;
  for (const sleep of sleeps) {
    // Behind shorter ones who waited is served a batch later, at the latest.
    if (waited >= 53) expect(restAfter(waited)).toBeGreaterThan(sleep);
    waited += sleep;
  }
  expect([1, 25, 52].map(restAfter)).toEqual([1, 25, 25]);
});
