import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pagerCommand, withPager } from '../../src/terminal/pager.js';
import { OutputClosed, type Output } from '../../src/terminal/streams.js';
import { testStreams } from '../support/test-streams.js';

describe('pagerCommand', () => {
  test.each<[Record<string, string>, string[] | undefined]>([
    [{}, ['less']],
    [{ PAGER: 'more -e' }, ['more', '-e']],
    [{ PAGER: 'more', DAYBOOK_PAGER: 'most' }, ['most']],
    [{ PAGER: 'more', DAYBOOK_PAGER: '' }, undefined],
    [{ PAGER: 'cat' }, undefined],
    [{ PAGER: ' ' }, undefined],
    [{ TERM: 'dumb' }, undefined],
    [{ PAGER: `"/a b/pager" -P'x y'z` }, ['/a b/pager', '-Px yz']],
  ])('%j', (env, command) => {
    expect(pagerCommand(env)).toEqual(command);
  });
});

describe('withPager', () => {
  let folder: string;
  let seen: string;
  /** A pager that keeps what it is given in a file, behind its LESS. */
  let env: Record<string, string>;

  const pager = (name: string, body: string): string => {
    const script = path.join(folder, `${name}.mjs`);
    writeFileSync(script, body);
    return `'${process.execPath}' '${script}' '${seen}'`;
  };
  const tall = async (out: Output): Promise<void> => {
    for (let line = 1; line <= 30; line += 1) await out.write(`line ${line}\n`);
  };
  const TALL = Array.from({ length: 30 }, (_, index) => `line ${index + 1}\n`).join('');

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'daybook-pager-'));
    seen = path.join(folder, 'seen');
    env = {
      DAYBOOK_PAGER: pager(
        'keeping',
        `import fs from 'node:fs';
        fs.writeFileSync(process.argv[2], process.env.LESS + '|' + fs.readFileSync(0));`,
      ),
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('what is taller than the screen goes through the pager, all of it', async () => {
    const streams = testStreams({ terminal: true });
    await withPager(streams, env, true, tall);
    expect(readFileSync(seen, 'utf8')).toBe(`FRX|${TALL}`);
    expect(streams.stdout.text()).toBe('');
  });

  test('the LESS of the user stays', async () => {
    await withPager(testStreams({ terminal: true }), { ...env, LESS: '' }, true, tall);
    expect(readFileSync(seen, 'utf8')).toBe(`|${TALL}`);
  });

  test('what fits on the screen is written plainly', async () => {
    const streams = testStreams({ terminal: true, rows: 31 });
    await withPager(streams, env, true, tall);
    expect(streams.stdout.text()).toBe(TALL);
    expect(existsSync(seen)).toBe(false);
  });

  test('a line that wraps counts as several', async () => {
    await withPager(testStreams({ terminal: true, rows: 4, columns: 10 }), env, true, (out) =>
      out.write(Buffer.from('123456789012345678901234567890123456789\n')),
    );
    expect(existsSync(seen)).toBe(true);
  });

  test.each<[string, boolean, boolean, Record<string, string>]>([
    ['no terminal', false, true, {}],
    ['--no-pager', true, false, {}],
    ['a pager of cat', true, true, { DAYBOOK_PAGER: 'cat' }],
    ['a missing program', true, true, { DAYBOOK_PAGER: 'daybook-no-such-pager' }],
  ])('%s: plain output', async (_name, terminal, enabled, other) => {
    const streams = testStreams({ terminal });
    await withPager(streams, { ...env, ...other }, enabled, tall);
    expect(streams.stdout.text()).toBe(TALL);
    expect(existsSync(seen)).toBe(false);
  });

  test('a pager that is closed ends the work quietly', async () => {
    let written = 0;
    await withPager(
      testStreams({ terminal: true }),
      { DAYBOOK_PAGER: pager('closing', 'process.exit(0);') },
      true,
      async (out) => {
        for (;;) {
          await out.write(`${'x'.repeat(10_000)}\n`);
          written += 1;
        }
      },
    );
    expect(written).toBeGreaterThan(0);
  });

  test('an interrupt stops the work, and waits for the pager', async () => {
    const before = process.listenerCount('SIGINT');
    await withPager(testStreams({ terminal: true }), env, true, async (out) => {
      await tall(out);
      process.emit('SIGINT');
      await out.write('not reached\n');
      throw new Error('the write should have failed');
    });
    expect(readFileSync(seen, 'utf8')).toBe(`FRX|${TALL}`);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  test('other failures are passed on, behind what was written', async () => {
    const streams = testStreams({ terminal: true });
    const run = withPager(streams, env, true, async (out) => {
      await out.write('so far\n');
      throw new Error('broken');
    });
    await expect(run).rejects.toThrow('broken');
    expect(streams.stdout.text()).toBe('so far\n');
    const tallRun = withPager(streams, env, true, async (out) => {
      await tall(out);
      throw new Error('broken');
    });
    await expect(tallRun).rejects.toThrow('broken');
    expect(readFileSync(seen, 'utf8')).toBe(`FRX|${TALL}`);
  });

  test('a closed terminal is for the caller to judge', async () => {
    const streams = testStreams({ terminal: true, closesAfter: 0, rows: 100 });
    await expect(withPager(streams, env, false, tall)).rejects.toThrow(OutputClosed);
    await expect(withPager(streams, env, true, tall)).rejects.toThrow(OutputClosed);
  });
});
