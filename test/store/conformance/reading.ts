import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../../src/core/entry.js';
import { ENTRY_FIELDS, HISTORY_FIELDS, JSON_FIELDS } from '../../../src/core/entry.js';
import type { Filter } from '../../../src/core/filter.js';
import { formatTimestamp } from '../../../src/core/timestamp.js';
import type { AuditStore, FieldPage, Key, Order } from '../../../src/store/audit-store.js';
import { entries, filter as anyFilter, text } from '../arbitraries.js';
import { inOrder, matching } from '../model.js';
import {
  carryOut,
  forecastOf,
  NOW,
  numbered,
  planOf,
  readAll,
  recordAll,
  recordMarked,
  rule,
  seqsOf,
  type Trail,
} from '../trail.js';
import type { Mark } from '../../../src/core/mark.js';
import type { World } from './world.js';

const DAY = 86_400_000;
const ORDERS: readonly Order[] = ['newest', 'oldest', 'recorded'];

/** What an AuditStore reads. */
export function describeReading(world: World): void {
  const { onNewTrail, runs } = world;
  let trail: Trail;
  let store: AuditStore;
  beforeEach(() => {
    trail = world.trail();
    store = world.store();
  });

  describe('order and pages', () => {
    /** Hundreds on one millisecond, some before and after it, recorded in no order of time. */
    /** Records a crowd, and gives the mark of its first 300. */
    async function crowd(): Promise<Mark> {
      const fields = Array.from({ length: 420 }, (_, index) => ({
        message: `number ${index}`,
        category: index % 3 === 0 ? 'auth' : 'entity',
        ts: formatTimestamp(index % 10 === 0 ? NOW - index * 1000 : index % 97 === 0 ? NOW + index : NOW),
      }));
      await recordAll(store, fields.slice(0, 300));
      const mark = await store.mark();
      await recordAll(store, fields.slice(300));
      return mark;
    }

    const filters: [string, Filter][] = [
      ['all', {}],
      ['one value', { category: ['auth'] }],
      ['two values', { category: ['auth', 'entity', 'device'] }],
      ['a window', { since: NOW - 200_000, until: NOW + 100 }],
      ['a value in a window', { category: ['auth'], since: NOW, until: NOW }],
      ['a scan', { search: '7' }],
    ];

    describe.each(ORDERS)('%s', (order) => {
      test.each(filters)('%s: pages put together are one long read', async (_, filter) => {
        await crowd();
        const all = inOrder(matching(await readAll(store), filter), order);
        expect(all.length).toBeGreaterThan(10);
        for (const limit of [1000, all.length, all.length - 1, 64, 7]) {
          expect(await readAll(store, { filter, order, limit })).toEqual(all);
        }
      });

      test('entries that others record between pages do not slip in', async () => {
        await crowd();
        const other = await trail.open();
        const before = inOrder(await readAll(store), order);
        let count = 0;
        const pages = await readAll(store, { order, limit: 50 }, async () => {
          count += 1;
          await recordAll(other, [
            { message: 'now' },
            { message: 'before all', ts: formatTimestamp(NOW - 10 * DAY - count) },
            { message: 'among them', ts: formatTimestamp(NOW) },
            { message: 'behind all', ts: formatTimestamp(NOW + 10 * DAY + count) },
          ]);
        });
        expect(pages).toEqual(before);
        expect(await readAll(store)).toHaveLength(before.length + 4 * count);
      });

      test('what a prune takes between pages leaves the others in place', async () => {
        await crowd();
        const other = await trail.open();
        const before = inOrder(await readAll(store), order);
        const plan = await planOf(other, rule({ filter: { category: ['auth'] }, before: NOW + DAY }));
        let pruned = false;
        const pages = await readAll(store, { order, limit: 100 }, async () => {
          if (!pruned) await carryOut(other, plan);
          pruned = true;
        });
        const rest = before.slice(100).filter((entry) => entry.category !== 'auth');
        expect(pages).toEqual([...before.slice(0, 100), ...rest]);
      });

      test('rows, lines and fields answer as pages do', async () => {
        const upTo = await crowd();
        const columns = ['seq', 'message', 'reverted_by', 'ts'] as const;
        const expected = (await readAll(store, { order, upTo })).map((entry) => columns.map((field) => entry[field]));
        expect(expected).toHaveLength(300);
        const rows: unknown[] = [];
        const lines: unknown[] = [];
        const fields: unknown[] = [];
        for (let after: Key | undefined; ;) {
          const query = { filter: {}, order, limit: 33, upTo, ...(after === undefined ? {} : { after }) };
          const rowPage = await store.rows(query, columns);
          const linePage = await store.lines(query, columns);
          rows.push(...rowPage.rows);
          const values = textOf(linePage.lines)
            .split('\n')
            .slice(0, -1)
            .map((line) => Object.values(JSON.parse(line) as object));
          lines.push(...values);
          expect(linePage.count).toBe(values.length);
          expect(linePage.firstSeq).toBe(Math.min(...values.map(([seq]) => seq as number)));
          expect(linePage.lastSeq).toBe(Math.max(...values.map(([seq]) => seq as number)));
          const fieldPage = await store.fields(query, columns);
          expect(fieldPage).toMatchObject({
            count: linePage.count,
            next: linePage.next,
            firstSeq: linePage.firstSeq,
            lastSeq: linePage.lastSeq,
          });
          fields.push(...rowsOf(fieldPage, columns.length));
          if (rowPage.next === null) break;
          expect(linePage.next).toEqual(rowPage.next);
          after = rowPage.next;
        }
        expect(rows).toEqual(expected);
        expect(lines).toEqual(expected);
        expect(fields).toEqual(expected.map((row) => row.map((cell) => (cell === null ? null : String(cell)))));
      });

      test('an empty trail has one empty page', async () => {
        const query = { filter: {}, order, limit: 10, upTo: await store.mark() };
        expect(await store.page(query)).toEqual({ entries: [], next: null });
        expect(await store.rows(query, ['seq'])).toMatchObject({ rows: [], next: null });
        expect(await store.lines(query, ['seq'])).toMatchObject({
          count: 0,
          firstSeq: null,
          lastSeq: null,
          next: null,
        });
        expect((await store.lines(query, ['seq'])).lines).toHaveLength(0);
        expect(await store.fields(query, ['seq'])).toMatchObject({
          count: 0,
          firstSeq: null,
          lastSeq: null,
          next: null,
        });
        expect((await store.fields(query, ['seq']))?.fields).toHaveLength(0);
      });
    });

    test('time goes before seq, and seq decides on one moment', async () => {
      await recordAll(store, [
        { ts: formatTimestamp(NOW) },
        { ts: formatTimestamp(NOW - 1) },
        { ts: formatTimestamp(NOW + 1) },
        { ts: formatTimestamp(NOW) },
        { ts: '0001-01-01T00:00:00.000Z' },
        { ts: '9999-12-31T23:59:59.999Z' },
        { ts: '1969-12-31T23:59:59.999Z' },
      ]);
      expect(await seqsOf(store, {}, 'oldest')).toEqual([5, 7, 2, 1, 4, 3, 6]);
      expect(await seqsOf(store, {}, 'newest')).toEqual([6, 3, 4, 1, 2, 7, 5]);
      expect(await seqsOf(store, {}, 'recorded')).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    test('a page of very large entries ends early, and the next goes on', async () => {
      const message = 'x'.repeat(3 * 1024 * 1024);
      await recordAll(store, [{ message }, { message }, { message }, {}]);
      const first = await store.page({ filter: {}, order: 'oldest', limit: 4, upTo: await store.mark() });
      expect(first.entries.length).toBeLessThan(4);
      expect(first.next).not.toBeNull();
      const all = await readAll(store, { order: 'oldest', limit: 4 });
      expect(all.map((entry) => entry.message.length)).toEqual([message.length, message.length, message.length, 0]);
    });
  });

  describe('filters', () => {
    test('take what the plain model takes, in order, over all pages', async () => {
      const question = fc.record({
        filter: anyFilter,
        order: fc.constantFrom(...ORDERS),
        limit: fc.integer({ min: 1, max: 12 }),
      });
      await fc.assert(
        fc.asyncProperty(
          entries(40),
          fc.array(question, { minLength: 12, maxLength: 12 }),
          fc.nat(40),
          async (drawn, questions, upTo) => {
            await onNewTrail(async (fresh) => {
              const mark = (await recordMarked(fresh, drawn))[Math.min(upTo, drawn.length)] as Mark;
              const all = await readAll(fresh);
              expect(all).toHaveLength(drawn.length);
              for (const { filter, order, limit } of questions) {
                const expected = inOrder(matching(all, filter), order).filter((entry) => entry.seq <= upTo);
                expect(await readAll(fresh, { filter, order, limit, upTo: mark })).toEqual(expected);
                const extent = await fresh.extent(filter, { beyond: mark });
                expect(await readAll(fresh, { upTo: extent.upTo })).toEqual(all);
                expect(extent).toMatchObject({
                  lastSeq: drawn.length,
                  count: matching(all, filter).filter((entry) => entry.seq > upTo).length,
                });
              }
            });
          },
        ),
        { numRuns: runs(60) },
      );
    }, 60_000);

    /** An entry that has everything, one that has something else, and one that has nothing. */
    async function three(): Promise<void> {
      await recordAll(store, [
        {
          id: 'full',
          category: 'auth',
          action: 'create',
          severity: 'error',
          actor: 'anna',
          actor_type: 'user',
          scope: 'tenant:1',
          entity_type: 'invoice',
          entity_id: '7',
          message: 'Paid 50% of A_1 by Ärger',
          metadata: '{"n":9007199254740993,"d":{"list":[{"k":"v"},2]},"t":true,"z":null}',
          changed_fields: '["status","address.street","gross_sats"]',
          correlation_id: 'req-1',
          source: 'ledgrab',
          ts: formatTimestamp(NOW),
        },
        {
          category: 'device',
          action: 'delete',
          severity: 'warning',
          actor: 'bob',
          actor_type: 'system',
          scope: 'tenant:2',
          entity_type: 'dca_Settlements',
          entity_id: '8',
          message: 'Paid 500 of AB1',
          metadata: '{"n":9007199254740992,"d":{"list":[2]},"t":"true"}',
          changed_fields: '["address2","statuses","wire_sats"]',
          correlation_id: 'req-2',
          source: 'other',
          ts: formatTimestamp(NOW + 1000),
        },
        { ts: formatTimestamp(NOW + 2000), action: 'note' },
      ]);
    }

    const conditions: [Filter, number[]][] = [
      [{ category: ['auth'] }, [1]],
      [{ action: ['create'] }, [1]],
      [{ severity: ['error'] }, [1]],
      [{ actor: ['anna'] }, [1]],
      [{ actor_type: ['user'] }, [1]],
      [{ scope: ['tenant:1'] }, [1]],
      [{ correlation_id: ['req-1'] }, [1]],
      [{ source: ['ledgrab'] }, [1]],
      [{ entity: [{ type: 'invoice' }] }, [1]],
      [{ entity: [{ id: '7' }] }, [1]],
      [{ entity: [{ type: 'invoice', id: '7' }] }, [1]],
      [{ entity: [{ type: 'dca_Settlements', id: '7' }] }, []],
      [{ search: 'paid 50%' }, [1]],
      [{ search: 'A_1' }, [1]],
      [{ search: 'a_1 BY' }, [1]],
      [{ search: 'ärger' }, []],
      [{ changed: ['status'] }, [1]],
      [{ changed: ['address'] }, [1]],
      [{ changed: ['address.street'] }, [1]],
      [{ changed: ['street'] }, []],
      [{ changed: ['gross'] }, [2]],
      [{ changed: ['wire_sats'] }, [2]],
      [{ changed: ['net'] }, []],
      [{ meta: [{ path: 'n', value: '9007199254740993' }] }, [1]],
      [{ meta: [{ path: 'n', value: '9007199254740992' }] }, [2]],
      [{ meta: [{ path: 'd.list.0.k', value: 'v' }] }, [1]],
      [{ meta: [{ path: 'd.list.0', value: '2' }] }, [2]],
      [{ meta: [{ path: 't', value: 'true' }] }, [2, 1]],
      [{ meta: [{ path: 'z', value: 'null' }] }, [1]],
      [{ meta: [{ path: 'missing', value: 'null' }] }, []],
      [{ since: NOW + 1000 }, [3, 2]],
      [{ until: NOW + 1000 }, [2, 1]],
      [{ since: NOW + 1, until: NOW + 1999 }, [2]],
      [{ since: NOW + 2001 }, []],
      [{ since: NOW + 2000, until: NOW }, []],
      [{ category: ['auth', 'device'], actor: ['bob'] }, [2]],
      [{ entity: [{ type: 'dca_Settlements' }, { id: '7' }] }, [2, 1]],
      [{ changed: ['nothing', 'statuses'] }, [2]],
    ];

    test.each(conditions)('%j', async (filter, expected) => {
      await three();
      expect(await seqsOf(store, filter)).toEqual(expected);
      expect(await seqsOf(store, filter, 'oldest')).toEqual(expected.toReversed());
      expect(await seqsOf(store, filter, 'recorded')).toEqual(expected.toReversed());
      expect(await store.extent(filter)).toMatchObject({ count: expected.length, lastSeq: 3 });
    });

    const excluding = conditions.filter(([{ since, until }]) => since === undefined && until === undefined);
    test.each(excluding.filter(([filter]) => Object.keys(filter).length === 1))(
      'not %j keeps what has no value there',
      async (conditionsOnly, expected) => {
        await three();
        const others = [3, 2, 1].filter((seq) => !expected.includes(seq));
        expect(await seqsOf(store, { not: conditionsOnly })).toEqual(others);
      },
    );

    test('in lists, any value will do, and each one excludes', async () => {
      await three();
      expect(await seqsOf(store, { category: ['auth', 'device', 'auth', 'none'] })).toEqual([2, 1]);
      expect(await seqsOf(store, { scope: ['tenant:2', 'tenant:1'] }, 'oldest')).toEqual([1, 2]);
      expect(await seqsOf(store, { not: { scope: ['tenant:2', 'tenant:1'] } })).toEqual([3]);
      expect(await seqsOf(store, { not: { actor: ['anna'], category: ['device'] } })).toEqual([3]);
      expect(await seqsOf(store, { entity: [{ type: 'invoice' }, { type: 'dca_Settlements' }] })).toEqual([2, 1]);
      expect(await seqsOf(store, { entity: [{ type: 'invoice', id: '7' }, { id: '8' }, { id: '7' }] })).toEqual([2, 1]);
    });

    test('what is no filter is refused', async () => {
      await three();
      for (const none of [{ actor: [] }, { entity: [] }, { not: { actor: [] } }] satisfies Filter[]) {
        await expect(seqsOf(store, none)).rejects.toThrow(expect.objectContaining({ kind: 'usage' }));
        await expect(forecastOf(store, rule({ filter: none, before: NOW + DAY }))).rejects.toThrow(
          expect.objectContaining({ kind: 'usage' }),
        );
      }
    });

    test('a list longer than anything worth a merge', async () => {
      await three();
      const many = Array.from({ length: 200 }, (_, index) => `none-${index}`);
      expect(await seqsOf(store, { actor: [...many, 'anna'] })).toEqual([1]);
      expect(await seqsOf(store, { entity: [...many, '7'].map((id) => ({ id })) })).toEqual([1]);
    });

    test('an id that occurs with many types, and with none', async () => {
      const types = Array.from({ length: 60 }, (_, index) => `type-${index}`);
      await recordAll(store, [
        ...types.slice(0, 3).map((type) => ({ entity_type: type, entity_id: 'few' })),
        { entity_id: 'few' },
        ...types.map((type) => ({ entity_type: type, entity_id: 'many' })),
        { entity_type: 'type-0' },
      ]);
      expect(await seqsOf(store, { entity: [{ id: 'few' }] }, 'oldest')).toEqual([1, 2, 3, 4]);
      expect(await seqsOf(store, { entity: [{ id: 'many' }] })).toHaveLength(60);
      expect(await seqsOf(store, { entity: [{ id: 'none' }] })).toEqual([]);
      expect(await readAll(store, { filter: { entity: [{ id: 'few' }] }, limit: 1 })).toHaveLength(4);
    });

    test('more entries taken back than are worth looking up one by one', async () => {
      const ids = Array.from({ length: 1010 }, (_, index) => ({ id: `e-${index}` }));
      await recordAll(store, ids);
      await recordAll(
        store,
        ids.map(({ id }) => ({ action: 'revert', reverts: id })),
      );
      expect(await store.extent({ reverted: true })).toMatchObject({ count: 1010 });
      expect(await seqsOf(store, { reverted: true }, 'oldest')).toEqual(ids.map((_, index) => index + 1));
      expect(await seqsOf(store, { reverted: false, actor: ['unknown'] })).toHaveLength(1010);
    });

    test('a value is found under its key, whatever characters that has', async () => {
      const key = text.filter((characters) => !characters.includes('.'));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(key, text), { minLength: 1, maxLength: 20 }), async (pairs) => {
          await onNewTrail(async (fresh) => {
            await recordAll(
              fresh,
              pairs.map(([name, value]) => ({ metadata: JSON.stringify({ other: 1, [name]: value }) })),
            );
            const all = await readAll(fresh);
            for (const [path, value] of pairs) {
              const filter = { meta: [{ path, value }] };
              const found = await seqsOf(fresh, filter);
              expect(found.length).toBeGreaterThan(0);
              expect(found).toEqual(matching(all, filter).map((entry) => entry.seq));
            }
          });
        }),
        {
          numRuns: runs(25),
          examples: [
            [
              [
                ['back\\slash', 'x'],
                ['quo"te', 'y'],
                ['new\nline', 'z'],
                ['', 'w'],
                ['12', 'v'],
              ],
            ],
          ],
        },
      );
    });

    test('values are counted, most frequent first', async () => {
      await three();
      await recordAll(store, [{ actor: 'bob', scope: 'tenant:1' }, { actor: 'bob' }]);
      expect(await store.values('actor', {})).toEqual([
        { value: 'bob', count: 3 },
        { value: 'anna', count: 1 },
        { value: 'unknown', count: 1 },
      ]);
      expect(await store.values('scope', { until: NOW + 2000 })).toEqual([
        { value: null, count: 2 },
        { value: 'tenant:1', count: 2 },
        { value: 'tenant:2', count: 1 },
      ]);
      expect(await store.values('action', { actor: ['anna'] })).toEqual([{ value: 'create', count: 1 }]);
      expect(await store.values('action', { actor: ['nobody'] })).toEqual([]);
    });

    test('too many values to hold are refused, and so are too many characters', async () => {
      const megabyte = 'x'.repeat(1024 * 1024);
      await recordAll(
        store,
        numbered(20, (index) => ({ message: `${index}${megabyte}`, entity_name: String(index) })),
      );
      await expect(store.values('message', {})).rejects.toMatchObject({ kind: 'data', message: expect.any(String) });
      expect(await store.values('entity_name', {})).toHaveLength(20);
    });

    test('the extent counts from a mark on, at one moment', async () => {
      const [, first, , third] = (await recordMarked(store, numbered(5))) as [Mark, Mark, Mark, Mark];
      expect(await store.extent({})).toMatchObject({ lastSeq: 5, count: 5 });
      expect(await store.extent({}, { upTo: third, beyond: first })).toEqual({
        upTo: third,
        count: 2,
        lastSeq: 3,
      });
      expect(await store.extent({}, { beyond: third })).toMatchObject({ lastSeq: 5, count: 2 });
      expect(await store.extent({ actor: ['nobody'] }, { beyond: third })).toMatchObject({
        lastSeq: 5,
        count: 0,
      });
    });

    test('explain says how a page is read', async () => {
      await three();
      const query = {
        filter: { actor: ['anna'], search: "it's" },
        order: 'newest',
        limit: 10,
        upTo: await store.mark(),
      } as const;
      const { sql, parameters, plan } = await store.explain(query);
      expect(sql).not.toContain("it's");
      expect(parameters).toContain("it's");
      expect(plan.length).toBeGreaterThan(0);
    });
  });

  describe('lines', () => {
    test('hold every field in order, and documents with every digit', async () => {
      await recordAll(store, [
        {
          metadata: '{"a":9007199254740993,"b":1e400,"c":1.10,"d":-0,"e":12345678901234567890.0}',
          old_values: '{"x":1.10}',
          new_values: '{}',
          changed_fields: '["x","y.z"]',
        },
      ]);
      const { lines } = await store.lines(
        { filter: {}, order: 'oldest', limit: 10, upTo: await store.mark() },
        HISTORY_FIELDS,
      );
      const line = textOf(lines);
      expect(Object.keys(JSON.parse(line) as object)).toEqual(HISTORY_FIELDS);
      expect(line).toContain('"metadata":{"a":9007199254740993,"b":1e400,"c":1.10,"d":-0,"e":12345678901234567890.0}');
      expect(line).toContain(
        '"old_values":{"x":1.10},"new_values":{},"changed_fields":["x","y.z"],"correlation_id":null',
      );
      expect(line.endsWith('"reverted_by":null}\n')).toBe(true);
    });

    test('keep hostile text byte for byte', async () => {
      await fc.assert(
        fc.asyncProperty(entries(15), fc.array(text, { minLength: 1 }), async (drawn, texts) => {
          await onNewTrail(async (fresh) => {
            const hostile = [
              ...texts,
              '\u001b]0;owned\u0007\u202e\ufeff\u2028\u2029\u0001\u007f\u0085',
              '\\"\\\\\\n%s%d%%',
              '=1+1',
              '😀'.repeat(3),
              "'; DROP TABLE daybook_entries; --",
            ];
            await recordAll(fresh, [
              ...drawn,
              ...hostile.map((message) => ({ message, entity_name: message, actor: message || 'x' })),
            ]);
            const upTo = await fresh.mark();
            const page = await fresh.lines({ filter: {}, order: 'recorded', limit: 1000, upTo }, HISTORY_FIELDS);
            const lines = textOf(page.lines).split('\n').slice(0, -1);
            const expected = await readAll(fresh, { order: 'recorded' });
            expect(lines).toHaveLength(expected.length);
            expect(lines.map((line) => parseLine(line))).toEqual(expected.map((entry) => parsed(entry)));
          });
        }),
        { numRuns: runs(40) },
      );
    });

    test('are one line each, even where a document was written over several', async () => {
      await recordAll(store, [
        { metadata: '{\n  "a": "x\\ny",\r\n\t"b": [\n1\n]\n}', old_values: '{\r"a": 1}', changed_fields: '[\n"a"]' },
        {},
      ]);
      const page = await store.lines(
        { filter: {}, order: 'oldest', limit: 10, upTo: await store.mark() },
        ENTRY_FIELDS,
      );
      const lines = textOf(page.lines).split('\n').slice(0, -1);
      expect(lines).toHaveLength(2);
      expect(textOf(page.lines)).not.toContain('\r');
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({
        metadata: { a: 'x\ny', b: [1] },
        old_values: { a: 1 },
        changed_fields: ['a'],
      });
    });

    test.each(['\n', '\r'])('are one line each, whether a document holds the one or the other: %j', async (end) => {
      await recordAll(store, [
        { metadata: `{${end}"a": 1}` },
        { metadata: '{"b":1}' },
        { old_values: `{"c": 1${end}}` },
      ]);
      const query = { filter: {}, order: 'oldest', upTo: await store.mark() } as const;
      const first = await store.lines({ ...query, limit: 2 }, ['metadata']);
      expect(textOf(first.lines)).toBe('{"metadata":{ "a": 1}}\n{"metadata":{"b":1}}\n');
      const rest = await store.lines({ ...query, limit: 2, ...(first.next && { after: first.next }) }, ['old_values']);
      expect(textOf(rest.lines)).toBe('{"old_values":{"c": 1 }}\n');
    });

    test('hold the asked columns, in the asked order', async () => {
      await recordAll(store, [{ id: 'a', message: 'x' }]);
      const page = await store.lines({ filter: {}, order: 'oldest', limit: 1, upTo: await store.mark() }, [
        'message',
        'reverted_by',
        'id',
      ]);
      expect(textOf(page.lines)).toBe('{"message":"x","reverted_by":null,"id":"a"}\n');
    });

    function parseLine(line: string): Record<string, unknown> {
      return JSON.parse(line) as Record<string, unknown>;
    }

    function parsed(entry: HistoryEntry): Record<string, unknown> {
      return Object.fromEntries(
        HISTORY_FIELDS.map((field) => {
          const value = entry[field];
          return [field, JSON_FIELDS.has(field) && value !== null ? JSON.parse(String(value)) : value];
        }),
      );
    }
  });

  describe('pages of fields', () => {
    /** The page as rows of text, or null where the store has it as rows alone. */
    async function textRows(from: AuditStore, upTo: Mark): Promise<(string | null)[][] | null> {
      const query = { filter: {}, order: 'recorded', limit: 1000, upTo } as const;
      const page = await from.fields(query, HISTORY_FIELDS);
      return page === null ? null : rowsOf(page, HISTORY_FIELDS.length);
    }

    test('tell null from empty text', async () => {
      await recordAll(store, [{ message: '', actor_name: '', scope: null, source: null }]);
      const query = { filter: {}, order: 'oldest', limit: 5, upTo: await store.mark() } as const;
      const page = await store.fields(query, ['message', 'scope', 'actor_name', 'source']);
      expect(textOf(page?.fields ?? new Uint8Array())).toBe('\x1e\x1f\x1f\x1e\x1f\x1f');
    });

    test('are those of rows, whatever the text, or none', async () => {
      const marks = fc.constantFrom('\x1e', '\x1f', '\x1e\x1f', '\x1ea', '\x01', '\ta', '');
      await fc.assert(
        fc.asyncProperty(entries(15), fc.array(fc.oneof(text, marks)), async (drawn, texts) => {
          await onNewTrail(async (fresh) => {
            const hostile = texts.map((message) => ({ message, entity_name: message, actor: message || 'x' }));
            await recordAll(fresh, [...drawn, ...hostile]);
            const upTo = await fresh.mark();
            const found = await textRows(fresh, upTo);
            const { rows } = await fresh.rows({ filter: {}, order: 'recorded', limit: 1000, upTo }, HISTORY_FIELDS);
            const expected = rows.map((row) => row.map((cell) => (cell === null ? null : String(cell))));
            const ambiguous = expected.flat().some((cell) => cell === '\x1e' || cell?.includes('\x1f') === true);
            expect(found).toEqual(ambiguous ? null : expected);
          });
        }),
        { numRuns: runs(100) },
      );
    });

    test.each(['\x1e', '\x1f', 'a\x1fb', '\x1e\x1f', '\x1f\x1e'])('are none where a text is %j', async (message) => {
      const [, before, , all] = (await recordMarked(store, [{}, { message }, {}])) as [Mark, Mark, Mark, Mark];
      expect(await textRows(store, all)).toBeNull();
      expect(await textRows(store, before)).not.toBeNull();
    });

    test('of null alone are marks alone, however many', async () => {
      await recordAll(store, numbered(600));
      const query = { filter: {}, order: 'oldest', limit: 1000, upTo: await store.mark() } as const;
      const page = await store.fields(query, ['scope', 'source', 'reverts', 'actor_name']);
      expect(textOf(page?.fields ?? new Uint8Array())).toBe('\x1f'.repeat(2400));
    });

    test('find one mark too many at any place of a large page', async () => {
      for (const length of [0, 1, 2, 3, 4]) {
        await onNewTrail(async (fresh) => {
          const message = 'x'.repeat(length);
          await recordAll(fresh, numbered(300, { message }));
          expect(await textRows(fresh, await fresh.mark())).toHaveLength(300);
          await recordAll(fresh, [{ message: `${message}\x1f` }]);
          expect(await textRows(fresh, await fresh.mark())).toBeNull();
        });
      }
    });
  });
}

function textOf(lines: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(lines);
}

/** What the marks of a page say. */
function rowsOf(page: FieldPage | null, columns: number): (string | null)[][] {
  if (page === null) throw new Error('the page is there as rows alone');
  const parts = textOf(page.fields).split('\x1f').slice(0, -1);
  expect(parts).toHaveLength(page.count * columns);
  const cells = parts.map((part) => (part === '' ? null : part === '\x1e' ? '' : part));
  return Array.from({ length: page.count }, (_, row) => cells.slice(row * columns, (row + 1) * columns));
}
