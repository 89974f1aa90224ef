import { linkSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { CHECKS, PROBLEM_CODES } from '../../src/operations/problems.js';
import { cli, given, inTestDirectory, json, ok, trail } from '../support/cli.js';

async function plainly(sql: string): Promise<void> {
  const plain = new Database(await trail());
  plain.exec(sql);
  plain.close();
}

const OPEN_GUARD = `INSERT INTO daybook_prunes (command, state, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, deleting)
  VALUES ('prune', 'done', 'x', 'user', '[]', 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'here', 1, 1)`;

const NAGIOS = ['status', '--check', '--format', 'nagios'];

describe('status --format nagios', () => {
  test('exits 0 where all is well, with figures', async () => {
    await given({ action: 'a' }, { action: 'b' });
    const { code, stdout, stderr } = await cli(NAGIOS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^DAYBOOK OK - no problem \| entries=2 file=\d+B wal=\d+B free=\d+B disk_free=\d+B due=0 unaccounted=0 problems=0\n$/,
    );
  });

  test('exits 1 for what loses nothing', async () => {
    linkSync(await trail(), inTestDirectory('other.db'));
    const { code, stdout, stderr } = await cli(NAGIOS);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^DAYBOOK WARNING - linked \| .* problems=1\nlinked: the file has 2 names, .*\n$/);
  });

  test('exits 2 for what loses or lost entries, and has a line for each', async () => {
    linkSync(await trail(), inTestDirectory('other.db'));
    await plainly(`${OPEN_GUARD}; CREATE TRIGGER "a|b
c" AFTER INSERT ON daybook_entries BEGIN SELECT 1; END`);
    const { code, stdout } = await cli(NAGIOS);
    expect(code).toBe(2);
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^DAYBOOK CRITICAL - guard_open, foreign_trigger, linked \| .* problems=3$/);
    // What is behind a bar would be figures.
    expect(lines.slice(1).join('')).not.toContain('|');
    expect(lines[2]).toContain('trigger a/b⏎c on daybook_entries');
  });

  test.each([
    ['no database', ['--db', '/nowhere/audit.db'], /^DAYBOOK UNKNOWN - no database at \/nowhere\/audit\.db\n$/],
    ['a wrong value', ['--grace', '3m'], /^DAYBOOK UNKNOWN - .*\n$/],
    ['a wrong global option', ['--tz', 'Nowhere'], /^DAYBOOK UNKNOWN - .*\n$/],
  ])('exits 3 with %s, and says so on stdout', async (_what, words, said) => {
    const { code, stdout, stderr } = await cli([...NAGIOS, ...words]);
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(stdout).toMatch(said);
  });

  test('exits 2 with a trail that is too damaged to be read', async () => {
    await given(...Array.from({ length: 300 }, () => ({ action: 'a', message: 'x'.repeat(300) })));
    const plain = new Database(await trail());
    plain.pragma('journal_mode = DELETE');
    const page = plain
      .prepare<[], number>(`SELECT rootpage FROM sqlite_schema WHERE name = 'daybook_entries_by_time'`)
      .pluck()
      .get() as number;
    const size = plain.pragma('page_size', { simple: true }) as number;
    const bytes = plain.serialize();
    plain.close();
    bytes.fill(0xff, (page - 1) * size, page * size);
    writeFileSync(await trail(), bytes);
    const { code, stdout, stderr } = await cli(NAGIOS);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(stdout).toMatch(/^DAYBOOK CRITICAL - .* is damaged \(.*\)\n$/);
    expect(await cli(['status', '--check'])).toMatchObject({ code: 4 });
  });

  test('keeps its code where nobody reads', async () => {
    await plainly(OPEN_GUARD);
    expect(await cli(NAGIOS, { closesAfter: 0 })).toMatchObject({ code: 2 });
  });
});

describe('status --format prometheus', () => {
  const samplesOf = (text: string): Map<string, number> =>
    new Map(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );

  test('has a sample of each figure and of each problem, and exits as ever', async () => {
    await given({ action: 'a', ts: '2026-01-01T00:00:00Z' }, { action: 'b' });
    await ok(['retention', 'set', 'two', '--max-entries', '2']);
    await plainly(OPEN_GUARD);
    const { code, stdout } = await cli(['status', '--check', '--format', 'prometheus']);
    expect(code).toBe(3);
    expect(await cli(['status', '--format', 'prometheus'])).toMatchObject({ code: 0 });
    const samples = samplesOf(stdout);
    const database = await trail();
    const facts = await json<{ bytes: Record<string, number> }>(['status', '--format', 'json']);
    const value = (name: string, labels = ''): unknown =>
      samples.get(`daybook_${name}{database="${database}"${labels}}`);
    expect(value('up')).toBe(1);
    expect(value('entries')).toBe(3);
    expect(value('oldest_timestamp_seconds')).toBe(Date.parse('2026-01-01T00:00:00Z') / 1000);
    expect(value('file_bytes')).toBe(facts.bytes['file']);
    expect(value('disk_free_bytes')).toBeGreaterThan(0);
    expect(value('policy_due', ',policy="two"')).toBe(1);
    expect(value('unaccounted')).toBe(0);
    for (const problem of PROBLEM_CODES) {
      const expected = problem === 'guard_open' ? 1 : 0;
      expect(value('problems', `,code="${problem}",severity="${CHECKS[problem].nagios}"`)).toBe(expected);
    }
    // Every name is described once, before its samples.
    const names = [...stdout.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set([...samples.keys()].map((key) => key.replace(/\{.*/s, '')))).toEqual(new Set(names));
  });

  test('says that it could not check, and exits as ever', async () => {
    const db = '/nowhere/a"\\\nb.db';
    expect(await cli(['status', '--check', '--format', 'prometheus'], { db })).toMatchObject({
      code: 4,
      stdout: String.raw`# HELP daybook_up Whether the trail could be checked.
# TYPE daybook_up gauge
daybook_up{database="/nowhere/a\"\\\nb.db"} 0
`,
    });
  });
});

describe('status', () => {
  test('says what is unaccounted for, and since when', async () => {
    await given(...Array.from({ length: 5 }, () => ({ action: 'a', ts: '2026-01-01T00:00:00Z' })));
    expect(await ok(['status'])).toMatch(/^unaccounted +none$/m);
    expect(await ok(['status'])).toMatch(/^disk +\d.* free$/m);
    await ok(['prune', '--max-entries', '4', '--yes']);
    await plainly(`UPDATE daybook_prunes SET deleting = 1; DELETE FROM daybook_entries WHERE seq = 5;
      UPDATE daybook_prunes SET deleting = 0`);
    expect(await ok(['status', '--check'])).toMatch(/^unaccounted +1, fewer at entry 6$/m);
    expect(await cli(['status', '--check', '--strict'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^daybook: 1 numbers have neither an entry nor a prune/),
    });
  });

  test('--deep looks at the rules of entries too', async () => {
    await given({ action: 'a' });
    expect(await cli(['status', '--check', '--deep'])).toMatchObject({ code: 0, stderr: '' });
    const plain = new Database(await trail());
    plain.pragma('ignore_check_constraints = ON');
    plain.exec(`INSERT INTO daybook_entries (action, severity) VALUES ('a', 'FORGED')`);
    plain.close();
    const { code, stdout } = await cli(['status', '--check', '--deep', '--format', 'json'], {
      now: '2090-01-01T00:00:00Z',
    });
    expect(code).toBe(3);
    expect((JSON.parse(stdout) as { problems: { code: string }[] }).problems.map((problem) => problem.code)).toEqual([
      'corrupt',
    ]);
  });
});
