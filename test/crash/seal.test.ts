import { copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { copyTrail, expectSound, makeTrail, sharedDirectory } from '../end-to-end/trail.js';
import { run, start, temporaryDirectory } from '../support/program.js';
import { ROUNDS, startRounds } from './rounds.js';

const ENTRIES = 12_000;

const shared = sharedDirectory();
let template: string;
const templateKey = (): string => path.join(path.dirname(template), 'template.seal');

beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

/** A copy of the trail with its key. */
async function scene(): Promise<{ file: string; key: string }> {
  const directory = temporaryDirectory();
  const file = await copyTrail(template, directory);
  const key = path.join(directory, 'audit.seal');
  copyFileSync(templateKey(), key);
  return { file, key };
}

test(
  'a seal that is killed at any moment is no fault, and the next one goes on',
  async () => {
    const made = await run(['--db', template, 'seal', 'init', '--force', '--seal-key', templateKey()]);
    expect(made.code, made.stderr).toBe(0);
    const publicKey = made.stdout.trim();
    const { file: first, key: firstKey } = await scene();
    const began = performance.now();
    expect(await run(['--db', first, 'seal', '--seal-key', firstKey])).toMatchObject({ code: 0 });
    const rounds = startRounds('seal', performance.now() - began);
    for (let round = 0; round < ROUNDS; round++) {
      const { file, key } = await scene();
      const words = ['--db', file, 'seal', '--seal-key', key];
      await rounds.kill(start(words));
      expectSound(file);
      expect(existsSync(key)).toBe(true);
      const verify = (): ReturnType<typeof run> =>
        run(['--db', file, 'verify', '--key', publicKey, '--seal-key', key, '--format', 'json']);
      const after = await verify();
      const { findings } = JSON.parse(after.stdout) as { findings: { code: string }[] };
      // Until the first seal is kept there is none.
      if (after.code !== 0) expect(findings.map(({ code }) => code)).toEqual(['never-sealed']);
      const next = await run(words);
      expect(next.code, next.stderr).toBe(0);
      const found = await verify();
      expect(found.code, found.stderr).toBe(0);
      expect(JSON.parse(found.stdout)).toMatchObject({
        verdict: 'intact',
        entries: { checked: ENTRIES + 1, unsealed: 0 },
      });
    }
    rounds.tellHits();
  },
  ROUNDS * 24_000,
);
