import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { describeCommand } from '../../src/cli/command-tree.js';
import type { CommandTree } from '../../src/cli/command-tree.js';
import { buildProgram } from '../../src/cli/main.js';
import { cli, given, inTestDirectory, ok, toLines, trail } from '../support/cli.js';
import type { CliOptions, CliResult } from '../support/cli.js';

// Named apart: it is no package that is missing.
const MAKE_PIPE = 'mkfifo';
const MAKE_DEVICE = 'mknod';

interface Output {
  /** What would write to this file. */
  readonly words: (file: string) => readonly string[];
  readonly options?: CliOptions;
  readonly takesForce: boolean;
  /** What it holds is to be kept, so that it goes into no device. */
  readonly keeps: boolean;
}

const REPORTS = ['actors', 'actions', 'entities', 'scopes', 'fields', 'severities', 'timeline', 'hours', 'bursts'];

/** Every option and argument that names a file to write. */
const WRITTEN: Readonly<Record<string, Output>> = {
  'export --output': {
    words: (file) => ['export', '--format', 'ndjson', '--output', file],
    takesForce: true,
    keeps: false,
  },
  'export --manifest': {
    words: (file) => ['export', '-o', inTestDirectory('data.csv'), '--manifest', file],
    takesForce: true,
    keeps: false,
  },
  ...Object.fromEntries(
    [...REPORTS, 'unattributed', 'case'].map((name): [string, Output] => [
      `report ${name} --html`,
      {
        words: (file) => ['report', name, ...(name === 'case' ? ['machine:1'] : []), '--html', file],
        takesForce: true,
        keeps: false,
      },
    ]),
  ),
  'backup <file>': { words: (file) => ['backup', file], takesForce: true, keeps: true },
  'prune --archive': {
    words: (file) => ['prune', '--before', 'now', '--yes', '--archive', file],
    takesForce: false,
    keeps: true,
  },
  'clear --archive': { words: (file) => ['clear', '--yes', '--archive', file], takesForce: false, keeps: true },
  'record --rejects': {
    words: (file) => ['record', '--stdin', '--rejects', file],
    options: { input: 'broken\n' },
    takesForce: false,
    keeps: false,
  },
  'import --rejects': {
    words: (file) => ['import', 'csv', inTestDirectory('source.csv'), '--map', 'action=a', '--rejects', file],
    takesForce: false,
    keeps: false,
  },
};

/** The same of a trail that is sealed, or is to be. */
const WRITTEN_OF_SEALED: Readonly<Record<string, (file: string) => readonly string[]>> = {
  'export --proof': (file) => ['export', '--output', inTestDirectory('data.ndjson'), '--proof', file],
  'seal anchor --request': (file) => ['seal', 'anchor', '--request', file],
  'seal init --seal-key': (file) => ['seal', 'init', '--seal-key', file],
};

/** Archives that are asked together with the trail. */
const ARCHIVES = [
  'count',
  'export',
  'history',
  'values',
  ...[...REPORTS, 'unattributed', 'case'].map((name) => `report ${name}`),
];

/** Every option and argument that names a file to read, or a folder whose files are named by daybook. */
const OTHERS: readonly string[] = [
  ...ARCHIVES.map((command) => `${command} --archives`),
  // The key file of a sealed trail: where it is none, it is refused and left as it is.
  ...['seal', 'seal resume', 'seal rotate', 'seal status', 'prune', 'clear', 'erase', 'verify'].map(
    (name) => `${name} --seal-key`,
  ),
  'seal anchor --add',
  'seal anchor --witness-key',
  'hold place --release-key',
  'hold release --signature',
  'verify --archive',
  'verify --checkpoint',
  'verify --key',
  'verify --proof',
  'verify --witness-key',
  'verify [file]',
  'prune --archive-dir',
  'clear --archive-dir',
  'exec --file',
  'actors import --attach',
  'actors import [file]',
  'import [source]',
];

/** Names of files among the values of options: any new one has to be put into one of the two lists. */
const NAMES_A_FILE = /file|folder|director|path|output|source|archive|manifest/i;
/** Dotted paths inside documents, and a name that entries have. */
const NO_FILES = / --(?:redact|source|field|meta|records)$/;

function* fileNames(tree: CommandTree, name = ''): Generator<string> {
  for (const { long, flags, value } of tree.options) {
    if (value !== null && NAMES_A_FILE.test(flags)) yield `${name} ${long ?? flags}`.trim();
  }
  for (const { name: argument, required, description } of tree.arguments) {
    if (!NAMES_A_FILE.test(argument) && !/\bfile\b/.test(description)) continue;
    yield `${name} ${required ? `<${argument}>` : `[${argument}]`}`;
  }
  for (const command of tree.subcommands) yield* fileNames(command, `${name} ${command.name}`.trim());
}

test('every option that names a file is known as one that is written or one that is read', async () => {
  const found = [...fileNames(describeCommand(await buildProgram()))].filter((name) => !NO_FILES.test(name));
  expect(new Set(found)).toEqual(new Set([...Object.keys(WRITTEN), ...Object.keys(WRITTEN_OF_SEALED), ...OTHERS]));
});

let database: string;
let contents: Buffer;
beforeEach(async () => {
  database = await trail();
  await given(
    { action: 'a', entity_type: 'machine', entity_id: '1', ts: '2026-01-01T00:00:00Z' },
    { action: 'b', ts: '2026-01-02T00:00:00Z' },
  );
  writeFileSync(inTestDirectory('source.csv'), 'a,b\nx,1\ny\n');
  contents = readFileSync(database);
});

/** The trail by all of its names, and those of what belongs to it, whether it is there or not. */
const TRAIL: readonly (readonly [what: string, make: () => string])[] = [
  ['the database', () => database],
  ['another spelling', () => `${path.dirname(database)}/./${path.basename(database)}`],
  ['a relative path', () => path.relative('.', database)],
  ['a linked folder', () => `${linked('folder', '.')}/audit.db`],
  [
    'a hard link',
    () => {
      linkSync(database, inTestDirectory('hard'));
      return inTestDirectory('hard');
    },
  ],
  ['a link', () => linked('link', 'audit.db')],
  ['a link to a link', () => linked('second', path.basename(linked('first', 'audit.db')))],
  ...['-wal', '-shm', '-journal'].flatMap((ending): [string, () => string][] => [
    [`its ${ending}`, () => `${database}${ending}`],
    [`a ${ending} that is there`, () => written(`${database}${ending}`)],
    [`the ${ending} of a link to it`, () => `${linked('other', 'audit.db')}${ending}`],
    [`a link to the ${ending}`, () => linked('companion', path.basename(written(`${database}${ending}`)))],
    [`a link to a ${ending} that is not there`, () => linked('dangling', `audit.db${ending}`)],
  ]),
];

describe.each(Object.entries(WRITTEN_OF_SEALED))('%s', (_option, words) => {
  test.each(TRAIL)('never lands on %s', async (_what, make) => {
    const file = make();
    for (const force of [[], ['--force']]) {
      expect(await cli([...words(file), ...force])).toMatchObject({ code: 7 });
      expect(readFileSync(database).equals(contents)).toBe(true);
    }
  });
});

let links = 0;

/** A new link in the folder of the test. */
function linked(name: string, target: string): string {
  links += 1;
  const link = inTestDirectory(`${name}-${links}`);
  symlinkSync(target, link);
  return link;
}

/**
 * A device like /dev/null. Who runs the tests as root has one of his own: a fault in what is tested would replace that of
 * the machine.
 */
function ownDevice(): string {
  if (process.getuid?.() !== 0) return '/dev/null';
  const device = inTestDirectory('null');
  if (existsSync(device)) return device;
  try {
    execFileSync(MAKE_DEVICE, [device, 'c', '1', '3']);
    return device;
  } catch {
    // A container in which nobody may make one has a /dev of its own.
    return '/dev/null';
  }
}

/** An empty log is a log: only what is in it could be lost. */
function written(file: string): string {
  if (!existsSync(file)) writeFileSync(file, '');
  return file;
}

/** What stands in a folder, links and sizes included. */
function listing(folder: string): string[] {
  return readdirSync(folder).map((name) => {
    const { mode, size } = lstatSync(path.join(folder, name));
    return `${name} ${mode} ${/-(?:wal|shm)$/.test(name) ? '' : size}`;
  });
}

async function refused({ words, options, takesForce }: Output, file: string): Promise<CliResult[]> {
  const runs = [await cli(words(file), options)];
  if (takesForce) runs.push(await cli([...words(file), '--force'], options));
  return runs;
}

describe.each(Object.entries(WRITTEN))('%s', (_name, output) => {
  test('is refused for the trail by any name, also with --force, and without a hint', async () => {
    // Somebody has the trail open, as a live application would.
    const open = new Database(database);
    open.prepare('SELECT count(*) FROM daybook_entries').get();
    onTestFinished(() => void open.close());
    for (const [what, make] of TRAIL) {
      const file = make();
      const there = listing(path.dirname(database));
      for (const { code, stdout, stderr } of await refused(output, file)) {
        expect({ code, stdout }, what).toEqual({ code: 7, stdout: '' });
        expect(stderr, what).toMatch(/^daybook: .* (?:is the database itself|belongs to the database .*)\n$/s);
      }
      expect(listing(path.dirname(database)), what).toEqual(there);
      expect(readFileSync(database).equals(contents), what).toBe(true);
      rmSync(`${database}-journal`, { force: true });
    }
    expect(await ok(['count'])).toBe('2\n');
  });

  test('is refused for the real file where a link names the database', async () => {
    const link = linked('named.db', 'audit.db');
    for (const file of [database, link, `${database}-journal`, `${link}-journal`]) {
      for (const run of await refused({ ...output, options: { ...output.options, db: link } }, file)) {
        expect(run).toMatchObject({ code: 7, stderr: expect.not.stringContaining('try:') });
      }
    }
  });

  test('is refused for a link that leads nowhere', async () => {
    for (const file of [linked('lost', 'nothing'), linked('itself', 'itself')]) {
      for (const { code, stderr } of await refused(output, file)) {
        expect({ code, stderr }).toEqual({
          code: 7,
          stderr: expect.stringContaining('is a link to what is not there'),
        });
      }
      expect(lstatSync(file).isSymbolicLink()).toBe(true);
    }
    expect(await ok(['count'])).toBe('2\n');
  });

  test('is refused for what exists, without a hint: what is replaced cannot be had back', async () => {
    const file = inTestDirectory('precious');
    writeFileSync(file, 'precious');
    const { code, stderr } = await cli(output.words(file), output.options);
    expect({ code, stderr }).toEqual({ code: 7, stderr: expect.stringMatching(/exists already(?: \(.*\))?\n$/) });
    expect(stderr.includes('--force')).toBe(output.takesForce);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  test.runIf(output.keeps)('is refused for what is no regular file', async () => {
    execFileSync(MAKE_PIPE, [inTestDirectory('pipe')]);
    const device = ownDevice();
    for (const file of [device, inTestDirectory('pipe'), linked('null', device)]) {
      for (const { code, stderr } of await refused(output, file)) {
        expect({ code, stderr }).toEqual({ code: 7, stderr: expect.stringContaining('is no regular file') });
      }
    }
    expect([statSync(device).isCharacterDevice(), statSync(inTestDirectory('pipe')).isFIFO()]).toEqual([true, true]);
    expect(await ok(['count'])).toBe('2\n');
  });

  test.skipIf(output.keeps)('may be a device, which stays one', async () => {
    const device = ownDevice();
    expect((await cli(output.words(device), output.options)).code).toBe(0);
    expect(statSync(device).isCharacterDevice()).toBe(true);
  });

  test('must not be empty', async () => {
    expect(await cli(output.words(''), output.options)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must not be empty'),
    });
  });

  test('writes where nothing stands', async () => {
    const file = inTestDirectory('new');
    expect((await cli(output.words(file), output.options)).code).toBe(0);
    expect(statSync(file).size).toBeGreaterThan(0);
  });
});

describe('a folder of archives', () => {
  /** As the archive of these two entries is named at the time of these tests. */
  const NAME = 'daybook-2026-03-05T140709Z-seq-1-2.ndjson.gz';

  test.each(['prune', 'clear'])('of %s never has one that is the trail', async (command) => {
    const folder = inTestDirectory('archives');
    mkdirSync(folder);
    const db = path.join(folder, NAME);
    writeFileSync(db, contents);
    const words = [command, '--yes', '--archive-dir', folder, ...(command === 'prune' ? ['--before', 'now'] : [])];
    expect(await cli(words, { db })).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('is the database itself'),
    });
    expect(await ok(['count'], { db })).toBe('2\n');
  });

  test.each(['a device', 'a file', 'a link that leads nowhere'])('that is %s loses nothing', async (what) => {
    const lost = linked('lost', 'nothing');
    const folder = what === 'a device' ? ownDevice() : what === 'a file' ? inTestDirectory('source.csv') : lost;
    expect((await cli(['clear', '--yes', '--archive-dir', folder])).code).toBe(1);
    expect(await ok(['count'])).toBe('2\n');
  });
});

describe('two outputs, or an output and what is read, are two files', () => {
  const SPELLINGS: readonly (readonly [what: string, make: (file: string) => string])[] = [
    ['the same name', (file) => file],
    ['another spelling', (file) => `${path.dirname(file)}/./${path.basename(file)}`],
    ['a relative path', (file) => path.relative('.', file)],
    ['a linked folder', (file) => `${linked('folder', '.')}/${path.basename(file)}`],
    ['a link', (file) => linked('link', path.basename(file))],
    ['another case, which is the same on some systems', (file) => file.replace('data', 'DATA')],
  ];

  test.each(SPELLINGS)('the data and the manifest of an export: %s', async (_what, make) => {
    const file = inTestDirectory('data.csv');
    const other = make(file);
    for (const [one, two] of [
      [file, other],
      [other, file],
    ]) {
      const words = ['export', '--format', 'csv', '-o', one ?? '', '--manifest', two ?? ''];
      for (const run of [words, [...words, '--force']]) {
        expect(await cli(run)).toMatchObject({
          code: 2,
          stdout: '',
          stderr: expect.stringContaining('are the same file'),
        });
      }
    }
    expect(existsSync(file)).toBe(false);
  });

  test('a hard link', async () => {
    writeFileSync(inTestDirectory('one.csv'), 'old');
    linkSync(inTestDirectory('one.csv'), inTestDirectory('two'));
    const words = ['export', '-o', inTestDirectory('one.csv'), '--manifest', inTestDirectory('two'), '--force'];
    expect(await cli(words)).toMatchObject({ code: 2 });
    expect(readFileSync(inTestDirectory('two'), 'utf8')).toBe('old');
  });

  test('one pipe', async () => {
    execFileSync(MAKE_PIPE, [inTestDirectory('pipe')]);
    const words = ['export', '--format', 'csv', '-o', inTestDirectory('pipe'), '--manifest', inTestDirectory('pipe')];
    expect(await cli(words)).toMatchObject({ code: 2 });
  });

  test('a device keeps nothing, so it may be both', async () => {
    const device = ownDevice();
    expect(await cli(['export', '--format', 'csv', '-o', device, '--manifest', device])).toMatchObject({ code: 0 });
  });

  test.each([...SPELLINGS.slice(0, 5), ['its -wal', (file: string) => `${file}-wal`] as const])(
    'what is rejected and the source of an import: %s',
    async (_what, make) => {
      const source = inTestDirectory('data.csv');
      writeFileSync(source, 'a,b\nx,1\ny\n');
      const rejects = make(source);
      for (const mode of [[], ['--dry-run'], ['--verify']]) {
        const words = ['import', 'csv', source, '--map', 'action=a', '--rejects', rejects, ...mode];
        expect(await cli(words)).toMatchObject({
          code: 2,
          stderr: expect.stringContaining('--rejects and the source'),
        });
      }
      expect(readFileSync(source, 'utf8')).toBe('a,b\nx,1\ny\n');
      expect(existsSync(`${source}-wal`)).toBe(false);
      expect(await ok(['count'])).toBe('2\n');
    },
  );
});

describe('backup', () => {
  test.each(['-wal', '-journal'])(
    'is refused beside a %s of another database, which would be read into it',
    async (ending) => {
      const copy = inTestDirectory('copy.db');
      await ok(['backup', copy]);
      // A program that recorded into the copy and died.
      writeFileSync(`${copy}${ending}`, 'pages');
      for (const words of [
        ['backup', copy],
        ['backup', copy, '--force'],
      ]) {
        const { code, stderr } = await cli(words);
        expect({ code, stderr }).toEqual({
          code: 7,
          stderr: expect.stringContaining(`copy.db${ending} is the log of`),
        });
        expect(stderr).not.toContain('try:');
      }
      writeFileSync(`${copy}${ending}`, '');
      await ok(['backup', copy, '--force']);
    },
  );
});

test('what is recorded stays as it is where rejects cannot be written', async () => {
  const input = toLines([{ action: 'c' }]) + 'broken\n';
  expect(await cli(['record', '--stdin', '--rejects', `${database}-wal`], { input })).toMatchObject({ code: 7 });
  expect(await ok(['count'])).toBe('2\n');
});
