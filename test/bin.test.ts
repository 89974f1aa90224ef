import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
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
});
