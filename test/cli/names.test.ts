import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { capturedChange } from '../support/captured.js';
import { cli, fromLines, given, inTestDirectory, json, ndjson, ok, trail } from '../support/cli.js';

interface Shown {
  readonly seq: number;
  readonly actor: string;
  readonly actor_name: string | null;
}

async function seqs(...words: readonly string[]): Promise<number[]> {
  const found = await ndjson<Shown>(['history', '--oldest-first', '--action', 'a', '--format', 'ndjson', ...words]);
  return found.map(({ seq }) => seq);
}

/** Four entries, of which the first two tell of times before anybody had a name; seqs 1 to 4. */
beforeEach(async () => {
  await given(
    { action: 'a', actor: 'u-42' },
    { action: 'a', actor: 'u-7' },
    { action: 'a', actor: 'u-42', actor_name: 'I. Moreau' },
    { action: 'a', actor: 'Carl' },
  );
  await ok(['actors', 'set', 'u-42', '--name', 'Ines Moreau']);
  await ok(['actors', 'set', 'u-7', '--name', 'Anna']);
});

describe('--actor', () => {
  test('finds by id and by exact name, any of several, and excludes with --not', async () => {
    expect(await seqs('--actor', 'u-42')).toEqual([1, 3]);
    expect(await seqs('--actor', 'Ines Moreau')).toEqual([1, 3]);
    expect(await seqs('--actor', 'Ines Moreau', '--actor', 'u-7', '--actor', 'u-42')).toEqual([1, 2, 3]);
    expect(await seqs('--not', 'actor=Ines Moreau')).toEqual([2, 4]);
    expect(await seqs('--not', 'actor=Ines Moreau', '--not', 'actor=Anna')).toEqual([4]);
    expect(await seqs('--actor', 'ines moreau')).toEqual([]);
    expect(await seqs('--actor', 'nobody')).toEqual([]);
  });

  test('takes what any entry or the directory has as an id for that, whoever is called so', async () => {
    await ok(['actors', 'set', 'u-8', '--name', 'Carl']);
    await ok(['actors', 'set', 'u-9', '--name', 'u-8']);
    await given({ action: 'a', actor: 'u-8' }, { action: 'a', actor: 'u-9' });
    expect(await seqs('--actor', 'Carl')).toEqual([4]);
    expect(await ok(['count', '--action', 'a', '--actor', 'u-8'])).toBe('1\n');
  });

  test('a name of several is wrong usage, with the ids and a command that shows them', async () => {
    await ok(['actors', 'set', 'u-8', '--name', 'Anna']);
    for (const words of [
      ['--actor', 'Anna'],
      ['--not', 'actor=Anna'],
    ]) {
      expect(await cli(['count', ...words])).toEqual({
        code: 2,
        stdout: '',
        stderr: `daybook: "Anna" is the name of 2 actors: say which by id (u-7, u-8)\ntry: daybook actors list --name Anna\n`,
      });
    }
    for (let n = 10; n < 20; n++) await ok(['actors', 'set', `v-${n}`, '--name', 'Anna']);
    expect((await cli(['count', '--actor', 'Anna'])).stderr).toContain('v-17 and 2 more)');
  });

  test('a name of several stops every command with filters, before anything happens', async () => {
    await ok(['actors', 'set', 'u-8', '--name', 'Anna']);
    const before = await ok(['count']);
    const file = inTestDirectory('e.ndjson');
    for (const words of [
      ['history'],
      ['history', '--follow'],
      ['history', 'a:1', '--states'],
      ['values', 'actor'],
      ['changes', '--field', 'price'],
      ['export', '-o', file],
      ['export', '--checkpoint', 'c'],
      ['prune', '--before', 'now', '--yes'],
      ['retention', 'set', 'anna', '--max-age', '1y'],
      ['revert', '--apply', '--reason', 'x'],
      ...['actors', 'actions', 'entities', 'scopes', 'fields', 'severities'].map((report) => ['report', report]),
      ['report', 'timeline'],
      ['report', 'bursts'],
      ['report', 'bursts', '--html', file],
    ]) {
      for (const who of [
        ['--actor', 'Anna'],
        ['--not', 'actor=Anna'],
      ]) {
        const { code, stdout, stderr } = await cli([...words, ...who], { now: '2026-03-06T00:00:00Z' });
        expect({ code, stdout }, words.join(' ')).toEqual({ code: 2, stdout: '' });
        expect(stderr).toContain('"Anna" is the name of 2 actors: say which by id (u-7, u-8)');
      }
    }
    expect(existsSync(file)).toBe(false);
    expect(await ok(['count'])).toBe(before);
    expect(await json(['retention', 'list', '--format', 'json'])).toEqual({ policies: [] });
  });

  test('is the same on every command with filters', async () => {
    const who = ['--actor', 'Ines Moreau'];
    expect(await ok(['count', '--action', 'a', ...who])).toBe('2\n');
    expect(await ok(['values', 'actor', ...who])).toBe('2\tu-42\n');
    expect(fromLines(await ok(['export', '--columns', 'seq', ...who]))).toEqual([{ seq: 1 }, { seq: 3 }]);
    const prune = ['prune', '--before', 'now', '--dry-run', '--format', 'json', ...who];
    expect(await json(prune, { now: '2026-03-06T00:00:00Z' })).toMatchObject({ deleted: 2 });
    expect(await ok(['history', '--explain', ...who])).toContain('parameters: ["u-42"');
    for (const report of ['actors', 'actions', 'severities']) {
      const counted = await json(['report', report, '--action', 'a', '--format', 'json', ...who]);
      expect(counted, report).toMatchObject({ total: 2, filter: { actor: ['u-42'] } });
    }
    const timeline = await json<{ rows: { count: number }[] }>(['report', 'timeline', '--format', 'json', ...who]);
    expect(timeline.rows.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    const bursts = await json(['report', 'bursts', '--more-than', '1', '--format', 'json', ...who]);
    expect(bursts).toMatchObject({ rows: [{ actor: 'u-42', count: 2 }] });
    expect(await json(['report', 'unattributed', '--not', 'actor=Anna', '--format', 'json'])).toMatchObject({
      total: 0,
    });
    await capturedChange(await trail());
    await ok(['exec', 'UPDATE prices SET price = 2', '--as', 'u-42']);
    const [changed = '', ...others] = (await ok(['changes', '--field', 'price', ...who])).trimEnd().split('\n');
    expect(changed).toContain(' u-42 ');
    expect(others).toEqual([]);
    const undo = await ok(['revert', '--apply', '--dry-run', '--reason', 'x', '--entity', 'prices', ...who]);
    expect(undo).toContain('UPDATE');
  });

  test('becomes an id before anything is kept: policies, manifests and accounts of prunes', async () => {
    const who = ['--actor', 'Ines Moreau', '--not', 'actor=Anna'];
    const filter = { actor: ['u-42'], not: { actor: ['u-7'] } };
    await ok(['retention', 'set', 'ines', '--max-age', '1y', ...who]);
    expect(await json(['retention', 'list', '--format', 'json'])).toMatchObject({ policies: [{ filter }] });
    const [file, manifest] = ['e.ndjson', 'm.json'].map(inTestDirectory) as [string, string];
    await ok(['export', '-o', file, '--manifest', manifest, ...who]);
    expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({ filter, count: 2 });
    await ok(['actors', 'set', 'u-42', '--name', 'Ines Arriaga']);
    expect(await json(['retention', 'list', '--format', 'json'])).toMatchObject({ policies: [{ filter }] });
  });

  test('goes on with its cursor, by the name or by the id', async () => {
    const page = (...words: string[]): Promise<{ entries: Shown[]; next_cursor: string | null }> =>
      json(['history', '--action', 'a', '-n', '1', '--format', 'json', ...words]);
    const first = await page('--actor', 'Ines Moreau');
    const cursor = ['--cursor', first.next_cursor ?? ''];
    expect(first.entries.map(({ seq }) => seq)).toEqual([3]);
    for (const name of ['Ines Moreau', 'u-42']) {
      const second = await page('--actor', name, ...cursor);
      expect(second.entries.map(({ seq }) => seq)).toEqual([1]);
      expect(second.next_cursor).toBeNull();
    }
    // The name has come to mean somebody else: that is another question, and the id goes on with the first.
    await ok(['actors', 'set', 'u-42', '--name', 'Ines Arriaga']);
    await ok(['actors', 'set', 'u-7', '--name', 'Ines Moreau']);
    expect(await cli(['history', '--action', 'a', '-n', '1', '--actor', 'Ines Moreau', ...cursor])).toMatchObject({
      code: 2,
      stdout: '',
    });
    expect((await page('--actor', 'u-42', ...cursor)).entries.map(({ seq }) => seq)).toEqual([1]);
  });

  test('belongs to a checkpoint by its id', async () => {
    const run = (actor: string): Promise<{ code: number; stdout: string }> =>
      cli(['export', '--checkpoint', 'c', '--columns', 'seq', '--actor', actor]);
    expect(fromLines((await run('Ines Moreau')).stdout)).toEqual([{ seq: 1 }, { seq: 3 }]);
    expect(await run('u-42')).toMatchObject({ code: 0, stdout: '' });
    await ok(['actors', 'set', 'u-42', '--name', 'Ines Arriaga']);
    expect(await run('Ines Arriaga')).toMatchObject({ code: 0, stdout: '' });
    expect(await run('Ines Moreau')).toMatchObject({ code: 2 });
  });

  test('what else is wrong with a filter is told first, without a database', async () => {
    const db = inTestDirectory('none.db');
    expect(await cli(['count', '--actor', 'x', '--severity', 'bad'], { db })).toMatchObject({ code: 2 });
    expect(await cli(['count', '--actor', ''], { db })).toMatchObject({ code: 2 });
    expect(await cli(['count', '--actor', 'x'], { db })).toMatchObject({ code: 4 });
  });
});

test('what daybook records of itself takes the name of who ran it along', async () => {
  await ok(['prune', '--before', 'now', '--action', 'a', '--yes', '--as', 'u-7'], { now: '2026-03-06T00:00:00Z' });
  await ok(['retention', 'set', 'p', '--max-age', '1y', '--as', 'u-7']);
  await ok(['note', 'a:1', 'x', '--as', 'u-7']);
  const entries = await ndjson<Shown>(['history', '--actor', 'Anna', '--format', 'ndjson']);
  expect(entries.map(({ actor_name: name }) => name)).toEqual(['Anna', 'Anna', 'Anna']);
});

describe('names that are shown', () => {
  const table = async (...words: readonly string[]): Promise<string> =>
    ok(['history', '--action', 'a', '--color', 'never', ...words], { terminal: true, columns: 140 });

  test('in a table are those of then, else those of the directory', async () => {
    const rows = (await table()).split('\n');
    const row = (seq: number): string => rows.find((line) => line.trimStart().startsWith(`${seq} `)) ?? '';
    expect(row(1)).toContain('Ines Moreau');
    expect(row(2)).toContain('Anna');
    expect(row(3)).toContain('I. Moreau');
    expect(row(4)).toContain('Carl');
    await ok(['actors', 'remove', 'u-42']);
    expect(await table()).not.toContain('Ines');
  });

  test('in columns that were asked for, lines and formats for programs are those that were recorded', async () => {
    const names = [null, null, 'I. Moreau', null];
    expect(await table('--columns', 'actor_name')).not.toContain('Ines');
    const entries = await ndjson<Shown>(['history', '--oldest-first', '--action', 'a', '--format', 'ndjson']);
    expect(entries.map((entry) => entry.actor_name)).toEqual(names);
    const exported = fromLines<Shown>(await ok(['export', '--action', 'a']));
    expect(exported.map((entry) => entry.actor_name)).toEqual(names);
    for (const format of ['line', 'csv', 'json', 'ndjson']) {
      for (const terminal of [true, false]) {
        const out = await ok(['history', '--action', 'a', '--format', format], { terminal });
        expect(out, `${format} ${terminal}`).not.toContain('Ines Moreau');
        expect(out, `${format} ${terminal}`).toContain('I. Moreau');
      }
    }
  });

  test('stand with the changes of a field, and with the states of a row', async () => {
    await capturedChange(await trail());
    await ok(['exec', 'UPDATE prices SET price = 2', '--as', 'u-9']);
    await ok(['actors', 'set', 'u-9', '--name', 'Tomás']);
    await ok(['exec', 'UPDATE prices SET price = 3', '--as', 'u-9']);
    await ok(['actors', 'set', 'u-9', '--name', 'Tomás Keller']);
    const terminal = { terminal: true, columns: 140 };
    const changes = ['changes', '--field', 'price', '--color', 'never'];
    const [, first, second] = (await ok(changes, terminal)).split('\n');
    expect(first).toMatch(/ Tomás Keller .* 1\.5 +2\.0/);
    expect(second).toMatch(/ Tomás .* 2\.0 +3\.0/);
    const states = ['history', 'prices:tea', '--states', '--color', 'never'];
    const said = await ok(states, terminal);
    expect(said).toContain('update by Tomás Keller\n');
    expect(said).toContain('update by Tomás\n');
    expect(said).toContain('create by unknown\n');
    for (const words of [changes, states]) {
      expect(await ok(words)).not.toContain('Tomás');
      for (const format of ['json', 'ndjson']) {
        const out = await ok([...words, '--format', format], terminal);
        expect(out, format).toContain('"actor":"u-9"');
        expect(out, format).not.toContain('Tomás');
        expect(out, format).not.toContain('actor_name');
      }
    }
    expect(await ok([...changes, '--format', 'csv'])).not.toContain('Tomás');
  });

  test('stand with what exec would record', async () => {
    await capturedChange(await trail());
    const plain = "INSERT INTO daybook_entries (action, actor) VALUES ('a', 'u-42')";
    const sql = `UPDATE prices SET price = 2; ${plain}`;
    const rehearse = ['exec', '--dry-run', sql, '--as', 'u-7', '--color', 'never'];
    // Only what a program inserts by itself may be without the name that the directory has.
    const shown = await ok(rehearse, { terminal: true, columns: 140 });
    expect([shown.includes(' Anna '), shown.includes(' Ines Moreau ')]).toEqual([true, true]);
    const lines = await ok(rehearse);
    expect([lines.includes(' Anna '), lines.includes(' Ines Moreau ')]).toEqual([true, false]);
    const { would_record: entries } = await json<{ would_record: Shown[] }>([...rehearse, '--format', 'json']);
    expect(entries.map(({ actor_name: name }) => name)).toEqual(['Anna', null]);
  });

  test('of one entry are told apart', async () => {
    expect(await ok(['show', '1'])).toMatch(/^actor +u-42\nname now +Ines Moreau\nactor_type/m);
    expect(await ok(['show', '3'])).toMatch(/^actor +u-42\nactor_name +I\. Moreau\nactor_type/m);
    expect(await ok(['show', '4'])).not.toContain('name now');
    expect(await json<Shown>(['show', '1', '--format', 'json'])).toMatchObject({ actor_name: null });
    const around = await ok(['show', '2', '--around', '1', '--color', 'never'], { terminal: true, columns: 140 });
    expect(around).toMatch(/ 1 {2}2026.*Ines Moreau/);
    expect(await ok(['show', '2', '--around', '1'])).toContain('#1 u-42');
  });

  test('stand beside the actors that values lists on a terminal', async () => {
    const values = ['values', 'actor', '--action', 'a', '--color', 'never'];
    expect(await ok(values, { terminal: true })).toBe(
      'count  actor  name\n    2  u-42   Ines Moreau\n    1  Carl\n    1  u-7    Anna\n',
    );
    expect(await ok(values)).toBe('2\tu-42\n1\tCarl\n1\tu-7\n');
    expect(await ok(['values', 'actor', '--actor', 'Carl', '--color', 'never'], { terminal: true })).toBe(
      'count  actor\n    1  Carl\n',
    );
  });

  test('are safe on a terminal', async () => {
    await ok(['actors', 'set', 'Carl', '--name', 'a\u001b[2J\u202eb\nc']);
    for (const out of [await table(), await ok(['show', '4'], { terminal: true })]) {
      for (const hidden of ['\u001b[2J', '\u202e', 'b\nc']) expect(out).not.toContain(hidden);
    }
  });
});
