import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { given, inTestDirectory, ok, trail } from '../support/cli.js';

/** A trail on which every command has something to do, and every check something to find. */
export async function everyScene(): Promise<string> {
  const database = await trail();
  const other = new Database(database);
  other.exec(`
    CREATE TABLE machines (id INTEGER PRIMARY KEY, site TEXT);
    INSERT INTO machines VALUES (1, 'hall');
    CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT);
    INSERT INTO settlements VALUES (1, NULL), (2, NULL);
    CREATE TABLE others (id INTEGER PRIMARY KEY, notes TEXT);
    INSERT INTO others VALUES (1, 'by hand');
    CREATE TABLE late (id INTEGER PRIMARY KEY);
    CREATE TABLE changed (id INTEGER PRIMARY KEY)`);
  await ok(['note', 'settlement:1', 'jammed']);
  await ok(['capture', 'add', 'machines', 'changed']);
  await ok(['mirror', 'add', 'settlements.notes', '--entity-type', 'settlement', '--key', 'id']);
  await ok(['retention', 'set', 'all', '--max-age', '90d']);
  await ok(['actors', 'set', 'u-1', '--name', 'Ines']);
  await ok(['hold', 'place', 'kept', '--actor', 'nobody', '--reason', 'a case']);
  await ok(['seal', 'init', '--force', '--seal-key', inTestDirectory('scene.seal')]);
  await ok(['seal', '--seal-key', inTestDirectory('scene.seal')]);
  await writeTimestamp();
  // Entry 9.
  await ok(['exec', "UPDATE machines SET site = 'yard'"]);
  await given(
    ...Array.from({ length: 50 }, (_, index) => ({
      id: `old-${index}`,
      action: 'login',
      ts: '2020-01-01T00:00:00Z',
      message: 'x'.repeat(400),
      actor: `u-${index}`,
    })),
  );
  // What the checks find: a column that was written by hand, and a captured table with another column.
  other.exec(`UPDATE settlements SET notes = 'by hand' WHERE id = 1; ALTER TABLE changed ADD COLUMN later TEXT`);
  other.close();
  writeFileSync(
    inTestDirectory('people.csv'),
    `id,name\n${Array.from({ length: 600 }, (_, index) => `u-${index},${'Ana '.repeat(30)}\n`).join('')}`,
  );
  writeFileSync(
    inTestDirectory('events.csv'),
    `id,ts,action\n${Array.from({ length: 900 }, (_, index) => `e${index},2026-01-01T00:00:00Z,${'login'.repeat(60)}\n`).join('')}`,
  );
  return database;
}

/** Writes `seal.ots`, a file of OpenTimestamps of the last seal: how it begins, the digest of the note, and what leads from there. */
export async function writeTimestamp(): Promise<void> {
  const { seals } = JSON.parse(await ok(['seal', 'list', '--format', 'json'])) as { seals: { note: string }[] };
  const digest = createHash('sha256')
    .update(seals.at(-1)?.note ?? '')
    .digest();
  const begin = Buffer.from('004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e892940108', 'hex');
  writeFileSync(inTestDirectory('seal.ots'), Buffer.concat([begin, digest, Buffer.alloc(30_000, 0xf0)]));
}

export interface EveryCommand {
  readonly words: readonly string[];
  readonly input?: string;
  /** Its exit code; 0 where it is not given. */
  readonly code?: number;
}

const line = (words: string, more: Omit<EveryCommand, 'words'> = {}): EveryCommand => ({
  words: words.split(' '),
  ...more,
});

const CSV = ['--map', 'ts=ts', '--map', 'id=id', '--map', 'action=action'];
const LONG = 'z'.repeat(30_000);
const LINES = Array.from(
  { length: 300 },
  (_, index) => `${JSON.stringify({ action: 'login', id: `line-${index}`, message: 'y'.repeat(900) })}\n`,
).join('');

/**
 * Every command as it may be given, by its name and the flag that makes it another. A word that begins with `@` is a file
 * of the scene, and LONG stands for much text.
 */
export const EVERY_COMMAND: Readonly<Record<string, EveryCommand>> = {
  init: line('init'),
  note: line('note machine:1 LONG'),
  record: line('record --action login --message LONG'),
  'record --stdin': line('record --stdin', { input: LINES }),
  history: line('history'),
  // It needs a terminal.
  browse: line('browse', { code: 2 }),
  show: line('show 9'),
  count: line('count'),
  values: line('values actor'),
  state: line('state machines:1'),
  changes: line('changes machines --field site'),
  export: line('export', { code: 1 }),
  'export -o': line('export -o @out.ndjson'),
  'export --checkpoint': line('export --checkpoint LONG', { code: 1 }),
  'export --checkpoint -o': line('export --checkpoint LONG -o @siem.ndjson'),
  'report actors': line('report actors'),
  'report actions': line('report actions'),
  'report entities': line('report entities'),
  'report scopes': line('report scopes'),
  'report fields': line('report fields'),
  'report severities': line('report severities'),
  'report timeline': line('report timeline --bucket month'),
  'report hours': line('report hours'),
  'report bursts': line('report bursts --window 1h'),
  'report unattributed': line('report unattributed'),
  'report case': line('report case settlement:1'),
  revert: line('revert 1 --reason LONG'),
  'revert --apply': line('revert 9 --apply --reason LONG'),
  'revert --dry-run': line('revert 9 --apply --dry-run --reason LONG'),
  prune: line('prune --older-than 1y --yes --reason LONG'),
  'prune --archive': line('prune --older-than 1y --yes --reason LONG --archive @archive.ndjson'),
  'prune --dry-run': line('prune --dry-run'),
  clear: line('clear --yes --reason LONG'),
  'clear --dry-run': line('clear --dry-run'),
  'retention set': line('retention set auth --search LONG --max-age 2y'),
  'retention list': line('retention list'),
  'retention remove': line('retention remove all'),
  status: line('status'),
  'status --check': line('status --check', { code: 3 }),
  seal: line('seal --seal-key @scene.seal'),
  'seal --accept-inserted': line('seal --accept-inserted --reason LONG --seal-key @scene.seal'),
  'seal init': line('seal init --origin LONG --force --seal-key @new.seal', { code: 7 }),
  'seal rotate': line('seal rotate --seal-key @scene.seal'),
  'seal resume': line('seal resume --after-restore --reason LONG --seal-key @scene.seal', { code: 7 }),
  'seal anchor --request': line('seal anchor --request @seal.tsq --force'),
  'seal anchor': line('seal anchor --add @seal.ots'),
  'seal status': line('seal status'),
  'seal list': line('seal list'),
  'seal key': line('seal key'),
  proof: line('proof 1'),
  'hold place': line('hold place court --actor u-1 --reason LONG'),
  'hold list': line('hold list'),
  'hold release': line('hold release kept --reason LONG'),
  erase: line('erase --actor u-1 --reason LONG --yes'),
  'erase --dry-run': line('erase --actor u-1 --reason LONG --dry-run'),
  verify: line('verify --strict', { code: 3 }),
  backup: line('backup @copy.db'),
  'capture add': line('capture add late'),
  'capture list': line('capture list'),
  'capture check': line('capture check', { code: 3 }),
  'capture refresh': line('capture refresh'),
  'capture remove': line('capture remove machines'),
  'actors set': line('actors set u-2 --name LONG'),
  'actors list': line('actors list'),
  'actors import': line('actors import @people.csv --format json'),
  'actors remove': line('actors remove u-1'),
  'mirror add': line('mirror add others.notes --entity-type settlement --key id --yes --format json'),
  'mirror add --dry-run': line('mirror add others.notes --entity-type settlement --key id --dry-run --format ndjson'),
  'mirror list': line('mirror list'),
  'mirror check': line('mirror check', { code: 3 }),
  'mirror remove': line('mirror remove settlements.notes'),
  exec: { words: ['exec', `INSERT INTO others VALUES (7, '${LONG}')`] },
  'exec --dry-run': { words: ['exec', 'DELETE FROM others', '--dry-run'] },
  import: { words: ['import', 'csv', '@events.csv', ...CSV, '--format', 'json'] },
  'import --list': line('import --list'),
  'import --verify': { words: ['import', 'csv', '@events.csv', ...CSV, '--verify'], code: 3 },
  'import --dry-run': { words: ['import', 'csv', '@events.csv', ...CSV, '--dry-run'] },
  completion: line('completion bash'),
};

/** A command of the table as it is typed in the scene. */
export function typed(name: string): {
  readonly words: readonly string[];
  readonly input: string;
  readonly code: number;
} {
  const { words, input = '', code = 0 } = EVERY_COMMAND[name] as EveryCommand;
  const read = (word: string): string =>
    word === 'LONG' ? LONG : word.startsWith('@') ? inTestDirectory(word.slice(1)) : word;
  return { words: words.map(read), input, code };
}
