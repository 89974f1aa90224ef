import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { copyTrail, countEntries, expectSound, makeTrail, sharedDirectory, value } from '../end-to-end/trail.js';
import { run, start, temporaryDirectory } from '../support/program.js';
import { ROUNDS, startRounds } from './rounds.js';

const ENTRIES = 12_000;

const shared = sharedDirectory();
let template: string;
const templateKey = (): string => path.join(path.dirname(template), 'template.seal');

beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

/** A copy of the sealed trail with its key, and what erases most of it. */
async function scene(): Promise<{ file: string; key: string; words: string[] }> {
  const directory = temporaryDirectory();
  const file = await copyTrail(template, directory);
  const key = path.join(directory, 'audit.seal');
  copyFileSync(templateKey(), key);
  const erase = [
    'erase',
    '--action',
    'door_opened,balance_settle',
    '--reason',
    'a request',
    '--yes',
    '--seal-key',
    key,
  ];
  return { file, key, words: ['--db', file, ...erase] };
}

interface Verified {
  readonly verdict: string;
  readonly entries: { readonly checked: number; readonly erased: number; readonly pruned: number };
}

test(
  'an erasure that is killed at any moment is covered for what went, and the next one goes on',
  async () => {
    const made = await run(['--db', template, 'seal', 'init', '--force', '--seal-key', templateKey()]);
    expect(made.code, made.stderr).toBe(0);
    const publicKey = made.stdout.trim();
    await run(['--db', template, 'seal', '--seal-key', templateKey()]);
    const first = await scene();
    const began = performance.now();
    const whole = await run(first.words);
    expect(whole.code, whole.stderr).toBe(0);
    const rounds = startRounds('erase', performance.now() - began);
    const all = value(first.file, 'SELECT count(*) FROM daybook_erased');
    expect(all).toBeGreaterThan(ENTRIES / 2);
    for (let round = 0; round < ROUNDS; round++) {
      const { file, key, words } = await scene();
      const verify = async (): Promise<Verified> => {
        const found = await run(['--db', file, 'verify', '--key', publicKey, '--seal-key', key, '--format', 'json']);
        expect(found.code, `${found.stdout}${found.stderr}`).toBe(0);
        return JSON.parse(found.stdout) as Verified;
      };
      await rounds.kill(start(words));
      expectSound(file);
      const erased = value(file, 'SELECT count(*) FROM daybook_erased') as number;
      expect(value(file, 'SELECT coalesce(sum(deleted), 0) FROM daybook_prunes')).toBe(erased);
      expect(await verify()).toMatchObject({ verdict: 'intact', entries: { erased, pruned: 0 } });
      const next = await run(words);
      expect(next.code, next.stderr).toBe(0);
      expect(await verify()).toMatchObject({ verdict: 'intact', entries: { erased: all, pruned: 0 } });
      expect(value(file, 'SELECT count(*) FROM daybook_erased')).toBe(all);
      const status = await run(['--db', file, 'status', '--format', 'json']);
      expect(JSON.parse(status.stdout)).toMatchObject({ unaccounted: { count: 0 } });
      expect(countEntries(file)).toBeGreaterThan(0);
    }
    rounds.tellHits();
  },
  ROUNDS * 24_000,
);
