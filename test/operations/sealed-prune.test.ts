import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import type { PruneResult } from '../../src/operations/prune.js';
import type { PruneRule } from '../../src/store/audit-store.js';
import { ACTOR, NOW, rule } from '../store/trail.js';
import { ENGINES } from './sealed.js';
import type { Sealed } from './sealed.js';

const ALL = Number.MAX_SAFE_INTEGER;

/** Prunes, with the key at hand or without. */
async function prune({ store, key }: Sealed, rules: readonly PruneRule[], signed = true): Promise<PruneResult> {
  const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
  return executePrune(store, prepared, { busyTimeout: 1000, ...(signed ? { sealKey: key(), now: NOW } : {}) });
}

/** All that match but the newest so many. */
const keep = (count: number): PruneRule[] => [rule({ keep: count })];
const messages = (...names: string[]): PruneRule[] => names.map((search) => rule({ filter: { search }, before: ALL }));

/** What the tiles keep of each: the numbers of hashes and salts, the length of edges, and whether there is a secret. */
async function tilesOf({ store }: Sealed): Promise<unknown[]> {
  return (await store.tiles(0, 1000)).map(({ hashes, secret, salts, edges }) => ({
    hashes: hashes.length / 32,
    secret: secret === null ? 0 : 1,
    salts: salts === null ? null : (salts.length - 32) / 16,
    edges: edges?.length ?? null,
  }));
}

describe.each(ENGINES)('a prune of a sealed trail in %s', (engine, sealedTrail) => {
  test('seals the tail, signs what goes, and destroys what opened it', async () => {
    const sealed = await sealedTrail(600);
    await sealed.seal();
    await sealed.record(10);
    // The prune's own entry is among those that stay.
    expect(await prune(sealed, keep(11))).toMatchObject({ deleted: 600 });
    expect(await tilesOf(sealed)).toEqual([
      { hashes: 0, secret: 0, salts: null, edges: 0 },
      { hashes: 0, secret: 0, salts: null, edges: 0 },
      { hashes: 98, secret: 0, salts: 10, edges: null },
    ]);
    expect(await sealed.verify()).toMatchObject({
      verdict: 'intact',
      entries: { checked: 10, pruned: 600, unsealed: 1 },
      seals: { checked: 2, skipped: 0 },
    });
    await sealed.record(300);
    await sealed.seal();
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { checked: 311, pruned: 600 } });
  });

  test('keeps what the last seal of each day needs, and tells of those that it cannot check any more', async () => {
    const sealed = await sealedTrail(100);
    const DAY = 86_400_000;
    for (const [more, at] of [
      [20, NOW],
      [3, NOW + 1000],
      [4, NOW + DAY],
      [500, NOW + 2 * DAY],
    ] as const) {
      // Else they would be older than the seal before them.
      sealed.trail.clock.now = at;
      await sealed.record(more);
      await sealed.seal(at);
    }
    const [first = '', second = ''] = (await sealed.store.seals(0, 2)).map(({ note }) => note);
    const paper = (text: string): object => ({ checkpoints: [{ name: 'paper', text }] });
    await prune(sealed, keep(20));
    const found = await sealed.verify({ now: NOW + 2 * DAY });
    expect(found).toMatchObject({ verdict: 'intact', seals: { checked: 3, skipped: 1 }, findings: [] });
    expect(await sealed.found(paper(second))).toEqual(['intact']);
    expect(await sealed.found(paper(first))).toEqual(['found', 'uncheckable']);
    // What is kept for it must still lead to the root.
    const edges = (await sealed.store.tile(0))?.edges ?? Buffer.of();
    edges.writeUInt8(edges.readUInt8(40) ^ 1, 40);
    await sealed.tamper('UPDATE daybook_seal_tiles SET edges = ? WHERE tile = 0', edges);
    expect(await sealed.found(paper(second))).toEqual(['found', 'altered-between', 'split-view', 'bad-seal']);
    // And it must be there, as a whole.
    for (const left of ['NULL', 'zeroblob(0)']) {
      await sealed.tamper(`UPDATE daybook_seal_tiles SET edges = ${left} WHERE tile = 0`);
      expect(await sealed.found()).toContain('bad-seal');
    }
  });

  test('without the key is said', async () => {
    const sealed = await sealedTrail(100);
    await sealed.seal();
    await prune(sealed, messages('number 7'), false);
    expect(await sealed.found()).toEqual(['found', 'pruned-unattested']);
  });

  test('that is cut off is covered for its plan, and for nothing else', async () => {
    const sealed = await sealedTrail(400);
    await sealed.seal();
    const { store } = sealed;
    const { deleteBatch } = store;
    let batches = 0;
    store.deleteBatch = async (number, plan, after) => {
      batches += 1;
      if (batches === 3) throw new Error('killed');
      return deleteBatch(number, plan, after, 20);
    };
    await expect(prune(sealed, keep(100))).rejects.toThrow('killed');
    store.deleteBatch = deleteBatch;
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { pruned: 40, checked: 360 } });
    // What the plan has left is there, with its salt: nobody can take it under this cover.
    await sealed.tamper('DELETE FROM daybook_entries WHERE seq = 50');
    expect(await sealed.found()).toEqual(['found', 'missing']);
    await sealed.tamper(
      'DELETE FROM daybook_entries WHERE seq = 390; UPDATE daybook_seal_tiles SET secret = NULL, salts = NULL WHERE tile = 1',
    );
    expect(await sealed.found()).toEqual(['found', 'missing', 'reappeared', 'unopenable', 'pruned-unattested']);
  });

  test('a pruned entry that is brought back is seen', async () => {
    const sealed = await sealedTrail(100);
    await sealed.seal();
    await sealed.tamper('CREATE TABLE kept AS SELECT * FROM daybook_entries WHERE seq = 8');
    await prune(sealed, messages('number 7'));
    await sealed.tamper(
      `INSERT INTO daybook_entries (seq, id, ts, action, message) SELECT seq, id, ts, action, message FROM kept; DROP TABLE kept`,
    );
    expect(await sealed.found()).toEqual(['found', 'reappeared']);
  });

  test.each([
    ['its ranges', `UPDATE daybook_seal_removals SET ranges = '8-9'`],
    ['its prune', 'UPDATE daybook_seal_removals SET prune = 7'],
    ['its statement', `UPDATE daybook_seal_removals SET note = replace(note, 'count 1', 'count 2')`],
    ['its size', `UPDATE daybook_seal_removals SET note = replace(note, 'size 100', 'size 101')`],
    ['its form', `UPDATE daybook_seal_removals SET note = replace(note, '/v1', '/v2')`],
    ['what it is', `UPDATE daybook_seal_removals SET note = 'gone', ranges = 'x'`],
  ])('a removal whose %s was edited counts for nothing', async (_what, edit) => {
    const sealed = await sealedTrail(100);
    await sealed.seal();
    await prune(sealed, messages('number 7'));
    expect(await sealed.found()).toEqual(['intact']);
    await sealed.tamper(edit);
    expect(await sealed.found()).toEqual(['found', 'bad-removal', 'pruned-unattested']);
  });

  test('beside seals, again and again: each entry that stays is proved, each that goes is accounted for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ do: fc.constant('record' as const), count: fc.integer({ min: 1, max: 300 }) }),
            fc.record({ do: fc.constant('seal' as const), count: fc.constant(0) }),
            fc.record({ do: fc.constant('prune' as const), count: fc.integer({ min: 1, max: 200 }) }),
            fc.record({ do: fc.constant('scatter' as const), count: fc.integer({ min: 0, max: 99 }) }),
            fc.record({ do: fc.constant('hold' as const), count: fc.integer({ min: 0, max: 9 }) }),
            fc.record({ do: fc.constant('release' as const), count: fc.constant(0) }),
          ),
          { minLength: 3, maxLength: 9 },
        ),
        fc.nat(),
        async (steps, seed) => {
          const sealed = await sealedTrail(5);
          await sealed.seal();
          const { store } = sealed;
          const held = new Map<string, Filter>();
          const kept = (): Promise<number[]> =>
            Promise.all([...held.values()].map(async (filter) => (await store.extent(filter)).count));
          const pruned = async (rules: readonly PruneRule[]): Promise<void> => {
            const before = await kept();
            await prune(sealed, rules);
            expect(await kept()).toEqual(before);
          };
          for (const [step, { do: what, count }] of steps.entries()) {
            if (what === 'record') await sealed.record(count);
            else if (what === 'seal') await sealed.seal();
            else if (what === 'prune') await pruned(keep(count));
            else if (what === 'scatter') await pruned(messages(`${count}`));
            else if (what === 'hold') {
              const hold = { name: `hold ${step}`, filter: { search: `number ${count}` } };
              await store.placeHold({ ...hold, reason: 'a case', until: null, releaseKey: null }, ACTOR);
              held.set(hold.name, hold.filter);
            } else {
              for (const name of held.keys()) await store.releaseHold(name, 'the case is closed', null, ACTOR);
              held.clear();
            }
          }
          await sealed.seal();
          const { count } = await sealed.store.extent({});
          const deleted = await sealed.store.prunedSoFar();
          expect(await sealed.verify()).toMatchObject({
            verdict: 'intact',
            entries: { checked: count, pruned: deleted, unsealed: 0 },
          });
          // And whichever of what stays is altered is named.
          const { rows } = await store.rows({ filter: {}, order: 'recorded', limit: 1000, upTo: await store.mark() }, [
            'seq',
          ]);
          const seq = rows[seed % rows.length]?.[0];
          await sealed.tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = ${seq}`);
          expect((await sealed.verify()).findings).toMatchObject([{ code: 'altered', count: 1, first: [seq] }]);
        },
      ),
      { numRuns: engine === 'SQLite' ? 12 : 6 },
    );
  });
});
