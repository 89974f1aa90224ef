// Builds dist/: the program as one file, the library, and the library's types.
//
//   node scripts/build.mjs             everything
//   node scripts/build.mjs --program   only what bin/daybook.js runs
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

/** Libraries of the program that have a file of their own, so that only what is needed is loaded and compiled. */
const LIBRARIES = [
  'chalk',
  'cli-table3',
  'commander',
  'csv-stringify/sync',
  'hyparquet-writer',
  'lossless-json',
  'luxon',
  'pg',
  'string-width',
];

/** Parts of ours that must be there only once: an error is recognised by its class. */
const SHARED = { errors: 'src/core/errors.ts', streams: 'src/terminal/streams.ts' };

/** The rooms of an engine that every command needs: one file, with the engine's own door. */
const STORE = ['', 'context', 'engine', 'trail'];

/** The rooms that are loaded only where they are needed. */
const ROOMS = [
  'capture',
  'exec',
  'holds',
  'mirrors',
  'names',
  'prune',
  'reports',
  'seals',
  'sources',
  'tables',
  'undo',
  'upkeep',
];

/** The whole screen: its library is of ES modules that wait while they load, which no CommonJS file can hold. */
const SCREEN = 'src/terminal/screen/index.ts';

const doorOf = (room) => path.posix.join('src/store/sqlite', room, 'index.ts');

/** The other engine, which only its addresses load. */
const POSTGRES = { 'store-postgres': 'src/store/postgres/index.ts' };

/**
 * What few runs of the commands that import it need, and what would else stand in the file of each: a format, archives, a
 * copy. Node compiles all of a file before it runs any of it.
 */
const SELDOM = {
  'format-cef': 'src/format/cef.ts',
  'format-csv': 'src/format/csv.ts',
  'format-ecs': 'src/format/ecs.ts',
  'format-gelf': 'src/format/gelf.ts',
  'format-leef': 'src/format/leef.ts',
  'format-ocsf': 'src/format/ocsf.ts',
  'format-otlp-json': 'src/format/otlp-json.ts',
  'format-parquet': 'src/format/parquet.ts',
  'format-rfc5424': 'src/format/rfc5424.ts',
  'format-table': 'src/format/table.ts',
  gather: 'src/operations/gather.ts',
  gathering: 'src/store/sqlite/gathering.ts',
  period: 'src/core/period.ts',
  'private-copy': 'src/store/sqlite/engine/private-copy.ts',
  states: 'src/cli/states.ts',
  'verify-archives': 'src/operations/verify-archives.ts',
};

/** The parts of ours that have a file of their own, by the door that others import. */
const BESIDE = {
  ...Object.fromEntries(Object.entries(SELDOM).map(([name, file]) => [file, name])),
  ...Object.fromEntries(Object.entries(POSTGRES).map(([name, file]) => [file, name])),
  ...Object.fromEntries(Object.entries(SHARED).map(([name, file]) => [file, name])),
  ...Object.fromEntries(STORE.map((room) => [doorOf(room), 'store'])),
  ...Object.fromEntries(ROOMS.map((room) => [doorOf(room), `store-${room}`])),
  [SCREEN]: 'screen',
};

/**
 * The program as CommonJS files, which Node starts faster than ES modules: its door, a file for each command with all that
 * the command needs, and the libraries. better-sqlite3 brings machine code and is required as it is installed.
 */
async function buildProgram() {
  const commands = (await readdir(path.join(root, 'src/cli/commands'))).map((file) => path.basename(file, '.ts'));
  const program = {
    ...shared,
    format: 'cjs',
    minify: true,
    // A real import() would start Node's ES module loader.
    supported: { 'dynamic-import': false },
    outdir: 'dist/program',
    // It brings machine code; the other is what pg would use if it were there.
    external: ['better-sqlite3', 'pg-native'],
  };
  const builds = await Promise.all([
    build({
      ...program,
      entryPoints: {
        cli: 'src/cli/main.ts',
        ...SHARED,
        ...POSTGRES,
        ...SELDOM,
        ...Object.fromEntries(ROOMS.map((room) => [`store-${room}`, doorOf(room)])),
        ...Object.fromEntries(commands.map((name) => [`command-${name}`, `src/cli/commands/${name}.ts`])),
      },
      plugins: [filesBeside([]), lazyModules],
    }),
    build({
      ...program,
      stdin: { contents: STORE.map((room) => `export * from './${doorOf(room)}';`).join('\n'), resolveDir: root },
      outdir: undefined,
      outfile: 'dist/program/store.js',
      plugins: [filesBeside(STORE.map(doorOf)), lazyModules],
    }),
    build({
      ...program,
      entryPoints: Object.fromEntries(LIBRARIES.map((name) => [libraryFile(name), name])),
      // By it, pg finds out whether it runs in a worker of Cloudflare's. Node loads all of fetch where it is named.
      define: { ...shared.define, Response: 'undefined' },
      // Who requires a file as an ES module gets all of it as the default export: where there is no other, it is that.
      footer: { js: "if(Object.keys(module.exports).join()==='default')module.exports=module.exports.default;" },
      plugins: [lazyModules],
    }),
  ]);
  const screen = await build({
    ...shared,
    format: 'esm',
    minify: true,
    entryPoints: [SCREEN],
    outfile: 'dist/program/screen.mjs',
    // What was written for CommonJS asks for Node's own modules this way.
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
    // Layout fetches its machine code from a data: address, for which Node loads a whole HTTP client, unless there is no fetch.
    define: { ...shared.define, 'process.env.NODE_ENV': '"production"', fetch: 'undefined' },
    // What ink loads for those who work on ink itself.
    plugins: [empty('react-devtools-core')],
  });
  await Promise.all([
    rm(path.join(root, 'dist/program'), { recursive: true, force: true }),
    putLicensesInPlace([...builds, screen].flatMap(({ metafile }) => Object.keys(metafile.inputs))),
  ]);
  const files = [...builds.flatMap(({ outputFiles }) => outputFiles), ...screen.outputFiles];
  await Promise.all([
    ...files.map(putInPlace),
    // The package is of ES modules; these files are not.
    putInPlace({ path: path.join(root, 'dist/program/package.json'), contents: '{ "type": "commonjs" }\n' }),
    putInPlace({
      path: path.join(root, 'dist/program/screen.js'),
      contents:
        "exports.showScreen = (options) => import('./screen.mjs').then((screen) => screen.showScreen(options));\n",
    }),
  ]);
}

function libraryFile(name) {
  return name.replace('/', '-');
}

/** Points what has a file of its own at that file; what is `inside` this one is built into it. */
const filesBeside = (inside) => ({
  name: 'files-beside',
  setup({ onResolve }) {
    const beside = (name) => ({ path: `./${name}.js`, external: true });
    onResolve({ filter: new RegExp(`^(?:${LIBRARIES.join('|')})$`) }, ({ path: name, namespace }) =>
      namespace === 'file' && name in LAZY ? { path: name, namespace: 'lazy' } : beside(libraryFile(name)),
    );
    onResolve({ filter: /^\.{1,2}\// }, ({ path: name, resolveDir, kind }) => {
      if (kind === 'entry-point') return undefined;
      const source = path.relative(root, path.resolve(resolveDir, name.replace(/\.js$/, '.ts')));
      if (source in BESIDE && !inside.includes(source)) return beside(BESIDE[source]);
      const command = /^src\/cli\/commands\/(.+)\.ts$/.exec(source)?.[1];
      return command === undefined ? undefined : beside(`command-${command}`);
    });
  },
});

/**
 * Modules that most runs do not need, with what is used of them: each is loaded at its first use. Loading them would be
 * a tenth of start-up. (commander has node:child_process for subcommands that are programs of their own.)
 */
const LAZY = {
  'lossless-json': ['isLosslessNumber', 'parse', 'stringify'],
  'node:child_process': ['spawn', 'spawnSync'],
  'node:crypto': [
    'createCipheriv',
    'createHash',
    'createPrivateKey',
    'createPublicKey',
    'generateKeyPairSync',
    'hash',
    'randomBytes',
    'randomUUID',
    'sign',
    'verify',
  ],
  'node:os': ['hostname', 'tmpdir', 'userInfo'],
  'node:worker_threads': ['Worker'],
  'node:zlib': ['createGunzip', 'createGzip'],
};

const lazyModules = {
  name: 'lazy-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path: name, namespace }) =>
      namespace === 'file' && name in LAZY ? { path: name, namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path: name }) => {
      const getters = LAZY[name].map((key) => `get ${key}() { return require('${name}').${key}; }`);
      return { contents: `module.exports = { ${getters.join(', ')} };` };
    });
    onResolve({ filter: /^node:process$/ }, ({ path: name }) => ({ path: name, namespace: 'global' }));
    onLoad({ filter: /.*/, namespace: 'global' }, () => ({ contents: 'module.exports = process;' }));
  },
};

/** A package in whose place nothing is put. */
const empty = (packageName) => ({
  name: 'empty',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${packageName}$`) }, ({ path: name }) => ({ path: name, namespace: 'empty' }));
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default undefined;' }));
  },
});

async function buildLibrary() {
  const result = await build({
    ...shared,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    format: 'esm',
    packages: 'external',
    // What an application does not use, such as another engine with its driver, is not loaded.
    splitting: true,
    chunkNames: 'library/[name]-[hash]',
  });
  // The door last, and what nothing needs any more behind it: somebody may load the library meanwhile.
  const isDoor = (file) => path.dirname(file.path) === path.join(root, 'dist');
  await Promise.all(result.outputFiles.filter((file) => !isDoor(file)).map(putInPlace));
  await Promise.all(result.outputFiles.filter(isDoor).map(putInPlace));
  const made = new Set(result.outputFiles.map((file) => path.basename(file.path)));
  const chunks = path.join(root, 'dist/library');
  const left = (await readdir(chunks)).filter((name) => !made.has(name));
  await Promise.all(left.map((name) => rm(path.join(chunks, name))));
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
  await withoutNodesTypes(path.join(root, 'dist/types'));
}

/** Who uses the library need not have the types of Node: a Buffer is shown as the array of bytes that it is. */
async function withoutNodesTypes(folder) {
  const names = await readdir(folder, { recursive: true });
  await Promise.all(
    names
      .filter((name) => name.endsWith('.d.ts'))
      .map(async (name) => {
        const file = path.join(folder, name);
        const text = await readFile(file, 'utf8');
        const plain = text.replace(/(?<![\w.])Buffer\b/g, 'Uint8Array');
        if (plain !== text) await writeFile(file, plain);
      }),
  );
}

/** Whole or not at all: a test may start the program while another build runs. */
async function putInPlace({ path: target, contents }) {
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(temporary, contents);
  await rename(temporary, target);
}

/** The packages that the program's file holds ask that their licences travel with them. */
async function putLicensesInPlace(inputs) {
  const folders = new Set();
  for (const input of inputs) {
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
