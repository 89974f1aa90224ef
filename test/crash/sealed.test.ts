import { copyFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { copyTrail, expectSound, makeTrail, sharedDirectory, timeOf, value } from '../end-to-end/trail.js';
import { run, start, temporaryDirectory } from '../support/program.js';
import { ROUNDS, startRounds } from './rounds.js';

// test/operations/killed.test.ts kills these at each of their steps; here a signal does it at any moment, by hand.
const BY_HAND = process.env['DAYBOOK_CRASH_ROUNDS'] !== undefined;

const ENTRIES = 5000;
const directory = sharedDirectory();

interface Verified {
  readonly verdict: string;
  readonly entries: Readonly<Record<'checked' | 'pruned' | 'unsealed', number>>;
  readonly findings: readonly { readonly code: string }[];
}

/** As somebody with every right on the database does. */
function remove(file: string, seq: number): void {
  const database = new Database(file);
  database.exec('DROP TRIGGER daybook_entries_append_only_delete');
  database.prepare('DELETE FROM daybook_entries WHERE seq = ?').run(seq);
  database.close();
}

describe.runIf(BY_HAND).each([
  ['a prune of a sealed trail', ['prune', '--before', timeOf(ENTRIES - 1000), '--yes']],
  ['seal rotate', ['seal', 'rotate']],
])('%s', (name, words) => {
  test(
    'that is killed at any moment is no fault, goes on, and hides nothing',
    async () => {
      const template = await makeTrail(directory, ENTRIES);
      const templateKey = path.join(temporaryDirectory(), 'template.seal');
      const made = await run(['--db', template, 'seal', 'init', '--force', '--seal-key', templateKey]);
      expect(made.code, made.stderr).toBe(0);
      const publicKey = made.stdout.trim();
      expect(await run(['--db', template, 'seal', '--seal-key', templateKey])).toMatchObject({ code: 0 });

      const scene = async (): Promise<{ file: string; key: string }> => {
        const folder = temporaryDirectory();
        const file = await copyTrail(template, folder);
        const key = path.join(folder, 'audit.seal');
        copyFileSync(templateKey, key);
        expect(await run(['--db', file, 'note', 'machine:1', 'not sealed yet'])).toMatchObject({ code: 0 });
        return { file, key };
      };
      const asked = ({ file, key }: { file: string; key: string }): string[] => [
        '--db',
        file,
        ...words,
        '--seal-key',
        key,
      ];
      const verified = async ({ file, key }: { file: string; key: string }): Promise<Verified> => {
        const found = await run(['--db', file, 'verify', '--key', publicKey, '--seal-key', key, '--format', 'json']);
        return JSON.parse(found.stdout) as Verified;
      };

      const first = await scene();
      const began = performance.now();
      const whole = await run(asked(first));
      expect(whole.code, whole.stderr).toBe(0);
      const rounds = startRounds(name, performance.now() - began);
      for (let round = 0; round < ROUNDS; round++) {
        const one = await scene();
        await rounds.kill(start(asked(one)));
        expectSound(one.file);
        const gone = value(one.file, 'SELECT coalesce(sum(deleted), 0) FROM daybook_prunes') as number;
        expect(await verified(one)).toMatchObject({ verdict: 'intact', entries: { pruned: gone }, findings: [] });
        // Somebody goes on: what was begun is finished, and all is sealed.
        const next = await run(['--db', one.file, 'seal', '--seal-key', one.key]);
        expect(next.code, next.stderr).toBe(0);
        expect(await verified(one)).toMatchObject({ verdict: 'intact', entries: { pruned: gone, unsealed: 0 } });
        const again = await run(asked(one));
        expect(again.code, again.stderr).toBe(0);
        if (round % 5 === 0) remove(one.file, ENTRIES);
        expect((await verified(one)).findings.map(({ code }) => code)).toEqual(round % 5 === 0 ? ['missing'] : []);
      }
      rounds.tellHits();
    },
    ROUNDS * 24_000,
  );
});
