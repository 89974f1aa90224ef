import { createInterface } from 'node:readline';
import { visible } from './sanitize.js';
import type { Streams } from './streams.js';

/** Whether somebody is there to be asked. */
export function canAsk(streams: Streams): boolean {
  return streams.stdin.isTerminal && streams.stderr.isTerminal;
}

/** Asks a question on standard error. Only `y` or `yes` is yes: an end of input is no, and so is nobody to ask. */
export async function confirm(streams: Streams, question: string): Promise<boolean> {
  if (!canAsk(streams)) return false;
  await streams.stderr.write(`${visible(question, { newlines: 'keep' })} [y/N] `);
  const lines = createInterface({ input: streams.stdin.readable, terminal: false });
  const answer = await new Promise<string | undefined>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(undefined));
  });
  lines.close();
  // Without this, the open terminal would keep the process alive.
  streams.stdin.readable.pause();
  if (answer === undefined) await streams.stderr.write('\n');
  return /^\s*y(?:es)?\s*$/i.test(answer ?? '');
}
