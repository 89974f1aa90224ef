import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { parse } from 'csv-parse/sync';
import { parse as parseExactly, stringify } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from './program.js';
import {
  brokenLedgrab,
  brokenSettlementAudit,
  damagedLedgrab,
  djangoAuditlog,
  factsOf,
  fixture,
  guildConfigurations,
  historyJson,
  journal,
  ledgrab,
  settlements,
  truncatedLedgrab,
} from './sources.js';

/** The rows of a query, each as an array of its columns. */
function rows(file: string, sql: string): unknown[][] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare<[], unknown[]>(sql).raw().all();
  } finally {
    database.close();
  }
}

function value(file: string, sql: string): unknown {
  return rows(file, sql)[0]?.[0];
}

/** The first column of a query. */
function column(file: string, sql: string): unknown[] {
  return rows(file, sql).map(([first]) => first);
}

function csvOf(name: string): Record<string, string>[] {
  return parse(readFileSync(fixture(name)), { columns: true });
}

function linesOf(name: string): Record<string, unknown>[] {
  const lines = readFileSync(fixture(name), 'utf8').trimEnd().split('\n');
  return lines.map((line) => parseExactly(line) as Record<string, unknown>);
}

describe('makers', () => {
  const postgres = process.env['PG_BIN'] ?? '/usr/lib/postgresql/15/bin';
  const themes = readdirSync(fixture('.'))
    .filter((theme) => existsSync(fixture(`${theme}/make.mjs`)))
    .map((theme) => ({
      theme,
      needsPostgres: readFileSync(fixture(`${theme}/make.mjs`), 'utf8').includes('withPostgres'),
    }));

  test('are there for each theme', () => {
    const names = themes.map(({ theme }) => theme);
    expect(names).toEqual(['broken', 'datadrop', 'ledgrab', 'proconnect', 'relatives', 'settlements']);
  });

  for (const { theme, needsPostgres } of themes) {
    test.skipIf(needsPostgres && !existsSync(postgres))(`make ${theme} again as it is committed`, async () => {
      const folder = temporaryDirectory();
      await promisify(execFile)(process.execPath, [fixture(`${theme}/make.mjs`), folder]);
      const made = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const names = made.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
      const differing = names.filter(
        (name) => !readFileSync(join(folder, name)).equals(readFileSync(fixture(`${theme}/${name}`))),
      );
      expect({ some: names.length > 0, differing }).toEqual({ some: true, differing: [] });
    });
  }
});

describe('ledgrab', () => {
  const facts = factsOf('ledgrab');

  test('holds the entries that its facts count', () => {
    const file = ledgrab(temporaryDirectory());
    const counts = (name: string): unknown =>
      Object.fromEntries(rows(file, `SELECT ${name}, count(*) FROM activity_log GROUP BY 1`));
    expect(rows(file, 'SELECT count(*), min(seq), max(seq) FROM activity_log')).toEqual([
      [facts.entries, facts.first_seq, facts.last_seq],
    ]);
    expect(counts('category')).toEqual(facts.by_category);
    expect(counts('severity')).toEqual(facts.by_severity);
    expect(Object.keys(facts.by_category).toSorted()).toEqual(['auth', 'capture', 'device', 'entity', 'system']);
    expect(Object.keys(facts.by_severity).toSorted()).toEqual(['error', 'info', 'warning']);
    expect(value(file, 'SELECT action FROM activity_log ORDER BY seq LIMIT 1')).toBe('activity_log_cleared');
  });

  test('holds times of every kind', () => {
    const file = ledgrab(temporaryDirectory());
    const times = column(file, 'SELECT ts FROM activity_log ORDER BY seq') as string[];
    expect(times.filter((ts) => !/^2026-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/.test(ts))).toEqual([]);
    expect(times.filter((ts) => !ts.includes('.')).length).toBe(facts.without_microseconds);
    const before = times.map((ts, index) => [ts, times[index - 1] ?? ''] as const);
    expect(before.filter(([ts, previous]) => ts === previous).length).toBe(facts.on_the_time_of_the_entry_before);
    const padded = (ts: string): string => (ts.includes('.') ? ts : ts.replace('+', '.000000+'));
    expect(before.filter(([ts, previous]) => padded(ts) < padded(previous)).length).toBe(facts.before_the_entry_before);
    const { ts, seqs_by_microsecond: seqs } = facts.within_one_millisecond;
    const within = `SELECT seq FROM activity_log WHERE ts LIKE '${ts.slice(0, -1)}%' ORDER BY ts, seq`;
    expect(column(file, within)).toEqual(seqs);
    expect(seqs).not.toEqual(seqs.toSorted());
  });

  test('holds metadata that must not go through a double, and rows without an entity', () => {
    const file = ledgrab(temporaryDirectory());
    const beyond = `SELECT count(*) FROM activity_log WHERE metadata ->> '$.packets_sent' > 9007199254740992`;
    expect(value(file, beyond)).toBe(facts.beyond_a_double);
    expect(facts.beyond_a_double).toBeGreaterThan(0);
    expect(value(file, 'SELECT count(*) FROM activity_log WHERE NOT json_valid(metadata)')).toBe(0);
    expect(value(file, 'SELECT count(*) FROM activity_log WHERE entity_id IS NULL')).toBe(facts.without_entity);
  });
});

describe('settlements', () => {
  const facts = factsOf('settlements');
  const counted = (from: string, key: string): string =>
    `SELECT ${key}, count(*) FROM ${from} GROUP BY 1 ORDER BY 2 DESC, 1`;
  const joined = 'dca_settlement_audit AS a JOIN dca_settlements AS s ON s.id = a.settlement_id';
  const within = (type: string, from: string, until: string): string =>
    `SELECT id FROM dca_settlement_audit WHERE action_type = '${type}'
     AND created_at >= unixepoch('${from}') AND created_at < unixepoch('${until}') ORDER BY created_at, id`;

  test('answers the questions of its owners as its facts do', () => {
    const { extension } = settlements(temporaryDirectory());
    const ask = (type: string, from: string, until: string): unknown => column(extension, within(type, from, until));
    expect(ask('partial_dispense', '2026-03-01', '2026-04-01')).toEqual(facts.partial_dispenses_in_march_2026);
    expect(ask('partial_dispense', '2025-03-01', '2025-04-01')).toEqual(facts.partial_dispenses_in_march_2025);
    expect(ask('off_ln_refund', '2026-01-01', '2026-04-01')).toEqual(facts.off_ln_refunds_in_2026_q1);
    expect(rows(extension, counted('dca_settlement_audit', 'author_user_id'))).toEqual(
      Object.entries(facts.adjustments_by_operator),
    );
    const partial = `${joined} WHERE action_type = 'partial_dispense'`;
    const march = `${partial} AND a.id IN (${facts.partial_dispenses_in_march_2026.map((id) => `'${id}'`).join()})`;
    expect(rows(extension, counted(partial, 'machine_id'))).toEqual(Object.entries(facts.partial_dispenses_by_machine));
    expect(rows(extension, counted(march, 'machine_id'))).toEqual(
      Object.entries(facts.partial_dispenses_by_machine_in_march_2026),
    );
    for (const counts of [facts.adjustments_by_operator, facts.partial_dispenses_by_machine]) {
      const [most = 0, next = 0] = Object.values(counts);
      expect(most).toBeGreaterThan(next);
    }
  });

  test('holds every adjustment of one settlement, under both vocabularies', () => {
    const { extension } = settlements(temporaryDirectory());
    const subject = facts.adjustments_of_one_settlement;
    const told = rows(
      extension,
      `SELECT a.id, action_type, author_user_id, strftime('%Y-%m-%dT%H:%M:%fZ', a.created_at, 'unixepoch'), a.notes,
       payload_json, machine_id FROM ${joined} WHERE s.id = '${subject.settlement_id}' ORDER BY a.created_at, a.id`,
    );
    const expected = subject.adjustments.map(({ id, type, author, ts, notes }) => [id, type, author, ts, notes]);
    expect(told.map((row) => row.slice(0, 5))).toEqual(expected);
    expect(told.map((row) => JSON.parse((row[5] ?? 'null') as string) as unknown)).toEqual(
      subject.adjustments.map(({ payload }) => payload),
    );
    expect(new Set(told.map((row) => row[6]))).toEqual(new Set([subject.machine_id]));
    const words = new Set(subject.adjustments.flatMap(({ payload }) => Object.keys(payload ?? {})));
    expect([...words]).toEqual(expect.arrayContaining(['original_gross', 'original_wire']));
  });

  test('holds the notes that its facts count', () => {
    const { extension } = settlements(temporaryDirectory());
    const notes = column(extension, 'SELECT notes FROM dca_settlements WHERE notes IS NOT NULL') as string[];
    expect(notes.length).toBe(facts.settlements_with_notes);
    const lines = notes.flatMap((text) => text.split('\n'));
    const starting = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
    const { memos } = facts.notes;
    const stamp = String.raw`^\[2\d{3}-(?!02-30)\d\d-\d\dT\d\d:\d\d:\d\dZ\] `;
    expect(starting(new RegExp(`${stamp}partial dispense: gross `))).toBe(facts.notes.memos_in_old_words);
    expect(starting(new RegExp(`${stamp}partial dispense: wire `))).toBe(facts.notes.memos_in_new_words);
    expect(starting(new RegExp(`${stamp}balance settled: `))).toBe(memos['balance_settle']);
    expect(starting(new RegExp(`${stamp}off-LN refund: `))).toBe(memos['off_ln_refund']);
    expect(starting(new RegExp(`${stamp}status override: `))).toBe(memos['status_override']);
    expect(starting(/^\[[-\d]{10} \d\d:\d\d UTC\] [0-9a-f]{32}: /)).toBe(facts.notes.operators_notes);
    const longest = lines.map((line) => line.replace(/^\[.{20}\] [0-9a-f]{32}: /, '').length);
    expect(Math.max(...longest)).toBe(2000);
    for (const [id, strays] of Object.entries(facts.notes.strays)) {
      const text = value(extension, `SELECT notes FROM dca_settlements WHERE id = '${id}'`) as string;
      expect(text.split('\n').filter((line) => strays.includes(line))).toEqual(strays);
    }
  });

  test('holds every state, and times in the form that is asked for', () => {
    const forms = (timeType: '' | 'TEXT' | 'TIMESTAMP'): unknown[] => {
      const { extension } = settlements(temporaryDirectory(), { timeType });
      return column(extension, 'SELECT DISTINCT typeof(created_at) FROM dca_settlement_audit ORDER BY 1');
    };
    expect(forms('TIMESTAMP')).toEqual(['integer', 'real']);
    expect(forms('TEXT')).toEqual(['text']);
    expect(forms('')).toEqual(['integer', 'real', 'text']);
    const { extension } = settlements(temporaryDirectory());
    expect(column(extension, 'SELECT DISTINCT status FROM dca_settlements ORDER BY 1')).toEqual([
      'errored',
      'pending',
      'processed',
      'processing',
      'rejected',
    ]);
    expect(Object.fromEntries(rows(extension, counted('dca_settlement_audit', 'action_type')))).toEqual(
      facts.audit_rows_by_type,
    );
    expect(value(extension, 'SELECT count(*) FROM dca_settlements')).toBe(facts.settlements);
    expect(value(extension, 'SELECT count(*) FROM dca_settlement_audit')).toBe(facts.audit_rows);
  });

  test('has authors whose names are shared, missing, or gone', () => {
    const { core } = settlements(temporaryDirectory());
    const { ambiguous, without_username: unnamed, without_account: gone } = facts.names;
    const named = `SELECT id FROM accounts WHERE username = '${ambiguous.username}' ORDER BY id`;
    expect(column(core, named)).toEqual(ambiguous.ids);
    expect(rows(core, `SELECT username FROM accounts WHERE id = '${unnamed}'`)).toEqual([[null]]);
    expect(rows(core, `SELECT username FROM accounts WHERE id = '${gone}'`)).toEqual([]);
    for (const id of [...ambiguous.ids, unnamed, gone]) expect(facts.adjustments_by_operator[id]).toBeGreaterThan(0);
  });
});

describe('proconnect', () => {
  const facts = factsOf('proconnect');
  const lines = linesOf('proconnect/audit_logs.ndjson');
  const cells = csvOf('proconnect/audit_logs.csv');
  const ids = (isWanted: (row: Record<string, string>) => boolean): number[] =>
    cells.filter(isWanted).map(({ id }) => Number(id));

  test('holds the rows that its facts count, in both forms', () => {
    expect([lines.length, cells.length]).toEqual([facts.entries, facts.entries]);
    const counts: Record<string, number> = {};
    for (const { table_name: table, action } of cells) {
      counts[`${table} ${action}`] = (counts[`${table} ${action}`] ?? 0) + 1;
    }
    expect(counts).toEqual(facts.by_table_and_action);
    expect(ids((row) => row['table_name'] === 'users' && row['record_id'] === '1')).toEqual(facts.of_user_1);
    for (const [name, entries] of Object.entries(facts.by_migration)) {
      expect(ids((row) => row['migration_name'] === name)).toEqual(entries);
    }
    expect(ids((row) => row['actor_email'] === '')).toEqual(facts.without_actor_email);
    expect(ids((row) => row['actor_type'] === "'system'")).toEqual(facts.default_of_actor_type_with_its_quotes);
    const [burst] = facts.more_than_10_within_an_hour;
    expect(ids((row) => row['actor_email'] === burst?.actor_email).length).toBe(burst?.count);
    const shared = cells.find((row) => Number(row['id']) === facts.in_one_transaction[0])?.['created_at'];
    expect(ids((row) => row['created_at'] === shared)).toEqual(facts.in_one_transaction);
  });

  test('knows the states that its facts tell', () => {
    const moments = csvOf('proconnect/moderations.csv').map((row) => row['created_at'] ?? '');
    const latest = (table: string, key: string, until: string): Record<string, string> | undefined =>
      cells.findLast(
        (row) => row['table_name'] === table && row['record_id'] === key && (row['created_at'] ?? '') <= until,
      );
    const emails = [1, 2, 3].map((id) => {
      const { new_values: values = '' } = latest('users', '3', moments[id - 1] ?? '') ?? {};
      return [`at_moderation_${id}`, (JSON.parse(values) as { email: string }).email];
    });
    expect(Object.fromEntries(emails)).toEqual(facts.email_of_user_3);
    const instant = (row: Record<string, string> | undefined): string =>
      new Date(`${row?.['created_at']}:00`).toISOString();
    const last = latest('users', '4', '9999');
    expect([last?.['action'], instant(last)]).toEqual(['DELETE', facts.user_4.exists_until]);
    const membership = cells.filter(
      (row) =>
        row['table_name'] === 'users_organizations' &&
        /"user_id": 2,.*"organization_id": 1,/.test(`${row['old_values']}${row['new_values']}`),
    );
    const { gone_from: gone, until } = facts.membership_of_user_2_in_organization_1;
    expect(membership.map((row) => [row['action'], instant(row)]).slice(1)).toEqual([
      ['DELETE', gone],
      ['INSERT', until],
    ]);
    const [burst] = facts.more_than_10_within_an_hour;
    const theirs = cells.filter((row) => row['actor_email'] === burst?.actor_email).map(instant);
    expect([theirs[0], theirs.at(-1)]).toEqual([burst?.first, burst?.last]);
  });

  test('has the faults of its triggers', () => {
    expect(cells.some((row) => row['new_values']?.includes('"reset_password_token": "tok_'))).toBe(true);
    expect(ids((row) => row['changed_fields'] === '{updated_at}').length).toBe(1);
    expect(ids((row) => row['changed_fields'] === '{}').length).toBe(1);
    const memberships = cells.filter((row) => row['table_name'] === 'users_organizations');
    expect(memberships.filter((row) => row['record_id'] === '2').length).toBe(4);
  });

  test('says arrays and times in two ways', () => {
    const times = (rowsOf: Record<string, unknown>[]): unknown =>
      rowsOf.find((row) => String(row['id']) === '10')?.['created_at'];
    expect([times(cells), times(lines)]).toEqual(['2026-09-04 09:15:00.244+00', '2026-09-04T09:15:00.244+00:00']);
    expect(cells[23]?.['changed_fields']).toBe(String.raw`{"odd \"name\"","with,comma","NULL","","back\\slash",été}`);
    expect(lines[23]?.['changed_fields']).toEqual(['odd "name"', 'with,comma', 'NULL', '', 'back\\slash', 'été']);
  });

  test('holds comments that consist of the pieces of its facts, and nothing else', () => {
    const comments = linesOf('proconnect/moderations.ndjson').map(({ comment }) => comment as string | null);
    expect(comments.length).toBe(facts.moderations);
    expect(comments.slice(0, 2)).toEqual([null, '']);
    comments.forEach((comment, index) => {
      const pieces = facts.pieces.filter(({ moderation }) => moderation === index + 1);
      const text = pieces.reduce((before, { kind, at, email, message }) => {
        if (kind === 'second writer') return `${before} | ${message}`;
        return `${before}${before === '' ? '' : '\n'}${kind === 'event' ? `${at} ${email} | ` : ''}${message}`;
      }, '');
      expect(text).toBe(comment ?? '');
    });
    expect(csvOf('proconnect/moderations.csv').map(({ comment }) => comment)).toEqual(
      comments.map((text) => text ?? ''),
    );
  });
});

describe('journal', () => {
  test('holds blocks behind empty lines', () => {
    const notes = column(journal(temporaryDirectory()), 'SELECT work_notes FROM incidents ORDER BY number');
    const blocks = notes.map((text) => (text as string | null)?.split(/(?:\r?\n){2}/).length);
    expect(blocks).toEqual([3, 3, 3, 1, 2, 1, undefined]);
  });
});

describe('relatives', () => {
  test('are the same rows as CSV and as JSON lines', () => {
    const activities = ['activity', 'transaction', 'joined'].map((name) => `postgresql-audit/${name}`);
    const entries = ['auditlog_logentry', 'joined'].map((name) => `django-auditlog/${name}`);
    const counts = ['supa-audit/record_version', ...activities, ...entries].map((name) => {
      const lines = linesOf(`relatives/${name}.ndjson`).map(({ id }) => String(id));
      expect(csvOf(`relatives/${name}.csv`).map(({ id }) => id)).toEqual(lines);
      return lines.length;
    });
    expect(counts).toEqual([9, 6, 5, 6, 8, 8]);
  });

  test('django-auditlog has on SQLite what it has on PostgreSQL', () => {
    const file = djangoAuditlog(temporaryDirectory());
    const changes = column(file, 'SELECT changes FROM auditlog_logentry ORDER BY id') as (string | null)[];
    const exported = linesOf('relatives/django-auditlog/auditlog_logentry.ndjson').map((line) => line['changes']);
    const plain = (json: unknown): unknown => JSON.parse(stringify(json) ?? 'null');
    expect(changes.map((text) => JSON.parse(text ?? 'null') as unknown)).toEqual(exported.map(plain));
    expect(column(file, 'SELECT timestamp FROM auditlog_logentry ORDER BY id').slice(0, 3)).toEqual([
      '2026-03-05 14:07:09.123456',
      '2026-03-05 14:07:10',
      '2026-03-05 14:07:10.500000',
    ]);
  });

  test("sqlite-history-json's histories lead to the rows that are there", () => {
    const file = historyJson(temporaryDirectory());
    const last = `SELECT h.pk_id, h.operation FROM _history_json_items AS h
      WHERE h.id = (SELECT max(id) FROM _history_json_items WHERE pk_id = h.pk_id) ORDER BY 1`;
    expect(rows(file, last).map(([id]) => id)).toEqual(column(file, 'SELECT id FROM items ORDER BY 1'));
    expect(value(file, 'SELECT count(*) FROM _history_json_items')).toBe(8);
    expect(column(file, `SELECT name FROM pragma_table_info('_history_json_memberships') ORDER BY cid`)).toEqual([
      'id',
      'timestamp',
      'operation',
      'pk_guild',
      'pk_member',
      'updated_values',
    ]);
    expect(value(file, 'SELECT CAST(max(pk_member) AS TEXT) FROM _history_json_memberships')).toBe('81384788765712384');
  });
});

describe('datadrop', () => {
  test('has the same documents in three forms, with ids that a double would round', () => {
    const file = guildConfigurations(temporaryDirectory());
    const stored = rows(file, 'SELECT guildid, data FROM guild_configurations ORDER BY 1');
    expect(stored.length).toBe(5);
    expect(csvOf('datadrop/guild_configurations.csv').map(({ guildid, data }) => [guildid, data])).toEqual(stored);
    expect(linesOf('datadrop/guild_configurations.ndjson').map(({ guildid, data }) => [guildid, data])).toEqual(stored);
    expect(stored.some(([id]) => BigInt(Number(id)) !== BigInt(id as string))).toBe(true);
  });
});

describe('broken', () => {
  test('a file that is cut off cannot be read at all, a damaged one in part', () => {
    const folder = temporaryDirectory();
    expect(() => rows(truncatedLedgrab(folder), 'SELECT count(*) FROM sqlite_master')).toThrow(/malformed/);
    const damaged = new Database(damagedLedgrab(folder), { readonly: true });
    const read: unknown[] = [];
    expect(() => {
      for (const row of damaged.prepare('SELECT * FROM activity_log ORDER BY seq').iterate()) read.push(row);
    }).toThrow(/malformed/);
    damaged.close();
    expect(read.length).toBeGreaterThan(100);
    expect(read.length).toBeLessThan(factsOf('ledgrab').entries);
  });

  test('CSV is torn or crooked, JSON lines are no UTF-8', () => {
    expect(() => parse(readFileSync(fixture('broken/torn.csv')))).toThrow(/[Qq]uote/);
    expect(() => parse(readFileSync(fixture('broken/crooked.csv')))).toThrow(/Invalid (?:Record|Opening)/);
    const utf8 = new TextDecoder('utf8', { fatal: true });
    expect(() => utf8.decode(readFileSync(fixture('broken/latin1.ndjson')))).toThrow(TypeError);
  });

  test('ids collide, and rows are wrong in one way each', () => {
    const ids = linesOf('broken/colliding.ndjson').map(({ id }) => id);
    expect(ids).toEqual(['c-1', 'c-2', 'c-2', 'c-1', 'c-3', 'c-3']);
    expect(linesOf('broken/times.ndjson').length).toBe(24);
    const folder = temporaryDirectory();
    expect(value(brokenLedgrab(folder), 'SELECT count(*) FROM activity_log')).toBe(12);
    expect(value(brokenSettlementAudit(folder), 'SELECT count(*) FROM dca_settlement_audit')).toBe(9);
  });
});
