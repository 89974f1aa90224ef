import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { GROUP_REPORTS } from '../../src/core/report.js';
import { run, temporaryDirectory } from '../support/program.js';
import { fixture } from '../support/sources.js';
import { blocksOf, newDesk } from './pages.js';
import { DOCS } from './trail.js';

describe('docs/reports.md', () => {
  const lines = blocksOf('reports.md')
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.trimEnd().split('\n'));

  test('has every report, and each of its commands runs', { timeout: 120_000 }, async () => {
    const desk = await newDesk();
    const text = `daybook init
      daybook record --stdin < '${fixture('demo/settlements.ndjson')}'
      daybook note settlement:42 'counted again'`;
    await desk.follow({ language: 'sh', text: `export DAYBOOK_DB=audit.db\n${text}` });
    const reports = [...Object.keys(GROUP_REPORTS), 'timeline', 'bursts', 'unattributed', 'case'];
    const page = readFileSync(path.join(DOCS, 'reports.md'), 'utf8');
    expect(reports.filter((report) => !page.includes(`report ${report}`) && !page.includes(`\`${report}\``))).toEqual(
      [],
    );
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      const { code, stdout } = await desk.type(`export DAYBOOK_DB=audit.db\n${line}`);
      expect({ line, code, stdout }).toMatchObject({ code: 0 });
    }
    for (const block of blocksOf('reports.md').filter(({ language }) => language === 'ts')) await desk.follow(block);
    const sum = lines.find((line) => line.includes('sha256sum')) ?? '';
    const { stdout } = await desk.type(`export DAYBOOK_DB=audit.db\n${sum}`);
    const told = await desk.type('DAYBOOK_DB=audit.db daybook report case settlement:42 --format json');
    expect(stdout.slice(0, 64)).toBe((JSON.parse(told.stdout) as { sha256: string }).sha256);
  });
});

test('a command in a report names the database, but for the one that it reads where none is named', async () => {
  const cwd = temporaryDirectory();
  const other = { DAYBOOK_DB: 'other.db' };
  await run(['init'], { cwd });
  await run(['note', 'machine:7', 'jammed'], { cwd });
  for (const report of [
    ['bursts', '--more-than', '0'],
    ['case', 'machine:7'],
  ]) {
    const command = async (global: readonly string[], env: Readonly<Record<string, string>>): Promise<string> =>
      (await run([...global, 'report', ...report], { cwd, env })).stdout;
    expect(await command([], {})).toMatch(/daybook (?:history|export) /);
    expect(await command(['--db', 'audit.db'], other)).toMatch(/daybook --db audit\.db (?:history|export) /);
    // A case is handed out: it names the file, and not where it lies.
    expect(await command([], { DAYBOOK_DB: './audit.db' })).toMatch(
      report[0] === 'case' ? /daybook --db audit\.db export / : /daybook --db \.\/audit\.db history /,
    );
  }
});
