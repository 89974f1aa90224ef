import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, inTestDirectory, json, ok, trail } from '../support/cli.js';
import { imported, imports } from './imported.js';
import type { Counts } from './imported.js';

interface Rejected {
  readonly position: string;
  readonly reason: string;
  readonly record: unknown;
}

const OPEN = 'a quote is opened and never closed';
const BEHIND = 'text behind the quote that closes a field';

let files = 0;

/** A file of these rows below a header. Its rows have no ids: entries are named by their lines. */
async function events(rows: readonly string[], lineEnd = '\n', encoding: BufferEncoding = 'utf8'): Promise<string> {
  await trail();
  const path = inTestDirectory('events.csv');
  writeFileSync(path, ['ts,action,message', ...rows, ''].join(lineEnd), encoding);
  return path;
}

const at = (second: number): string => `2026-03-05T14:07:0${second}Z`;

/** Imports with rejects; what it counts, and what it puts aside. */
async function withRejects(...words: readonly string[]): Promise<{ counts: Counts; rejects: Rejected[] }> {
  const file = inTestDirectory(`rejects-${(files += 1)}.ndjson`);
  const counts = await imports(...words, '--rejects', file);
  expect(counts.read).toBe(counts.recorded + counts.skipped + counts.rejected);
  const rejects = existsSync(file) ? fromLines<Rejected>(readFileSync(file, 'utf8')) : [];
  expect(rejects).toHaveLength(counts.rejected);
  return { counts, rejects };
}

/** The lines and the messages of what is in the trail. */
const entries = async () => (await imported('events')).map(({ id, message }) => `${id}: ${message}`);

const TORN = [
  `${at(1)},a,one`,
  `${at(2)},a,"torn`,
  `${at(3)},a,three`,
  `${at(4)},a,"four`,
  'still ""four"""',
  '',
  `${at(5)},a,fi"ve`,
  `${at(6)},a,"six"th`,
  `${at(7)},a,seven`,
  `${at(8)},a,"torn, too`,
  `${at(9)},a,nine`,
];

const KEPT = [
  ':events:2: one',
  ':events:4: three',
  ':events:5: four\nstill "four"',
  ':events:8: fi"ve',
  ':events:10: seven',
];

const REJECTS: readonly Rejected[] = [
  { position: 'line 3', reason: BEHIND, record: `${at(2)},a,"torn` },
  { position: 'line 9', reason: BEHIND, record: `${at(6)},a,"six"th` },
  { position: 'line 11', reason: OPEN, record: `${at(8)},a,"torn, too` },
];

/** What a rehearsal says, beside what is new. */
const REHEARSED = {
  read: 9,
  rejected: 3,
  rejected_samples: REJECTS.map(({ position, reason }) => ({ position, reason })),
};

describe.each([
  ['LF', '\n'],
  ['CRLF', '\r\n'],
])('torn quotes in CSV with %s', (_name, lineEnd) => {
  const kept = [...KEPT.map((text) => text.replace('\n', lineEnd)), ':events:12: nine'];

  test('go to the rejects with their line, and all others are recorded, once', async () => {
    const source = await events(TORN, lineEnd);
    const { counts, rejects } = await withRejects('csv', source);
    expect(counts).toMatchObject({ read: 9, recorded: 6, rejected: 3 });
    expect(rejects).toEqual(REJECTS);
    expect(await entries()).toEqual(kept);
    // The same, and nothing new.
    const again = await withRejects('csv', source);
    expect(again.counts).toMatchObject({ read: 9, recorded: 0, skipped: 6, rejected: 3 });
    expect(again.rejects).toEqual(REJECTS);
    expect(await json(['import', 'csv', source, '--dry-run', '--format', 'json'])).toMatchObject({
      ...REHEARSED,
      recorded: 0,
      skipped: 6,
    });
    const verified = await cli(['import', 'csv', source, '--verify', '--format', 'json']);
    expect(verified.code).toBe(3);
    expect(JSON.parse(verified.stdout)).toEqual({ read: 9, entries: 6, rejected: 3, different: 0, forgotten: 0 });
  });

  test('rehearsed, say the same before anything is recorded', async () => {
    const source = await events(TORN, lineEnd);
    expect(await json(['import', 'csv', source, '--dry-run', '--format', 'json'])).toMatchObject({
      ...REHEARSED,
      recorded: 6,
      skipped: 0,
    });
  });

  test('mended, bring what was missing, and no other entry has another id', async () => {
    await withRejects('csv', await events(TORN, lineEnd));
    const mended = TORN.map((row) => row.replace(/"torn(.*)/, '"torn$1"').replace('"six"th', '"sixth"'));
    const { counts } = await withRejects('csv', await events(mended, lineEnd));
    expect(counts).toMatchObject({ read: 9, recorded: 3, skipped: 6, rejected: 0 });
    expect((await entries()).toSorted()).toEqual(
      [...kept, ':events:3: torn', ':events:9: sixth', ':events:11: torn, too'].toSorted(),
    );
  });

  test('end it without --rejects, and name the line on which the broken record begins', async () => {
    const { code, stderr } = await cli(['import', 'csv', await events(TORN, lineEnd)]);
    expect(code).toBe(6);
    expect(stderr.split('\n')[0]).toBe(`daybook: line 3: ${BEHIND}`);
    expect(await ok(['count'])).toBe('0\n');
  });
});

describe('a torn quote', () => {
  test('in the last record, of a file that is cut off', async () => {
    const { counts, rejects } = await withRejects('csv', await events([`${at(1)},a,one`, `${at(2)},a,"tw`]));
    expect(counts).toMatchObject({ read: 2, recorded: 1 });
    expect(rejects).toEqual([{ position: 'line 3', reason: OPEN, record: `${at(2)},a,"tw` }]);
  });

  test('in the first record, and in each', async () => {
    const rows = [1, 2, 3].map((second) => `${at(second)},"a,torn`);
    const { counts, rejects } = await withRejects('csv', await events(rows));
    expect(counts).toEqual({ read: 3, recorded: 0, skipped: 0, unmatched: 0, rejected: 3, forgotten: 0, entry: 1 });
    expect(rejects.map(({ position }) => position)).toEqual(['line 2', 'line 3', 'line 4']);
  });

  test('in the header leaves nothing to read, with rejects or without', async () => {
    await trail();
    const source = inTestDirectory('events.csv');
    writeFileSync(source, `\ufeff"ts,action,message\n${at(1)},a,one\n`);
    for (const words of [[], ['--rejects', inTestDirectory('rejects.ndjson')], ['--dry-run']]) {
      const { code, stderr } = await cli(['import', 'csv', source, ...words]);
      expect([code, stderr]).toEqual([6, `daybook: line 1, the header: ${OPEN}\n`]);
    }
  });

  test('in a file of many megabytes swallows one of them at most, and no row of it', async () => {
    const rows = Array.from({ length: 60_000 }, (_, n) => `${at(n % 10)},a,row ${n} of a log that is long enough`);
    rows[10] += ',"';
    const source = await events(rows);
    const {
      read,
      rejected,
      rejected_samples: samples,
    } = await json<Counts & { rejected_samples: Rejected[] }>([
      'import',
      'csv',
      source,
      '--dry-run',
      '--format',
      'json',
    ]);
    expect({ read, rejected, samples }).toEqual({
      read: rows.length,
      rejected: 1,
      samples: [
        {
          position: 'line 12',
          reason: 'longer than 1048576 bytes, over several lines: is a quote never closed?',
        },
      ],
    });
  });

  test("in LedGrab's log ends it behind what stands before, and --rejects goes on from there", async () => {
    await trail();
    const source = inTestDirectory('log.csv');
    const row = (n: number, message: string): string => `al_0000000${n},${at(n)},auth,login,info,ines,${message}`;
    writeFileSync(
      source,
      ['id,ts,category,action,severity,actor,message', row(1, 'in'), row(2, '"out'), row(3, 'in'), ''].join('\r\n'),
    );
    const stopped = await cli(['import', 'ledgrab', source]);
    expect(stopped.code).toBe(6);
    expect(stopped.stderr).toContain(`line 3: ${OPEN} (recorded 1 entry, as entry 2 tells: run it again to go on`);
    const { counts } = await withRejects('ledgrab', source);
    expect(counts).toMatchObject({ read: 3, recorded: 1, skipped: 1, rejected: 1 });
    expect((await imported('ledgrab')).map(({ id }) => id)).toEqual(['al_00000001', 'al_00000003']);
  });

  test('from stdin', async () => {
    await trail();
    const rejects = inTestDirectory('rejects.ndjson');
    const input = `ts,action,message\n${at(1)},a,"x\n${at(2)},a,y\n`;
    expect(await cli(['import', 'csv', '-', '--rejects', rejects], { input })).toMatchObject({
      code: 0,
      stderr: `line 2: ${OPEN}\nread 2, recorded 1 entry, 1 rejected\n`,
    });
  });
});

test('bytes that are no UTF-8, and NUL, are broken on their own', async () => {
  const rows = [`${at(1)},a,caf\u00e9`, `${at(2)},a,"\u00e9\nand more"`, `${at(3)},a,x\0y`, `${at(4)},a,four`];
  const { counts, rejects } = await withRejects('csv', await events(rows, '\n', 'latin1'));
  expect(counts).toMatchObject({ read: 4, recorded: 1, rejected: 3 });
  expect(rejects).toEqual([
    { position: 'line 2', reason: 'not valid UTF-8', record: rows[0] },
    { position: 'line 3', reason: 'not valid UTF-8', record: rows[1] },
    {
      position: 'line 5',
      reason: expect.stringContaining('NUL') as string,
      record: { ts: at(3), action: 'a', message: 'x\0y' },
    },
  ]);
  expect(await entries()).toEqual([':events:6: four']);
});

test('a carriage return alone is a character, unless lines end with it', async () => {
  await ok(['import', 'csv', await events([`${at(1)},a,x\ry`, `${at(2)},a,"\r"`])]);
  expect(await entries()).toEqual([':events:2: x\ry', ':events:3: \r']);
  const old = await events([`${at(1)},a,x`, `${at(2)},a,"torn`, `${at(3)},a,z`], '\r');
  const { counts } = await withRejects('csv', old, '--source', 'old');
  expect(counts).toMatchObject({ read: 3, recorded: 2, rejected: 1 });
  expect((await imported('old')).map(({ id }) => id)).toEqual([':old:2', ':old:4']);
});
