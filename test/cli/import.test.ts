import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, given, inTestDirectory, json, ndjson, ok, toLines, trail } from '../support/cli.js';
import { brokenLedgrab, damagedLedgrab, factsOf, fixture, ledgrab, truncatedLedgrab } from '../support/sources.js';
import { temporaryDirectory } from '../support/program.js';

const TS = '2026-03-05T14:07:09Z';

function file(name: string, content: string | Uint8Array): string {
  const place = inTestDirectory(name);
  writeFileSync(place, content);
  return place;
}

async function count(): Promise<number> {
  return Number(await ok(['count']));
}

async function events(...lines: readonly object[]): Promise<string> {
  // Makes the directory of this test first.
  await count();
  return file('events.ndjson', toLines(lines));
}

describe('our own CSV', () => {
  const messages = ['=1', "'=1", "''=1", "'-5", '-5', '\t=1', ' ＝1', "it's", '', 'a;b'];

  test.each([[[]], [['--exact']]])('comes back as it was, made and read with %j', async (exact) => {
    await given(...messages.map((message) => ({ action: '+a', message })));
    const source = file('export.csv', await ok(['export', '--format', 'csv', ...exact]));
    const verified = await cli(['import', 'csv', source, ...exact, '--verify']);
    expect(verified).toMatchObject({ code: 0 });
    const other = ['--db', inTestDirectory('other.db')];
    await ok([...other, 'init']);
    await ok([...other, 'import', 'csv', source, ...exact]);
    const back = await ndjson<{ action: string; message: string }>([...other, 'export', '--action', '+a']);
    expect(back.map(({ message }) => message)).toEqual(messages);
  });

  test('tells where it was exact, and read as if it was not', async () => {
    await given({ action: 'a', message: "'=1" });
    const source = file('export.csv', await ok(['export', '--format', 'csv', '--exact']));
    expect(await cli(['import', 'csv', source, '--verify'])).toMatchObject({ code: 3 });
  });

  test('is no other CSV, which means what it says', async () => {
    await count();
    const source = file('other.csv', `ts,action,message\n${TS},a,'=1\n`);
    await ok(['import', 'csv', source]);
    const [entry] = await ndjson<{ message: string }>(['export', '--action', 'a']);
    expect(entry?.message).toBe("'=1");
    expect(await cli(['import', 'ndjson', source, '--exact'])).toMatchObject({ code: 2 });
  });
});

describe("LedGrab's log", () => {
  const facts = factsOf('ledgrab');

  test('comes in whole, is verified, and comes in once', async () => {
    const source = ledgrab(temporaryDirectory());
    expect(await json(['import', 'ledgrab', source, '--format', 'json'])).toEqual({
      read: facts.entries,
      recorded: facts.entries,
      skipped: 0,
      unmatched: 0,
      rejected: 0,
      forgotten: 0,
      entry: facts.entries + 1,
    });
    const counted = async (...words: string[]): Promise<number> => Number(await ok(['count', ...words]));
    for (const [category, number] of Object.entries(facts.by_category)) {
      // The import's own entry is one of category system.
      expect(await counted('--category', category, '--source', 'ledgrab')).toBe(number);
    }
    for (const [severity, number] of Object.entries(facts.by_severity)) {
      expect(await counted('--severity', severity, '--source', 'ledgrab')).toBe(number);
    }
    const entries = await ndjson<{ ts: string; metadata: object }>(['export', '--source', 'ledgrab']);
    expect([entries[0]?.ts, entries.at(-1)?.ts]).toEqual([facts.first, facts.last]);
    expect(await cli(['import', 'ledgrab', source, '--verify'])).toEqual({
      code: 0,
      stdout: '',
      stderr: `all ${facts.entries} entries of ${facts.entries} records are there\n`,
    });
    expect(await json(['import', 'ledgrab', source, '--format', 'json'])).toEqual({
      read: facts.entries,
      recorded: 0,
      skipped: facts.entries,
      unmatched: 0,
      rejected: 0,
      forgotten: 0,
      entry: null,
    });
    expect(await count()).toBe(facts.entries + 1);
  });

  test('ends in an entry that carries the counts', async () => {
    await ok(['import', 'ledgrab', ledgrab(temporaryDirectory()), '--as', 'ines', '--source', 'home']);
    const [entry] = await ndjson(['export', '--action', 'import']);
    expect(entry).toMatchObject({
      category: 'system',
      actor: 'ines',
      severity: 'info',
      metadata: {
        format: 'ledgrab',
        source: 'home',
        read: 1000,
        recorded: 1000,
        skipped: 0,
        unmatched: 0,
        rejected: 0,
      },
    });
  });

  test('keeps what a column of another version holds, which is compared like any other', async () => {
    await count();
    const source = ledgrab(temporaryDirectory());
    const changed = (sql: string): void => {
      const database = new Database(source);
      database.exec(sql);
      database.close();
    };
    const first = 'WHERE seq = (SELECT min(seq) FROM activity_log)';
    changed(`ALTER TABLE activity_log ADD COLUMN host TEXT; UPDATE activity_log SET host = 'h-1' ${first}`);
    await ok(['import', 'ledgrab', source]);
    const entries = await ndjson<{ metadata: { host?: string } }>(['export', '--source', 'ledgrab']);
    expect(entries.map(({ metadata }) => metadata.host)).toEqual(['h-1', ...Array.from({ length: 999 })]);
    changed(`UPDATE activity_log SET host = 'h-2' ${first}`);
    const { code, stdout } = await cli(['import', 'ledgrab', source, '--verify']);
    expect([code, stdout]).toEqual([3, expect.stringContaining('has an entry with another metadata')]);
  });

  test('that grew adds what is new', async () => {
    const source = ledgrab(temporaryDirectory());
    await ok(['import', 'ledgrab', source]);
    const application = new Database(source);
    application.exec(`INSERT INTO activity_log (id, ts, category, action, severity, actor, message)
      VALUES ('al_ffffffff', '2026-04-01T00:00:00+00:00', 'auth', 'login', 'info', 'ines', 'ines signed in')`);
    expect((await cli(['import', 'ledgrab', source, '--verify'])).code).toBe(3);
    expect(await json(['import', 'ledgrab', source, '--format', 'json'])).toMatchObject({ recorded: 1, skipped: 1000 });
    // A record that changed meanwhile is a conflict, and said.
    application.exec("UPDATE activity_log SET message = 'another' WHERE id = 'al_ffffffff'");
    application.close();
    const again = await cli(['import', 'ledgrab', source]);
    expect(again.code).toBe(6);
    expect(again.stderr).toContain('id al_ffffffff is recorded already, with another message');
    const verified = await cli(['import', 'ledgrab', source, '--verify']);
    expect(verified).toMatchObject({ code: 3 });
    expect(verified.stdout).toMatch(/^row \d+: al_ffffffff has an entry with another message\n$/);
  });

  test('with broken rows: the first one ends it, --rejects puts them aside with the reason', async () => {
    const source = brokenLedgrab(temporaryDirectory());
    const stopped = await cli(['import', 'ledgrab', source]);
    expect(stopped.code).toBe(6);
    expect(stopped.stderr).toContain(
      'row 2: ts "0000-01-01T00:00:00+00:00" is not a time of the calendar in the years 0001 to 9999',
    );
    expect(stopped.stderr).toContain('recorded 1 entry, as entry 2 tells: run it again to go on');
    const [entry] = await ndjson(['export', '--action', 'import']);
    expect(entry).toMatchObject({ severity: 'warning', metadata: { recorded: 1 } });

    const rejects = inTestDirectory('rejects.ndjson');
    const { code, stdout } = await cli(['import', 'ledgrab', source, '--rejects', rejects, '--format', 'json']);
    expect(code).toBe(0);
    const lines = fromLines<{ position: string; reason: string; record: { id: string } }>(
      readFileSync(rejects, 'utf8'),
    );
    expect(lines.map(({ position, reason }) => `${position}: ${reason}`)).toMatchInlineSnapshot(`
      [
        "row 2: ts "0000-01-01T00:00:00+00:00" is not a time of the calendar in the years 0001 to 9999",
        "row 4: metadata not valid JSON: object value expected after ':' at position 9",
        "row 5: metadata "[1,2]" is not a JSON object",
        "row 6: severity "fatal" is not one of info, warning, error",
        "row 7: actor is missing",
        "row 8: message is 3 bytes, not a text",
        "row 11: action is missing",
        "row 9: id al_00000001 is recorded already, with another message",
      ]
    `);
    expect(JSON.parse(stdout)).toMatchObject({
      read: 12,
      skipped: 1,
      rejected: lines.length,
      recorded: 11 - lines.length,
    });
    expect(lines[0]?.record).toMatchObject({ id: 'al_00000002', message: 'is back' });
    // It is never written over.
    expect((await cli(['import', 'ledgrab', source, '--rejects', rejects])).code).toBe(7);
  });

  test('that is cut off or damaged is bad data, and what came before it stays', async () => {
    const truncated = truncatedLedgrab(temporaryDirectory());
    const { code, stderr } = await cli(['import', 'ledgrab', truncated]);
    expect({ code, stderr }).toEqual({
      code: 6,
      stderr: `daybook: ${truncated} cannot be read (database disk image is malformed)\n`,
    });
    const damaged = await cli(['import', 'ledgrab', damagedLedgrab(temporaryDirectory())]);
    expect(damaged.code).toBe(6);
    expect(damaged.stderr).toContain('cannot be read');
  });

  test('that is locked is busy', async () => {
    const source = ledgrab(temporaryDirectory());
    const application = new Database(source);
    application.exec('BEGIN EXCLUSIVE');
    const { code, stderr } = await cli(['import', 'ledgrab', source, '--busy-timeout', '1s']);
    application.close();
    expect(code).toBe(5);
    expect(stderr).toContain(`${source} is locked by another program`);
  });
});

describe('a rehearsal', () => {
  test('looks good at 80 columns, and records nothing', async () => {
    const source = ledgrab(temporaryDirectory());
    const { code, stdout } = await cli(['import', 'ledgrab', source, '--dry-run'], { terminal: true, columns: 80 });
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/^1000 records, from .*Z to .*Z\n1000 to record, 0 there already, /);
    expect(stdout).toContain('\nactions\n  143  updated\n');
    expect(stdout).not.toContain('\u202e');
    expect(await count()).toBe(0);
  });

  test('has a shape for programs', async () => {
    const source = await events(
      { id: 'a', ts: TS, action: 'login', actor: 'eve', n: 1 },
      { ts: 'yesterday', action: 'login' },
    );
    expect(await json(['import', 'ndjson', source, '--dry-run', '--format', 'json'])).toMatchObject({
      read: 2,
      recorded: 1,
      skipped: 0,
      unmatched: 0,
      rejected: 1,
      first: '2026-03-05T14:07:09.000Z',
      last: '2026-03-05T14:07:09.000Z',
      entry: null,
      actions: [{ action: 'login', count: 1 }],
      actors: [{ actor: 'eve', count: 1 }],
      samples: [{ id: 'events:a', actor: 'eve', metadata: { n: 1 }, source: 'events' }],
      unmatched_samples: [],
      rejected_samples: [{ position: 'line 2', reason: expect.stringContaining('yesterday') as string }],
    });
    expect(await count()).toBe(0);
  });
});

describe('records with any keys', () => {
  test('from stdin, by its first bytes', async () => {
    const input = toLines([{ at: 1_772_000_000, what: 'login', who: 'eve' }]);
    const words = [
      'import',
      'ndjson',
      '-',
      '--source',
      'shop',
      '--map',
      'ts=at',
      '--map',
      'action=what',
      '--map',
      'actor=who',
    ];
    expect(await cli(words, { input })).toMatchObject({ code: 0, stderr: 'read 1, recorded 1 entry\n' });
    expect(await ndjson(['export', '--source', 'shop'])).toMatchObject([
      { id: ':shop:1', ts: '2026-02-25T06:13:20.000Z', action: 'login', actor: 'eve', metadata: {} },
    ]);
    const csv = await cli(['import', 'csv', '-', '--source', 'shop'], { input });
    expect(csv).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('- is JSON, and is to be read as CSV') as string,
    });
  });

  test('from a pipe that has a name, as shells make them of commands', async () => {
    const source = await events(...Array.from({ length: 400 }, (_, n) => ({ ts: TS, action: `number ${n}` })));
    const pipe = inTestDirectory('pipe');
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', pipe]);
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', source, pipe]);
    try {
      expect(await json(['import', 'ndjson', pipe, '--format', 'json'])).toMatchObject({ read: 400, recorded: 400 });
    } finally {
      writer.kill();
    }
  });

  test("psql's CSV", async () => {
    const words = ['--map', 'ts=created_at', '--map', 'entity_type=table_name', '--map', 'entity_id=record_id'];
    const source = fixture('proconnect/audit_logs.csv');
    expect(await json(['import', 'csv', source, ...words, '--format', 'json'])).toMatchObject({
      read: 66,
      recorded: 66,
    });
    expect((await cli(['import', 'csv', source, ...words, '--verify'])).code).toBe(0);
  });

  test("a trail's own export comes back as it was", async () => {
    await ok(['import', 'ledgrab', ledgrab(temporaryDirectory())]);
    await ok(['note', 'user:1', 'a "note"', '--meta', 'n:=9007199254740993']);
    const exported = await ok(['export', '--format', 'ndjson']);
    const other = path.join(temporaryDirectory(), 'other.db');
    await ok(['init'], { db: other });
    await ok(['import', 'ndjson', '-'], { db: other, input: exported });
    const again = await ok(['export', '--format', 'ndjson'], { db: other });
    const entriesOf = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '' && !line.includes('"from stdin"'))
        .map((line) => line.replace(/^\{"seq":\d+,/, '{'));
    expect(entriesOf(again).slice(0, entriesOf(exported).length).toSorted()).toEqual(entriesOf(exported).toSorted());
  });

  test('colliding ids: said, and never skipped', async () => {
    await count();
    const { code, stderr } = await cli(['import', 'ndjson', fixture('broken/colliding.ndjson')]);
    expect(code).toBe(6);
    expect(stderr).toContain('line 4: id colliding:c-1 is recorded already, with another message');
  });

  test('colliding ids are rehearsed as they will be imported', async () => {
    await count();
    const command = ['import', 'ndjson', fixture('broken/colliding.ndjson'), '--format', 'json'];
    const foretold = await json<Record<string, unknown>>([...command, '--dry-run']);
    const done = await json<Record<string, unknown>>([...command, '--rejects', inTestDirectory('r.ndjson')]);
    for (const name of ['read', 'recorded', 'skipped', 'unmatched', 'rejected']) {
      expect([name, foretold[name]]).toEqual([name, done[name]]);
    }
    expect(foretold['rejected_samples']).toEqual([
      { position: 'line 4', reason: 'id colliding:c-1 stands in the source before, with another message' },
    ]);
  });

  const CELLS = { message: 'message', actor: 'actor', entity: 'entity_type, entity_id', scope: 'scope' };

  test.each(Object.entries(CELLS))(
    'a cell of %s that was emptied since is told, and is no conflict',
    async (column, told) => {
      const header = 'id,ts,action,actor,message,entity,scope\n';
      const row = { id: '1', ts: TS, action: 'a', actor: 'u-1', message: 'm', entity: 't:1', scope: 's:1' };
      await count();
      const source = file('rows.csv', `${header}${Object.values(row).join(',')}\n`);
      const command = ['import', 'csv', source, '--map', 'entity=entity'];
      await ok(command);
      expect((await cli([...command, '--verify'])).code).toBe(0);
      writeFileSync(source, `${header}${Object.values({ ...row, [column]: '' }).join(',')}\n`);
      const verified = await cli([...command, '--verify']);
      expect(verified).toMatchObject({
        code: 0,
        stdout: `line 2: rows:1 holds ${told}, which the source has forgotten\n`,
        stderr: 'all 1 entry of 1 records are there, 1 entry holds what the source has forgotten\n',
      });
      expect(await json([...command, '--verify', '--format', 'json'])).toMatchObject({ different: 0, forgotten: 1 });
      expect(await cli(command)).toMatchObject({
        code: 0,
        stderr: 'read 1, recorded 0 entries, 1 were there already, 1 entry holds what the source has forgotten\n',
      });
      expect(await json([...command, '--format', 'json'])).toMatchObject({ skipped: 1, rejected: 0, forgotten: 1 });
      expect(await json([...command, '--dry-run', '--format', 'json'])).toMatchObject({ skipped: 1, forgotten: 1 });
      expect(await ok([...command, '--dry-run'])).toContain('1 entry holds what the source has forgotten\n');
      writeFileSync(source, `${header}${Object.values({ ...row, [column]: 'x:2' }).join(',')}\n`);
      expect((await cli([...command, '--verify'])).code).toBe(3);
      expect((await cli(command)).code).toBe(6);
    },
  );

  test('times without an offset need a zone', async () => {
    const source = await events({ ts: '2026-07-05 14:07:09', action: 'a' });
    const { code, stderr } = await cli(['import', 'ndjson', source]);
    expect(code).toBe(2);
    expect(stderr).toContain('--assume-tz UTC');
    await ok(['import', 'ndjson', source, '--assume-tz', 'Europe/Paris']);
    expect(await ndjson(['export', '--action', 'a'])).toMatchObject([{ ts: '2026-07-05T12:07:09.000Z' }]);
  });
});

describe('wrong usage is 2', () => {
  test.each([
    [['import'], 'say which format, and from where'],
    [['import', 'nothing', 'x'], '"nothing" is no format: it is one of ndjson, csv, sqlite, ledgrab'],
    [['import', 'ndjson', 'SOURCE', '--column', 'x'], '--column says nothing to the format ndjson'],
    [['import', 'ndjson', 'SOURCE', '--entity-type', 'x'], '--entity-type says nothing to the format ndjson'],
    [['import', 'ndjson', 'SOURCE', '--table', 'x'], '--table: SOURCE is a text and has no tables'],
    [['import', 'ndjson', 'SOURCE', '--map', 'verb=x'], '--map "verb=x" gives "verb"'],
    [['import', 'ndjson', 'SOURCE', '--assume-tz', 'Mars/North'], 'Mars/North'],
    [['import', 'ndjson', 'SOURCE', '--scope-from', 'machines'], 'is not table(key, column)'],
    [['import', 'ndjson', 'SOURCE', '--scope-from', 'machines(id, nr)'], 'holds no table "machines" to look into'],
    [['import', 'ndjson', 'SOURCE', '--verify', '--dry-run'], 'one at a time'],
    [['import', 'csv', 'SOURCE'], 'SOURCE is JSON, and is to be read as CSV'],
  ])('%j', async (words, says) => {
    const source = await events({ ts: TS, action: 'a' });
    const { code, stdout, stderr } = await cli(words.map((word) => word.replace('SOURCE', source)));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says.replace('SOURCE', source));
    expect(await count()).toBe(0);
  });
});

test('what is not there is bad data, and a database that is not there is missing', async () => {
  expect((await cli(['import', 'ndjson', '/nowhere.ndjson'])).code).toBe(6);
  symlinkSync('loop', inTestDirectory('loop'));
  expect(await cli(['import', 'ndjson', inTestDirectory('loop')])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('the file cannot be read (ELOOP)'),
  });
  const source = await events({ ts: TS, action: 'a' });
  expect((await cli(['import', 'ndjson', source], { db: inTestDirectory('none.db') })).code).toBe(4);
  expect(existsSync(inTestDirectory('none.db'))).toBe(false);
});

test.each(['-wal', '-shm', '-journal'])('what belongs to the trail is no source: %s', async (companion) => {
  const beside = `${await trail()}${companion}`;
  expect(await cli(['import', 'ndjson', beside, '--rejects', inTestDirectory('rejects.ndjson')])).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(`${beside} belongs to the database`),
  });
});

test('a table that is not there is missing, as for every other command that reads one; a view is wrong usage', async () => {
  const source = ledgrab(temporaryDirectory());
  const application = new Database(source);
  application.exec('CREATE VIEW recent AS SELECT * FROM activity_log');
  application.close();
  expect(await cli(['import', 'ledgrab', source, '--table', 'activity'])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('no table "activity"; its tables: activity_log') as string,
  });
  expect((await cli(['import', 'ledgrab', source, '--table', 'recent'])).code).toBe(2);
});

test('an interrupt says how to go on', async () => {
  const source = ledgrab(temporaryDirectory());
  const { code, stderr } = await cli(['import', 'ledgrab', source], { interrupt: true });
  expect(code).toBe(130);
  expect(stderr).toMatch(
    /^daybook: interrupted \(recorded \d+ entr.*: run it again to go on, nothing is recorded twice\)\n/,
  );
  await ok(['import', 'ledgrab', source]);
  expect(await ok(['count', '--source', 'ledgrab'])).toBe('1000\n');
});

test.each(['--verify', '--dry-run'])('%s that is interrupted has found nothing', async (flag) => {
  const source = ledgrab(temporaryDirectory());
  await ok(['import', 'ledgrab', source]);
  expect(await cli(['import', 'ledgrab', source, flag], { interrupt: true })).toMatchObject({
    code: 130,
    stdout: '',
    stderr: 'daybook: interrupted: not every record was read\n',
  });
});

describe('import --list', () => {
  test('tells what each reads, needs and takes', async () => {
    const { stdout } = await cli(['import', '--list'], { terminal: true, columns: 60 });
    expect(stdout.split('\n').filter((line) => line.length > 60)).toEqual([]);
    expect(stdout).toMatch(/^ndjson +JSON lines with any keys/);
    expect(stdout).toContain('needs id, ts, category');
  });

  test('has a shape for programs', async () => {
    const { formats } = await json<{ formats: object[] }>(['import', '--list', '--format', 'json']);
    expect(formats).toContainEqual({
      name: 'csv',
      description: expect.any(String) as string,
      kinds: ['csv'],
      table: null,
      source: null,
      needs: [],
      options: ['--map', '--id-from', '--time-format', '--exact'],
    });
  });
});
