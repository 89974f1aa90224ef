import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import type { BrokenRecord, ImportedEntry, Source, SourceRecord } from '../../src/core/import.js';
import { importSource } from '../../src/operations/import.js';
import { recordImport } from '../../src/operations/import-account.js';
import { verifyImport } from '../../src/operations/import-comparison.js';
import { pendingEntries } from '../../src/operations/import-entries.js';
import type { EntrySorter, ImportOptions, Reject } from '../../src/operations/import-entries.js';
import { rehearseImport } from '../../src/operations/import-rehearsal.js';
import type { ImportTotals } from '../../src/operations/import-totals.js';
import { LARGE_LOG } from '../../src/operations/log-size.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { openRehearsed } from '../../src/store/sqlite/sources/rehearsed.js';
import { openSorter } from '../../src/store/sqlite/sources/sorter.js';
import { ACTOR, NOW, readAll, sqliteTrail } from '../store/trail.js';

type Line = Readonly<Record<string, string | null>>;

/** A source of pages; a page that is an error ends it. */
function sourceOf(...pages: readonly (readonly (Line | BrokenRecord)[] | Error)[]): Source {
  return {
    kind: 'ndjson',
    total: undefined,
    async *records() {
      let number = 0;
      for (const page of pages) {
        if (page instanceof Error) throw page;
        yield page.map((line): SourceRecord | BrokenRecord => {
          number += 1;
          return 'problem' in line ? (line as BrokenRecord) : { position: `line ${number}`, values: line as Line };
        });
      }
    },
    lookup: () => () => null,
    close: () => {},
  };
}

/** `ms` and `finer` are the time, without `ms` there is none; `bad` makes it broken. */
function reader({ values, position }: SourceRecord): readonly ImportedEntry[] {
  const { id, ms, finer, message, bad, entity } = values as Line;
  if (typeof bad === 'string') throw new DaybookError('data', `bad ${bad}`);
  return [
    {
      id: id ?? position,
      time: typeof ms !== 'string' ? null : { ms: Number(ms), finer: finer ?? '' },
      fields: { action: 'note', message: message ?? id ?? '', entity_id: entity ?? null },
      unmatched: message === 'stray',
    },
  ];
}

const OPTIONS: ImportOptions = { source: 'test', reader, needs: [], clock: () => NOW };

async function imported(
  store: AuditStore,
  source: Source,
  options: Partial<ImportOptions> = {},
): Promise<ImportTotals> {
  const steps = importSource(store, source, { ...OPTIONS, ...options });
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
}

function collecting(): { rejects: Reject[]; reject: NonNullable<ImportOptions['reject']> } {
  const rejects: Reject[] = [];
  return {
    rejects,
    reject: async (each) => {
      rejects.push(each);
    },
  };
}

const messages = async (store: AuditStore): Promise<string[]> =>
  (await readAll(store, { order: 'recorded' })).map(({ message }) => message);

const BROKEN: BrokenRecord = { position: 'line 9', problem: 'torn', text: '{"a' };

describe('an import', () => {
  test('records what is new, with its source and when it was recorded; a second one adds nothing', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([{ id: 'a', ms: '1000' }], [{ id: 'b', ms: '2000' }]);
    expect(await imported(store, source)).toEqual({
      read: 2,
      recorded: 2,
      skipped: 0,
      unmatched: 0,
      rejected: 0,
      forgotten: 0,
    });
    expect(await store.find({ id: 'b' })).toMatchObject({
      ts: '1970-01-01T00:00:02.000Z',
      recorded_at: '2026-03-05T12:00:00.000Z',
      source: 'test',
    });
    const later = { clock: () => NOW + 60_000 };
    expect(await imported(store, source, later)).toMatchObject({ read: 2, recorded: 0, skipped: 2 });
    const grown = sourceOf(
      [
        { id: 'a', ms: '1000' },
        { id: 'c', ms: '1500' },
      ],
      [{ id: 'b', ms: '2000' }],
    );
    expect(await imported(store, grown, later)).toMatchObject({ read: 3, recorded: 1, skipped: 2 });
  });

  test('gives what has no time that of the import, and knows it again at another time', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([{ id: 'a' }]);
    await imported(store, source);
    expect(await store.find({ id: 'a' })).toMatchObject({ ts: '2026-03-05T12:00:00.000Z' });
    expect(await imported(store, source, { clock: () => NOW + 60_000 })).toMatchObject({ recorded: 0, skipped: 1 });
  });

  test('keeps the order within a millisecond, also across pages, and else that of the source', async () => {
    const { store } = await sqliteTrail();
    const at = (id: string, ms: string, finer: string): Line => ({ id, ms, finer });
    await imported(
      store,
      sourceOf(
        [at('later', '9', ''), at('n3', '5', '3'), at('n1', '5', '1')],
        [at('n2', '5', '15'), at('end', '6', '')],
        [],
      ),
    );
    expect(await messages(store)).toEqual(['later', 'n1', 'n2', 'n3', 'end']);
  });

  test('sorts by time where the source is in no order, what has no time last', async () => {
    const { store } = await sqliteTrail();
    const sorter = openSorter as () => EntrySorter;
    const source = sourceOf(
      [{ id: 'none' }, { id: 'c', ms: '3' }],
      [
        { id: 'b', ms: '2', finer: '5' },
        { id: 'a', ms: '2' },
      ],
    );
    await imported(store, source, { sorter });
    expect(await messages(store)).toEqual(['a', 'b', 'c', 'none']);
  });

  test('counts what did not match, and records it', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([{ id: 'a', ms: '1', message: 'stray' }]);
    expect(await imported(store, source)).toMatchObject({ recorded: 1, unmatched: 1 });
    expect(await imported(store, source)).toMatchObject({ skipped: 1, unmatched: 1 });
  });

  test('asks for the scope of an entity that has none', async () => {
    const { store } = await sqliteTrail();
    const scopeOf = (id: string): string | null => (id === '7' ? 'machine:4' : null);
    await imported(
      store,
      sourceOf([
        { id: 'a', ms: '1', entity: '7' },
        { id: 'b', ms: '1', entity: '8' },
        { id: 'c', ms: '1' },
      ]),
      {
        scopeOf,
      },
    );
    expect((await readAll(store, { order: 'recorded' })).map(({ scope }) => scope)).toEqual(['machine:4', null, null]);
  });

  test('ends at the first broken record, after all before it', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([
      { id: 'a', ms: '1' },
      { id: 'x', bad: 'one' },
      { id: 'b', ms: '1' },
    ]);
    await expect(imported(store, source)).rejects.toMatchObject({ kind: 'data', message: 'line 2: bad one' });
    expect(await messages(store)).toEqual(['a']);
  });

  test('records nothing of a broken source that has to be sorted', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([{ id: 'a', ms: '1' }], [BROKEN]);
    await expect(imported(store, source, { sorter: openSorter as () => EntrySorter })).rejects.toThrow('line 9: torn');
    expect(await messages(store)).toEqual([]);
  });

  test('what the source fails with ends it, after all before it', async () => {
    const { store } = await sqliteTrail();
    const failure = new DaybookError('data', 'source.db cannot be read');
    await expect(imported(store, sourceOf([{ id: 'a', ms: '1' }], failure))).rejects.toBe(failure);
    expect(await messages(store)).toEqual(['a']);
  });

  test('hands out what is broken or in conflict, and goes on', async () => {
    const { store } = await sqliteTrail();
    const { rejects, reject } = collecting();
    const source = sourceOf([
      { id: 'a', ms: '1' },
      { id: 'x', bad: 'one' },
      { id: 'a', ms: '1', message: 'other' },
      BROKEN,
      { id: 'a', ms: '1' },
      { id: 'b', ms: '1' },
    ]);
    expect(await imported(store, source, { reject })).toEqual({
      read: 6,
      recorded: 2,
      skipped: 1,
      unmatched: 0,
      rejected: 3,
      forgotten: 0,
    });
    expect(rejects.map(({ position, reason }) => `${position}: ${reason}`)).toEqual([
      'line 2: bad one',
      'line 9: torn',
      'line 3: id a is recorded already, with another message',
    ]);
    expect(rejects.map(({ content }) => JSON.parse(content) as unknown)).toMatchObject([
      { id: 'x', bad: 'one' },
      '{"a',
      { id: 'a', message: 'other', metadata: {} },
    ]);
  });

  const saying = (
    fields: Partial<ImportedEntry['fields']>,
    more: Partial<ImportedEntry> = {},
  ): ImportOptions['reader'] => {
    return () => [{ id: 'a', time: { ms: 1, finer: '' }, fields: { action: 'note', ...fields }, ...more }];
  };

  test('knows a record again that no longer says what it said, and counts it', async () => {
    const { store } = await sqliteTrail();
    await imported(store, sourceOf([{}]), { reader: saying({ entity_id: 'e-1' }) });
    const { rejects, reject } = collecting();
    const again = { reader: saying({}), reject };
    expect(await imported(store, sourceOf([{}]), again)).toMatchObject({ skipped: 1, rejected: 0, forgotten: 1 });
    expect(rejects).toEqual([]);
    expect(await store.find({ id: 'a' })).toMatchObject({ entity_id: 'e-1' });
  });

  test('knows a record again of which an earlier version made something else', async () => {
    const { store } = await sqliteTrail();
    const [once, now] = [
      { action: 'note', actor: 'jam_cleared' },
      { action: 'jam_cleared', actor: 'system' },
    ];
    await imported(store, sourceOf([{}]), { reader: saying(once) });
    const knowing = saying(now, { earlier: [{ fields: { action: 'other' } }, { fields: once }] });
    for (const sorter of [undefined, openSorter as () => EntrySorter]) {
      const options = { reader: knowing, ...(sorter && { sorter }) };
      expect(await imported(store, sourceOf([{}]), options)).toMatchObject({ skipped: 1, forgotten: 0 });
    }
    await expect(imported(store, sourceOf([{}]), { reader: saying(now) })).rejects.toThrow(
      'with another action, actor',
    );
  });

  test('knows a record again that is recorded below the id of before, with its time in full or without', async () => {
    const time = { ms: 1, finer: '256' };
    for (const before of [time, { ms: 1, finer: '' }]) {
      const { store } = await sqliteTrail();
      await imported(store, sourceOf([{}]), { reader: saying({}, { id: 'b', time: before }) });
      const now = { reader: saying({}, { time, earlier: [{ id: 'b' }] }) };
      expect(await imported(store, sourceOf([{}]), now)).toMatchObject({ recorded: 0, skipped: 1 });
      const other = { reader: saying({}, { time: { ...time, finer: '257' }, earlier: [{ id: 'b' }] }) };
      const isSame = before.finer === '';
      expect(await imported(store, sourceOf([{}]), other)).toMatchObject({ recorded: isSame ? 0 : 1 });
    }
  });

  test('looks only for ids of before ahead of recording: what has none is compared as it is recorded', async () => {
    const { store } = await sqliteTrail();
    const once = { action: 'note', actor: 'jam_cleared' };
    await imported(store, sourceOf([{}]), { reader: saying(once) });
    let looks = 0;
    const watched: AuditStore = {
      ...store,
      compare: (requests) => {
        looks += 1;
        return store.compare(requests);
      },
    };
    const more = { time: { ms: 1, finer: '256' }, earlier: [{ fields: once }] };
    const again = { reader: saying({ actor: 'system' }, more) };
    expect(await imported(watched, sourceOf([{}]), again)).toMatchObject({ skipped: 1, forgotten: 0 });
    expect(looks).toBe(0);
  });

  test('ends at a conflict, and tells how far it came', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([
      { id: 'a', ms: '1' },
      { id: 'a', ms: '2' },
      { id: 'b', ms: '3' },
    ]);
    const seen: ImportTotals[] = [];
    await expect(async () => {
      for await (const totals of importSource(store, source, OPTIONS)) seen.push(totals);
    }).rejects.toThrow('line 2: id a is recorded already, with another ts');
    expect(seen.at(-1)).toMatchObject({ read: 3, recorded: 1 });
    expect(await messages(store)).toEqual(['a']);
  });

  test('takes however many entries of one millisecond', async () => {
    const lines = Array.from({ length: 150_000 }, (_, n) => ({ id: `n${n}`, ms: '1' }));
    let count = 0;
    for await (const { entries } of pendingEntries(sourceOf(lines, [{ id: 'last', ms: '2' }]), OPTIONS)) {
      count += entries.length;
    }
    expect(count).toBe(150_001);
  });

  test('says which column a row lacks', async () => {
    const { store } = await sqliteTrail();
    const source: Source = { ...sourceOf([{ id: 'a', ms: '1' }]), kind: 'csv' };
    await expect(imported(store, source, { needs: ['id', 'actor'] })).rejects.toThrow(
      'the source has no column actor: it has id, ms',
    );
  });

  test('lets the log flow back behind each batch where others write, and seldom where nobody does', async () => {
    const { store } = await sqliteTrail();
    const page = Array.from({ length: 600 }, (_, n) => ({ id: `n${n}`, ms: String(n) }));
    const flowedBack = async (
      othersHaveWritten: () => Promise<boolean>,
    ): Promise<{ batches: number; times: number }> => {
      let [batches, times] = [0, 0];
      const watched: AuditStore = {
        ...store,
        othersHaveWritten,
        recordOneOfMany: (...words) => {
          batches += 1;
          return store.recordOneOfMany(...words);
        },
        upkeep: () => {
          times += 1;
          return store.upkeep();
        },
      };
      await imported(watched, sourceOf(page));
      return { batches, times };
    };
    expect(await flowedBack(async () => false)).toMatchObject({ times: 0 });
    const { batches, times } = await flowedBack(async () => true);
    expect(batches).toBeGreaterThan(1);
    expect(times).toBe(batches);
  });

  test.each([
    ['seldom where it stays short', 1, [5000]],
    // A batch has at most 2000 entries.
    ['often where it grows long', 3 * LARGE_LOG, [5000, 1250, 1250, 1250]],
  ])('lets the log flow back %s', async (_, bytes, atLeast) => {
    const { store } = await sqliteTrail();
    const flowedBack: number[] = [];
    let recorded = 0;
    const watched: AuditStore = {
      ...store,
      othersHaveWritten: async () => false,
      recordOneOfMany: async (requests) => {
        recorded += requests.length;
        return requests.map(() => ({ outcome: 'recorded' }));
      },
      upkeep: async () => {
        flowedBack.push(recorded);
        return bytes;
      },
    };
    const pages = Array.from({ length: 26 }, (_page, page) =>
      Array.from({ length: 500 }, (_line, n) => ({ id: `n${page * 500 + n}`, ms: String(page * 500 + n) })),
    );
    await imported(watched, sourceOf(...pages));
    const steps = flowedBack.map((at, index) => at - (flowedBack[index - 1] ?? 0));
    expect(steps.length).toBeGreaterThanOrEqual(atLeast.length);
    if (bytes === 1) expect(steps).toHaveLength(1);
    for (const [index, least] of atLeast.entries()) {
      expect(steps[index]).toBeGreaterThanOrEqual(least);
      expect(steps[index]).toBeLessThan(least + 2000);
    }
  });

  test('stops where it is asked to, and goes on from there', async () => {
    const { store } = await sqliteTrail();
    const page = (first: number): Line[] =>
      Array.from({ length: 500 }, (_, n) => ({ id: `n${first + n}`, ms: String(first + n) }));
    const source = sourceOf(page(0), page(500), page(1000));
    const controller = new AbortController();
    const steps = importSource(store, source, { ...OPTIONS, signal: controller.signal });
    let totals = await steps.next();
    while (totals.value.recorded === 0) totals = await steps.next();
    controller.abort();
    totals = await steps.next();
    expect(totals.done).toBe(true);
    expect(totals.value.recorded).toBeLessThan(1500);
    const again = await imported(store, source);
    expect(again).toMatchObject({ recorded: 1500 - totals.value.recorded, skipped: totals.value.recorded });
    expect((await store.extent({})).lastSeq).toBe(1500);
  });
});

describe('an interrupt from outside', () => {
  /** Answers at once, as SQLite does, and so long that the signal has come before the end if it is heard at all. */
  const answeringAtOnce = (): Source =>
    sourceOf(...Array.from({ length: 200 }, (_, page) => [{ id: `at-once-${page}`, ms: String(page) }]));

  test.each([undefined, openSorter as () => EntrySorter])('is heard while an import goes on (%#)', async (sorter) => {
    const { store } = await sqliteTrail();
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    const options = { signal: stop.signal, ...(sorter && { sorter }) };
    expect((await imported(store, answeringAtOnce(), options)).recorded).toBeLessThan(200);
  });

  test('is heard by a verification and a rehearsal', async () => {
    const { store } = await sqliteTrail();
    await imported(store, answeringAtOnce());
    for (const look of [
      rehearseImport,
      async (...words: Parameters<typeof verifyImport>) => verifyImport(...words).next(),
    ]) {
      const stop = new AbortController();
      setImmediate(() => stop.abort());
      await expect(look(store, answeringAtOnce(), { ...OPTIONS, signal: stop.signal })).rejects.toThrow('interrupted');
    }
  });
});

describe('the entry of an import', () => {
  const totals = { read: 3, recorded: 2, skipped: 1, unmatched: 0, rejected: 0, forgotten: 0 };
  const what = { format: 'ledgrab', source: 'home', actor: ACTOR };

  test('carries its counts', async () => {
    const { store } = await sqliteTrail();
    const seq = await recordImport(store, totals, what);
    const entry = await store.find({ seq: seq ?? 0 });
    expect(entry).toMatchObject({ category: 'system', action: 'import', severity: 'info', actor: 'anna' });
    expect(JSON.parse(entry?.metadata ?? '')).toEqual({ format: 'ledgrab', source: 'home', ...totals });
  });

  test('is a warning where something was left out, or the import stopped', async () => {
    const { store } = await sqliteTrail();
    await recordImport(store, { ...totals, rejected: 1 }, what);
    await recordImport(store, totals, { ...what, stopped: 'line 4: torn' });
    const found = await readAll(store, { order: 'recorded' });
    expect(found.map(({ severity }) => severity)).toEqual(['warning', 'warning']);
    expect(JSON.parse(found[1]?.metadata ?? '')).toMatchObject({ stopped: 'line 4: torn' });
  });

  test('comes with the next import where one was killed before it', async () => {
    const { store } = await sqliteTrail();
    const source = sourceOf([{ id: 'a', ms: '1' }]);
    const named = { ...what, source: OPTIONS.source };
    await imported(store, source);
    const again = await imported(store, source);
    expect(again).toMatchObject({ recorded: 0, skipped: 1 });
    expect(await recordImport(store, again, { ...named, source: 'another' })).toBeNull();
    expect(await recordImport(store, again, named)).toBe(2);
    expect(await recordImport(store, again, named)).toBeNull();
  });

  test('is not there where nothing came of it', async () => {
    const { store } = await sqliteTrail();
    expect(await recordImport(store, { ...totals, recorded: 0 }, what)).toBeNull();
    expect((await store.extent({})).lastSeq).toBe(0);
  });
});

describe('a rehearsal', () => {
  test('counts what an import would do, and does nothing', async () => {
    const { store } = await sqliteTrail();
    await imported(store, sourceOf([{ id: 'a', ms: '1000' }]));
    const source = sourceOf([
      { id: 'a', ms: '1000' },
      { id: 'b', ms: '5000', message: 'stray' },
      { id: 'a', ms: '9' },
      BROKEN,
      { id: 'c', ms: '3000' },
    ]);
    const found = await rehearseImport(store, source, OPTIONS);
    expect(found).toMatchObject({
      read: 5,
      recorded: 2,
      skipped: 1,
      unmatched: 1,
      rejected: 2,
      first: '1970-01-01T00:00:01.000Z',
      last: '1970-01-01T00:00:05.000Z',
      actions: [{ value: 'note', count: 3 }],
      actors: [{ value: 'unknown', count: 3 }],
    });
    expect(found.unmatchedSamples.map(({ id }) => id)).toEqual(['b']);
    expect(found.rejections.map(({ position }) => position)).toEqual(['line 9', 'line 3']);
    expect((await store.extent({})).lastSeq).toBe(1);
  });
});

describe('whatever a source holds', () => {
  test('a rehearsal counts what the import then does, the first time and again', async () => {
    const line = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      ms: fc.constantFrom('1', '2'),
      message: fc.constantFrom('one', 'two', 'stray'),
      bad: fc.option(fc.constant('luck'), { freq: 5 }),
    });
    const pages = fc.array(fc.array(fc.oneof({ weight: 9, arbitrary: line }, fc.constant(BROKEN))), { maxLength: 4 });
    const sorters = fc.constantFrom(undefined, openSorter as () => EntrySorter);
    await fc.assert(
      fc.asyncProperty(pages, sorters, async (held, sorter) => {
        const { store } = await sqliteTrail();
        const options = { ...OPTIONS, ...(sorter && { sorter }), rehearsed: async () => openRehearsed() };
        for (const round of ['first', 'second']) {
          const [foretold, done] = [collecting(), collecting()];
          const { read, recorded, skipped, unmatched, rejected, forgotten } = await rehearseImport(
            store,
            sourceOf(...held),
            {
              ...options,
              reject: foretold.reject,
            },
          );
          const totals = await imported(store, sourceOf(...held), { ...options, reject: done.reject });
          expect({ round, read, recorded, skipped, unmatched, rejected, forgotten }).toEqual({ round, ...totals });
          const told = ({ position, reason }: Reject): string =>
            `${position}: ${reason.replace('stands in the source before', 'is recorded already')}`;
          expect(foretold.rejects.map(told).toSorted()).toEqual(done.rejects.map(told).toSorted());
        }
        await store.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('a verification', () => {
  test('names every record whose entry is missing or differs', async () => {
    const { store } = await sqliteTrail();
    await imported(
      store,
      sourceOf([
        { id: 'a', ms: '1' },
        { id: 'b', ms: '1' },
      ]),
    );
    const { reject, rejects } = collecting();
    const steps = verifyImport(
      store,
      sourceOf([{ id: 'a', ms: '1' }, { id: 'b', ms: '2', message: 'other' }, { id: 'c', ms: '1' }, BROKEN]),
      { ...OPTIONS, reject },
    );
    const differences: unknown[] = [];
    let step = await steps.next();
    for (; step.done !== true; step = await steps.next()) differences.push(step.value);
    expect(differences).toEqual([
      { position: 'line 2', id: 'b', fields: ['ts', 'message'] },
      { position: 'line 3', id: 'c', fields: null },
    ]);
    expect(step.value).toEqual({ read: 4, entries: 3, rejected: 1, forgotten: 0 });
    expect(rejects).toHaveLength(1);
    expect((await store.extent({})).lastSeq).toBe(2);
  });

  test('that is interrupted says so, and nothing of the rest', async () => {
    const { store } = await sqliteTrail();
    const stop = new AbortController();
    const pages = (): Source => ({
      ...sourceOf(),
      async *records() {
        yield [{ position: 'line 1', values: { id: 'a', ms: '1' } }];
        stop.abort();
        yield [{ position: 'line 2', values: { id: 'b', ms: '2' } }];
      },
    });
    await imported(store, pages());
    const options = { ...OPTIONS, signal: stop.signal };
    const interrupted = expect.objectContaining({ kind: 'interrupted' }) as Error;
    await expect(verifyImport(store, pages(), options).next()).rejects.toThrow(interrupted);
    await expect(rehearseImport(store, pages(), options)).rejects.toThrow(interrupted);
  });
});
