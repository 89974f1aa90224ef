import { expect, test } from 'vitest';
import { ok, trail } from '../support/cli.js';

const DATA = JSON.stringify({ minLevel: 5, announce: { channelid: '1' } });

async function scene(): Promise<void> {
  await ok(['init']);
  const words = [
    'record',
    '--action',
    'create',
    '--entity',
    'guild:1',
    '--new',
    JSON.stringify({ data: DATA, n: '[x' }),
  ];
  await ok([...words, '--metadata', '{"path":{"a":[1,2]}}']);
}

test('a case shows JSON as documents, as a text and as a page', async () => {
  await scene();
  const text = await ok(['report', 'case', 'guild:1']);
  expect(text).toContain(
    '  data:\n    + {\n        "minLevel": 5,\n        "announce": {\n          "channelid": "1"\n',
  );
  expect(text).toContain('  + n: "[x"');
  expect(text).toContain('  metadata:\n  {\n    "path": {\n');
  const page = await ok(['report', 'case', 'guild:1', '--html', '-']);
  expect(page).toContain('<pre><bdi>{\n  &quot;minLevel&quot;: 5,');
  expect(page).toContain('<code><bdi>&quot;[x&quot;</bdi></code>');
  for (const shown of [text, page]) expect(shown).not.toContain('\\"');
});

test('a case names no folder of the machine, and its values are exact for programs', async () => {
  await scene();
  const folder = (await trail()).replace(/[^/]*$/, '');
  for (const form of [[], ['--html', '-'], ['--format', 'json']]) {
    const shown = await ok(['report', 'case', 'guild:1', ...form]);
    expect(shown).not.toContain(folder);
    expect(shown).toContain('--db audit.db export --entity guild:1');
  }
  const { rows } = JSON.parse(await ok(['report', 'case', 'guild:1', '--format', 'json'])) as {
    rows: { changes: { field: string; new: string }[] }[];
  };
  expect(rows[0]?.changes[0]).toMatchObject({ field: 'data', new: DATA });
});
