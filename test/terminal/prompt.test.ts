import { describe, expect, test } from 'vitest';
import { canAsk, confirm } from '../../src/terminal/prompt.js';
import { testStreams } from '../support/test-streams.js';

describe('confirm', () => {
  test.each([
    ['y\n', true],
    ['yes\n', true],
    ['YES\n', true],
    [' y \r\n', true],
    ['y', true],
    ['\n', false],
    ['n\n', false],
    ['yesterday\n', false],
    ['no\nyes\n', false],
    ['', false],
  ])('%j is %s', async (input, answer) => {
    const streams = testStreams({ terminal: true, input });
    expect(await confirm(streams, 'Delete 5 entries?')).toBe(answer);
    expect(streams.stderr.text().trimEnd()).toBe('Delete 5 entries? [y/N]');
    expect(streams.stdout.text()).toBe('');
  });

  test('shows what is hidden in the question', async () => {
    const streams = testStreams({ terminal: true });
    await confirm(streams, 'Delete\n\x1b[2K?');
    expect(streams.stderr.text()).toContain('Delete\n\\x1b[2K?');
  });

  test('nobody is asked where nobody sits', async () => {
    const streams = testStreams({ terminal: false, input: 'y\n' });
    expect(canAsk(streams)).toBe(false);
    expect(await confirm(streams, 'Delete?')).toBe(false);
    expect(streams.stderr.text()).toBe('');
    expect(canAsk({ ...streams, stdin: testStreams({ terminal: true }).stdin })).toBe(false);
  });
});
