import { describe, expect, test } from 'vitest';
import type { HistoryField } from '../../src/core/entry.js';
import { HISTORY_FIELDS, newEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import type { Exported, ExportPage, ExportRequest } from '../../src/operations/export.js';
import { beginCheckpoint, beginExport, exportPages } from '../../src/operations/export.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { carryOut, NOW, numbered, planOf, readAll, recordAll, rule, sqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const LINES: ExportRequest = { filter: {}, columns: HISTORY_FIELDS, shape: 'lines' };

async function collect(
  store: AuditStore,
  request: ExportRequest,
  between: () => Promise<void> = async () => {},
): Promise<{ pages: ExportPage[]; exported: Exported }> {
  const extent = await beginExport(store, request);
  const pages: ExportPage[] = [];
  const run = exportPages(store, request, extent);
  for (;;) {
    const step = await run.next();
    if (step.done === true) return { pages, exported: step.value };
    pages.push(step.value);
    await between();
  }
}

function idsOf(pages: readonly ExportPage[]): string[] {
  const text = Buffer.concat(pages.map((page) => page.lines ?? new Uint8Array())).toString();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { id: string }).id);
}

const backdated = (count: number): ReturnType<typeof numbered> =>
  numbered(count, (index) => ({ ts: formatTimestamp(NOW - (index % 7)) }));

describe('an export of what holds', () => {
  test('judges each entry as it stood at the beginning, however many are taken back meanwhile', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(200));
    const ids = (await readAll(store, { order: 'oldest' })).map((entry) => entry.id);
    let next = 199;
    const takeBack = async (): Promise<void> => {
      const reverts = ids[next--] ?? '';
      await store.revert({ ...newEntry({ action: 'revert' }), reverts });
    };
    const { pages, exported } = await collect(store, { ...LINES, filter: { reverted: false } }, takeBack);
    expect(next).toBeLessThan(199);
    expect(exported.count).toBe(200);
    expect(idsOf(pages)).toEqual(ids);
  });
});

describe('an export', () => {
  test('is what history shows, oldest first', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, backdated(3000));
    const { pages, exported } = await collect(store, LINES);
    expect(idsOf(pages)).toEqual((await readAll(store, { order: 'oldest' })).map((entry) => entry.id));
    expect(exported).toEqual({ count: 3000, firstSeq: 1, lastSeq: 3000, upTo: markOf(3000) });
    expect(pages.map((page) => page.done)).toEqual(pages.map((page) => page.done).toSorted((a, b) => a - b));
    expect(pages.every((page) => page.total === 3000)).toBe(true);
    // The first page is small, so that something comes out at once; the others are not.
    expect(pages[0]?.done).toBe(64);
    expect(pages.length).toBeLessThan(10);
  });

  test('of nothing is empty', async () => {
    const { store } = await sqliteTrail();
    expect(await collect(store, LINES)).toEqual({
      pages: [],
      exported: { count: 0, firstSeq: null, lastSeq: null, upTo: markOf(0) },
    });
  });

  test('as rows has the asked columns and no others', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, backdated(200));
    const columns: HistoryField[] = ['message', 'reverted_by'];
    const { pages, exported } = await collect(store, { filter: {}, columns, shape: 'rows' });
    const expected = (await readAll(store, { order: 'oldest' })).map((entry) => [entry.message, entry.reverted_by]);
    expect(pages.flatMap((page) => page.rows ?? [])).toEqual(expected);
    expect(exported).toMatchObject({ count: 200, firstSeq: 1, lastSeq: 200 });
  });

  test('as lines has the asked columns', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [{ id: 'a' }]);
    const { pages } = await collect(store, { ...LINES, columns: ['id', 'scope'] });
    expect(Buffer.from(pages[0]?.lines ?? []).toString()).toBe('{"id":"a","scope":null}\n');
  });

  test('as fields has rows where a page cannot be had so', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(64));
    await recordAll(
      store,
      numbered(1500, (index) => ({ message: index === 700 ? 'a\x1fb' : `later ${index}` })),
    );
    const { pages, exported } = await collect(store, { filter: {}, columns: ['message'], shape: 'fields' });
    const messages = pages.flatMap(({ fields, rows }) =>
      fields === undefined
        ? (rows ?? []).map(([message]) => message)
        : Buffer.from(fields).toString().split('\x1f').slice(0, -1),
    );
    expect(messages).toEqual((await readAll(store, { order: 'oldest' })).map((entry) => entry.message));
    expect(exported).toMatchObject({ count: 1564, firstSeq: 1, lastSeq: 1564 });
    const asRows = pages.filter(({ rows }) => rows !== undefined);
    expect(asRows.length).toBeGreaterThan(0);
    expect(asRows.every(({ rows }) => (rows?.length ?? 0) <= 256)).toBe(true);
    expect(pages[0]?.fields).toBeDefined();
    expect(pages.at(-1)?.fields).toBeDefined();
  });

  test('takes small pages of large entries', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(200, { entity_name: 'x'.repeat(100_000) }));
    for (const shape of ['lines', 'rows', 'fields'] as const) {
      const { pages, exported } = await collect(store, { ...LINES, shape });
      expect(exported.count).toBe(200);
      const sizes = pages.map((page, position) => page.done - (pages[position - 1]?.done ?? 0));
      expect(Math.max(...sizes.slice(1))).toBeLessThan(15);
    }
  });

  test.each(['lines', 'rows'] as const)(
    'is complete beside a writer, and without what came after it began (%s)',
    async (shape) => {
      const { trail, store } = await sqliteTrail();
      await recordAll(store, backdated(500));
      const before = await readAll(store, { order: 'oldest' });
      const other = await trail.open();
      const request: ExportRequest = { filter: {}, columns: ['id'], shape };
      const { pages, exported } = await collect(store, request, async () => {
        await recordAll(other, [{}, { ts: formatTimestamp(NOW - 3) }, { ts: formatTimestamp(NOW + 1000) }]);
      });
      const ids = shape === 'lines' ? idsOf(pages) : pages.flatMap((page) => page.rows ?? []).map(([id]) => id);
      expect(ids).toEqual(before.map((entry) => entry.id));
      expect(exported).toMatchObject({ count: 500, upTo: markOf(500) });
    },
  );

  test('fails where entries fell meanwhile, and says how many', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(300, (index) => ({ ts: formatTimestamp(NOW + index) })),
    );
    const other = await trail.open();
    let pruned = false;
    const failing = collect(store, LINES, async () => {
      if (!pruned) await carryOut(other, await planOf(other, rule({ before: NOW + 100 })));
      pruned = true;
    });
    // The first 64 had come out before.
    await expect(failing).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('36 of 300 entries were pruned while this export ran'),
    });
  });

  test('does not mind a prune of what it has shown already', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(300, (index) => ({ ts: formatTimestamp(NOW + index) })),
    );
    const other = await trail.open();
    let pruned = false;
    const { exported } = await collect(store, LINES, async () => {
      if (!pruned) await carryOut(other, await planOf(other, rule({ before: NOW + 64 })));
      pruned = true;
    });
    expect(exported.count).toBe(300);
  });

  test('ends when it is told to', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(300));
    const abort = new AbortController();
    const run = exportPages(store, LINES, await beginExport(store, LINES), abort.signal);
    await run.next();
    abort.abort();
    await expect(run.next()).rejects.toMatchObject({ kind: 'interrupted' });
  });
});

describe('a checkpoint', () => {
  async function nightly(
    store: AuditStore,
    filter: Filter = {},
    question = '{}',
  ): Promise<{ ids: string[]; missed: number }> {
    const { checkpoint, extent } = await beginCheckpoint(store, 'nightly', question, filter);
    const request: ExportRequest = { ...LINES, filter, since: checkpoint.mark };
    const pages: ExportPage[] = [];
    for await (const page of exportPages(store, request, extent)) pages.push(page);
    await store.moveCheckpoint('nightly', checkpoint.mark, extent.upTo);
    return { ids: idsOf(pages), missed: checkpoint.missed };
  }

  const named = (...ids: readonly string[]): { id: string; ts: string }[] =>
    ids.map((id) => ({ id, ts: formatTimestamp(NOW - 86_400_000) }));

  test('gives what was recorded since the last one, in the order of recording, backdated or not', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, named('a', 'b'));
    expect(await nightly(store)).toEqual({ ids: ['a', 'b'], missed: 0 });
    await recordAll(store, [{ id: 'c' }, { id: 'd', ts: '2001-01-01T00:00:00.000Z' }]);
    expect(await nightly(store)).toEqual({ ids: ['c', 'd'], missed: 0 });
    expect(await nightly(store)).toEqual({ ids: [], missed: 0 });
  });

  test('tells once of what a prune took before it was exported', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, named('a', 'b'));
    await nightly(store);
    await recordAll(store, named('c', 'd', 'e'));
    await carryOut(store, await planOf(store, rule({ before: NOW })));
    const second = await nightly(store);
    // What is left is the entry of the prune.
    expect(second).toMatchObject({ missed: 3 });
    expect(second.ids).toHaveLength(1);
    expect(await nightly(store)).toEqual({ ids: [], missed: 0 });
  });

  test('that was not moved gives the same again: at least once, never a gap', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, named('a'));
    await beginCheckpoint(store, 'nightly', '{}', {});
    await recordAll(store, named('b'));
    expect(await nightly(store)).toEqual({ ids: ['a', 'b'], missed: 0 });
  });

  test('belongs to its filter', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [{ id: 'a', category: 'auth' }, { id: 'b' }]);
    expect(await nightly(store, { category: ['auth'] }, 'auth')).toEqual({ ids: ['a'], missed: 0 });
    await expect(nightly(store, {}, 'everything')).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('belongs to another filter (auth)'),
    });
    await recordAll(store, [{ id: 'c', category: 'auth' }]);
    expect(await nightly(store, { category: ['auth'] }, 'auth')).toEqual({ ids: ['c'], missed: 0 });
  });

  test('that another export moved meanwhile is said', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, named('a'));
    const { checkpoint, extent } = await beginCheckpoint(store, 'nightly', '{}', {});
    await recordAll(store, named('b'));
    await nightly(store);
    await expect(store.moveCheckpoint('nightly', checkpoint.mark, extent.upTo)).rejects.toMatchObject({
      kind: 'failed',
    });
    expect(await store.checkpoint('nightly')).toMatchObject({ mark: '2' });
  });

  test('that another export moved just as it began is busy', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, named('a'));
    const racing: AuditStore = {
      ...store,
      beginCheckpoint: async (...request) => {
        await nightly(store);
        return store.beginCheckpoint(...request);
      },
    };
    await expect(beginCheckpoint(racing, 'nightly', '{}', {})).rejects.toMatchObject({ kind: 'busy' });
  });
});

test('an interrupt is heard between pages, though nothing else lets the event loop turn', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(300));
  const controller = new AbortController();
  const pages = exportPages(store, LINES, await beginExport(store, LINES), controller.signal);
  await pages.next();
  setImmediate(() => controller.abort());
  await expect(
    (async () => {
      while ((await pages.next()).done !== true);
    })(),
  ).rejects.toMatchObject({ kind: 'interrupted' });
});
