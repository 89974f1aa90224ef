import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

// The directions of the house hold here even where a lint rule was switched off: this test reads the source itself.

const source = path.resolve(import.meta.dirname, '../src');

interface SourceFile {
  /** Below src, such as `store/sqlite/schema.ts`. */
  readonly name: string;
  readonly area: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly specifier: string;
  /** Where a relative import leads, below src; undefined for a package. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
}

/** What each area may import of ours, and which of the packages that belong to one place. */
const house: Readonly<Record<string, { areas: readonly string[]; packages: readonly string[] }>> = {
  core: { areas: ['core'], packages: [] },
  store: { areas: ['core', 'store'], packages: [] },
  'store/sqlite': { areas: ['core', 'store', 'store/sqlite'], packages: ['better-sqlite3'] },
  'store/postgres': { areas: ['core', 'store', 'store/postgres'], packages: ['pg'] },
  operations: { areas: ['core', 'store', 'importers', 'operations'], packages: [] },
  importers: { areas: ['core', 'importers'], packages: [] },
  format: {
    areas: ['core', 'format', 'terminal'],
    packages: ['csv-stringify', 'cli-table3', 'hyparquet-writer', 'string-width'],
  },
  terminal: { areas: ['core', 'terminal'], packages: ['chalk', 'cli-table3', 'string-width'] },
  cli: {
    areas: ['', 'core', 'store', 'operations', 'importers', 'format', 'terminal', 'cli'],
    packages: ['commander', 'chalk'],
  },
  /** The library's door, with what is behind it in `library`, and who this process is, which both doors need. */
  '': { areas: ['', 'core', 'store', 'operations', 'importers', 'library'], packages: [] },
  library: { areas: ['core', 'store', 'operations', 'format', 'library'], packages: [] },
};

/** The only files outside an engine that know one. */
const DOORS_TO_ENGINES = new Set(['store/open.ts', 'store/attached.ts']);

const ENGINES = ['sqlite', 'postgres'];

/**
 * The rooms of an engine from the ground up: each may use those before it, by their doors. Tests may look into any of
 * them.
 */
const ROOMS = [
  'engine',
  'tables',
  'trail',
  'context',
  'seals',
  'holds',
  'prune',
  'names',
  'reports',
  'sources',
  'capture',
  'undo',
  'mirrors',
  'exec',
  'upkeep',
];

const placedPackages = new Set(Object.values(house).flatMap((rules) => rules.packages));

const files: readonly SourceFile[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(path.join(source, name), 'utf8');
    return { name, area: areaOf(name), text, imports: importsOf(name, text) };
  });

function areaOf(name: string): string {
  const engine = ENGINES.find((one) => name.startsWith(`store/${one}/`));
  if (engine !== undefined) return `store/${engine}`;
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
}

function isEngine(area: string): boolean {
  return ENGINES.some((engine) => area === `store/${engine}`);
}

/** Static, dynamic and side-effect imports, and exports from elsewhere. */
function importsOf(name: string, text: string): Import[] {
  const statements =
    /^\s*(?:import|export)\s+(?<type>type\s)?(?:[\w*$\s{},]+?\sfrom\s+)?'(?<from>[^']+)'|\b(?:import|require)\(\s*['"`](?<call>[^'"`]+)['"`]/gm;
  return [...text.matchAll(statements)].map(({ groups }) => {
    const specifier = groups?.['from'] ?? groups?.['call'] ?? '';
    const target = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(name), specifier) : undefined;
    return { specifier, target, typeOnly: groups?.['type'] !== undefined };
  });
}

/** Every import that breaks a rule, as `file: what it imports`. */
function breaches(isBreach: (file: SourceFile, imported: Import) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports.filter((imported) => isBreach(file, imported)).map(({ specifier }) => `${file.name}: ${specifier}`),
  );
}

/** Every line that matches, as `file:line: text`. */
function linesWith(pattern: RegExp, isExempt: (file: SourceFile) => boolean): string[] {
  return files
    .filter((file) => !isExempt(file))
    .flatMap((file) =>
      withoutComments(file.text)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${file.name}:${index + 1}: ${line.trim()}`] : [])),
    );
}

/** Lines keep their numbers. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*/g, (comment) => comment.replaceAll(/[^\n]/g, ''));
}

describe('the house', () => {
  test('has no folder that is not drawn', () => {
    expect(files.map(({ area }) => area).filter((area) => !(area in house))).toEqual([]);
  });

  test('reads imports of every form', () => {
    const text = [
      "import { one } from './one.js';",
      "import type { Two } from '../core/two.js';",
      "import './three.js';",
      "export * from './four.js';",
      'export {\n  five,\n  type Six,\n} from "five";'.replaceAll('"', "'"),
      "const seven = await import('./seven.js');",
    ].join('\n');
    expect(importsOf('cli/commands/note.ts', text)).toEqual([
      { specifier: './one.js', target: 'cli/commands/one.js', typeOnly: false },
      { specifier: '../core/two.js', target: 'cli/core/two.js', typeOnly: true },
      { specifier: './three.js', target: 'cli/commands/three.js', typeOnly: false },
      { specifier: './four.js', target: 'cli/commands/four.js', typeOnly: false },
      { specifier: 'five', target: undefined, typeOnly: false },
      { specifier: './seven.js', target: 'cli/commands/seven.js', typeOnly: false },
    ]);
  });

  test('lets data flow one way', () => {
    const isBreach = (file: SourceFile, { target }: Import): boolean => {
      if (target === undefined) return false;
      // Where an engine is chosen, and where the library finds what works on an open connection.
      if (DOORS_TO_ENGINES.has(file.name) && isEngine(areaOf(target))) return false;
      return !house[file.area]?.areas.includes(areaOf(target));
    };
    expect(breaches(isBreach)).toEqual([]);
  });

  test('stays inside src', () => {
    expect(breaches((_, { target }) => target?.startsWith('..') === true)).toEqual([]);
  });

  test('keeps each package that has a place in its place', () => {
    const isBreach = (file: SourceFile, { specifier, target }: Import): boolean => {
      const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '';
      return target === undefined && placedPackages.has(name) && !house[file.area]?.packages.includes(name);
    };
    expect(breaches(isBreach)).toEqual([]);
  });

  test('lets format know how text looks on a screen, but no screen', () => {
    const looks = new Set(['colour', 'heat', 'sanitize', 'time', 'width'].map((name) => `terminal/${name}.js`));
    const isBreach = (file: SourceFile, { target }: Import): boolean =>
      file.area === 'format' && target !== undefined && areaOf(target) === 'terminal' && !looks.has(target);
    expect(breaches(isBreach)).toEqual([]);
  });

  test.each(ENGINES)('has rooms in %s that use those below them, by their doors', (engine) => {
    const inside = (name: string): string | undefined =>
      new RegExp(`^store/${engine}/(?<room>[^/]+)/`).exec(name)?.groups?.['room'];
    expect(files.flatMap(({ name }) => inside(name) ?? []).filter((room) => !ROOMS.includes(room))).toEqual([]);
    const isBreach = (file: SourceFile, { target }: Import): boolean => {
      if (target === undefined || !target.startsWith(`store/${engine}/`)) return false;
      const [from, to] = [inside(file.name), inside(target)];
      if (to === undefined || from === to) return false;
      if (!target.endsWith('/index.js')) return true;
      return from !== undefined && ROOMS.indexOf(to) >= ROOMS.indexOf(from);
    };
    expect(breaches(isBreach)).toEqual([]);
  });

  test('lets operations and the interface of the store know no engine', () => {
    const isBreach = (file: SourceFile, { target }: Import): boolean =>
      ['operations', 'format'].includes(file.area) &&
      target !== undefined &&
      target.startsWith('store/') &&
      target !== 'store/audit-store.js' &&
      // A source of an import may be a table of an engine, and to open it is this use case.
      !(file.name === 'operations/open-import.ts' && target === 'store/open.js');
    expect(breaches(isBreach)).toEqual([]);
  });

  test('touches the process in cli and terminal alone', () => {
    const mayTouch = (file: SourceFile): boolean =>
      ['cli', 'terminal'].includes(file.area) || file.name === 'presence.ts';
    expect(linesWith(/\bprocess\s*(?:\.|\[|\?\.)|=\s*process\b|'(?:node:)?process'/, mayTouch)).toEqual([]);
  });

  test('opens files to write in one place, where each is compared with the trail', () => {
    // What reads, or asks about a file; all else that node:fs has may change something.
    const reads =
      /^(?:accessSync|closeSync|constants|createReadStream|existsSync|fstatSync|lstatSync|readdirSync|readFileSync|readlinkSync|readSync|realpathSync|statfs|statfsSync|statSync|(?:BigInt)?Stats|FileHandle)$/;
    const found = files.flatMap(({ name, text }) =>
      [...text.matchAll(/\bimport\s(?<names>[^;]+?)\sfrom 'node:fs[^']*'/g)].flatMap(({ groups }) =>
        (groups?.['names'] ?? '')
          .split(/[{},]/)
          .map((imported) => imported.replace(/^\s*type\s/, '').trim())
          .filter((imported) => imported !== '' && !reads.test(imported))
          .map((imported) => `${name}: ${imported}`),
      ),
    );
    expect(found.toSorted()).toEqual([
      // Reads a file that an option names.
      'cli/input.ts: openSync',
      // Named pipes: a reader is woken by a writer for a moment.
      'importers/pipe.ts: open',
      'importers/pipe.ts: openSync',
      'importers/text-source.ts: openSync',
      // Every output.
      'operations/output-file.ts: * as fs',
      'operations/pipe-writing.ts: * as fs',
      // Reads what proves an export, twice, a piece at a time.
      'operations/proofs-file.ts: openSync',
      'operations/unfinished-files.ts: * as fs',
      // Read the header of a database, or its journal.
      'store/sqlite/engine/connection.ts: openSync',
      'store/sqlite/engine/hot-journal.ts: openSync',
      // A private copy of a database, in the temporary folder.
      'store/sqlite/engine/private-copy.ts: mkdtemp',
      'store/sqlite/engine/private-copy.ts: open as openFile',
      'store/sqlite/engine/private-copy.ts: rmSync',
      'store/sqlite/engine/readable.ts: openSync',
      // Syncs what an output gave it.
      'store/sqlite/upkeep/backup.ts: fsyncSync',
      'store/sqlite/upkeep/backup.ts: openSync',
      // A private copy to look through.
      'store/sqlite/upkeep/deep-check.ts: mkdtempSync',
      'store/sqlite/upkeep/deep-check.ts: openSync',
      'store/sqlite/upkeep/deep-check.ts: rmSync',
      // The database itself.
      'store/sqlite/upkeep/initialize.ts: chmodSync',
      'store/sqlite/upkeep/initialize.ts: openSync',
      'store/sqlite/upkeep/initialize.ts: unlinkSync',
      // A private file for the editor, and standard output.
      'terminal/editor.ts: mkdtempSync',
      'terminal/editor.ts: rmSync',
      'terminal/editor.ts: writeFileSync',
      'terminal/streams.ts: writeSync',
    ]);
    expect(
      linesWith(
        /(?:import|require)\(\s*['"`](?:node:)?fs\b|from '(?:fs|node:fs\/promises)/,
        // The copy above, and a pipe for the pager.
        ({ name }) => ['store/sqlite/engine/private-copy.ts', 'terminal/pager.ts'].includes(name),
      ),
    ).toEqual([]);
    // SQLite can write copies as well.
    const copies = ({ name }: SourceFile): boolean =>
      name === 'store/sqlite/upkeep/backup.ts' || name === 'store/sqlite/upkeep/deep-check.ts';
    expect(linesWith(/connection\.backup\(|['"`]VACUUM INTO/, copies)).toEqual([]);
    // Only the comparison itself makes a place for an output.
    const compares = ({ name }: SourceFile): boolean => name === 'operations/output-place.ts';
    expect(linesWith(/\bas OutputPlace\b/, compares)).toEqual([]);
  });

  test('keeps SQL inside its engine', () => {
    // Help texts of commands show SQL to people.
    const mayHold = (file: SourceFile): boolean =>
      isEngine(file.area) || file.name.startsWith('cli/commands/') || file.name.startsWith('cli/help');
    expect(linesWith(/\b(?:SELECT|INSERT INTO|DELETE FROM)\b/, mayHold)).toEqual([]);
  });

  test('proposes nothing that destroys: a hint is pasted', () => {
    expect(linesWith(/\bhint\b.*--(?:yes|force)\b(?!.*--dry-run)/, () => false)).toEqual([]);
  });

  test('never ends the process by force, which would cut off what is still in a pipe', () => {
    expect(linesWith(/\bprocess\.exit\(/, () => false)).toEqual([]);
  });
});
