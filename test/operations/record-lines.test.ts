import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HISTORY_FIELDS } from '../../src/core/entry.js';
import { parseLine } from '../../src/core/validate.js';
import type { InputLine, RecordedLines, RecordLinesOptions } from '../../src/operations/record-lines.js';
import { recordLines } from '../../src/operations/record-lines.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { NOW, readAll, recordAll, sqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const parse = (line: string): ReturnType<typeof parseLine> => parseLine(line, { now: NOW });

function linesOf(texts: readonly (string | Uint8Array)[], from = 1): InputLine[] {
  return texts.map((text, index) => ({ line: from + index, bytes: Buffer.from(text) }));
}

async function* arriving(...chunks: readonly (readonly InputLine[])[]): AsyncGenerator<readonly InputLine[]> {
  yield* chunks;
}

async function runAll(
  store: AuditStore,
  input: AsyncIterable<readonly InputLine[]>,
  options: Partial<RecordLinesOptions> = {},
): Promise<{ totals: RecordedLines; steps: RecordedLines[] }> {
  const steps: RecordedLines[] = [];
  const run = recordLines(store, input, { parse, ...options });
  for (;;) {
    const step = await run.next();
    if (step.done === true) return { totals: step.value, steps };
    steps.push(step.value);
  }
}

const entry = (fields: object = {}): string => JSON.stringify({ action: 'create', ...fields });
const many = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => entry({ message: `number ${index + 1}` }));

test('lines are recorded in order, in batches that are each durable', async () => {
  const { store } = await sqliteTrail();
  const chunks = [linesOf(many(1000)), linesOf(many(1500), 1001), linesOf([entry({ message: 'last' })], 2501)];
  const durable: unknown[] = [];
  const watched: AuditStore = {
    ...store,
    recordOneOfMany: (requests, options) => {
      durable.push(options?.durable);
      return store.recordOneOfMany(requests, options);
    },
  };
  const { totals, steps } = await runAll(watched, arriving(...chunks));
  expect(new Set(durable)).toEqual(new Set([true]));
  expect(totals).toEqual({ recorded: 2501, skipped: 0, rejected: 0, line: 2501 });
  expect(steps.length).toBeGreaterThan(2);
  expect(steps.at(-1)).toEqual(totals);
  for (const step of steps) expect(step.recorded).toBe(step.line);
  expect(await store.extent({})).toMatchObject({ lastSeq: 2501, count: 2501 });
  expect(await store.find({ seq: 1500 })).toMatchObject({ message: 'number 500' });
});

test('nothing of nothing', async () => {
  const { store } = await sqliteTrail();
  const none = { recorded: 0, skipped: 0, rejected: 0, line: 0 };
  expect(await runAll(store, arriving())).toEqual({ totals: none, steps: [] });
  expect((await runAll(store, arriving([], linesOf(['', ''])))).totals).toMatchObject({ recorded: 0 });
});

test('numbers and text come through as they are', async () => {
  const { store } = await sqliteTrail();
  const line = '{"action":"x","metadata":{"n":9007199254740993,"d":1.10},"message":"ä\\u0007\\ud83d\\ude00"}';
  await runAll(store, arriving(linesOf([line])));
  expect(await store.find({ seq: 1 })).toMatchObject({
    metadata: '{"n":9007199254740993,"d":1.10}',
    message: 'ä\u0007😀',
  });
});

test('a pause in the input makes what has come durable', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  async function* input(): AsyncGenerator<readonly InputLine[]> {
    yield linesOf([entry(), entry()]);
    await ended;
    yield linesOf([entry()], 3);
  }
  const run = recordLines(store, input(), { parse });
  expect((await run.next()).value).toMatchObject({ recorded: 2, line: 2 });
  expect((await other.extent({})).lastSeq).toBe(2);
  end();
  expect((await run.next()).value).toMatchObject({ recorded: 3, line: 3 });
  expect(await run.next()).toEqual({ done: true, value: { recorded: 3, skipped: 0, rejected: 0, line: 3 } });
});

test('a slow steady stream does not wait for a pause', async () => {
  const { store } = await sqliteTrail();
  let at = 0;
  async function* input(): AsyncGenerator<readonly InputLine[]> {
    for (at = 1; at <= 120; at++) {
      yield linesOf([entry()], at);
      await sleep(5);
    }
  }
  const run = recordLines(store, input(), { parse });
  await run.next();
  // The first batch came out long before the stream was at its end.
  expect(at).toBeLessThan(110);
  for await (const _ of run) continue;
  expect((await store.extent({})).lastSeq).toBe(120);
});

test('an invalid line ends the run after what came before it', async () => {
  const { store } = await sqliteTrail();
  const cases: [string | Uint8Array, string][] = [
    ['{"action":', 'not valid JSON'],
    ['[]', 'is not a JSON object'],
    [entry({ colour: 'red' }), '"colour"'],
    [entry({ severity: 'loud' }), 'severity "loud"'],
    ['{}', 'action is missing'],
    [Buffer.from([0x22, 0xff, 0x22]), 'not valid UTF-8'],
    [
      Buffer.concat([Buffer.from('{"action":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      'not valid UTF-8',
    ],
  ];
  for (const [position, [bad, words]] of cases.entries()) {
    const failing = runAll(store, arriving(linesOf([entry(), '', entry(), bad, entry()])));
    await expect(failing).rejects.toMatchObject({
      kind: 'data',
      message: expect.stringMatching(/^line 4: .* \(recorded before it: 2, skipped: 0\)$/),
    });
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining(words) });
    expect((await store.extent({})).lastSeq).toBe(2 * (position + 1));
  }
});

test('an id that is there is skipped with the same content, and ends the run with another', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ id: 'a', action: 'create', message: 'one' }]);
  const lines = [
    entry({ id: 'b' }),
    entry({ id: 'a', message: 'one' }),
    entry({ id: 'a', message: 'two' }),
    entry({ id: 'c' }),
  ];
  await expect(runAll(store, arriving(linesOf(lines)))).rejects.toMatchObject({
    kind: 'data',
    message: 'line 3: id a is recorded already, with another message (recorded before it: 1, skipped: 1)',
  });
  expect((await readAll(store, { order: 'oldest' })).map((found) => found.id)).toEqual(['a', 'b']);
});

test('rejects take invalid lines and conflicts as they came, and the run goes on', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ id: 'a', action: 'create', message: 'one' }]);
  const rejected: [number, string, string][] = [];
  const lines = [
    '{',
    entry({ id: 'b' }),
    entry({ id: 'a', message: 'two' }),
    entry({ id: 'a', message: 'one' }),
    '',
    'null',
    entry({ id: 'c' }),
  ];
  const { totals, steps } = await runAll(store, arriving(linesOf(lines)), {
    reject: async (line, reason) => {
      rejected.push([line.line, Buffer.from(line.bytes).toString(), reason]);
    },
  });
  expect(totals).toEqual({ recorded: 2, skipped: 1, rejected: 3, line: 7 });
  expect(rejected.map(([line, text]) => [line, text])).toEqual([
    [1, '{'],
    [3, lines[2]],
    [6, 'null'],
  ]);
  expect(rejected[1]?.[2]).toBe('id a is recorded already, with another message');
  for (const [position, step] of steps.entries()) expect(step.line).toBeGreaterThan(steps[position - 1]?.line ?? 0);
  expect(await store.extent({})).toMatchObject({ count: 3 });
});

test('the same input again completes it without doubles, where lines have ids', async () => {
  const { store } = await sqliteTrail();
  const lines = Array.from({ length: 500 }, (_, index) => entry({ id: `e-${index}`, message: 'x' }));
  await runAll(store, arriving(linesOf(lines.slice(0, 230))));
  expect((await runAll(store, arriving(linesOf(lines)))).totals).toEqual({
    recorded: 270,
    skipped: 230,
    rejected: 0,
    line: 500,
  });
  expect(await store.extent({})).toMatchObject({ count: 500 });
});

test('an export of one trail can be recorded into another', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [
    { id: 'a', ts: '2020-01-01T00:00:00.000Z', recorded_at: '2021-01-01T00:00:00.000Z', metadata: '{"n":1.10}' },
    { id: 'b', reverts: 'a', old_values: '{"x":9007199254740993}', changed_fields: '["x"]', scope: 'k:1' },
  ]);
  const all = await readAll(store, { order: 'recorded' });
  const page = await store.lines({ filter: {}, order: 'recorded', limit: 10, upTo: markOf(2) }, HISTORY_FIELDS);
  const other = await sqliteTrail();
  const texts = Buffer.from(page.lines).toString().split('\n').slice(0, -1);
  await runAll(other.store, arriving(linesOf(texts)));
  expect(await readAll(other.store, { order: 'recorded' })).toEqual(all);
  expect((await runAll(other.store, arriving(linesOf(texts)))).totals).toMatchObject({ recorded: 0, skipped: 2 });
});

test('abort ends the run after what has arrived', async () => {
  const { store } = await sqliteTrail();
  const abort = new AbortController();
  let closed = false;
  async function* input(): AsyncGenerator<readonly InputLine[]> {
    try {
      yield linesOf([entry(), entry()]);
      abort.abort();
      yield linesOf([entry()], 3);
    } finally {
      closed = true;
    }
  }
  const { totals } = await runAll(store, input(), { signal: abort.signal });
  expect(totals).toEqual({ recorded: 2, skipped: 0, rejected: 0, line: 2 });
  expect((await store.extent({})).lastSeq).toBe(2);
  expect(closed).toBe(true);
});

test('what goes wrong in the program is not the fault of a line', async () => {
  const { store } = await sqliteTrail();
  const bug = new TypeError('a bug');
  const failing = runAll(store, arriving(linesOf([entry()])), {
    parse: () => {
      throw bug;
    },
    reject: async () => {},
  });
  await expect(failing).rejects.toBe(bug);
});

test('an input that fails is an error after what it gave', async () => {
  const { store } = await sqliteTrail();
  const broken = new Error('broken pipe');
  async function* input(): AsyncGenerator<readonly InputLine[]> {
    yield linesOf([entry()]);
    await sleep(30);
    throw broken;
  }
  await expect(runAll(store, input())).rejects.toBe(broken);
  expect((await store.extent({})).lastSeq).toBe(1);
});
