import path from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { addressOf } from '../../core/address.js';
import type { Address } from '../../core/address.js';
import { DIRECTORY_KEYS } from '../../core/directory.js';
import type { ListedActor, NamedActor } from '../../core/directory.js';
import { DaybookError } from '../../core/errors.js';
import type { NameColumns } from '../../importers/names-csv.js';
import type { AuditStore, NamesImported } from '../../store/audit-store.js';
import { declare, declareGroup, note, printJson, printOutcome, readerOf, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { looksOf } from '../looks.js';
import { writePages } from '../pages.js';

interface ListOptions {
  readonly name?: string;
  readonly format?: 'table' | 'json' | 'ndjson' | 'csv';
  readonly exact?: true;
  readonly pager: boolean;
}

interface ImportOptions {
  readonly columns?: string;
  readonly from?: string;
  readonly attach?: readonly string[];
  readonly scope?: string;
  readonly exact?: true;
  readonly format?: 'json';
}

export function addActors(program: Command, context: Context): void {
  const group = declareGroup(program, 'actors', {
    examples: ['actors set u-42 --name "Ines Moreau"', `actors import --from 'accounts(id, username)'`],
    notes:
      'New entries take the name of their actor along, tables show it, and --actor finds by it. The name in an entry never changes. The directory also names scopes, for reports.',
  });
  addSet(group, context);
  addList(group, context);
  addImport(group, context);
  addRemove(group, context);
}

function addSet(group: Command, context: Context): void {
  declare(group, 'set', {
    does: 'changes',
    description: 'name an actor, or change the name',
    examples: ['actors set u-42 --name "Ines Moreau"', 'actors set 7 --name "Tomás Arriaga" --email tomas@example.org'],
    notes: 'Without --email the address stays as it is; an empty one takes it away.',
  })
    .argument('<id>', 'the actor, as in entries')
    .requiredOption('--name <name>', 'what people call it')
    .option('--email <address>', 'its address')
    .action(async (actor: string, options: { readonly name: string; readonly email?: string }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { name, email } = options;
      await withStore(context, globals, async (store) => {
        const { setActor } = await import('../../operations/names.js');
        const naming = email === undefined ? { actor, name } : { actor, name, email };
        const { changed } = await setActor(store, naming, globals.actor);
        await note(context, globals, changed ? `actor ${actor} is ${name}` : `actor ${actor} is ${name} already`);
      });
    });
}

function addRemove(group: Command, context: Context): void {
  declare(group, 'remove', {
    does: 'changes',
    description: 'take an actor out of the directory',
    examples: ['actors remove u-42', 'actors remove 7 --as alice'],
    notes: 'Entries that took the name along keep it.',
  })
    .argument('<id>', 'the actor')
    .action(async (actor: string, _options: object, self: Command) => {
      const globals = await resolveGlobals(self, context);
      await withStore(context, globals, async (store) => {
        const { removeActor } = await import('../../operations/names.js');
        await removeActor(store, actor, globals.actor);
      });
      await note(context, globals, `actor ${actor} is taken out of the directory`);
    });
}

/** How many of the directory are read, and laid out, at once. */
const PAGE = 500;

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'list the directory of names, by id',
    examples: ['actors list', 'actors list --name "Ines Moreau" --format json'],
    notes:
      'As JSON: {"actors": [{"id", "name", "email"}]}; as CSV with the header id,name,email, which actors import takes.',
  })
    .option('--name <name>', 'only who has exactly this name')
    .addOption(
      new Option('--format <format>', 'table on a terminal, tabs between elsewhere').choices([
        'table',
        'json',
        'ndjson',
        'csv',
      ]),
    )
    .option('--exact', 'CSV without disarmed formulas')
    .option('--no-pager', 'do not page long output')
    .action(async (options: ListOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (options.exact === true && options.format !== 'csv') {
        throw new DaybookError('usage', '--exact is about CSV', { hint: '… --format csv' });
      }
      const [{ withPager }, { directoryFormat }] = await Promise.all([
        import('../../terminal/pager.js'),
        import('../../format/directory.js'),
      ]);
      let any = false;
      const wanted = await withStore(context, globals, (store) =>
        withPager(context.streams, context.env, options.pager, async (out) => {
          const name = options.format ?? (out.isTerminal ? 'table' : 'line');
          const looks = { ...(await looksOf(out, globals)), exact: options.exact === true };
          ({ any } = await writePages(out, pagesOf(store, options.name), await directoryFormat(name, looks)));
        }),
      );
      const forPeople = options.format === undefined || options.format === 'table';
      if (wanted && !any && (forPeople || context.streams.stdout.isTerminal)) {
        const { name } = options;
        const nobody = name === undefined ? 'there are no names' : `nobody in the directory is called ${name}`;
        await note(context, globals, nobody);
      }
    });
}

async function* pagesOf(store: AuditStore, name: string | undefined): AsyncGenerator<readonly NamedActor[]> {
  for (let after = ''; ;) {
    const actors = await store.actors({ after, limit: PAGE, ...(name === undefined ? {} : { name }) });
    const last = actors.at(-1);
    if (last === undefined) return;
    yield actors;
    after = last.actor;
  }
}

function addImport(group: Command, context: Context): void {
  declare(group, 'import', {
    does: 'changes',
    description: 'take names from a CSV file or a table',
    examples: [
      'actors import people.csv',
      'actors import staff.csv --columns id=login,name=full_name',
      `actors import --from 'accounts(id, username, email)'`,
      `actors import --from 'core.accounts(id, username)' --attach core=/var/lib/lnbits/database.sqlite3`,
      'actors import people.csv --scope team',
    ],
    notes:
      'The CSV has a header line with id, name and, if there is one, email, in any order. All of it is checked before anything changes: a broken line ends the import with 6, and the message names it. Names that a list does not have stay; lines without a name are counted and left out. Tables are read over a read-only connection, beside their application. As JSON: {"read", "added", "changed", "unchanged", "unnamed", "entry"}.',
  })
    .argument('[file]', 'a CSV file, or - for stdin')
    .option('--columns <key=column,...>', 'which columns of the CSV hold id, name and email')
    .option('--scope <kind>', 'they are names of scopes of this kind: machine:<id>')
    .option('--exact', 'the CSV is a list of actors that was made with --exact')
    .option('--from <table(id, name, email)>', 'a table, with its columns for id, name and perhaps email')
    .addOption(
      new Option(
        '--attach <schema=file>',
        'another database, or its address, for tables written as schema.table',
      ).argParser(collect),
    )
    .addOption(new Option('--format <format>', 'print the counts as JSON').choices(['json']))
    .action(async (file: string | undefined, options: ImportOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const source = sourceOf(file, options, globals.db);
      if (options.scope !== undefined && !/^[^:]+$/.test(options.scope)) {
        throw new DaybookError('usage', `--scope ${JSON.stringify(options.scope)} is not a kind, such as machine`);
      }
      await withStore(context, globals, async (store) => {
        const { importNames } = await import('../../operations/names.js');
        const { list, withEmail, from } =
          source.kind === 'file' ? await fromFile(source, context) : await fromTable(source, globals, context);
        const named = options.scope === undefined ? list : ofScopes(list, options.scope);
        const imported = await importNames(store, named, { from, withEmail, by: globals.actor });
        await printOutcome(context, globals, importedText(imported), () =>
          printImported(imported, options, globals, context),
        );
      });
    });
}

type Source =
  | { readonly kind: 'file'; readonly file: string; readonly columns: NameColumns; readonly exact: boolean }
  | {
      readonly kind: 'table';
      /** As it was written, which is what the entry says. */
      readonly text: string;
      readonly database: Address;
      readonly schema: string | undefined;
      readonly table: string;
      readonly columns: readonly string[];
    };

function sourceOf(file: string | undefined, options: ImportOptions, db: Address): Source {
  const { from, columns, attach = [], exact = false } = options;
  if ((file === undefined) === (from === undefined)) {
    throw new DaybookError('usage', 'names come from a file or with --from out of a table: give one of them', {
      hint: 'daybook actors import --help',
    });
  }
  if (from === undefined) {
    if (attach.length > 0) throw new DaybookError('usage', '--attach goes with --from');
    return { kind: 'file', file: file ?? '-', columns: columns === undefined ? {} : readColumns(columns), exact };
  }
  if (columns !== undefined) throw new DaybookError('usage', '--columns is about CSV: --from has its own');
  if (exact) throw new DaybookError('usage', '--exact is about CSV');
  return { kind: 'table', text: from.trim(), ...readTable(from, readAttached(attach), db) };
}

function readColumns(text: string): NameColumns {
  const columns: Partial<Record<(typeof DIRECTORY_KEYS)[number], string>> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = DIRECTORY_KEYS.find((one) => one === part.slice(0, Math.max(at, 0)).trim());
    const column = part.slice(at + 1);
    if (key === undefined || column === '' || columns[key] !== undefined) {
      throw new DaybookError(
        'usage',
        `--columns ${JSON.stringify(part)} is not one of id=<column>, name=<column>, email=<column>, each once`,
      );
    }
    columns[key] = column;
  }
  return columns;
}

function readAttached(attach: readonly string[]): ReadonlyMap<string, Address> {
  const databases = new Map<string, Address>();
  for (const text of attach) {
    const at = text.indexOf('=');
    const schema = text.slice(0, Math.max(at, 0));
    if (schema === '' || schema === 'main' || at === text.length - 1 || databases.has(schema)) {
      throw new DaybookError(
        'usage',
        `--attach ${text.slice(0, at + 1)}${addressOf(text.slice(at + 1)).shown} is not <schema>=<file>, each schema once and none of them main`,
      );
    }
    databases.set(schema, addressOf(text.slice(at + 1)));
  }
  return databases;
}

/** A word, or anything between double quotes, as in SQL. */
const NAME = String.raw`(?:[^\s"().,]+|"(?:[^"]|"")+")`;
const TABLE = new RegExp(
  String.raw`^\s*(?:(?<first>${NAME})\s*\.\s*)?(?:(?<second>${NAME})\s*\.\s*)?(?<table>${NAME})\s*\((?<columns>\s*${NAME}\s*(?:,\s*${NAME}\s*){1,2})\)\s*$`,
  'u',
);

function readTable(
  text: string,
  databases: ReadonlyMap<string, Address>,
  db: Address,
): Pick<Source & { kind: 'table' }, 'database' | 'schema' | 'table' | 'columns'> {
  const found = TABLE.exec(text)?.groups;
  if (found === undefined) {
    throw new DaybookError('usage', `--from ${JSON.stringify(text)} is not <table>(<id>, <name>[, <email>])`, {
      hint: `daybook actors import --from 'accounts(id, username)'`,
    });
  }
  const plain = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);
  const before = [found['first'], found['second']].filter((name) => name !== undefined).map(plain);
  const attached = before.find((name, index) => index === 0 && databases.has(name));
  const [schema, ...others] = attached === undefined ? before : before.slice(1);
  const database = databases.get(attached ?? '') ?? db;
  // A schema of PostgreSQL's is in the database itself. SQLite has one, called main.
  const isThere =
    database.engine === 'postgres' || schema === undefined || (schema === 'main' && attached === undefined);
  if (!isThere || others.length > 0) {
    const missing = attached === undefined ? schema : `${attached}.${schema}`;
    throw new DaybookError('usage', `no database is attached as ${JSON.stringify(missing)}`, {
      hint: `… --attach ${schema}=<file>`,
    });
  }
  const unused = [...databases.keys()].find((one) => one !== attached);
  if (unused !== undefined) throw new DaybookError('usage', `--attach ${unused}: --from does not read from there`);
  const columns = [...(found['columns'] ?? '').matchAll(new RegExp(NAME, 'gu'))].map(([name]) => plain(name));
  return { database, schema, table: plain(found['table'] ?? ''), columns };
}

interface Names {
  readonly list: AsyncIterable<readonly ListedActor[]>;
  readonly withEmail: boolean;
  readonly from: string;
}

/** A list of scopes of one kind, whose ids are written as entries have them. */
async function* ofScopes(list: Names['list'], kind: string): AsyncGenerator<readonly ListedActor[]> {
  for await (const page of list) {
    yield Array.from(page, (one) => ({ ...one, actor: one.actor === '' ? '' : `${kind}:${one.actor}` }));
  }
}

async function fromFile(source: Source & { kind: 'file' }, context: Context): Promise<Names> {
  const [{ namesInCsv }, { bytesOf, isDescriptor }] = await Promise.all([
    import('../../importers/names-csv.js'),
    import('../../importers/file-bytes.js'),
  ]);
  const { file, columns, exact } = source;
  const isStdin = file === '-';
  const stdin = context.streams.stdin.readable as AsyncIterable<Uint8Array>;
  const names = await namesInCsv(isStdin ? bytesOf('stdin', stdin) : bytesOf(file), columns, exact);
  // A path says more of a machine than of the names.
  return { ...names, from: isStdin || isDescriptor(file) ? 'stdin' : path.basename(file) };
}

async function fromTable(source: Source & { kind: 'table' }, globals: Globals, context: Context): Promise<Names> {
  const { namesInTable } = await import('../../store/open.js');
  const { database, schema, table, columns, text } = source;
  const [id = '', name = '', email = null] = columns;
  const list = await namesInTable(
    database,
    { table, schema, id, name, email },
    { busyTimeout: globals.busyTimeout, reader: readerOf(context) },
  );
  return { list, withEmail: email !== null, from: text };
}

async function printImported(
  imported: NamesImported,
  options: ImportOptions,
  globals: Globals,
  context: Context,
): Promise<void> {
  const { read, added, changed, unchanged, unnamed, entry } = imported;
  if (options.format === 'json') {
    await printJson({ read, added, changed, unchanged, unnamed, entry }, context);
  }
  await note(context, globals, importedText(imported));
}

function importedText({ added, changed, unchanged, unnamed }: NamesImported): string {
  const parts = [
    `${added} added`,
    `${changed} changed`,
    `${unchanged} as they were`,
    ...(unnamed === 0 ? [] : [`${unnamed} without a name left out`]),
  ];
  return `names: ${parts.join(', ')}`;
}
