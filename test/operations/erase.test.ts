import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ACCOUNTS_OF_ITSELF, SKELETON_FIELDS } from '../../src/core/erasure.js';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { executeErase, prepareErase, rehearseErase } from '../../src/operations/erase.js';
import type { EraseResult } from '../../src/operations/erase.js';
import { history } from '../../src/operations/history.js';
import type { HistoryRequest } from '../../src/operations/history.js';
import type { Reading } from '../../src/operations/reading.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { status } from '../../src/operations/status.js';
import { unaccountedOf } from '../../src/operations/problems.js';
import type { AuditStore, PruneRule } from '../../src/store/audit-store.js';
import { HAS_POSTGRES, makePostgresTrail } from '../store/postgres-trail.js';
import { ACTOR, NOW, recordAll, rule, seqsOf, sqliteTrail } from '../store/trail.js';
import { ENGINES } from './sealed.js';
import type { Sealed } from './sealed.js';

/** Erases, with the key at hand or without. */
async function erase(
  { store, key }: Pick<Sealed, 'store'> & Partial<Pick<Sealed, 'key'>>,
  filter: Filter,
  signed = key !== undefined,
): Promise<EraseResult> {
  const prepared = await prepareErase(store, { filter, reason: 'a request', actor: ACTOR }, NOW);
  return executeErase(store, prepared, {
    busyTimeout: 1000,
    ...(signed && key !== undefined ? { sealKey: key(), now: NOW } : {}),
  });
}

async function prune({ store, key }: Sealed, rules: readonly PruneRule[]): Promise<void> {
  const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
  await executePrune(store, prepared, { busyTimeout: 1000, sealKey: key(), now: NOW });
}

const of = (search: string): Filter => ({ search });

async function unaccounted(store: AuditStore): Promise<number> {
  return unaccountedOf((await store.facts(NOW)).tally);
}

describe('an erasure', () => {
  test('takes rows, and leaves skeletons, an account and one entry without the id', async () => {
    const { store, trail } = await sqliteTrail();
    await recordAll(store, [
      {
        action: 'login',
        actor: 'carol-4711',
        category: 'auth',
        message: 'of carol-4711',
        ts: '2026-01-01T00:00:00.000Z',
      },
      { action: 'login', actor: 'bob', category: 'auth' },
      { action: 'update', actor: 'carol-4711', severity: 'warning', entity_type: 'machine', entity_id: '7' },
    ]);
    const filter = { actor: ['carol-4711'] };
    const prepared = await prepareErase(store, { filter, reason: 'a request', actor: ACTOR }, NOW);
    expect(await rehearseErase(store, prepared)).toMatchObject({ dry_run: true, erased: 2, held: 0, remaining: 2 });
    expect(await seqsOf(store, {}, 'recorded')).toEqual([1, 2, 3]);
    expect(await erase({ store }, filter)).toMatchObject({
      dry_run: false,
      erased: 2,
      held: 0,
      kept: 0,
      remaining: 2,
      signed: false,
      entry: 4,
    });
    expect(await store.findErased(1)).toEqual({
      seq: 1,
      ts: '2026-01-01T00:00:00.000Z',
      category: 'auth',
      action: 'login',
      severity: 'info',
      entity_type: null,
      erased_by: 4,
    });
    expect(await store.findErased(2)).toBeUndefined();
    expect(await store.erasedBetween(null, null, 10)).toMatchObject([{ seq: 1 }, { seq: 3, entity_type: 'machine' }]);
    expect(await store.erasedBetween({ ms: Date.UTC(2026, 0, 1), seq: 1 }, null, 10)).toMatchObject([{ seq: 3 }]);
    expect(await store.erasedBetween(null, { ms: NOW, seq: 3 }, 10)).toMatchObject([{ seq: 1 }]);
    expect(await store.find({ seq: 4 })).toMatchObject({ action: 'erase', category: 'system', actor: 'anna' });
    // Whatever SQLite keeps of it in the tables.
    const plain = trail.plain();
    const tables = plain
      .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'daybook_*'`)
      .pluck()
      .all();
    for (const table of tables) {
      const rows = plain.prepare(`SELECT * FROM ${table}`).all();
      expect(JSON.stringify(rows), table).not.toContain('carol');
    }
    expect(await unaccounted(store)).toBe(0);
    const told = await status(store, {
      database: 'audit.db',
      now: NOW,
      zone: 'UTC',
      grace: { text: '26h', amount: 26, unit: 'h' },
      strict: true,
    });
    expect(told).toMatchObject({ last_prune: null, problems: [] });
  });
});

/** An empty trail in each engine that there is. */
const STORES: readonly (readonly [name: string, open: () => Promise<AuditStore>])[] = [
  ['SQLite', async () => (await sqliteTrail()).store],
  ...(HAS_POSTGRES ? [['PostgreSQL', postgresStore] as const] : []),
];

async function postgresStore(): Promise<AuditStore> {
  const trail = await makePostgresTrail();
  onTestFinished(() => trail.remove());
  return trail.open();
}

describe.each(STORES)('an erasure in %s', (_engine, open) => {
  test('is refused where a hold keeps one of the entries, and takes none', async () => {
    const store = await open();
    await recordAll(store, [{ actor: 'carol' }, { actor: 'carol', entity_type: 'machine', entity_id: '7' }]);
    const hold = { name: 'case', reason: 'court', until: null, releaseKey: null };
    await store.placeHold({ ...hold, filter: { entity: [{ type: 'machine', id: '7' }] } }, ACTOR);
    const filter = { actor: ['carol'] };
    const prepared = await prepareErase(store, { filter, reason: 'r', actor: ACTOR }, NOW);
    expect(await rehearseErase(store, prepared)).toMatchObject({ erased: 1, held: 1 });
    await expect(erase({ store }, filter)).rejects.toMatchObject({
      kind: 'refused',
      message: 'holds keep 1 entry of these: nothing was erased',
    });
    expect(await seqsOf(store, filter)).toEqual([2, 1]);
    await store.releaseHold('case', 'judged', null, ACTOR);
    expect(await erase({ store }, filter)).toMatchObject({ erased: 2 });
  });

  test('is refused where a hold comes between, and what went by then is accounted for', async () => {
    const store = await open();
    await recordAll(store, [{ actor: 'carol' }, { actor: 'carol' }]);
    const prepared = await prepareErase(store, { filter: { actor: ['carol'] }, reason: 'r', actor: ACTOR }, NOW);
    await store.placeHold({ name: 'case', filter: {}, reason: 'court', until: null, releaseKey: null }, ACTOR);
    await expect(executeErase(store, prepared, { busyTimeout: 100 })).rejects.toMatchObject({ kind: 'refused' });
    expect(await seqsOf(store, { actor: ['carol'] })).toEqual([2, 1]);
    expect(await store.erasedBetween(null, null, 10)).toEqual([]);
    expect(await unaccounted(store)).toBe(0);
  });

  test('says nothing of the person in what stays', async () => {
    const store = await open();
    await recordAll(store, [{ actor: '7' }]);
    const of7: Filter = { actor: ['7'] };
    const refused = (reason: string, filter = of7, actor = ACTOR): Promise<unknown> =>
      expect(prepareErase(store, { filter, reason, actor }, NOW)).rejects.toMatchObject({ kind: 'usage' });
    await refused('asked by 7');
    await refused('Ines asked', { entity: [{ type: 'user', id: 'ines' }] });
    await refused('all of tenant:9', { scope: ['tenant:9'] });
    await refused('asked by x@y', { search: 'X@Y' });
    await refused('a request', { meta: [{ path: 'mail', value: 'request' }] });
    await refused('all right', of7, { ...ACTOR, actor: '7' });
    for (const reason of ['request 17', '7a', 'by the 77th'])
      await prepareErase(store, { filter: of7, reason, actor: ACTOR }, NOW);
  });

  test('leaves the entries by which daybook accounts for itself, and tells how many', async () => {
    const store = await open();
    await recordAll(store, [{ actor: 'anna' }, { actor: 'anna', category: 'system', action: 'import' }]);
    const hold = { name: 'case', filter: { actor: ['nobody'] }, reason: 'court', until: null, releaseKey: null };
    await store.placeHold(hold, ACTOR);
    const actor = { ...ACTOR, actor: 'root' };
    const prepared = await prepareErase(store, { filter: { actor: ['anna'] }, reason: 'r', actor }, NOW);
    expect(await executeErase(store, prepared, { busyTimeout: 100 })).toMatchObject({ erased: 2, kept: 1 });
    expect(await seqsOf(store, ACCOUNTS_OF_ITSELF)).toEqual([4, 3]);
  });

  test('takes an entry that takes another back for itself alone', async () => {
    const store = await open();
    await recordAll(store, [{ id: 'a', actor: 'bob' }, { id: 'b', actor: 'carol', reverts: 'a' }, { reverts: 'b' }]);
    expect(await erase({ store }, { actor: ['carol'] })).toMatchObject({ erased: 1 });
    expect(await seqsOf(store, {}, 'recorded')).toEqual([1, 3, 4]);
  });
});

describe.each(STORES)('history in %s shows in the place of erased entries what is left of them', (engine, open) => {
  const ms = (entry: { ts: string }): number => Date.parse(entry.ts);
  const isPlace = ({ actor }: HistoryEntry): boolean => actor === '(erased)';
  const countOf = ({ message }: HistoryEntry): number => 1 + Number(/and (\d+) more here/.exec(message)?.[1] ?? 0);

  /** The whole list, in pages. */
  async function listed(store: AuditStore, request: HistoryRequest, reading: Reading): Promise<HistoryEntry[]> {
    const all: HistoryEntry[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const pages = history(store, { ...request, cursor }, reading);
      for (;;) {
        const { value, done } = await pages.next();
        if (done === true) {
          cursor = value;
          break;
        }
        if (value.as === 'entries') all.push(...value.entries);
        if (value.as !== 'rows' || reading.as !== 'rows') continue;
        for (const row of value.rows) {
          all.push(Object.fromEntries(reading.columns.map((field, at) => [field, row[at]])) as never);
        }
      }
    }
    return all;
  }

  test('page by page, in order, and none of what a filter cannot have found', async () => {
    const draw = fc.record({
      days: fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('carol', 'bob')), { maxLength: 40 }),
      limit: fc.integer({ min: 1, max: 12 }),
      order: fc.constantFrom('newest' as const, 'oldest' as const),
      as: fc.constantFrom('entries' as const, 'rows' as const),
      filter: fc.constantFrom<Filter>(
        {},
        { severity: ['error'] },
        { entity: [{ type: 'machine' }] },
        { not: { severity: ['error'], actor: ['eve'] } },
        { since: Date.UTC(2026, 0, 2), until: Date.UTC(2026, 0, 4) },
      ),
    });
    await fc.assert(
      fc.asyncProperty(draw, async ({ days, limit, order, as, filter }) => {
        const store = await open();
        await recordAll(
          store,
          days.map(([day, actor], at) => ({
            actor,
            ts: new Date(Date.UTC(2026, 0, 1 + day)).toISOString(),
            severity: at % 3 === 0 ? 'error' : 'info',
            entity_type: at % 2 === 0 ? 'machine' : null,
          })),
        );
        const reading: Reading = as === 'entries' ? { as } : { as, columns: ENTRY_FIELDS };
        const asked = { filter, order, limit, question: '' };
        const before = await listed(store, asked, reading);
        expect(await listed(store, { ...asked, erased: true }, reading)).toEqual(before);
        if (days.some(([, actor]) => actor === 'carol')) await erase({ store }, { actor: ['carol'] });
        const after = await listed(store, { ...asked, erased: true }, reading);
        expect(after.filter((entry) => !isPlace(entry))).toEqual(await listed(store, asked, reading));
        const places = after.filter(isPlace);
        const gone = before.filter(({ actor }) => actor === 'carol');
        expect(places.reduce((sum, place) => sum + countOf(place), 0)).toBe(gone.length);
        for (const { seq, ts, severity, action, category, entity_type } of places) {
          expect(gone).toContainEqual(
            expect.objectContaining({ seq, ts, severity, action, category, entity_type }) as HistoryEntry,
          );
        }
        const sorted = after.toSorted((a, b) => ms(a) - ms(b) || a.seq - b.seq);
        expect(after).toEqual(order === 'oldest' ? sorted : sorted.toReversed());
      }),
      { numRuns: engine === 'SQLite' ? 30 : 6 },
    );
  });

  test('and nothing where a filter asks for what is gone', async () => {
    const store = await open();
    await recordAll(store, [{ actor: 'carol', message: 'x' }]);
    await erase({ store }, { actor: ['carol'] });
    const list = (filter: Filter): Promise<HistoryEntry[]> =>
      listed(store, { filter, order: 'newest', limit: 9, question: '', erased: true }, { as: 'entries' });
    expect(await list({ action: ['update'] })).toMatchObject([{ seq: 1, message: 'erased: entry 2 tells why' }]);
    for (const filter of [
      { actor: ['carol'] },
      { search: 'x' },
      { meta: [{ path: 'a', value: 'b' }] },
      { changed: ['a'] },
      { entity: [{ id: '7' }] },
      { scope: ['a:b'] },
      { reverted: true },
      { action: ['update'], reverted: true },
    ]) {
      expect(await list(filter), JSON.stringify(filter)).toEqual([]);
    }
  });
});

describe.each(ENGINES)('an erasure from a sealed trail in %s', (engine, sealedTrail) => {
  async function scene(): Promise<Sealed> {
    const sealed = await sealedTrail(100);
    await sealed.seal();
    return sealed;
  }

  test('is signed before, and accounted for as erased', async () => {
    const sealed = await scene();
    await sealed.record(5);
    expect(await erase(sealed, of('number 7'))).toMatchObject({ erased: 11, signed: true });
    expect(await sealed.verify()).toMatchObject({
      verdict: 'intact',
      entries: { checked: 94, pruned: 0, erased: 11, unsealed: 1 },
    });
    const [{ note } = { note: '' }] = await sealed.store.removals(0);
    expect(note).toMatch(
      /^daybook\.erased\/v1\nexample\.com\/audit\nerase 1\ncount 11\nranges [0-9a-f]{64}\nskeletons [0-9a-f]{64}\nsize 105\n\n/,
    );
    await prune(sealed, [rule({ keep: 20 })]);
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { erased: 11, pruned: 76 } });
  });

  test('without the key is said', async () => {
    const sealed = await scene();
    expect(await erase(sealed, of('number 7'), false)).toMatchObject({ signed: false });
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
    await expect(erase(sealed, of('number'))).rejects.toThrow('killed');
    store.deleteBatch = deleteBatch;
    expect(await sealed.verify()).toMatchObject({ verdict: 'intact', entries: { erased: 40, checked: 360 } });
    expect(await unaccounted(store)).toBe(0);
    // What the plan has left may be pruned meanwhile, and the erasure done again.
    await prune(sealed, [rule({ filter: of('number 5'), before: NOW + 1 })]);
    expect(await sealed.verify()).toMatchObject({ entries: { pruned: 10 } });
    await erase(sealed, of('number'));
    expect(await sealed.verify()).toMatchObject({
      verdict: 'intact',
      entries: { erased: 389, pruned: 10, checked: 3, unsealed: 1 },
    });
    await sealed.tamper(
      'DELETE FROM daybook_entries WHERE seq = 1; UPDATE daybook_seal_tiles SET secret = NULL, salts = NULL WHERE tile = 0',
    );
    expect(await sealed.found()).toEqual(['found', 'pruned-unattested']);
  });

  const NEXT = `(SELECT min(seq) FROM daybook_erased)`;
  const row = SKELETON_FIELDS.join(', ');
  test.each<[what: string, sql: string, codes: string[]]>([
    [
      'a skeleton whose time was edited',
      `UPDATE daybook_erased SET ts = '2020-01-01T00:00:00.000Z' WHERE seq = ${NEXT}`,
      ['bad-removal'],
    ],
    [
      'a skeleton whose action was edited',
      `UPDATE daybook_erased SET action = 'other' WHERE seq = ${NEXT}`,
      ['bad-removal'],
    ],
    [
      'a skeleton that got an entity type',
      `UPDATE daybook_erased SET entity_type = 'other' WHERE seq = ${NEXT}`,
      ['bad-removal'],
    ],
    [
      'a skeleton that names another erasure',
      `UPDATE daybook_erased SET prune = 1 WHERE seq = ${NEXT}`,
      ['bad-removal'],
    ],
    ['a skeleton that was deleted', `DELETE FROM daybook_erased WHERE seq = ${NEXT}`, ['bad-removal']],
    [
      'skeletons that changed places',
      `UPDATE daybook_erased SET seq = -seq WHERE seq = 8; UPDATE daybook_erased SET seq = 8, severity = 'error' WHERE seq = 71; UPDATE daybook_erased SET seq = 71 WHERE seq < 0`,
      ['bad-removal'],
    ],
    [
      'a skeleton of an entry that is there',
      `INSERT INTO daybook_erased (${row}) SELECT ${row} FROM daybook_entries WHERE seq = 50`,
      ['bad-removal'],
    ],
    [
      'a skeleton of a pruned entry',
      `INSERT INTO daybook_erased (${row}) SELECT 4, ts, category, action, severity, entity_type FROM daybook_entries WHERE seq = 50`,
      ['bad-removal'],
    ],
    [
      'what is signed of skeletons',
      `UPDATE daybook_seal_removals SET skeletons = zeroblob(length(skeletons)) WHERE skeletons IS NOT NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'fewer of what is signed',
      `UPDATE daybook_seal_removals SET skeletons = substr(skeletons, 33) WHERE skeletons IS NOT NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'an erasure that is made a removal',
      `UPDATE daybook_seal_removals SET skeletons = NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'a removal that is made an erasure',
      `UPDATE daybook_seal_removals SET skeletons = zeroblob(32) WHERE skeletons IS NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'the ranges of the statement',
      `UPDATE daybook_seal_removals SET ranges = '8,71-79' WHERE skeletons IS NOT NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'the text of the statement',
      `UPDATE daybook_seal_removals SET note = replace(note, 'count 11', 'count 12')`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'the account in the statement',
      `UPDATE daybook_seal_removals SET prune = 9 WHERE skeletons IS NOT NULL`,
      ['bad-removal', 'pruned-unattested'],
    ],
    [
      'an erasure without its statement',
      `DELETE FROM daybook_seal_removals WHERE skeletons IS NOT NULL`,
      ['pruned-unattested'],
    ],
    [
      'more than was signed',
      `INSERT INTO daybook_erased (${row}) SELECT ${row} FROM daybook_entries WHERE seq = 50; DELETE FROM daybook_entries WHERE seq = 50`,
      ['missing'],
    ],
    [
      'more than was signed, salts and all',
      `INSERT INTO daybook_erased (${row}) SELECT ${row} FROM daybook_entries; DELETE FROM daybook_entries WHERE seq > 4; UPDATE daybook_seal_tiles SET secret = NULL, salts = NULL`,
      ['unopenable', 'pruned-unattested'],
    ],
    [
      'an entry that was brought back',
      `INSERT INTO daybook_entries (seq, id, ts, action, message) SELECT seq, id, ts, action, message FROM kept WHERE seq = 8`,
      ['reappeared'],
    ],
    [
      'all that were brought back',
      `INSERT INTO daybook_entries (seq, id, ts, action, message) SELECT seq, id, ts, action, message FROM kept WHERE seq NOT IN (SELECT seq FROM daybook_entries)`,
      ['reappeared'],
    ],
    [
      'an entry that was brought back in the place of its skeleton',
      `INSERT INTO daybook_entries (seq, id, ts, action, message) SELECT seq, id, ts, action, message FROM kept WHERE seq = 8; DELETE FROM daybook_erased WHERE seq = 8`,
      ['reappeared'],
    ],
  ])('%s: is found', async (_what, sql, codes) => {
    const sealed = await scene();
    await sealed.tamper('DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM daybook_entries');
    await prune(sealed, [rule({ filter: of('number 3'), before: NOW + 1, keep: null })]);
    await erase(sealed, of('number 7'));
    expect(await sealed.found()).toEqual(['intact']);
    await sealed.tamper(sql);
    expect(await sealed.found()).toEqual(['found', ...codes]);
  });

  test('beside seals, prunes and holds, again and again: each entry is there, pruned or erased', async () => {
    const step = (name: string, max: number): fc.Arbitrary<{ what: string; count: number }> =>
      fc.record({ what: fc.constant(name), count: fc.integer({ min: 0, max }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            step('record', 300),
            step('seal', 0),
            step('prune', 200),
            step('erase', 99),
            step('cut off', 99),
            step('hold', 99),
            step('release', 0),
          ),
          { minLength: 3, maxLength: 10 },
        ),
        async (steps) => {
          const sealed = await sealedTrail(5);
          const { store } = sealed;
          await sealed.seal();
          let erased = 0;
          for (const { what, count } of steps) {
            const filter = of(`${count}`);
            const holds = await store.holds();
            if (what === 'record') await sealed.record(count + 1);
            else if (what === 'seal') await sealed.seal();
            else if (what === 'prune') await prune(sealed, [rule({ keep: count })]);
            else if (what === 'release' && holds.length > 0) await store.releaseHold('held', 'r', null, ACTOR);
            else if (what === 'hold' && holds.length === 0) {
              await store.placeHold({ name: 'held', filter, reason: 'r', until: null, releaseKey: null }, ACTOR);
            } else if (what === 'erase' || what === 'cut off') {
              const { deleteBatch } = store;
              let batches = 0;
              if (what === 'cut off') {
                store.deleteBatch = async (number, plan, after) => {
                  if ((batches += 1) > 2) throw new Error('killed');
                  return deleteBatch(number, plan, after, 3);
                };
              }
              const done = await erase(sealed, filter).catch((error: unknown) => error as Error);
              store.deleteBatch = deleteBatch;
              if (!(done instanceof Error)) erased += done.erased;
              else if (done.message === 'killed') erased += 6;
              else expect(done.message).toContain('holds keep');
            }
          }
          await sealed.seal();
          const { count } = await store.extent({});
          const gone = await store.prunedSoFar();
          expect(await sealed.verify()).toMatchObject({
            verdict: 'intact',
            entries: { checked: count, pruned: gone - erased, erased, unsealed: 0 },
          });
          expect(await store.erasedBetween(null, null, 10_000)).toHaveLength(erased);
          expect(await unaccounted(store)).toBe(0);
        },
      ),
      { numRuns: engine === 'SQLite' ? 15 : 4 },
    );
  });
});
