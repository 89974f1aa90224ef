import { expect, test } from 'vitest';
import { newEntry } from '../../src/core/entry.js';
import { DEFAULT_TEMPLATE } from '../../src/core/mirror.js';
import type { MirrorRequest } from '../../src/core/mirror.js';
import { addPreparedMirror, prepareMirror } from '../../src/operations/mirror.js';
import type { PreparedMirror } from '../../src/operations/mirror.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { ACTOR, sqliteTrail, recordAll } from '../store/trail.js';

const REQUEST: MirrorRequest = {
  table: 'settlements',
  column: 'notes',
  settings: {
    entityType: 'settlement',
    key: 'id',
    latest: 3,
    template: DEFAULT_TEMPLATE,
    separator: '\n',
    reverted: 'omit',
    maxLength: null,
  },
};

async function prepared(store: AuditStore): Promise<{ told: string[]; plan: PreparedMirror }> {
  const told: string[] = [];
  const plans = prepareMirror(store, REQUEST);
  for (;;) {
    const step = await plans.next();
    if (step.done === true) return { told, plan: step.value };
    told.push(`${step.value.row.id} ${step.value.change}`);
  }
}

test('a mirror is rehearsed, and replaces texts only where that is agreed to', async () => {
  const { trail, store } = await sqliteTrail();
  const app = trail.plain();
  app.exec(`CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT);
    INSERT INTO settlements VALUES (1, NULL), (2, 'by hand'), (3, 'by hand')`);
  const about = (id: string) => newEntry({ action: 'note', entity_type: 'settlement', entity_id: id, message: 'in' });
  await recordAll(store, [about('1'), about('2')]);
  const { told, plan } = await prepared(store);
  expect(told).toEqual(['1 filled', '2 replaced', '3 kept']);
  expect(plan.counts).toEqual({ same: 0, filled: 1, replaced: 1, kept: 1 });

  const asked: number[] = [];
  const agree = (answer: boolean) => async (count: number) => asked.push(count) > 0 && answer;
  await expect(addPreparedMirror(store, plan, ACTOR, agree(false))).rejects.toMatchObject({ kind: 'refused' });
  expect(await store.mirrors()).toEqual([]);
  expect(await addPreparedMirror(store, plan, ACTOR, agree(true))).toMatchObject({ changed: true, replaced: 1 });
  expect(asked).toEqual([1, 1]);

  // What agreed to none is asked for none; what came behind the rehearsal is not agreed to.
  const { plan: same } = await prepared(store);
  expect(await addPreparedMirror(store, same, ACTOR, agree(false))).toMatchObject({ changed: false });
  app.exec(`UPDATE settlements SET notes = 'by hand again' WHERE id = 1`);
  await expect(addPreparedMirror(store, same, ACTOR, agree(true))).rejects.toMatchObject({ kind: 'refused' });
  expect(await addPreparedMirror(store, same, ACTOR, 'to any')).toMatchObject({ changed: true, replaced: 1 });
  expect(asked).toEqual([1, 1]);
});
