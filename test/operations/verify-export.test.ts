import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { newPrivateKey, publicKeyOf } from '../../src/core/evidence/notes.js';
import type { PublicKey } from '../../src/core/evidence/notes.js';
import { exportInto } from '../../src/operations/export-into.js';
import type { ExportTarget } from '../../src/operations/export-into.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { checkArchive, verifyExport } from '../../src/operations/verify-export.js';
import type { CheckedArchive, Verification } from '../../src/operations/verify-trail.js';
import { ACTOR, NOW, rule } from '../store/trail.js';
import { ENGINES, ORIGIN, sealedTrail } from './sealed.js';
import type { Sealed } from './sealed.js';

/** What is written, in memory. */
function memory(): ExportTarget & { text: () => string } {
  const chunks: Buffer[] = [];
  return {
    write: async (chunk) => void chunks.push(Buffer.from(chunk)),
    finish: async () => ({ bytes: 0, sha256: '' }),
    abandon: async () => {},
    text: () => Buffer.concat(chunks).toString(),
  };
}

/** Exports what matches, with its proofs. */
async function exported(
  { store, directory }: Sealed,
  filter: Filter = {},
): Promise<{ file: string; lines: string[]; proofs: string }> {
  const [target, proof] = [memory(), memory()];
  const formatter = { reads: 'lines' as const, begin: () => '', page: (lines: Uint8Array) => lines, end: () => '' };
  const steps = exportInto(store, { filter, columns: ENTRY_FIELDS, proof }, { target, formatter });
  while ((await steps.next()).done !== true);
  const file = path.join(directory, 'export.ndjson');
  writeFileSync(file, target.text());
  return { file, lines: target.text().trimEnd().split('\n'), proofs: proof.text() };
}

/** Checks an export with a text as the file of proofs beside it. */
function verified(file: string, text: string, pinned: PublicKey | null): Promise<Verification> {
  const proofs = `${file}.proofs`;
  writeFileSync(proofs, text);
  return verifyExport({ path: file, proofs, pinned });
}

async function found(sealed: Sealed, file: string, proofs: string, pinned = sealed.pinned): Promise<string[]> {
  const { verdict, findings } = await verified(file, proofs, pinned);
  return [verdict, ...findings.map(({ code }) => code)];
}

async function twoSeals(make: (count: number) => Promise<Sealed>): Promise<Sealed> {
  const sealed = await make(300);
  await sealed.seal();
  await sealed.record(400);
  await sealed.seal();
  return sealed;
}

describe.each(ENGINES)('an export with its proofs in %s', (_engine, makeTrail) => {
  test.each([
    ['of everything', {}, 700],
    ['of some', { search: 'number 1' }, 222],
    ['of nothing', { search: 'nothing of the kind' }, 0],
  ])('%s is what was sealed', async (_name, filter: Filter, checked) => {
    const sealed = await twoSeals(makeTrail);
    const { file, proofs } = await exported(sealed, filter);
    expect(await verified(file, proofs, sealed.pinned)).toMatchObject({
      verdict: 'intact',
      sealed: { size: 700 },
      entries: { checked, unsealed: 0 },
    });
    expect(await verified(file, proofs, null)).toMatchObject({ verdict: 'self-consistent' });
  });

  test('tells what is younger than the seal, and misses it where it was cut off', async () => {
    const sealed = await twoSeals(makeTrail);
    await sealed.record(3);
    const { file, proofs, lines } = await exported(sealed);
    expect(await verified(file, proofs, sealed.pinned)).toMatchObject({
      verdict: 'intact',
      entries: { checked: 700, unsealed: 3 },
    });
    writeFileSync(file, `${lines.slice(0, -1).join('\n')}\n`);
    expect(await found(sealed, file, proofs)).toEqual(['found', 'incomplete']);
  });

  test.each<[string, string[], (lines: string[]) => string[]]>([
    ['altered', ['altered-between'], (lines) => lines.with(300, lines[300]?.replace('number', 'nombre') ?? '')],
    [
      'altered at its end',
      ['altered-between'],
      (lines) => lines.with(699, lines[699]?.replace('number', 'nombre') ?? ''),
    ],
    ['deleted', ['incomplete'], (lines) => lines.toSpliced(300, 1)],
    ['doubled', ['inserted'], (lines) => [...lines, lines[3] ?? '']],
    ['forged', ['inserted'], (lines) => [...lines, (lines[3] ?? '').replace('"seq":4,', '"seq":9000,')]],
    ['no entry', ['inserted'], (lines) => [...lines, 'nothing']],
  ])('in which a line is %s is found out', async (_name, codes, change) => {
    const sealed = await twoSeals(makeTrail);
    const { file, proofs, lines } = await exported(sealed);
    writeFileSync(file, change(lines).join('\n'));
    expect(await found(sealed, file, proofs)).toEqual(['found', ...codes]);
  });

  test('is not that of another key, nor with proofs that were edited', async () => {
    const sealed = await twoSeals(makeTrail);
    const { file, proofs } = await exported(sealed, { search: 'number 1' });
    expect(await found(sealed, file, proofs, publicKeyOf(newPrivateKey(), ORIGIN))).toEqual(['found', 'bad-signature']);
    const flip = (text: string, part: RegExp): string =>
      text.replace(part, (piece) => piece.slice(0, -1) + (piece.endsWith('A') ? 'B' : 'A'));
    expect(await found(sealed, file, flip(proofs, /"hashes":".{9}/))).toEqual(['found', 'altered-between']);
    expect(await found(sealed, file, flip(proofs, /"salts":".{60}/))).toEqual(['found', 'altered-between']);
    expect(await found(sealed, file, flip(proofs, /— \S+ .{20}/))).toEqual(['found', 'bad-signature']);
    for (const bad of [
      '',
      'nothing',
      '{"form":"daybook-proofs/v1"}',
      proofs.split('\n').slice(0, 2).join('\n'),
      proofs.replace('"tile":1', '"tile":2'),
      // More seqs than a tile has leaves, or memory room for.
      proofs.replace(/"runs":"[^"]+"/, '"runs":"1-9007199254740991"'),
      proofs.replace(/"runs":"[^"]+"/, '"runs":"1-255"'),
    ]) {
      await expect(found(sealed, file, bad)).rejects.toMatchObject({ kind: 'data' });
    }
    await expect(found(sealed, `${file}.gone`, proofs)).rejects.toMatchObject({ kind: 'data' });
  });

  test('is checked in any order of its lines, and until it is interrupted', async () => {
    const sealed = await twoSeals(makeTrail);
    const { file, proofs, lines } = await exported(sealed);
    writeFileSync(file, `${lines.toReversed().join('\n')}\n`);
    expect(await found(sealed, file, proofs)).toEqual(['intact']);
    const signal = AbortSignal.abort();
    const interrupted = verifyExport({ path: file, proofs: `${file}.proofs`, pinned: null, signal });
    await expect(interrupted).rejects.toMatchObject({ kind: 'interrupted' });
    const device = verifyExport({ path: file, proofs: '/dev/null', pinned: null });
    await expect(device).rejects.toMatchObject({ kind: 'data', message: expect.stringContaining('twice') as string });
  });

  test('of nothing shows that the roots of its proofs were edited', async () => {
    const sealed = await sealedTrail(512);
    await sealed.seal();
    const { file, proofs } = await exported(sealed, { search: 'nothing of the kind' });
    const edited = proofs.replace(/"root":"./, (start) => start.slice(0, -1) + (start.endsWith('A') ? 'B' : 'A'));
    const { findings } = await verified(file, edited, sealed.pinned);
    expect(findings).toMatchObject([{ code: 'altered-between', first: ['the file of proofs'], between: null }]);
  });

  test('is refused where nothing is sealed', async () => {
    const sealed = await makeTrail(10);
    await expect(exported(sealed)).rejects.toMatchObject({ kind: 'refused' });
  });
});

test('text that is no UTF-8 is proved as it was sealed, and shown as such', async () => {
  const sealed = await sealedTrail(3);
  sealed.trail
    .plain()
    .exec(`INSERT INTO daybook_entries (action, message) VALUES ('a', CAST(x'61ff62' AS TEXT)), ('b', 'plain')`);
  await sealed.seal();
  const { file, proofs, lines } = await exported(sealed);
  expect(lines[3]).toContain('a\ufffdb');
  const { findings, verdict } = await verified(file, proofs, sealed.pinned);
  expect({ findings, verdict }).toMatchObject({ findings: [{ code: 'not-utf8', first: [4] }], verdict: 'intact' });
  // What the file shows is no more than what was sealed says.
  writeFileSync(file, `${lines.with(3, lines[3]?.replace('a\ufffdb', 'a\ufffdc') ?? '').join('\n')}\n`);
  expect(await found(sealed, file, proofs)).toEqual(['found', 'altered-between']);
  // And who edits both has no leaf for it.
  const edited = proofs.replace(/"raw":\{"4":"([^"]+)"/, (_, raw: string) => {
    const bytes = Buffer.from(raw, 'base64');
    const at = bytes.indexOf(0xff);
    bytes.writeUInt8(0xfe, at);
    return `"raw":{"4":"${bytes.toString('base64')}"`;
  });
  expect(edited).not.toBe(proofs);
  writeFileSync(file, `${lines.join('\n')}\n`);
  expect(await found(sealed, file, edited)).toEqual(['found', 'altered-between', 'not-utf8']);
});

describe.each(ENGINES)('in %s', (_engine, makeTrail) => {
  test('an archive of a sealed trail has its proofs beside it, checked before anything goes', async () => {
    const sealed = await twoSeals(makeTrail);
    const archive = path.join(sealed.directory, 'archive.ndjson.gz');
    const request = { command: 'prune' as const, rules: [rule({ keep: 100 })], actor: ACTOR, reason: null };
    const prepared = await preparePrune(sealed.store, request, NOW);
    const run = { busyTimeout: 1000, archive, sealKey: sealed.key(), now: NOW };
    await executePrune(sealed.store, prepared, run);
    const proofs = readFileSync(`${archive}.proof`, 'utf8');
    expect(await found(sealed, archive, proofs)).toEqual(['intact']);
    expect(gunzipSync(readFileSync(archive)).toString().trimEnd().split('\n')).toHaveLength(601);
    // The trail knows of nothing in it any more, and it still proves what it holds.
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { pruned: 601 } });
  });

  test('an archive that is not what was sealed is not pruned by', async () => {
    const sealed = await twoSeals(makeTrail);
    await sealed.tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = 5`);
    const archive = path.join(sealed.directory, 'archive.ndjson');
    const request = { command: 'prune' as const, rules: [rule({ keep: 100 })], actor: ACTOR, reason: null };
    const prepared = await preparePrune(sealed.store, request, NOW);
    await expect(
      executePrune(sealed.store, prepared, { busyTimeout: 1000, archive, sealKey: sealed.key(), now: NOW }),
    ).rejects.toThrow(/is not what was sealed \(altered-between\): nothing was deleted/);
    expect(existsSync(archive)).toBe(true);
    expect((await sealed.store.extent({})).count).toBe(700);
  });
});

/** Prunes all but the newest into an archive; gives it with what was written beside it. */
async function archived(sealed: Sealed, keep: number, name: string): Promise<{ path: string; lines: string[] }> {
  const archive = path.join(sealed.directory, name);
  const request = { command: 'prune' as const, rules: [rule({ keep })], actor: ACTOR, reason: null };
  const prepared = await preparePrune(sealed.store, request, NOW);
  await executePrune(sealed.store, prepared, { busyTimeout: 1000, archive, sealKey: sealed.key(), now: NOW });
  return { path: archive, lines: readFileSync(archive, 'utf8').trimEnd().split('\n') };
}

describe.each(ENGINES)('an archive answers in %s for what was pruned into it', (_engine, makeTrail) => {
  const answered = (...archives: readonly { path: string }[]): Promise<CheckedArchive[]> =>
    Promise.all(archives.map(({ path: file }) => checkArchive(file, `${file}.proof`)));

  test('each for its own, and all together for all', async () => {
    const sealed = await twoSeals(makeTrail);
    const first = await archived(sealed, 500, 'first.ndjson');
    const second = await archived(sealed, 100, 'second.ndjson');
    const counts = async (...archives: CheckedArchive[]): Promise<number[]> => {
      const { verdict, entries } = await sealed.verify({ archives });
      expect(verdict).toBe('intact');
      return [entries.pruned, entries.archived];
    };
    const [one, two] = (await answered(first, second)) as [CheckedArchive, CheckedArchive];
    expect(await counts()).toEqual([602, 0]);
    expect(await counts(one)).toEqual([401, 201]);
    expect(await counts(two)).toEqual([201, 401]);
    expect(await counts(one, two)).toEqual([0, 602]);
  });

  test('only as it was sealed', async () => {
    const sealed = await twoSeals(makeTrail);
    const archive = await archived(sealed, 100, 'first.ndjson');
    writeFileSync(
      archive.path,
      `${archive.lines.with(5, (archive.lines[5] ?? '').replace('number', 'nombre')).join('\n')}\n`,
    );
    const { verdict, findings, entries } = await sealed.verify({ archives: await answered(archive) });
    expect([verdict, entries.archived, entries.pruned]).toEqual(['found', 0, 601]);
    expect(findings).toMatchObject([{ code: 'altered-between', first: [archive.path] }]);
  });

  test('and only by a key of the trail, and for the same trail', async () => {
    const [sealed, other] = [await twoSeals(makeTrail), await twoSeals(makeTrail)];
    const stranger = await archived(other, 100, 'first.ndjson');
    expect(await sealed.found({ archives: await answered(stranger) })).toEqual(['found', 'bad-signature']);
    // The key of the trail, and another tree.
    const [theirs] = (await answered(await archived(sealed, 100, 'first.ndjson'))) as [CheckedArchive];
    const full = { root: Buffer.alloc(32, 1), hashes: null };
    const last = { root: null, hashes: Buffer.alloc(64, 1) };
    for (const tiles of [theirs.tiles.with(0, full), [...theirs.tiles.slice(0, -1), last]]) {
      expect(await sealed.found({ archives: [{ ...theirs, tiles }] })).toEqual(['found', 'split-view']);
    }
  });

  test('also where the tile that it ended in is pruned since', async () => {
    const sealed = await twoSeals(makeTrail);
    const first = await archived(sealed, 500, 'first.ndjson');
    await sealed.record(600);
    await sealed.seal(NOW + 86_400_000 * 2);
    await archived(sealed, 10, 'second.ndjson');
    const archives = await answered(first);
    const request = { archives, now: NOW + 86_400_000 * 2 };
    expect(await sealed.verify(request)).toMatchObject({ verdict: 'intact', entries: { archived: 201 } });
    // What is kept for the last seal of that day still tells another one.
    const hashes = Buffer.from(archives[0]?.tiles.at(-1)?.hashes ?? '');
    hashes.writeUInt8(hashes.readUInt8(3) ^ 1, 3);
    const [one] = archives as [CheckedArchive];
    const forged = { ...one, tiles: [...one.tiles.slice(0, -1), { root: null, hashes }] };
    expect(await sealed.found({ ...request, archives: [forged] })).toEqual(['found', 'split-view']);
  });
});
