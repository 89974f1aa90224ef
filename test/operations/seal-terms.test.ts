import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { signedCheckpoint } from '../../src/core/evidence/checkpoint.js';
import { rootOf } from '../../src/core/evidence/tree.js';
import { readSealKey } from '../../src/operations/seal-key.js';
import { resumeSeals, rotateKey } from '../../src/operations/seal-terms.js';
import { sealStatus } from '../../src/operations/seal-status.js';
import { seal } from '../../src/operations/seal.js';
import { verifyTrail } from '../../src/operations/verify-trail.js';
import { ACTOR, NOW, numbered, recordAll, sqliteTrail } from '../store/trail.js';
import { ENGINES, ORIGIN, restoredFrom, sealedTrail } from './sealed.js';
import type { Sealed, SealedTrail } from './sealed.js';

const rotate = ({ store, key }: Sealed): Promise<{ key: string; note: string }> =>
  rotateKey(store, key(), { now: NOW, actor: ACTOR });

describe.each(ENGINES)('a key that was handed over in %s', (_engine, makeTrail) => {
  test('leads to the next: the first public key is enough, and the old private one is gone', async () => {
    const sealed = await makeTrail(300);
    const old = sealed.key();
    await rotate(sealed);
    await sealed.record(10);
    await sealed.seal();
    await rotate(sealed);
    await sealed.record(10);
    await sealed.seal();
    expect(readFileSync(sealed.keyPath, 'utf8')).not.toContain(old.privateKey.toString('base64'));
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', key: { pinned: true }, findings: [] });
    expect(await sealed.found({ pinned: sealed.key().key })).toEqual(['intact']);
    expect((await sealStatus(sealed.store, sealed.key())).terms.map(({ from, to }) => [from, to])).toEqual([
      [0, 300],
      // The entry of the first handover is sealed with those behind it.
      [300, 311],
      [311, null],
    ]);
  });

  test('signs nothing outside its term', async () => {
    const sealed = await makeTrail(300);
    const old = sealed.key();
    await rotate(sealed);
    await sealed.record(9);
    await sealed.seal();
    const { signed } = sealed.key();
    const root = rootOf(signed?.frontier ?? { size: 0, nodes: [] });
    const note = signedCheckpoint({ origin: ORIGIN, size: 310, root }, old.privateKey, old.key, NOW / 1000);
    await sealed.tamper('UPDATE daybook_seals SET note = ? WHERE size = 310', note);
    expect(await sealed.found()).toEqual(['found', 'wrong-term']);
    expect(await sealed.found({ checkpoints: [{ name: 'paper', text: note }] })).toContain('wrong-term');
  });

  test.each([
    ['is dropped', 'DELETE FROM daybook_seal_keys', ['bad-signature']],
    ['is edited', `UPDATE daybook_seal_keys SET note = replace(note, 'size 300', 'size 301')`, ['bad-seal']],
    ['is moved', 'UPDATE daybook_seal_keys SET size = 200', ['bad-seal']],
    ['is none', `UPDATE daybook_seal_keys SET note = 'none'`, ['bad-seal', 'never-sealed']],
  ])('whose handover %s is found out', async (_what, sql, codes) => {
    const sealed = await makeTrail(300);
    await rotate(sealed);
    await sealed.record(9);
    await sealed.seal();
    await sealed.tamper(sql);
    const [verdict, ...found] = await sealed.found();
    expect(verdict).toBe('found');
    expect(found).toEqual(expect.arrayContaining(codes));
  });

  test('and was cut off is finished by the next seal', async () => {
    const sealed = await makeTrail(300);
    const { putHandover } = sealed.store;
    sealed.store.putHandover = async () => {
      throw new Error('killed');
    };
    await expect(rotate(sealed)).rejects.toThrow('killed');
    sealed.store.putHandover = putHandover;
    expect(await sealed.found()).toEqual(['intact']);
    const handed = readFileSync(sealed.keyPath, 'utf8');
    await sealed.record(1);
    await sealed.seal();
    expect(sealed.key().handover).toBeNull();
    // Also where it was kept, and only the file was not.
    writeFileSync(
      sealed.keyPath,
      readFileSync(sealed.keyPath, 'utf8').replace(
        /\n}\n$/,
        `,\n  "handover": ${JSON.stringify((JSON.parse(handed) as { handover: object }).handover)}\n}\n`,
      ),
    );
    expect(sealed.key().handover).not.toBeNull();
    await sealed.record(1);
    await sealed.seal();
    expect(await sealed.found()).toEqual(['intact']);
    expect((await sealed.store.sealState()).handovers).toHaveLength(1);
  });
});

test('a key is not handed over where nothing is sealed', async () => {
  const { store } = await sqliteTrail();
  const { key } = await sealedTrail(1);
  await expect(rotateKey(store, key(), { now: NOW, actor: ACTOR })).rejects.toMatchObject({ kind: 'missing' });
});

describe('a restored database', () => {
  async function restored(): Promise<{ sealed: SealedTrail; old: Awaited<ReturnType<typeof sqliteTrail>> }> {
    const sealed = await sealedTrail(300);
    await sealed.seal();
    await sealed.store.backup(path.join(sealed.trail.directory, 'old.db'));
    await sealed.record(50);
    await sealed.seal();
    return { sealed, old: await restoredFrom(path.join(sealed.trail.directory, 'old.db')) };
  }

  test('goes on under a new name, and verify says so always', async () => {
    const { sealed, old } = await restored();
    const paper = sealed.key().signed?.note ?? '';
    const { store } = old;
    await resumeSeals(store, sealed.key(), { origin: 'example.com/audit-2', reason: 'disk', actor: ACTOR });
    await recordAll(store, numbered(20));
    await seal(store, readSealKey(sealed.keyPath), { now: NOW });
    const request = {
      subject: 'a',
      now: NOW,
      grace: 1e9,
      strict: false,
      pinned: sealed.pinned,
      checkpoints: [],
      signed: readSealKey(sealed.keyPath).signed,
    };
    expect(await verifyTrail(store, request)).toMatchObject({
      verdict: 'intact',
      origin: 'example.com/audit-2',
      sealed: { size: 321 },
      findings: [{ code: 'resumed', severity: 'strict' }],
    });
    expect((await verifyTrail(store, { ...request, strict: true })).verdict).toBe('found');
    const lost = await verifyTrail(store, { ...request, checkpoints: [{ name: 'paper', text: paper }] });
    expect(lost.findings.map(({ code }) => code)).toEqual(['truncated', 'resumed']);
    const plain = old.trail.plain();
    plain.exec(`UPDATE daybook_seal_trail SET note = replace(note, 'disk', 'fire')`);
    plain.close();
    expect((await verifyTrail(store, request)).findings.map(({ code }) => code)).toEqual(['bad-seal', 'resumed']);
  });

  test('is refused where nothing is lost, or it is not what was sealed', async () => {
    const { sealed, old } = await restored();
    const resume = { origin: null, reason: 'disk', actor: ACTOR };
    await expect(resumeSeals(sealed.store, sealed.key(), resume)).rejects.toMatchObject({ kind: 'refused' });
    const plain = old.trail.plain();
    plain.exec('UPDATE daybook_seal_tiles SET root = zeroblob(32), hashes = zeroblob(8192) WHERE tile = 0');
    plain.close();
    await expect(resumeSeals(old.store, sealed.key(), resume)).rejects.toThrow(
      'the restored database is not what was sealed',
    );
  });
});
