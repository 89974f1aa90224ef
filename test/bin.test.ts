import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROGRAM, run, temporaryDirectory } from './support/program.js';

async function runUnder(nodeVersion: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const pretence = path.join(temporaryDirectory(), 'pretence.cjs');
  const versions = `{ ...process.versions, node: ${JSON.stringify(nodeVersion)} }`;
  await writeFile(pretence, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
  return run(['--version'], { nodeOptions: ['--require', pretence] });
}

describe('the door', () => {
  test('gives the version of package.json', async () => {
    const manifest = JSON.parse(await readFile(path.resolve(PROGRAM, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  test.each(['10.24.1', '18.20.8', '20.18.3'])('says what it needs under Node %s', async (version) => {
    const result = await runUnder(version);
    expect(result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `daybook: needs Node 20.19 or later, and this is Node ${version}\n`,
    });
  });

  test.each(['20.19.0', '22.14.0', '26.0.0'])('opens under Node %s', async (version) => {
    expect(await runUnder(version)).toMatchObject({ code: 0, stderr: '' });
  });

  test('has no syntax that Node 10 cannot read', async () => {
    const source = await readFile(PROGRAM, 'utf8');
    const code = source.replaceAll(/\/\/.*|\/\*[^]*?\*\//g, '');
    expect(code).not.toMatch(/=>|`|\?\.|\?\?|\b(?:import|async|await|class|const|let)\b|catch \{|\.\.\.\w/);
  });

  // Each file that is loaded is a part of start-up, which is what an operator feels.
  test.each([
    [['--help'], []],
    [['--version'], []],
    [
      ['history', '-n', '50'],
      ['command-history', 'better-sqlite3'],
    ],
    [
      ['note', 'machine:7', 'jammed'],
      ['command-note', 'better-sqlite3'],
    ],
    [
      ['record', '--action', 'x'],
      ['command-record', 'better-sqlite3'],
    ],
    [
      ['count', '--action', 'note'],
      ['command-count', 'better-sqlite3'],
    ],
  ])('loads for %j only what it needs', async (words, parts) => {
    const cwd = temporaryDirectory();
    const watch = path.join(cwd, 'watch.cjs');
    await writeFile(
      watch,
      `const fs = require('node:fs');
      const read = fs.readFileSync;
      fs.readFileSync = (file, ...rest) => {
        if (String(file).endsWith('.bundle')) fs.appendFileSync('loaded', require('node:path').basename(file, '.bundle') + ' ');
        return read(file, ...rest);
      };`,
    );
    await run(['init'], { cwd });
    expect(await run(words, { cwd, nodeOptions: ['--require', watch] })).toMatchObject({ code: 0 });
    const loaded = (await readFile(path.join(cwd, 'loaded'), 'utf8')).trim().split(' ');
    expect(loaded.toSorted()).toEqual(['cli', ...parts].toSorted());
  });

  test('says that it has not been built', async () => {
    const bin = path.join(temporaryDirectory(), 'bin');
    await mkdir(bin);
    await copyFile(PROGRAM, path.join(bin, 'daybook.js'));
    const outcome = await new Promise((resolve) => {
      execFile(process.execPath, [path.join(bin, 'daybook.js')], (error, stdout, stderr) =>
        resolve({ code: error?.code, stdout, stderr }),
      );
    });
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr: 'daybook: the program has not been built\ntry: npm run build\n',
    });
  });

  describe('with code that V8 does not take', () => {
    /** Another copy of the program, whose bundles are changed after the source's end. */
    async function copyWith(change: (code: Buffer) => Buffer): Promise<string> {
      const root = path.dirname(path.dirname(PROGRAM));
      const copy = temporaryDirectory();
      await cp(path.join(root, 'bin'), path.join(copy, 'bin'), { recursive: true });
      await symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
      await mkdir(path.join(copy, 'dist/program'), { recursive: true });
      let changed = 0;
      for (const name of await readdir(path.join(root, 'dist/program'))) {
        const bytes = await readFile(path.join(root, 'dist/program', name));
        const start = bytes.indexOf('\n') + 1;
        const end = start + Number(bytes.subarray(0, start).toString());
        if (end < bytes.length) changed += 1;
        const contents = Buffer.concat([bytes.subarray(0, end), change(Buffer.from(bytes.subarray(end)))]);
        await writeFile(path.join(copy, 'dist/program', name), contents);
      }
      expect(changed).toBeGreaterThan(10);
      return path.join(copy, 'bin/daybook.js');
    }

    test.each([
      ['none at all', () => Buffer.alloc(0)],
      ['cut short', (code: Buffer) => code.subarray(0, code.length >> 1)],
      // The head of it says, among others, for which V8 and which flags it was made.
      [
        'of another V8',
        (code: Buffer) => Buffer.concat([Buffer.alloc(Math.min(32, code.length), 1), code.subarray(32)]),
      ],
    ])('%s: it is compiled anew', async (_what, change) => {
      const program = await copyWith(change);
      const database = path.join(temporaryDirectory(), 'audit.db');
      const given = (...words: string[]): Promise<string> =>
        new Promise((resolve, reject) => {
          execFile(process.execPath, [program, '--db', database, ...words], (error, stdout, stderr) =>
            error === null ? resolve(stdout) : reject(new Error(stderr, { cause: error })),
          );
        });
      await given('init');
      await given('note', 'machine:7', 'emptied by hand');
      expect(await given('history')).toMatch(/note machine:7 emptied by hand\n$/);
    });
  });
});
