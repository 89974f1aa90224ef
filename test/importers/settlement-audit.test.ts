import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, inTestDirectory, json, ndjson, ok, toLines } from '../support/cli.js';
import { brokenSettlementAudit, factsOf, settlements } from '../support/sources.js';

const facts = factsOf('settlements');

interface Told {
  readonly seq: number;
  readonly id: string;
  readonly ts: string;
  readonly action: string;
  readonly actor: string;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly old_values: unknown;
  readonly new_values: unknown;
  readonly changed_fields: unknown;
  readonly scope: string | null;
}

function folder(): string {
  return path.dirname(inTestDirectory('any'));
}

const ofSource = ['--source', 'settlement-audit', '--oldest-first', '-n', '1000', '--format', 'ndjson'];
const counts = async (words: readonly string[]) => json([...words, '--format', 'json']);

describe('settlement-audit', () => {
  test.each(['TIMESTAMP', 'TEXT', ''] as const)('comes in whole where times are declared %j', async (timeType) => {
    const { extension } = settlements(folder(), { timeType });
    const command = ['import', 'settlement-audit', extension];
    const rows = facts.audit_rows;
    expect(await counts(command)).toMatchObject({ read: rows, recorded: rows, skipped: 0, unmatched: 0, rejected: 0 });
    expect(await counts([...command, '--verify'])).toMatchObject({ read: rows, entries: rows, different: 0 });
    expect(await counts(command)).toMatchObject({ recorded: 0, skipped: rows, entry: null });

    const { values } = await json<{ values: { value: string; count: number }[] }>([
      'values',
      'action',
      '--source',
      'settlement-audit',
      '--format',
      'json',
    ]);
    expect(Object.fromEntries(values.map(({ value, count }) => [value, count]))).toEqual(facts.audit_rows_by_type);
  });

  test('keeps the payload as it was written, and its changes under one naming', async () => {
    const { extension } = settlements(folder());
    await ok(['import', 'settlement-audit', extension, '--scope-from', 'dca_settlements(id, machine_id)']);
    const { settlement_id: id, machine_id: machine, adjustments } = facts.adjustments_of_one_settlement;
    const told = await ndjson<Told>(['history', `settlement:${id}`, ...ofSource]);
    expect(
      told.map(({ id: own, ts, action, actor, message, metadata, scope }) => [
        own,
        ts,
        action,
        actor,
        message,
        metadata,
        scope,
      ]),
    ).toEqual(
      adjustments.map(({ id: own, ts, type, author, notes, payload }) => [
        `settlement-audit:${own}`,
        ts,
        type,
        author,
        notes ?? '',
        payload ?? {},
        `machine:${machine}`,
      ]),
    );
    const dispenses = told.filter(({ action }) => action === 'partial_dispense');
    expect(dispenses.map(({ old_values: before, new_values: after }) => [before, after])).toEqual([
      [
        { gross: 694000, net: 655830, commission: 38170 },
        { gross: 661000, net: 624645, commission: 36355 },
      ],
      [
        { gross: 661000, net: 624645, commission: 36355 },
        { gross: 654000, net: 618030, commission: 35970 },
      ],
      // Here the payload says wire, principal and fee.
      [
        { gross: 654000, net: 618030, commission: 35970 },
        { gross: 630000, net: 595350, commission: 34650 },
      ],
    ]);
    expect(dispenses.map(({ changed_fields: fields }) => fields)).toEqual(
      dispenses.map(() => ['gross', 'net', 'commission']),
    );
    expect(told.find(({ action }) => action === 'note')).toMatchObject({ old_values: null, new_values: null });
  });

  test('keeps what a column of another version holds, below a name that the payload has not', async () => {
    const { extension } = settlements(folder());
    const database = new Database(extension);
    database.exec(`ALTER TABLE dca_settlement_audit ADD COLUMN method TEXT;
      UPDATE dca_settlement_audit SET method = 'by hand', payload_json = '{"method": "cash"}' WHERE rowid = 1`);
    const id = database.prepare('SELECT id FROM dca_settlement_audit WHERE rowid = 1').pluck().get() as string;
    database.close();
    await ok(['import', 'settlement-audit', extension]);
    const told = (await ndjson<Told>(['history', ...ofSource])).find((entry) => entry.id.endsWith(`:${id}`));
    expect(told?.metadata).toEqual({ method: 'cash', method_: 'by hand' });
  });

  test('names amounts once, whatever a payload mixes', async () => {
    const payloads = [
      { original_wire: 2, new_wire: 1, original_gross: 4, new_gross: 3 },
      { original_fee: 2, new_fee: 2 },
      { original_gross: 2 },
      { original_limit: { day: 1 }, new_limit: { day: 2 } },
    ];
    const rows = payloads.map((payload, index) => ({
      id: `r-${index}`,
      settlement_id: 's-1',
      action_type: 'unheard_of',
      author_user_id: 'ines',
      notes: null,
      payload_json: payload,
      created_at: 1_772_000_000 + index,
    }));
    const file = inTestDirectory('audit.ndjson');
    writeFileSync(file, toLines(rows));
    await ok(['import', 'settlement-audit', file, '--entity-type', 'payout']);
    const told = await ndjson<Told>(['history', 'payout:s-1', ...ofSource]);
    expect(told.map((entry) => [entry.old_values, entry.new_values, entry.changed_fields])).toEqual([
      [{ wire: 2, gross: 4 }, { wire: 1, gross: 3 }, ['wire', 'gross']],
      [{ commission: 2 }, { commission: 2 }, []],
      [null, null, null],
      [{ limit: { day: 1 } }, { limit: { day: 2 } }, ['limit.day']],
    ]);
    expect(told.map(({ metadata }) => metadata)).toEqual(payloads);
  });

  test('takes what PostgreSQL exports: naive times, in an assumed zone', async () => {
    const file = inTestDirectory('audit.csv');
    const header = 'id,settlement_id,action_type,author_user_id,notes,payload_json,created_at\n';
    writeFileSync(
      file,
      `${header}b,s-1,note,ines,later,,2026-07-01 14:00:00.123456\na,s-1,partial_dispense,ines,,"{""original_gross"": 12345678901234567890, ""new_gross"": 1}",2026-07-01 14:00:00.1231\nc,s-1,note,ines,,,2026-07-01 13:00:00\n`,
    );
    const refused = await cli(['import', 'settlement-audit', file]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--assume-tz UTC');
    await ok(['import', 'settlement-audit', file, '--assume-tz', 'Europe/Paris']);
    const lines = await ok(['history', ...ofSource]);
    expect(lines).toContain('"old_values":{"gross":12345678901234567890}');
    const told = await ndjson<Told>(['history', ...ofSource]);
    // Recorded in the order of time, down to the microsecond, whatever the order of the export.
    expect(told.map(({ seq, id, ts }) => [seq, id, ts])).toEqual([
      [1, 'settlement-audit:c', '2026-07-01T11:00:00.000Z'],
      [2, 'settlement-audit:a', '2026-07-01T12:00:00.123Z'],
      [3, 'settlement-audit:b', '2026-07-01T12:00:00.123Z'],
    ]);
  });

  test('puts rows that are broken aside, each with its reason', async () => {
    const file = brokenSettlementAudit(folder());
    const rejects = inTestDirectory('rejects.ndjson');
    const command = ['import', 'settlement-audit', file, '--assume-tz', 'UTC'];
    expect((await cli(command)).code).toBe(6);
    expect(await counts([...command, '--rejects', rejects])).toMatchObject({ read: 9, rejected: 5 });
    const told = await ndjson<Told>(['history', ...ofSource]);
    expect(told.map(({ id, ts }) => [id.replace(/.*:/, ''), ts])).toEqual([
      ['b-right', '2026-03-05T14:07:09.000Z'],
      ['b-payload-empty', '2026-03-05T14:07:09.000Z'],
      ['b-time-naive', '2026-03-05T14:07:09.000Z'],
      ['b-time-milliseconds', '2026-03-05T14:07:09.123Z'],
    ]);
  });

  test('says a row that was changed since, and takes one that came since', async () => {
    const { extension } = settlements(folder());
    const command = ['import', 'settlement-audit', extension];
    await ok(command);
    const database = new Database(extension);
    const { id } = database.prepare<[], { id: string }>('SELECT id FROM dca_settlement_audit LIMIT 1').get() ?? {
      id: '',
    };
    database.prepare('UPDATE dca_settlement_audit SET notes = ? WHERE id = ?').run('never happened', id);
    database
      .prepare("INSERT INTO dca_settlement_audit VALUES ('new', 's-9', 'note', 'ines', NULL, NULL, 1772719629.5)")
      .run();
    database.close();
    const rejects = inTestDirectory('rejects.ndjson');
    const { code, stdout } = await cli([...command, '--verify', '--format', 'json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([3, { different: 2, rejected: 0 }]);
    expect(await counts([...command, '--rejects', rejects])).toMatchObject({ recorded: 1, rejected: 1 });
    expect((await cli(command)).stderr).toContain(
      `id settlement-audit:${id} is recorded already, with another message`,
    );
  });

  test.each(['a:b', ''])('refuses --entity-type %j', async (type) => {
    const { extension } = settlements(folder());
    const refused = await cli(['import', 'settlement-audit', extension, '--entity-type', type]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('is no type of entities');
  });
});
