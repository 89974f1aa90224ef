import { expect, test } from 'vitest';
import { ENTRY_FIELDS, newEntry } from '../../src/core/entry.js';
import { capturedTrail } from './captured.js';

// Where a column of the trail is named and no type says that one is missing.

test('the table has the fields of an entry, and so has a new one', async () => {
  const { app } = await capturedTrail('');
  const columns = app.prepare<[], string>(`SELECT name FROM pragma_table_xinfo('daybook_entries')`).pluck().all();
  expect(columns.toSorted()).toEqual([...ENTRY_FIELDS, 'ts_ms'].toSorted());
  expect(['seq', ...Object.keys(newEntry({ action: 'create' }))].toSorted()).toEqual(ENTRY_FIELDS.toSorted());
});

/** What a trigger leaves to the defaults of the table: a captured change is recorded now, by the database itself. */
const LEFT_OUT = ['seq', 'id', 'ts', 'recorded_at', 'category', 'severity', 'source'];

test('each trigger that records names every column of an entry, or leaves it to its default on purpose', async () => {
  const { app, capture } = await capturedTrail('CREATE TABLE machines (id INTEGER PRIMARY KEY, code TEXT UNIQUE)');
  await capture('machines');
  const triggers = app.prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE type = 'trigger'`).pluck().all();
  const inserts = triggers.join('\n').matchAll(/INSERT INTO daybook_entries \(([^)]+)\)/g);
  const lists = Array.from(inserts, ([, columns = '']) => columns.split(/,\s+/));
  expect(lists.length).toBeGreaterThan(1);
  for (const columns of lists) expect([...columns, ...LEFT_OUT].toSorted()).toEqual(ENTRY_FIELDS.toSorted());
});
