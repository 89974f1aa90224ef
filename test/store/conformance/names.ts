import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { NewEntry } from '../../../src/core/entry.js';
import type { ListedActor, NamedActor } from '../../../src/core/directory.js';
import { newEntry } from '../../../src/core/entry.js';
import type { AuditStore, NamesImport } from '../../../src/store/audit-store.js';
import { ACTOR, lastSeq, readAll, recordAll } from '../trail.js';
import type { World } from './world.js';

/** What an AuditStore keeps of names. */
export function describeNames(world: World): void {
  const { onNewTrail, one, runs } = world;
  let store: AuditStore;
  beforeEach(() => {
    store = world.store();
  });

  describe('the directory of names', () => {
    const ines: NamedActor = { actor: 'u-42', name: 'Ines Moreau', email: 'ines@example.org' };
    const audit = (action = 'actors_set'): NewEntry => newEntry({ action, category: 'system', ...ACTOR });

    async function put(...actors: readonly NamedActor[]): Promise<void> {
      for (const becomes of actors) await store.changeActor(becomes.actor, () => ({ becomes, audit: audit() }));
    }

    async function* pages(
      ...some: readonly (readonly Partial<ListedActor>[])[]
    ): AsyncGenerator<readonly ListedActor[]> {
      let line = 0;
      for (const page of some) {
        yield page.map(({ actor = '', name = '', email = null }) => ({
          actor,
          name,
          email,
          place: `line ${++line}`,
        }));
      }
    }

    function importing(withEmail = true): NamesImport {
      return {
        withEmail,
        audit: (counts) => ({ ...audit('actors_import'), metadata: JSON.stringify(counts) }),
      };
    }

    test('keeps, changes and removes actors, each with its entry', async () => {
      const known: unknown[] = [];
      const change = (becomes: NamedActor | null): Promise<number | null> =>
        store.changeActor('u-42', (before) => {
          known.push(before);
          return { becomes, audit: audit() };
        });
      expect(await change(ines)).toBe(1);
      expect(await change({ ...ines, email: null })).toBe(2);
      expect(await store.actors({ limit: 10 })).toEqual([{ ...ines, email: null }]);
      expect(await change(null)).toBe(3);
      expect(await store.actors({ limit: 10 })).toEqual([]);
      expect(known).toEqual([undefined, ines, { ...ines, email: null }]);
      expect(await store.changeActor('u-42', () => undefined)).toBeNull();
      expect((await store.extent({})).lastSeq).toBe(3);
    });

    test('changes nothing where its entry cannot be recorded', async () => {
      const refused = store.changeActor('u-42', () => ({ becomes: ines, audit: { ...audit(), severity: 'no' } }));
      await expect(refused).rejects.toThrow(/check/i);
      expect(await store.actors({ limit: 10 })).toEqual([]);
    });

    test('is read page by page, by id, and by name', async () => {
      const others = ['b', 'a', 'c'].map((actor) => ({ actor, name: 'Anna', email: null }));
      await put(ines, ...others);
      const first = await store.actors({ limit: 2 });
      expect(first.map(({ actor }) => actor)).toEqual(['a', 'b']);
      expect((await store.actors({ limit: 2, after: 'b' })).map(({ actor }) => actor)).toEqual(['c', 'u-42']);
      expect((await store.actors({ limit: 9, name: 'Anna', after: 'a' })).map(({ actor }) => actor)).toEqual([
        'b',
        'c',
      ]);
      expect(await store.actors({ limit: 9, name: 'anna' })).toEqual([]);
      expect(await store.actorNames(['u-42', 'a', 'nobody'])).toEqual(
        new Map([
          ['u-42', 'Ines Moreau'],
          ['a', 'Anna'],
        ]),
      );
    });

    test('tells whom a text means: an id of an entry or of the directory before any name', async () => {
      await recordAll(store, [{ actor: 'Carl' }]);
      await put(ines, { ...ines, actor: '1', name: 'Anna' }, { ...ines, actor: '2', name: 'Anna' });
      await put({ ...ines, actor: '3', name: 'Carl' }, { ...ines, actor: '4', name: 'u-42' });
      expect(await store.actorsMeant(['Ines Moreau', 'Anna', 'Carl', 'u-42', 'nobody', 'carl'])).toEqual(
        new Map([
          ['Ines Moreau', ['u-42']],
          ['Anna', ['1', '2']],
          ['Carl', ['Carl']],
          ['u-42', ['u-42']],
          ['nobody', []],
          ['carl', []],
        ]),
      );
    });

    test('gives new entries the name of their actor', async () => {
      await put(ines);
      expect((await one({ actor: 'u-42' })).actor_name).toBe('Ines Moreau');
      expect((await one({ actor: 'u-43' })).actor_name).toBeNull();
      expect((await one({ actor: 'u-42', actor_name: 'I. M.' })).actor_name).toBe('I. M.');
      const { id } = await one({ actor: 'u-42', entity_type: 'a', entity_id: 'b' });
      const entry = newEntry({ action: 'revert', actor: 'u-42', actor_type: 'user' });
      expect((await store.revert({ ...entry, reverts: id })).actor_name).toBe('Ines Moreau');
      await put({ actor: ACTOR.actor, name: 'Anna', email: null });
      const last = await store.find({ seq: await lastSeq(store) });
      expect(last?.actor_name).toBe('Anna');
    });

    test.each([
      ['record', {}],
      ['recordOneOfMany', {}],
      ['recordOneOfMany', { durable: true }],
    ] as const)('%s %j names the actors of many as of each', async (call, options) => {
      const fields = fc.record({
        actor: fc.constantFrom('u-42', 'a', 'u-43'),
        actor_name: fc.constantFrom(null, null, 'by hand', ''),
        ts: fc.constantFrom(null, null, '2026-01-02T03:04:05.678Z'),
        recorded_at: fc.constantFrom(null, null, '2026-01-02T03:04:05.678Z'),
        source: fc.constantFrom(null, null, 'elsewhere'),
      });
      // That a name is given as none is not the same as that none is given.
      const request = fc
        .tuple(fields, fc.boolean())
        .map(([entry, given]) => ({ fields: entry, given: given ? (['actor_name'] as const) : [] }));
      const lists = fc.oneof(
        fc.array(request, { minLength: 8, maxLength: 20 }),
        // Most often all are of one kind.
        request.map((each) => Array.from({ length: 9 }, () => each)),
      );
      await fc.assert(
        fc.asyncProperty(lists, fc.boolean(), async (list, withIds) => {
          await onNewTrail(async (fresh) => {
            for (const [actor, name] of [
              ['u-42', 'Ines Moreau'],
              ['a', 'Anna'],
            ] as const) {
              const known = { actor, name, email: null };
              await fresh.changeActor(actor, () => ({ becomes: known, audit: audit('actor_set') }));
            }
            const before = await lastSeq(fresh);
            const requests = (prefix: string) =>
              list.map(({ fields: given, given: names }, index) => ({
                entry: newEntry({ action: 'x', id: withIds ? `${prefix}${index}` : null, ...given }),
                given: names,
              }));
            for (const each of requests('each')) await fresh.record([each]);
            await fresh[call](requests('many'), options);
            const found = (await readAll(fresh, { order: 'recorded' })).slice(before);
            const names = found.map(({ actor, actor_name: name }) => [actor, name]);
            expect(names.slice(list.length)).toEqual(names.slice(0, list.length));
          });
        }),
        { numRuns: runs(30) },
      );
    });

    test('keeps the name of an entry when the directory changes', async () => {
      await put(ines);
      const { seq } = await one({ actor: 'u-42' });
      await put({ ...ines, name: 'Ines Arriaga' });
      expect((await store.find({ seq }))?.actor_name).toBe('Ines Moreau');
      expect((await one({ actor: 'u-42' })).actor_name).toBe('Ines Arriaga');
    });

    test('says nothing of entries of another time or another trail, nor where the writer said that there is none', async () => {
      await put(ines);
      const ts = '2020-01-01T00:00:00.000Z';
      expect((await one({ actor: 'u-42', ts })).actor_name).toBeNull();
      expect((await one({ actor: 'u-42', recorded_at: ts })).actor_name).toBeNull();
      expect((await one({ actor: 'u-42', source: 'ledgrab' })).actor_name).toBeNull();
      expect((await one({ actor: 'u-42', actor_name: null })).actor_name).toBeNull();
    });

    test('an entry that is recorded once more is the same, whatever its actor is called by then', async () => {
      await put(ines);
      const [first] = await recordAll(store, [{ id: 'x-1', actor: 'u-42' }]);
      await put({ ...ines, name: 'Ines Arriaga' });
      const [again] = await recordAll(store, [{ id: 'x-1', actor: 'u-42' }]);
      expect([first?.outcome, again?.outcome]).toEqual(['recorded', 'skipped']);
      await recordAll(store, [{ id: 'x-2', actor: 'u-42', actor_name: null }]);
      expect(await recordAll(store, [{ id: 'x-2', actor: 'u-42', actor_name: null }])).toMatchObject([
        { outcome: 'skipped' },
      ]);
    });

    test('takes a list in, with one entry; what it has not stays', async () => {
      await put(ines, { actor: 'a', name: 'Anna', email: 'a@example.org' });
      const list = pages(
        [
          { actor: 'a', name: 'Anna B.' },
          { actor: 'b', name: 'Bert', email: 'b@example.org' },
        ],
        [{ actor: 'c' }, { actor: 'b', name: 'Bert', email: 'b@example.org' }],
      );
      const imported = await store.importNames(list, importing());
      expect(imported).toEqual({ read: 4, added: 1, changed: 1, unchanged: 1, unnamed: 1, entry: 3 });
      const { entry, ...counts } = imported;
      expect(await store.find({ seq: entry ?? 0 })).toMatchObject({
        action: 'actors_import',
        metadata: JSON.stringify(counts),
      });
      expect(await store.actors({ limit: 10 })).toEqual([
        { actor: 'a', name: 'Anna B.', email: null },
        { actor: 'b', name: 'Bert', email: 'b@example.org' },
        ines,
      ]);
      expect(await store.importNames(pages([{ actor: 'a', name: 'Anna B.' }]), importing())).toEqual({
        read: 1,
        added: 0,
        changed: 0,
        unchanged: 1,
        unnamed: 0,
        entry: null,
      });
      expect((await store.extent({})).lastSeq).toBe(3);
    });

    test('a list without addresses leaves them as they are', async () => {
      await put(ines);
      await store.importNames(pages([{ actor: 'u-42', name: 'I. M.' }]), importing(false));
      expect(await store.actors({ limit: 1 })).toEqual([{ ...ines, name: 'I. M.' }]);
    });

    test.each([
      [{ actor: '', name: 'x' }, 'line 3: the id is empty'],
      [{ actor: 'x\0', name: 'x' }, 'line 3: id "x\\u0000" holds NUL'],
      [{ actor: 'x', name: '\ud800' }, 'line 3: name'],
      [{ actor: 'x', name: 'x', email: '\0' }, 'line 3: email'],
      [{ actor: 'a', name: 'Else' }, 'line 3: id "a" is named otherwise in line 1'],
      [{ actor: 'a', name: 'Anna', email: 'x' }, 'line 3: id "a" is named otherwise in line 1'],
    ])('a list with %j changes nothing and is told by its place', async (bad, message) => {
      const list = pages(
        [
          { actor: 'a', name: 'Anna' },
          { actor: 'b', name: 'Bert' },
        ],
        [bad],
      );
      await expect(store.importNames(list, importing())).rejects.toMatchObject({
        kind: 'data',
        message: expect.stringContaining(message),
      });
      expect(await store.actors({ limit: 10 })).toEqual([]);
      expect((await store.extent({})).lastSeq).toBe(0);
    });

    test('takes a list of any length, whatever was there', async () => {
      const some = fc.uniqueArray(fc.record({ actor: fc.string({ minLength: 1 }), name: fc.constantFrom('x', 'y') }), {
        selector: ({ actor }) => actor,
        maxLength: 40,
      });
      const valid = some.map((all) => all.filter(({ actor }) => !actor.includes('\0')));
      await fc.assert(
        fc.asyncProperty(valid, valid, async (before, after) => {
          await onNewTrail(async (fresh) => {
            await fresh.importNames(pages(before), importing());
            await fresh.importNames(pages(after), importing());
            const expected = new Map([...before, ...after].map(({ actor, name }) => [actor, name]));
            const found = await fresh.actors({ limit: 1000 });
            expect(new Map(found.map(({ actor, name }) => [actor, name]))).toEqual(expected);
          });
        }),
        { numRuns: runs(20) },
      );
    });

    test('takes a long list in batches, with one entry', async () => {
      const many = Array.from({ length: 3000 }, (_, n) => ({ actor: `u-${n}`, name: `name ${n}` }));
      const counts = { read: 3000, added: 3000, changed: 0, unchanged: 0, unnamed: 0 };
      expect(await store.importNames(pages(many), importing())).toEqual({ ...counts, entry: 1 });
      expect((await store.extent({})).lastSeq).toBe(1);
      expect(await store.actors({ limit: 5000 })).toHaveLength(3000);
    });
  });
}
