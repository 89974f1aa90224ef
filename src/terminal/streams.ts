import { fstatSync, statSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
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
        return isTerminal(0, () => process.stdin);
      },
      get readable() {
        return process.stdin;
      },
    },
    stdout: systemOutput(1, 'standard output', () => process.stdout),
    stderr: systemOutput(2, 'standard error', () => process.stderr),
  };
}

/**
 * Only a character device can be a terminal, and that of cron's jobs is none: for them, for files and for pipes the
 * stream need not be opened to know.
 */
function isTerminal(descriptor: number, open: () => { readonly isTTY?: boolean }): boolean {
  try {
    const found = fstatSync(descriptor);
    if (!found.isCharacterDevice()) return false;
    const isNowhere = found.rdev === statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
    return !isNowhere && open().isTTY === true;
  } catch {
    // A descriptor that is closed, as cron and supervisors may leave it.
    return false;
  }
}

function systemOutput(descriptor: 1 | 2, name: string, open: () => NodeJS.WriteStream): Output {
  const terminal = isTerminal(descriptor, open);
  return {
    isTerminal: terminal,
    get columns() {
      return (this.isTerminal && open().columns) || 80;
    },
    get rows() {
      return (this.isTerminal && open().rows) || 24;
    },
    write: (chunk) => writeDescriptor(descriptor, { name, terminal }, chunk),
  };
}

/** How long to wait for a reader that has put its end of a pipe into non-blocking mode and does not keep up. */
const FULL_PIPE_MS = 5;

/**
 * Writes straight to a descriptor. Node's own streams write to files, pipes and terminals synchronously as well, but
 * loading and opening them is a tenth of start-up.
 */
async function writeDescriptor(
  descriptor: number,
  { name, terminal }: { readonly name: string; readonly terminal: boolean },
  chunk: string | Uint8Array,
): Promise<void> {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  for (let offset = 0; offset < bytes.byteLength;) {
    try {
      offset += writeSync(descriptor, bytes, offset);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // That is how the system says that a terminal is gone: its window was closed, or the line to it broke.
      if (terminal && code === 'EIO') throw new OutputClosed(error);
      if (code !== 'EAGAIN') throw writeError(error as Error, name);
      await new Promise((resolve) => setTimeout(resolve, FULL_PIPE_MS));
    }
  }
}

const CLOSED = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

function writeError(error: NodeJS.ErrnoException, name: string): DaybookError {
  if (error instanceof OutputClosed) return error;
  if (error.code !== undefined && CLOSED.has(error.code)) return new OutputClosed(error);
  return new DaybookError('failed', `cannot write to ${name}: ${error.message}`, { cause: error });
}
