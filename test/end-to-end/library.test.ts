import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import * as library from '../../src/index.js';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { psql } from '../support/postgres-cluster.js';
import { temporaryDirectory } from '../support/program.js';
import { EXAMPLES, MODULE_KINDS, newExampleProject, runExample, typeProblems } from './examples.js';
import { blocksOf, codeBlocks, newDesk } from './pages.js';
import type { Block } from './pages.js';
import { DOCS, exported } from './trail.js';

const SLOW = { timeout: 300_000 };
const ROOT = path.resolve(DOCS, '..');
const TABLES = `CREATE TABLE settings (id INTEGER PRIMARY KEY, level INTEGER); INSERT INTO settings VALUES (1, 5);
  CREATE TABLE guild_configurations (guildid TEXT PRIMARY KEY, data TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1);`;

function onPostgres({ text }: Block): boolean {
  return text.includes(`from 'pg'`);
}

/** What src/index.ts exports, types as well. */
function exportedNames(): string[] {
  const door = readFileSync(path.join(ROOT, 'src/index.ts'), 'utf8');
  return [...door.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, names]) => (names ?? '').split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** What the examples of the page import from daybook. */
function importedNames(): Set<string> {
  const examples = codeBlocks('library.md', 'ts').join('\n');
  const imports = [...examples.matchAll(/^import \{([^}]*)\} from 'daybook';$/gm)];
  return new Set(imports.flatMap(([, names]) => (names ?? '').split(',').map((name) => name.trim())));
}

describe('docs/library.md', () => {
  test('prints what its examples say', { timeout: 240_000 }, async () => {
    const desk = await newDesk();
    await desk.follow({ language: 'sql', text: TABLES });
    for (const block of blocksOf('library.md').filter((one) => !onPostgres(one))) {
      const said = [...block.text.matchAll(/console\.log\(.*\);(?: \/\/ (.*))?$/gm)].map(([, text]) => text);
      const printed = await desk.follow(block);
      expect(printed.split('\n').slice(0, -1), block.text).toEqual(said);
    }
    const told = (await exported(desk.file)).filter(({ entity_type: type }) => type !== 'capture');
    expect(told).toMatchObject([
      { action: 'update', entity_type: 'settings', actor: 'u-42', new_values: { level: 6 } },
      { action: 'create', actor: '99123456789012345678', scope: 'guild:1138912345678901234' },
      { action: 'welcomed', actor: '99123456789012345678', actor_type: 'user', metadata: { reason: 'set up' } },
      { action: 'update', actor: 'u-1', entity_id: '1138912345678901234' },
      { action: 'deprecated', actor: 'u-2', entity_id: '1138912345678901234' },
    ]);
  });

  test.skipIf(!HAS_POSTGRES)('does in PostgreSQL what its examples say', async () => {
    const { folder, database } = await newDatabase();
    const desk = await newDesk({ PGHOST: folder, PGUSER: 'owner', PGDATABASE: database });
    await library.initializeTrail(urlOf(folder, database), { actor: 'deploy' });
    psql(folder, database, 'CREATE TABLE settings (id int PRIMARY KEY, level int); INSERT INTO settings VALUES (1, 5)');
    const blocks = blocksOf('library.md').filter(onPostgres);
    expect(blocks).toHaveLength(1);
    expect(await desk.follow(blocks[0] as Block)).toBe('false\n');
    const told = `SELECT action, actor, metadata ->> 'reason', entity_id FROM daybook.daybook_entries ORDER BY seq`;
    expect(psql(folder, database, told)).toBe('update|u-42|asked by phone|1\nupdate|u-7||1\nrevert|u-42||1\n');
    expect(psql(folder, database, 'SELECT level FROM settings')).toBe('7\n');
  });

  test('has examples that hold by their types', { timeout: 120_000 }, async () => {
    const directory = temporaryDirectory();
    const inDirectory = (name: string): string => path.join(directory, name);
    await mkdir(inDirectory('examples'));
    await symlink(path.join(ROOT, 'node_modules'), inDirectory('node_modules'));
    await writeFile(inDirectory('package.json'), '{"type":"module"}');
    const options = { types: ['node'], paths: { daybook: [path.join(ROOT, 'src/index.ts')] } };
    const project = { extends: path.join(ROOT, 'tsconfig.json'), compilerOptions: options, include: ['examples'] };
    await writeFile(inDirectory('tsconfig.json'), JSON.stringify(project));
    for (const [index, text] of codeBlocks('library.md', 'ts').entries()) {
      await writeFile(inDirectory(`examples/example-${index + 1}.ts`), text);
    }
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const problems = await promisify(execFile)(process.execPath, [compiler, '--project', directory]).catch(
      (error: unknown) => error as { readonly stdout: string },
    );
    expect(problems.stdout).toBe('');
  });

  test('has an example of each value, and names each type, that the library exports', () => {
    const names = exportedNames();
    expect(names).toEqual(expect.arrayContaining(Object.keys(library)));
    const page = readFileSync(path.join(DOCS, 'library.md'), 'utf8');
    const examples = importedNames();
    expect(names.filter((name) => !(name in library ? examples.has(name) : page.includes(`\`${name}\``)))).toEqual([]);
  });
});

test.each(MODULE_KINDS)(
  'the programs in examples do what they say as %s, and hold by their types',
  SLOW,
  async (kind) => {
    const folder = await newExampleProject();
    for (const [name, expected] of Object.entries(EXAMPLES)) {
      expect(await runExample(folder, name, kind), name).toBe(expected);
    }
    expect(await typeProblems(folder, kind)).toBe('');
  },
);
