import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { Filter } from '../../src/core/filter.js';
import { keyLine, newPrivateKey, publicKeyOf, signBytes, signedNote } from '../../src/core/evidence/notes.js';
import { releaseStatement } from '../../src/core/hold.js';
import type { Hold, PlacedHold } from '../../src/core/hold.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import type { PruneResult } from '../../src/operations/prune.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { filter as anyFilter } from '../store/arbitraries.js';
import { HAS_POSTGRES } from '../store/postgres-trail.js';
import { initialize } from '../../src/store/postgres/index.js';
import { initialize as initializeSqlite } from '../../src/store/sqlite/upkeep/initialize.js';
import { addressOf } from '../../src/core/address.js';
import { ACTOR, NOW, numbered, readAll, recordAll, rule, sqliteTrail } from '../store/trail.js';
import { sealedInPostgres, sealedTrail } from './sealed.js';

const hold = (name: string, filter: Filter, more: Partial<Hold> = {}): Hold => ({
  name,
  filter,
  reason: 'a case',
  until: null,
  releaseKey: null,
  ...more,
});

async function pruneAll(store: AuditStore): Promise<PruneResult> {
  const rules = [rule({ before: Number.MAX_SAFE_INTEGER })];
  const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
  return executePrune(store, prepared, { busyTimeout: 1000 });
}

describe('a hold', () => {
  test('keeps what it matches from a prune, which tells how many, until it is released', async () => {
    const { store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(10, (index) => ({ actor: index < 4 ? "o'brien?" : 'other' })),
    );
    await store.placeHold(hold("o'brien's?", { actor: ["o'brien?"] }), ACTOR);
    expect(await store.foreignTriggers()).toEqual([]);
    expect(await pruneAll(store)).toMatchObject({ deleted: 7, held: 4 });
    expect(await store.holds()).toMatchObject([{ name: "o'brien's?", binds: true, entry: 11 }]);
    await store.releaseHold("o'brien's?", 'closed', null, ACTOR);
    expect(await pruneAll(store)).toMatchObject({ held: 0 });
    const told = (await readAll(store, { filter: {} })).map(({ action }) => action);
    expect(told).toEqual(['prune']);
    await expect(store.releaseHold("o'brien's?", 'again', null, ACTOR)).rejects.toMatchObject({ kind: 'missing' });
  });

  test('whose trigger is gone, or is one of an earlier version, is put back by init, which tells it', async () => {
    const { store, trail, tamper, found, seal } = await sealedTrail(5);
    await store.placeHold(hold('court', { changed: ['fee'] }), ACTOR);
    await seal();
    const trigger = `daybook_hold_${Buffer.from('court').toString('hex')}`;
    const earlier = `CREATE TRIGGER ${trigger} BEFORE DELETE ON daybook_entries BEGIN SELECT RAISE(ABORT, 'kept'); END`;
    for (const sql of [`DROP TRIGGER ${trigger}`, `DROP TRIGGER ${trigger}; ${earlier}`]) {
      tamper(sql);
      expect(await store.holds()).toMatchObject([{ binds: false }]);
      expect(
        initializeSqlite({ path: trail.path, alongside: false, busyTimeout: 1000, clock: () => NOW, actor: ACTOR }),
      ).toMatchObject({ outcome: 'repaired', repaired: expect.arrayContaining(['the hold court']) as string[] });
      expect(await store.holds()).toMatchObject([{ binds: true }]);
      await seal();
      expect(await found()).toEqual(['intact']);
    }
  });

  test('binds every program, and a batch that was planned before', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(10));
    const rules = [rule({ before: Number.MAX_SAFE_INTEGER })];
    const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
    await store.placeHold(hold('late', { search: 'number 7' }), ACTOR);
    await expect(executePrune(store, prepared, { busyTimeout: 1000 })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('hold late keeps this entry') as string,
    });
    const plain = trail.plain();
    plain.exec('DROP TRIGGER daybook_entries_append_only_delete');
    expect(() => plain.exec('DELETE FROM daybook_entries WHERE seq = 7')).toThrow(/hold late keeps this entry/);
    plain.exec('DELETE FROM daybook_entries WHERE seq = 6');
  });

  test('of a name that there is already is refused', async () => {
    const { store } = await sqliteTrail();
    await store.placeHold(hold('a', {}), ACTOR);
    await expect(store.placeHold(hold('a', {}), ACTOR)).rejects.toMatchObject({ kind: 'refused' });
  });

  test('with a release key is lifted by its signature over the statement, and by nothing else', async () => {
    const { store } = await sqliteTrail();
    const privateKey = newPrivateKey();
    const key = publicKeyOf(privateKey, 'auditor.example');
    await store.placeHold(hold('court', {}, { releaseKey: keyLine(key) }), ACTOR);
    const [placed] = (await store.holds()) as [PlacedHold];
    const statement = releaseStatement(placed);
    const other = newPrivateKey();
    for (const bad of [
      null,
      Buffer.from('signed'),
      signBytes(other, Buffer.from(statement)),
      signBytes(privateKey, Buffer.from(`${statement} `)),
      Buffer.from(signedNote(statement, other, publicKeyOf(other, 'auditor.example'))),
      Buffer.from(signedNote(statement.replace('court', 'other'), privateKey, key)),
    ]) {
      await expect(store.releaseHold('court', 'x', bad, ACTOR)).rejects.toMatchObject({ kind: 'refused' });
    }
    await store.releaseHold('court', 'judged', Buffer.from(signedNote(statement, privateKey, key)), ACTOR);
    await store.placeHold(hold('court', {}, { releaseKey: keyLine(key) }), ACTOR);
    const [again] = (await store.holds()) as [PlacedHold];
    // The signature of the first one lifts no other.
    await expect(
      store.releaseHold('court', 'x', Buffer.from(signedNote(statement, privateKey, key)), ACTOR),
    ).rejects.toMatchObject({ kind: 'refused' });
    await store.releaseHold('court', 'judged', signBytes(privateKey, Buffer.from(releaseStatement(again))), ACTOR);
    expect(await store.holds()).toEqual([]);
  });

  test('whose trigger, row or both are dropped is missed by verify', async () => {
    const sealed = await sealedTrail(10);
    await sealed.store.placeHold(hold('court', { actor: ['anna'] }), ACTOR);
    await sealed.seal();
    expect(await sealed.found()).toEqual(['intact']);
    const name = `daybook_hold_${Buffer.from('court').toString('hex')}`;
    sealed.tamper(`DROP TRIGGER ${name}`);
    expect(await sealed.found()).toEqual(['found', 'held-missing']);
    sealed.tamper(`CREATE TRIGGER ${name} BEFORE DELETE ON daybook_entries BEGIN SELECT 1; END`);
    expect(await sealed.found()).toEqual(['found', 'held-missing']);
    sealed.tamper(`DELETE FROM daybook_holds; DROP TRIGGER ${name}`);
    expect((await sealed.verify()).findings).toMatchObject([{ code: 'held-missing', first: ['court'] }]);
  });

  test('keeps exactly what its filter matches', async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(anyFilter, async (filter) => {
        const { reverted: _, ...kept } = filter;
        const { trail, store } = await sqliteTrail();
        await recordAll(
          store,
          numbered(6, (index) => ({
            actor: index % 2 ? 'a' : 'b',
            category: index % 3 ? 'auth' : 'entity',
            metadata: '{"a":1}',
          })),
        );
        const matching = new Set((await readAll(store, { filter: kept })).map(({ seq }) => seq));
        await store.placeHold(hold('h', kept), ACTOR);
        const plain = trail.plain();
        plain.exec('DROP TRIGGER daybook_entries_append_only_delete');
        const stayed = new Set<number>();
        for (let seq = 1; seq <= 6; seq++) {
          try {
            plain.exec(`DELETE FROM daybook_entries WHERE seq = ${seq}`);
          } catch {
            stayed.add(seq);
          }
        }
        expect(stayed).toEqual(matching);
        plain.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe.skipIf(!HAS_POSTGRES)('a hold in PostgreSQL', () => {
  test('keeps what it matches from a prune, and from every program', async () => {
    const { store, trail } = await sealedInPostgres(1);
    await recordAll(
      store,
      numbered(9, (index) => ({ actor: index < 3 ? "o'brien?" : 'other' })),
    );
    const rules = [rule({ before: Number.MAX_SAFE_INTEGER })];
    const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
    await store.placeHold(hold("o'brien's?", { actor: ["o'brien?"] }), ACTOR);
    expect(await store.foreignTriggers()).toEqual([]);
    expect(await store.holds()).toMatchObject([{ name: "o'brien's?", binds: true, entry: 11 }]);
    await expect(store.placeHold(hold("o'brien's?", {}), ACTOR)).rejects.toMatchObject({ kind: 'refused' });
    // It was planned before.
    await expect(executePrune(store, prepared, { busyTimeout: 1000 })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining("hold o'brien's? keeps this entry") as string,
    });
    expect(await pruneAll(store)).toMatchObject({ deleted: 8, held: 3 });
    const plain = await trail.plain();
    await plain.query('BEGIN; ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_append_only');
    await expect(plain.query('DELETE FROM daybook.daybook_entries')).rejects.toMatchObject({ code: 'DB001' });
    await plain.query('ROLLBACK');
    await store.releaseHold("o'brien's?", 'closed', null, ACTOR);
    expect(await pruneAll(store)).toMatchObject({ held: 0 });
    await expect(store.releaseHold("o'brien's?", 'again', null, ACTOR)).rejects.toMatchObject({ kind: 'missing' });
  });

  test('is placed behind what is being deleted, and before what is deleted next', async () => {
    const { store, trail } = await sealedInPostgres(5);
    const plain = await trail.plain();
    await plain.query('BEGIN; ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_append_only');
    await plain.query('DELETE FROM daybook.daybook_entries WHERE seq = 5');
    await expect(store.placeHold(hold('h', {}), ACTOR)).rejects.toMatchObject({ kind: 'busy' });
    await plain.query('ROLLBACK');
    await store.placeHold(hold('h', {}), ACTOR);
    expect((await store.holds())[0]?.binds).toBe(true);
  });

  test('whose trigger, condition or row is gone is missed by verify, and init puts the trigger back', async () => {
    const { store, trail, seal, found, verify, tamper } = await sealedInPostgres(10);
    await store.placeHold(hold('court', { actor: ['anna'] }), ACTOR);
    await seal();
    const plain = await trail.plain();
    const missed = async (sql: string): Promise<void> => {
      expect(await found()).toEqual(['intact']);
      await plain.query(sql);
      expect(await found()).toEqual(['found', 'held-missing']);
      const address = addressOf(trail.url);
      await initialize({ address, schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
      await seal();
    };
    await missed('ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_held');
    await missed('DROP TRIGGER daybook_held ON daybook.daybook_entries');
    await missed(
      'CREATE OR REPLACE FUNCTION daybook.daybook_held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    );
    await missed(`UPDATE daybook.daybook_holds SET condition = 'FALSE'`);
    expect(await found()).toEqual(['intact']);
    await tamper('DELETE FROM daybook_holds');
    expect((await verify()).findings).toMatchObject([{ code: 'held-missing', first: ['court'] }]);
  });

  test('keeps exactly what its filter matches', async () => {
    const { store, trail } = await sealedInPostgres(1);
    await recordAll(
      store,
      numbered(6, (index) => ({
        actor: index % 2 ? 'a' : 'b',
        category: index % 3 ? 'auth' : 'entity',
        metadata: '{"a":1}',
        ...(index === 5 && { reverts: 'x' }),
      })),
    );
    const plain = await trail.plain();
    await fc.assert(
      fc.asyncProperty(anyFilter, async (filter) => {
        const seqs = (await readAll(store, { filter })).map(({ seq }) => seq);
        await store.placeHold(hold('h', filter), ACTOR);
        const all = (await readAll(store, { filter: {} })).map(({ seq }) => seq);
        const stayed: number[] = [];
        await plain.query('BEGIN; ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_append_only');
        for (const seq of all) {
          await plain.query('SAVEPOINT one');
          const deleting = plain.query('DELETE FROM daybook.daybook_entries WHERE seq = $1', [seq]);
          await deleting.catch(() => stayed.push(seq));
          await plain.query('ROLLBACK TO SAVEPOINT one');
        }
        await plain.query('ROLLBACK');
        const late = all.filter((seq) => stayed.includes(seq) && !seqs.includes(seq));
        // Only the entry that tells of the hold came since, and it may match as well.
        expect(late.filter((seq) => seq !== Math.max(...all))).toEqual([]);
        expect(stayed).toEqual(expect.arrayContaining(seqs));
        await store.releaseHold('h', 'tried', null, ACTOR);
      }),
      { numRuns: 20 },
    );
  });
});
