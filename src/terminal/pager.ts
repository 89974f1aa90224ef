import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { visible } from './sanitize.js';
import { OutputClosed, type Output, type Streams } from './streams.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Chunk = string | Uint8Array;

/**
 * Runs `run` with an output that goes through the user's pager, if standard output is a terminal and more is written
 * than its screen holds; gives whether all of it was wanted. Closing the pager early is a quiet end. What a pager that
 * fails did not take is written plainly, and that it failed is said.
 */
export async function withPager(
  streams: Streams,
  env: Environment,
  enabled: boolean,
  run: (out: Output) => Promise<void>,
): Promise<boolean> {
  const { stdout } = streams;
  const command = pagerCommand(env);
  if (!enabled || !stdout.isTerminal || command === undefined) {
    await run(stdout);
    return true;
  }

  let held: string[] = [];
  let heldRows = 0;
  let pager: Pager | undefined;
  let failure: string | undefined;
  let closed = false;
  let interrupted = false;
  // Ctrl-C reaches us and the pager alike. Ending at once would leave the pager behind, fighting with the shell.
  const interrupt = (): void => void (interrupted = true);

  /** What it held back so far. */
  const release = (): string => {
    const text = held.join('');
    held = [];
    return text;
  };

  /** When the pager has ended: whoever closed it has seen enough, and else what it did not take is written plainly. */
  const judge = async (ending: Pager, rest: Uint8Array): Promise<void> => {
    pager = undefined;
    const ended = await ending.end();
    process.off('SIGINT', interrupt);
    const left = Buffer.concat([ended.left, rest]);
    if (interrupted || (ended.code === 0 && ended.taken > 0)) {
      closed = interrupted || left.length > 0;
      return;
    }
    const why =
      ended.signal !== null ? ended.signal : ended.code === 0 ? 'it took nothing' : `exit code ${ended.code ?? '?'}`;
    const took = left.length === 0 ? 'after it had taken everything' : 'what it did not take is written plainly';
    failure = `the pager ${command.join(' ')} failed (${why}): ${took}`;
    if (left.length > 0) await stdout.write(left);
  };

  const write = async (chunk: Chunk): Promise<void> => {
    if (closed || interrupted) throw new OutputClosed();
    if (failure !== undefined) return stdout.write(chunk);
    if (pager === undefined) {
      held.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
      heldRows += rowsOf(held.at(-1) ?? '', stdout.columns);
      // One row is left for the shell's prompt.
      if (heldRows < stdout.rows) return;
      const started = await startPager(command, env);
      if (typeof started === 'string') {
        failure = started;
        return stdout.write(release());
      }
      pager = started;
      process.on('SIGINT', interrupt);
      return write(release());
    }
    const rest = await pager.give(Buffer.from(chunk as string), () => interrupted);
    if (rest === undefined) return;
    await judge(pager, rest);
    if (closed) throw new OutputClosed();
  };

  try {
    await run({
      isTerminal: true,
      get columns() {
        return stdout.columns;
      },
      get rows() {
        return stdout.rows;
      },
      write,
    });
  } catch (error) {
    if (!(error instanceof OutputClosed) || !(closed || interrupted)) throw error;
    closed = true;
  } finally {
    // What was written before a failure is still worth reading.
    const text = release();
    if (text !== '') await stdout.write(text);
    if (pager !== undefined) await judge(pager, Buffer.alloc(0));
    // A pager that nobody named need not be there.
    if (failure) await streams.stderr.write(`${visible(`daybook: ${failure}`, { newlines: 'mark' })}\n`);
  }
  return !closed;
}

/** How many rows of a screen a text takes. Escape sequences count too: a little early is early enough. */
function rowsOf(text: string, columns: number): number {
  let rows = 0;
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (index < lines.length - 1 || line !== '') rows += Math.max(1, Math.ceil(line.length / columns));
  }
  return rows;
}

/** The words of the pager's command line, or undefined where none is wanted. */
export function pagerCommand(env: Environment): [string, ...string[]] | undefined {
  if (env['TERM'] === 'dumb') return undefined;
  const line = env['DAYBOOK_PAGER'] ?? env['PAGER'] ?? 'less';
  // No shell: a missing program is then an error that can be told apart from everything else.
  const words = [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/["']/g, ''));
  const [program, ...rest] = words;
  return program === undefined || program === 'cat' ? undefined : [program, ...rest];
}

/** A pager at work. */
interface Pager {
  /** Writes what the pager takes; gives the rest of it where the pager has ended, or `stopped` says so. */
  give(bytes: Uint8Array, stopped: () => boolean): Promise<Uint8Array | undefined>;
  /** Tells the pager that this was all, and waits for its end; gives how it ended, and what it left of what it was given. */
  end(): Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly taken: number;
    readonly left: Uint8Array;
  }>;
}

/** How long to wait at first, and at most, for a pager that reads no further. */
const WAIT_MS = { first: 1, longest: 50 };

/**
 * Starts the pager, or gives why it cannot be; nothing to say of the usual one where that is not there. It reads from a
 * named pipe, whose other end we hold too: so what it has not read when it ends is not lost.
 */
async function startPager(command: readonly [string, ...string[]], env: Environment): Promise<Pager | string> {
  const [{ spawn, spawnSync }, fs, { tmpdir }, { join }] = await Promise.all([
    import('node:child_process'),
    import('node:fs'),
    import('node:os'),
    import('node:path'),
  ]);
  const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
  const descriptors: number[] = [];
  const open = (path: string, flags: number): number => {
    descriptors.push(fs.openSync(path, flags));
    return descriptors.at(-1) as number;
  };
  const [program, ...rest] = command;
  let child: ChildProcess;
  let reading: number;
  let writing: number;
  try {
    const folder = fs.mkdtempSync(join(tmpdir(), 'daybook-pager-'));
    try {
      const pipe = join(folder, 'pipe');
      const { error, status } = spawnSync('mkfifo', ['-m', '600', pipe], { stdio: 'ignore' });
      if (status !== 0) throw error ?? new Error(`mkfifo ended with ${status}`);
      reading = open(pipe, O_RDONLY | O_NONBLOCK);
      writing = open(pipe, O_WRONLY | O_NONBLOCK);
      const input = open(pipe, O_RDONLY);
      // F: leave at once if it fits, R: colours, X: do not clear the screen at the end.
      const LESS = env['LESS'] ?? 'FRX';
      child = spawn(program, rest, { stdio: [input, 'inherit', 'inherit'], env: { ...env, LESS } });
      fs.closeSync(input);
      descriptors.pop();
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
    await once(child, 'spawn');
  } catch (error) {
    for (const descriptor of descriptors) fs.closeSync(descriptor);
    const { code, message } = error as NodeJS.ErrnoException;
    const isNamed = env['DAYBOOK_PAGER'] !== undefined || env['PAGER'] !== undefined;
    return isNamed || code !== 'ENOENT' ? `the pager ${command.join(' ')} cannot be started (${code ?? message})` : '';
  }
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exit = isOver() ? Promise.resolve() : once(child, 'exit');
  let given = 0;
  return {
    async give(bytes, stopped) {
      let wait = WAIT_MS.first;
      for (let offset = 0; offset < bytes.byteLength;) {
        if (isOver() || stopped()) return bytes.subarray(offset);
        try {
          const written = fs.writeSync(writing, bytes, offset);
          offset += written;
          given += written;
          wait = WAIT_MS.first;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
          await Promise.race([exit, sleep(wait)]);
          wait = Math.min(wait * 2, WAIT_MS.longest);
        }
      }
      return undefined;
    },
    async end() {
      fs.closeSync(writing);
      await exit;
      const left = fs.readFileSync(reading);
      fs.closeSync(reading);
      return { code: child.exitCode, signal: child.signalCode, taken: given - left.byteLength, left };
    },
  };
}
