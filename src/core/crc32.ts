/**
 * The CRC-32 of a text (RFC 1952, 8), as 8 hexadecimal digits. `zlib.crc32` gives the same, and a test holds both
 * together. But every page of history that is not the last needs one, and loading node:zlib took a further 4 % of the
 * processor time of an empty Node (2026-11, Node 20): ten times as long as this loop.
 */
export function crc32(text: string): string {
  let remainder = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return (~remainder >>> 0).toString(16).padStart(8, '0');
}
