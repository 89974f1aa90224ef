import { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { DaybookError } from '../core/errors.js';

/** Standard output or error. */
export interface Output {
  readonly isTerminal: boolean;
  /** The terminal's size as it is now; 80 by 24 where there is none. */
  readonly columns: number;
  readonly rows: number;
  /** Resolves when the chunk has been taken; throws OutputClosed when nobody reads any more. */
  write(chunk: string | Uint8Array): Promise<void>;
}

/** Standard input. */
export interface Input {
  readonly isTerminal: boolean;
  readonly readable: Readable;
}

/** What a command reads from and writes to. */
export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The reader of an output has gone: a quiet end for who only shows, a failure for who hands over evidence. */
export class OutputClosed extends DaybookError {
  constructor(cause?: unknown) {
    super('failed', 'the output was closed before everything was written', { cause });
    this.name = 'OutputClosed';
  }
}

/** The streams of this process. Each is opened at its first use: opening them costs start-up time. */
export function systemStreams(): Streams {
  return {
    stdin: {
      get isTerminal() {
        return isatty(0);
      },
      get readable() {
        return process.stdin;
      },
    },
    stdout: systemOutput(1, 'standard output', () => process.stdout),
    stderr: systemOutput(2, 'standard error', () => process.stderr),
  };
}

function systemOutput(descriptor: 1 | 2, name: string, open: () => NodeJS.WriteStream): Output {
  let stream: NodeJS.WriteStream | undefined;
  let failure: Error | undefined;

  const opened = (): NodeJS.WriteStream => {
    if (stream === undefined) {
      stream = open();
      // Without a listener, a reader that goes away would end the process with a stack trace.
      stream.on('error', (error) => (failure ??= error));
    }
    return stream;
  };
  return {
    isTerminal: isatty(descriptor),
    get columns() {
      return opened().columns || 80;
    },
    get rows() {
      return opened().rows || 24;
    },
    write: (chunk) => writeTo(opened(), name, chunk, () => failure),
  };
}

/** Writes one chunk to a Node stream and waits until it is taken. `name` is for messages. */
export function writeTo(
  stream: NodeJS.WritableStream,
  name: string,
  chunk: string | Uint8Array,
  failure: () => Error | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(writeError(error, name));
    const earlier = failure();
    if (earlier !== undefined) return fail(earlier);
    stream.write(chunk, (error) => (error ? fail(error) : resolve()));
  });
}

const CLOSED = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

function writeError(error: NodeJS.ErrnoException, name: string): DaybookError {
  if (error.code !== undefined && CLOSED.has(error.code)) return new OutputClosed(error);
  return new DaybookError('failed', `cannot write to ${name}: ${error.message}`, { cause: error });
}

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
