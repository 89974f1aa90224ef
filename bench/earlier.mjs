// The triggers of capture as daybook made them up to schema 4, for rows that compare those of today with them.
import { createRequire } from 'node:module';
import path from 'node:path';
import Database from 'better-sqlite3';
import { build } from 'esbuild';

const root = path.dirname(import.meta.dirname);

let loaded;

/** Puts the triggers of schema 4 in the place of those of today, on every captured table of a database. */
export async function age(file) {
  loaded ??= load();
  const { captureTriggerNames, describeTable, earlierTriggers } = await loaded;
  const connection = new Database(file);
  const captures = connection.prepare('SELECT table_name, settings, entity_type FROM daybook_captures').all();
  for (const { table_name: table, entity_type: entityType, settings } of captures) {
    const told = { ...JSON.parse(settings), entityType };
    for (const name of captureTriggerNames(table)) connection.exec(`DROP TRIGGER IF EXISTS "${name}"`);
    for (const { sql } of earlierTriggers(describeTable(connection, table), told, false)) connection.exec(sql);
  }
  connection.close();
}

/** They are in no build: nothing makes them any more, and what is there is only compared with them. */
async function load() {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { captureTriggerNames } from './src/store/sqlite/capture/triggers.js';
        export { earlierTriggers } from './src/store/sqlite/capture/earlier-triggers.js';
        export { describeTable } from './src/store/sqlite/tables/index.js';`,
      loader: 'ts',
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['better-sqlite3'],
    define: { DAYBOOK_VERSION: '"bench"' },
    logLevel: 'warning',
    write: false,
  });
  const made = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(made, made.exports, createRequire(import.meta.url));
  return made.exports;
}
