import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
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
  ])('%s: plain output', async (_name, terminal, enabled, other) => {
    const streams = testStreams({ terminal });
    expect(await withPager(streams, { ...env, ...other }, enabled, tall)).toBe(true);
    expect(streams.stdout.text()).toBe(TALL);
    expect(streams.stderr.text()).toBe('');
    expect(existsSync(seen)).toBe(false);
  });

  test('the usual pager need not be there; one that was named is missed', async () => {
    const usual = testStreams({ terminal: true });
    const before = process.env['PATH'];
    process.env['PATH'] = `${folder}/bin`;
    onTestFinished(() => void (process.env['PATH'] = before));
    mkdirSync(`${folder}/bin`);
    symlinkSync('/usr/bin/mkfifo', `${folder}/bin/mkfifo`);
    expect(await withPager(usual, { PATH: `${folder}/bin` }, true, tall)).toBe(true);
    expect([usual.stdout.text(), usual.stderr.text()]).toEqual([TALL, '']);
    for (const PAGER of ['daybook-no-such-pager', 'less']) {
      const named = testStreams({ terminal: true });
      expect(await withPager(named, { PATH: `${folder}/bin`, PAGER }, true, tall)).toBe(true);
      expect(named.stdout.text()).toBe(TALL);
      expect(named.stderr.text()).toBe(`daybook: the pager ${PAGER} cannot be started (ENOENT)\n`);
    }
  });

  /** A pager that takes so many bytes and then ends. */
  const takes = (bytes: number, ending: string): string =>
    pager(
      'taking',
      `import fs from 'node:fs';
      const taken = Buffer.alloc(${bytes});
      for (let at = 0; at < taken.length;) at += fs.readSync(0, taken, at, taken.length - at);
      fs.writeFileSync(process.argv[2], taken);
      ${ending};`,
    );

  /** Larger than a pipe holds. */
  const LARGE = 'x'.repeat(99).concat('\n').repeat(5000);
  const large = async (out: Output): Promise<void> => {
    for (let at = 0; at < LARGE.length; at += 30_000) await out.write(LARGE.slice(at, at + 30_000));
  };

  test.each([
    ['nothing', 0, 'process.exit(1)', 'exit code 1'],
    ['nothing, and ends well', 0, 'process.exit(0)', 'it took nothing'],
    ['a part', 50, 'process.exit(3)', 'exit code 3'],
    ['a part and is killed', 50, `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 99)`, 'SIGKILL'],
    ['a part of much', 100_001, 'process.exit(1)', 'exit code 1'],
    ['nothing of much', 0, 'process.exit(0)', 'it took nothing'],
  ])('a pager that takes %s (%i bytes, %s): the rest is written plainly', async (_name, bytes, ending, why) => {
    for (const [work, whole] of [
      [tall, TALL],
      [large, LARGE],
    ] as const) {
      if (bytes > whole.length) continue;
      const streams = testStreams({ terminal: true });
      const line = takes(bytes, ending);
      expect(await withPager(streams, { DAYBOOK_PAGER: line }, true, work)).toBe(true);
      expect(readFileSync(seen, 'utf8')).toBe(whole.slice(0, bytes));
      expect(streams.stdout.text()).toBe(whole.slice(bytes));
      const words = line.replaceAll("'", '');
      expect(streams.stderr.text()).toBe(
        `daybook: the pager ${words} failed (${why}): what it did not take is written plainly\n`,
      );
    }
  });

  test('a pager that takes all and fails: that is said', async () => {
    const streams = testStreams({ terminal: true });
    expect(await withPager(streams, { DAYBOOK_PAGER: takes(TALL.length, 'process.exit(2)') }, true, tall)).toBe(true);
    expect(streams.stdout.text()).toBe('');
    expect(streams.stderr.text()).toMatch(
      /^daybook: the pager .* failed \(exit code 2\): after it had taken everything\n$/,
    );
  });

  test.each([0, 50, 100_001])(
    'a pager that is closed after %i more bytes than one ends the work quietly',
    async (more) => {
      const streams = testStreams({ terminal: true });
      let ended = false;
      const wanted = await withPager(
        streams,
        { DAYBOOK_PAGER: takes(1 + more, 'process.exit(0)') },
        true,
        async (out) => {
          for (let round = 0; round < 100; round++) await large(out);
          ended = true;
        },
      );
      expect([wanted, ended, streams.stdout.text(), streams.stderr.text()]).toEqual([false, false, '', '']);
    },
  );

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
