import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { runsOf } from '../../src/core/evidence/seqs.js';
import { initSeals } from '../../src/operations/seal-init.js';
import { readSealKey } from '../../src/operations/seal-key.js';
import { eachSeal } from '../../src/operations/anchors.js';
import { sealStatus } from '../../src/operations/seal-status.js';
import { seal } from '../../src/operations/seal.js';
import { ACTOR, NOW, planOf, carryOut, rule, sqliteTrail } from '../store/trail.js';
import { ENGINES, ORIGIN, sealedTrail } from './sealed.js';

const notes = async (store: Parameters<typeof eachSeal>[0]): Promise<string[]> => {
  const all: string[] = [];
  for await (const { note } of eachSeal(store)) all.push(note);
  return all;
};

describe('a seal that was cut off', () => {
  test('before it was kept is kept by the next one, byte for byte', async () => {
    const { store, seal: again, key, record, found } = await sealedTrail(300);
    await again();
    await record(10);
    const { putSeal } = store;
    store.putSeal = async () => {
      throw new Error('killed');
    };
    await expect(again()).rejects.toThrow('killed');
    store.putSeal = putSeal;
    const { pending } = key();
    expect(pending?.frontier.size).toBe(310);
    expect(await sealStatus(store, key())).toMatchObject({ key_file: { state: 'pending' }, sealed: { size: 300 } });
    expect(await found({ signed: key().signed })).toEqual(['intact']);
    await record(5);
    // A later time would give another note.
    expect(await again(NOW + 5000)).toMatchObject({ size: 315, added: 5 });
    expect((await notes(store))[1]).toBe(pending?.note);
    expect(await found({ signed: key().signed })).toEqual(['intact']);
  });

  test('after it was kept is known to be', async () => {
    const { store, seal: again, keyPath, key, found } = await sealedTrail(300);
    let written = '';
    const { putSeal } = store;
    store.putSeal = async (kept) => {
      written = readFileSync(keyPath, 'utf8');
      await putSeal(kept);
    };
    await again();
    writeFileSync(keyPath, written);
    expect(key().pending).not.toBeNull();
    expect(await again(NOW + 5000)).toMatchObject({ size: 300, added: 0 });
    expect(key().pending).toBeNull();
    expect(await notes(store)).toHaveLength(1);
    expect(await found()).toEqual(['intact']);
  });

  test('before it was signed leaves tiles that the next one makes anew', async () => {
    const { store, seal: again, record, found } = await sealedTrail(6000);
    const { putTiles } = store;
    let batches = 0;
    store.putTiles = async (...given) => {
      if (++batches === 2) throw new Error('killed');
      return putTiles(...given);
    };
    await expect(again()).rejects.toThrow('killed');
    store.putTiles = putTiles;
    expect(await found()).toEqual(['found', 'never-sealed']);
    await record(3);
    expect(await again()).toMatchObject({ size: 6003 });
    expect(await found()).toEqual(['intact']);
  });

  test('and whose tiles are gone since, with a database that was brought back, is refused', async () => {
    const { store, seal: again, tamper, record } = await sealedTrail(300);
    await again();
    await record(10);
    const { putSeal } = store;
    store.putSeal = async () => {
      throw new Error('killed');
    };
    await expect(again()).rejects.toThrow('killed');
    store.putSeal = putSeal;
    tamper('DELETE FROM daybook_seal_tiles WHERE tile = 1');
    await expect(again()).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^behind/) as string,
      // Pasted, resume would sign that the newer database is lost: that is decided, and not proposed.
      hint: 'daybook seal status',
    });
  });
});

describe('beside others', () => {
  test.each(ENGINES)('two at once make one tree in %s', async (_engine, makeTrail) => {
    const { trail, seal: again, keyPath, record, found, store } = await makeTrail(1000);
    const other = await trail.open({ presence: { host: 'here', pid: 2, lives: () => true } });
    for (let round = 0; round < 5; round++) {
      const both = await Promise.allSettled([again(), seal(other, readSealKey(keyPath), { now: NOW })]);
      for (const one of both) if (one.status === 'rejected') expect(one.reason).toMatchObject({ kind: 'busy' });
      expect(both.some(({ status }) => status === 'fulfilled')).toBe(true);
      await record(100);
    }
    await again();
    expect(await found()).toEqual(['intact']);
    expect((await store.sealState()).last?.size).toBe(1500);
  });

  test('one that is no more does not keep others from sealing', async () => {
    const { trail, seal: again } = await sealedTrail(10);
    const gone = await trail.open({ presence: { host: 'elsewhere', pid: 2, lives: () => false } });
    await gone.leaseSeals();
    await expect(again()).rejects.toMatchObject({
      kind: 'busy',
      message: 'another daybook seals: process 2 on elsewhere',
    });
    trail.clock.now += 61_000;
    expect(await again()).toMatchObject({ added: 10 });
    const here = await trail.open({ presence: { host: 'here', pid: 3, lives: () => true } });
    await here.leaseSeals();
    const next = await trail.open({ presence: { host: 'here', pid: 4, lives: () => false } });
    await next.leaseSeals();
    await expect(here.putTiles([], [], true)).rejects.toMatchObject({ kind: 'busy' });
  });

  test('entries that a prune takes while they are sealed are not sealed', async () => {
    const { store, seal: again, found, verify } = await sealedTrail(6000);
    const { putTiles } = store;
    let batches = 0;
    store.putTiles = async (...given) => {
      if (++batches === 2) {
        await carryOut(
          store,
          await planOf(store, rule({ filter: { search: 'number 50' }, before: Number.MAX_SAFE_INTEGER })),
        );
      }
      return putTiles(...given);
    };
    await again();
    store.putTiles = putTiles;
    // Those in the first batch were sealed before they went, by a prune that had no key.
    const { findings, entries } = await verify();
    expect(findings.map(({ code }) => code)).toEqual(['pruned-unattested']);
    expect(entries.checked).toBe((await store.extent({})).count - entries.unsealed);
    expect(await found()).toEqual(['found', 'pruned-unattested']);
  });

  test('tiles are put only as long as all that they hold is there', async () => {
    const { store } = await sealedTrail(10);
    await store.leaseSeals();
    const tile = {
      tile: 0,
      root: null,
      runs: runsOf([1, 2]),
      hashes: Buffer.alloc(64),
      secret: null,
      salts: null,
      edges: null,
    };
    expect(await store.putTiles([tile], runsOf([1, 99]), true)).toBeUndefined();
    expect(await store.tile(0)).toBeUndefined();
    expect(await store.putTiles([tile], runsOf([1, 2]), true)).toBeGreaterThanOrEqual(0);
    expect(await store.tile(0)).toMatchObject({ runs: [[1, 2]] });
  });
});

/** What another process has signed meanwhile. */
const SIGNED = '"signed": {"size": 1, "frontier": [], "mark": "1", "note": ""}';

describe('a key', () => {
  test('of another trail, one that is none, and none at all are refused', async () => {
    const { store, keyPath } = await sealedTrail(10);
    const other = await sealedTrail(10);
    await expect(seal(store, other.key(), { now: NOW })).rejects.toMatchObject({ kind: 'refused' });
    const text = readFileSync(keyPath, 'utf8');
    for (const [bad, why] of [
      ['{}', /it does not say daybook-seal-key/],
      ['nothing', /it does not say/],
      [text.replace(/"key": "[^"]+"/, '"key": 7'), /it holds no key/],
      [text.replace(/"private": "./, '"private": "'), /its private key is not that of its public key/],
      [text.replace('"signed": null', '"signed": {}'), /what it has signed cannot be read/],
      [text.replace('"signed": null', '"signed": {"size": 1, "frontier": []}'), /what it has signed cannot be read/],
      [text.replace('"signed": null', '"signed": 7'), /what it has signed cannot be read/],
    ] as const) {
      writeFileSync(keyPath, bad);
      expect(() => readSealKey(keyPath)).toThrow(why);
    }
    rmSync(keyPath);
    expect(() => readSealKey(keyPath)).toThrow(/^no key file at .*: --seal-key says where it is$/);
    expect(() => readSealKey(path.dirname(keyPath))).toThrow(/cannot be read/);
  });

  test('that is an old copy, and a database with another seal of the same size, are refused', async () => {
    const { store, seal: again, keyPath, record, tamper } = await sealedTrail(10);
    const old = readFileSync(keyPath, 'utf8');
    await again();
    const now = readFileSync(keyPath, 'utf8');
    writeFileSync(keyPath, old);
    await expect(again()).rejects.toThrow(/it is an old copy/);
    expect(await sealStatus(store, readSealKey(keyPath))).toMatchObject({ key_file: { state: 'old' } });
    writeFileSync(keyPath, now);
    await record(1);
    tamper(`UPDATE daybook_seals SET note = replace(note, '10', '10 ')`);
    await expect(again()).rejects.toThrow(/another seal over its 10 entries/);
  });

  test('is changed by nobody else while it signs', async () => {
    const { store, seal: again, keyPath, record } = await sealedTrail(10);
    const { putTiles } = store;
    const text = readFileSync(keyPath, 'utf8');
    store.putTiles = async (...given) => {
      writeFileSync(keyPath, text.replace('"signed": null', SIGNED));
      return putTiles(...given);
    };
    await expect(again()).rejects.toThrow(/was changed by another process: nothing was signed/);
    store.putTiles = putTiles;
    // White space makes no difference.
    writeFileSync(keyPath, `${text}\n`);
    await record(1);
    expect(await again()).toMatchObject({ added: 11 });
  });

  test('is made once, outside the folder of the database, under a name that fits', async () => {
    const { store, trail } = await sqliteTrail();
    const init = (origin: string, file: string, force = false): Promise<string> =>
      initSeals(store, { origin, path: path.join(trail.directory, file), force, actor: ACTOR });
    for (const origin of ['', 'a b', 'a+b', 'daybook.removed/v1', 'cosignature/v1']) {
      await expect(init(origin, 'k', true)).rejects.toMatchObject({ kind: 'usage' });
    }
    await expect(init(ORIGIN, 'k')).rejects.toMatchObject({ kind: 'refused', field: 'force' });
    writeFileSync(path.join(trail.directory, 'k'), 'mine');
    await expect(init(ORIGIN, 'k', true)).rejects.toThrow(/exists already/);
    expect((await store.sealState()).trails).toEqual([]);
    const line = await init(ORIGIN, 'keys/k');
    expect(line).toMatch(/^example\.com\/audit\+[0-9a-f]{8}\+/);
    await expect(init(ORIGIN, 'other/k')).rejects.toMatchObject({ kind: 'refused' });
    await expect(store.beginSeals({ origin: 'b', key: 'c', since: 0 }, ACTOR)).rejects.toMatchObject({
      kind: 'refused',
    });
    const [entry] = (await store.page({ filter: {}, order: 'newest', limit: 1, upTo: await store.mark() })).entries;
    expect(entry).toMatchObject({ action: 'seal_init', category: 'system', actor: 'anna' });
    await expect(
      seal((await sqliteTrail()).store, readSealKey(path.join(trail.directory, 'keys/k')), { now: NOW }),
    ).rejects.toMatchObject({
      kind: 'missing',
    });
  });
});

test('an interrupt leaves nothing signed', async () => {
  const { store, key, found } = await sealedTrail(300);
  await expect(seal(store, key(), { now: NOW, signal: AbortSignal.abort() })).rejects.toMatchObject({
    kind: 'interrupted',
  });
  expect(await found()).toEqual(['found', 'never-sealed']);
  await expect(found({ signal: AbortSignal.abort() })).resolves.toBeDefined();
  await seal(store, key(), { now: NOW });
  await expect(found({ signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'interrupted' });
});
