import { render } from 'ink';
import { createElement } from 'react';
import type { Palette } from '../colour.js';
import { rulerFor } from '../width.js';
import { createBrowser } from './browser.js';
import type { Size } from './browser.js';
import type { Desk } from './desk.js';
import type { Pens } from './draw.js';
import { Screen, sizeOf } from './screen.js';

export interface ScreenOptions {
  readonly desk: Desk;
  /** The filter to begin with, as words of the command line. */
  readonly words: readonly string[];
  readonly palette: Palette;
  readonly signal: AbortSignal;
}

/** How often is looked for new entries, while the screen follows. */
const LOOK_MS = 200;

/** The other screen of a terminal, without its cursor: what stood there before comes back at the end. */
const OTHER_SCREEN = ['\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H', '\x1b[?25h\x1b[?1049l'] as const;

/** Shows the trail on the full screen until the user has had enough, or the signal. */
export async function showScreen(options: ScreenOptions): Promise<void> {
  const { desk, words, palette, signal } = options;
  const { stdout } = process;
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
