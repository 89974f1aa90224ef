import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { signedCheckpoint } from '../../src/core/evidence/checkpoint.js';
import { VERDICTS } from '../../src/core/evidence/verdicts.js';
import type { VerdictCode } from '../../src/core/evidence/verdicts.js';
import { readSealKey } from '../../src/operations/seal-key.js';
import { cli, given, inTestDirectory, NOW, ok, trail } from '../support/cli.js';
import type { CliOptions } from '../support/cli.js';

const KEY_FILE = (): string => inTestDirectory('trail.seal');
const WITH_KEY = (): string[] => ['--seal-key', KEY_FILE()];

/** What `verify` is asked beyond the key, if anything. */
interface Asked {
  readonly words?: readonly string[];
  readonly options?: CliOptions;
  /** Without the key. */
  readonly unpinned?: true;
}

/** As somebody with every right on the file works on it. */
async function tamper(sql: string): Promise<void> {
  const plain = new Database(await trail());
  for (const guard of ['insert', 'update', 'delete']) {
    plain.exec(`DROP TRIGGER IF EXISTS daybook_entries_append_only_${guard}`);
  }
  plain.exec(sql);
  plain.close();
}

const old = (from: number, to: number): Record<string, string>[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({
    id: `old-${from + at}`,
    action: 'login',
    ts: '2020-01-01T00:00:00Z',
    entity_type: 'machine',
    entity_id: String(from + at),
  }));

const seal = (options: CliOptions = {}): Promise<string> => ok(['seal', ...WITH_KEY()], options);
const prune = (...words: string[]): Promise<string> => ok(['prune', '--before', '2021', '--yes', ...words]);
const firstSeal = async (): Promise<string> => {
  const [note = ''] = (await ok(['seal', 'list'])).split('\n\n\n');
  return `${note.split('\n\n').slice(0, 2).join('\n\n').trimEnd()}\n`;
};

/** Two seals over old entries, and a gap in the numbers from 21 to 99; gives the public key. */
async function sealedTwice(): Promise<string> {
  await given(...old(1, 20));
  const key = await ok(['seal', 'init', '--force', '--origin', 'example.com/a', ...WITH_KEY()]);
  await seal();
  await tamper(`UPDATE sqlite_sequence SET seq = 99 WHERE name = 'daybook_entries'`);
  await given({ action: 'later', id: 'later' });
  await seal();
  return key.trim();
}

/** A seal by what a key file has, in the place of the last one. */
async function exchangeLastSeal(keyFile: string, root?: Buffer): Promise<void> {
  const { key, privateKey } = readSealKey(keyFile);
  const plain = new Database(await trail());
  const size = plain.prepare<[], number>('SELECT max(size) FROM daybook_seals').pluck().get() ?? 0;
  const { note } = plain.prepare<[], { note: string }>('SELECT note FROM daybook_seals ORDER BY size DESC').get() ?? {
    note: '',
  };
  const made = root ?? Buffer.from(note.split('\n')[2] ?? '', 'base64');
  const other = signedCheckpoint(
    { origin: key.name, size, root: made },
    privateKey,
    key,
    Math.floor(Date.parse(NOW) / 1000),
  );
  plain.prepare('UPDATE daybook_seals SET note = ? WHERE size = ?').run(other, size);
  plain.close();
}

/** What makes each verdict, and nothing else. */
const SCENES: Readonly<Record<VerdictCode, () => Promise<Asked | void>>> = {
  inserted: () => tamper(`INSERT INTO daybook_entries (seq, id, action) VALUES (50, 'forged', 'a')`),
  altered: () => tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = 3`),
  'altered-between': () => exchangeLastSeal(KEY_FILE(), Buffer.alloc(32, 1)),
  missing: () => tamper('DELETE FROM daybook_entries WHERE seq = 3'),
  reappeared: async () => {
    await prune(...WITH_KEY());
    await tamper(
      `INSERT INTO daybook_entries (seq, id, ts, action) VALUES (3, 'old-3', '2020-01-01T00:00:00.000Z', 'login')`,
    );
  },
  unopenable: () => tamper('UPDATE daybook_seal_tiles SET secret = NULL'),
  truncated: async () => {
    const copy = inTestDirectory('copy.db');
    await ok(['backup', copy]);
    await given({ action: 'lost', id: 'lost' });
    await seal();
    writeFileSync(
      inTestDirectory('paper'),
      (JSON.parse(await ok(['seal', ...WITH_KEY(), '--format', 'json'])) as { note: string }).note,
    );
    return { words: ['--db', copy, '--checkpoint', inTestDirectory('paper')] };
  },
  'split-view': async () => {
    const { key, privateKey } = readSealKey(KEY_FILE());
    const other = signedCheckpoint({ origin: key.name, size: 21, root: Buffer.alloc(32, 1) }, privateKey, key, 1);
    writeFileSync(inTestDirectory('paper'), other);
    return { words: ['--checkpoint', inTestDirectory('paper')] };
  },
  'bad-signature': () =>
    tamper(`UPDATE daybook_seals SET note = replace(note, '— example.com/a ', '— example.com/b ') WHERE seal = 2`),
  'bad-seal': () => tamper('UPDATE daybook_seals SET size = 20 WHERE size = 21'),
  'wrong-term': async () => {
    copyFileSync(KEY_FILE(), inTestDirectory('old.seal'));
    await ok(['seal', 'rotate', ...WITH_KEY()]);
    await seal();
    await exchangeLastSeal(inTestDirectory('old.seal'));
  },
  'never-sealed': () =>
    tamper('DELETE FROM daybook_seals; DELETE FROM daybook_seal_tiles; DELETE FROM daybook_seal_trail'),
  'bad-removal': () => tamper(`INSERT INTO daybook_seal_removals (prune, ranges, note) VALUES (1, '3', 'nobody')`),
  'pruned-unattested': async () => void (await prune()),
  'held-missing': async () => {
    await ok(['hold', 'place', 'case-17', '--entity', 'machine:7', '--reason', 'court file']);
    await tamper(`DROP TRIGGER daybook_hold_${Buffer.from('case-17').toString('hex')}`);
  },
  uncheckable: async () => {
    await given(...old(101, 400));
    await seal();
    writeFileSync(inTestDirectory('paper'), await firstSeal());
    await prune(...WITH_KEY());
    // All that the first tile had is gone but what no age takes.
    await ok(['clear', '--yes', '--reason', 'all', ...WITH_KEY()]);
    return { words: ['--checkpoint', inTestDirectory('paper')] };
  },
  stale: async () => {
    await given({ action: 'late', id: 'late' });
    return { options: { now: '2026-03-09T00:00:00Z' } };
  },
  incomplete: async () => {
    const file = inTestDirectory('some.ndjson');
    await ok(['export', '-o', file, '--proof', `${file}.proof`]);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^.*\n/, ''));
    return { words: [file] };
  },
  resumed: async () => {
    const copy = inTestDirectory('copy.db');
    await ok(['backup', copy]);
    await given({ action: 'lost', id: 'lost' });
    await seal();
    copyFileSync(copy, await trail());
    await ok(['seal', 'resume', '--after-restore', '--reason', 'a disk', '--origin', 'example.com/b', ...WITH_KEY()]);
    await seal();
  },
  backdated: async () => {
    await tamper(`INSERT INTO daybook_entries (id, ts, action) VALUES ('back', '2021-01-01T00:00:00.000Z', 'a')`);
    await seal();
  },
  'clock-back': async () => {
    await given({ action: 'a', id: 'a' });
    await seal({ now: '2026-03-05T14:00:00Z' });
  },
  'not-utf8': async () => {
    await tamper(`INSERT INTO daybook_entries (action, message) VALUES ('a', CAST(x'61ff62' AS TEXT))`);
    await seal();
    const file = inTestDirectory('some.ndjson');
    await ok(['export', '-o', file, '--proof', `${file}.proof`]);
    return { words: [file] };
  },
  'key-not-pinned': async () => ({ unpinned: true }),
};

describe('verify', () => {
  test.each(Object.keys(SCENES) as VerdictCode[])('says %s, with its exit code', async (code) => {
    const key = await sealedTwice();
    const pinned = ['verify', '--key', key, '--format', 'json'];
    expect(await cli([...pinned, '--strict'])).toMatchObject({ code: 0 });
    const { words = [], options = {}, unpinned = false } = (await SCENES[code]()) ?? {};
    const asked = [...(unpinned ? ['verify', '--format', 'json'] : pinned), ...words];
    const isFault = VERDICTS[code].severity === 'fault';
    const found = await cli(asked, options);
    const { verdict, findings } = JSON.parse(found.stdout) as { verdict: string; findings: { code: string }[] };
    expect(findings.map((finding) => finding.code)).toEqual([code]);
    expect([found.code, verdict]).toEqual(isFault ? [3, 'found'] : [0, unpinned ? 'self-consistent' : 'intact']);
    const strict = await cli([...asked, '--strict'], options);
    expect(strict.code).toBe(3);
    expect(strict.stderr).toContain(code === 'never-sealed' ? 'is sealed' : `${code} (`);
    const inWords = await cli(
      asked.filter((word) => word !== '--format' && word !== 'json'),
      options,
    );
    expect(inWords.stdout).toContain(`${isFault ? 'FAULT' : 'note'} ${code}: ${VERDICTS[code].about}`);
  });
});
