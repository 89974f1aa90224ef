import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cli, given, inTestDirectory, ok } from '../support/cli.js';

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
