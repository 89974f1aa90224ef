import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM, run } from '../support/program.js';
import { fixture } from '../support/sources.js';
import { column, DOCS, everything, expectSound, parseLines, sharedDirectory, value } from './trail.js';

interface Step {
  readonly line: string;
  readonly status: number;
  readonly stderr: string;
  /** Entries of the trail as it was made. */
  readonly gone: readonly string[];
  readonly handed: readonly string[];
}

/** What the fixture's maker and this test share. */
interface Nights {
  cronLines(page: string): string[];
  nightIn(
    folder: string,
    circumstances: { readonly program: string; readonly clock: string; readonly now: number },
  ): Record<string, string>;
  whatIsThere(folder: string): { readonly left: string[]; readonly handed: string[] };
  withoutDay(text: string): string;
}

const nights = (await import(pathToFileURL(fixture('support/cron-lines.mjs')).href)) as Nights;
const clock = fixture('clock/backwards.cjs');
const lines = nights.cronLines(readFileSync(path.join(DOCS, 'cron.md'), 'utf8'));
const made = readdirSync(fixture('upgrade')).filter((name) => name.endsWith('.sql'));

test('the page still has its commands, and some trails of earlier programs are there', () => {
  expect(lines.filter((line) => line.includes(' prune --yes')).length).toBeGreaterThanOrEqual(2);
  expect(lines.filter((line) => line.includes(' status --check')).length).toBeGreaterThanOrEqual(2);
  expect(lines.some((line) => line.includes('%F'))).toBe(true);
  expect(lines.join('\n')).not.toMatch(/\/var\/lib|\/usr\/local|\\%|%%/);
  expect(made.length).toBeGreaterThanOrEqual(2);
});

describe.each(made)('%s', (name) => {
  const [schema] = /schema-\d+/.exec(name) ?? [''];
  const facts = JSON.parse(readFileSync(fixture(`upgrade/${schema}-nights.json`), 'utf8')) as {
    readonly now: number;
    readonly [file: string]: unknown;
  };
  const known = facts[name] as readonly Step[];
  const folder = sharedDirectory();
  const file = path.join(folder, 'audit.db');
  let env: Record<string, string>;

  beforeAll(() => {
    const database = new Database(file);
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma('journal_mode = WAL');
    database.exec(readFileSync(fixture(`upgrade/${name}`), 'utf8'));
    database.close();
    env = nights.nightIn(folder, { program: PROGRAM, clock, now: facts.now });
  });

  async function daybook(words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await run(['--db', file, ...words], { nodeOptions: ['--require', clock], env });
    return { code, stdout, stderr };
  }

  test('is upgraded by init, which changes no entry and gives each policy one', async () => {
    const entries = everything(file);
    const policies = column(file, 'SELECT name FROM daybook_retention ORDER BY name');
    expect(policies.length).toBeGreaterThan(1);
    expect(await daybook(['status'])).toMatchObject({ code: 4, stderr: expect.stringContaining(' init') as string });
    expect(await daybook(['--as', 'root', 'init'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^upgraded /) as string,
    });
    expect(everything(file).slice(0, entries.length)).toEqual(entries);
    const came = column(
      file,
      `SELECT action || ' ' || coalesce(entity_id, '') FROM daybook_entries WHERE actor = 'root'`,
    );
    // Captured tables have the triggers of this program from then on, and the others with a name go on as they did.
    const captures = column(file, 'SELECT table_name FROM daybook_captures ORDER BY table_name');
    expect(came.filter((words) => words !== 'init ')).toEqual([
      ...policies.map((policy) => `retention_set ${policy}`),
      ...captures.map((table) => `capture_refresh ${table}`),
    ]);
    const spans = `SELECT count(*) FROM daybook_capture_spans WHERE ended = 'gap'`;
    expect(value(file, spans)).toBe(0);
    expectSound(file);
    expect((await daybook(['init'])).stderr).toContain('is up to date');
    expect(came).toContain('init ');
  });

  test('does through a night what it did before', async () => {
    const then = new Set(nights.whatIsThere(folder).left);
    const steps: Step[] = [];
    for (const line of lines) {
      const earlier = nights.whatIsThere(folder);
      const { status, stderr } = await promisify(execFile)('sh', ['-c', line], { cwd: folder, env })
        .then((result) => ({ status: 0, stderr: result.stderr }))
        .catch((error: { code: number; stderr: string }) => ({ status: error.code, stderr: error.stderr }));
      const later = nights.whatIsThere(folder);
      const gone = earlier.left.filter((id) => then.has(id) && !later.left.includes(id));
      const handed = later.handed.filter((id) => !earlier.handed.includes(id));
      steps.push({ line, status, stderr: nights.withoutDay(stderr), gone, handed });
    }
    // A command that came to the page since has nothing to be compared with; it must not find a fault.
    for (const step of steps) {
      // It needs a session of systemd, which a machine for tests seldom has.
      if (step.line.startsWith('systemd-run ')) continue;
      expect(step).toEqual(known.find(({ line }) => line === step.line) ?? expect.objectContaining({ status: 0 }));
    }
    expect(steps.flatMap(({ gone }) => gone).length).toBeGreaterThan(10);
  });

  test('has no problem afterwards, and every kind of content can be read', async () => {
    const status = JSON.parse((await daybook(['status', '--format', 'json'])).stdout) as unknown;
    expect(status).toMatchObject({ problems: [], outdated_captures: [] });
    const all = await daybook(['export']);
    expect(parseLines(all.stdout).length).toBe(value(file, 'SELECT count(*) FROM daybook_entries'));
    for (const words of [
      ['capture', 'list'],
      ['mirror', 'list'],
      ['mirror', 'check'],
      ['actors', 'list'],
      ['retention', 'list'],
    ]) {
      expect(await daybook(words), words.join(' ')).toMatchObject({ code: 0 });
    }
  });
});
