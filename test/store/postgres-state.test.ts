import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CaptureSpan } from '../../src/core/capture.js';
import { stateOf, statesOf } from '../../src/operations/state.js';
import type { Moment } from '../../src/operations/state.js';
import { statesThrough } from '../../src/operations/states.js';
import type { CapturedMoment, TablePlace } from '../../src/store/audit-store.js';
import { postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { HAS_POSTGRES } from './postgres-trail.js';
import { ACTOR, intentOf, planOf, rule } from './trail.js';

let scene: PostgresScene;

beforeAll(async () => {
  if (HAS_POSTGRES) scene = await postgresScene();
});

afterAll(async () => {
  if (HAS_POSTGRES) await scene.close();
});

type Rows = Record<string, string>;

/** What the table holds, by the ids that entries have. */
async function rowsOf(table: string): Promise<Rows> {
  const { rows } = await scene.app.query<{ a: number; b: string; v: string }>(`SELECT a, b, v FROM ${table}`);
  return Object.fromEntries(rows.map(({ a, b, v }) => [`[${a},${JSON.stringify(b)}]`, v]));
}

async function spanOf(type: string): Promise<CaptureSpan> {
  const span = (await scene.store.captureHistory(type))?.spans.at(-1);
  if (span === undefined) throw new Error(`${type} is not captured`);
  return span;
}

/** Every row at a moment, page by page; something may happen between pages. Each is told once. */
async function walk(
  moment: CapturedMoment,
  { live = true, size = 2, between }: { live?: boolean; size?: number; between?: (page: number) => Promise<void> } = {},
): Promise<Rows> {
  const rows: Rows = {};
  let page = 0;
  for (let place: TablePlace | null = null, more = true; more; more = place !== null) {
    const found = await scene.store.tableEvidence(moment, live, place, size);
    for (const { id, first, last, live: now } of found.rows) {
      expect(rows, `${id} twice`).not.toHaveProperty([id]);
      const values = first === null ? (now ?? last?.after ?? null) : first.before;
      if (values !== null) rows[id] = (JSON.parse(values) as { v: string }).v;
    }
    place = found.next;
    if (place !== null) await between?.(page++);
  }
  return rows;
}

const COLUMNS = `a int, b text, v text, PRIMARY KEY (a, b)`;
const FILL = `INSERT INTO T SELECT n, chr(97 + n % 3), 'v' || n FROM generate_series(1, 12) AS n`;

/** A change of some row, by a number. */
function change(table: string, number: number): string {
  const a = (number * 7) % 14;
  return [
    `UPDATE ${table} SET v = v || '.${number}' WHERE a = ${a}`,
    `DELETE FROM ${table} WHERE a = ${a}`,
    `INSERT INTO ${table} VALUES (${a}, 'z${number}', 'new ${number}')`,
    `UPDATE ${table} SET a = a + 20 WHERE a = ${a}`,
    `UPDATE ${table} SET v = 'all ${number}' WHERE a % 3 = ${number % 3}`,
  ][number % 5] as string;
}

async function lastSeq(): Promise<number> {
  return (await scene.store.extent({})).lastSeq;
}

describe.skipIf(!HAS_POSTGRES)('the rows of a table at a moment, in PostgreSQL', () => {
  test('are what they were, by seq and by time, also while others change them', async () => {
    const table = await scene.captured(COLUMNS, FILL);
    const span = await spanOf(table);
    const moments: { readonly at: CapturedMoment['at']; readonly rows: Rows }[] = [];
    for (let number = 1; number <= 12; number++) {
      await scene.app.query(change(table, number));
      const rows = await rowsOf(table);
      moments.push({ at: { seq: await lastSeq() }, rows }, { at: { ms: Date.now() }, rows });
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    for (const [index, { at, rows }] of moments.entries()) {
      const moment = { entityType: table, span, at };
      expect(await walk(moment, { size: 3 + (index % 5) })).toEqual(rows);
      if (index % 4 > 1) continue;
      // Who goes on for ever with rows before the walk would have it go on for ever.
      const between = async (page: number): Promise<void> => {
        if (page < 6) await scene.app.query(change(table, index * 31 + page));
      };
      expect(await walk(moment, { size: 3, between })).toEqual(rows);
    }
    // So many changes between two pages that they fill pages of their own.
    const burst = async (page: number): Promise<void> => {
      if (page === 10) for (let more = 0; more < 4; more++) await scene.app.query(`UPDATE ${table} SET v = v || '-'`);
    };
    const rows = await rowsOf(table);
    expect(await walk({ entityType: table, span, at: { seq: await lastSeq() } }, { size: 1, between: burst })).toEqual(
      rows,
    );
  }, 60_000);

  test('are told once beside transactions that commit late', async () => {
    const table = await scene.captured(COLUMNS, FILL);
    const span = await spanOf(table);
    const rows = await rowsOf(table);
    const late = new Client({ connectionString: scene.url });
    await late.connect();
    // Its entries have seqs before and behind the moment.
    await late.query(`BEGIN; UPDATE ${table} SET v = 'late' WHERE a = 11`);
    await scene.app.query(`UPDATE ${table} SET v = 'early' WHERE a = 1`);
    const seq = await lastSeq();
    await late.query(
      `UPDATE ${table} SET v = 'late' WHERE a = 2; DELETE FROM ${table} WHERE a = 3; DELETE FROM ${table} WHERE a = 12`,
    );
    const between = async (page: number): Promise<void> => {
      if (page === 1) await late.query('COMMIT');
    };
    const found = await walk({ entityType: table, span, at: { seq } }, { between });
    await late.end();
    expect({ ...found, '[11,"c"]': '?' }).toEqual({ ...rows, '[1,"b"]': 'early', '[11,"c"]': '?' });
  });

  test('are those that changed within a span that has ended', async () => {
    const table = await scene.captured(COLUMNS, FILL);
    await scene.run(
      table,
      `UPDATE T SET v = 'x' WHERE a = 1; UPDATE T SET v = 'y' WHERE a = 1; DELETE FROM T WHERE a = 2`,
    );
    await scene.store.removeCaptures([table], ACTOR);
    const span = await spanOf(table);
    expect(await walk({ entityType: table, span, at: { seq: span.sinceSeq + 1 } }, { live: false })).toEqual({
      '[1,"b"]': 'x',
      '[2,"c"]': 'v2',
    });
  });

  test('come with what the commands say: at a time, behind an entry, now, and page by page', async () => {
    const table = await scene.captured(
      'id int PRIMARY KEY, v text',
      `INSERT INTO T SELECT n, 'a' FROM generate_series(1, 600) AS n`,
    );
    const before = await lastSeq();
    await scene.run(
      table,
      `UPDATE T SET v = 'b' WHERE id % 2 = 0; DELETE FROM T WHERE id > 590; INSERT INTO T VALUES (0, 'c')`,
    );
    const counted = async (moment: Moment): Promise<unknown> => {
      const counts: Record<string, number> = {};
      for await (const page of statesOf(scene.store, table, moment)) {
        for (const { exists, values } of page) {
          const key = exists === true ? (JSON.parse(values ?? '') as { v: string }).v : String(exists);
          counts[key] = (counts[key] ?? 0) + 1;
        }
      }
      return counts;
    };
    const at = '2030-01-01T00:00:00.000Z';
    expect(await counted({ kind: 'entry', at, seq: before })).toEqual({ a: 600 });
    expect(await counted({ kind: 'now', at })).toEqual({ a: 295, b: 295, c: 1 });
    expect(await counted({ kind: 'time', at })).toEqual({ a: 295, b: 295, c: 1 });
    const one = await stateOf(scene.store, { type: table, id: '600' }, { kind: 'entry', at, seq: before });
    expect(one).toMatchObject({ exists: true, values: '{"id":600,"v":"a"}' });
    const states: unknown[] = [];
    for await (const page of statesThrough(scene.store, { type: table, id: '600', filter: {}, all: true, now: at })) {
      states.push(...page.map(({ action, exists, values }) => [action, exists, values]));
    }
    expect(states).toEqual([
      [null, true, '{"id":600,"v":"a"}'],
      ['update', true, '{"id":600,"v":"b"}'],
      ['delete', false, null],
    ]);
  });

  test('are not known where a prune took their changes', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a')`);
    await scene.run(table, `UPDATE T SET v = 'b'; UPDATE T SET v = 'c'`);
    const [first] = await scene.entriesOf(table);
    const filter = { entity: [{ type: table }] };
    const plan = await planOf(scene.store, rule({ keep: 1, filter }));
    const prune = await scene.store.openPrune(intentOf(plan, { criteria: JSON.stringify([{ filter }]) }));
    await scene.store.deleteBatch(prune, plan, undefined, 100);
    const notes: string[] = [];
    const moment: Moment = { kind: 'entry', at: '2030-01-01T00:00:00.000Z', seq: (first?.seq ?? 0) - 1 };
    const pages: unknown[] = [];
    for await (const page of statesOf(scene.store, table, moment, [], (text) => notes.push(text))) pages.push(...page);
    expect(pages).toMatchObject([{ entity: table, exists: null }]);
    expect(notes.join()).toContain('were pruned up to');
  });
});
