import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { factsOf, settlements } from '../support/sources.js';
import { blocksOf, newDesk, withoutTimes } from './pages.js';
import type { Block, Desk } from './pages.js';
import { parseLines } from './trail.js';

describe('docs/import-notes.md', () => {
  test('is a story that goes as it is told', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    const blocks = blocksOf('import-notes.md').filter(({ language }) => language !== 'sh');
    expect(blocks.map(({ language }) => language)).toEqual(['sql', 'console', 'console']);
    for (const block of blocks) {
      const printed = await desk.follow(block);
      if (block.language === 'console') expect(printed).toBe(block.text);
    }
  });

  test('has an expression that finds what it is for', { timeout: 60_000 }, async () => {
    const desk = await newDesk();
    const line = blocksOf('import-notes.md').find(({ language }) => language === 'sh');
    const log = ['2026-03-05T14:07:09Z <Ines Moreau> #12 moved', '2026-03-05T14:08:00Z <tom> done', 'free'].join('\n');
    await desk.follow({ language: 'sh', text: `daybook init\nprintf 'id,log\\n7,"%s"\\n' '${log}' > tickets.csv` });
    const ran = await desk.type(`${line?.text.trim().replace('--dry-run', '') ?? ''} --quiet`);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    const told = await desk.type('daybook history ticket:7 --oldest-first --format ndjson');
    expect(parseLines(told.stdout)).toMatchObject([
      { actor: 'Ines Moreau', message: 'moved', metadata: { ticket: '12' } },
      { actor: 'tom', message: 'done', metadata: {} },
      { actor: 'unknown', message: 'free', severity: 'warning' },
    ]);
  });
});

describe('docs/settlements.md', () => {
  const facts = factsOf('settlements');
  const subject = facts.adjustments_of_one_settlement;
  const page = (heading: string): Block[] => blocksOf('settlements.md', heading);
  const DB = 'ext_satmachineadmin.sqlite3';

  /** Runs the commands of a step, but for those with a part. A page is one session of a shell. */
  async function follow(desk: Desk, heading: string, without?: string): Promise<void> {
    const commands = page(heading)
      .flatMap(({ text }) => commandsOf(text))
      .filter((command) => without === undefined || !command.includes(without));
    expect(commands).not.toEqual([]);
    await desk.follow({ language: 'sh', text: [`export DAYBOOK_DB=${DB}`, ...commands].join('\n') });
  }

  /** A desk with the applications' databases, moved in with the notes or with the audit table. */
  async function movedIn(from: 'notes' | 'settlement-audit'): Promise<Desk> {
    const desk = await newDesk();
    settlements(desk.directory);
    await follow(desk, '2. Move in', from === 'notes' ? 'import settlement-audit' : 'import notes');
    return desk;
  }

  const lineOf = (part: string): string => {
    const found = page('Questions').find(({ text }) => text.includes(part));
    if (found === undefined) throw new Error(`docs/settlements.md asks nothing with ${part}`);
    return `DAYBOOK_DB=${DB} ${found.text.trim()}`;
  };
  const notesOf = async (desk: Desk): Promise<string> =>
    (await desk.type(`sqlite3 ${DB} "SELECT notes FROM dca_settlements WHERE id = '${subject.settlement_id}'"`)).stdout;

  test('can be rehearsed beside the application', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    settlements(desk.directory);
    for (const block of page('1. Rehearse, on a copy')) await desk.follow(block);
    expect((await desk.type('daybook --db rehearsal.db count --source settlements')).stdout).toBe('201\n');
  });

  test('moves the notes in, and the application records beside them', { timeout: 120_000 }, async () => {
    const desk = await movedIn('notes');
    await recordAsTheApplication(desk);
    const { stdout } = await desk.type(lineOf('--columns ts,action'));
    const told = parseLines(stdout);
    expect(told.map(({ action }) => action)).toEqual([
      ...subject.adjustments.map(({ type }) => type),
      'partial_dispense',
    ]);
    expect(told.at(-1)).toMatchObject({
      actor: '3be5aa2a737df78329ecf9852a01a988',
      message: 'cassette 1 empty',
      old_values: { gross: 630000 },
      new_values: { gross: 600000 },
    });
    // Minutes and seconds are all that notes have.
    const seconds = (ts: unknown): string => String(ts).slice(0, 16);
    expect(told.slice(0, -1).map(({ ts }) => seconds(ts))).toEqual(subject.adjustments.map(({ ts }) => seconds(ts)));
    const changes = await desk.type(lineOf('daybook changes'));
    expect(changes.stdout.trimEnd().split('\n')).toHaveLength(4);
    const last = `DAYBOOK_DB=${DB} daybook history -n 1 --format ndjson --quiet`;
    expect(parseLines((await desk.type(last)).stdout)).toMatchObject([{ actor_name: 'tomás' }]);
  });

  test('keeps the column for its readers until they have switched', { timeout: 120_000 }, async () => {
    const desk = await movedIn('notes');
    await follow(desk, '4. The column is kept for its readers');
    const before = parseLines(readFileSync(path.join(desk.directory, 'notes-before.ndjson'), 'utf8'));
    expect(before).toHaveLength(facts.settlements_with_notes);
    await recordAsTheApplication(desk);
    const shown = await notesOf(desk);
    expect(shown).toMatch(
      /^\[[-\d]+ [:\d]+ UTC\] 3be5aa2a737df78329ecf9852a01a988: cassette 1 empty\n\[2026-05-16 01:33:20 UTC\] /,
    );
    await follow(desk, '5. Readers switch');
    await desk.type(
      `sqlite3 ${DB} "UPDATE dca_settlements SET notes = 'old habit' WHERE id = '${subject.settlement_id}'"`,
    );
    const [check = ''] = page('5. Readers switch').map(({ text }) => text.trim());
    const found = await desk.type(`DAYBOOK_DB=${DB} ${check}`);
    expect(found).toMatchObject({ code: 3, stdout: expect.stringContaining(subject.settlement_id) });
    await follow(desk, '6. The old place is switched off');
    await recordAsTheApplication(desk);
    expect(await notesOf(desk)).toBe('old habit\n');
  });

  test('says what the audit table does not have', { timeout: 120_000 }, async () => {
    const desk = await movedIn('settlement-audit');
    await follow(desk, '4. The column is kept for its readers');
    const before = parseLines(readFileSync(path.join(desk.directory, 'notes-before.ndjson'), 'utf8'));
    const strays = Object.entries(facts.notes.strays);
    const kept = JSON.stringify(before);
    expect(strays.filter(([, lines]) => lines.some((line) => !kept.includes(line)))).toEqual([]);
    const { code, stdout } = await desk.type(`DAYBOOK_DB=${DB} daybook mirror check --format ndjson 2>/dev/null`);
    const named = parseLines(stdout) as unknown as { kind: string; entity: string }[];
    expect(code).toBe(3);
    expect(named.map(({ kind }) => kind)).toEqual(['unrecorded']);
    expect(strays.map(([id]) => `settlement:${id}`)).toContain(named[0]?.entity);
  });

  test('answers its questions', { timeout: 120_000 }, async () => {
    const desk = await movedIn('settlement-audit');
    const ask = async (part: string): Promise<string[]> => {
      const { stdout } = await desk.type(`${lineOf(part)} --format ndjson`);
      return parseLines(stdout).map(({ id }) => String(id).replace('settlement-audit:', ''));
    };
    expect(await ask('--in 2026-03')).toEqual(facts.partial_dispenses_in_march_2026);
    expect(await ask('--in 2026-Q1')).toEqual(facts.off_ln_refunds_in_2026_q1);

    const rowsOf = async (line: string): Promise<ReportRow[]> => {
      const { stdout } = await desk.type(`${line} --format json`);
      return (JSON.parse(stdout) as { rows: ReportRow[] }).rows;
    };
    const counts = (rows: readonly ReportRow[]): Record<string, number> =>
      Object.fromEntries(rows.map(({ key, count }) => [key.replace('machine:', ''), count]));
    const operators = await rowsOf(lineOf('report actors'));
    expect(counts(operators)).toEqual(facts.adjustments_by_operator);
    expect(operators[0]?.key).toBe(Object.keys(facts.adjustments_by_operator)[0]);
    const { ambiguous, without_username: unnamed, without_account: gone } = facts.names;
    const called = Object.fromEntries(operators.map(({ key, name }) => [key, name]));
    expect(called).toEqual({
      ...Object.fromEntries(ambiguous.ids.map((id) => [id, ambiguous.username])),
      '3be5aa2a737df78329ecf9852a01a988': 'tomás',
      [unnamed]: null,
      [gone]: null,
    });
    const byType: Record<string, number> = {};
    for (const { by, count } of await rowsOf(lineOf('--by action'))) byType[by ?? ''] = (byType[by ?? ''] ?? 0) + count;
    expect(byType).toEqual(facts.audit_rows_by_type);
    const machines = await rowsOf(lineOf('report scopes'));
    expect(counts(machines)).toEqual(facts.partial_dispenses_by_machine);
    expect(machines[0]?.key).toBe(`machine:${Object.keys(facts.partial_dispenses_by_machine)[0] ?? ''}`);
    const inMarch = await rowsOf(`${lineOf('report scopes')} --in 2026-03`);
    expect(counts(inMarch)).toEqual(facts.partial_dispenses_by_machine_in_march_2026);

    const asked = `DAYBOOK_DB=${DB} daybook count --entity settlement --actor`;
    expect((await desk.type(`${asked} tomás`)).stdout).toBe('31\n');
    const twice = await desk.type(`${asked} ${ambiguous.username}`);
    expect(twice.code).toBe(2);
    for (const id of ambiguous.ids) expect(twice.stdout).toContain(id);

    const { stdout } = await desk.type(lineOf('--columns ts,action'));
    const told = parseLines(stdout).map(({ ts, action, actor, message, metadata }) => [
      ts,
      action,
      actor,
      message,
      metadata,
    ]);
    expect(told).toEqual(
      subject.adjustments.map(({ ts, type, author, notes, payload }) => [ts, type, author, notes ?? '', payload ?? {}]),
    );

    const changes = await desk.type(`${lineOf('daybook changes')} --format ndjson`);
    const values = parseLines(changes.stdout) as unknown as { old: number; new: number }[];
    expect(values.map((change) => [change.old, change.new])).toEqual([
      [694000, 661000],
      [661000, 654000],
      [654000, 630000],
    ]);
  });

  test('takes a wrong entry back', { timeout: 120_000 }, async () => {
    const desk = await movedIn('settlement-audit');
    expect(await desk.type(lineOf('daybook revert'))).toMatchObject({ code: 0 });
    const { stdout } = await desk.type(`${lineOf('--not-reverted --oldest-first')} --format ndjson`);
    const wrong = subject.adjustments.find(({ notes }) => notes === 'under the old words')?.id;
    const left = parseLines(stdout).filter(({ action }) => action !== 'revert');
    expect(left.map(({ id }) => String(id).replace('settlement-audit:', ''))).toEqual(
      subject.adjustments.map(({ id }) => id).filter((id) => id !== wrong),
    );
    expect(withoutTimes(stdout)).toContain('"message":"was dispensed in full"');

    const machines = JSON.parse((await desk.type(`${lineOf('report scopes')} --format json`)).stdout) as {
      rows: ReportRow[];
    };
    const machine = `machine:${subject.machine_id}`;
    expect(machines.rows.find(({ key }) => key === machine)?.count).toBe(
      (facts.partial_dispenses_by_machine[subject.machine_id] ?? 0) - 1,
    );

    expect(await desk.type(lineOf('report case'))).toMatchObject({ code: 0 });
    const file = readFileSync(path.join(desk.directory, 'settlement.html'), 'utf8');
    const told = file.replaceAll(/<[^>]*>/g, '');
    for (const { notes, author, type } of subject.adjustments) {
      for (const text of [notes ?? '', author, type]) expect(told).toContain(text);
    }
    expect(told).toContain('ines (a45c997f67a6c8b4058225e8a44db336)');
    expect(told).toMatch(/taken back by #\d+, deploy, .*: was dispensed in full/);
    const [, checksum = ''] = /sha256 *\n?([0-9a-f]{64})/.exec(told) ?? [];
    const command = /daybook --db .* sha256sum/.exec(told)?.[0].replaceAll('&#39;', "'").replaceAll('&lt;', '<') ?? '';
    expect((await desk.type(command)).stdout).toBe(`${checksum}  -\n`);
  });

  /** What the page gives the application to do, done once. */
  async function recordAsTheApplication(desk: Desk): Promise<void> {
    const [python, ...others] = page('3. The application records');
    expect(others).toEqual([]);
    if (python === undefined) throw new Error('docs/settlements.md has no Python');
    await desk.follow(python);
  }
});

interface ReportRow {
  readonly key: string;
  readonly name: string | null;
  readonly count: number;
  readonly by?: string | null;
}

/** The commands of a shell, each with the lines that it goes on in. */
function commandsOf(text: string): string[] {
  return text.trimEnd().split(/(?<!\\)\n/);
}
