import { execFileSync } from 'node:child_process';
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, json, ok, trail } from '../support/cli.js';

const ERASE = ['erase', '--actor', 'carol', '--reason', 'request 17'];

const people = (): Promise<void> =>
  given(
    { action: 'login', actor: 'carol', message: 'a secret of hers' },
    { action: 'login', actor: 'bob', message: 'told Carol' },
    { action: 'update', actor: 'carol', entity_type: 'machine', entity_id: '7' },
  );

describe('erase', () => {
  test('says what would go, and takes nothing unasked', async () => {
    await people();
    expect(await json([...ERASE, '--dry-run', '--format', 'json'])).toEqual({
      dry_run: true,
      erased: 2,
      held: 0,
      kept: 0,
      remaining: 2,
      signed: false,
      longest_lock_ms: 0,
      freed_bytes: 0,
      entry: null,
    });
    const { stderr, stdout } = await cli([...ERASE, '--dry-run']);
    expect(stdout).toBe('would erase 2 entries, and leave 2\n');
    expect(stderr).toMatch(/^would erase 2 entries\n {2}dated .*\n {2}actions: login 1, update 1\n {2}months: .*\n$/);
    expect(await cli(ERASE)).toMatchObject({ code: 7 });
    const no = await cli(ERASE, { terminal: true, input: 'n\n' });
    expect(no).toMatchObject({ code: 7, stderr: expect.stringContaining('not confirmed') as string });
    expect(await ok(['count'])).toBe('3\n');
    expect(await cli(ERASE, { terminal: true, input: 'y\n' })).toMatchObject({ code: 0 });
    expect(await ok(['count'])).toBe('2\n');
  });

  test.each([
    ['no filter', ['erase', '--reason', 'r', '--yes'], 'erase needs a filter'],
    ['no reason', ['erase', '--actor', 'carol', '--yes'], "required option '--reason <text>'"],
    ['an empty reason', ['erase', '--actor', 'carol', '--reason', ' ', '--yes'], '--reason must not be empty'],
    [
      'a reason that names whom',
      ['erase', '--actor', 'carol', '--reason', 'of Carol', '--yes'],
      '--reason names "carol"',
    ],
    ['themselves', ['--as', 'carol', ...ERASE, '--yes'], 'the entry that tells of the erasure would be by "carol"'],
  ])('%s: is wrong usage', async (_what, words, says) => {
    await people();
    expect(await cli(words)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) as string });
    expect(await ok(['count'])).toBe('3\n');
  });

  test('is refused where a hold keeps one of the entries', async () => {
    await people();
    await ok(['hold', 'place', 'case', '--entity', 'machine:7', '--reason', 'court']);
    expect(await cli([...ERASE, '--yes'])).toMatchObject({
      code: 7,
      stderr: expect.stringContaining(
        'holds keep 1 entry of these: nothing was erased\ntry: daybook hold list',
      ) as string,
    });
    const { code, stderr } = await cli([...ERASE, '--dry-run']);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing can be erased') as string,
    });
    expect(await ok(['count'])).toBe('4\n');
  });

  test('leaves what others answer to', async () => {
    await people();
    await ok(['revert', '1', '--reason', 'wrong', '--as', 'bob']);
    const { stderr } = await cli([...ERASE, '--yes']);
    expect(stderr).toContain('entries of others may mention carol: daybook history --search carol\n');
    expect(stderr).toContain('exports, archives and backups keep what they have until they expire\n');
    expect(await json(['show', '1', '--format', 'json'])).toMatchObject({ seq: 1, action: 'login', erased_by: 5 });
    expect(await ok(['show', '1'])).toContain('erased      yes: entry 5 tells why\n');
    expect(await cli(['revert', '1', '--reason', 'r'])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^daybook: entry 1 was erased\ntry: daybook .*show 5\n$/) as string,
    });
    expect(await json(['show', '4', '--format', 'json'])).toMatchObject({ action: 'revert', actor: 'bob' });
    expect(await ok(['history', '--format', 'line'])).toMatch(
      /#3 \(erased\) update machine erased: entry 5 tells why\n/,
    );
    expect(await json(['history', '--format', 'json'])).toMatchObject({
      entries: [{ seq: 5 }, { seq: 4 }, { seq: 2 }],
    });
    const told = await json(['show', '5', '--format', 'json']);
    expect(JSON.stringify(told)).not.toContain('carol');
    expect(told).toMatchObject({ metadata: { criteria: 'actor', deleted: 2, reason: 'request 17' } });
    expect(await json(['status', '--strict', '--format', 'json'])).toMatchObject({
      unaccounted: { count: 0 },
      last_prune: null,
      problems: [],
    });
    expect(await cli(['report', 'case', 'machine:7'])).toMatchObject({ code: 4 });
  });

  test('and nothing of it is in the file once it is made anew by the command that is told', async () => {
    await people();
    const { stderr } = await cli([...ERASE, '--yes']);
    const [, vacuum] = / (sqlite3 .*\)') makes/.exec(stderr) ?? [];
    execFileSync('sh', ['-c', vacuum ?? 'false']);
    const file = await trail();
    expect(readFileSync(file).includes('a secret of hers')).toBe(false);
    expect(readFileSync(file).includes('told Carol')).toBe(true);
  });

  test('state does not guess what erased changes said', async () => {
    const app = new Database(await trail());
    app.exec('CREATE TABLE machines (id INTEGER PRIMARY KEY, site TEXT); CREATE TABLE others (id INTEGER PRIMARY KEY)');
    await ok(['capture', 'add', 'machines', 'others']);
    await ok(['exec', "INSERT INTO machines VALUES (1, 'hall'); INSERT INTO others VALUES (1)", '--as', 'carol']);
    await ok(['exec', "UPDATE machines SET site = 'yard'", '--as', 'bob']);
    app.close();
    const before = await json(['state', 'machines:1', '--at-entry', '3', '--format', 'json']);
    expect(before).toMatchObject({ exists: true, values: { site: 'hall' } });
    await ok([...ERASE, '--entity', 'machines', '--yes']);
    expect(await json(['state', 'machines:1', '--format', 'json'])).toMatchObject({ values: { site: 'yard' } });
    // The update that is left tells what was before it, and nothing tells of the time before that.
    const back = await json(['state', 'machines:1', '--at-entry', '2', '--format', 'json']);
    expect(back).toMatchObject({ exists: null });
    // Of other types it took nothing, and they know what they knew.
    expect(await json(['state', 'others:1', '--at-entry', '2', '--format', 'json'])).toMatchObject({ exists: false });
  });

  test('tells of the mirrors that may still show it', async () => {
    const app = new Database(await trail());
    app.exec('CREATE TABLE machines (id INTEGER PRIMARY KEY, notes TEXT); INSERT INTO machines VALUES (7, NULL)');
    app.close();
    await ok(['mirror', 'add', 'machines.notes', '--entity-type', 'machine', '--key', 'id']);
    await ok(['note', 'machine:7', 'of hers', '--as', 'carol']);
    const { stderr } = await cli([...ERASE, '--yes']);
    expect(stderr).toContain('machines.notes shows entries, and may still show these');
    // What the column has more is no fault of it.
    expect(await cli(['mirror', 'check'])).toMatchObject({ code: 0 });
  });

  test('of a sealed trail is signed, or said not to be', async () => {
    await people();
    const key = inTestDirectory('audit.seal');
    const line = (await ok(['seal', 'init', '--force', '--seal-key', key])).trim();
    await ok(['seal', '--seal-key', key]);
    const signed = await json([...ERASE, '--yes', '--seal-key', key, '--format', 'json']);
    expect(signed).toMatchObject({ erased: 2, signed: true });
    const verified = await json(['verify', '--key', line, '--seal-key', key, '--format', 'json']);
    expect(verified).toMatchObject({ verdict: 'intact', entries: { erased: 2, pruned: 0 } });
    const { stderr } = await cli(['erase', '--actor', 'bob', '--reason', 'r', '--yes']);
    expect(stderr).toContain('the key file is not at hand: verify will say pruned-unattested of what goes\n');
    expect(await cli(['verify', '--key', line])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('pruned-unattested') as string,
    });
  });
});
