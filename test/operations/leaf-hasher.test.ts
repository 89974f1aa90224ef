import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { LEAF_HEAD, leafHash, SALT_BYTES } from '../../src/core/evidence/leaves.js';
import { leafHasher } from '../../src/operations/leaf-hasher.js';

test.each([
  ['here', 1],
  ['in a thread', 10_000],
])('leaves that are hashed %s are those of the lines, one batch after the other', async (_where, entries) => {
  const hasher = leafHasher(entries);
  try {
    for (const count of [3, 0, 1000]) {
      const lines = Array.from({ length: count }, (_, n) => Buffer.from(`{"seq":${n + 1},"message":"ä ${n}"}`));
      const salts = randomBytes(count * SALT_BYTES);
      const room = lines.map((line) => Buffer.concat([Buffer.alloc(LEAF_HEAD, '.'), line, Buffer.from('\n')]));
      const leaves = lines.map((line, n) => leafHash(salts.subarray(n * SALT_BYTES, (n + 1) * SALT_BYTES), line));
      expect(await hasher.hash(Buffer.concat(room), Buffer.from(salts))).toEqual(Buffer.concat(leaves));
    }
  } finally {
    await hasher.close();
  }
});
