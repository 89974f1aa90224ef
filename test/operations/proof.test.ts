import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { keyLine, newPrivateKey, publicKeyOf } from '../../src/core/evidence/notes.js';
import { readProof } from '../../src/core/evidence/proofs.js';
import { proveConsistency, proveEntry, sizeOf } from '../../src/operations/proof.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { verifyFile } from '../../src/operations/verify-file.js';
import { ACTOR, NOW, rule } from '../store/trail.js';
import { ORIGIN, sealedTrail } from './sealed.js';
import type { SealedTrail } from './sealed.js';

const DOCS = readFileSync(path.resolve(import.meta.dirname, '../../docs/evidence.md'), 'utf8');

/** The program that the docs print, and the commands by which an auditor checks a seal. */
const [, CHECKER = ''] = /```python\n([^]*?)```/.exec(DOCS) ?? [];
const [, SEAL_CHECK = ''] = /Check that a seal is signed with the key:\n\n```sh\n([^]*?)```/.exec(DOCS) ?? [];

test('a seal is checked by the commands that the docs print for an auditor', async () => {
  const sealed = await severalTiles();
  const cwd = sealed.trail.directory;
  const note = sealed.key().signed?.note ?? '';
  const check = (): string => execFileSync('bash', ['-ec', SEAL_CHECK], { cwd, encoding: 'utf8', stdio: 'pipe' });
  writeFileSync(path.join(cwd, 'audit.pub'), `${keyLine(sealed.pinned)}\n`);
  writeFileSync(path.join(cwd, 'seal.note'), note);
  expect(check()).toContain('Verified Successfully');
  writeFileSync(path.join(cwd, 'seal.note'), note.replace('\n1000\n', '\n1001\n'));
  expect(check).toThrow(/Command failed/);
});

const found = ({ pinned }: SealedTrail, text: string, key = pinned): string[] => {
  const { verdict, findings } = verifyFile({ subject: 'file', text, pinned: key });
  return [verdict, ...findings.map(({ code }) => code)];
};

async function prune({ store, key }: SealedTrail, keep: number): Promise<void> {
  const request = { command: 'prune' as const, rules: [rule({ keep })], actor: ACTOR, reason: null };
  await executePrune(store, await preparePrune(store, request, NOW), { busyTimeout: 1000, sealKey: key(), now: NOW });
}

/** A trail of several tiles, of which the last seal ends within one. */
async function severalTiles(): Promise<SealedTrail> {
  const sealed = await sealedTrail(100);
  await sealed.seal();
  await sealed.record(900);
  await sealed.seal();
  return sealed;
}

describe('a proof', () => {
  test('proves each entry, and not one that was changed, nor another one, nor by another key', async () => {
    const sealed = await severalTiles();
    for (const seq of [1, 2, 99, 100, 255, 256, 257, 512, 768, 769, 999, 1000]) {
      const proof = await proveEntry(sealed.store, String(seq));
      expect(found(sealed, proof), `entry ${seq}`).toEqual(['intact']);
      expect(readProof(proof)?.line.toString()).toContain(`{"seq":${seq},`);
    }
    const proof = await proveEntry(sealed.store, '300');
    const extra = /extra (\S+)/.exec(proof)?.[1] ?? '';
    const forged = Buffer.from(extra, 'base64')
      .toString('latin1')
      .replace(/number \d+/, 'number 9');
    expect(found(sealed, proof.replace(extra, Buffer.from(forged, 'latin1').toString('base64')))).toEqual([
      'found',
      'altered',
    ]);
    expect(found(sealed, proof.replace('index 299', 'index 298'))).toEqual(['found', 'altered']);
    const other = publicKeyOf(newPrivateKey(), ORIGIN);
    expect(found(sealed, proof, other)).toEqual(['found', 'bad-signature']);
    expect(found(sealed, proof, { ...sealed.pinned, name: 'another' })).toEqual(['found', 'bad-signature']);
  });

  test('does not bear a character that was changed', async () => {
    const sealed = await severalTiles();
    const proof = await proveEntry(sealed.store, '300');
    const isBad = (text: string): boolean => {
      try {
        return found(sealed, text)[0] === 'found';
      } catch (error) {
        return error instanceof Error && error.message.includes('neither a proof nor a checkpoint');
      }
    };
    // The last line is the cosignature, which says when; nothing else depends on it.
    const end = proof.lastIndexOf('\n— ');
    for (let at = 0; at < end; at += 7) {
      const changed = proof[at] === 'A' ? 'B' : 'A';
      expect(isBad(proof.slice(0, at) + changed + proof.slice(at + 1)), `at ${at}`).toBe(true);
    }
  });

  test('is refused for what is not sealed, and is there no more', async () => {
    const sealed = await sealedTrail(10);
    await expect(proveEntry(sealed.store, '3')).rejects.toMatchObject({ kind: 'refused' });
    await sealed.seal();
    await sealed.record(1);
    await expect(proveEntry(sealed.store, '11')).rejects.toMatchObject({
      kind: 'refused',
      message: 'entry 11 is not sealed yet',
    });
    await expect(proveEntry(sealed.store, '12')).rejects.toMatchObject({ kind: 'missing' });
    sealed.tamper('UPDATE daybook_seal_tiles SET secret = NULL');
    await expect(proveEntry(sealed.store, '3')).rejects.toThrow(/what opens its leaf was destroyed/);
  });

  test('is made beside what is pruned', async () => {
    const sealed = await severalTiles();
    await prune(sealed, 300);
    const proof = await proveEntry(sealed.store, '900');
    expect(found(sealed, proof)).toEqual(['intact']);
  });

  test('is checked by the program that the docs print, in at most 25 lines', async () => {
    expect(CHECKER.trim().split('\n').length).toBeLessThanOrEqual(25);
    const sealed = await severalTiles();
    const file = (name: string): string => path.join(sealed.trail.directory, name);
    writeFileSync(file('check.py'), CHECKER);
    writeFileSync(file('audit.pub'), `${keyLine(sealed.pinned)}\n`);
    for (const seq of ['1', '256', '257', '1000']) {
      const proof = await proveEntry(sealed.store, seq);
      writeFileSync(file('proof'), proof);
      const out = execFileSync('python3', [file('check.py'), file('audit.pub'), file('proof')], { encoding: 'utf8' });
      expect(out).toContain(`{"seq":${seq},`);
      for (const bad of [
        proof.replace(/index \d+/, 'index 5'),
        proof.replace('\n1000\n', '\n1001\n'),
        proof.replace(/(— \S+ \S{20})\S/, '$1A'),
        proof.replace(/extra (.{30})./, 'extra $1_'),
      ]) {
        writeFileSync(file('proof'), bad);
        const { status } = spawnSync('python3', [file('check.py'), file('audit.pub'), file('proof')]);
        expect(status).not.toBe(0);
      }
    }
    writeFileSync(file('audit.pub'), keyLine(publicKeyOf(newPrivateKey(), ORIGIN)));
    writeFileSync(file('proof'), await proveEntry(sealed.store, '1'));
    expect(spawnSync('python3', [file('check.py'), file('audit.pub'), file('proof')]).status).toBe(3);
  }, 60_000);
});

describe('a proof of consistency', () => {
  test('shows that one seal holds another, by their sizes or by their checkpoints', async () => {
    const sealed = await severalTiles();
    await sealed.record(1);
    await sealed.seal();
    for (const [first, second] of [
      [100, 1000],
      [100, null],
      [1000, 1001],
      [1001, 1001],
    ] as const) {
      expect(found(sealed, await proveConsistency(sealed.store, first, second))).toEqual(['intact']);
    }
    const proof = await proveConsistency(sealed.store, 100, 1000);
    expect(
      found(
        sealed,
        proof.replace(/"path": \[\s+"./, (text) => `${text.slice(0, -1)}_`),
      ),
    ).toEqual(['found', 'split-view']);
    const other = await proveConsistency(sealed.store, 1000, 1001);
    const swapped = { ...(JSON.parse(proof) as object), before: (JSON.parse(other) as { before: string }).before };
    expect(found(sealed, JSON.stringify(swapped))).toEqual(['found', 'split-view']);
    expect(sizeOf((JSON.parse(proof) as { before: string }).before, 'a')).toBe(100);
    expect(sizeOf('1000', 'a')).toBe(1000);
    expect(() => sizeOf('nothing', 'that')).toThrow('that is neither the size of a seal nor a checkpoint');
  });

  test('is refused where there is no such seal, or what it needs is pruned', async () => {
    const sealed = await severalTiles();
    await expect(proveConsistency(sealed.store, 7, null)).rejects.toMatchObject({ kind: 'missing' });
    await expect(proveConsistency(sealed.store, 1000, 100)).rejects.toMatchObject({ kind: 'usage' });
    await prune(sealed, 100);
    await expect(proveConsistency(sealed.store, 100, 1000)).rejects.toMatchObject({ kind: 'refused' });
  });
});

test('a checkpoint by itself is checked by its signature, and any other file is none of ours', async () => {
  const sealed = await severalTiles();
  const { note } = sealed.key().signed ?? { note: '' };
  expect(found(sealed, note)).toEqual(['intact']);
  expect(found(sealed, note.replace('\n1000\n', '\n1001\n'))).toEqual(['found', 'bad-signature']);
  expect(() => found(sealed, 'text')).toThrow(/neither a proof nor a checkpoint/);
  expect(() =>
    found(sealed, JSON.stringify({ form: 'daybook-consistency/v1', path: ['x'], before: note, after: note })),
  ).toThrow(/neither/);
});
