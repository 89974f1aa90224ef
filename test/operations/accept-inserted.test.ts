import { describe, expect, test } from 'vitest';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { proveEntry } from '../../src/operations/proof.js';
import { seal } from '../../src/operations/seal.js';
import type { SealResult } from '../../src/operations/seal.js';
import { verifyFile } from '../../src/operations/verify-file.js';
import { ACTOR, NOW, readAll, rule } from '../store/trail.js';
import { sealedTrail } from './sealed.js';
import type { SealedTrail } from './sealed.js';

const accept = ({ store, key }: SealedTrail): Promise<SealResult> =>
  seal(store, key(), { now: NOW, accept: { reason: 'a restored disk', actor: ACTOR } });

const INSERT = `INSERT INTO daybook_entries (seq, action, message) `;

/** A trail with a gap from 21 to `gap`, and entries behind it, in two seals. */
async function withGap(gap = 1000, behind = 3): Promise<SealedTrail> {
  const sealed = await sealedTrail(20);
  await sealed.seal();
  sealed.trail.plain().exec(`UPDATE sqlite_sequence SET seq = ${gap} WHERE name = 'daybook_entries'`);
  await sealed.record(behind);
  await sealed.seal();
  return sealed;
}

describe('what was inserted before the last seal', () => {
  test('is sealed once somebody accepts it, counted from then on, and told by an entry', async () => {
    const sealed = await withGap();
    sealed.tamper(`${INSERT} VALUES (30, 'a', 'late'), (31, 'a', 'late'), (77, 'a', 'late')`);
    await sealed.record(1);
    expect(await sealed.seal()).toMatchObject({ added: 1, accepted: 0 });
    expect(await sealed.found()).toEqual(['found', 'inserted']);
    expect(await accept(sealed)).toMatchObject({ added: 4, accepted: 3, unsealed: 0 });
    expect(await sealed.verify({ strict: true })).toMatchObject({
      verdict: 'intact',
      entries: { checked: 28, accepted: 3, unsealed: 0 },
    });
    const [told] = await readAll(sealed.store, { filter: { action: ['seal_accept'] } });
    expect(told).toMatchObject({
      category: 'system',
      severity: 'warning',
      actor: 'anna',
      message: 'a restored disk',
      metadata: '{"count":3,"seqs":"30-31,77"}',
    });
    // What is accepted is sealed as anything else is.
    const text = await proveEntry(sealed.store, '77');
    expect(verifyFile({ subject: '77', text, pinned: sealed.pinned }).verdict).toBe('intact');
    sealed.tamper(`UPDATE daybook_entries SET message = 'x' WHERE seq = 77`);
    expect((await sealed.verify()).findings).toMatchObject([{ code: 'altered', first: [77] }]);
  });

  test('is nothing where nothing was: no entry tells of it, and what is new is sealed', async () => {
    const sealed = await withGap();
    await sealed.record(2);
    expect(await accept(sealed)).toMatchObject({ added: 2, accepted: 0 });
    expect(await accept(sealed)).toMatchObject({ added: 0, accepted: 0 });
    expect(await readAll(sealed.store, { filter: { action: ['seal_accept'] } })).toEqual([]);
  });

  test('before the first seal is nothing but new', async () => {
    const sealed = await sealedTrail(5);
    expect(await accept(sealed)).toMatchObject({ added: 5, accepted: 0 });
  });

  test('over many tiles, again and again, and pruned later', async () => {
    const sealed = await withGap(5000, 600);
    sealed.tamper(
      `${INSERT} WITH RECURSIVE n(seq) AS (VALUES (30) UNION ALL SELECT seq + 3 FROM n WHERE seq < 3000) SELECT seq, 'a', 'late ' || seq FROM n`,
    );
    const first = await accept(sealed);
    expect(first.accepted).toBe(991);
    sealed.tamper(`${INSERT} VALUES (31, 'a', 'later'), (4000, 'a', 'later')`);
    expect(await accept(sealed)).toMatchObject({ accepted: 2 });
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { accepted: 993, unsealed: 0 } });
    const rules = [rule({ filter: { search: 'late 1' }, before: Number.MAX_SAFE_INTEGER })];
    const prepared = await preparePrune(sealed.store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
    const { deleted } = await executePrune(sealed.store, prepared, {
      busyTimeout: 1000,
      sealKey: sealed.key(),
      now: NOW,
    });
    expect(deleted).toBeGreaterThan(300);
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { accepted: 993 - deleted } });
  });

  test('and falls while it is sealed, is not sealed', async () => {
    const sealed = await withGap();
    sealed.tamper(`${INSERT} VALUES (30, 'a', 'late'), (31, 'a', 'late'), (77, 'a', 'late')`);
    const { putTiles } = sealed.store;
    let batches = 0;
    sealed.store.putTiles = async (...given) => {
      batches += 1;
      if (batches === 1) sealed.tamper('DELETE FROM daybook_entries WHERE seq = 77');
      return putTiles(...given);
    };
    await accept(sealed);
    sealed.store.putTiles = putTiles;
    expect(batches).toBe(2);
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { accepted: 2, unsealed: 0 } });
  });

  test('is not looked for where a tile cannot be read', async () => {
    const sealed = await withGap();
    sealed.tamper(`UPDATE daybook_seal_tiles SET seqs = 'x'`);
    await expect(accept(sealed)).rejects.toMatchObject({ kind: 'refused' });
  });
});

describe('an entry that plain SQL gave an older time than the seal before it', () => {
  test.each([
    ['is backdated', `'2026-03-05T11:58:59.999Z', NULL`, ['found', 'backdated']],
    ['by no more than a transaction may be open, is none', `'2026-03-05T11:59:00.000Z', NULL`, ['intact']],
    ['and said when it was recorded, is none', `'2001-01-01T00:00:00.000Z', '2026-03-05T12:00:00.000Z'`, ['intact']],
  ])('%s', async (_name, times, expected) => {
    const sealed = await sealedTrail(5);
    await sealed.seal();
    sealed.trail.plain().exec(`INSERT INTO daybook_entries (action, ts, recorded_at) VALUES ('a', ${times})`);
    await sealed.seal();
    expect(await sealed.found({ strict: true })).toEqual(expected);
  });

  test('is one by the seal before it, and not by a later one, nor by none', async () => {
    const sealed = await sealedTrail(1);
    const plain = sealed.trail.plain();
    const insert = (ts: string): unknown =>
      plain.prepare(`INSERT INTO daybook_entries (action, ts) VALUES ('a', ?)`).run(ts);
    // Before the first seal nobody can tell.
    insert('2001-01-01T00:00:00.000Z');
    await sealed.seal(NOW);
    insert('2026-03-05T13:00:00.000Z');
    await sealed.seal(NOW + 7_200_000);
    insert('2026-03-05T13:00:00.000Z');
    await sealed.seal(NOW + 8_000_000);
    expect((await sealed.verify({ strict: true, now: NOW + 8_000_000 })).findings).toMatchObject([
      { code: 'backdated', first: [4] },
    ]);
  });
});
