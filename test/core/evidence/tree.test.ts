import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/evidence/hashing.js';
import {
  consistencyPath,
  EMPTY,
  grown,
  grownBy,
  inclusionPath,
  isConsistent,
  nodeHash,
  rootByPath,
  rootOf,
  subtreeSizes,
} from '../../../src/core/evidence/tree.js';

// The inputs and roots that the authors of RFC 6962 test with.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (input) => Buffer.from(input, 'hex'),
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const LEAVES = INPUTS.map((input) => sha256(Buffer.concat([Buffer.of(0), input])));

/** MTH as the RFC defines it, word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256(Buffer.of());
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(mth(leaves.slice(0, split)), mth(leaves.slice(split)));
}

const leavesOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => sha256(Buffer.from(`leaf ${index}`)));

describe('the tree of RFC 6962', () => {
  test('has the roots that its authors give, grown leaf by leaf and at once', () => {
    let frontier = EMPTY;
    expect(rootOf(frontier).toString('hex')).toBe(ROOTS[0]);
    for (const [index, leaf] of LEAVES.entries()) {
      frontier = grown(frontier, leaf);
      expect(rootOf(frontier).toString('hex')).toBe(ROOTS[index + 1]);
      expect(rootOf(grownBy(EMPTY, Buffer.concat(LEAVES), 0, index + 1)).toString('hex')).toBe(ROOTS[index + 1]);
    }
  });

  test('has the paths that its authors give', () => {
    const range = (from: number, to: number): Buffer => mth(LEAVES.slice(from, to));
    // PATH(5, 8): the leaf 4, the nodes over 6 and 7, and over 0 to 3.
    expect(inclusionPath(5, 8, range).map((node) => node.toString('hex'))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    // PROOF(6, 8).
    expect(consistencyPath(6, 8, range).map((node) => node.toString('hex'))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  test('grows in any steps to the root of all its leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 6 }), (steps) => {
        const size = steps.reduce((sum, step) => sum + step, 0);
        const leaves = leavesOf(size);
        const hashes = Buffer.concat(leaves);
        let frontier = EMPTY;
        for (const step of steps) {
          frontier = grownBy(frontier, hashes, frontier.size, frontier.size + step);
          expect(frontier.nodes).toHaveLength(subtreeSizes(frontier.size).length);
          expect(rootOf(frontier)).toEqual(mth(leaves.slice(0, frontier.size)));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('proves every leaf, and no leaf at another place or by a path that was changed', () => {
    for (let size = 1; size <= 20; size++) {
      const leaves = leavesOf(size);
      const root = mth(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionPath(index, size, (from, to) => mth(leaves.slice(from, to)));
        expect(rootByPath(leaf, index, size, path)).toEqual(root);
        for (let other = 0; other < size; other++) {
          if (other !== index) expect(rootByPath(leaf, other, size, path)?.equals(root) ?? false).toBe(false);
        }
        expect(rootByPath(leaf, index, size, [...path, leaf])).toBeUndefined();
        if (path.length > 0) expect(rootByPath(leaf, index, size, path.slice(1))).toBeUndefined();
      }
      expect(rootByPath(leaves[0] as Buffer, size, size, [])).toBeUndefined();
    }
  });

  test('proves that a tree is the beginning of another, and no other one', () => {
    const leaves = leavesOf(20);
    const range = (from: number, to: number): Buffer => mth(leaves.slice(from, to));
    for (let second = 0; second <= 20; second++) {
      for (let first = 0; first <= second; first++) {
        const path = consistencyPath(first, second, range);
        const [before, after] = [
          { size: first, root: range(0, first) },
          { size: second, root: range(0, second) },
        ];
        expect(isConsistent(before, after, path), `${first} in ${second}`).toBe(true);
        const other = { ...before, root: sha256(Buffer.from('another')) };
        expect(isConsistent(other, after, path), `another ${first} in ${second}`).toBe(false);
        expect(isConsistent(before, after, [...path, before.root]), `${first} in ${second}, too long`).toBe(false);
        if (first < second) expect(isConsistent(after, before, path)).toBe(false);
        if (path.length > 0) expect(isConsistent(before, after, path.slice(1))).toBe(false);
      }
    }
  });
});
