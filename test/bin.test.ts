import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, cp, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
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

  const ALWAYS = ['cli.js', 'commander.js', 'errors.js', 'streams.js'];

  // Each file that is loaded is a part of start-up, which is what an operator feels.
  test.each([
    [['--help'], []],
    [['--version'], []],
    [
      ['history', '-n', '50'],
      ['command-history.js', 'store.js', 'better_sqlite3.node'],
    ],
    [
      ['note', 'machine:7', 'jammed'],
      ['command-note.js', 'store.js', 'better_sqlite3.node'],
    ],
    [
      ['record', '--action', 'x'],
      ['command-record.js', 'store.js', 'better_sqlite3.node'],
    ],
    [
      ['count', '--action', 'note'],
      ['command-count.js', 'store.js', 'better_sqlite3.node'],
    ],
  ])('loads for %j only what it needs', async (words, parts) => {
    const cwd = temporaryDirectory();
    const watch = path.join(cwd, 'watch.cjs');
    await writeFile(
      watch,
      `process.on('exit', () => {
        const loaded = Object.keys(require.cache).filter((file) => /dist.program/.test(file) || file.endsWith('.node'));
        require('node:fs').writeFileSync('loaded', loaded.map((file) => require('node:path').basename(file)).join(' '));
      });`,
    );
    await run(['init'], { cwd });
    expect(await run(words, { cwd, nodeOptions: ['--require', watch] })).toMatchObject({ code: 0 });
    const loaded = (await readFile(path.join(cwd, 'loaded'), 'utf8')).trim().split(' ');
    expect(loaded.toSorted()).toEqual([...ALWAYS, ...parts].toSorted());
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

  test('says that better-sqlite3 is not installed', async () => {
    const copy = temporaryDirectory();
    await cp(path.dirname(PROGRAM), path.join(copy, 'bin'), { recursive: true });
    await mkdir(path.join(copy, 'dist/program'), { recursive: true });
    await writeFile(path.join(copy, 'dist/program/cli.js'), '');
    const pretence = path.join(copy, 'pretence.cjs');
    const versions = `{ ...process.versions, node: '20.19.0' }`;
    await writeFile(pretence, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
    const outcome = await new Promise((resolve) => {
      execFile(process.execPath, ['--require', pretence, path.join(copy, 'bin/daybook.js')], (error, stdout, stderr) =>
        resolve({ code: error?.code, stdout, stderr }),
      );
    });
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr: 'daybook: better-sqlite3 is not installed\ntry: npm ci\n',
    });
  });

  test('says which better-sqlite3 an old Node cannot load', async () => {
    const root = path.dirname(path.dirname(PROGRAM));
    const copy = temporaryDirectory();
    await cp(path.join(root, 'bin'), path.join(copy, 'bin'), { recursive: true });
    await mkdir(path.join(copy, 'dist/program'), { recursive: true });
    await writeFile(path.join(copy, 'dist/program/cli.js'), '');
    await mkdir(path.join(copy, 'node_modules/better-sqlite3'), { recursive: true });
    await writeFile(path.join(copy, 'node_modules/better-sqlite3/package.json'), '{ "version": "13.2.0" }');
    const pretence = path.join(copy, 'pretence.cjs');
    const versions = `{ ...process.versions, node: '22.13.1' }`;
    await writeFile(pretence, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
    const outcome = await new Promise((resolve) => {
      execFile(process.execPath, ['--require', pretence, path.join(copy, 'bin/daybook.js')], (error, stdout, stderr) =>
        resolve({ code: error?.code, stdout, stderr }),
      );
    });
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'daybook: better-sqlite3 13.2.0 needs Node 22.14 or later, and this is Node 22.13.1\ntry: npm install better-sqlite3@12\n',
    });
  });

  describe('keeps compiled code', () => {
    /** The folder that Node is asked to keep compiled code in, or undefined where it is not asked. */
    async function cacheFolder(home: string, env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
      const watch = path.join(temporaryDirectory(), 'watch.cjs');
      const told = path.join(home, 'told');
      await writeFile(
        watch,
        `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.14.0' } });
        require('node:module').enableCompileCache = (folder) =>
          require('node:fs').writeFileSync(${JSON.stringify(told)}, folder);`,
      );
      expect(await run(['--version'], { cwd: home, env, nodeOptions: ['--require', watch] })).toMatchObject({
        code: 0,
      });
      return readFile(told, 'utf8').catch(() => undefined);
    }

    test("in a folder of the user's own", async () => {
      const home = temporaryDirectory();
      const folder = path.join(home, '.cache/daybook');
      expect(await cacheFolder(home)).toBe(folder);
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      const cache = path.join(home, 'cache');
      expect(await cacheFolder(home, { XDG_CACHE_HOME: cache })).toBe(path.join(cache, 'daybook'));
    });

    test('in none that others can write, or that is a link', async () => {
      for (const mode of [0o770, 0o702]) {
        const home = temporaryDirectory();
        await mkdir(path.join(home, '.cache/daybook'), { recursive: true });
        await chmod(path.join(home, '.cache/daybook'), mode);
        expect(await cacheFolder(home)).toBeUndefined();
      }
      const home = temporaryDirectory();
      await mkdir(path.join(home, '.cache'));
      await symlink(temporaryDirectory(), path.join(home, '.cache/daybook'));
      expect(await cacheFolder(home)).toBeUndefined();
    });

    test.skipIf(process.getuid?.() !== 0)('in none of another user', async () => {
      const home = temporaryDirectory();
      await mkdir(path.join(home, '.cache/daybook'), { recursive: true });
      await chown(path.join(home, '.cache/daybook'), 65534, 65534);
      expect(await cacheFolder(home)).toBeUndefined();
    });

    test('nowhere without a home that can be written', async () => {
      const home = temporaryDirectory();
      expect(await cacheFolder(home, { HOME: '/dev/null' })).toBeUndefined();
      expect(await cacheFolder(home, { HOME: '', XDG_CACHE_HOME: 'relative' })).toBeUndefined();
    });
  });
});
