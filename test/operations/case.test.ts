import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CaseEntry, CaseRelated } from '../../src/core/case.js';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { caseOf } from '../../src/operations/case.js';
import { carryOut, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const SETTLEMENT = { type: 'settlement', id: '42' } as const;
const ABOUT = { entity_type: 'settlement', entity_id: '42' } as const;

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function history(found: { readonly history: AsyncIterable<readonly CaseEntry[]> }): Promise<CaseEntry[]> {
  return (await all(found.history)).flat();
}

describe('a case', () => {
  test('holds the history with its changes, and who took what back', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [
      {
        ...ABOUT,
        id: 'a',
        actor: 'u-1',
        actor_name: 'Ana',
        old_values: '{"gross":1.10,"fee":2}',
        new_values: '{"gross":1.1,"fee":2}',
      },
      { id: 'other', entity_type: 'settlement', entity_id: '43' },
      { ...ABOUT, id: 'n', action: 'note', actor: 'u-2', entity_name: 'Old', ts: formatTimestamp(NOW - 1000) },
      { ...ABOUT, id: 'r', action: 'revert', actor: 'u-2', reverts: 'a', message: 'wrong', entity_name: 'New' },
    ]);
    const found = await caseOf(store, SETTLEMENT);
    expect(found.summary).toMatchObject({
      entity: 'settlement:42',
      mark: markOf(4),
      lastSeq: 4,
      count: 3,
      notes: 1,
      reverted: 1,
      pruned: 0,
      first: formatTimestamp(NOW - 1000),
      last: formatTimestamp(NOW),
      actors: [
        { actor: 'u-2', name: null, count: 2 },
        { actor: 'u-1', name: 'Ana', count: 1 },
      ],
    });
    expect(found.summary.names.map(({ name }) => name)).toEqual(['Old', 'New']);
    const entries = await history(found);
    expect(entries.map(({ entry }) => entry.id)).toEqual(['n', 'a', 'r']);
    expect(entries[1]?.changes).toEqual([{ path: 'gross', old: '1.10', new: '1.1' }]);
    expect(entries[1]?.takenBackBy).toMatchObject({ id: 'r', actor: 'u-2', message: 'wrong' });
    expect(entries[0]?.takenBackBy).toBeNull();
  });

  test('has the checksum of what an export of the entity prints, however many entries there are', async () => {
    const { store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(1234, (n) => ({ ...ABOUT, ts: formatTimestamp(NOW - ((n * 7919) % 1000)), metadata: `{"n":${n}e400}` })),
    );
    const { summary, ...found } = await caseOf(store, SETTLEMENT, { database: 'my app.db' });
    const { lines } = await store.lines(
      { filter: { entity: [SETTLEMENT] }, order: 'oldest', limit: 5000, upTo: markOf(1234) },
      ENTRY_FIELDS,
    );
    expect(summary.sha256).toBe(createHash('sha256').update(lines).digest('hex'));
    expect(summary.command).toBe(
      `daybook --db 'my app.db' export --entity settlement:42 --mark 1234 --format ndjson | sha256sum`,
    );
    // What comes later is not in it, even where it is dated back.
    await recordAll(store, [{ ...ABOUT, ts: formatTimestamp(NOW - 5000) }]);
    expect(await history(found)).toHaveLength(1234);
  });

  test('tells what else happened in its units of work', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [
      { ...ABOUT, correlation_id: 'req-1' },
      { ...ABOUT, correlation_id: 'req-2' },
      { action: 'login', correlation_id: 'req-1' },
      ...numbered(30, { entity_type: 'settlement', entity_id: '43', correlation_id: 'req-1' }),
      { correlation_id: 'req-3' },
    ]);
    const found = await caseOf(store, SETTLEMENT);
    const related: CaseRelated[] = await all(found.related);
    expect(related).toMatchObject([{ correlation_id: 'req-1', count: 31 }]);
    expect(related[0]?.entries).toHaveLength(20);
    expect(related[0]?.entries[0]).toMatchObject({ action: 'login' });
    expect(found.moreRelated).toBe(false);
  });

  test('of an id goes through every type', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [
      ABOUT,
      { entity_id: '42' },
      { entity_type: 'machine', entity_id: '42' },
      { entity_id: '4' },
    ]);
    const found = await caseOf(store, { id: '42' });
    expect(found.summary).toMatchObject({ entity: ':42', count: 3 });
    expect(found.summary.command).toContain('export --entity :42 ');
  });

  test('takes what other programs recorded', async () => {
    const { trail, store } = await sqliteTrail();
    // JSON to SQLite, and not to what checks our own entries: a key stands twice.
    trail.plain().exec(`INSERT INTO daybook_entries (action, entity_type, entity_id, old_values, new_values)
        VALUES ('update', 'settlement', '42', '{"a":1,"a":2}', '{"a":3}')`);
    expect((await history(await caseOf(store, SETTLEMENT)))[0]?.changes).toEqual([{ path: 'a', old: '2', new: '3' }]);
  });

  test('says that prunes took something, and fails where they do so meanwhile', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(3, { ...ABOUT, ts: formatTimestamp(NOW - 1000) }));
    await recordAll(store, numbered(2, ABOUT));
    const before = await caseOf(store, SETTLEMENT);
    await carryOut(store, await planOf(store, rule({ before: NOW })));
    await expect(history(before)).rejects.toMatchObject({ kind: 'failed' });
    expect((await caseOf(store, SETTLEMENT)).summary).toMatchObject({ count: 2, pruned: 3 });
  });

  test('of what nobody told of is missing', async () => {
    const { store } = await sqliteTrail();
    await expect(caseOf(store, SETTLEMENT)).rejects.toMatchObject({ kind: 'missing' });
  });
});
