import { describe, expect, test } from 'vitest';
import { startProgress, type Progress } from '../../src/terminal/progress.js';
import { testStreams, type TestOutput } from '../support/test-streams.js';

interface Setup {
  readonly progress: Progress;
  readonly stderr: TestOutput;
  pass(ms: number): void;
}

function setup(
  options: { terminal?: boolean; quiet?: boolean; total?: number; columns?: number; closesAfter?: number } = {},
): Setup {
  const { stderr } = testStreams({ columns: 80, ...options, terminal: options.terminal ?? true });
  let time = 5000;
  const progress = startProgress(stderr, {
    quiet: options.quiet ?? false,
    verb: 'exported',
    total: options.total,
    now: () => time,
  });
  return { progress, stderr, pass: (ms) => void (time += ms) };
}

describe('startProgress', () => {
  test('says how much, how fast and how long still', async () => {
    const { progress, stderr, pass } = setup({ total: 100_000 });
    pass(2000);
    await progress.update(12_500);
    expect(stderr.text()).toBe('\rexported 12,500 of 100,000 entries (12%), 6,250/s, 14s left\x1b[K');
  });

  test.each([
    [100, '1min 39s'],
    [10_000, '2h 46min'],
  ])('of %d, one a second', async (total, left) => {
    const { progress, stderr, pass } = setup({ total });
    pass(1000);
    await progress.update(1);
    expect(stderr.text()).toContain(`1/s, ${left} left`);
  });

  test('without a total there is no end in sight', async () => {
    const { progress, stderr, pass } = setup();
    pass(1000);
    await progress.update(1000);
    expect(stderr.text()).toBe('\rexported 1,000 entries, 1,000/s\x1b[K');
  });

  test('draws at most ten times a second', async () => {
    const { progress, stderr, pass } = setup();
    for (let step = 1; step <= 1000; step += 1) {
      pass(1);
      await progress.update(step);
    }
    expect(stderr.text().split('\r')).toHaveLength(11);
  });

  test('clears its line once, if it drew one', async () => {
    const drawn = setup();
    drawn.pass(100);
    await drawn.progress.update(1);
    const before = drawn.stderr.text();
    await drawn.progress.end();
    await drawn.progress.end();
    expect(drawn.stderr.text()).toBe(`${before}\r\x1b[K`);
    const short = setup();
    await short.progress.end();
    expect(short.stderr.text()).toBe('');
  });

  test('stays on one line of a narrow terminal', async () => {
    const { progress, stderr, pass } = setup({ total: 100, columns: 20 });
    pass(100);
    await progress.update(1);
    expect(stderr.text()).toBe('\rexported 1 of 100 e\x1b[K');
  });

  test('goes on without a terminal that is gone', async () => {
    const { progress, stderr, pass } = setup({ closesAfter: 1 });
    for (let done = 1; done <= 3; done++) {
      pass(100);
      await progress.update(done);
    }
    await progress.end();
    expect(stderr.text()).toMatch(/^\rexported 1 entries, [^\r]*$/);
  });

  test.each([{ terminal: false }, { quiet: true }])('is silent with %j', async (options) => {
    const { progress, stderr, pass } = setup(options);
    pass(1000);
    await progress.update(1);
    await progress.end();
    expect(stderr.text()).toBe('');
  });
});
