import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { attach, contextSql, initializeTrail, isDaybookError, openTrail } from '../src/index.js';
import type { EntryFields, EntryFilter, Trail, TrailEntry, TrailOptions } from '../src/index.js';
import { temporaryDirectory } from './support/program.js';

const DEPLOY = { actor: 'deploy', actorType: 'system' };

async function newTrail(options: TrailOptions = {}): Promise<{ trail: Trail; file: string }> {
  const file = path.join(temporaryDirectory(), 'audit.db');
  await initializeTrail(file, DEPLOY);
  const trail = await openTrail(file, options);
  onTestFinished(() => trail.close());
  return { trail, file };
}

async function all<T>(walk: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of walk) found.push(one);
  return found;
}

const numbered = (count: number): EntryFields[] =>
  Array.from({ length: count }, (_, index) => ({ action: 'a', message: String(index + 1), actor: `u-${index % 3}` }));

describe('a trail', () => {
  it('records one or many, and finds them by seq and id', async () => {
    const { trail } = await newTrail();
    const one = await trail.record({ action: 'login', actor: 'u-42', metadata: { ip: '10.0.0.7' } });
    expect(one).toMatchObject({ seq: 1, skipped: false });
    const many = await trail.record(numbered(20));
    expect(many.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
    expect(await trail.record([])).toEqual([]);
    const found = await trail.find(1);
    expect(found).toMatchObject({ id: one.id, actor_type: 'user', metadata: { ip: '10.0.0.7' }, reverted_by: null });
    expect(await trail.find('1')).toEqual(found);
    expect(await trail.find(one.id)).toEqual(found);
    expect(await trail.find(99)).toBeNull();
    expect(await trail.find('nothing')).toBeNull();
  });

  it('takes times as dates and as text with any offset', async () => {
    const { trail } = await newTrail();
    const moment = new Date('2026-03-05T09:43:26.120Z');
    await trail.record([
      { action: 'a', ts: moment },
      { action: 'a', ts: '2026-03-05T06:43:26.12-03:00', recorded_at: moment },
    ]);
    const entries = await all(trail.entries());
    expect(entries.map(({ ts }) => ts)).toEqual(['2026-03-05T09:43:26.120Z', '2026-03-05T09:43:26.120Z']);
    for (const since of [moment, '2026-03-05T09:43:26.12Z', '2026-03-05T10:43:26.12+01:00']) {
      expect(await trail.count({ since, until: since })).toBe(2);
    }
    expect(await trail.count({ until: new Date(moment.getTime() - 1) })).toBe(0);
    await expect(trail.record({ action: 'a', ts: new Date(Number.NaN) })).rejects.toMatchObject({ field: 'ts' });
  });

  it('gives pages whose cursors know their question', async () => {
    const { trail } = await newTrail();
    await trail.record(numbered(10));
    const filter = { actor: ['u-1', 'u-0'] };
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof trail.page>> = await trail.page({ filter, limit: 3, cursor });
      seen.push(...page.entries.map(({ seq }) => seq));
      cursor = page.nextCursor;
      // What is recorded meanwhile does not slip in.
      await trail.record({ action: 'a', actor: 'u-1' });
    } while (cursor !== null);
    expect(seen).toEqual([10, 8, 7, 5, 4, 2, 1]);
    const { nextCursor } = await trail.page({ filter, limit: 3 });
    const again = async (request: object): Promise<unknown> => trail.page({ filter, cursor: nextCursor, ...request });
    // The same question, written in another order.
    await expect(again({ filter: { actor: ['u-0', 'u-1', 'u-0'] } })).resolves.toBeDefined();
    for (const other of [{ filter: {} }, { filter: { actor: ['u-1'] } }, { order: 'oldest' }, { cursor: 'abc' }]) {
      await expect(again(other)).rejects.toMatchObject({ kind: 'usage', field: 'cursor' });
    }
    expect((await trail.page({ order: 'oldest', limit: 2 })).entries.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('keeps the window of its filter, whatever a cursor says', async () => {
    const { trail } = await newTrail();
    await trail.record([
      { action: 'a', ts: '2026-01-01T00:00:00Z' },
      { action: 'a', ts: '2026-02-01T00:00:00Z' },
      { action: 'a', ts: '2026-02-02T00:00:00Z' },
    ]);
    const filter = { since: '2026-02-01T00:00:00Z' };
    const { nextCursor } = await trail.page({ filter, limit: 1 });
    const forged = forgedWindow(nextCursor ?? '');
    const page = await trail.page({ filter, cursor: forged });
    expect(page.entries.map(({ seq }) => seq)).toEqual([2]);
  });

  it('walks through all, oldest or newest first, and stops at the signal', async () => {
    const { trail } = await newTrail();
    await trail.record(numbered(600));
    const seqs = (await all(trail.entries({ order: 'oldest' }))).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
    expect((await all(trail.entries({ filter: { actor: ['u-2'] } })))[0]?.seq).toBe(600);
    const stop = new AbortController();
    const walk = async (): Promise<void> => {
      for await (const entry of trail.entries({ signal: stop.signal })) if (entry.seq === 590) stop.abort();
    };
    await expect(walk()).rejects.toMatchObject({ kind: 'interrupted' });
    const nothing = all(trail.entries({ filter: { action: ['nothing'] }, signal: AbortSignal.abort() }));
    await expect(nothing).rejects.toMatchObject({ kind: 'interrupted' });
    for await (const entry of trail.entries()) {
      expect(entry.seq).toBe(600);
      break;
    }
  });

  it('follows what it records itself, and what others do', async () => {
    const { trail, file } = await newTrail();
    const other = await openTrail(file);
    await trail.record(numbered(3));
    const stop = new AbortController();
    const seen: number[] = [];
    const ended = (async () => {
      for await (const { seq } of trail.follow({ last: 2, signal: stop.signal })) {
        seen.push(seq);
        if (seq === 3) await trail.record({ action: 'own' });
        if (seq === 4) await other.record({ action: 'others' });
        if (seq === 5) stop.abort();
      }
    })();
    await ended;
    expect(seen).toEqual([2, 3, 4, 5]);
    for await (const { seq } of trail.follow({ last: 1 })) {
      expect(seq).toBe(5);
      break;
    }
    await other.close();
  });

  it('counts, tells values, and reports', async () => {
    const { trail } = await newTrail();
    await trail.record([...numbered(6), { action: 'jam' }]);
    expect(await trail.count()).toBe(7);
    expect(await trail.count({ not: { action: ['jam'] } })).toBe(6);
    expect(await trail.values('action')).toEqual([
      { value: 'a', count: 6 },
      { value: 'jam', count: 1 },
    ]);
    const { rows, total } = await trail.report('actors', { filter: { action: ['a'] }, by: 'action', limit: 2 });
    expect([rows.length, rows[0]?.count, rows[0]?.by, total]).toEqual([2, 2, 'a', 6]);
    expect((await trail.report('timeline', { bucket: 'day', zone: 'Europe/Berlin' })).filled).toBe(true);
    const stacked = await trail.report('timeline', { bucket: 'month', by: 'action' });
    expect(stacked.rows.map(({ by, count }) => [by, count])).toEqual([
      ['a', 6],
      ['jam', 1],
    ]);
    const { rows: week } = await trail.report('hours', { zone: 'Europe/Berlin' });
    expect([week.length, week.reduce((sum, { count }) => sum + count, 0)]).toEqual([168, 7]);
    expect((await trail.report('bursts', { window: '1h', moreThan: 1 })).rows).toHaveLength(3);
    expect((await trail.report('unattributed', {})).rows[0]?.action).toBe('jam');
  });

  it('takes back by whom the context says', async () => {
    const { trail } = await newTrail();
    const { id } = await trail.record({ action: 'login', entity_type: 'user', entity_id: '7' });
    await expect(trail.revert(1, { reason: 'slip' })).rejects.toMatchObject({ kind: 'usage', field: 'actor' });
    const taken = await trail.with({ actor: 'u-7', correlationId: 'c-1' }).revert(1, { reason: 'slip' });
    expect(taken).toMatchObject({ action: 'revert', reverts: id, actor: 'u-7', actor_type: 'user', message: 'slip' });
    expect(taken).toMatchObject({ correlation_id: 'c-1', metadata: {}, entity_id: '7' });
    expect((await trail.find(1))?.reverted_by).toBe(taken.id);
    await expect(trail.revert(1, { actor: 'u-7', reason: 'again' })).rejects.toMatchObject({ kind: 'refused' });
    await expect(trail.revert(9, { actor: 'u-7', reason: 'no' })).rejects.toMatchObject({ kind: 'missing', value: 9 });
  });

  it('prunes by rules, with an archive, after a rehearsal, and by the policies', async () => {
    const { trail, file } = await newTrail();
    const old = new Date(Date.now() - 100 * 86_400_000);
    await trail.record([...Array.from({ length: 3 }, () => ({ action: 'a', ts: old })), ...numbered(2)]);
    const rules = [{ olderThan: '90d' }];
    const cron = trail.with({ actor: 'cron', actorType: 'system', reason: 'every night' });
    expect(await cron.prune({ rules, dryRun: true })).toMatchObject({ dry_run: true, deleted: 3 });
    const archive = path.join(path.dirname(file), 'old.ndjson.gz');
    const steps = new Set<string>();
    const result = await cron.prune({ rules, archive, onProgress: (step) => steps.add(step) });
    expect(result).toMatchObject({ deleted: 3, by_age: 3, remaining: 3, archive: { count: 3 } });
    expect(steps).toEqual(new Set(['archiving', 'deleting']));
    expect(gunzipSync(readFileSync(archive)).toString().trim().split('\n')).toHaveLength(3);
    expect(await trail.find(result.entry ?? 0)).toMatchObject({ action: 'prune', actor: 'cron', actor_type: 'system' });
    expect(await cron.prune({ rules: [{ filter: { action: ['a'] }, maxEntries: 1 }] })).toMatchObject({ by_count: 1 });
    expect(await cron.prune({ rules: 'policies' })).toMatchObject({ deleted: 0, entry: null });
    await expect(trail.prune({ rules })).rejects.toMatchObject({ kind: 'usage', field: 'actor' });
    await expect(cron.prune({ rules, archive: file })).resolves.toMatchObject({ deleted: 0 });
    const onTrail = cron.prune({ rules: [{ before: new Date(Date.now() + 1000) }], archive: file });
    await expect(onTrail).rejects.toMatchObject({ kind: 'refused' });
    const stop = AbortSignal.abort();
    const stopped = cron.prune({
      rules: [{ before: new Date(Date.now() + 1000) }],
      archive: `${archive}2`,
      signal: stop,
    });
    await expect(stopped).rejects.toMatchObject({ kind: 'interrupted' });
  });

  it('exports to files and streams as the program does', async () => {
    const { trail, file } = await newTrail();
    await trail.record(numbered(5));
    const place = (name: string): string => path.join(path.dirname(file), name);
    const result = { count: 5, firstSeq: 1, lastSeq: 5, missed: 0 };
    const steps: number[] = [];
    const onProgress = (done: number, total: number): void => void steps.push(done, total);
    expect(await trail.export(place('all.csv.gz'), { manifest: place('all.json'), onProgress })).toEqual(result);
    expect(steps).toEqual([0, 5, 5, 5]);
    const csv = gunzipSync(readFileSync(place('all.csv.gz'))).toString();
    expect(csv.split('\n')[0]).toMatch(/^seq,id,ts,/);
    expect(JSON.parse(readFileSync(place('all.json'), 'utf8'))).toMatchObject({
      format: 'csv',
      count: 5,
      complete: true,
    });
    await expect(trail.export(place('all.csv.gz'))).rejects.toMatchObject({
      kind: 'refused',
      field: 'force',
      message: expect.not.stringContaining('--'),
    });
    await trail.export(place('all.csv.gz'), { force: true, columns: ['seq'], header: false });
    expect(gunzipSync(readFileSync(place('all.csv.gz'))).toString()).toBe('1\n2\n3\n4\n5\n');
    await expect(trail.export(file, { format: 'csv', force: true })).rejects.toMatchObject({ kind: 'refused' });
    await expect(trail.export(place('all'))).rejects.toMatchObject({ kind: 'usage', field: 'format' });

    const stream = new PassThrough();
    const read = text(stream);
    expect(await trail.export(stream, { filter: { actor: ['u-1'] }, columns: ['seq'] })).toMatchObject({ count: 2 });
    stream.end();
    expect(await read).toBe('{"seq":2}\n{"seq":5}\n');
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('gone')) });
    broken.on('error', () => undefined);
    await expect(trail.export(broken)).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('gone'),
    });
    await expect(trail.export(place('x.ndjson'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'interrupted',
    });
  });

  it('exports what is new since a checkpoint, which belongs to its filter in any order', async () => {
    const { trail } = await newTrail();
    await trail.record(numbered(3));
    const sink = (): PassThrough => new PassThrough().resume();
    const request = { filter: { actor: ['u-0', 'u-1'] }, checkpoint: 'siem' };
    expect((await trail.export(sink(), request)).count).toBe(2);
    await trail.record(numbered(3));
    expect((await trail.export(sink(), { ...request, filter: { actor: ['u-1', 'u-0'] } })).count).toBe(2);
    await expect(trail.export(sink(), { checkpoint: 'siem' })).rejects.toMatchObject({ kind: 'usage' });
  });

  it.each([{ gzip: false }, { gzip: true }])('is not held up by a stream that takes nothing: %o', async (how) => {
    const { trail } = await newTrail();
    await trail.record(numbered(50));
    const stop = new AbortController();
    const stalled = { write: () => setImmediate(() => stop.abort()) };
    const told = { kind: 'interrupted' };
    await expect(trail.export(stalled, { ...how, signal: stop.signal })).rejects.toMatchObject(told);
    let taken = 0;
    const taking = { write: (_chunk: Uint8Array, callback: () => void) => (taken++, callback()) };
    await expect(trail.export(taking, { ...how, signal: stop.signal })).rejects.toMatchObject(told);
    expect(taken).toBe(0);
  });

  it('tells what rows were, and how a field changed', async () => {
    const { trail, file } = await newTrail();
    const database = new Database(file);
    onTestFinished(() => void database.close());
    database.exec(
      `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT); INSERT INTO users VALUES (42, 'a@x'), (43, 'b@x')`,
    );
    expect(await trail.capture(['users'], DEPLOY)).toMatchObject([{ table: 'users', changed: true }]);
    database.exec(`UPDATE users SET email = 'c@x' WHERE id = 42`);
    const entity = { type: 'users', id: '42' };
    expect(await trail.state(entity)).toMatchObject({ exists: true, values: { id: 42, email: 'c@x' }, seq: 2 });
    expect(await trail.state(entity, { atEntry: 1 })).toMatchObject({ values: { email: 'a@x' } });
    expect(await trail.state(entity, { at: '2020-01-01T00:00:00+03:00' })).toMatchObject({
      exists: null,
      values: null,
    });
    expect((await all(trail.states('users', { where: { email: 'b@x' } }))).map((state) => state.entity)).toEqual([
      'users:43',
    ]);
    expect(await all(trail.changes('email', { entity: [entity] }))).toMatchObject([{ old: 'a@x', new: 'c@x' }]);
    await expect(trail.state({ type: 'none', id: '1' })).rejects.toMatchObject({ kind: 'missing' });
    await expect(trail.capture(['users'], {})).rejects.toMatchObject({ kind: 'usage', field: 'actor' });
  });

  it('says what is wrong with a capture by the names of its settings', async () => {
    const { trail, file } = await newTrail();
    const database = new Database(file);
    onTestFinished(() => void database.close());
    database.exec(
      'CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY)',
    );
    const capture = async (tables: unknown, settings: object = {}): Promise<unknown> =>
      trail.capture(tables as string[], { ...DEPLOY, ...settings }).catch((error: unknown) => error);
    const secret = await capture(['users']);
    expect(secret).toMatchObject({
      kind: 'refused',
      hint: undefined,
      message: expect.stringContaining('redact, ignore or keep'),
    });
    for (const name of ['ignore', 'redact', 'keep', 'json', 'actorColumn', 'nameColumn']) {
      const value = name.endsWith('Column') ? 'nothing' : ['nothing'];
      const wrong = await capture(['users'], { keep: ['password'], [name]: value });
      expect(wrong, name).toMatchObject({ kind: 'usage', field: name, message: expect.not.stringContaining('--') });
    }
    expect(await capture(['users'], { keep: ['password'], entityType: 'user' })).toMatchObject([{ changed: true }]);
    expect(await capture(['other'], { entityType: 'user' })).toMatchObject({
      message: expect.not.stringContaining('--'),
    });
    for (const tables of [[], 'users', [7], undefined]) {
      expect(await capture(tables)).toMatchObject({ kind: 'usage', field: 'tables' });
    }
  });

  it('tells its status', async () => {
    const { trail, file } = await newTrail();
    await trail.record({ action: 'a' });
    expect(await trail.status()).toMatchObject({ database: file, entries: 1, problems: [] });
    expect(await trail.status({ grace: '1d', strict: true })).toMatchObject({ problems: [] });
  });

  it('says that it is closed, and closes once', async () => {
    const { trail } = await newTrail();
    const child = trail.with({ actor: 'u-1' });
    {
      await child[Symbol.asyncDispose]();
      await trail.close();
    }
    for (const work of [() => trail.record({ action: 'a' }), () => child.count(), () => all(trail.entries())]) {
      await expect(work()).rejects.toMatchObject({ kind: 'usage', message: 'the trail is closed' });
    }
  });

  it('that only reads records nothing', async () => {
    const { file } = await newTrail();
    const trail = await openTrail(file, { readonly: true });
    await expect(trail.record({ action: 'a' })).rejects.toSatisfy(isDaybookError);
    await trail.close();
  });
});

/** A cursor with another window of time, and a checksum that fits: what whoever knows the form could send. */
function forgedWindow(cursor: string): string {
  const fields = JSON.parse(Buffer.from(cursor.slice(0, -8), 'base64url').toString()) as unknown[];
  fields[4] = 0;
  const body = Buffer.from(JSON.stringify(fields)).toString('base64url');
  let crc = ~0;
  for (const byte of Buffer.from(body)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return body + (~crc >>> 0).toString(16).padStart(8, '0');
}

describe('documents', () => {
  const BIG = { id: 12345678901234567890n, list: [1, 2.5], deep: { text: 'x' } };

  it.each([
    ['values', { id: 12345678901234567000, list: [1, 2.5], deep: { text: 'x' } }],
    ['text', '{"id":12345678901234567890,"list":[1,2.5],"deep":{"text":"x"}}'],
  ] as const)('come out as %s', async (documents, expected) => {
    const { file, trail } = await newTrail();
    await trail.record({ action: 'a', metadata: BIG, old_values: { a: 1 }, new_values: { a: 2 } });
    const opened = await openTrail(file, { documents });
    const entry = await opened.find(1);
    expect(entry?.metadata).toEqual(expected);
    expect(entry?.changed_fields).toEqual(documents === 'text' ? '["a"]' : ['a']);
    await opened.close();
  });

  it('come out lossless', async () => {
    const { file, trail } = await newTrail();
    await trail.record({ action: 'a', metadata: BIG });
    const opened = await openTrail(file, { documents: 'lossless' });
    const id: unknown = (await opened.find(1))?.metadata['id'];
    expect(String(id)).toBe('12345678901234567890');
    // What came out goes in again, and is the same.
    const entry = await opened.find(1);
    await opened.record({ action: 'a', metadata: entry?.metadata });
    await opened.close();
    const [first, second] = await all((await openTrail(file, { documents: 'text' })).entries());
    expect(first?.metadata).toBe(second?.metadata);
  });

  it('lose what must not be kept', async () => {
    const { trail, file } = await newTrail({ redact: ['password', 'card.number'] });
    const fields = {
      action: 'update',
      metadata: { password: 'p', card: { number: 4711, name: 'Ines' } },
      old_values: { password: 'old', level: 1 },
      new_values: { password: 'new', level: 1 },
    };
    await trail.record(fields);
    const database = new Database(file);
    onTestFinished(() => void database.close());
    attach(database, { redact: ['password', 'card'] }).record(fields);
    const hidden = '[redacted]';
    expect(await all(trail.entries({ order: 'oldest' }))).toMatchObject([
      {
        metadata: { password: hidden, card: { number: hidden, name: 'Ines' } },
        old_values: { password: hidden },
        new_values: { password: hidden },
        changed_fields: ['password'],
      },
      { metadata: { password: hidden, card: hidden }, changed_fields: ['password'] },
    ]);
  });
});

describe('a bound context', () => {
  it('holds for what is recorded through it, and what is said later counts', async () => {
    const { trail } = await newTrail();
    const outer = trail.with({ actor: 'cron', actorType: 'system', recordedBy: 'root@web-1', correlationId: 'c-1' });
    const inner = outer.with({ correlationId: 'c-2', reason: 'why' });
    const other = outer.with({ actor: 'u-1' });
    await outer.record({ action: 'a' });
    await inner.record({ action: 'a', metadata: { x: 1 } });
    await other.record({ action: 'a' });
    await inner.record({ action: 'a', actor: 'u-2', correlation_id: null, metadata: { reason: 'mine' } });
    await trail.record({ action: 'a' });
    const who = { actor: 'cron', actor_type: 'system', recorded_by: 'root@web-1' };
    expect(await all(trail.entries({ order: 'oldest' }))).toMatchObject([
      { ...who, correlation_id: 'c-1', metadata: {} },
      { ...who, correlation_id: 'c-2', metadata: { x: 1, reason: 'why' } },
      { actor: 'u-1', actor_type: 'user', recorded_by: null, correlation_id: 'c-1' },
      { actor: 'u-2', actor_type: 'user', recorded_by: null, correlation_id: null, metadata: { reason: 'mine' } },
      { actor: 'unknown', actor_type: 'unknown', correlation_id: null },
    ]);
  });

  it('is refused where it is none', async () => {
    const { trail } = await newTrail();
    const wrong: [object, string][] = [
      [{ actor: '' }, 'actor'],
      [{ actor: 7 }, 'actor'],
      [{ actor: null }, 'actor'],
      [{ actor_type: 'user' }, 'actor_type'],
      [{ actorType: '' }, 'actorType'],
      [{ correlationId: 7 }, 'correlationId'],
      [{ reason: 'a\0b' }, 'reason'],
      [{ recordedBy: ['x'] }, 'recordedBy'],
    ];
    for (const [context, field] of wrong) {
      expect(() => trail.with(context as never), field).toThrow(expect.objectContaining({ kind: 'usage', field }));
    }
  });
});

/** Every place of the door where a value comes in, with this one in it. */
function places(trail: Trail, value: unknown): Record<string, () => Promise<unknown>> {
  const v = value as never;
  const by = { actor: 'u-1', reason: 'r' };
  return {
    'find: key': () => trail.find(v),
    'page: limit': () => trail.page({ limit: v }),
    'page: order': () => trail.page({ order: v }),
    'entries: order': () => all(trail.entries({ order: v })),
    'follow: last': () => all(trail.follow({ last: v, signal: AbortSignal.abort() })),
    'count: filter.since': () => trail.count({ since: v }),
    'count: filter.until': () => trail.count({ until: v }),
    'count: filter.actor': () => trail.count({ actor: v }),
    'count: filter.not': () => trail.count({ not: v }),
    'count: filter.severity': () => trail.count({ severity: [v] }),
    'values: field': () => trail.values(v),
    'report: report': () => trail.report(v, {} as never),
    'report: by': () => trail.report('actions', { by: v }),
    'report: limit': () => trail.report('actions', { limit: v }),
    'report: bucket': () => trail.report('timeline', { bucket: v }),
    'timeline: by': () => trail.report('timeline', { bucket: 'day', by: v }),
    'hours: zone': () => trail.report('hours', { zone: v }),
    'report: window': () => trail.report('bursts', { window: v, moreThan: 1 }),
    'report: zone': () => trail.report('timeline', { bucket: 'day', zone: v }),
    'prune: zone': () => trail.prune({ ...by, rules: [{ olderThan: '1d' }], zone: v }),
    'status: grace': () => trail.status({ grace: v }),
    'report: moreThan': () => trail.report('bursts', { window: '1h', moreThan: v }),
    'revert: key': () => trail.revert(v, by),
    'prune: rules': () => trail.prune({ ...by, rules: v }),
    'prune: olderThan': () => trail.prune({ ...by, rules: [{ olderThan: v }] }),
    'prune: before': () => trail.prune({ ...by, rules: [{ before: v }] }),
    'prune: maxEntries': () => trail.prune({ ...by, rules: [{ maxEntries: v }] }),
    'prune: archive': () => trail.prune({ ...by, rules: [{ olderThan: '1d' }], archive: v }),
    'prune: dryRun': () => trail.prune({ ...by, rules: [{ maxEntries: 0 }], dryRun: v }),
    'prune: signal': () => trail.prune({ ...by, rules: [{ maxEntries: 0 }], signal: v }),
    'prune: onProgress': () => trail.prune({ ...by, rules: [{ maxEntries: 0 }], onProgress: v }),
    'status: strict': () => trail.status({ strict: v }),
    'entries: signal': () => all(trail.entries({ signal: v })),
    'follow: signal': () => all(trail.follow({ last: 1, signal: v })),
    'capture: entityType': () => trail.capture(['a'], { ...by, entityType: v }),
    'capture: scope': () => trail.capture(['a'], { ...by, scope: v }),
    'capture: actorColumn': () => trail.capture(['a'], { ...by, actorColumn: v }),
    'capture: nameColumn': () => trail.capture(['a'], { ...by, nameColumn: v }),
    'capture: ignore': () => trail.capture(['a'], { ...by, ignore: v }),
    'capture: redact': () => trail.capture(['a'], { ...by, redact: [v] }),
    'capture: keep': () => trail.capture(['a'], { ...by, keep: v }),
    'capture: json': () => trail.capture(['a'], { ...by, json: v }),
    'capture: requireActor': () => trail.capture(['a'], { ...by, requireActor: v }),
    'export: gzip': () => trail.export('x.csv', { gzip: v }),
    'export: header': () => trail.export('x.csv', { header: v }),
    'export: exact': () => trail.export('x.csv', { exact: v }),
    'export: force': () => trail.export('x.csv', { force: v }),
    'export: manifest': () => trail.export('x.csv', { manifest: v }),
    'export: checkpoint': () => trail.export('x.csv', { checkpoint: v }),
    'export: signal': () => trail.export('x.csv', { signal: v }),
    'export: onProgress': () => trail.export('x.csv', { onProgress: v }),
    'export: columns': () => trail.export('x.csv', { columns: [v] }),
    'export: format': () => trail.export('x', { format: v }),
    'export: output': () => trail.export(v, { format: 'csv' }),
    'state: at': () => trail.state({ type: 'users', id: '1' }, { at: v }),
    'state: atEntry': () => trail.state({ type: 'users', id: '1' }, { atEntry: v }),
    'state: entity': () => trail.state(v),
    'states: type': () => all(trail.states(v)),
    'changes: field': () => all(trail.changes(v)),
  };
}

/** What is good at the places that take any text, or an object. */
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isName = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isNameOrNull = (value: unknown): boolean => value === null || isName(value);
const areNames = (value: unknown): boolean => Array.isArray(value) && value.every(isName);
const FINE: Readonly<Record<string, (value: unknown) => boolean>> = {
  'prune: dryRun': isFlag,
  'status: strict': isFlag,
  'capture: entityType': (value) => isNameOrNull(value) && value?.toString().includes(':') !== true,
  'capture: scope': (value) => value === null,
  'capture: actorColumn': isNameOrNull,
  'capture: nameColumn': isNameOrNull,
  'capture: ignore': areNames,
  'capture: redact': isName,
  'capture: keep': areNames,
  'capture: json': areNames,
  'capture: requireActor': isFlag,
  'export: gzip': isFlag,
  'export: header': isFlag,
  'export: exact': isFlag,
  'export: force': isFlag,
  'export: manifest': isName,
  'export: checkpoint': isName,
  'count: filter.actor': (value) => Array.isArray(value) && value.length > 0,
  'find: key': (value) => typeof value === 'string' && value !== '',
  'revert: key': (value) => typeof value === 'string' && value !== '',
  'prune: archive': (value) => typeof value === 'string' && value !== '',
  'export: output': (value) => typeof value === 'string' && value !== '',
  'states: type': (value) => typeof value === 'string' && value !== '',
  'changes: field': (value) => typeof value === 'string' && value !== '',
};

test('whatever comes in is looked at at the door, and the error names field and value', async () => {
  const { trail } = await newTrail();
  await trail.record({ action: 'a' });
  const hostile = fc.oneof(
    fc.constantFrom('seq, (SELECT 1)', '', 'abc', '2026-01-01', 'u-2', '90', NaN, -1, 1.5, null, true, Infinity),
    fc.constantFrom('true', 'false', [7], { kind: 'guild' }),
    fc.constantFrom([], ['x'], {}, { toString: 7 }, new Date(Number.NaN), 2 ** 60),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(places(trail, ''))), hostile, async (place, value) => {
      if (FINE[place]?.(value) === true || (place === 'count: filter.not' && JSON.stringify(value) === '{}')) return;
      const field = place.slice(place.indexOf(' ') + 1);
      const ask = places(trail, value)[place] as () => Promise<unknown>;
      const told: unknown = await ask().then(
        (gave) => ({ gave }),
        (error: unknown) => error,
      );
      if (!isDaybookError(told)) throw new Error(`${place} took ${String(value)}: ${JSON.stringify(told)}`);
      expect([told.kind, told.message.includes('--')], place).toEqual(['usage', false]);
      // It may name a part of it.
      expect(told.field?.startsWith(field), `${place}: ${told.message}`).toBe(true);
    }),
    { numRuns: 1200 },
  );
  expect(await trail.count()).toBe(1);
});

test('a dry run that is asked for in another way deletes nothing', async () => {
  const { trail } = await newTrail();
  await trail.record(numbered(5));
  const rules = [{ maxEntries: 2 }];
  for (const dryRun of ['true', 'yes', 1, null, {}]) {
    const asked = { rules, dryRun, actor: 'u-1' } as never;
    await expect(trail.prune(asked), String(dryRun)).rejects.toMatchObject({ kind: 'usage', field: 'dryRun' });
  }
  expect(await trail.count()).toBe(5);
});

test.each([undefined, null, 'u-1', 7, [], ['actor'], Promise.resolve({ actor: 'u-1' })])(
  'what says who and why is an object: %s is none',
  async (given) => {
    const { trail, file } = await newTrail();
    await trail.record({ action: 'a' });
    const database = new Database(file);
    const daybook = attach(database);
    const context = given as never;
    const ways: (() => unknown)[] = [
      () => trail.with(context),
      () => trail.revert(1, context),
      () => trail.capture(['a'], (given ?? null) as never),
      () => daybook.with(context),
      () => daybook.revert(1, context),
      () => daybook.transaction(context, () => 1),
      () => contextSql(context),
    ];
    for (const [index, way] of ways.entries()) {
      const asked = async (): Promise<unknown> => way();
      await expect(asked(), `way ${index}`).rejects.toMatchObject({ kind: 'usage' });
    }
    expect(await trail.count()).toBe(1);
    database.close();
  },
);

test('a key names one entry, on a connection too', async () => {
  const { trail, file } = await newTrail();
  await trail.record({ action: 'a' });
  const database = new Database(file);
  const daybook = attach(database);
  for (const key of [NaN, -1, 1.5, '', null, undefined, [1], { seq: 1 }, Symbol('1'), 1n]) {
    const asked = (): unknown => daybook.revert(key as never, { actor: 'u-1', reason: 'r' });
    expect(asked, String(key)).toThrow(expect.objectContaining({ kind: 'usage', field: 'key' }));
  }
  expect(await trail.count()).toBe(1);
  database.close();
});

test('a hole in a list is no entry', async () => {
  const { trail, file } = await newTrail();
  const database = new Database(file);
  const entries = [{ action: 'a' }] as EntryFields[];
  entries[2] = { action: 'b' };
  const told = expect.objectContaining({ kind: 'data', field: 'entry' });
  await expect(trail.record(entries)).rejects.toEqual(told);
  expect(() => attach(database).record(entries)).toThrow(told);
  expect(await trail.count()).toBe(0);
  database.close();
});

test.each([
  ['page', (trail: Trail, given: never) => trail.page(given)],
  ['entries', (trail: Trail, given: never) => all(trail.entries(given))],
  ['follow', (trail: Trail, given: never) => all(trail.follow(given))],
  ['report', (trail: Trail, given: never) => trail.report('actors', given)],
  ['prune', (trail: Trail, given: never) => trail.prune(given)],
  ['export', (trail: Trail, given: never) => trail.export('x.csv', given)],
  ['state', (trail: Trail, given: never) => trail.state({ type: 'a', id: '1' }, given)],
  ['states', (trail: Trail, given: never) => all(trail.states('a', given))],
  ['status', (trail: Trail, given: never) => trail.status(given)],
  ['capture', (trail: Trail, given: never) => trail.capture(['a'], given)],
  ['count', (trail: Trail, given: never) => trail.count(given)],
])('%s refuses what nobody reads: a slip of the pen would ask for everything', async (_name, ask) => {
  const { trail } = await newTrail();
  const told = { kind: 'usage', message: expect.stringContaining('"filters"') };
  await expect(ask(trail, { filters: {} } as never)).rejects.toMatchObject(told);
});

describe('a database that is locked', () => {
  it('does not hold up the event loop, and is had once it is free', async () => {
    const { trail, file } = await newTrail();
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const free = setTimeout(() => other.exec('COMMIT'), 300);
    const { seq } = await trail.record({ action: 'a' });
    clearInterval(timer);
    clearTimeout(free);
    expect(seq).toBe(1);
    // Sixty would be all of them; none was what there were.
    expect(ticks).toBeGreaterThan(10);
  });

  it('is busy after the busy timeout, in words of no program', async () => {
    const { file } = await newTrail();
    const other = new Database(file);
    onTestFinished(() => void other.close());
    const hasty = await openTrail(file, { busyTimeout: 30 });
    other.exec('BEGIN IMMEDIATE');
    const thrown: unknown = await hasty.record({ action: 'a' }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ kind: 'busy', hint: undefined, message: expect.not.stringContaining('--') });
    other.exec('COMMIT');
    await hasty.close();
    await expect(hasty.record({ action: 'a' })).rejects.toMatchObject({ kind: 'usage' });
  });

  it('is waited for by whoever makes or opens a trail, too', async () => {
    const file = path.join(temporaryDirectory(), 'app.db');
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('CREATE TABLE own (id); BEGIN EXCLUSIVE');
    const free = (): unknown => setTimeout(() => other.exec('COMMIT'), 50);
    free();
    expect((await initializeTrail(file, { ...DEPLOY, alongside: true })).outcome).toBe('added');
    other.exec('BEGIN EXCLUSIVE');
    free();
    await (await openTrail(file)).close();
    other.exec('BEGIN EXCLUSIVE');
    await expect(openTrail(file, { busyTimeout: 20 })).rejects.toMatchObject({ kind: 'busy' });
    other.exec('COMMIT');
  });
});

describe('a trail on a connection of the application', () => {
  async function inMemory(): Promise<{ database: Database.Database; trail: Trail }> {
    const database = new Database(':memory:');
    onTestFinished(() => void database.close());
    database.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)');
    expect((await initializeTrail(database, DEPLOY)).outcome).toBe('added');
    expect((await initializeTrail(database, DEPLOY)).outcome).toBe('unchanged');
    return { database, trail: await openTrail(database) };
  }

  it('can be one in memory, and does all that others do', async () => {
    const { database, trail } = await inMemory();
    await trail.capture(['users'], { ...DEPLOY, requireActor: true });
    attach(database).transaction(
      { actor: 'u-1' },
      (db) => db.prepare('INSERT INTO users VALUES (1, ?)').run('a@x') && 0,
    );
    await trail.record(numbered(20));
    expect(await trail.count({ actor: ['u-1'] })).toBe(8);
    expect(await trail.state({ type: 'users', id: '1' })).toMatchObject({ exists: true, values: { email: 'a@x' } });
    expect((await trail.page({ limit: 1 })).entries[0]?.message).toBe('20');
    const stream = new PassThrough();
    const read = text(stream);
    await trail.export(stream, { format: 'csv', columns: ['seq'], header: false });
    stream.end();
    expect((await read).split('\n')).toHaveLength(23);
    expect(await trail.status()).toMatchObject({ database: 'the database in memory', problems: [] });
    expect(await trail.prune({ ...DEPLOY, rules: [{ maxEntries: 5 }] })).toMatchObject({ remaining: 5 });
    await trail.close();
    expect(database.open).toBe(true);
    expect(database.prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBe(5);
  });

  it('leaves the settings of the connection as they were', async () => {
    const file = path.join(temporaryDirectory(), 'app.db');
    const database = new Database(file, { timeout: 1234 });
    onTestFinished(() => void database.close());
    const settings = [
      'synchronous',
      'secure_delete',
      'busy_timeout',
      'foreign_keys',
      'wal_autocheckpoint',
      'journal_mode',
    ];
    const now = (): unknown[] => settings.map((name) => database.pragma(name, { simple: true }));
    for (const mode of ['delete', 'wal']) {
      database.exec(`PRAGMA journal_mode = ${mode}; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 77`);
      database.exec('PRAGMA foreign_keys = OFF; PRAGMA secure_delete = OFF');
      const before = now();
      await initializeTrail(database, DEPLOY);
      const trail = await openTrail(database);
      await trail.record(numbered(20));
      await all(trail.entries());
      await trail.prune({ ...DEPLOY, rules: [{ maxEntries: 5 }] });
      await trail.status();
      await expect(trail.revert(1, { actor: 'u-1', reason: 'gone' })).rejects.toMatchObject({ kind: 'missing' });
      await trail.close();
      expect(now()).toEqual(before);
    }
  });

  it('that only reads records nothing, though the connection may', async () => {
    const { database } = await inMemory();
    const trail = await openTrail(database, { readonly: true });
    expect(await trail.count()).toBe(0);
    await expect(trail.record({ action: 'a' })).rejects.toMatchObject({ kind: 'failed' });
    expect(await trail.count()).toBe(0);
  });

  it('records nothing into a transaction that is open, where it would not be durable', async () => {
    const { database, trail } = await inMemory();
    database.exec('BEGIN');
    await expect(trail.record({ action: 'a' })).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('attach(connection)'),
    });
    expect(await trail.count()).toBe(0);
    attach(database).record({ action: 'a' });
    database.exec('ROLLBACK');
    await trail.record({ action: 'a' });
    expect(await trail.count()).toBe(1);
  });
});

test('an error has no hint: that is a command of the program', async () => {
  const file = path.join(temporaryDirectory(), 'app.db');
  const database = new Database(file);
  onTestFinished(() => void database.close());
  database.exec('CREATE TABLE own (id)');
  const hintless = { hint: undefined, message: expect.not.stringContaining('--') };
  await expect(openTrail(file)).rejects.toMatchObject({ kind: 'missing', ...hintless });
  await expect(initializeTrail(file, DEPLOY)).rejects.toMatchObject({
    kind: 'refused',
    field: 'alongside',
    ...hintless,
  });
  expect(() => attach(database)).toThrow(expect.objectContaining({ kind: 'missing', ...hintless }));
  await initializeTrail(file, { ...DEPLOY, alongside: true });
  const daybook = attach(database);
  daybook.revert(daybook.record({ action: 'a' }).seq, { actor: 'u-1', reason: 'slip' });
  const again = (): unknown => daybook.revert(1, { actor: 'u-1', reason: 'slip' });
  expect(again).toThrow(expect.objectContaining({ kind: 'refused', ...hintless }));
});

test('what is no place for a trail is refused in words', async () => {
  for (const place of [':memory:', '', 7, null, {}, { prepare: () => 0 }]) {
    const told = { kind: 'usage' };
    await expect(initializeTrail(place as never, DEPLOY), String(place)).rejects.toMatchObject(told);
    await expect(openTrail(place as never), String(place)).rejects.toMatchObject(told);
  }
  const file = path.join(temporaryDirectory(), 'no.db');
  await expect(openTrail(file)).rejects.toMatchObject({ kind: 'missing' });
  writeFileSync(file, 'this is no database, but long enough to be read as one'.repeat(20));
  await expect(openTrail(file)).rejects.toMatchObject({ kind: 'missing' });
  await expect(openTrail(file, { busytimeout: 1 } as never)).rejects.toMatchObject({ field: 'busytimeout' });
  await expect(openTrail(file, { documents: 'json' } as never)).rejects.toMatchObject({ field: 'documents' });
  await expect(openTrail(file, { redact: 'password' } as never)).rejects.toMatchObject({ field: 'redact' });
  const readonly = { kind: 'usage', field: 'readonly' };
  await expect(openTrail(file, { readonly: 'no' } as never)).rejects.toMatchObject(readonly);
  const alongside = { kind: 'usage', field: 'alongside' };
  await expect(initializeTrail(file, { ...DEPLOY, alongside: 'no' } as never)).rejects.toMatchObject(alongside);
});

/** Never called: the compiler is to refuse it. */
export function mistaken(trail: Trail, filter: EntryFilter): unknown[] {
  return [
    // @ts-expect-error no such severity
    trail.record({ action: 'a', severity: 'warn' }),
    // @ts-expect-error a number as an id
    trail.record({ action: 'a', entity_id: 7 }),
    // @ts-expect-error metadata as text
    trail.record({ action: 'a', metadata: '{}' }),
    // @ts-expect-error no action
    trail.record({ actor: 'u-1' }),
    // @ts-expect-error a condition that is none
    trail.count({ actors: ['u-1'] }),
    // @ts-expect-error a text in place of a list
    trail.count({ actor: 'u-1' }),
    // @ts-expect-error a field that is none
    trail.values('actors', filter),
    // @ts-expect-error a report asks for its bucket
    trail.report('timeline', {}),
  ];
}

/** Never called: what comes out has its form in its type. */
export function typed(asValues: TrailEntry, asText: TrailEntry<'text'>): readonly string[] {
  return [asText.metadata, ...(asValues.changed_fields ?? [])];
}
