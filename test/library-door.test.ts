import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { FILE_FORMATS } from '../src/format/files.js';
import * as library from '../src/index.js';

// What semantic versioning promises is read from the source itself.

const SOURCE = path.resolve(import.meta.dirname, '../src');
const DOOR = readFileSync(path.join(SOURCE, 'index.ts'), 'utf8');

interface Exported {
  readonly name: string;
  readonly file: string;
}

const EXPORTED: readonly Exported[] = [...DOOR.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(
  ([, names = '', from = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => ({ name, file: from })),
);
const NAMES = new Set(EXPORTED.map(({ name }) => name));
const OURS = EXPORTED.filter(({ file }) => file.startsWith('.'));
const TYPES = OURS.filter(({ name }) => !(name in library));
const FUNCTIONS = OURS.filter(({ name }) => name in library);

function textOf({ file }: Exported): string {
  return readFileSync(path.join(SOURCE, file.replace(/\.js$/, '.ts')), 'utf8');
}

/** The declaration of a name, with the comment before it. */
function declarationOf(exported: Exported): { readonly comment: string; readonly code: string } {
  const text = textOf(exported);
  const { name } = exported;
  const start = new RegExp(`^export (?:async )?(?:interface|type|class|function) ${name}\\b`, 'm').exec(text)?.index;
  if (start === undefined) throw new Error(`${name} is not declared in ${exported.file}`);
  const before = text.slice(0, start);
  const comment = before.endsWith('*/\n') ? before.slice(before.lastIndexOf('/**')) : '';
  const rest = text.slice(start);
  const [line = ''] = rest.split('\n');
  // One that begins no block ends at its semicolon.
  const whole = line.endsWith('{') ? rest.slice(0, rest.search(/^\}.*$/m) + 1) : rest.slice(0, rest.indexOf(';\n') + 1);
  return { comment, code: whole };
}

/** The signature of a function alone: what is within it is nobody's promise. */
function signatureOf(exported: Exported): string {
  const text = textOf(exported);
  const start = text.search(new RegExp(`^export (?:async )?function ${exported.name}\\b`, 'm'));
  return text.slice(start, text.indexOf(' {\n', start));
}

const GLOBAL = new Set(
  'AbortSignal AsyncIterable AsyncGenerator Date Error Omit Partial Pick PromiseLike Promise Readonly Record Symbol Uint8Array Exclude'.split(
    ' ',
  ),
);

/** The types that a piece of code names, without its own parameters, keys and comments. */
function typesIn(code: string): string[] {
  const plain = code
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/'[^']*'|`[^`]*`/g, '')
    .replaceAll(/\btypeof \w+/g, '');
  const parameters = new Set(
    [...plain.matchAll(/[<,(]\s*([A-Z]\w*)(?= (?:extends|in) )|<([A-Z]\w*)>\(|\binfer ([A-Z]\w*)/g)].flatMap(
      ([, a, b, c]) => [a, b, c],
    ),
  );
  return [...new Set(plain.match(/\b[A-Z][A-Za-z]*[a-z]\w*\b/g))].filter(
    (name) => !parameters.has(name) && !GLOBAL.has(name),
  );
}

test('exports few functions, and nothing of what is behind them', () => {
  expect(Object.keys(library).toSorted()).toEqual(
    ['attach', 'attachPostgres', 'contextSql', 'initializeTrail', 'isDaybookError', 'openTrail'].toSorted(),
  );
  expect(EXPORTED.filter(({ file }) => file.includes('sqlite'))).toEqual([]);
  for (const behind of ['AuditStore', 'Filter', 'PrunePlan', 'Checkpoint', 'Mark'])
    expect(NAMES.has(behind)).toBe(false);
});

test.each(TYPES.map((type) => [type.name, type] as const))('%s names no type that is not exported', (_name, type) => {
  // A class has more in it than its callers see.
  const code = declarationOf(type).code.replace(/ {2}constructor\([^]*/, '');
  expect(typesIn(code).filter((name) => !NAMES.has(name))).toEqual([]);
});

test.each(FUNCTIONS.map((one) => [one.name, one] as const))('%s names no type that is not exported', (_name, one) => {
  expect(typesIn(signatureOf(one)).filter((name) => !NAMES.has(name))).toEqual([]);
});

test('what names types is found', () => {
  expect(typesIn('interface A { readonly b: Bee<Form>; c(d: readonly Dee[]): Promise<Eee | null> }')).toEqual([
    'Bee',
    'Form',
    'Dee',
    'Eee',
  ]);
  expect(typesIn("type Of<Form extends Fff> = Form extends 'text' ? Ggg : Record<string, Hhh>")).toEqual([
    'Of',
    'Fff',
    'Ggg',
    'Hhh',
  ]);
});

test('FileFormat names each format of files', () => {
  const found = OURS.find(({ name }) => name === 'FileFormat');
  const { code = '' } = found === undefined ? {} : declarationOf(found);
  expect([...code.matchAll(/'([^']+)'/g)].map(([, format]) => format).toSorted()).toEqual(FILE_FORMATS.toSorted());
});

describe('a docstring', () => {
  test.each(FUNCTIONS.map((one) => [one.name, one] as const))(
    'of %s has an example, and says what it throws',
    (name, one) => {
      const { comment } = declarationOf(one);
      expect(comment).toMatch(/@example/);
      // This one throws nothing.
      if (name !== 'isDaybookError') expect(comment).toMatch(/Throws kind/);
    },
  );

  test.each(['Trail', 'Attached', 'AttachedPostgres'])('of each method of %s has an example', (name) => {
    const found = OURS.find((one) => one.name === name);
    if (found === undefined) throw new Error(`${name} is not exported`);
    const { code } = declarationOf(found);
    const methods = [...code.matchAll(/(\/\*\*(?:(?!\*\/)[^])*\*\/)?\n {2}(\w+)(?:<[^>]*>)?\(/g)];
    expect(methods.length).toBeGreaterThan(3);
    const documented = new Map<string, string>();
    for (const [, comment, method = ''] of methods) {
      // The second form of a method stands below the first.
      documented.set(method, comment ?? documented.get(method) ?? '');
    }
    const without = [...documented].filter(([, comment]) => !comment.includes('@example')).map(([method]) => method);
    expect(without).toEqual([]);
  });
});
