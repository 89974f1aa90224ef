import { describe, expect, test } from 'vitest';
import { palette, PLAIN_PALETTE, resolveColour } from '../../src/terminal/colour.js';

describe('resolveColour', () => {
  test.each<['auto' | 'always' | 'never', Record<string, string>, boolean, number]>([
    ['auto', {}, true, 1],
    ['auto', {}, false, 0],
    ['auto', { TERM: 'xterm-256color' }, true, 2],
    ['auto', { COLORTERM: 'truecolor', TERM: 'xterm' }, true, 3],
    ['auto', { TERM: 'dumb' }, true, 0],
    ['auto', { NO_COLOR: '' }, true, 1],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '3' }, true, 0],
    ['auto', { FORCE_COLOR: '2', TERM: 'dumb' }, false, 2],
    ['auto', { FORCE_COLOR: 'true' }, false, 1],
    ['auto', { FORCE_COLOR: '0' }, true, 0],
    ['auto', { FORCE_COLOR: 'false', CLICOLOR_FORCE: '1' }, true, 0],
    ['auto', { FORCE_COLOR: '' }, false, 0],
    ['auto', { CLICOLOR_FORCE: '1', TERM: 'dumb' }, false, 1],
    ['auto', { CLICOLOR_FORCE: '0' }, false, 0],
    ['always', { NO_COLOR: '1', TERM: 'dumb' }, false, 1],
    ['never', { FORCE_COLOR: '3' }, true, 0],
  ])('--color=%s %j, terminal: %s', (flag, env, isTerminal, level) => {
    expect(resolveColour({ flag, env, isTerminal })).toBe(level);
  });
});

describe('palette', () => {
  test('level 0 changes nothing', async () => {
    const plain = await palette(0);
    expect(plain).toBe(PLAIN_PALETTE);
    for (const colour of Object.values(plain)) expect(colour('text')).toBe('text');
  });

  test('other levels colour every role but the plain one, with the 16 colours of the theme', async () => {
    const one = await palette(1);
    const three = await palette(3);
    const roles = Object.keys(PLAIN_PALETTE) as (keyof typeof PLAIN_PALETTE)[];
    for (const role of roles) expect(one[role]('text')).toBe(three[role]('text'));
    expect(roles.filter((role) => one[role]('text') === 'text')).toEqual(['info']);
    expect(one.error('text')).toBe('\x1b[31m\x1b[1mtext\x1b[22m\x1b[39m');
  });
});
