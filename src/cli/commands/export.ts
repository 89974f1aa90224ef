import { Option } from 'commander';
import type { Command } from 'commander';
import { ENTRY_FIELDS } from '../../core/entry.js';
import type { EntryField } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { keptMark } from '../../core/mark.js';
import { FILE_FORMATS, fileFormatter, formatOfFile } from '../../format/files.js';
import type { FormatName } from '../../format/index.js';
import type { ExportedInto, ExportFormatter, ExportTarget, ManifestWish } from '../../operations/export-into.js';
import type { OutputPlace } from '../../operations/output-place.js';
import type { AuditStore } from '../../store/audit-store.js';
import { addArchivesOption, expectNoArchives, withArchivesOf } from '../archives.js';
import type { ArchivesOption } from '../archives.js';
import { readColumns } from '../columns.js';
import { declare, entries, interruptible, note, originOf, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { AskedFilter, FilterOptions } from '../filters.js';
import { checkFormatOptions } from '../format-fit.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import type { Progress } from '../../terminal/progress.js';
import { openTarget } from '../target.js';
import type { Target } from '../target.js';

interface Options extends FilterOptions, ArchivesOption {
  readonly format?: FormatName;
  readonly output?: string;
  readonly gzip?: true;
  readonly columns?: string;
  readonly force?: true;
  readonly header: boolean;
  readonly exact?: true;
  readonly bom?: true;
  readonly octetFraming?: true;
  readonly checkpoint?: string;
  readonly mark?: string;
  readonly manifest?: string;
  readonly proof?: string;
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
      'A file appears whole or not at all. With --checkpoint it holds only what was recorded since the last completed\nexport of that name, by order of recording; exit code 3 says that a prune deleted entries before they were exported.',
  })
    .addOption(
      new Option('--format <format>', "what to write; else by the file's name, else ndjson").choices(
        FILE_FORMATS.toSorted(),
      ),
    )
    .option('-o, --output <file>', 'write to this file (else stdout)')
    .option('--gzip', 'compress (a name that ends in .gz does too)')
    .option('--columns <fields>', 'only these fields, in this order, separated by commas')
    .option('--force', 'replace a file that exists')
    .option('--no-header', 'CSV without its header line')
    .option('--exact', 'CSV without disarmed formulas')
    .option('--bom', 'CSV that Excel opens as UTF-8')
    .option('--octet-framing', 'rfc5424: the length of each message in front of it')
    .option('--checkpoint <name>', 'only what is new since the last export of this name')
    .addOption(
      new Option('--mark <mark>', 'the trail as it was at this mark, which a case names').conflicts('checkpoint'),
    )
    .option('--manifest <file>', 'write the count, the checksum and the filter there')
    .option('--proof <file>', 'write there what proves the entries: daybook verify checks the export with it');
  addArchivesOption(addFilterOptions(command)).action(async (options: Options, self: Command) => {
    const globals = await resolveGlobals(self, context);
    const asked = await readFilter(options, globals, context);
    const columns = readColumns(options.columns, ENTRY_FIELDS) ?? ENTRY_FIELDS;
    const plan: Plan = { options, asked, columns, format: formatOf(options), globals, context };
    checkFormat(options, plan.format);
    if (options.checkpoint !== undefined) expectNoArchives(options, '--checkpoint');
    if (options.proof !== undefined) expectNoArchives(options, '--proof');
    if (options.checkpoint === '') throw new DaybookError('usage', '--checkpoint must not be empty');
    const places = await outputsOf(options, globals, context);
    await interruptible(context, (signal) =>
      withStore(context, globals, (store) => exportAll(store, { ...plan, ...places }, signal), {
        sequential: true,
        ...withArchivesOf(options),
      }),
    );
  });
}

interface Plan {
  readonly options: Options;
  readonly asked: AskedFilter;
  readonly columns: readonly EntryField[];
  readonly format: FormatName;
  readonly globals: Globals;
  readonly context: Context;
}

/** An output that is not there is standard output, and no manifest. */
interface Outputs {
  readonly output: OutputPlace | undefined;
  readonly manifest: OutputPlace | undefined;
  readonly proof: OutputPlace | undefined;
}

const STANDARD_OUTPUT = 1;

async function outputsOf({ output, manifest, proof }: Options, globals: Globals, context: Context): Promise<Outputs> {
  const { outputPlaces } = await import('../../operations/output-place.js');
  const printed = output === undefined || output === '-';
  const places = outputPlaces(originOf(globals, context), {
    'standard output': printed ? STANDARD_OUTPUT : undefined,
    '--output': printed ? undefined : output,
    '--manifest': manifest,
    '--proof': proof,
  });
  return { output: places['--output'], manifest: places['--manifest'], proof: places['--proof'] };
}

function checkFormat(options: Options, format: FormatName): void {
  checkFormatOptions(format, { columns: options.columns, octets: options.octetFraming });
  const stray = !options.header
    ? '--no-header'
    : options.exact === true
      ? '--exact'
      : options.bom === true
        ? '--bom'
        : undefined;
  if (stray === undefined || format === 'csv') return;
  throw new DaybookError('usage', `${stray} is about CSV, and this export is ${format}`, { hint: '… --format csv' });
}

function formatOf(options: Options): FormatName {
  if (options.format !== undefined) return options.format;
  const named = options.output === undefined ? undefined : formatOfFile(options.output);
  if (named !== undefined) return named;
  if (options.output === undefined || options.output === '-') return 'ndjson';
  throw new DaybookError('usage', `the name ${options.output} does not say the format`, {
    hint: '… --format ndjson',
  });
}

async function exportAll(store: AuditStore, plan: Plan & Outputs, signal: AbortSignal): Promise<void> {
  const { options, context, globals, output } = plan;
  for (const place of [plan.manifest, plan.proof]) {
    if (place === undefined) continue;
    const { refuseExisting } = await import('../../operations/output-file.js');
    await refuseExisting(place, options.force === true);
  }
  if (plan.proof !== undefined) expectProvable(plan);
  const target = await openTarget(output, options, context, signal);
  const { count, missed } = await writeExport(store, plan, target, signal);
  if (options.output !== undefined) await note(context, globals, `exported ${entries(count)} to ${options.output}`);
  if (missed > 0) {
    throw new DaybookError(
      'findings',
      `${missed} entries were pruned before checkpoint ${options.checkpoint ?? ''} had exported them; the ${count} that were left are exported`,
    );
  }
}

/** Where what proves an export is written. */
async function proofTarget(place: OutputPlace, force: boolean): Promise<ExportTarget> {
  const { openOutput } = await import('../../operations/output-file.js');
  return openOutput(place, { force, gzip: false, unchecked: true });
}

/** Only the lines that were sealed can be proved. */
function expectProvable({ format, columns }: Plan): void {
  if (format === 'ndjson' && columns.length === ENTRY_FIELDS.length) return;
  throw new DaybookError('usage', '--proof proves whole lines: it needs --format ndjson and every column');
}

/** Exports, and shows on standard error how far it is. */
async function writeExport(
  store: AuditStore,
  plan: Plan & Outputs,
  target: Target,
  signal: AbortSignal,
): Promise<ExportedInto> {
  const { exportInto } = await import('../../operations/export-into.js');
  const { startProgress } = await import('../../terminal/progress.js');
  const { columns, context, globals } = plan;
  const { filter, question } = plan.asked;
  const { checkpoint: name, mark } = plan.options;
  const wish = {
    filter,
    columns,
    ...(name !== undefined && { checkpoint: { name, question } }),
    ...(mark !== undefined && { upTo: keptMark(mark) }),
    ...(plan.proof !== undefined && { proof: await proofTarget(plan.proof, plan.options.force === true) }),
  };
  const formatter = await formatterOf(plan, target.isTerminal);
  const steps = exportInto(store, wish, { target, formatter, manifest: manifestOf(plan, signal) }, signal);
  let progress: Progress | undefined;
  try {
    for (;;) {
      const step = await steps.next();
      if (step.done === true) return step.value;
      const { done, total } = step.value;
      progress ??= startProgress(context.streams.stderr, {
        quiet: globals.quiet || target.isTerminal,
        verb: 'exported',
        total,
      });
      await progress.update(done);
    }
  } finally {
    await progress?.end();
  }
}

async function formatterOf(plan: Plan, terminal: boolean): Promise<ExportFormatter> {
  const { header, exact, bom, octetFraming } = plan.options;
  const formatter = await fileFormatter(plan.format, {
    columns: plan.columns,
    terminal,
    header,
    exact: exact === true,
    bom: bom === true,
    octets: octetFraming === true,
  });
  if (formatter !== undefined) return formatter;
  throw new DaybookError('usage', `${plan.format} is a format for people, and no file holds it`);
}

function manifestOf(plan: Plan & Outputs, signal: AbortSignal): ManifestWish | undefined {
  const { manifest, format, context, options } = plan;
  if (manifest === undefined) return undefined;
  const open = async (): Promise<ExportTarget> => {
    const { openOutput } = await import('../../operations/output-file.js');
    return openOutput(manifest, { force: options.force === true, gzip: false, signal });
  };
  return { format, clock: context.now, open };
}
