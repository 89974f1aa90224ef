import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { OutputClosed, writeTo, type Output, type Streams } from './streams.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Pager = ChildProcessByStdio<Writable, null, null>;

/**
 * Runs `run` with an output that goes through the user's pager, if standard output is a terminal and more is written
 * than its screen holds. Closing the pager early is a quiet end; without a pager program the output is written plainly.
 */
export async function withPager(
  streams: Streams,
  env: Environment,
  enabled: boolean,
  run: (out: Output) => Promise<void>,
): Promise<void> {
  const { stdout } = streams;
  const command = pagerCommand(env);
  if (!enabled || !stdout.isTerminal || command === undefined) return run(stdout);

  let held: string[] = [];
  let heldRows = 0;
  let pager: Pager | undefined;
  let plain = false;
  let failure: Error | undefined;
  // Ctrl-C reaches us and the pager alike. Ending at once would leave the pager behind, fighting with the shell.
  const interrupted = (): void => void (failure ??= new OutputClosed());

  const release = async (target: (chunk: string) => Promise<void>): Promise<void> => {
    const chunk = held.join('');
    held = [];
    if (chunk !== '') await target(chunk);
  };
  const toPager = (chunk: string | Uint8Array): Promise<void> =>
    writeTo((pager as Pager).stdin, 'the pager', chunk, () => failure);

  const write = async (chunk: string | Uint8Array): Promise<void> => {
    if (plain) return stdout.write(chunk);
    if (pager !== undefined) return toPager(chunk);
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    held.push(text);
    heldRows += rowsOf(text, stdout.columns);
    // One row is left for the shell's prompt.
    if (heldRows < stdout.rows) return;
    pager = await startPager(command, env);
    if (pager === undefined) {
      plain = true;
      return release((all) => stdout.write(all));
    }
    pager.stdin.on('error', (error) => (failure ??= error));
    process.on('SIGINT', interrupted);
    return release(toPager);
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
    await release((all) => stdout.write(all));
  } catch (error) {
    // What was written before the failure is still worth reading.
    await release((all) => stdout.write(all));
    if (pager === undefined || !(error instanceof OutputClosed)) throw error;
  } finally {
    if (pager !== undefined) {
      const ended = pager.exitCode === null && pager.signalCode === null ? once(pager, 'close') : undefined;
      pager.stdin.end();
      await ended;
      process.off('SIGINT', interrupted);
    }
  }
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

async function startPager([program, ...rest]: [string, ...string[]], env: Environment): Promise<Pager | undefined> {
  const { spawn } = await import('node:child_process');
  const pager = spawn(program, rest, {
    stdio: ['pipe', 'inherit', 'inherit'],
    // F: leave at once if it fits, R: colours, X: do not clear the screen at the end.
    env: { ...env, LESS: env['LESS'] ?? 'FRX' },
  });
  try {
    await once(pager, 'spawn');
    return pager;
  } catch {
    return undefined;
  }
}
