import { execFile } from 'node:child_process';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { transform } from 'esbuild';
import { expect, test } from 'vitest';
import { contextSql, initializeTrail, openTrail } from '../../src/index.js';
import { newExampleProject } from './examples.js';
import { blocksOf } from './pages.js';
import { DOCS, sharedDirectory } from './trail.js';

const SLOW = { timeout: 400_000 };
const ROOT = path.resolve(DOCS, '..');
const PRISMA = `generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "sqlite"
}
model User {
  id    Int     @id
  email String?
  @@map("users")
}
`;

/** The libraries of each section, with the actors of its programs. They are installed here, and are no part of daybook. */
const SECTIONS = [
  { heading: 'Kysely', packages: ['kysely@0.28'], actors: ['u-1'] },
  { heading: 'Knex', packages: ['knex@3'], actors: ['u-2'] },
  { heading: 'Drizzle', packages: ['drizzle-orm@0.45', '@libsql/client@0.15'], actors: ['u-3', 'u-4'] },
  {
    heading: 'Prisma',
    packages: ['prisma@7', '@prisma/client@7', '@prisma/adapter-better-sqlite3@7'],
    actors: ['u-5'],
  },
] as const;

const shared = sharedDirectory();

/** A project with these packages, our driver as it is compiled, and the library as its source is now. */
async function project(name: string, packages: readonly string[]): Promise<string> {
  const folder = path.join(shared, name);
  await mkdir(folder);
  await writeFile(path.join(folder, 'package.json'), '{"name":"application","private":true,"type":"module"}\n');
  const quietly = ['--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps'];
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key)));
  await promisify(execFile)('npm', ['install', ...quietly, ...packages], { cwd: folder, env });
  const ours = await newExampleProject();
  for (const one of [
    'better-sqlite3',
    'bindings',
    'file-uri-to-path',
    'lossless-json',
    'luxon',
    'csv-stringify',
    'string-width',
  ]) {
    const place = path.join(folder, 'node_modules', one);
    await rm(place, { recursive: true, force: true });
    await symlink(path.join(ROOT, 'node_modules', one), place);
  }
  await cp(path.join(ours, 'node_modules/daybook'), path.join(folder, 'node_modules/daybook'), { recursive: true });
  return folder;
}

async function run(folder: string, command: string, ...words: string[]): Promise<void> {
  const env = { PATH: process.env['PATH'], HOME: folder, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  // It migrates nothing here, and would load a program for that from elsewhere.
  await promisify(execFile)(command, words, { cwd: folder, env: { ...env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true' } });
}

test.each(SECTIONS)('docs/orms.md: $heading says who and why', SLOW, async ({ heading, packages, actors }) => {
  const folder = await project(heading, packages);
  const database = new Database(path.join(folder, 'app.db'));
  database.exec(
    `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT); INSERT INTO users VALUES (42, 'old@example.org')`,
  );
  await initializeTrail(database, { actor: 'deploy' });
  const trail = await openTrail(database);
  await trail.capture(['users'], { actor: 'deploy', requireActor: true });
  if (heading === 'Prisma') {
    await mkdir(path.join(folder, 'prisma'));
    await writeFile(path.join(folder, 'prisma/schema.prisma'), PRISMA);
    await run(folder, process.execPath, 'node_modules/prisma/build/index.js', 'generate');
  }
  const programs = blocksOf('orms.md', heading);
  expect(programs).toHaveLength(actors.length);
  for (const { text } of programs) {
    const { code } = await transform(text, { loader: 'ts', format: 'esm' });
    await writeFile(path.join(folder, 'page.mjs'), code);
    await run(folder, process.execPath, 'page.mjs');
  }
  const seen: unknown[] = [];
  for await (const entry of trail.entries({ filter: { action: ['update'] }, order: 'oldest' })) {
    seen.push([entry.actor, entry.actor_type, entry.correlation_id, entry.changed_fields]);
  }
  expect(seen).toEqual(actors.map((actor) => [actor, 'user', 'request-9', ['email']]));
  expect(database.prepare('SELECT count(*) FROM daybook_context').pluck().get()).toBe(0);
  await trail.close();
  database.close();
});

test('the statements of a context are one text each, whatever the values are', () => {
  const hostile = { actor: `'); DROP TABLE users; --`, reason: '?', correlationId: `"` };
  const { set, clear } = contextSql(hostile);
  expect([set.sql, clear.sql]).toEqual([contextSql({ actor: 'u-1' }).set.sql, contextSql({ actor: 'u-1' }).clear.sql]);
  expect(set.sql.split('?')).toHaveLength(set.parameters.length + 1);
});
