import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { IMPORT_FORMATS } from '../../src/importers/index.js';
import { timeReader } from '../../src/importers/time-formats.js';

function told(timeFormat: string, text: string, assumedZone?: string): string {
  const { ms, finer } = timeReader({ timeFormat, assumedZone })(text, 'at');
  return `${formatTimestamp(ms)}${finer === '' ? '' : ` +${finer}`}`;
}

describe('--time-format', () => {
  test.each([
    ['s', '0', '1970-01-01T00:00:00.000Z'],
    ['ms', '20240131120000', '2611-05-21T18:38:40.000Z'],
    ['us', '1772000000256512', '2026-02-25T06:13:20.256Z +512'],
    ['ns', '1772000000256512999', '2026-02-25T06:13:20.256Z +512999'],
    ['filetime', '133511760000000001', '2024-01-31T12:00:00.000Z +0001'],
    ['clf', '10/Oct/2000:13:55:36 -0700', '2000-10-10T20:55:36.000Z'],
    ['clf', '[10/Oct/2000:13:55:36 -0700]', '2000-10-10T20:55:36.000Z'],
    ['rfc2822', 'Thu, 05 Mar 2026 14:07:09 +0100', '2026-03-05T13:07:09.000Z'],
    ['rfc2822', 'Thu, 05 Mar 2026 14:07:09 GMT', '2026-03-05T14:07:09.000Z'],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSZZ", '2026-03-05T14:07:09.256512+01:00', '2026-03-05T13:07:09.256Z +512'],
    ['yyyy-MM-dd HH:mm:ss.SSSSSS ZZZ', '2026-03-05 14:07:09.256512 +0100', '2026-03-05T13:07:09.256Z +512'],
    ['yyyy-MM-dd HH:mm:ss.u ZZZ', '2026-03-05 14:07:09.256512 +0100', '2026-03-05T13:07:09.256Z +512'],
    ['yyyyMMddHHmmss z', '20260705140709 Europe/Paris', '2026-07-05T12:07:09.000Z'],
  ])('%s reads %s', (format, text, expected) => {
    expect(told(format, text)).toBe(expected);
  });

  test.each([
    ['excel', '45322.5', '2024-01-31T11:00:00.000Z'],
    ['yyyyMMddHHmmss', '20240131120000', '2024-01-31T11:00:00.000Z'],
    ['yyyyMMdd', '20240131', '2024-01-30T23:00:00.000Z'],
    ['MM/dd/yyyy hh:mm:ss a', '01/31/2024 12:00:00 PM', '2024-01-31T11:00:00.000Z'],
    ['yyyy-ooo HH:mm', '2024-031 12:00', '2024-01-31T11:00:00.000Z'],
    ["d MMM yyyy 'at' HH:mm", '31 Jan 2024 at 12:00', '2024-01-31T11:00:00.000Z'],
  ])('%s reads %s in the zone that is assumed, and without one it is refused', (format, text, expected) => {
    expect(told(format, text, 'Europe/Paris')).toBe(expected);
    expect(() => told(format, text)).toThrow(expect.objectContaining({ kind: 'usage', hint: '… --assume-tz UTC' }));
  });

  test.each([
    ['s', 'x'],
    ['s', '1e400'],
    ['ms', '99999999999999999999'],
    ['excel', '-1'],
    ['excel', '60'],
    ['filetime', '1.5'],
    ['clf', '2026-03-05T14:07:09Z'],
    ['rfc2822', 'Fri, 05 Mar 2026 14:07:09 +0100'],
    ['yyyy-MM-dd', '2026-02-30'],
    ['yyyy-MM-dd', '2026-02-28 '.repeat(2)],
    ['yyyy-MM-dd HH:mm:ss.SSSSSS', '2026-02-28 00:00:00.123'],
    ['EEE yyyy-MM-dd', 'Mon 2026-02-28'],
    ['yyyy-MM-dd', '0000-02-28'],
  ])('%s refuses %s, by its value', (format, text) => {
    expect(() => told(format, text, 'UTC')).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(() => told(format, text, 'UTC')).toThrow(/^at "/);
  });

  test.each([
    'yyyy',
    'yyyy-MM',
    'MM-dd',
    'HH:mm:ss',
    '',
    'nonsense',
    'yyyy-MM-ddTHH:mm',
    'yyyy-MM-dd hh:mm',
    'ff',
    'X',
    'x',
  ])('%j is no format of a time', (timeFormat) => {
    expect(() => timeReader({ timeFormat, assumedZone: 'UTC' })).toThrow(expect.objectContaining({ kind: 'usage' }));
  });

  test.each([
    ['2026-03-29 02:30', 'Europe/Berlin', 'clocks skipped it'],
    ['2026-10-25 02:30', 'Europe/Berlin', 'clocks showed it twice'],
    ['2011-12-30 12:00', 'Pacific/Apia', 'clocks skipped it'],
    ['2026-11-01 01:30', 'America/New_York', 'clocks showed it twice'],
  ])('%s in %s is refused: %s', (text, zone, why) => {
    expect(() => told('yyyy-MM-dd HH:mm', text, zone)).toThrow(why);
    expect(() => told('yyyy-MM-dd HH:mm z', `${text} ${zone}`)).toThrow(why);
    const days = (Date.parse(`${text.replace(' ', 'T')}Z`) - Date.UTC(1899, 11, 30)) / 86_400_000;
    expect(() => told('excel', String(days), zone)).toThrow(why);
  });

  test('what luxon writes by a pattern is read back, with every digit', () => {
    const pattern = fc.constantFrom(
      'yyyy-MM-dd HH:mm:ss.SSS ZZ',
      "dd.MM.yyyy 'um' HH:mm:ss.u ZZZ",
      'EEE MMM d yyyy hh:mm:ss.SSS a ZZZ',
      'yyyyMMddHHmmss.SSSZZZ',
    );
    const moment = fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) });
    fc.assert(
      fc.property(pattern, moment, fc.stringMatching(/^\d{0,6}$/), (format, ms, more) => {
        const text = DateTime.fromMillis(ms, { zone: 'UTC+2', locale: 'en-US' }).toFormat(format.replace('.u', '.SSS'));
        const finer = text.replace(/\d\d\.\d{3}(?!\d)/, (digits) => `${digits}${more}`);
        expect(timeReader({ timeFormat: format, assumedZone: undefined })(finer, 'at')).toEqual({
          ms,
          finer: more.replace(/0+$/, ''),
        });
      }),
      { numRuns: 200 },
    );
  });
});

/** What each format asks of a record beside its time. */
const RECORDS: Readonly<Record<string, { readonly time: string; readonly values: Record<string, string> }>> = {
  csv: { time: 'ts', values: { action: 'login' } },
  ndjson: { time: 'ts', values: { action: 'login' } },
  sqlite: { time: 'ts', values: { action: 'login' } },
  ledgrab: {
    time: 'ts',
    values: { id: 'al_1a2b3c4d', category: 'auth', action: 'a', severity: 'info', actor: 'x', message: '' },
  },
  'settlement-audit': {
    time: 'created_at',
    values: { id: '1', settlement_id: '2', action_type: 'a', author_user_id: 'u', notes: '', payload_json: '{}' },
  },
  'audit-logs': { time: 'created_at', values: { id: '1', table_name: 't', record_id: '1', action: 'DELETE' } },
  'supa-audit': {
    time: 'ts',
    values: { id: '1', op: 'DELETE', table_schema: 'public', table_name: 't', record: '', old_record: '{"id":1}' },
  },
  'postgresql-audit': {
    time: 'issued_at',
    values: { id: '1', table_name: 't', verb: 'delete', old_data: '{"id":1}', changed_data: '{}' },
  },
  'django-auditlog': {
    time: 'timestamp',
    values: { id: '1', object_pk: '1', action: '2', changes: '{}', content_type_id: '3' },
  },
  'logged-actions': {
    time: 'action_tstamp_tx',
    values: { event_id: '1', schema_name: 'public', table_name: 't', action: 'D', row_data: '"id"=>"1"' },
  },
  'lnbits-audit': { time: 'created_at', values: { path: '/', request_method: 'GET', response_code: '200' } },
  'sqlite-history-json': {
    time: 'timestamp',
    values: { id: '1', operation: 'insert', updated_values: '{}', pk_id: '1' },
  },
  notes: { time: 'notes', values: { id: '1' } },
};

describe('--time-format of a format', () => {
  test.each([...IMPORT_FORMATS.values()].map((format) => [format.name, format] as const))(
    '%s takes it',
    (name, format) => {
      const scene = RECORDS[name];
      if (scene === undefined) throw new Error(`${name} has no record here`);
      expect(format.settings).toContain('timeFormat');
      const isNotes = name === 'notes';
      const timesOf = (timeFormat: string | undefined, time: string): readonly (number | undefined)[] => {
        const read = format.reader({
          source: 's',
          assumedZone: 'Europe/Berlin',
          map: [],
          timeFormat,
          entityType: isNotes ? 'settlement' : undefined,
          key: isNotes ? 'id' : undefined,
          column: isNotes ? 'notes' : undefined,
          order: isNotes ? 'oldest-first' : undefined,
          pattern: isNotes ? String.raw`(?<ts>.+)\|(?<actor>\S+): (?<message>.*)` : undefined,
          table: '_history_json_t',
          lookup: () => () => null,
        });
        const values = { ...scene.values, [scene.time]: isNotes ? `${time}|x: y` : time };
        return read({ position: 'row 1', values, key: ['1'] }).map((entry) => entry.time?.ms);
      };
      expect(timesOf('dd.MM.yyyy HH:mm', '05.03.2026 14:07')).toEqual([Date.UTC(2026, 2, 5, 13, 7)]);
      expect(timesOf('excel', '46086.5')).toEqual([Date.UTC(2026, 2, 5, 11)]);
      // A note whose time is none is kept as a text.
      if (isNotes) expect(timesOf(undefined, '20260305')).toEqual([undefined]);
      else
        expect(() => timesOf(undefined, '20260305')).toThrow(/it could be 2026-03-05.* as yyyyMMdd;? .*--time-format/);
    },
  );

  test('is refused where all times have a fixed form', () => {
    const notes = IMPORT_FORMATS.get('notes');
    const settings = {
      source: 's',
      assumedZone: 'UTC',
      map: [],
      key: 'id',
      column: 'n',
      entityType: 'e',
      order: undefined,
    };
    for (const pattern of ['memo', 'memo,stamped', 'moderation', 'journal']) {
      expect(() => notes?.reader({ ...settings, pattern, timeFormat: 's' })).toThrow(
        expect.objectContaining({ kind: 'usage', message: expect.stringContaining('have a fixed form') as string }),
      );
    }
    // Beside an expression the presets keep theirs.
    const read = notes?.reader({
      ...settings,
      order: 'oldest-first',
      pattern: ['stamped', String.raw`(?<ts>\d+) (?<actor>\S+): (?<message>.*)`],
      timeFormat: 'yyyyMMdd',
    });
    const values = { id: '1', n: '[2026-03-04 10:00 UTC] a: one\n20260305 b: two' };
    expect(read?.({ position: 'row 1', values }).map(({ time }) => time?.ms)).toEqual([
      Date.UTC(2026, 2, 4, 10),
      Date.UTC(2026, 2, 5),
    ]);
  });

  test('holds for the entries of a trail that another program has written anew', () => {
    const entry = {
      seq: '1',
      id: 'a',
      ts: '05.03.2026',
      recorded_at: null,
      category: 'auth',
      action: 'login',
      severity: 'info',
      actor: 'x',
      actor_type: 'user',
      actor_name: null,
      recorded_by: null,
      scope: null,
      entity_type: null,
      entity_id: null,
      entity_name: null,
      message: '',
      metadata: '{}',
      old_values: null,
      new_values: null,
      changed_fields: null,
      correlation_id: null,
      reverts: null,
      source: null,
    };
    const settings = {
      source: 's',
      assumedZone: 'UTC',
      map: [],
      key: undefined,
      column: undefined,
      entityType: undefined,
    };
    const read = IMPORT_FORMATS.get('csv')?.reader({
      ...settings,
      order: undefined,
      pattern: undefined,
      timeFormat: 'dd.MM.yyyy',
    });
    expect(read?.({ position: 'row 1', values: entry })[0]?.time?.ms).toBe(Date.UTC(2026, 2, 5));
  });
});
