import { ENTRY_FIELDS } from '../../src/core/entry.js';
import type { Entry } from '../../src/core/entry.js';
import { formatNamed } from '../../src/format/index.js';
import type { FormatName, FormatOptions } from '../../src/format/index.js';
import { PLAIN_PALETTE } from '../../src/terminal/colour.js';
import { historyEntry } from './entries.js';

/** What a form makes of these entries, as `export` asks it. */
export async function formatted(
  name: FormatName,
  entries: readonly Entry[],
  options: Partial<FormatOptions> = {},
): Promise<Buffer> {
  const formatter = await formatNamed(name).make({
    columns: ENTRY_FIELDS,
    columnsGiven: true,
    terminal: false,
    width: 80,
    zone: 'UTC',
    palette: PLAIN_PALETTE,
    header: true,
    exact: false,
    bom: false,
    shape: 'array',
    octets: false,
    ...options,
  });
  if (formatter.reads !== 'rows') throw new Error(`${name} reads ${formatter.reads}`);
  const rows = entries.map((entry) => formatter.columns.map((field) => entry[field as keyof Entry]));
  const texts = [formatter.begin(), formatter.page(rows), formatter.end(null)];
  return Buffer.concat(texts.map((text) => Buffer.from(text as string)));
}

/** The lines of a text, each of which ends with a line feed. */
export function linesOf(text: Buffer): string[] {
  const lines = text.toString().split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  return lines;
}

/** What breaks out of one form or another: separators, quotes, escapes, brackets, line breaks, what hides, what is wide. */
const HOSTILE_TEXTS = [
  'plain words',
  'a|b|c',
  'a=b c=d ==',
  String.raw`back\slash and \n and \\ and \]`,
  'ends with a backslash\\',
  '"quoted" \'single\' `tick`',
  ']closing] [opening[ ["x"]',
  'first\nsecond\r\nthird\rfourth',
  'tab\there\t',
  '\x1b[31mred\x07\x01\x7f',
  'mallory\u202egnp.exe\u200b\u2028\u2029\u0085',
  '田中さくら 👨‍👩‍👧 é́ 🇩🇪 \u{10ffff}',
  '{"json":[1,2]}',
  '<134>1 2026-01-01T00:00:00Z x y z - [a b="c"] forged',
  'CEF:0|x|y|z|1|forged|9|act=forged',
  '#012 #015 %0a &lt;',
  '^,;:',
  ' ',
] as const;

const DOCUMENT = '{"id":123456789012345678901,"amount":1.10,"text":"a\\"b\\\\c]=|\\n","list":[1,{"x":null}]}';

/** Entries with each hostile text in each field that takes one, and the plain and the extreme ones. */
export const HOSTILE_ENTRIES: readonly Entry[] = [
  ...HOSTILE_TEXTS.map((text, index) =>
    entryWith({
      seq: index + 1,
      id: `id ${text}`,
      category: text,
      action: text,
      actor: text,
      actor_type: text,
      actor_name: text,
      recorded_by: text,
      recorded_at: '2026-03-06T00:00:00.001Z',
      scope: `kind:${text}`,
      entity_type: text.replaceAll(':', ''),
      entity_id: text,
      entity_name: text,
      message: text,
      metadata: JSON.stringify({ [text]: text }),
      old_values: DOCUMENT,
      new_values: JSON.stringify({ text }),
      changed_fields: JSON.stringify([text]),
      correlation_id: text,
      reverts: text,
      source: text,
    }),
  ),
  ...(['info', 'warning', 'error'] as const).map((severity) => entryWith({ seq: 100, severity })),
  ...['0001-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'].map((ts) =>
    entryWith({ seq: 2 ** 53 - 1, ts, entity_type: 'guild', entity_id: '123456789012345678' }),
  ),
  entryWith({ category: 'auth', action: 'login', actor: 'ana', actor_name: 'Ana' }),
  entryWith({ category: 'auth', action: 'password_reset', source: 'ledgrab' }),
  entryWith({ action: 'delete', entity_type: 'row', entity_id: '', old_values: '{}' }),
  entryWith({ action: 'create', entity_name: 'only a name' }),
];

function entryWith(fields: Partial<Entry>): Entry {
  const { reverted_by: _, ...entry } = historyEntry(fields);
  return entry;
}
