import { Option } from 'commander';
import type { Command } from 'commander';
import { addressOf } from '../../core/address.js';
import { DaybookError, ResourceError } from '../../core/errors.js';
import type { ImportFormat, ImportSettings } from '../../core/import.js';
import type { OpenedImport } from '../../operations/open-import.js';
import type { ImportOptions } from '../../operations/import-entries.js';
import type { ImportTotals } from '../../operations/import-totals.js';
import { forgottenText } from '../import-text.js';
import type { Progress } from '../../terminal/progress.js';
import { declare, entries, interruptible, note, originOf, printJson, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals, zoneNamed } from '../globals.js';
import type { Globals } from '../globals.js';
import { openRejects } from '../rejects.js';
import type { Rejects } from '../rejects.js';

interface Options {
  readonly list?: true;
  readonly table?: string;
  readonly source?: string;
  readonly map?: readonly string[];
  readonly idFrom?: string;
  readonly timeFormat?: string;
  readonly records?: string;
  readonly delimiter?: string;
  readonly header?: string;
  readonly key?: string;
  readonly column?: string;
  readonly entityType?: string;
  readonly order?: ImportSettings['order'];
  readonly pattern?: readonly string[];
  readonly exact?: true;
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
    does: 'records',
    doesWith: { '--list': 'reads', '--verify': 'checks', '--dry-run': 'reads' },
    examples: [
      'import --list',
      'import ledgrab ledgrab.db --dry-run',
      'import ledgrab ledgrab.db --rejects rejects.ndjson',
      'import ledgrab ledgrab.db --verify',
      'import notes app.db --table dca_settlements --key id --column notes --entity-type settlement --pattern memo,stamped',
      'import csv events.csv --map ts=created_at --map actor=user.name',
      "import ndjson audit.ndjson --map 'actor=user.name|user.id' --id-from auditID,stage --dry-run",
    ],
    notes:
      'Importing twice adds nothing, and a source that grew adds what is new. A source is a SQLite file, which is opened read-only, a text (CSV, JSON lines, or JSON, compressed with gzip or not; - is stdin), or a table in PostgreSQL (postgres://…), which is read page by page.',
  })
    .argument('[format]', 'whose records: see --list')
    .argument('[source]', 'the file, - for stdin, or postgres://user@host/database')
    .option('--list', 'describe the formats')
    .option('--table <table>', 'the table to read, in a SQLite file')
    .option(
      '--source <name>',
      'the source that the entries name (default: that of the format, else the name of the file)',
    )
    .addOption(
      new Option(
        '--map <field=key>',
        'a field from a key, a path or a "constant"; key|other for the first there is, "kind:"+key put together (repeatable)',
      ).argParser(collect),
    )
    .option('--id-from <keys>', 'make the id of these keys (key,key), or of the content of a record')
    .option(
      '--time-format <format>',
      "how times are written: s, ms, us, ns, excel, filetime, clf, rfc2822, or a pattern in luxon's tokens",
    )
    .option('--records <path>', 'where the records stand in a JSON document, such as Records')
    .option('--delimiter <character>', 'what stands between the cells of CSV: one character, or tab (default: ,)')
    .option('--header <names>', 'the columns of CSV that has no header: a,b,c')
    .option('--key <column>', 'the column of the entity id, or table(column, …) for each table of row changes')
    .option('--column <column>', 'the column of the notes')
    .option('--entity-type <type>', 'the type of the entities')
    .addOption(new Option('--order <order>', 'how notes stand in their text').choices(['newest-first', 'oldest-first']))
    .addOption(
      new Option(
        '--pattern <pattern>',
        'how a note looks: a preset or a regular expression (repeatable, tried in order)',
      ).argParser(collect),
    )
    .option('--exact', 'the CSV was exported with --exact')
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
      if (options.list === true) {
        const { IMPORT_FORMATS } = await import('../../importers/index.js');
        const { formatList, formatListJson } = await import('../import-text.js');
        const { stdout } = context.streams;
        const formats = [...IMPORT_FORMATS.values()];
        return stdout.write(
          options.format === 'json' ? formatListJson(formats) : await formatList(formats, stdout.columns),
        );
      }
      if (name === undefined || path === undefined) {
        throw new DaybookError('usage', 'say which format, and from where', { hint: 'daybook import --list' });
      }
      const { formatNamed } = await import('../../operations/open-import.js');
      const format = await formatNamed(name);
      await checkOptions(format, options);
      await interruptible(context, (signal) => importFrom(format, path, options, { globals, context, signal }));
    });
}

const SETTINGS = ['map', 'idFrom', 'timeFormat', 'key', 'column', 'entityType', 'order', 'pattern', 'exact'] as const;

async function checkOptions(format: ImportFormat, options: Options): Promise<void> {
  const ofKinds = { records: 'ndjson', delimiter: 'csv', header: 'csv' } as const;
  const others = (['records', 'delimiter', 'header'] as const).find(
    (setting) => options[setting] !== undefined && !format.kinds.includes(ofKinds[setting]),
  );
  const stray =
    SETTINGS.find((setting) => options[setting] !== undefined && !format.settings.includes(setting)) ?? others;
  if (stray !== undefined) {
    const { flagOf } = await import('../import-text.js');
    throw new DaybookError('usage', `${flagOf(stray)} says nothing to the format ${format.name}`, {
      hint: 'daybook import --list',
    });
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
  const reads =
    path === '-' ? { 'standard input': 0 } : addressOf(path).engine === 'sqlite' ? { 'the source': path } : {};
  const rejects =
    options.rejects === undefined ? undefined : await openRejects(options.rejects, globals, context, { reads, signal });
  const { assumeTz } = options;
  const asked = { ...options, assumeZone: assumeTz === undefined ? undefined : await zoneNamed(assumeTz, context) };
  await refuseCompanion(path, originOf(globals, context).file);
  const { openImport } = await import('../../operations/open-import.js');
  const opened = await openImport(format, path, {
    ...asked,
    ...(path === '-' && { stream: context.streams.stdin.readable }),
    ...(rejects && { reject: rejectingInto(rejects) }),
    busyTimeout: globals.busyTimeout,
    clock: context.now,
    presence: context.presence,
    signal,
  });
  try {
    if (options.verify === true) await verify(opened, options, world);
    else if (options.dryRun === true) await rehearse(opened, options, world);
    else await importAll(opened, options, world);
    await finishRejects(rejects);
    const unhidden = opened.unhidden();
    if (unhidden.length > 0) {
      await note(context, globals, `--redact ${unhidden.join(', ')}: nothing of that name is in any entry`);
    }
  } finally {
    await rejects?.abandon();
    opened.source.close();
  }
}

/** To close a descriptor of what SQLite keeps beside the trail would drop the locks that we have on it. */
async function refuseCompanion(path: string, trail: string | undefined): Promise<void> {
  const { belongsTo, isSameFile } = await import('../../operations/file-identity.js');
  if (trail === undefined || isSameFile(path, trail) || !belongsTo(path, trail)) return;
  throw new DaybookError('usage', `${path} belongs to the database ${trail}, and holds no records of its own`);
}

/** By then all else is done. */
async function finishRejects(rejects: Rejects | undefined): Promise<void> {
  try {
    await rejects?.finish();
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    throw new DaybookError(error.kind, `${error.message}; all else is done`, { cause: error });
  }
}

function rejectingInto(rejects: Rejects): NonNullable<ImportOptions['reject']> {
  return ({ position, reason, content }) => {
    const line = `{"position":${JSON.stringify(position)},"reason":${JSON.stringify(reason)},"record":${content}}`;
    return rejects.take(Buffer.from(line), `${position}: ${reason}`);
  };
}

async function importAll(
  { format, source, options }: OpenedImport,
  { format: output }: Options,
  { globals, context, signal }: Run,
): Promise<void> {
  const { importSource } = await import('../../operations/import.js');
  const { recordImport } = await import('../../operations/import-account.js');
  const reading = await progressOf('read', source, { globals, context });
  let progress = reading;
  await withStore(context, globals, async (store) => {
    let totals: ImportTotals = { read: 0, recorded: 0, skipped: 0, unmatched: 0, rejected: 0, forgotten: 0 };
    const recordEnd = (stopped?: string): Promise<number | null> =>
      recordImport(store, totals, {
        format: format.name,
        source: options.source,
        actor: globals.actor,
        ...(stopped !== undefined && { stopped }),
      });
    try {
      const steps = importSource(store, source, options);
      for (;;) {
        const step = await steps.next();
        totals = step.value;
        const done = totals.recorded + totals.skipped;
        // What has to be sorted is read whole before the first of it is recorded.
        if (done > 0 && progress === reading) {
          await reading.end();
          progress = await progressOf('imported', source, { globals, context });
        }
        await progress.update(progress === reading ? totals.read : done);
        if (step.done === true) break;
      }
      if (signal.aborted) throw new DaybookError('interrupted', 'interrupted');
    } catch (error) {
      await progress.end();
      // What kept the import from going on is what to tell, also where its end cannot be recorded either.
      const seq = await recordEnd(error instanceof DaybookError ? error.message : String(error)).catch(() => null);
      throw stoppedAfter(totals, seq, error);
    } finally {
      await progress.end();
    }
    const seq = await recordEnd().catch((error: unknown) => {
      throw stoppedAfter(totals, null, error);
    });
    await printOutcome(context, globals, totalsText(totals), () =>
      printTotals(totals, seq, output, { globals, context, signal }),
    );
  });
}

async function progressOf(
  verb: string,
  { total }: OpenedImport['source'],
  { globals, context }: Pick<Run, 'globals' | 'context'>,
): Promise<Progress> {
  const { startProgress } = await import('../../terminal/progress.js');
  return startProgress(context.streams.stderr, { quiet: globals.quiet, verb, total });
}

/** An error with what is recorded all the same, and how to go on. */
function stoppedAfter(totals: ImportTotals, seq: number | null, error: unknown): unknown {
  const nothing = totals.recorded === 0 && seq === null;
  if (!(error instanceof DaybookError) || (error.kind !== 'interrupted' && nothing)) return error;
  const told = seq === null ? '' : `, as entry ${seq} tells`;
  return new DaybookError(
    error.kind,
    `${error.message} (${totalsText(totals)}${told}: run it again to go on, nothing is recorded twice)`,
    { cause: error, ...(error.hint !== undefined && { hint: error.hint }) },
  );
}

async function printTotals(
  totals: ImportTotals,
  seq: number | null,
  output: 'json' | undefined,
  { globals, context }: Run,
): Promise<void> {
  const { read, ...counts } = totals;
  if (output === 'json') return printJson({ read, ...counts, entry: seq }, context);
  await note(context, globals, `read ${read}, ${totalsText(totals)}`);
}

function totalsText({ recorded, skipped, unmatched, rejected, forgotten }: ImportTotals): string {
  return [
    `recorded ${entries(recorded)}`,
    ...(skipped === 0 ? [] : [`${skipped} were there already`]),
    ...(unmatched === 0 ? [] : [`${unmatched} did not match and are kept as text`]),
    ...(rejected === 0 ? [] : [`${rejected} rejected`]),
    ...(forgotten === 0 ? [] : [forgottenText(forgotten)]),
  ].join(', ');
}

async function rehearse(
  { source, options }: OpenedImport,
  { format }: Options,
  { globals, context }: Run,
): Promise<void> {
  const [{ rehearseImport }, { rehearsalJson, rehearsalText }] = await Promise.all([
    import('../../operations/import-rehearsal.js'),
    import('../import-text.js'),
  ]);
  const progress = await progressOf('read', source, { globals, context });
  const told = { ...options, onRead: progress.update };
  const found = await withStore(context, globals, (store) => rehearseImport(store, source, told).finally(progress.end));
  const { stdout } = context.streams;
  if (format === 'json') return printJson(rehearsalJson(found), context);
  await stdout.write(await rehearsalText(found, stdout.isTerminal ? stdout.columns : undefined));
}

async function verify(
  { source, options }: OpenedImport,
  { format }: Options,
  { globals, context }: Run,
): Promise<void> {
  const { verifyImport } = await import('../../operations/import-comparison.js');
  const { visible } = await import('../../terminal/sanitize.js');
  const { stdout } = context.streams;
  let different = 0;
  const progress = await progressOf('read', source, { globals, context });
  const say = async (text: string): Promise<void> => {
    await progress.end();
    await stdout.write(`${visible(text, { newlines: 'mark' })}\n`);
  };
  const reject: ImportOptions['reject'] = async (broken) => {
    await options.reject?.(broken);
    if (format === undefined) await say(`${broken.position}: ${broken.reason}`);
  };
  const onForgotten: ImportOptions['onForgotten'] = async ({ position, id, values }) => {
    if (format === undefined)
      await say(`${position}: ${id} holds ${values.join(', ')}, which the source has forgotten`);
  };
  const result = await withStore(context, globals, async (store) => {
    const differences = verifyImport(store, source, { ...options, reject, onForgotten, onRead: progress.update });
    try {
      for (;;) {
        const step = await differences.next();
        if (step.done === true) return step.value;
        different += 1;
        const { position, id, fields } = step.value;
        const what = fields === null ? 'has no entry' : `has an entry with another ${fields.join(', ')}`;
        if (format === undefined) await say(`${position}: ${id} ${what}`);
      }
    } finally {
      await progress.end();
    }
  });
  if (format === 'json') await printJson({ ...result, different }, context);
  if (different > 0 || result.rejected > 0) {
    throw new DaybookError(
      'findings',
      `${different} of ${entries(result.entries)} differ, ${result.rejected} records are broken`,
    );
  }
  const forgotten = result.forgotten === 0 ? '' : `, ${forgottenText(result.forgotten)}`;
  await note(context, globals, `all ${entries(result.entries)} of ${result.read} records are there${forgotten}`);
}
