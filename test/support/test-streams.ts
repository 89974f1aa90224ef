import { Readable } from 'node:stream';
import { OutputClosed } from '../../src/terminal/streams.js';
import type { Output, Streams } from '../../src/terminal/streams.js';

/** An output in memory. */
export interface TestOutput extends Output {
  text(): string;
}

/** Streams in memory, for tests. Outputs close after `closesAfter` writes. */
export function testStreams(
  options: {
    readonly terminal?: boolean;
    readonly columns?: number;
    readonly rows?: number;
    readonly input?: string | Uint8Array;
    readonly closesAfter?: number;
  } = {},
): Streams & { readonly stdout: TestOutput; readonly stderr: TestOutput } {
  const isTerminal = options.terminal ?? false;
  const output = (): TestOutput => {
    const chunks: Buffer[] = [];
    return {
      isTerminal,
      columns: options.columns ?? 80,
      rows: options.rows ?? 24,
      async write(chunk) {
        if (chunks.length >= (options.closesAfter ?? Infinity)) throw new OutputClosed();
        chunks.push(Buffer.from(chunk as string));
      },
      text: () => Buffer.concat(chunks).toString('utf8'),
    };
  };
  const input = options.input ?? '';
  return {
    stdin: { isTerminal, readable: Readable.from(input.length === 0 ? [] : [Buffer.from(input as string)]) },
    stdout: output(),
    stderr: output(),
  };
}
