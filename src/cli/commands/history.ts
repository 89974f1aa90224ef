import { Option } from 'commander';
import type { Command } from 'commander';
import type { HistoryField } from '../../core/entry.js';
import { HISTORY_FIELDS } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { FORMAT_NAMES, formatNamed } from '../../format/index.js';
import type { Formatter, FormatName } from '../../format/index.js';
import type { HistoryRequest } from '../../operations/history.js';
import type { Content, Reading } from '../../operations/reading.js';
import type { AuditStore } from '../../store/audit-store.js';
import type { Output } from '../../terminal/streams.js';
import { addArchivesOption, expectNoArchives, withArchivesOf } from '../archives.js';
import type { ArchivesOption } from '../archives.js';
import { readColumns } from '../columns.js';
import { declare, interruptible, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { addFilterOptions, readFilter } from '../filters.js';
import type { FilterOptions } from '../filters.js';
import { checkFormatOptions } from '../format-fit.js';
import { formatFor, formatOption } from '../format-option.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { looksOf } from '../looks.js';
import { wholeNumberOrAll } from '../numbers.js';
import { writePages } from '../pages.js';

interface Options extends FilterOptions, ArchivesOption {
  readonly limit: number;
  readonly cursor?: string;
  readonly oldestFirst?: true;
  readonly format?: FormatName;
  readonly fold?: true;
  readonly octetFraming?: true;
  readonly columns?: string;
  readonly follow?: true;
  readonly states?: true;
  readonly explain?: true;
  readonly pager: boolean;
}

export function addHistory(program: Command, context: Context): void {
  const command = declare(program, 'history', {
    does: 'reads',
    examples: [
      'history settlement:42',
      'history --action partial_dispense --in march --format csv --columns ts,actor,entity_id,message',
      'history --severity error --since 1d --follow',
    ],
    notes:
      'On a terminal, long output goes through DAYBOOK_PAGER, else PAGER, else less. Set it to nothing or to cat for no pager.',
  })
    .argument('[type:id]', 'only about this entity')
    .addOption(
      new Option('-n, --limit <n>', 'at most this many entries, or all').argParser(wholeNumberOrAll(1)).default(50),
    )
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--oldest-first', 'oldest first')
    .addOption(formatOption(...FORMAT_NAMES.filter((name) => formatNamed(name).onlyFiles !== true)))
    .option('--fold', 'table: the message of a run of entries of one unit of work once')
    .option('--octet-framing', 'rfc5424: the length of each message in front of it')
    .option('--columns <fields>', 'only these fields, in this order, separated by commas');
  addArchivesOption(addFilterOptions(command))
    .option('-f, --follow', 'go on with what is recorded from now on')
    .option('--states', 'what an entity was after each captured or imported change, oldest first')
    .option('--explain', 'show the SQL and how SQLite runs it')
    .option('--no-pager', 'do not page long output')
    .action(async (entity: string | undefined, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const asked = await readFilter(options, globals, context, entity);
      const request: HistoryRequest = {
        filter: asked.filter,
        // A cursor of the gathered trail says nothing of the trail alone.
        question: options.archives === undefined ? asked.question : `${asked.question} with archives`,
        order: options.oldestFirst === true ? 'oldest' : 'newest',
        limit: options.limit,
        cursor: options.cursor,
      };
      const columns = readColumns(options.columns, HISTORY_FIELDS);
      if (options.follow === true) {
        checkFollow(options);
        expectNoArchives(options, '--follow');
      }
      if (options.states === true) {
        expectNoArchives(options, '--states');
        const { showStates } = await import('../states.js');
        const limit = self.getOptionValueSource('limit') === 'default' ? Infinity : options.limit;
        return showStates(entity, options, { filter: asked.filter, limit, globals, context });
      }
      const show = async (store: AuditStore): Promise<void> => {
        if (options.explain === true) return explain(store, request, context);
        if (options.follow === true) return followOn(store, request, { options, columns, globals, context });
        await showPage(store, request, { options, columns, globals, context });
      };
      await withStore(context, globals, show, { live: options.follow === true, ...withArchivesOf(options) });
    });
}

interface View {
  readonly options: Options;
  readonly columns: readonly HistoryField[] | undefined;
  readonly globals: Globals;
  readonly context: Context;
}

async function showPage(store: AuditStore, request: HistoryRequest, view: View): Promise<void> {
  const { withPager } = await import('../../terminal/pager.js');
  const { context, options, globals } = view;
  let cursor: string | null = null;
  let any = false;
  const wanted = await withPager(context.streams, context.env, options.pager, async (out) => {
    const formatter = named(await formatterFor(view, out), store, view);
    const erased = view.columns === undefined && ['table', 'line'].includes(formatFor(options.format, out));
    ({ cursor, any } = await writePage(store, { ...request, erased }, formatter, out));
    // Whoever reads in a pager sees nothing else.
    if (cursor !== null && isRead(options, out) && !globals.quiet) await out.write(`${moreOf(options)}\n`);
  });
  if (wanted && !any && context.streams.stdout.isTerminal) await note(context, globals, 'no entries');
  const { stdout } = context.streams;
  if (cursor !== null && (options.format ?? 'table') !== 'json' && !isRead(options, stdout)) {
    await note(context, globals, stdout.isTerminal ? moreOf(options) : `more: --cursor ${cursor}`);
  }
}

/** Whether it is for somebody to read: what a program reads holds entries alone. */
function isRead({ format }: Options, out: Output): boolean {
  return out.isTerminal && (format === undefined || format === 'table');
}

function moreOf({ limit }: Options): string {
  return `more: -n ${limit * 2}, or -n all`;
}

async function writePage(
  store: AuditStore,
  request: HistoryRequest,
  formatter: Formatter,
  out: Output,
): Promise<{ cursor: string | null; any: boolean }> {
  const { history } = await import('../../operations/history.js');
  const { end, any } = await writePages(out, history(store, request, readingOf(formatter)), {
    begin: formatter.begin,
    page: (content) => formatted(formatter, content),
    end: formatter.end,
  });
  return { cursor: end, any };
}

function readingOf(formatter: Formatter): Reading {
  return formatter.reads === 'entries' ? { as: 'entries' } : { as: formatter.reads, columns: formatter.columns };
}

async function formatted(formatter: Formatter, content: Content): Promise<string | Uint8Array> {
  if (formatter.reads === 'entries' && content.as === 'entries') return formatter.page(content.entries);
  if (formatter.reads === 'rows' && content.as === 'rows') return formatter.page(content.rows);
  if (formatter.reads === 'lines' && content.as === 'lines') return formatter.page(content.lines);
  throw new DaybookError('failed', `a format that reads ${formatter.reads} was given ${content.as}`);
}

async function formatterFor(view: View, out: Output): Promise<Formatter> {
  const { options, columns, globals } = view;
  const name = formatFor(options.format, out);
  checkFormatOptions(name, { columns: options.columns, octets: options.octetFraming });
  if (options.fold === true && (name !== 'table' || columns !== undefined)) {
    throw new DaybookError('usage', '--fold is about the table, with the columns that it has of its own', {
      hint: '… --format table',
    });
  }
  return formatNamed(name).make({
    ...(await looksOf(out, globals)),
    columns: columns ?? HISTORY_FIELDS,
    columnsGiven: columns !== undefined,
    header: true,
    exact: false,
    bom: false,
    shape: 'envelope',
    fold: options.fold,
    octets: options.octetFraming === true,
  });
}

/** Shows names of the directory where an entry has none, but for columns that were asked for as they are recorded. */
function named(formatter: Formatter, store: AuditStore, { columns }: View): Formatter {
  if (formatter.reads !== 'entries' || columns !== undefined) return formatter;
  const page: typeof formatter.page = async (entries) => {
    const { withNames } = await import('../../operations/names.js');
    return formatter.page(await withNames(store, entries));
  };
  return { ...formatter, page };
}

function checkFollow(options: Options): void {
  const wrong =
    options.cursor !== undefined
      ? '--cursor'
      : options.oldestFirst === true
        ? '--oldest-first'
        : options.format !== undefined && !formatNamed(options.format).follows
          ? `--format ${options.format}`
          : options.until !== undefined || options.in !== undefined
            ? '--until or --in'
            : undefined;
  if (wrong !== undefined) throw new DaybookError('usage', `--follow does not go with ${wrong}: it has no end`);
}

/** The last entries, oldest at the top, and below them whatever is recorded from then on. */
async function followOn(store: AuditStore, request: HistoryRequest, view: View): Promise<void> {
  const { follow } = await import('../../operations/follow.js');
  const { context } = view;
  const out = context.streams.stdout;
  const formatter = named(await formatterFor(view, out), store, view);
  await interruptible(context, async (signal) => {
    const asked = { filter: request.filter, limit: request.limit, signal };
    for await (const content of follow(store, asked, readingOf(formatter))) {
      const text = await formatted(formatter, content);
      if (text.length > 0) await out.write(text);
    }
  });
  throw new DaybookError('interrupted', '');
}

async function explain(store: AuditStore, request: HistoryRequest, context: Context): Promise<void> {
  const { explainHistory } = await import('../../operations/history.js');
  const { visible } = await import('../../terminal/sanitize.js');
  const { sql, parameters, plan } = await explainHistory(store, request);
  const text = [sql, `parameters: ${JSON.stringify(parameters)}`, ...plan].join('\n');
  await context.streams.stdout.write(`${visible(text, { newlines: 'keep' })}\n`);
}
