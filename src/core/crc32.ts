/**
 * The CRC-32 of a text (RFC 1952, 8), as 8 hexadecimal digits, bit by bit: short texts need no table, and a
 * cryptographic hash takes longer to load than a command has to answer.
 */
export function crc32(text: string): string {
  let remainder = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return (~remainder >>> 0).toString(16).padStart(8, '0');
}
