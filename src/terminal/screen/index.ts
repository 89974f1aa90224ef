import { render, Text, useApp, useInput, useStdout } from 'ink';
import type { Key as InkKey } from 'ink';
import { createElement, useEffect, useReducer } from 'react';
import type { ReactElement } from 'react';
import type { Palette } from '../colour.js';
import { rulerFor } from '../width.js';
import { createBrowser } from './browser.js';
import type { Browser, Key, Size } from './browser.js';
import type { Desk } from './desk.js';
import { draw } from './draw.js';
import type { Pens } from './draw.js';

export interface ScreenOptions {
  readonly desk: Desk;
  /** The filter to begin with, as words of the command line. */
  readonly words: readonly string[];
  readonly palette: Palette;
  readonly signal: AbortSignal;
  readonly stdin?: NodeJS.ReadStream;
  readonly stdout?: NodeJS.WriteStream;
}

/** How often is looked for new entries, while the screen follows. */
const LOOK_MS = 200;

/** The other screen of a terminal: what stood there before comes back at the end. */
const OTHER_SCREEN = ['\x1b[?1049h\x1b[2J\x1b[H', '\x1b[?1049l'] as const;

/** Shows the trail on the full screen until the user has had enough, or the signal. */
export async function showScreen(options: ScreenOptions): Promise<void> {
  const { desk, words, palette, signal, stdin = process.stdin, stdout = process.stdout } = options;
  const ruler = await rulerFor(['\u4e00']);
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const browser = await createBrowser(desk, words, sizeOf(stdout), changed);
  const pens = (size: Size): Pens => ({
    ruler,
    palette,
    time: desk.time,
    rows: desk.rows(size.columns - 1),
    join: desk.join,
  });
  stdout.write(OTHER_SCREEN[0]);
  const app = render(createElement(Screen, { browser, pens, listeners }), {
    stdin,
    stdout,
    exitOnCtrlC: true,
    patchConsole: false,
  });
  const looking = setInterval(() => void browser.look(), LOOK_MS);
  const end = (): void => app.unmount();
  signal.addEventListener('abort', end);
  try {
    void browser.ended.then(end);
    await app.waitUntilExit();
  } finally {
    clearInterval(looking);
    signal.removeEventListener('abort', end);
    stdout.write(OTHER_SCREEN[1]);
  }
}

function sizeOf(stdout: NodeJS.WriteStream): Size {
  return { columns: stdout.columns || 80, rows: stdout.rows || 24 };
}

interface Props {
  readonly browser: Browser;
  readonly pens: (size: Size) => Pens;
  readonly listeners: Set<() => void>;
}

function Screen({ browser, pens, listeners }: Props): ReactElement {
  const { stdout, write } = useStdout();
  const { exit } = useApp();
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
  }, [browser, exit, listeners, stdout, write]);
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
  if (key.ctrl || key.meta) return [];
  return Array.from(input, (letter): Key => (letter === '\r' || letter === '\n' ? { name: 'enter' } : { letter }));
}
