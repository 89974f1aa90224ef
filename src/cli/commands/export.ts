import { Option } from 'commander';
import type { Command } from 'commander';
import { ENTRY_FIELDS } from '../../core/entry.js';
import type { EntryField } from '../../core/entry.js';
import { DaybookError, ResourceError } from '../../core/errors.js';
import { keptMark } from '../../core/mark.js';
import type { Mark } from '../../core/mark.js';
import { formatTimestamp } from '../../core/timestamp.js';
import type { Formatter } from '../../format/index.js';
import type { Exported } from '../../operations/export.js';
import type { OutputPlace } from '../../operations/output-place.js';
import type { AuditStore, Extent } from '../../store/audit-store.js';
import { readColumns } from '../columns.js';
import { declare, entries, interruptible, note, originOf, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { AskedFilter, FilterOptions } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { openTarget } from '../target.js';

type ExportFormat = 'csv' | 'json' | 'ndjson';

interface Options extends FilterOptions {
  readonly format?: ExportFormat;
  readonly output?: string;
  readonly gzip?: true;
  readonly columns?: string;
  readonly force?: true;
  readonly header: boolean;
  readonly exact?: true;
  readonly checkpoint?: string;
  readonly mark?: string;
  readonly manifest?: string;
}

export function addExport(program: Command, context: Context): void {
  const command = declare(program, 'export', {
    does: 'copies',
    doesWith: { '--checkpoint': 'resumes' },
    examples: [
      'export --in 2026-Q1 -o q1.csv --manifest q1.manifest.json',
      'export --checkpoint siem -o "entries-$(date +%F).ndjson.gz"',
    ],
    notes:
      'A file appears whole or not at all. With --checkpoint, only what was recorded since the last completed export of\nthat name, by order of recording; exit code 3 says that a prune took entries before they were exported.',
  })
    .addOption(
      new Option('--format <format>', "csv, json or ndjson; else from the file's name, else ndjson").choices([
        'csv',
        'json',
        'ndjson',
      ]),
    )
    .option('-o, --output <file>', 'write to this file (else stdout)')
    .option('--gzip', 'compress (a name that ends in .gz does too)')
    .option('--columns <fields>', 'only these fields, in this order, separated by commas')
    .option('--force', 'replace a file that exists')
    .option('--no-header', 'CSV without its header line')
    .option('--exact', 'CSV without disarmed formulas')
    .option('--checkpoint <name>', 'only what is new since the last export of this name')
    .addOption(
      new Option('--mark <mark>', 'the trail as it was at this mark, which a case names').conflicts('checkpoint'),
    )
    .option('--manifest <file>', 'write the count, the checksum and the filter there');
  addFilterOptions(command).action(async (options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const asked = await readFilter(options, globals, context);
    const columns = readColumns(options.columns, ENTRY_FIELDS) ?? ENTRY_FIELDS;
    const plan: Plan = { options, asked, columns, format: formatOf(options), globals, context };
    checkFormat(options, plan.format);
    if (options.checkpoint === '') throw new DaybookError('usage', '--checkpoint must not be empty');
    const places = await outputsOf(options, globals, context);
    await interruptible(context, (signal) =>
      withStore(context, globals, (store) => exportAll(store, { ...plan, ...places }, signal), { sequential: true }),
    );
  });
}

interface Plan {
  readonly options: Options;
  readonly asked: AskedFilter;
  readonly columns: readonly EntryField[];
  readonly format: ExportFormat;
  readonly globals: Globals;
  readonly context: Context;
}

/** An output that is not there is standard output, and no manifest. */
interface Outputs {
  readonly output: OutputPlace | undefined;
  readonly manifest: OutputPlace | undefined;
}

const STANDARD_OUTPUT = 1;

async function outputsOf({ output, manifest }: Options, globals: Globals, context: Context): Promise<Outputs> {
  const { outputPlaces } = await import('../../operations/output-place.js');
  const printed = output === undefined || output === '-';
  const places = outputPlaces(originOf(globals, context), {
    'standard output': printed ? STANDARD_OUTPUT : undefined,
    '--output': printed ? undefined : output,
    '--manifest': manifest,
  });
  return { output: places['--output'], manifest: places['--manifest'] };
}

function checkFormat(options: Options, format: ExportFormat): void {
  const stray = !options.header ? '--no-header' : options.exact === true ? '--exact' : undefined;
  if (stray === undefined || format === 'csv') return;
  throw new DaybookError('usage', `${stray} is about CSV, and this export is ${format}`, { hint: '… --format csv' });
}

function formatOf(options: Options): ExportFormat {
  if (options.format !== undefined) return options.format;
  const name = options.output?.replace(/\.gz$/, '');
  const ending = name === undefined ? undefined : /\.(csv|json|ndjson|jsonl)$/.exec(name)?.[1];
  if (ending === 'jsonl') return 'ndjson';
  if (ending !== undefined) return ending as ExportFormat;
  if (options.output === undefined || options.output === '-') return 'ndjson';
  throw new DaybookError('usage', `the name ${options.output} does not say the format`, {
    hint: '… --format ndjson',
  });
}

async function exportAll(store: AuditStore, plan: Plan & Outputs, signal: AbortSignal): Promise<void> {
  const { beginCheckpoint, beginExport } = await import('../../operations/export.js');
  const { options, asked, context, globals, output, manifest } = plan;
  const { filter, question } = asked;
  if (manifest !== undefined) {
    const { refuseExisting } = await import('../../operations/output-file.js');
    await refuseExisting(manifest, options.force === true);
  }
  const target = await openTarget(output, options, context, signal);
  try {
    const begun =
      options.checkpoint === undefined ? undefined : await beginCheckpoint(store, options.checkpoint, question, filter);
    const since = begun?.checkpoint.mark;
    const extent =
      begun?.extent ??
      (await beginExport(store, { filter, ...(options.mark !== undefined && { upTo: keptMark(options.mark) }) }));
    const exported = await writeEntries(store, plan, { since, extent, target, signal });
    const file = await target.finish();
    if (manifest !== undefined) await writeManifest(manifest, plan, { exported, file, signal });
    if (options.checkpoint !== undefined && since !== undefined) {
      await store.moveCheckpoint(options.checkpoint, since, exported.upTo).catch((error: unknown) => {
        throw unmoved(error, exported.count);
      });
    }
    if (options.output !== undefined)
      await note(context, globals, `exported ${entries(exported.count)} to ${options.output}`);
    const missed = begun?.checkpoint.missed ?? 0;
    if (missed > 0) {
      throw new DaybookError(
        'findings',
        `${missed} entries were pruned before checkpoint ${options.checkpoint ?? ''} had exported them; the ${exported.count} that were left are exported`,
      );
    }
  } finally {
    await target.abandon();
  }
}

/** Entries that are handed over while their checkpoint stays come once more: whoever takes them has to know. */
function unmoved(error: unknown, count: number): unknown {
  if (!(error instanceof ResourceError)) return error;
  const { kind, message } = error;
  return new DaybookError(
    kind,
    `${message}; ${entries(count)} are exported, and the checkpoint is where it was: the next export brings them again`,
    { cause: error },
  );
}

interface Writing {
  readonly since: Mark | undefined;
  readonly extent: Extent;
  readonly target: Awaited<ReturnType<typeof openTarget>>;
  readonly signal: AbortSignal;
}

async function writeEntries(store: AuditStore, plan: Plan, writing: Writing): Promise<Exported> {
  const { exportPages } = await import('../../operations/export.js');
  const { startProgress } = await import('../../terminal/progress.js');
  const { columns, asked, context, globals } = plan;
  const { extent, target, since } = writing;
  const formatter = await exportFormatter(plan, target.isTerminal);
  const progress = startProgress(context.streams.stderr, {
    quiet: globals.quiet || target.isTerminal,
    verb: 'exported',
    total: extent.count,
  });
  const shape = formatter.reads !== 'rows' ? 'lines' : formatter.fields === undefined ? 'rows' : 'fields';
  const request = { filter: asked.filter, columns, shape, ...(since === undefined ? {} : { since }) } as const;
  try {
    await target.write(formatter.begin());
    const pages = exportPages(store, request, extent, writing.signal);
    for (;;) {
      const step = await pages.next();
      if (step.done === true) {
        await target.write(formatter.end(null));
        return step.value;
      }
      const { rows, lines, fields, done } = step.value;
      if (formatter.reads === 'rows' && fields !== undefined) await target.write(formatter.fields?.(fields) ?? '');
      if (formatter.reads === 'rows' && rows !== undefined) await target.write(formatter.page(rows));
      if (formatter.reads === 'lines' && lines !== undefined) await target.write(formatter.page(lines));
      await progress.update(done);
    }
  } finally {
    await progress.end();
  }
}

async function exportFormatter(plan: Plan, terminal: boolean): Promise<Formatter> {
  const { FORMATS } = await import('../../format/index.js');
  const { PLAIN_PALETTE } = await import('../../terminal/colour.js');
  return FORMATS[plan.format]({
    columns: plan.columns,
    columnsGiven: true,
    terminal,
    width: 80,
    zone: 'UTC',
    palette: PLAIN_PALETTE,
    header: plan.options.header,
    exact: plan.options.exact === true,
    shape: 'array',
  });
}

async function writeManifest(
  place: OutputPlace,
  plan: Plan,
  {
    exported,
    file,
    signal,
  }: {
    readonly exported: Exported;
    readonly file: { readonly bytes: number; readonly sha256: string };
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { openOutput } = await import('../../operations/output-file.js');
  const { datedFilter } = await import('../../core/filter-text.js');
  const { VERSION } = await import('../../core/version.js');
  const output = await openOutput(place, { force: plan.options.force === true, gzip: false, signal });
  const facts = {
    format: plan.format,
    columns: plan.columns,
    count: exported.count,
    first_seq: exported.firstSeq,
    last_seq: exported.lastSeq,
    filter: datedFilter(plan.asked.filter),
    sha256: file.sha256,
    bytes: file.bytes,
    created_at: formatTimestamp(plan.context.now()),
    complete: true,
    tool: `daybook ${VERSION}`,
  };
  try {
    await output.write(`${JSON.stringify(facts, null, 2)}\n`);
    await output.finish();
  } finally {
    await output.abandon();
  }
}
