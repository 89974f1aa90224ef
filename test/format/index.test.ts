import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS, HISTORY_FIELDS } from '../../src/core/entry.js';
import {
  FORMAT_NAMES,
  formatNamed,
  FORMATS,
  type FormatName,
  type FormatOptions,
  type Formatter,
} from '../../src/format/index.js';
import { PLAIN_PALETTE } from '../../src/terminal/colour.js';
import { historyEntry } from './entries.js';

const OPTIONS: FormatOptions = {
  columns: ENTRY_FIELDS,
  columnsGiven: false,
  terminal: false,
  width: 80,
  zone: 'UTC',
  palette: PLAIN_PALETTE,
  header: true,
  exact: false,
  bom: false,
  shape: 'envelope',
  octets: false,
};

const ENTRY = historyEntry({ message: 'a\u202eb\nc' });

/** All that a format makes of one page with this entry. */
async function output(name: FormatName, options: Partial<FormatOptions> = {}): Promise<string> {
  const all = { ...OPTIONS, ...options };
  const formatter: Formatter = await FORMATS[name].make(all);
  const fields = Object.fromEntries(
    (formatter.reads === 'entries' ? [] : formatter.columns).map((field) => [field, ENTRY[field]]),
  );
  const page = await {
    entries: () => formatter.reads === 'entries' && formatter.page([ENTRY]),
    rows: () => formatter.reads === 'rows' && formatter.page([Object.values(fields)]),
    lines: () => formatter.reads === 'lines' && formatter.page(Buffer.from(`${JSON.stringify(fields)}\n`)),
  }[formatter.reads]();
  return [formatter.begin(), page as string, formatter.end('next')]
    .map((text) => Buffer.from(text).toString())
    .join('');
}

describe('FORMATS', () => {
  test('those that files hold read rows or lines, as an export has them', async () => {
    const reads: Record<string, string> = {};
    for (const name of FORMAT_NAMES) reads[name] = (await FORMATS[name].make(OPTIONS)).reads;
    const inFiles = FORMAT_NAMES.filter((name) => FORMATS[name].endings.length > 0);
    expect(inFiles).toEqual(expect.arrayContaining(['json', 'ndjson', 'csv']));
    for (const name of inFiles) expect(['rows', 'lines'], name).toContain(reads[name]);
  });

  test('no two have files of one name', () => {
    const endings = FORMAT_NAMES.flatMap((name) => FORMATS[name].endings);
    expect(new Set(endings).size).toBe(endings.length);
  });

  test('what --follow goes on with has nothing at its end', async () => {
    for (const name of FORMAT_NAMES.filter((one) => FORMATS[one].follows)) {
      expect((await FORMATS[name].make(OPTIONS)).end('next'), name).toBe('');
    }
  });

  test('text formats', async () => {
    expect(await output('table')).toContain('Thu 2026-03-05  UTC\n');
    expect(await output('table', { columns: ['id'], columnsGiven: true })).toBe(`id\n${ENTRY.id}\n`);
    expect(await output('line')).toMatch(/ info {4}#1 unknown update - a\\u202eb⏎c\n$/);
  });

  test('json', async () => {
    const object = JSON.stringify({ message: ENTRY.message });
    const columns = ['message'] as const;
    expect(await output('json', { columns })).toBe(`{"entries": [\n${object}\n], "next_cursor": "next"}\n`);
    expect(await output('json', { columns, shape: 'array' })).toBe(`[\n${object}\n]\n`);
    expect(await output('ndjson', { columns })).toBe(`${object}\n`);
  });

  test('csv', async () => {
    const columns = ['seq', 'message', 'source'] as const;
    expect(await output('csv', { columns })).toBe('seq,message,source\n1,"a\u202eb\nc",\n');
    expect(await output('csv', { columns, header: false })).toBe('1,"a\u202eb\nc",\n');
    expect(await output('csv', { columns, bom: true })).toBe('\ufeffseq,message,source\n1,"a\u202eb\nc",\n');
  });

  test('csv makes the same of marked fields, but not for a terminal', async () => {
    const columns = ['seq', 'message', 'source'] as const;
    const formatter: Formatter = await FORMATS.csv.make({ ...OPTIONS, columns });
    const page = formatter.reads === 'rows' ? formatter.fields?.(Buffer.from('1\x1fa\u202eb\nc\x1f\x1f')) : undefined;
    expect(Buffer.from(page ?? []).toString()).toBe('1,"a\u202eb\nc",\n');
    expect(await FORMATS.csv.make({ ...OPTIONS, terminal: true })).not.toHaveProperty('fields');
  });

  test('bytes that only files hold do not reach a terminal at all', async () => {
    const only = FORMAT_NAMES.filter((name) => formatNamed(name).onlyFiles === true);
    expect(only).toEqual(['parquet']);
    for (const name of only) {
      await expect(formatNamed(name).make({ ...OPTIONS, terminal: true })).rejects.toMatchObject({ kind: 'refused' });
    }
  });

  test.each(FORMAT_NAMES.filter((name) => formatNamed(name).onlyFiles !== true))(
    '%s: nothing hidden reaches a terminal',
    async (name) => {
      const text = await output(name, { terminal: true, columns: HISTORY_FIELDS });
      expect(text).not.toContain('\u202e');
      expect(text).toContain(String.raw`\u202e`);
    },
  );

  test('json on a terminal is the same json', async () => {
    const shown = await output('json', { terminal: true });
    expect(JSON.parse(shown)).toEqual(JSON.parse(await output('json')));
  });
});
