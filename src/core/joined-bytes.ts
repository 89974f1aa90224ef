/** What a character of JavaScript's takes in UTF-8, at most. */
const MOST_BYTES = 3;

/** Texts as UTF-8, one behind the other. Each is written by itself: to join them first takes as long again. */
export function joinedBytes(texts: Iterable<string>, expected: number): Buffer {
  let bytes = Buffer.allocUnsafe(expected);
  let end = 0;
  for (const text of texts) {
    const most = MOST_BYTES * text.length;
    if (end + most > bytes.length) {
      const larger = Buffer.allocUnsafe(2 * bytes.length + most);
      bytes.copy(larger, 0, 0, end);
      bytes = larger;
    }
    end += bytes.write(text, end);
  }
  return bytes.subarray(0, end);
}
