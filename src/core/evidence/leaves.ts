import { createCipheriv } from 'node:crypto';
import { sha256, sha256Into } from './hashing.js';

/** So many positions of the tree are kept together. */
export const TILE = 256;
export const SALT_BYTES = 16;
export const SECRET_BYTES = 32;

/** What stands before a line within its leaf: 0x00 and the salt. */
export const LEAF_HEAD = 1 + SALT_BYTES;

const NO_COUNTER = Buffer.alloc(16);
const ZEROS = Buffer.alloc(TILE * SALT_BYTES);

/** The 256 salts of a tile: AES-256-CTR of zeros under its secret, with a counter that begins at zero. */
export function saltsOf(secret: Uint8Array): Buffer {
  return createCipheriv('aes-256-ctr', secret, NO_COUNTER).update(ZEROS);
}

/** SHA-256(0x00 || salt || line). */
export function leafHash(salt: Uint8Array, line: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.of(0), salt, line]));
}

/** The same for a line that has room for its head before it, in the bytes that hold both: nothing is copied. */
export function leafHashInto(target: Buffer, offset: number, salt: Buffer, headAndLine: Buffer): void {
  headAndLine[0] = 0;
  salt.copy(headAndLine, 1, 0, SALT_BYTES);
  sha256Into(target, offset, headAndLine);
}
