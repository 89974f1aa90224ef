import type { Size } from './browser.js';

interface KeyWord {
  readonly keys: string;
  readonly does: string;
}

/** The keys, as the help lists them. */
export const KEY_WORDS: readonly KeyWord[] = [
  { keys: '↑ ↓ k j', does: 'one entry up or down' },
  { keys: 'PgUp PgDn', does: 'one screen up or down' },
  { keys: 'g G', does: 'to the newest, to the oldest; so do Home and End' },
  { keys: '← →', does: 'one part of the timeline back or on' },
  { keys: 't', does: 'to a time, as --since takes it' },
  { keys: 'Enter', does: 'the entry in full; again, or Esc, closes it' },
  { keys: '[ ]', does: 'scroll in the entry' },
  { keys: '/', does: 'look for a text in messages: then n next, N previous, Esc ends it' },
  { keys: 'f', does: 'edit the filter; Tab completes' },
  { keys: 'a e c s', does: "only this entry's actor, entity, correlation id, scope" },
  { keys: '-', does: 'take a condition out' },
  { keys: 'Backspace', does: 'back to the filter before' },
  { keys: 'Space', does: 'fold the entries of a correlation id, or unfold them' },
  { keys: 'F', does: 'follow what is recorded from now on, or stop' },
  { keys: 'h', does: 'entries by weekday and hour' },
  { keys: 'n', does: 'write a note on the entity (while no text is looked for)' },
  { keys: 'r', does: 'take the entry back' },
  { keys: 'y', does: 'copy the history command that shows this list' },
  { keys: 'x', does: 'export this list to a file' },
  { keys: '? q', does: 'this help, quit' },
];

const KEYS_WIDTH = Math.max(...KEY_WORDS.map(({ keys }) => keys.length));
/** A blank before the keys, and two behind them. */
const GAPS = 3;
/** The heading above, the bar and the foot below, and the last line of the screen. */
const AROUND = 4;

/** The help in pages that a screen can show whole: what a key does takes more lines where they are short. */
export function helpPages({ columns, rows }: Size): readonly (readonly KeyWord[])[] {
  const room = Math.max(1, rows - AROUND);
  const pages: KeyWord[][] = [[]];
  for (const { keys, does } of KEY_WORDS) {
    const lines = wrapped(does, columns - KEYS_WIDTH - GAPS).map((line, index) => ({
      keys: (index === 0 ? keys : '').padEnd(KEYS_WIDTH),
      does: line,
    }));
    if ((pages.at(-1)?.length ?? 0) + lines.length > room && pages.at(-1)?.length !== 0) pages.push([]);
    pages.at(-1)?.push(...lines);
  }
  return pages;
}

/** Each of these letters takes one column. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
