import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { imported, imports, linesFile, staysTheSame, textFile } from '../importers/imported.js';
import { cli, inTestDirectory, json, ok, toLines } from '../support/cli.js';
import { fixture, ledgrab } from '../support/sources.js';

const TS = '2026-03-05T14:07:09Z';
const event = (action: string, more: object = {}): object => ({ ts: TS, action, ...more });

describe('a made-up id', () => {
  test('does not collide with a given one: both records come in, whichever comes first', async () => {
    for (const [name, lines] of Object.entries({
      m3: [event('a', { id: '2' }), event('a')],
      m4: [event('a'), event('b'), event('b', { id: '2' }), event('a', { id: 1 })],
    })) {
      const file = linesFile(`${name}.ndjson`, ...lines);
      expect(await imports('ndjson', file)).toMatchObject({ recorded: lines.length, skipped: 0, rejected: 0 });
      await staysTheSame('ndjson', file, lines.length);
    }
    expect((await imported('m3')).map(({ id }) => id).toSorted()).toEqual([':m3:2', 'm3:2']);
  });

  test('is the one that an earlier version made up, where the source gives it to no other record', async () => {
    const file = linesFile('m3.ndjson', event('a'), event('b'));
    const before = [event('a', { id: 'm3:1', source: 'm3' }), event('other', { id: 'm3:2', source: 'm3' })];
    await ok(['record', '--stdin', '--quiet'], { input: toLines(before) });
    // The actor of `record` is another than that of an import that says none.
    expect(await imports('ndjson', file)).toMatchObject({ recorded: 2, skipped: 0 });
    expect((await imported('m3')).map(({ id }) => id).toSorted()).toEqual([':m3:1', ':m3:2', 'm3:1', 'm3:2']);
  });

  test('cannot be forged by the name of a source', async () => {
    const file = linesFile('m3.ndjson', event('a'));
    for (const source of ['', ':m3']) {
      expect(await cli(['import', 'ndjson', file, '--source', source])).toMatchObject({ code: 2 });
    }
  });
});

describe('a source whose lines move', () => {
  const logins = (...numbers: number[]): object[] => numbers.map((n) => event('login', { nr: `n${n}` }));

  test.each([['nr'], ['content'], ['nr,action']])('comes in once with --id-from %s', async (from) => {
    const file = linesFile('log.ndjson', ...logins(3, 2, 1));
    expect(await imports('ndjson', file, '--id-from', from)).toMatchObject({ recorded: 3 });
    linesFile('log.ndjson', ...logins(5, 4, 3, 2));
    expect(await imports('ndjson', file, '--id-from', from)).toMatchObject({ recorded: 2, skipped: 2, rejected: 0 });
    await staysTheSame('ndjson', file, 4, '--id-from', from);
  });

  test('keeps records that are alike apart, by their number', async () => {
    const alike = [event('ping'), event('ping'), event('ping'), event('pong')];
    const file = linesFile('log.ndjson', ...alike);
    expect(await imports('ndjson', file, '--id-from', 'content')).toMatchObject({ recorded: 4 });
    await staysTheSame('ndjson', file, 4, '--id-from', 'content');
    linesFile('log.ndjson', ...alike.toReversed().slice(0, 3));
    await staysTheSame('ndjson', file, 3, '--id-from', 'content');
    linesFile('log.ndjson', ...alike, event('ping'));
    expect(await imports('ndjson', file, '--id-from', 'content')).toMatchObject({ recorded: 1, skipped: 4 });
  });
});

describe('two databases of one system', () => {
  test('that share a short id both come in, where each has a name', async () => {
    const table = (file: string, message: string): string => {
      const place = inTestDirectory(file);
      const database = new Database(place);
      database.exec(`CREATE TABLE activity_log (seq INTEGER PRIMARY KEY, id, ts, category, action, severity, actor,
          entity_type, entity_id, entity_name, message, metadata);
        INSERT INTO activity_log VALUES (1, 'al_1a2b3c4d', '${TS}', 'auth', 'a', 'info', 'ana', NULL, NULL, NULL,
          '${message}', '{}')`);
      database.close();
      return place;
    };
    const [attic, cellar] = [table('attic.db', 'one'), table('cellar.db', 'one')];
    expect(await imports('ledgrab', attic)).toMatchObject({ recorded: 1 });
    expect(await imports('ledgrab', cellar, '--source', 'cellar')).toMatchObject({ recorded: 1, rejected: 0 });
    expect(await imports('ledgrab', attic, '--source', 'attic')).toMatchObject({ recorded: 1, rejected: 0 });
    expect((await imported('ledgrab')).map(({ id }) => id)).toEqual(['al_1a2b3c4d']);
    expect((await imported('cellar')).map(({ id }) => id)).toEqual(['cellar:al_1a2b3c4d']);
    await staysTheSame('ledgrab', cellar, 1, '--source', 'cellar');
  });

  test('of which an earlier version imported one under a name: its bare ids are known', async () => {
    const before = readFileSync(fixture('imported/entries/ledgrab-named.ndjson'), 'utf8');
    await json(['record', '--stdin', '--format', 'json'], { input: before });
    const file = ledgrab(path.dirname(inTestDirectory('any')));
    expect(await imports('ledgrab', file, '--source', 'attic')).toMatchObject({ recorded: 0, skipped: 1000 });
    expect(await imports('ledgrab', file, '--source', 'other')).toMatchObject({ recorded: 1000, rejected: 0 });
  });
});

describe('a map', () => {
  test.each(['ndjson', 'csv'])(
    'that leads nowhere in every record of %s is told before anything is recorded',
    async (format) => {
      const file =
        format === 'csv'
          ? textFile('log.csv', `ts,action,user\n${TS},a,"{""name"":""eve""}"\n`)
          : linesFile('log.ndjson', event('a', { user: { name: 'eve' } }), event('b'));
      await ok(['count']);
      for (const how of [[], ['--dry-run'], ['--verify'], ['--rejects', inTestDirectory('rejects')]]) {
        for (const map of ['actor=usr', 'actor=user.nmae']) {
          const { code, stderr } = await cli(['import', format, file, '--map', map, ...how]);
          expect({ code, stderr }).toMatchObject({
            code: 2,
            stderr: expect.stringContaining(`--map "${map}"`) as string,
          });
        }
      }
      expect(await ok(['count'])).toBe('0\n');
      expect(await imports(format, file, '--map', 'actor=user.name')).toMatchObject({ rejected: 0 });
    },
  );
});

test('a rehearsal shows what each field becomes, so that a map is right before anything is recorded', async () => {
  const file = linesFile('log.ndjson', event('a', { user: 'eve', n: 1 }), event('b', { user: 'bo', x: { y: [2] } }));
  const words = ['import', 'ndjson', file, '--map', 'actor=user', '--dry-run'];
  const { fields } = await json<{ fields: { field: string }[] }>([...words, '--format', 'json']);
  expect(fields.filter(({ field }) => /^(?:ts|id|actor|metadata)/.test(field))).toEqual([
    { field: 'id', count: 2, first: ':log:1' },
    { field: 'ts', count: 2, first: '2026-03-05T14:07:09.000Z' },
    { field: 'actor', count: 2, first: 'eve' },
    { field: 'actor_type', count: 2, first: 'unknown' },
    { field: 'metadata.n', count: 1, first: '1' },
    { field: 'metadata.x', count: 1, first: '{"y":[2]}' },
  ]);
  const text = await ok(words);
  expect(text).toMatch(/^ {2}actor +2 {2}eve$/m);
  expect(text).toMatch(/^ {2}metadata\.n +1 {2}1$/m);
});

describe('the format that is named', () => {
  test.each(['ndjson', 'csv', 'ledgrab', 'audit-logs'])('is %s also of an empty stream', async (format) => {
    const told = await cli(['import', format, '-', '--format', 'json', '--source', 's'], { input: '' });
    const counts = { read: 0, recorded: 0, skipped: 0, unmatched: 0, rejected: 0, forgotten: 0, entry: null };
    expect({ ...told, stdout: JSON.parse(told.stdout) as unknown }).toEqual({ code: 0, stdout: counts, stderr: '' });
    expect(await imports(format, textFile('empty.log', ''))).toEqual(counts);
  });

  test('takes our own exports back: an array, lines, an archive, what history gives; compressed or not', async () => {
    await ok(['import', 'ndjson', linesFile('log.ndjson', event('a'), event('b', { id: 'x' }))]);
    await ok(['note', 'user:1', 'a "note"']);
    const entries = await ok(['export', '--format', 'ndjson']);
    const total = entries.trimEnd().split('\n').length;
    const [lines, array, history] = [
      textFile('lines.txt', entries),
      textFile('array.json', await ok(['export', '--format', 'json'])),
      textFile('history.json', await ok(['history', '--format', 'json'])),
    ];
    const packed = inTestDirectory('archive.ndjson.gz');
    writeFileSync(packed, gzipSync(entries));
    const csv = inTestDirectory('export.csv.gz');
    writeFileSync(csv, gzipSync(await ok(['export', '--format', 'csv'])));
    for (const words of [
      ['ndjson', lines],
      ['ndjson', array],
      ['ndjson', history, '--records', 'entries'],
      ['ndjson', packed],
      ['csv', csv],
    ]) {
      expect(await imports(...words)).toMatchObject({ read: total, recorded: 0, skipped: total, rejected: 0 });
    }
  });

  test('sqlite reads any table, and two of one file apart', async () => {
    const file = inTestDirectory('app.db');
    const database = new Database(file);
    database.exec(`CREATE TABLE logins (at, who); CREATE TABLE orders (id INTEGER PRIMARY KEY, at, who);
      INSERT INTO logins VALUES (1772000000, 'eve'); INSERT INTO orders VALUES (1, 1772000000, 'eve')`);
    database.close();
    for (const table of ['logins', 'orders']) {
      const words = ['--table', table, '--map', 'ts=at', '--map', 'actor=who', '--map', `action="${table}"`];
      expect(await imports('sqlite', file, ...words)).toMatchObject({ recorded: 1, rejected: 0 });
      await staysTheSame('sqlite', file, 1, ...words);
    }
    expect((await imported('app')).map(({ id }) => id)).toEqual(['app:logins:1', 'app:orders:1']);
    expect(await cli(['import', 'csv', file])).toMatchObject({ code: 2 });
  });
});
