import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import type { ImportFormat, ImportedEntry } from '../../src/core/import.js';
import { openImport } from '../../src/operations/open-import.js';
import { thisProcess } from '../../src/presence.js';
import { temporaryDirectory } from '../support/program.js';
import { factsOf, ledgrab } from '../support/sources.js';
import { blocksOf, newDesk } from './pages.js';
import { exported } from './trail.js';

test('docs/ledgrab.md goes as it is told', { timeout: 60_000 }, async () => {
  const desk = await newDesk();
  ledgrab(desk.directory);
  for (const block of blocksOf('ledgrab.md')) {
    const printed = await desk.follow(block);
    if (block.language === 'console') expect(printed).toBe(block.text);
  }
  const entries = await exported(`${desk.directory}/ledgrab.db`);
  const from = (source: string | null) => entries.filter((entry) => 'source' in entry && entry.source === source);
  expect(from('ledgrab')).toHaveLength(factsOf('ledgrab').entries);
  expect(from(null)).toMatchObject([
    { category: 'system', action: 'import' },
    { category: 'device', action: 'connected', metadata: { attempts: 2 } },
  ]);
});

test('the presets of docs/ledgrab.md are commands that work', { timeout: 60_000 }, async () => {
  const desk = await newDesk();
  ledgrab(desk.directory);
  await desk.follow({ language: 'sh', text: 'daybook init -q; daybook import -q ledgrab ledgrab.db' });
  const page = blocksOf('ledgrab.md');
  expect(page.length).toBeGreaterThan(0);
  for (const [preset, count] of Object.entries({
    '--severity error': factsOf('ledgrab').by_severity['error'],
    '--category auth': factsOf('ledgrab').by_category['auth'],
    '--category device': factsOf('ledgrab').by_category['device'],
  })) {
    const { stdout } = await desk.type(`daybook history ${preset} -n 2000 --format ndjson | wc -l`);
    expect(Number(stdout)).toBe(count);
  }
});

test('the format that docs/import.md shows is one', async () => {
  const [code] = blocksOf('import.md', 'Adding a format');
  const { outputFiles } = await build({
    stdin: { contents: code?.text ?? '', resolveDir: path.resolve('src/importers'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const directory = temporaryDirectory();
  const module = path.join(directory, 'doors.mjs');
  writeFileSync(module, outputFiles[0]?.text ?? '');
  const { doors } = (await import(module)) as { doors: ImportFormat };
  const log = path.join(directory, 'doors.csv');
  writeFileSync(log, 'nr,at,door,who,what\n1,1772000000,north,,opened\n');
  const { source, options } = await openImport(doors, log, { presence: thisProcess() });
  const made: ImportedEntry[] = [];
  for await (const page of source.records()) {
    for (const record of page) if ('values' in record) made.push(...options.reader(record));
  }
  source.close();
  expect(made).toMatchObject([
    {
      id: 'doors:1',
      time: { ms: 1_772_000_000_000 },
      fields: { action: 'opened', actor: 'unknown', entity_id: 'north' },
    },
  ]);
});
