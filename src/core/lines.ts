import { isUtf8 } from 'node:buffer';
import { DaybookError } from './errors.js';

export interface Line {
  /** Counted from 1. */
  readonly line: number;
  /** Without its line feed, and without one carriage return before that. */
  readonly bytes: Buffer;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** What a line may have, or any other text that is held whole. */
export const LARGEST_TEXT = 64 * 1024 * 1024;

/**
 * Splits bytes into lines, in one array for each chunk that ends any. Lines stay bytes, so that an invalid one can be
 * handed back as it came; a byte order mark at the very beginning is skipped. Throws kind `data` for a line beyond
 * `longest` bytes.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, longest = LARGEST_TEXT): AsyncIterable<Line[]> {
  // A long line arrives in many chunks: they are joined once, when it ends.
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let count = 0;

  const hold = (part: Buffer): void => {
    pending.push(part);
    pendingBytes += part.length;
    if (pendingBytes > longest) {
      throw new DaybookError('data', `line ${count + 1} is longer than ${longest} bytes`);
    }
  };
  const finish = (): Line => {
    let bytes = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    count += 1;
    if (count === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    return { line: count, bytes };
  };
  const withoutReturn = (line: Line): Line =>
    line.bytes.at(-1) === CARRIAGE_RETURN ? { line: line.line, bytes: line.bytes.subarray(0, -1) } : line;

  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: Line[] = [];
    let start = 0;
    for (let end = buffer.indexOf(LINE_FEED); end !== -1; end = buffer.indexOf(LINE_FEED, start)) {
      hold(buffer.subarray(start, end));
      lines.push(withoutReturn(finish()));
      start = end + 1;
    }
    if (start < buffer.length) hold(buffer.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (pendingBytes > 0) {
    const last = finish();
    // A file of nothing but a byte order mark holds no line.
    if (last.line > 1 || last.bytes.length > 0) yield [last];
  }
}

/** Decodes UTF-8 and nothing else: a replacement character would be text that nobody wrote. `what` names the bytes. */
export function strictText(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new DaybookError('data', `${what} is not valid UTF-8`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
