import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Command } from 'commander';
import { describe, expect, test, vi } from 'vitest';
import { declaredDoes } from '../../src/cli/does.js';
import { buildProgram } from '../../src/cli/main.js';
import type { CliOptions, CliResult } from '../support/cli.js';
import { cli, inTestDirectory, ok, trail } from '../support/cli.js';
import { EVERY_COMMAND, everyScene, typed } from './every-command.js';

// How a command ends where something fails that is not its own: nobody reads its output, or the database fails it.

/** What a database is told as soon as it is opened by this path. */
const opened = vi.hoisted(() => ({ path: 'none', pragma: (_pages: number): string => '' }));

vi.mock('better-sqlite3', async (original) => {
  const { default: Real } = await original<{ default: typeof Database }>();
  return {
    default: class extends Real {
      constructor(...given: ConstructorParameters<typeof Database>) {
        super(...given);
        if (given[0] === opened.path) this.pragma(opened.pragma(this.pragma('page_count', { simple: true }) as number));
      }
    },
  };
});

/** Runs `work` while each database that is opened by this path is told something first. */
async function toldFirst<T>(path: string, pragma: (pages: number) => string, work: () => Promise<T>): Promise<T> {
  Object.assign(opened, { path, pragma });
  try {
    return await work();
  } finally {
    Object.assign(opened, { path: 'none' });
  }
}

/** What holds others, and does something by itself. */
const ALSO_COMMANDS = new Set(['seal']);

function leaves(command: Command, above = ''): (readonly [path: string, command: Command])[] {
  return command.commands.flatMap((one) => [
    ...(one.commands.length === 0 || ALSO_COMMANDS.has(one.name()) ? [[`${above}${one.name()}`, one] as const] : []),
    ...leaves(one, `${above}${one.name()} `),
  ]);
}

const program = await buildProgram();
const NAMES = Object.keys(EVERY_COMMAND);

/** What a command of the table does, by its declaration. */
function doesOf(name: string): string {
  const [path, command] = leaves(program).find(([one]) => name === one || name.startsWith(`${one} -`)) ?? [];
  const declared = command === undefined ? undefined : declaredDoes(command);
  if (path === undefined || declared === undefined) throw new Error(`${name} declares nothing`);
  const words = EVERY_COMMAND[name]?.words ?? [];
  return Object.entries(declared.doesWith ?? {}).find(([flag]) => words.includes(flag))?.[1] ?? declared.does;
}

const WRITES: Readonly<Record<string, RegExp>> = {
  records: /nothing was recorded|recorded \d+ entr/,
  changes: /nothing was changed/,
  tries: /nothing was changed/,
  seals: /nothing was sealed/,
  deletes: /nothing was deleted|\d+ of \d+ entries were deleted/,
  resumes: /the checkpoint is where it was/,
};
const CLAIM = new RegExp(
  Object.values(WRITES)
    .map(({ source }) => source)
    .join('|'),
);

describe('what a command does', () => {
  test('is declared beside the name of each, for flags that it has, and by none that only holds others', () => {
    for (const [path, command] of leaves(program)) {
      const declared = declaredDoes(command);
      expect(declared, path).toBeDefined();
      for (const flag of Object.keys(declared?.doesWith ?? {})) {
        expect(
          command.options.map(({ long }) => long),
          path,
        ).toContain(flag);
      }
    }
    const groups = [program, ...program.commands].filter(
      (one) => one.commands.length > 0 && !ALSO_COMMANDS.has(one.name()),
    );
    for (const group of groups) {
      expect(declaredDoes(group), group.name()).toBeUndefined();
    }
  });

  test('is tried below for every command, and for every flag that makes it another', () => {
    for (const [path, command] of leaves(program)) {
      expect(NAMES).toContain(path);
      for (const flag of Object.keys(declaredDoes(command)?.doesWith ?? {})) expect(NAMES).toContain(`${path} ${flag}`);
    }
  });
});

const TABLES = ['daybook_entries', 'daybook_retention', 'daybook_actors', 'machines', 'settlements', 'others', 'late'];

type Contents = Readonly<Record<string, unknown[]>>;

/** What a database holds that commands change. */
function contents(file: string): Contents {
  const connection = new Database(file);
  try {
    return Object.fromEntries(TABLES.map((table) => [table, connection.prepare(`SELECT * FROM ${table}`).raw().all()]));
  } finally {
    connection.close();
  }
}

function sizes(file: string): unknown {
  return Object.entries(contents(file)).map(([table, rows]) => [table, rows.length]);
}

interface Scene {
  readonly file: string;
  /** Makes all as it was at first. */
  readonly restore: () => void;
  readonly run: (options?: CliOptions, more?: readonly string[]) => Promise<CliResult>;
}

async function scene(name: string): Promise<Scene> {
  const file = await everyScene();
  const copy = inTestDirectory('scene.db');
  await ok(['backup', copy]);
  const key = readFileSync(inTestDirectory('scene.seal'));
  const { words, input } = typed(name);
  return {
    file,
    restore: () => {
      for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
      copyFileSync(copy, file);
      writeFileSync(inTestDirectory('scene.seal'), key);
      for (const made of ['out.ndjson', 'siem.ndjson', 'archive.ndjson', 'copy.db']) {
        rmSync(inTestDirectory(made), { force: true });
      }
    },
    run: (options = {}, more = []) => cli([...words, ...more], { input, ...options }),
  };
}

/** Its exit code where nothing fails: a copy that goes to stdout is only without a reader a failure. */
function usual(name: string): number {
  const { code } = typed(name);
  return code === 1 ? 0 : code;
}

test.each(NAMES)('%s: an output that nobody reads', async (name) => {
  const { file, restore, run } = await scene(name);
  restore();
  const read = await run();
  expect(read.code, read.stderr).toBe(usual(name));
  const done = sizes(file);
  restore();
  expect((await run({ closesAfter: 0 })).code).toBe(typed(name).code);
  expect(sizes(file)).toEqual(done);
});

/** Expects a command that failed to say what it has done, in the words of what it does, and that to be true. */
function expectAccount(name: string, { stderr }: CliResult, file: string, before: Contents): void {
  const does = doesOf(name);
  expect(stderr).not.toContain('unexpected');
  if (WRITES[does] === undefined) {
    expect(stderr).not.toMatch(CLAIM);
    return;
  }
  expect(stderr).toMatch(WRITES[does]);
  const after = contents(file);
  const recorded = Number(/recorded (\d+) entr/.exec(stderr)?.[1] ?? 0);
  const deleted = Number(/(\d+) of \d+ entries were deleted/.exec(stderr)?.[1] ?? 0);
  if (recorded === 0 && deleted === 0) {
    expect(after, stderr).toEqual(before);
    return;
  }
  const own = /as entry \d+ tells/.test(stderr) || deleted > 0 ? 1 : 0;
  const gained = (after['daybook_entries']?.length ?? 0) - (before['daybook_entries']?.length ?? 0);
  expect(gained, stderr).toBe(recorded - deleted + own);
}

/** So many pages more than there are may come. */
const PAGES_LEFT = [0, 1, 4, 16, 64];
/** What need not take a page that is not there. */
const ROOMY = new Set([
  'init',
  'exec --dry-run',
  'revert --dry-run',
  'capture check',
  'capture refresh',
  'capture remove',
  'actors remove',
  'retention remove',
  'mirror remove',
  'seal',
  'seal --accept-inserted',
  'seal init',
  'seal rotate',
  'seal resume',
]);

/** What is refused before it asks for the lock: the scene is sealed already. */
const REFUSED = new Set(['seal init', 'seal resume']);

describe('no room in the database', () => {
  test.each(NAMES.filter((name) => WRITES[doesOf(name)] !== undefined))('%s says what it has done', async (name) => {
    const { file, restore, run } = await scene(name);
    const accounts: string[] = [];
    for (const more of PAGES_LEFT) {
      restore();
      const before = contents(file);
      const result = await toldFirst(
        file,
        (pages) => `max_page_count = ${pages + more}`,
        () => run(),
      );
      if (result.code === usual(name)) continue;
      expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('no room is left for') as string });
      expectAccount(name, result, file, before);
      accounts.push(result.stderr);
    }
    if (!ROOMY.has(name)) expect(accounts.length).toBeGreaterThan(0);
    // What is done in batches has done a part of it in one of these.
    if (name === 'record --stdin') expect(accounts.join('')).toMatch(/; recorded [1-9]\d* entries, up to line \d+\n/);
    if (name === 'import') expect(accounts.join('')).toMatch(/\(recorded [1-9]\d* entries/);
  });
});

describe('a database that is', () => {
  test.each(NAMES)('not to be written: %s says what it has done', async (name) => {
    const { file, restore, run } = await scene(name);
    restore();
    const before = contents(file);
    const result = await toldFirst(
      file,
      () => 'query_only = ON',
      () => run(),
    );
    expect([usual(name), 1], result.stderr).toContain(result.code);
    if (result.code !== usual(name)) expectAccount(name, result, file, before);
  });

  test.each(NAMES)('locked: %s says what it has done', async (name) => {
    const { file, restore, run } = await scene(name);
    restore();
    const before = contents(file);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const result = await run({}, ['--busy-timeout', '0s']);
    other.close();
    expect(result.code, result.stderr).toBe(WRITES[doesOf(name)] === undefined || REFUSED.has(name) ? usual(name) : 5);
    if (result.code === 5) expectAccount(name, result, file, before);
  });

  test.each(NAMES)('damaged: %s says what it has done', async (name) => {
    const { file, restore, run } = await scene(name);
    restore();
    const bytes = readFileSync(file);
    // All but the header and the schema.
    bytes.fill(0x5a, 12 * 4096);
    writeFileSync(file, bytes);
    const result = await run();
    expect([usual(name), 4], result.stderr).toContain(result.code);
    if (result.code !== 4) return;
    expect(result.stderr).toContain('is damaged');
    expect(result.stderr).not.toContain('unexpected');
    const words = WRITES[doesOf(name)];
    if (words === undefined) expect(result.stderr).not.toMatch(CLAIM);
    else expect(result.stderr).toMatch(words);
  });
});

test('a header that was damaged in any of its bytes: exit code 4, if it is noticed', async () => {
  await ok(['note', 'machine:1', 'x']);
  const bytes = readFileSync(await trail());
  const file = inTestDirectory('damaged.db');
  for (let at = 0; at < 100; at++) {
    for (const value of [0, 3, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      for (const words of [['history'], ['record', '--action', 'x'], ['init']]) {
        writeFileSync(file, damaged);
        const { code, stderr } = await cli(words, { db: file });
        expect([0, 4], `${words.join(' ')}, byte ${at} is ${value}: ${stderr}`).toContain(code);
      }
    }
  }
  // The version of the format that writes, and that of the schema, which SQLite looks at by themselves.
  for (const at of [18, 47]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = 9;
    writeFileSync(file, damaged);
    expect(await cli(['record', '--action', 'x'], { db: file })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/is damaged \(.*format.*\); nothing was recorded\ntry: /) as string,
    });
  }
}, 120_000);
