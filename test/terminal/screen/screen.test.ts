import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { expect, test, vi } from 'vitest';
import { PLAIN_PALETTE } from '../../../src/terminal/colour.js';
import { createBrowser } from '../../../src/terminal/screen/browser.js';
import { Screen } from '../../../src/terminal/screen/screen.js';
import { rulerFor } from '../../../src/terminal/width.js';
import { entries, fakeDesk } from './desk.js';
import { shownOn } from './terminal.js';

async function shown(): Promise<ReturnType<typeof render>> {
  const desk = fakeDesk(entries(100));
  const listeners = new Set<() => void>();
  const browser = await createBrowser(desk, [], { columns: 100, rows: 24 }, () => {
    for (const listener of listeners) listener();
  });
  const ruler = await rulerFor(['\u4e00']);
  return render(
    createElement(Screen, {
      browser,
      listeners,
      pens: (size) => ({ ...desk, ruler, palette: PLAIN_PALETTE, rows: desk.rows(size.columns) }),
    }),
  );
}

const DOWN = '\x1b[B';
const PAGE_DOWN = '\x1b[6~';

test.each([
  ['', 'entry 100'],
  ['j', 'entry 99'],
  // As they come where somebody types fast.
  ['jjj', 'entry 97'],
  [DOWN, 'entry 99'],
  [PAGE_DOWN, 'entry 82'],
  ['G', 'entry 1'],
  ['\x1b[F', 'entry 1'],
  ['\x1b[F\x1b[H', 'entry 100'],
  ['\x1bOF', 'entry 1'],
  ['\x1b[4~\x1b[1~', 'entry 100'],
  ['fab\x01x\x05y', 'filter: xaby█'],
  ['fab cd\x17x\x15y', 'filter: y█'],
  ['/entry 5\r', 'entry 59'],
  ['\x7f', 'this is the first filter'],
  ['?', 'keys (any key goes back)'],
  ['\rG', 'detail of 1\n'],
  ['\x1b[4~', 'entry 1'],
  ['?\x1b\x1b[4~', 'entry 1'],
  // Esc and a letter, fast.
  ['/entry 5\r\x1bn', 'note on file:6: '],
])('%j is a key, or some', async (keys, seen) => {
  const { stdin, frames, unmount } = await shown();
  const screenText = (): string => shownOn(24, frames).join('\n');
  await vi.waitFor(() => expect(screenText()).toContain('>entry 100'));
  stdin.write(keys);
  await vi.waitFor(() => expect(screenText()).toMatch(new RegExp(`>${seen}\\s|${seen.replace(/[()]/g, '\\$&')}`)));
  unmount();
});

test('a copy goes to the clipboard of the terminal', async () => {
  const { stdin, frames, unmount } = await shown();
  await vi.waitFor(() => expect(shownOn(24, frames).join('\n')).toContain('entry 100'));
  stdin.write('y');
  const code = `\x1b]52;c;${Buffer.from('daybook history').toString('base64')}\x07`;
  await vi.waitFor(() => expect(frames.some((frame) => frame.includes(code))).toBe(true));
  unmount();
});
