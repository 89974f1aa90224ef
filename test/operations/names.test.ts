import { describe, expect, test } from 'vitest';
import { setActor, withNames } from '../../src/operations/names.js';
import { ACTOR, readAll, recordAll, sqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

describe('names for people', () => {
  test('are looked up once a page, each actor once, and only where an entry has none', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [
      { actor: 'u-1' },
      { actor: 'u-1' },
      { actor: 'u-2' },
      { actor: 'u-3', actor_name: 'Then' },
      { actor: 'u-4' },
    ]);
    for (const actor of ['u-1', 'u-2', 'u-3']) await setActor(store, { actor, name: `name of ${actor}` }, ACTOR);
    const asked: (readonly string[])[] = [];
    const directory = {
      actorNames: (actors: readonly string[]) => {
        asked.push(actors);
        return store.actorNames(actors);
      },
    };
    const entries = await readAll(store, { order: 'oldest', upTo: markOf(5) });
    const shown = await withNames(directory, entries);
    expect(shown.map((entry) => entry.actor_name)).toEqual(['name of u-1', 'name of u-1', 'name of u-2', 'Then', null]);
    expect(asked).toEqual([['u-1', 'u-2', 'u-4']]);
    expect(await withNames(directory, entries.slice(3, 4))).toEqual(entries.slice(3, 4));
    expect(asked).toHaveLength(1);
  });
});
