// The store by itself, without the program around it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const circumstances = {
  readonly: true,
  busyTimeout: 5000,
  clock: Date.now,
  presence: { host: 'bench', pid: process.pid, lives: () => true },
};

/** Opens a trail to read it. */
export async function openStore(database) {
  const { openSqlite } = await storeModule('sqlite');
  return openSqlite({ path: database, ...circumstances });
}

/** The same in PostgreSQL. */
export async function openPostgresStore(address) {
  const { openPostgres } = await storeModule('postgres');
  const target = { engine: 'postgres', connects: address, shown: address };
  return openPostgres({ address: target, schema: 'daybook', ...circumstances });
}

const loaded = new Map();

/** Builds a store and loads it. The module stands below node_modules, or it would not find its own imports. */
function storeModule(engine) {
  if (!loaded.has(engine)) loaded.set(engine, buildStore(engine));
  return loaded.get(engine);
}

async function buildStore(engine) {
  const cache = path.join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, 'daybook-bench-'));
  try {
    const { outputFiles } = await build({
      absWorkingDir: root,
      entryPoints: [`src/store/${engine}/index.ts`],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      define: { DAYBOOK_VERSION: '"bench"' },
      write: false,
      logLevel: 'warning',
    });
    const file = path.join(folder, 'store.mjs');
    writeFileSync(file, outputFiles[0].contents);
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
