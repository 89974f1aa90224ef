import path from 'node:path';
import { startOther } from './other-programs.js';
import { FIXTURES } from './trail.js';

/** Programs that write, each with an SQLite of its own. */
export const WRITERS = ['better-sqlite3', 'python', 'the sqlite3 shell'] as const;

export type WriterName = (typeof WRITERS)[number];

export interface Writer {
  /** Runs statements, one after the other whatever their errors, and gives these; rolls back what was left open. */
  readonly run: (statements: readonly string[]) => Promise<string[]>;
  readonly stop: () => Promise<void>;
}

/** Starts a program that writes to a database; killed after the test. */
export function startWriter(name: WriterName, file: string): Writer {
  if (name === 'the sqlite3 shell') return startShell(file);
  const [command, script] = name === 'python' ? ['python3', 'writer.py'] : [process.execPath, 'writer.cjs'];
  const { child, finished } = startOther(command, [path.join(FIXTURES, 'capture', script), file]);
  const nextLine = lineReader(child.stdout);
  return {
    run: async (statements) => {
      child.stdin.write(`${JSON.stringify(statements)}\n`);
      const errors = JSON.parse(await nextLine()) as (string | null)[];
      return errors.filter((error) => error !== null);
    },
    stop: async () => {
      child.stdin.end();
      await finished;
    },
  };
}

function startShell(file: string): Writer {
  const { child, finished } = startOther('sh', ['-c', 'exec sqlite3 "$0" 2>&1', file]);
  const nextLine = lineReader(child.stdout);
  child.stdin.write('.timeout 10000\nPRAGMA synchronous = OFF;\n.mode list\n');
  return {
    run: async (statements) => {
      // Rows of RETURNING are no errors; these come as lines that say so. At the end, there may be no transaction.
      child.stdin.write(`${statements.join(';\n')};\n.print "answered"\nROLLBACK;\n.print "done"\n`);
      const errors: string[] = [];
      let answered = false;
      for (let line = await nextLine(); line !== 'done'; line = await nextLine()) {
        if (line === 'answered') answered = true;
        else if (!answered && /^(?:Runtime |Parse )?[Ee]rror\b.*?: /.test(line)) errors.push(line);
      }
      return errors;
    },
    stop: async () => {
      child.stdin.end();
      await finished;
    },
  };
}

/** Gives the lines of a stream, one for each call; rejects where it ends. */
function lineReader(stream: NodeJS.ReadableStream): () => Promise<string> {
  const lines: string[] = [];
  let rest = '';
  let ended = false;
  let wake = (): void => undefined;
  const decoder = new TextDecoder();
  stream.on('data', (chunk: Buffer) => {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  stream.on('close', () => {
    ended = true;
    wake();
  });
  return async () => {
    for (;;) {
      const line = lines.shift();
      if (line !== undefined) return line;
      if (ended) throw new Error('the program that writes has ended');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
