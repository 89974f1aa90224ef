import { Text, useInput, useStdout } from 'ink';
import type { Key as InkKey } from 'ink';
import { createElement, useEffect, useReducer } from 'react';
import type { ReactElement } from 'react';
import type { Browser, Key, Size } from './browser.js';
import { draw } from './draw.js';
import type { Pens } from './draw.js';

/** The size of a terminal as it is now; 80 by 24 where it does not say. */
export function sizeOf(stdout: { readonly columns?: number; readonly rows?: number }): Size {
  return { columns: stdout.columns || 80, rows: stdout.rows || 24 };
}

export interface ScreenProps {
  readonly browser: Browser;
  readonly pens: (size: Size) => Pens;
  readonly listeners: Set<() => void>;
}

/** Draws what the browser shows whenever it changes, and hands it the keys. */
export function Screen({ browser, pens, listeners }: ScreenProps): ReactElement {
  const { stdout, write } = useStdout();
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const resized = (): void => void browser.resize(sizeOf(stdout));
    const changed = (): void => {
      for (const text of browser.copied()) write(onClipboard(text));
      redraw();
    };
    listeners.add(changed);
    stdout.on('resize', resized);
    return () => {
      listeners.delete(changed);
      stdout.off('resize', resized);
    };
  }, [browser, listeners, stdout, write]);
  useInput((input, key) => {
    for (const one of keysOf(input, key)) void browser.press(one);
  });
  const size = sizeOf(stdout);
  return createElement(Text, { wrap: 'truncate' }, draw(browser.scene(), size, pens(size)).join('\n'));
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
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
  ['tab', 'tab'],
] as const;

/** Keys that were pressed fast, or pasted, come together. */
function keysOf(input: string, key: InkKey): Key[] {
  const named = NAMES.find(([ink]) => key[ink]);
  if (named !== undefined) return [{ name: named[1] }];
  if (key.ctrl) return [];
  // Esc and a letter that come together look like a letter with Alt, which means nothing here.
  const escape: Key[] = key.meta ? [{ name: 'escape' }] : [];
  return escape.concat(
    Array.from(input, (letter): Key => (letter === '\r' || letter === '\n' ? { name: 'enter' } : { letter })),
  );
}
