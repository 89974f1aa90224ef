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
  const page = (heading: string): Block[] =>
    blocksOf('settlements.md', heading).filter(({ text }) => !text.includes('daybook mirror'));

  /** The steps up to the questions, with the notes or with the audit table. */
  async function movedIn(from: 'notes' | 'settlement-audit'): Promise<Desk> {
    const desk = await newDesk();
    settlements(desk.directory);
    const other = from === 'notes' ? 'import settlement-audit' : 'import notes';
    const steps = page('2. Move in').map(({ language, text }) => ({
      language,
      text: commandsOf(text)
        .filter((command) => !command.includes(other))
        .join('\n'),
    }));
    // A page is one session of a shell.
    await desk.follow({ language: 'sh', text: steps.map(({ text }) => text).join('\n') });
    return desk;
  }

  const lineOf = (part: string): string => {
    const found = page('Questions').find(({ text }) => text.includes(part));
    if (found === undefined) throw new Error(`docs/settlements.md asks nothing with ${part}`);
    return `DAYBOOK_DB=ext_satmachineadmin.sqlite3 ${found.text.trim()}`;
  };

  test('can be rehearsed beside the application', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    settlements(desk.directory);
    for (const block of page('1. Rehearse, on a copy')) await desk.follow(block);
    expect((await desk.type('daybook --db rehearsal.db count --source settlements')).stdout).toBe('201\n');
  });

  test('moves the notes in, and the application records beside them', { timeout: 120_000 }, async () => {
    const desk = await movedIn('notes');
    const [python, ...others] = page('3. The application records');
    expect(others).toEqual([]);
    if (python === undefined) throw new Error('docs/settlements.md has no Python');
    await desk.follow(python);
    const { stdout } = await desk.type(lineOf('--columns ts,action'));
    const told = parseLines(stdout);
    expect(told.map(({ action }) => action)).toEqual([
      ...subject.adjustments.map(({ type }) => type),
      'partial_dispense',
    ]);
    expect(told.at(-1)).toMatchObject({
      actor: 'c0ffee',
      message: 'cassette 1 empty',
      old_values: { gross: 630000 },
      new_values: { gross: 600000 },
    });
    // Minutes and seconds are all that notes have.
    const seconds = (ts: unknown): string => String(ts).slice(0, 16);
    expect(told.slice(0, -1).map(({ ts }) => seconds(ts))).toEqual(subject.adjustments.map(({ ts }) => seconds(ts)));
    const changes = await desk.type(lineOf('daybook changes'));
    expect(changes.stdout.trimEnd().split('\n')).toHaveLength(4);
  });

  test('answers its questions', { timeout: 120_000 }, async () => {
    const desk = await movedIn('settlement-audit');
    const ask = async (part: string): Promise<string[]> => {
      const { stdout } = await desk.type(`${lineOf(part)} --format ndjson`);
      return parseLines(stdout).map(({ id }) => String(id).replace('settlement-audit:', ''));
    };
    expect(await ask('--in 2026-03')).toEqual(facts.partial_dispenses_in_march_2026);
    expect(await ask('--in 2026-Q1')).toEqual(facts.off_ln_refunds_in_2026_q1);

    const count = async (part: string): Promise<Record<string, number>> => {
      const { stdout } = await desk.type(`${lineOf(part)} --format json`);
      const { values } = JSON.parse(stdout) as { values: { value: string; count: number }[] };
      return Object.fromEntries(values.map(({ value, count: times }) => [value.replace('machine:', ''), times]));
    };
    const operators = await count('values actor');
    expect(operators).toEqual(facts.adjustments_by_operator);
    expect(Object.keys(operators)[0]).toBe(Object.keys(facts.adjustments_by_operator)[0]);
    const machines = await count('values scope');
    expect(machines).toEqual(facts.partial_dispenses_by_machine);
    expect(Object.keys(machines)[0]).toBe(Object.keys(facts.partial_dispenses_by_machine)[0]);

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
    const { stdout } = await desk.type(`${lineOf('--not-reverted')} --format ndjson`);
    const wrong = subject.adjustments.find(({ notes }) => notes === 'under the old words')?.id;
    const left = parseLines(stdout).filter(({ action }) => action !== 'revert');
    expect(left.map(({ id }) => String(id).replace('settlement-audit:', ''))).toEqual(
      subject.adjustments.map(({ id }) => id).filter((id) => id !== wrong),
    );
    expect(withoutTimes(stdout)).toContain('"message":"was dispensed in full"');
  });
});

/** The commands of a shell, each with the lines that it goes on in. */
function commandsOf(text: string): string[] {
  return text.trimEnd().split(/(?<!\\)\n/);
}
