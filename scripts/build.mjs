// Builds dist/: the program as one file, the library, and the library's types.
//
//   node scripts/build.mjs             everything
//   node scripts/build.mjs --program   only what bin/daybook.js runs
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

/** @type {import('esbuild').BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  define: { DAYBOOK_VERSION: JSON.stringify(manifest.version) },
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
};

/**
 * CommonJS, since Node starts it faster than an ES module, and in one file, since each file costs a look-up. What the
 * source imports dynamically stays lazy inside it. better-sqlite3 brings machine code and cannot be inlined.
 */
async function buildProgram() {
  const result = await build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/cli.cjs',
    format: 'cjs',
    external: ['better-sqlite3'],
    // CommonJS has no import.meta: what finds files beside itself, such as createRequire, gets this.
    define: { ...shared.define, 'import.meta.url': 'importMetaUrl' },
    banner: { js: '"use strict";const importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
  });
  await Promise.all([...result.outputFiles.map(putInPlace), putLicensesInPlace(result.metafile)]);
}

async function buildLibrary() {
  const result = await build({
    ...shared,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.js',
    format: 'esm',
    packages: 'external',
  });
  await Promise.all(result.outputFiles.map(putInPlace));
}

async function buildTypes() {
  await rm(path.join(root, 'dist/types'), { recursive: true, force: true });
  const compiler = path.join(
    path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin/tsc',
  );
  try {
    await promisify(execFile)(process.execPath, [compiler, '--project', 'tsconfig.build.json'], { cwd: root });
  } catch (error) {
    // The compiler writes what it found to stdout.
    throw new Error(error.stdout || error.message, { cause: error });
  }
}

/** Whole or not at all: a test may start the program while another build runs. */
async function putInPlace({ path: target, contents }) {
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(temporary, contents);
  await rename(temporary, target);
}

/** The packages that the program's file holds ask that their licences travel with them. */
async function putLicensesInPlace({ inputs }) {
  const folders = new Set();
  for (const input of Object.keys(inputs)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const licences = await Promise.all([...folders].toSorted().map(readLicence));
  await putInPlace({ path: path.join(root, 'dist/THIRD-PARTY-LICENSES.txt'), contents: licences.join('\n') });
}

async function readLicence(folder) {
  const { name, version, license } = JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8'));
  for (const file of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'license.md', 'LICENSE-MIT.txt']) {
    try {
      const text = await readFile(path.join(root, folder, file), 'utf8');
      return `${name} ${version}\n\n${text.trim()}\n`;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return `${name} ${version}: ${license}\n`;
}

const parts = process.argv.includes('--program') ? [buildProgram] : [buildProgram, buildLibrary, buildTypes];
try {
  await Promise.all(parts.map((part) => part()));
} catch (error) {
  // esbuild has printed its own account already.
  if (!('errors' in error)) console.error(error.message);
  process.exitCode = 1;
}
