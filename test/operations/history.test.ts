import { expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import type { HistoryRequest } from '../../src/operations/history.js';
import { explainHistory, history } from '../../src/operations/history.js';
import type { Content, Reading } from '../../src/operations/reading.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { NOW, numbered, readAll, recordAll, sqliteTrail } from '../store/trail.js';

const REQUEST: HistoryRequest = { filter: {}, order: 'newest', limit: 10, question: '{}' };
const ENTRIES: Reading = { as: 'entries' };

async function collect(
  store: AuditStore,
  request: Partial<HistoryRequest> = {},
  reading = ENTRIES,
): Promise<{ pieces: Content[]; cursor: string | null }> {
  const pieces: Content[] = [];
  const run = history(store, { ...REQUEST, ...request }, reading);
  for (;;) {
    const step = await run.next();
    if (step.done === true) return { pieces, cursor: step.value };
    pieces.push(step.value);
  }
}

function entriesOf(pieces: readonly Content[]): HistoryEntry[] {
  return pieces.flatMap((piece) => (piece.as === 'entries' ? piece.entries : []));
}

async function walk(
  store: AuditStore,
  request: Partial<HistoryRequest>,
  between = async () => {},
): Promise<HistoryEntry[]> {
  const found: HistoryEntry[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await collect(store, { ...request, cursor });
    found.push(...entriesOf(page.pieces));
    if (page.cursor === null) return found;
    cursor = page.cursor;
    await between();
  }
}

test.each(['newest', 'oldest'] as const)(
  'pages by their cursors are one list, %s first, whatever is recorded meanwhile',
  async (order) => {
    const { trail, store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(60, (index) => ({ ts: formatTimestamp(NOW - (index % 3)) })),
    );
    const all = await readAll(store, { order });
    expect(await walk(store, { order, limit: 7 })).toEqual(all);
    expect(await walk(store, { order, limit: 60 })).toEqual(all);
    expect(await walk(store, { order, limit: 59 })).toEqual(all);
    const other = await trail.open();
    const pages = await walk(store, { order, limit: 13 }, async () => {
      await recordAll(other, [{}, { ts: formatTimestamp(NOW - 1) }, { ts: formatTimestamp(NOW - 1000) }]);
    });
    expect(pages).toEqual(all);
  },
);

test('only the last page has no cursor', async () => {
  const { store } = await sqliteTrail();
  expect(await collect(store)).toEqual({ pieces: [], cursor: null });
  await recordAll(store, numbered(10));
  expect((await collect(store, { limit: 10 })).cursor).toBeNull();
  expect((await collect(store, { limit: 9 })).cursor).toMatch(/^[\w-]+$/);
  expect((await collect(store, { limit: 11 })).cursor).toBeNull();
});

test('long pages come in pieces, as they are wanted', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(1100));
  const { pieces } = await collect(store, { limit: 1050 });
  expect(pieces.map((piece) => (piece.as === 'entries' ? piece.entries.length : 0))).toEqual([500, 500, 50]);
  const rows = await collect(store, { limit: 2 }, { as: 'rows', columns: ['seq', 'message'] });
  expect(rows.pieces).toEqual([
    {
      as: 'rows',
      rows: [
        [1100, 'number 1100'],
        [1099, 'number 1099'],
      ],
    },
  ]);
  const lines = await collect(store, { limit: 2 }, { as: 'lines', columns: ['seq'] });
  expect(lines.pieces.map((piece) => (piece.as === 'lines' ? Buffer.from(piece.lines).toString() : ''))).toEqual([
    '{"seq":1100}\n{"seq":1099}\n',
  ]);
  const all = await collect(store, { limit: 1100 }, { as: 'lines', columns: ['seq'] });
  expect(all).toMatchObject({ cursor: null });
  expect(all.pieces).toHaveLength(3);
});

test('the window of a walk stays where its first page saw it', async () => {
  const { store } = await sqliteTrail();
  await recordAll(
    store,
    numbered(20, (index) => ({ ts: formatTimestamp(NOW + index * 1000) })),
  );
  const filter = { since: NOW + 5000, until: NOW + 15_000, actor: ['unknown'] };
  const { cursor, pieces } = await collect(store, { filter, limit: 4 });
  // Asked again a while later, the same words mean another window.
  const later = { since: NOW + 9000, until: NOW + 99_000, actor: ['unknown'] };
  const next = await collect(store, { filter: later, limit: 100, cursor: cursor ?? '' });
  expect([...entriesOf(pieces), ...entriesOf(next.pieces)].map((entry) => entry.seq)).toEqual([
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
  ]);
});

test('a cursor that is damaged, or of another question, is not page 1', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(20));
  const { cursor } = await collect(store);
  const ask = (request: Partial<HistoryRequest>): Promise<unknown> =>
    collect(store, { cursor: cursor ?? '', ...request });
  await expect(ask({})).resolves.toMatchObject({ cursor: null });
  const kind = 'usage';
  await expect(ask({ question: '{"actor":["anna"]}' })).rejects.toMatchObject({
    kind,
    message: expect.stringContaining('another filter'),
  });
  await expect(ask({ order: 'oldest' })).rejects.toMatchObject({
    kind,
    message: expect.stringContaining('another order'),
  });
  for (const damaged of [
    '',
    'x',
    cursor?.slice(1),
    cursor?.slice(0, -1),
    `${cursor}x`,
    `${cursor?.slice(0, 5)}A${cursor?.slice(6)}`,
  ]) {
    await expect(ask({ cursor: damaged ?? '' })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining('damaged'),
    });
  }
  await expect(explainHistory(store, { ...REQUEST, cursor: 'x' })).rejects.toMatchObject({ kind });
});

test('explain tells of the page that is asked for', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(20));
  const { cursor } = await collect(store);
  expect((await explainHistory(store, REQUEST)).plan.join()).toContain('daybook_entries_by_time');
  const later = await explainHistory(store, { ...REQUEST, cursor: cursor ?? '' });
  expect(later.plan.join()).toContain('ts_ms=? AND rowid<?');
  expect(later.parameters).toContain(11);
});

test.each([0, -1, NaN, 'abc', 1.5, undefined])('refuses %o as a limit, and does not read', async (limit) => {
  const { store } = await sqliteTrail();
  const request = { filter: {}, order: 'newest', limit: limit as number, question: '' } as const;
  const told = { kind: 'usage', field: 'limit', value: limit };
  await expect(history(store, request, { as: 'entries' }).next()).rejects.toMatchObject(told);
});
