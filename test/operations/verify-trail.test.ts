import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signedCheckpoint } from '../../src/core/evidence/checkpoint.js';
import { HASH_BYTES } from '../../src/core/evidence/hashing.js';
import { leafHash, LEAF_HEAD, saltsOf } from '../../src/core/evidence/leaves.js';
import { newPrivateKey, publicKeyOf } from '../../src/core/evidence/notes.js';
import { signedRemoval } from '../../src/core/evidence/removal.js';
import { eachLeaf } from '../../src/core/evidence/tiles.js';
import { EMPTY, grownBy, rootOf } from '../../src/core/evidence/tree.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { rotateKey } from '../../src/operations/seal-terms.js';
import { HAS_POSTGRES } from '../store/postgres-trail.js';
import { ACTOR, NOW, rule } from '../store/trail.js';
import { ENGINES, ORIGIN, restoredFrom, sealedInPostgres, sealedTrail } from './sealed.js';
import type { Sealed } from './sealed.js';

const HOUR = 3_600_000;

describe('what is sealed and left alone', () => {
  test('is intact by the key that is pinned, and self-consistent without', async () => {
    const { seal, record, verify } = await sealedTrail(600);
    expect(await seal()).toMatchObject({ origin: ORIGIN, size: 600, added: 600, unsealed: 0 });
    await record(3);
    expect(await verify()).toMatchObject({
      verdict: 'intact',
      sealed: { size: 600, at: '2026-03-05T12:00:00.000Z' },
      entries: { checked: 600, pruned: 0, unsealed: 3 },
      seals: { checked: 1, skipped: 0 },
      findings: [],
      complete: true,
    });
    expect(await verify({ pinned: null })).toMatchObject({
      verdict: 'self-consistent',
      key: { pinned: false },
      findings: [{ code: 'key-not-pinned', severity: 'strict' }],
    });
    expect(await verify({ pinned: null, strict: true })).toMatchObject({ verdict: 'found' });
  });

  test('in any steps, whoever recorded it, with what is imported counted', async () => {
    const { trail, seal, record, verify, store } = await sealedTrail(1);
    const plain = trail.plain();
    for (const count of [1, 254, 1, 1, 255, 300]) {
      await record(count);
      plain.exec(
        `INSERT INTO daybook_entries (action, source, metadata) VALUES ('a', 'ledgrab', '{"a":' || char(10) || '1}')`,
      );
      await seal();
    }
    const { count } = await store.extent({});
    expect(await verify()).toMatchObject({
      verdict: 'intact',
      entries: { checked: count, imported: 6, unsealed: 0 },
      seals: { checked: 6 },
    });
  });

  test('has roots that anybody can make of its lines', async () => {
    const { store, seal } = await sealedTrail(300);
    const { root } = await seal();
    const leaves: Buffer[] = [];
    for (const number of [0, 1]) {
      const { tiles, lines } = await store.tilesAndLines(number, 1, 300, 0);
      const salts = saltsOf(tiles[0]?.secret ?? Buffer.of());
      let position = 0;
      eachLeaf(lines, (_seq, line) => {
        leaves.push(leafHash(salts.subarray(position * 16, position * 16 + 16), line.subarray(LEAF_HEAD)));
        position += 1;
      });
    }
    expect(rootOf(grownBy(EMPTY, Buffer.concat(leaves), 0, 300)).toString('base64')).toBe(root);
  });

  test('stays so while entries are recorded, and sealed, in between', async () => {
    const { seal, record, verify } = await sealedTrail(3000);
    await seal();
    let turns = 0;
    let others: Promise<unknown> = Promise.resolve();
    const found = await verify({
      onProgress: () => {
        turns += 1;
        others = others.then(() => record(1)).then(() => seal());
      },
    });
    await others;
    expect(turns).toBeGreaterThan(1);
    expect(found).toMatchObject({ verdict: 'intact', entries: { checked: 3000 } });
  });
});

test('a removal of however many runs is read', async () => {
  const { store, seal, key, found } = await sealedTrail(20);
  await seal();
  const runs = Array.from({ length: 150_000 }, (_, n) => [2 * n + 1001, 2 * n + 1001] as const);
  const { privateKey, key: own } = key();
  const removal = signedRemoval({ prune: 1, runs, skeletons: null, size: 20 }, privateKey, own);
  await store.putRemoval({ prune: 1, ...removal, skeletons: null });
  expect(await found()).toEqual(['intact']);
});

interface Attack {
  readonly name: string;
  readonly codes: readonly string[];
  readonly make: (sealed: Sealed) => void | Promise<void>;
  /** What was kept elsewhere, beside the key. */
  readonly kept?: 'checkpoint' | 'state';
  readonly strict?: true;
}

/** Makes tile 0, its entry 3 and its hashes fit together again, as somebody who knows how they are made would. */
async function alterAll({ tamper, store }: Sealed): Promise<void> {
  await tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = 3`);
  const { tiles, lines } = await store.tilesAndLines(0, 1, 256, 0);
  const [tile] = tiles;
  if (tile === undefined || tile.secret === null) throw new Error('no secret');
  const hashes = Buffer.from(tile.hashes);
  const salt = saltsOf(tile.secret).subarray(32, 48);
  eachLeaf(lines, (seq, line) => {
    if (seq === 3) leafHash(salt, line.subarray(LEAF_HEAD)).copy(hashes, 2 * HASH_BYTES);
  });
  await tamper(
    'UPDATE daybook_seal_tiles SET hashes = ?, root = ? WHERE tile = 0',
    hashes,
    rootOf(grownBy(EMPTY, hashes, 0, 256)),
  );
}

/** Seals everything anew, with a key of one's own. */
async function resealed(sealed: Sealed, path_: string): Promise<void> {
  const { initSeals } = await import('../../src/operations/seal-init.js');
  const { readSealKey } = await import('../../src/operations/seal-key.js');
  const { seal } = await import('../../src/operations/seal.js');
  await sealed.tamper('DELETE FROM daybook_seals; DELETE FROM daybook_seal_tiles; DELETE FROM daybook_seal_trail');
  await sealed.tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = 3`);
  const actor = { actor: 'mallory', actor_type: 'user', recorded_by: null };
  await initSeals(sealed.store, { origin: ORIGIN, path: path_, force: true, actor });
  await seal(sealed.store, readSealKey(path_), { now: NOW });
}

const INSERT = `INSERT INTO daybook_entries (seq, action, message) VALUES`;

// 600 entries in three seals: 1 to 200, 201 to 512, 513 to 600.
const ATTACKS: readonly Attack[] = [
  {
    name: 'an entry is altered',
    codes: ['altered'],
    make: ({ tamper }) => tamper(`UPDATE daybook_entries SET actor = 'x' WHERE seq = 3`),
  },
  { name: 'an entry, its hash and the root are altered together', codes: ['altered-between'], make: alterAll },
  {
    name: 'an entry is deleted',
    codes: ['missing'],
    make: ({ tamper }) => tamper('DELETE FROM daybook_entries WHERE seq = 77'),
  },
  {
    name: 'an entry is put where one was deleted',
    codes: ['altered'],
    make: ({ tamper }) => tamper(`DELETE FROM daybook_entries WHERE seq = 77; ${INSERT} (77, 'a', 'forged')`),
  },
  {
    name: 'two entries change places',
    codes: ['altered'],
    make: ({ tamper }) =>
      tamper(
        'UPDATE daybook_entries SET seq = 5000 WHERE seq = 3; UPDATE daybook_entries SET seq = 3 WHERE seq = 4; UPDATE daybook_entries SET seq = 4 WHERE seq = 5000',
      ),
  },
  {
    name: 'the tail is cut, and a checkpoint was kept',
    codes: ['truncated'],
    kept: 'checkpoint',
    make: ({ tamper }) =>
      tamper(
        'DELETE FROM daybook_entries WHERE seq > 512; DELETE FROM daybook_seals WHERE size > 512; DELETE FROM daybook_seal_tiles WHERE tile = 2',
      ),
  },
  {
    name: 'the tail is cut, and the state was kept',
    codes: ['truncated'],
    kept: 'state',
    make: ({ tamper }) =>
      tamper(
        'DELETE FROM daybook_entries WHERE seq > 512; DELETE FROM daybook_seals WHERE size > 512; DELETE FROM daybook_seal_tiles WHERE tile = 2',
      ),
  },
  {
    name: 'the seals are dropped',
    codes: ['never-sealed'],
    make: ({ tamper }) =>
      tamper('DELETE FROM daybook_seals; DELETE FROM daybook_seal_tiles; DELETE FROM daybook_seal_trail'),
  },
  {
    name: 'the seals alone are dropped',
    codes: ['never-sealed'],
    make: ({ tamper }) => tamper('DELETE FROM daybook_seals'),
  },
  {
    name: 'everything is sealed anew with another key',
    codes: ['bad-signature'],
    make: (sealed) => resealed(sealed, path.join(sealed.directory, 'mallory.seal')),
  },
  {
    name: 'a secret is destroyed',
    codes: ['unopenable'],
    make: ({ tamper }) => tamper('UPDATE daybook_seal_tiles SET secret = NULL WHERE tile = 1'),
  },
  {
    name: 'a secret and its entries are destroyed',
    codes: ['pruned-unattested'],
    make: ({ tamper }) =>
      tamper(
        'UPDATE daybook_seal_tiles SET secret = NULL WHERE tile = 1; DELETE FROM daybook_entries WHERE seq BETWEEN 257 AND 512',
      ),
  },
  {
    name: 'a tile is dropped',
    codes: ['inserted', 'altered-between', 'bad-seal'],
    make: ({ tamper }) => tamper('DELETE FROM daybook_seal_tiles WHERE tile = 1'),
  },
  {
    name: 'a seal is exchanged for that of another key',
    codes: ['bad-signature'],
    make: async ({ tamper }) => {
      const privateKey = newPrivateKey();
      const root = Buffer.alloc(32, 1);
      const note = signedCheckpoint(
        { origin: ORIGIN, size: 512, root },
        privateKey,
        publicKeyOf(privateKey, ORIGIN),
        1,
      );
      await tamper('UPDATE daybook_seals SET note = ? WHERE size = 512', note);
    },
  },
  {
    name: 'a seal is another one of the key',
    codes: ['altered-between'],
    make: async ({ tamper, key }) => {
      const { privateKey, key: own } = key();
      const note = signedCheckpoint(
        { origin: ORIGIN, size: 512, root: Buffer.alloc(32, 1) },
        privateKey,
        own,
        NOW / 1000,
      );
      await tamper('UPDATE daybook_seals SET note = ? WHERE size = 512', note);
    },
  },
  {
    name: 'a seal says another size than it signs',
    codes: ['bad-seal'],
    make: ({ tamper }) => tamper('UPDATE daybook_seals SET size = 500 WHERE size = 512'),
  },
  {
    name: 'the public key is no key',
    codes: ['bad-seal', 'never-sealed'],
    make: ({ tamper }) => tamper(`UPDATE daybook_seal_trail SET key = 'key'`),
  },
  {
    name: 'the clock of a seal went back',
    codes: ['clock-back'],
    strict: true,
    make: async ({ record, seal }) => {
      await record(1);
      await seal(NOW - HOUR);
    },
  },
];

/** 600 entries in three seals. */
async function threeSeals(make: (count: number) => Promise<Sealed> = sealedTrail): Promise<Sealed> {
  const sealed = await make(200);
  await sealed.seal();
  await sealed.record(312);
  await sealed.seal();
  await sealed.record(88);
  await sealed.seal();
  return sealed;
}

describe.each(ENGINES)('in %s an attack is seen', (_engine, makeTrail) => {
  test.each(ATTACKS.map((attack) => [attack.name, attack] as const))(
    '%s',
    async (_name, { make, codes, kept, strict }) => {
      const sealed = await threeSeals(makeTrail);
      const { note } = sealed.key().signed ?? { note: '' };
      const request = {
        strict: strict ?? false,
        ...(kept === 'checkpoint' ? { checkpoints: [{ name: 'mail.txt', text: note }] } : {}),
        ...(kept === 'state' ? { signed: sealed.key().signed } : {}),
      };
      expect(await sealed.found(request)).toEqual(['intact']);
      await make(sealed);
      expect(await sealed.found(request)).toEqual(['found', ...codes]);
    },
  );

  test('by where it is', async () => {
    const sealed = await threeSeals(makeTrail);
    await alterAll(sealed);
    await sealed.tamper(`UPDATE daybook_entries SET message = 'x' WHERE seq IN (500, 502)`);
    expect((await sealed.verify()).findings).toEqual([
      { code: 'altered', severity: 'fault', count: 2, first: [500, 502], between: null },
      { code: 'altered-between', severity: 'fault', count: 1, first: [], between: [1, 200] },
    ]);
  });
});

describe.skipIf(!HAS_POSTGRES)('in PostgreSQL, where entries are seen in another order than that of their seqs', () => {
  test('one that is committed late is sealed late, and is not taken for inserted', async () => {
    const { trail, seal, record, verify } = await sealedInPostgres(20);
    const late = await trail.plain();
    await late.query('BEGIN');
    await late.query(`INSERT INTO daybook.daybook_entries (action, message) VALUES ('a', 'late')`);
    await record(300);
    expect(await seal()).toMatchObject({ size: 320, unsealed: 0 });
    await late.query('COMMIT');
    expect(await verify()).toMatchObject({ verdict: 'intact', entries: { checked: 320, unsealed: 1 }, findings: [] });
    expect(await seal(NOW + 1000)).toMatchObject({ size: 321, added: 1, unsealed: 0 });
    expect(await verify()).toMatchObject({ verdict: 'intact', entries: { checked: 321, unsealed: 0 }, findings: [] });
  });

  test.each([
    ['into a gap', 30],
    ['behind the last one', 5000],
  ])('one that is inserted %s under a transaction that was over then is seen', async (_where, seq) => {
    const { trail, seal, record, verify, found, tamper } = await sealedInPostgres(20);
    const plain = await trail.plain();
    await plain.query(`SELECT nextval('daybook.daybook_entries_seq_seq') FROM generate_series(1, 20)`);
    await record(10);
    await seal();
    expect(await found()).toEqual(['intact']);
    await tamper(
      `INSERT INTO daybook_entries (seq, action, message, tx) SELECT ${seq}, 'a', 'forged', tx FROM daybook_entries WHERE seq = 3`,
    );
    expect((await verify()).findings).toMatchObject([{ code: 'inserted', first: [seq] }]);
    // It is not sealed afterwards, and so stays what it is.
    await record(1);
    await seal(NOW + 1000);
    expect(await found()).toEqual(['found', 'inserted']);
  });

  test('who sets the mark of a seal back has not signed it', async () => {
    const { seal, record, found, tamper } = await sealedInPostgres(20);
    await seal();
    await record(1);
    await seal(NOW + 1000);
    await tamper(`UPDATE daybook_seals SET note = replace(note, E'\nmark 1/', E'\nmark 2/') WHERE seal = 2`);
    expect(await found()).toEqual(['found', 'bad-signature']);
  });
});

describe('an attack is seen', () => {
  test('an entry inserted into a gap of the numbers', async () => {
    const { store, trail, seal, found, record, tamper, verify } = await sealedTrail(20);
    const plain = trail.plain();
    plain.exec(`UPDATE sqlite_sequence SET seq = 40 WHERE name = 'daybook_entries'`);
    await record(300);
    await seal();
    expect(await found()).toEqual(['intact']);
    tamper(`${INSERT} (30, 'a', 'forged')`);
    expect(await found()).toEqual(['found', 'inserted']);
    expect((await verify()).findings[0]?.first).toEqual([30]);
    // It is not sealed afterwards, and so stays what it is.
    await record(1);
    await seal();
    expect(await found()).toEqual(['found', 'inserted']);
    expect((await store.extent({})).count).toBe(322);
  });

  test('however many entries are inserted', async () => {
    const { trail, seal, found, record, tamper, verify } = await sealedTrail(20);
    trail.plain().exec(`UPDATE sqlite_sequence SET seq = 200000 WHERE name = 'daybook_entries'`);
    await record(1);
    await seal();
    expect(await found()).toEqual(['intact']);
    tamper(
      `INSERT INTO daybook_entries (seq, action, message)
        WITH RECURSIVE forged(seq) AS (VALUES (30) UNION ALL SELECT seq + 1 FROM forged WHERE seq < 150029)
        SELECT seq, 'a', 'forged' FROM forged`,
    );
    expect((await verify()).findings).toMatchObject([{ code: 'inserted', count: 150_000 }]);
  });

  test('a copy is brought back: the sealer refuses, and who has the state or a checkpoint sees it', async () => {
    const { trail, seal, record, key, keyPath, store } = await sealedTrail(20);
    await seal();
    await store.backup(path.join(trail.directory, 'old.db'));
    await record(10);
    await seal();
    const { note } = key().signed ?? { note: '' };
    const old = await restoredFrom(path.join(trail.directory, 'old.db'));
    const { seal: sealTrail } = await import('../../src/operations/seal.js');
    const { readSealKey } = await import('../../src/operations/seal-key.js');
    await expect(sealTrail(old.store, readSealKey(keyPath), { now: NOW })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^behind: .* 20 entries, .* signed 30/) as string,
    });
    const { verifyTrail } = await import('../../src/operations/verify-trail.js');
    const { pinned } = { pinned: key().key };
    const request = { subject: 'old.db', now: NOW, grace: 1, strict: false, pinned, checkpoints: [], signed: null };
    expect((await verifyTrail(old.store, request)).verdict).toBe('intact');
    expect((await verifyTrail(old.store, { ...request, signed: key().signed })).findings).toMatchObject([
      { code: 'truncated', first: ['the key file'] },
    ]);
    expect(
      (await verifyTrail(old.store, { ...request, checkpoints: [{ name: 'paper', text: note }] })).findings,
    ).toMatchObject([{ code: 'truncated', first: ['paper'] }]);
  });

  test('cut, and gone on with the same key by hand: a checkpoint that was kept shows another trail', async () => {
    const sealed = await threeSeals();
    const { note, frontier } = sealed.key().signed ?? { note: '', frontier: EMPTY };
    const { privateKey, key } = sealed.key();
    const other = signedCheckpoint({ origin: ORIGIN, size: 600, root: Buffer.alloc(32, 9) }, privateKey, key, 1);
    expect(frontier.size).toBe(600);
    expect(await sealed.found({ checkpoints: [{ name: 'kept', text: other }] })).toEqual(['found', 'split-view']);
    const elsewhere = signedCheckpoint(
      { origin: 'example.org/other', size: 600, root: Buffer.alloc(32, 9) },
      privateKey,
      { ...key, name: 'example.org/other' },
      1,
    );
    expect(await sealed.found({ checkpoints: [{ name: 'kept', text: elsewhere }] })).toEqual(['found', 'split-view']);
    const mallory = newPrivateKey();
    const forged = signedCheckpoint(
      { origin: ORIGIN, size: 600, root: frontier.nodes[0] ?? Buffer.alloc(32) },
      mallory,
      publicKeyOf(mallory, ORIGIN),
      1,
    );
    expect(await sealed.found({ checkpoints: [{ name: 'kept', text: forged }] })).toEqual(['found', 'bad-signature']);
    expect(await sealed.found({ checkpoints: [{ name: 'kept', text: note }] })).toEqual(['intact']);
    await expect(sealed.found({ checkpoints: [{ name: 'kept', text: 'nothing' }] })).rejects.toThrow(
      'kept is no checkpoint',
    );
  });

  test('nothing was sealed for longer than the grace', async () => {
    const { seal, record, found, verify } = await sealedTrail(20);
    await seal();
    expect(await found({ now: NOW + 1000 * HOUR })).toEqual(['intact']);
    await record(1);
    expect(await found({ now: NOW + 26 * HOUR })).toEqual(['intact']);
    expect(await found({ now: NOW + 26 * HOUR + 1 })).toEqual(['found', 'stale']);
    expect((await verify({ now: NOW + 27 * HOUR })).findings[0]?.first).toEqual(['2026-03-05T12:00:00.000Z']);
  });
});

test('any bit that is flipped in what is sealed is found', async () => {
  const sealed = await sealedTrail(250);
  const { seal, record, found, trail, store } = sealed;
  await seal(NOW - 24 * HOUR);
  await record(30);
  await seal();
  // The first tile goes as a whole, but for what the seal of the day before needs, and some of the second.
  const rules = [rule({ keep: 20 })];
  const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
  await executePrune(store, prepared, { busyTimeout: 1000, sealKey: sealed.key(), now: NOW });
  await rotateKey(store, sealed.key(), { now: NOW, actor: ACTOR });
  await record(5);
  await seal();
  expect(await found()).toEqual(['intact']);
  const plain = trail.plain();
  plain.exec('DROP TRIGGER daybook_entries_append_only_update');
  const sealedColumns = [
    ['daybook_seal_trail', 'trail', ['origin', 'key']],
    ['daybook_seals', 'seal', ['note']],
    ['daybook_seal_tiles', 'tile', ['root', 'secret', 'seqs', 'hashes', 'salts', 'edges']],
    ['daybook_seal_removals', 'removal', ['ranges', 'note']],
    ['daybook_seal_keys', 'handover', ['note']],
    ['daybook_entries', 'seq', ['message', 'action', 'actor', 'id', 'metadata']],
  ] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...sealedColumns),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      async ([table, key, columns], row, column, bit) => {
        const keys = plain.prepare<[], number>(`SELECT ${key} FROM ${table}`).pluck().all();
        const at = keys[row % keys.length];
        const name = columns[column % columns.length];
        const value = plain
          .prepare<unknown[], Buffer | string | null>(`SELECT ${name} FROM ${table} WHERE ${key} = ?`)
          .pluck()
          .get(at);
        fc.pre((value?.length ?? 0) > 0);
        const bytes = Buffer.from(value as string);
        const place = bit % (bytes.length * 8);
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(place >> 3) ^ (1 << (place & 7)), place >> 3);
        const put = plain.prepare(`UPDATE ${table} SET ${name} = ? WHERE ${key} = ?`);
        const text = flipped.toString();
        const as = typeof value === 'string' ? text : flipped;
        // Text that is no UTF-8 any more becomes another one: that is a change as well.
        try {
          put.run(as, at);
        } catch {
          // A rule of the table refuses it.
          return;
        }
        const [verdict, ...codes] = await found();
        put.run(value, at);
        expect(verdict, `${table}.${name} of ${at}, bit ${place}`).toBe('found');
        expect(codes.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 60 },
  );
  expect(await found()).toEqual(['intact']);
});
