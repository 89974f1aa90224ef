import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keptRuns, tilesOf } from '../../src/store/kept-tiles.js';

test('a tile that another program gave more seqs than a tile holds is not read', () => {
  expect(keptRuns('1-256', 1, 256)).toEqual([[1, 256]]);
  expect(keptRuns('1-257', 1, 257)).toBeNull();
  expect(keptRuns('1-9007199254740991', 1, Number.MAX_SAFE_INTEGER)).toBeNull();
});

test('only tiles that may hold one of the seqs are asked for', () => {
  const seq = fc.integer({ min: 1, max: 100 });
  const bounds = fc.array(fc.tuple(seq, seq)).map((pairs) =>
    pairs.map(([one, other], tile) => ({
      tile,
      first_seq: Math.min(one, other),
      last_seq: Math.max(one, other),
    })),
  );
  fc.assert(
    fc.property(bounds, fc.array(seq), (tiles, seqs) => {
      const may = tiles.filter((tile) => seqs.some((one) => tile.first_seq <= one && one <= tile.last_seq));
      expect(tilesOf(tiles, seqs)).toEqual(may.map(({ tile }) => tile));
    }),
  );
});
