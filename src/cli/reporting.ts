import { setImmediate as turn } from 'node:timers/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../core/errors.js';
import type { ReportView } from '../format/report/view.js';
import { addArchivesOption } from './archives.js';
import type { ArchivesOption } from './archives.js';
import { interruptible, note, originOf } from './command.js';
import type { Context } from './context.js';
import { addFilterOptions } from './filters.js';
import type { FilterOptions } from './filters.js';
import type { Globals } from './globals.js';
import { wholeNumber } from './numbers.js';

/** How a report comes out. */
export interface FormOptions {
  readonly format?: 'table' | 'json' | 'csv';
  readonly html?: string;
  readonly force?: true;
  readonly pager: boolean;
}

export interface ReportOptions extends FilterOptions, FormOptions, ArchivesOption {
  readonly limit: number;
}

/** `usual` says what comes out where no format is given. */
export function addFormOptions(command: Command, usual: string): Command {
  return command
    .addOption(new Option('--format <format>', usual).choices(['table', 'json', 'csv']))
    .addOption(new Option('--html <file>', 'write a page that stands alone to this file').conflicts('format'))
    .option('--force', 'replace a file that exists')
    .option('--no-pager', 'do not page long output');
}

/** The options of a report that counts. `limited` ones have a first part. */
export function addReportOptions(command: Command, limited: boolean): Command {
  if (limited) {
    command.addOption(new Option('-n, --limit <n>', 'at most this many rows').argParser(wholeNumber(1)).default(50));
  }
  return addArchivesOption(addFilterOptions(addFormOptions(command, 'table on a terminal, plain lines elsewhere')));
}

/** A report in each of its forms, made when it is asked for. */
export interface ReportForms {
  readonly view: () => Promise<ReportView>;
  readonly json: () => Promise<string>;
  readonly csv: () => Promise<string>;
}

/** Prints a report as it was asked for. */
export async function printReport(
  forms: ReportForms,
  options: ReportOptions,
  { globals, context }: { readonly globals: Globals; readonly context: Context },
): Promise<void> {
  const { stdout } = context.streams;
  const [{ visible, visibleJson }, { withPager }] = await Promise.all([
    import('../terminal/sanitize.js'),
    import('../terminal/pager.js'),
  ]);
  if (options.format === 'json') {
    const text = await forms.json();
    return stdout.write(stdout.isTerminal ? visibleJson(text) : text);
  }
  if (options.format === 'csv') {
    const text = await forms.csv();
    return stdout.write(stdout.isTerminal ? visible(text, { newlines: 'keep' }) : text);
  }
  const view = await forms.view();
  if (options.html !== undefined) {
    const { htmlReport } = await import('../format/report/html.js');
    const page = htmlReport(view, await madeWords(globals, context));
    return writePage(options.html, options.force, { globals, context }, [page]);
  }
  const [{ plainReport, terminalReport }, { palette }] = await Promise.all([
    import('../format/report/terminal.js'),
    import('../terminal/colour.js'),
  ]);
  if (!stdout.isTerminal && options.format === undefined) {
    await stdout.write(plainReport(view));
    if (view.note !== undefined) await note(context, globals, view.note);
    return;
  }
  const text = await terminalReport(view, {
    width: stdout.columns,
    palette: await palette(globals.colour('stdout')),
  });
  await withPager(context.streams, context.env, options.pager, (out) => out.write(text));
}

/** Prints what comes in pieces; a table goes through the pager. */
export async function printPieces(
  pieces: AsyncIterable<string>,
  options: FormOptions,
  context: Context,
): Promise<void> {
  const [{ visible, visibleJson }, { withPager }] = await Promise.all([
    import('../terminal/sanitize.js'),
    import('../terminal/pager.js'),
  ]);
  const forPeople = options.format === undefined || options.format === 'table';
  await withPager(context.streams, context.env, options.pager && forPeople, async (out) => {
    for await (const piece of pieces) {
      const safe = forPeople || !out.isTerminal;
      await out.write(
        safe ? piece : options.format === 'json' ? visibleJson(piece) : visible(piece, { newlines: 'keep' }),
      );
    }
  });
}

/** What made a page, of what, and when. */
export async function madeWords({ db }: Globals, context: Context, database = db.shown): Promise<string> {
  const [{ VERSION }, { formatTimestamp }] = await Promise.all([
    import('../core/version.js'),
    import('../core/timestamp.js'),
  ]);
  return `daybook ${VERSION}, ${database}, ${formatTimestamp(context.now())}`;
}

/** Writes a page to a file that appears whole or not at all, or to stdout for `-`. */
export async function writePage(
  file: string,
  force: true | undefined,
  { globals, context }: { readonly globals: Globals; readonly context: Context },
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const [{ openTarget }, { outputPlaces }] = await Promise.all([
    import('./target.js'),
    import('../operations/output-place.js'),
  ]);
  const { '--html': place } = outputPlaces(originOf(globals, context), { '--html': file === '-' ? undefined : file });
  await interruptible(context, async (signal) => {
    const target = await openTarget(place, force === undefined ? {} : { force }, context, signal);
    try {
      for await (const piece of pieces) {
        await target.write(piece);
        // What came meanwhile is heard only now.
        await turn();
        if (signal.aborted) throw new DaybookError('interrupted', 'interrupted: no page was written');
      }
      await target.finish();
    } finally {
      await target.abandon();
    }
  });
}
