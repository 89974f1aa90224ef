import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { build, transform } from 'esbuild';
import { expect } from 'vitest';
import { temporaryDirectory } from '../support/program.js';
import { DOCS } from './trail.js';

const ROOT = path.resolve(DOCS, '..');
const FOLDER = path.join(ROOT, 'examples');

export const MODULE_KINDS = ['module', 'commonjs'] as const;
type ModuleKind = (typeof MODULE_KINDS)[number];

/** What each program prints. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  settlements: `net 90
net 100
refused 100
partial_dispense ana user request-9 {"card":"[redacted]"}
revert ines moderator null {}
`,
  guilds: `Error: revision 1 of guild 1138912345678901234 is not the latest
refused: true
create u-1 null
update u-2 ["data.minLevel","revision"]
stale_update u-3 null
minLevel 5 to 6 by u-2
then {"minLevel":5,"roles":["1"]}
`,
  'history-page': `page 4,2
page 1
{"error":"limit must be a whole number from 1 on, and is -1","field":"limit"}
{"error":"filter.since must be a Date, or a full time with Z or an offset, and is \\"yesterday\\"","field":"filter.since"}
ts,actor,action
exported 4, deleted 1, 4 remain
exported 1, deleted 0, 4 remain
`,
};

/** A project that has the library as its source is now, as it would be installed: the tests build the program alone. */
export async function newExampleProject(): Promise<string> {
  const folder = temporaryDirectory();
  const installed = path.join(folder, 'node_modules/daybook');
  await mkdir(path.join(installed, 'dist'), { recursive: true });
  await cp(path.join(ROOT, 'package.json'), path.join(installed, 'package.json'));
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'daybook') {
      await symlink(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name));
    }
  }
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/index.ts'],
    outdir: path.join(installed, 'dist'),
    splitting: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    define: { DAYBOOK_VERSION: '"example"' },
    logLevel: 'warning',
  });
  // So that the compiler finds the types where the manifest says.
  const types = path.join(installed, 'dist/types');
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '--project', 'tsconfig.build.json', '--outDir', types], {
    cwd: ROOT,
  });
  return folder;
}

/** What the compiler has against the programs, with the package that a project has installed, in that kind of module. */
export async function typeProblems(folder: string, kind: ModuleKind): Promise<string> {
  const place = path.join(folder, `typed-${kind}`);
  await cp(FOLDER, place, { recursive: true });
  await writeFile(path.join(place, 'package.json'), JSON.stringify({ type: kind }));
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2024', '--types', 'node'];
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const files = Object.keys(EXAMPLES).map((name) => `${name}.ts`);
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, ...options, '--noEmit', ...files], {
    cwd: place,
  }).catch((error: unknown) => error as { readonly stdout: string });
  return stdout;
}

/** Runs a program in a project that has the library installed, and gives what it prints. */
export async function runExample(
  folder: string,
  name: string,
  kind: ModuleKind,
  node: string = process.execPath,
): Promise<string> {
  const place = path.join(folder, `run-${kind}-${name}`);
  if (!existsSync(place)) await mkdir(place);
  const file = kind === 'module' ? `${name}.mjs` : `${name}.cjs`;
  const { code } = await transform(readFileSync(path.join(FOLDER, `${name}.ts`), 'utf8'), {
    loader: 'ts',
    format: kind === 'module' ? 'esm' : 'cjs',
    platform: 'node',
  });
  await writeFile(path.join(place, file), code);
  const { stdout, stderr } = await promisify(execFile)(node, [file], {
    cwd: place,
    env: { PATH: '/usr/bin:/bin', HOME: place, TZ: 'UTC' },
  });
  // Node would warn here of what is experimental.
  expect(stderr).toBe('');
  return stdout;
}
