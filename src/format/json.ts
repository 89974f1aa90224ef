/** Pages of JSON objects, one a line, to one JSON document. */
export interface JsonWriter {
  begin(): string;
  page(lines: Uint8Array): Uint8Array;
  end(nextCursor: string | null): string;
}

const LINE_FEED = 0x0a;

/**
 * Joins lines of JSON objects into an array, or into the envelope of a page: `{"entries": [...], "next_cursor": ...}`.
 * The lines stay bytes: a line feed inside JSON text is escaped, so a raw one always ends an object.
 */
export function jsonWriter(shape: 'array' | 'envelope'): JsonWriter {
  let any = false;
  return {
    begin: () => (shape === 'array' ? '[' : '{"entries": ['),
    page(lines) {
      const parts: Uint8Array[] = [];
      let start = 0;
      for (let end = lines.indexOf(LINE_FEED); end !== -1; end = lines.indexOf(LINE_FEED, start)) {
        parts.push(any ? COMMA : BREAK, lines.subarray(start, end));
        any = true;
        start = end + 1;
      }
      return Buffer.concat(parts);
    },
    end(nextCursor) {
      const close = any ? '\n]' : ']';
      return shape === 'array' ? `${close}\n` : `${close}, "next_cursor": ${JSON.stringify(nextCursor)}}\n`;
    },
  };
}

const BREAK = Buffer.from('\n');
const COMMA = Buffer.from(',\n');
