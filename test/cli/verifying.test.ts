import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cli, given, inTestDirectory, ok } from '../support/cli.js';
import { writeTimestamp } from './every-command.js';

const KEY = (): string[] => ['--seal-key', inTestDirectory('trail.seal')];

test('verify says in words that nothing is sealed, before seal init and after it', async () => {
  await given({ action: 'a' });
  const unsealed = async (): Promise<void> => {
    const { code, stdout, stderr } = await cli(['verify', ...KEY()]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^not intact: no entry is sealed\n/);
    expect(stderr).toMatch(/^daybook: nothing in \S+ is sealed\n$/);
  };
  await unsealed();
  await cli(['seal', 'init', '--force', '--origin', 'example.com/a', ...KEY()]);
  await unsealed();
});

test('verify counts one seal and several', async () => {
  await given({ action: 'a' });
  const publicKey = (await ok(['seal', 'init', '--force', '--origin', 'example.com/a', ...KEY()])).trim();
  await cli(['seal', ...KEY()]);
  expect((await cli(['verify', ...KEY()])).stdout).toContain('0 not sealed yet, 1 seal checked\n');
  await given({ action: 'b' });
  await cli(['seal', ...KEY()]);
  const { stdout } = await cli(['verify', ...KEY(), '--key', publicKey]);
  expect(stdout).toMatch(/^intact: 3 entries sealed up to 2026-/);
  expect(stdout).toContain('0 not sealed yet, 2 seals checked\n');
});

test('a checkpoint that says no time is not sealed up to never', async () => {
  await given({ action: 'a' });
  const publicKey = (await ok(['seal', 'init', '--force', '--origin', 'example.com/a', ...KEY()])).trim();
  await cli(['seal', ...KEY()]);
  const [head, signatures = ''] = (await ok(['seal', 'list'])).split('\n\n');
  const untimed = inTestDirectory('untimed');
  writeFileSync(untimed, `${head}\n\n${signatures.split('\n')[0]}\n`);
  const { code, stdout } = await cli(['verify', untimed, '--key', publicKey]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^intact: 2 entries sealed, by the key that you gave\n/);
});

test('verify names a file that is not there, also without a key', async () => {
  await given({ action: 'a' });
  const { code, stderr } = await cli(['verify', inTestDirectory('none')]);
  expect(stderr).toContain('there is no such file');
  expect(code).toBe(6);
});

test.each([
  [1, 'holds keep 1 entry that would go as well'],
  [2, 'holds keep 2 entries that would go as well'],
])('prune says in words that holds keep %i of what is due', async (count, words) => {
  const held = { entity_type: 'machine', entity_id: '7', ts: '2020-01-01T00:00:00Z' };
  await given(...Array.from({ length: count }, (_, n) => ({ action: 'a', id: `held-${n}`, ...held })));
  await ok(['hold', 'place', 'case-17', '--entity', 'machine:7', '--reason', 'court file']);
  const { stderr } = await cli(['prune', '--before', '2021', '--dry-run']);
  expect(stderr.split('\n')).toContain(words);
});

test('seal list names on a terminal what others said of a seal, and elsewhere prints signed notes alone', async () => {
  await given({ action: 'a' });
  await cli(['seal', 'init', '--force', '--origin', 'example.com/a', ...KEY()]);
  await cli(['seal', ...KEY()]);
  const notes = await ok(['seal', 'list']);
  expect(await ok(['seal', 'list'], { terminal: true })).toBe(notes);
  await writeTimestamp();
  await ok(['seal', 'anchor', '--add', inTestDirectory('seal.ots')]);
  expect(await ok(['seal', 'list'])).toBe(notes);
  const anchor = 'anchor: file of OpenTimestamps of the seal over 2 entries';
  expect(await ok(['seal', 'list'], { terminal: true })).toBe(`${notes}\n${anchor}\n`);
});

test('seal status says in words how the key file stands to the database', async () => {
  await given({ action: 'a' });
  const [, file = ''] = KEY();
  await cli(['seal', 'init', '--force', '--origin', 'example.com/a', ...KEY()]);
  await cli(['seal', ...KEY()]);
  const keyFile = async (): Promise<string | undefined> =>
    /^key file +(.*)$/m.exec(await ok(['seal', 'status', ...KEY()]))?.[1];
  expect(await keyFile()).toBe(`${file}, has signed what the database holds`);
  const old = readFileSync(file);
  await given({ action: 'b' });
  await cli(['seal', ...KEY()]);
  writeFileSync(file, old);
  expect(await keyFile()).toBe(`${file}, is an old copy`);
});

test('status, manifests and backups name the active holds, and status says whose time has passed', async () => {
  await given({ action: 'a' });
  const manifest = inTestDirectory('manifest.json');
  const named = async (): Promise<unknown> => {
    await ok(['export', '-o', inTestDirectory('all.csv'), '--manifest', manifest, '--force']);
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { holds: unknown }).holds;
  };
  const backedUp = async (): Promise<string> => (await cli(['backup', inTestDirectory('copy.db'), '--force'])).stderr;
  expect(await named()).toEqual([]);
  expect(await backedUp()).not.toContain('held');
  await ok(['hold', 'place', 'case-17', '--entity', 'machine:7', '--reason', 'court', '--until', '2026-03-04']);
  await ok(['hold', 'place', 'case-18', '--reason', 'court', '--until', '2026-04-04']);
  await ok(['hold', 'place', 'case-19', '--reason', 'court']);
  expect(await named()).toEqual(['case-17', 'case-18', 'case-19']);
  expect(await backedUp()).toContain('the trail is held: case-17, case-18, case-19 (daybook hold list)\n');
  const { holds } = JSON.parse(await ok(['status', '--format', 'json'])) as { holds: unknown };
  expect(holds).toEqual([
    { name: 'case-17', until: expect.stringMatching(/^2026-03-0/) as string, passed: true, binds: true },
    { name: 'case-18', until: expect.stringMatching(/^2026-04-0/) as string, passed: false, binds: true },
    { name: 'case-19', until: null, passed: false, binds: true },
  ]);
  const told = await ok(['status']);
  expect(told).toMatch(/hold case-17 +until 2026-03-\S+, which has passed: it binds until it is released\n/);
  expect(told).toMatch(/hold case-19 +until it is released\n/);
});

test('seal --accept-inserted asks for a reason that says something', async () => {
  await given({ action: 'a' });
  for (const reason of [[], ['--reason', ''], ['--reason', ' \t']]) {
    expect(await cli(['seal', '--accept-inserted', ...reason])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('takes a reason') as string,
    });
  }
});
