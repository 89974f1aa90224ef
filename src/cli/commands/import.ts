import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import type { ImportFormat, ImportSettings, Source } from '../../core/import.js';
import { quoted } from '../../core/json.js';
import type { ImportOptions, ImportTotals } from '../../operations/import.js';
import { declare, entries, interruptible, note, printJson, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { openRejects } from '../rejects.js';

interface Options {
  readonly list?: true;
  readonly table?: string;
  readonly source?: string;
  readonly map?: readonly string[];
  readonly key?: string;
  readonly column?: string;
  readonly entityType?: string;
  readonly order?: ImportSettings['order'];
  readonly pattern?: string;
  readonly assumeTz?: string;
  readonly scopeFrom?: string;
  readonly redact?: readonly string[];
  readonly dryRun?: true;
  readonly verify?: true;
  readonly rejects?: string;
  readonly format?: 'json';
}

export function addImport(program: Command, context: Context): void {
  declare(program, 'import', {
    examples: [
      'import --list',
      'import ledgrab /var/lib/ledgrab/ledgrab.db --dry-run',
      'import ledgrab /var/lib/ledgrab/ledgrab.db --rejects rejects.ndjson',
      'import ledgrab /var/lib/ledgrab/ledgrab.db --verify',
      'import notes app.db --table dca_settlements --key id --column notes --entity-type settlement --pattern memo,stamped',
    ],
    notes:
      'Importing twice adds nothing, and a source that grew adds what is new. A source is a SQLite file, which is opened read-only, or a text: CSV with a header, or JSON lines; - is stdin.',
  })
    .argument('[format]', 'whose records: see --list')
    .argument('[source]', 'the file, or - for stdin')
    .option('--list', 'describe the formats')
    .option('--table <table>', 'the table to read, in a SQLite file')
    .option('--source <name>', "the entries' source (default: that of the format, else the name of the file)")
    .addOption(
      new Option('--map <field=key>', 'a field from a key, a "constant" or a path (repeatable)').argParser(collect),
    )
    .option('--key <column>', 'the column of the entity id, or table(column, …) for each table of row changes')
    .option('--column <column>', 'the column of the notes')
    .option('--entity-type <type>', 'the type of the entities')
    .addOption(new Option('--order <order>', 'how notes stand in their text').choices(['newest-first', 'oldest-first']))
    .option('--pattern <pattern>', 'how a note looks: a preset or a regular expression')
    .option('--assume-tz <zone>', 'the zone of times without an offset')
    .option('--scope-from <table(key, column)>', 'the scope of an entity, from another table of the source')
    .addOption(
      new Option(
        '--redact <path>',
        'replace this value, which is still named as changed (repeatable); rejects hold records as they are',
      ).argParser(collect),
    )
    .option('--dry-run', 'only say what would be imported')
    .option('--verify', 'compare every record with its entry; exits 3 where one differs')
    .option('--rejects <file>', 'put broken records there, with the reason, and go on')
    .addOption(new Option('--format <format>', 'print the counts as JSON').choices(['json']))
    .action(async (name: string | undefined, path: string | undefined, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { IMPORT_FORMATS } = await import('../../import/index.js');
      if (options.list === true) return list([...IMPORT_FORMATS.values()], context);
      if (name === undefined || path === undefined) {
        throw new DaybookError('usage', 'say which format, and from where', { hint: 'daybook import --list' });
      }
      const format = IMPORT_FORMATS.get(name);
      if (format === undefined) {
        throw new DaybookError(
          'usage',
          `${quoted(name)} is no format: it is one of ${[...IMPORT_FORMATS.keys()].join(', ')}`,
        );
      }
      checkOptions(format, options);
      await interruptible(context, (signal) => importFrom(format, path, options, { globals, context, signal }));
    });
}

async function list(formats: readonly ImportFormat[], context: Context): Promise<void> {
  const width = Math.max(...formats.map(({ name }) => name.length));
  for (const { name, description, kinds } of formats) {
    await context.streams.stdout.write(`${name.padEnd(width)}  ${description} (${kinds.join(', ')})\n`);
  }
}

const SETTINGS = ['map', 'key', 'column', 'entityType', 'order', 'pattern'] as const;

function checkOptions(format: ImportFormat, options: Options): void {
  const stray = SETTINGS.find((setting) => options[setting] !== undefined && !format.settings.includes(setting));
  if (stray !== undefined) {
    const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new DaybookError('usage', `--${flag} says nothing to the format ${format.name}`);
  }
  if (options.verify === true && options.dryRun === true) {
    throw new DaybookError('usage', '--verify and --dry-run: one at a time');
  }
}

interface Run {
  readonly globals: Globals;
  readonly context: Context;
  readonly signal: AbortSignal;
}

async function importFrom(format: ImportFormat, path: string, options: Options, world: Run): Promise<void> {
  const { globals, context, signal } = world;
  const name = options.source ?? format.source ?? sourceName(path);
  const source = await openSource(format, path, options, world);
  const rejects = options.rejects === undefined ? undefined : await openRejects(options.rejects, globals, context);
  try {
    const plainReader = format.reader({
      source: name,
      assumedZone:
        options.assumeTz === undefined
          ? undefined
          : (await import('../../core/period.js')).resolveZone(options.assumeTz),
      map: options.map ?? [],
      entityType: options.entityType,
      key: options.key,
      column: options.column,
      order: options.order,
      pattern: options.pattern,
      table: options.table ?? format.table,
      lookup: source.lookup,
    });
    const redacted = new Set<string>();
    const paths = options.redact ?? [];
    const reader =
      paths.length === 0
        ? plainReader
        : (await import('../../import/redacting.js')).redacting(plainReader, paths, redacted);
    const { openSorter } = await import('../../store/sqlite/sorter.js');
    const scopeOf = options.scopeFrom === undefined ? undefined : scopeLookup(options.scopeFrom, source);
    const importOptions: ImportOptions = {
      source: name,
      reader,
      needs: format.needs,
      clock: context.now,
      signal,
      ...(scopeOf && { scopeOf }),
      ...(format.inOrder ? {} : { sorter: openSorter }),
      ...(rejects && {
        reject: ({ position, reason, content }) =>
          rejects.take(
            Buffer.from(
              `{"position":${JSON.stringify(position)},"reason":${JSON.stringify(reason)},"record":${content}}`,
            ),
            `${position}: ${reason}`,
          ),
      }),
    };
    if (options.verify === true) await verify(source, importOptions, options, world);
    else if (options.dryRun === true) await rehearse(source, importOptions, options, world);
    else await importAll(format, source, importOptions, options, world);
    await rejects?.finish();
    const unhidden = paths.filter((one) => !redacted.has(one));
    if (unhidden.length > 0) {
      await note(context, globals, `--redact ${unhidden.join(', ')}: nothing of that name is in any entry`);
    }
  } finally {
    await rejects?.abandon();
    source.close();
  }
}

/** The name of a file without its folder and its ending. */
function sourceName(path: string): string {
  const base = path.replace(/^.*\//s, '').replace(/(?!^)\.[^.]*$/, '');
  return base === '-' || base === '' ? 'stdin' : base;
}

async function openSource(format: ImportFormat, path: string, options: Options, world: Run): Promise<Source> {
  const { kindOfFile, openTextSource, peeked } = await import('../../import/text-source.js');
  const stdin = path === '-' ? await peeked(world.context.streams.stdin.readable) : undefined;
  const kind = stdin?.kind ?? kindOfFile(path);
  if (!format.kinds.includes(kind)) {
    throw new DaybookError('usage', `${path} is ${kind}, and ${format.name} comes as ${format.kinds.join(' or ')}`);
  }
  if (kind !== 'sqlite') {
    if (options.table !== undefined) throw new DaybookError('usage', `--table: ${path} is a text and has no tables`);
    return openTextSource(path, kind, stdin?.bytes);
  }
  const table = options.table ?? format.table;
  if (table === undefined)
    throw new DaybookError('usage', '--table is missing: which one to read', { hint: '… --table …' });
  const { openSourceDatabase } = await import('../../store/sqlite/source.js');
  return openSourceDatabase({ path, table, busyTimeout: world.globals.busyTimeout });
}

/** `dca_settlements(id, machine_id)`: the machine of a settlement is its scope, `machine:<its id>`. */
function scopeLookup(text: string, source: Source): (entityId: string) => string | null {
  const parts =
    /^\s*(?:(?<kind>[^:=(),]+)=)?(?<table>[^(),]+?)\s*\(\s*(?<key>[^(),]+?)\s*,\s*(?<column>[^(),]+?)\s*\)\s*$/.exec(
      text,
    )?.groups;
  if (parts === undefined) {
    throw new DaybookError(
      'usage',
      `--scope-from ${quoted(text)} is not table(key, column), such as settlements(id, machine_id)`,
    );
  }
  const { kind, table = '', key = '', column = '' } = parts;
  const find = source.lookup(table, key, column);
  const prefix = kind ?? column.replace(/_?id$/i, '');
  return (entityId) => {
    const found = find(entityId);
    return found === null || found === '' ? null : `${prefix === '' ? column : prefix}:${found}`;
  };
}

async function importAll(
  format: ImportFormat,
  source: Source,
  options: ImportOptions,
  { format: output }: Options,
  { globals, context, signal }: Run,
): Promise<void> {
  const [{ importSource, recordImport }, { startProgress }] = await Promise.all([
    import('../../operations/import.js'),
    import('../../terminal/progress.js'),
  ]);
  const progress = startProgress(context.streams.stderr, {
    quiet: globals.quiet,
    verb: 'imported',
    total: source.total,
  });
  await withStore(context, globals, 'write', async (store) => {
    let totals: ImportTotals | undefined;
    try {
      const steps = importSource(store, source, options);
      for (;;) {
        const step = await steps.next();
        totals = step.value;
        await progress.update(totals.recorded + totals.skipped);
        if (step.done === true) break;
      }
    } finally {
      await progress.end();
    }
    if (signal.aborted)
      throw new DaybookError('interrupted', `interrupted after ${entries(totals.recorded)}; run it again to go on`);
    const seq = await recordImport(store, totals, {
      format: format.name,
      source: options.source,
      actor: globals.actor,
    });
    await printTotals(totals, seq, output, { globals, context, signal });
  });
}

async function printTotals(
  totals: ImportTotals,
  seq: number | null,
  output: 'json' | undefined,
  { globals, context }: Run,
): Promise<void> {
  const { read, recorded, skipped, unmatched, rejected } = totals;
  if (output === 'json') {
    const counts = { read, recorded, skipped, unmatched, rejected, entry: seq };
    return printJson(counts, context);
  }
  await note(context, globals, `read ${read}, ${totalsText(totals)}`);
}

function totalsText({ recorded, skipped, unmatched, rejected }: ImportTotals): string {
  return [
    `recorded ${entries(recorded)}`,
    ...(skipped === 0 ? [] : [`${skipped} were there already`]),
    ...(unmatched === 0 ? [] : [`${unmatched} did not match and are kept as text`]),
    ...(rejected === 0 ? [] : [`${rejected} rejected`]),
  ].join(', ');
}

async function rehearse(
  source: Source,
  options: ImportOptions,
  { format }: Options,
  { globals, context }: Run,
): Promise<void> {
  const { rehearseImport } = await import('../../operations/import.js');
  const { visible } = await import('../../terminal/sanitize.js');
  const found = await withStore(context, globals, 'read', (store) => rehearseImport(store, source, options));
  const { stdout } = context.streams;
  if (format === 'json') {
    const { samples, unmatchedSamples, ...counts } = found;
    const whole = { ...counts, entry: null, samples, unmatched_samples: unmatchedSamples };
    return printJson(whole, context);
  }
  const line = (text: string): Promise<void> => stdout.write(`${visible(text, { newlines: 'mark' })}\n`);
  await line(`would read ${found.read}, ${totalsText(found).replace('recorded', 'record')}`);
  if (found.first !== null) await line(`from ${found.first} to ${found.last ?? ''}`);
  for (const { action, count } of found.actions) await line(`action ${action}: ${count}`);
  for (const { actor, count } of found.actors.slice(0, 20)) await line(`actor ${actor}: ${count}`);
  for (const entry of found.unmatchedSamples) await line(`did not match: ${entry.message}`);
  for (const entry of found.samples) await line(`${entry.ts ?? ''} ${entry.action} ${entry.actor}: ${entry.message}`);
}

async function verify(
  source: Source,
  options: ImportOptions,
  { format }: Options,
  { globals, context }: Run,
): Promise<void> {
  const { verifyImport } = await import('../../operations/import.js');
  const { visible } = await import('../../terminal/sanitize.js');
  const { stdout } = context.streams;
  let different = 0;
  const result = await withStore(context, globals, 'read', async (store) => {
    const differences = verifyImport(store, source, options);
    for (;;) {
      const step = await differences.next();
      if (step.done === true) return step.value;
      different += 1;
      const { position, id, fields } = step.value;
      const what = fields === null ? 'has no entry' : `has an entry with another ${fields.join(', ')}`;
      if (format === undefined) await stdout.write(`${visible(`${position}: ${id} ${what}`, { newlines: 'mark' })}\n`);
    }
  });
  if (format === 'json') await printJson({ ...result, different }, context);
  if (different > 0 || result.rejected > 0) {
    throw new DaybookError(
      'findings',
      `${different} of ${entries(result.entries)} differ, ${result.rejected} records are broken`,
    );
  }
  await note(context, globals, `all ${entries(result.entries)} of ${result.read} records are there`);
}
