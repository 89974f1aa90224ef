import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { newEntry } from '../../src/core/entry.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { backup } from '../../src/operations/backup.js';
import { record } from '../../src/operations/record.js';
import { findEntry, revert } from '../../src/operations/revert.js';
import { surroundings } from '../../src/operations/surroundings.js';
import { ACTOR, NOW, numbered, recordAll, sqliteTrail } from '../store/trail.js';

describe('recording one entry', () => {
  test('gives its seq and id, says that it was there, and refuses another of the same id', async () => {
    const { store } = await sqliteTrail();
    const entry = newEntry({ action: 'create', id: 'a', message: 'one' });
    expect(await record(store, { entry, given: ['id', 'message'] })).toEqual({ seq: 1, id: 'a', skipped: false });
    expect(await record(store, { entry, given: ['id', 'message'] })).toEqual({ seq: 1, id: 'a', skipped: true });
    const other = record(store, {
      entry: { ...entry, message: 'two', severity: 'error' },
      given: ['message', 'severity'],
    });
    await expect(other).rejects.toMatchObject({
      kind: 'refused',
      message: 'id a is recorded already, with another message, severity',
      hint: 'daybook show a',
    });
    const silent = { ...store, record: async () => [] };
    await expect(record(silent, { entry, given: [] })).rejects.toMatchObject({ kind: 'failed' });
  });
});

describe('taking back', () => {
  test('is a new entry about the same thing, by who acts now', async () => {
    const { store } = await sqliteTrail();
    const about = {
      scope: 'tenant:1',
      entity_type: 'invoice',
      entity_id: '7',
      entity_name: 'Seven',
      category: 'billing',
    };
    await recordAll(store, [{ ...about, id: 'a', actor: 'bob', correlation_id: 'req-1', metadata: '{"x":1}' }]);
    const entry = await revert(store, '1', ACTOR, 'it was wrong');
    expect(entry).toMatchObject({
      ...about,
      seq: 2,
      action: 'revert',
      reverts: 'a',
      message: 'it was wrong',
      actor: 'anna',
      actor_type: 'user',
      correlation_id: null,
      metadata: '{}',
    });
    await expect(revert(store, 'a', ACTOR, 'again')).rejects.toMatchObject({ kind: 'refused' });
    await revert(store, '2', ACTOR, 'it was right');
    expect(await findEntry(store, 'a')).toMatchObject({ reverted_by: null });
  });

  test('finds by seq or id, and says what is not there', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [{ id: 'a' }]);
    expect(await findEntry(store, '1')).toEqual(await findEntry(store, 'a'));
    expect(await findEntry(store, '001')).toMatchObject({ id: 'a' });
    for (const key of ['2', 'b', '', '99999999999999999999', '-1']) {
      await expect(findEntry(store, key)).rejects.toMatchObject({ kind: 'missing', message: `no entry ${key}` });
    }
  });
});

describe('what stands around an entry', () => {
  test('is in the order of time', async () => {
    const { store } = await sqliteTrail();
    await recordAll(
      store,
      [3, 1, 2, 2, 5, 4].map((second) => ({ ts: formatTimestamp(NOW + second * 1000) })),
    );
    const seqs = async (seq: number, count: number): Promise<number[][]> => {
      const around = await surroundings(store, await findEntry(store, String(seq)), count);
      return [around.before.map((entry) => entry.seq), around.after.map((entry) => entry.seq)];
    };
    expect(await seqs(3, 2)).toEqual([[2], [4, 1]]);
    expect(await seqs(4, 9)).toEqual([
      [2, 3],
      [1, 6, 5],
    ]);
    expect(await seqs(5, 1)).toEqual([[6], []]);
    expect(await seqs(5, 0)).toEqual([[], []]);
  });
});

describe('a backup', () => {
  test('is the whole trail, in a file that was not there', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(100));
    const target = path.join(trail.directory, 'copy.db');
    await backup(store, target, false);
    const copy = new Database(target, { readonly: true });
    expect(copy.prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBe(100);
    copy.close();
    await expect(backup(store, target, false)).rejects.toMatchObject({ kind: 'refused' });
    writeFileSync(target, 'old');
    await backup(store, target, true);
    expect(new Database(target, { readonly: true }).prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBe(
      100,
    );
    const broken = { ...store, backup: () => Promise.reject(new Error('broken')) };
    await expect(backup(broken, path.join(trail.directory, 'other.db'), false)).rejects.toThrow('broken');
    expect(existsSync(path.join(trail.directory, 'other.db'))).toBe(false);
  });
});
