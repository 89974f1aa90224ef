import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { follow } from '../../src/operations/follow.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { cli, fromLines, json, ok } from '../support/cli.js';
import { HAS_POSTGRES, makePostgresTrail } from './postgres-trail.js';
import type { PostgresTrail } from './postgres-trail.js';
import { carryOut, forecastOf, NOW, planOf, readAll, recordAll, rule } from './trail.js';

const LONG_AGO = '2020-01-01T00:00:00.000Z';

const insert = (action: string, ts = LONG_AGO): string =>
  `INSERT INTO daybook.daybook_entries (action, ts) VALUES ('${action}', '${ts}')`;

interface Scene {
  readonly trail: PostgresTrail;
  readonly store: AuditStore;
  /** Has recorded `late`, and not committed it. `early` was recorded after it, and is there. */
  readonly late: Client;
}

/** A trail in which a transaction is open that has recorded before another that is committed. */
async function scene(): Promise<Scene> {
  const trail = await makePostgresTrail();
  onTestFinished(() => trail.remove());
  const store = await trail.open();
  const late = await trail.plain();
  await late.query('BEGIN');
  await late.query(insert('late'));
  const early = await trail.plain();
  await early.query(insert('early'));
  return { trail, store, late };
}

const actionsOf = (entries: readonly { readonly action: string }[]): string[] => entries.map(({ action }) => action);

// Entries become visible when their transactions commit, and seqs are given before: whoever remembers the last seq would
// never see what was given a lower one and came later.
describe.skipIf(!HAS_POSTGRES)('what is committed late', () => {
  test('is on no page of a walk that began before, and on every one that begins later', async () => {
    const { store, late } = await scene();
    await recordAll(store, [{ action: 'last', ts: formatTimestamp(NOW) }]);
    for (const order of ['newest', 'oldest', 'recorded'] as const) {
      let between = 0;
      const pages = await readAll(store, { order, limit: 1 }, async () => {
        if (order === 'newest' && between++ === 0) await late.query('COMMIT');
      });
      expect(actionsOf(pages)).toHaveLength(order === 'newest' ? 2 : 3);
    }
  });

  test('does not slip in behind a cursor', async () => {
    const { trail, store, late } = await scene();
    await recordAll(store, [{ action: 'last', ts: formatTimestamp(NOW) }]);
    interface Page {
      readonly entries: readonly { readonly action: string }[];
      readonly next_cursor: string;
    }
    const words = ['history', '--format', 'json'];
    const first = await json<Page>([...words, '-n', '1'], { db: trail.url });
    expect(actionsOf(first.entries)).toEqual(['last']);
    await late.query('COMMIT');
    const next = await json<Page>([...words, '--cursor', first.next_cursor], { db: trail.url });
    expect(actionsOf(next.entries)).toEqual(['early']);
    expect(actionsOf((await json<Page>(words, { db: trail.url })).entries)).toEqual(['last', 'early', 'late']);
  });

  test('is exported by the next export with a checkpoint, once', async () => {
    const { trail, late } = await scene();
    const exported = async (): Promise<string[]> =>
      actionsOf(fromLines(await ok(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db: trail.url })));
    expect(await exported()).toEqual(['early']);
    expect(await exported()).toEqual([]);
    await late.query('COMMIT');
    expect(await exported()).toEqual(['late']);
    expect(await exported()).toEqual([]);
  });

  test('is followed when it is committed', async () => {
    const { trail, store, late } = await scene();
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const seen: string[] = [];
    const following = (async () => {
      for await (const content of follow(
        store,
        { filter: {}, limit: 5, signal: controller.signal },
        { as: 'entries' },
      )) {
        if (content.as === 'entries') seen.push(...actionsOf(content.entries));
        if (seen.includes('later')) return;
      }
    })();
    while (seen.length === 0) await sleep(20);
    await late.query('COMMIT');
    while (seen.length === 1) await sleep(20);
    await (await trail.plain()).query(insert('later'));
    await following;
    expect(seen).toEqual(['early', 'late', 'later']);
  });

  test('is not in an export that began before it, whatever is committed between its pages', async () => {
    const { store, late } = await scene();
    await recordAll(
      store,
      Array.from({ length: 5 }, (_, index) => ({ action: `a${index}` })),
    );
    const upTo = await store.mark();
    const query = { filter: {}, order: 'recorded', limit: 2, upTo } as const;
    const first = await store.lines(query, ['action']);
    await late.query('COMMIT');
    const second = await store.lines({ ...query, limit: 10, ...(first.next && { after: first.next }) }, ['action']);
    const lines = fromLines<{ action: string }>(Buffer.concat([first.lines, second.lines]).toString());
    expect(actionsOf(lines)).toEqual(['early', 'a0', 'a1', 'a2', 'a3', 'a4']);
    expect((await store.extent({}, { upTo })).count).toBe(6);
  });

  test('stays where a prune was planned before, and falls by the next', async () => {
    const { store, late } = await scene();
    const plan = await planOf(store, rule({ before: NOW }));
    await late.query('COMMIT');
    expect(await store.forecast(plan)).toMatchObject({ count: 1 });
    expect(await carryOut(store, plan)).toMatchObject({ deleted: 1 });
    expect(actionsOf(await readAll(store, { order: 'recorded' }))).toEqual(['late', 'prune']);
    expect(await forecastOf(store, rule({ before: NOW }))).toMatchObject({ count: 1 });
  });

  test('counts as missed where a prune takes it before it was exported', async () => {
    const { trail, store, late } = await scene();
    await ok(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db: trail.url });
    await late.query('COMMIT');
    await carryOut(store, await planOf(store, rule({ before: NOW })));
    expect(await store.missedByCheckpoints()).toEqual([{ checkpoint: 'siem', count: 1 }]);
    const { code, stderr } = await cli(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db: trail.url });
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('1') });
  });

  test('does not change what a page says was taken back', async () => {
    const { trail, store } = await scene();
    const [outcome] = await recordAll(store, [{ id: 'taken' }]);
    const other = await trail.plain();
    await other.query('BEGIN');
    await other.query(`INSERT INTO daybook.daybook_entries (action, reverts) VALUES ('revert', 'taken')`);
    // It is then among those that are running, and not only the last one that began.
    await recordAll(store, [{}]);
    const upTo = await store.mark();
    await other.query('COMMIT');
    const filter = { reverted: true };
    expect(await readAll(store, { filter, upTo })).toEqual([]);
    expect((await readAll(store, { filter })).map(({ seq }) => seq)).toEqual([outcome?.seq]);
  });

  test('12 writers beside an exporter: everything is exported once', async () => {
    const trail = await makePostgresTrail();
    onTestFinished(() => trail.remove());
    const each = 40;
    let writing = 12;
    const writers = Array.from({ length: writing }, async (_, writer) => {
      const client = await trail.plain();
      for (let round = 0; round < each; round++) {
        await client.query('BEGIN');
        await client.query(insert(`${writer}-${round}`));
        // Each holds its transaction for another while.
        if ((writer + round) % 3 === 0) await sleep((writer * round) % 7);
        await client.query((writer + round) % 11 === 0 ? 'ROLLBACK' : 'COMMIT');
      }
      writing -= 1;
    });
    const exported: string[] = [];
    let rounds = 0;
    for (let last = false; !last; rounds++) {
      last = writing === 0;
      const lines = await ok(['export', '--checkpoint', 'siem', '--format', 'ndjson'], { db: trail.url });
      exported.push(...actionsOf(fromLines(lines)));
    }
    await Promise.all(writers);
    const there = actionsOf(await readAll(await trail.open(), { order: 'recorded' }));
    expect(rounds).toBeGreaterThan(2);
    expect(there.length).toBeGreaterThan(400);
    expect(exported.toSorted()).toEqual(there.toSorted());
  });
});
