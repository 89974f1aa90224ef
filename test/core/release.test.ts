import { expect, test } from 'vitest';
import { release } from '../../src/core/release.js';

const LARGE = 1024 * 1024;

test('large bytes with memory of their own are empty once they are given back', () => {
  for (let turn = 0; turn < 3; turn += 1) {
    const bytes = Buffer.alloc(LARGE, 'x');
    release(bytes);
    expect(bytes).toHaveLength(0);
    expect(bytes.buffer.byteLength).toBe(0);
  }
});

test('what others may still read stays', () => {
  const shared = new Uint8Array(LARGE).fill(1);
  release(shared.subarray(1));
  release(shared.subarray(0, LARGE - 1));
  const kept = new Uint8Array(new SharedArrayBuffer(LARGE)).fill(2);
  release(kept);
  expect([shared.at(0), shared.at(-1), kept.at(-1)]).toEqual([1, 1, 2]);
});

test('few bytes stay', () => {
  const bytes = new Uint8Array(1000).fill(1);
  release(bytes);
  expect(bytes).toHaveLength(1000);
});
