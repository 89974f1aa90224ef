import { useInput, useStdout } from 'ink';
import type { Key as InkKey } from 'ink';
import { useEffect } from 'react';
import type { Browser, Key, Size } from './browser.js';
import { draw } from './draw.js';
import type { Pens } from './draw.js';
import { createPainter } from './paint.js';

/** The size of a terminal as it is now; 80 by 24 where it does not say. */
export function sizeOf(stdout: { readonly columns?: number; readonly rows?: number }): Size {
  return { columns: stdout.columns || 80, rows: stdout.rows || 24 };
}

export interface ScreenProps {
  readonly browser: Browser;
  readonly pens: (size: Size) => Pens;
  readonly listeners: Set<() => void>;
}

/**
 * Draws what the browser shows whenever it changes, and hands it the keys. Ink's own drawing takes every character of the
 * screen apart each time, which took twenty times as long as all else that a key does: the lines go to the terminal as
 * they are.
 */
export function Screen({ browser, pens, listeners }: ScreenProps): null {
  const { stdout } = useStdout();
  useEffect(() => {
    const painter = createPainter((text) => void stdout.write(text));
    const paint = (): void => {
      const size = sizeOf(stdout);
      painter.paint(draw(browser.scene(), size, pens(size)));
    };
    let due: NodeJS.Immediate | undefined;
    // Of keys that come together, the last one's screen is enough.
    const changed = (): void => {
      for (const text of browser.copied()) stdout.write(onClipboard(text));
      due ??= setImmediate(() => {
        due = undefined;
        paint();
      });
    };
    const resized = (): void => {
      painter.forget();
      void browser.resize(sizeOf(stdout));
    };
    paint();
    listeners.add(changed);
    stdout.on('resize', resized);
    return () => {
      clearImmediate(due);
      listeners.delete(changed);
      stdout.off('resize', resized);
    };
  }, [browser, listeners, pens, stdout]);
  useInput((input, key) => {
    for (const one of keysOf(input, key)) void browser.press(one);
  });
  return null;
}

/** OSC 52: the terminal, wherever it is, puts the text on its clipboard. */
function onClipboard(text: string): string {
  return `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`;
}

const NAMES = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageUp'],
  ['pageDown', 'pageDown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
  ['tab', 'tab'],
] as const;

/** Keys with Ctrl, as a shell's own line has them: alone, and as they come among others. */
const CONTROLS: Readonly<Record<string, Key>> = {
  a: { name: 'home' },
  e: { name: 'end' },
  h: { name: 'backspace' },
  i: { name: 'tab' },
  j: { name: 'enter' },
  k: { name: 'eraseAfter' },
  m: { name: 'enter' },
  u: { name: 'eraseBefore' },
  w: { name: 'eraseWord' },
};

/** Keys that were pressed fast, or pasted, come together. */
function keysOf(input: string, key: InkKey): Key[] {
  const named = NAMES.find(([ink]) => key[ink]);
  // Esc and a key that come together look like a key with Alt, which means nothing here.
  const escape: Key[] = key.meta && !key.escape ? [{ name: 'escape' }] : [];
  if (named !== undefined) return [...escape, { name: named[1] }];
  if (key.ctrl) return listOf(CONTROLS[input]);
  return escape.concat(Array.from(input).flatMap(keysOfLetter));
}

function keysOfLetter(letter: string): Key[] {
  if (letter === '\x7f') return [{ name: 'backspace' }];
  if (letter >= ' ') return [{ letter }];
  return listOf(CONTROLS[String.fromCharCode(letter.charCodeAt(0) + 96)]);
}

function listOf(key: Key | undefined): Key[] {
  return key === undefined ? [] : [key];
}
