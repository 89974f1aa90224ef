import path from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Bucket } from '../../core/buckets.js';
import { DaybookError } from '../../core/errors.js';
import type { Filter } from '../../core/filter.js';
import { GROUP_FIELDS, GROUP_REPORTS, isNamed, TIMELINE_FIELDS } from '../../core/report.js';
import type {
  BucketRow,
  BurstRow,
  GroupField,
  GroupReportName,
  GroupRow,
  HourRow,
  TimelineField,
  UnattributedRow,
} from '../../core/report.js';
import type { AuditStore } from '../../store/audit-store.js';
import { addArchivesOption, withArchivesOf } from '../archives.js';
import type { ArchivesOption } from '../archives.js';
import { declare, declareGroup, withStore } from '../command.js';
import type { Context } from '../context.js';
import { readFilter } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { wholeNumber } from '../numbers.js';
import { addFormOptions, addReportOptions, madeWords, printPieces, printReport, writePage } from '../reporting.js';
import type { FormOptions, ReportForms, ReportOptions } from '../reporting.js';
import { underOption } from '../under-option.js';

export function addReport(program: Command, context: Context): void {
  const group = declareGroup(program, 'report', {
    examples: ['report actors --action adjustment --in 2026-Q1', 'report timeline --bucket hour --in yesterday'],
  });
  for (const name of Object.keys(GROUP_REPORTS) as GroupReportName[]) addGroupReport(group, name, context);
  addTimeline(group, context);
  addHours(group, context);
  addBursts(group, context);
  addUnattributed(group, context);
  addCase(group, context);
}

/** What a report is made of, once its options are read. */
interface Asked {
  readonly filter: Filter;
  readonly globals: Globals;
  readonly context: Context;
}

/** Reads the filter, opens the trail, makes a report and prints it. */
async function report(
  options: ReportOptions,
  self: Command,
  context: Context,
  make: (store: AuditStore, asked: Asked) => Promise<ReportForms>,
): Promise<void> {
  const globals = await resolveGlobals(self, context);
  const { filter } = await readFilter(options, globals, context);
  const print = async (store: AuditStore): Promise<void> => {
    const forms = await make(store, { filter, globals, context });
    await printReport(forms, options, { globals, context });
  };
  await withStore(context, globals, print, { ...withArchivesOf(options) });
}

/** The beginning of every report in JSON. */
async function headOf(name: string, filter: Filter): Promise<Readonly<Record<string, unknown>>> {
  const { datedFilter } = await import('../../core/filter-json.js');
  return { report: name, filter: datedFilter(filter) };
}

/** What a view says of the question. */
async function askedWords({ filter, globals }: Asked): Promise<{ readonly filter: string; readonly zone: string }> {
  const { describeFilter } = await import('../../core/filter-described.js');
  return { filter: describeFilter(filter), zone: globals.zone };
}

/** What a command that is shown has to name, wherever it is typed: all but what it reads where nothing is said. */
function databaseToName({ globals, context }: Pick<Asked, 'globals' | 'context'>): string | undefined {
  return globals.db.shown === 'audit.db' && context.env['DAYBOOK_DB'] === undefined ? undefined : globals.db.shown;
}

const GROUP_TEXTS: Readonly<
  Record<GroupReportName, { readonly description: string; readonly examples: readonly string[] }>
> = {
  actors: {
    description: 'who made how many entries',
    examples: ['report actors --since 30d', 'report actors --by action --in 2026-Q1 --format csv'],
  },
  actions: {
    description: 'what was done how often',
    examples: ['report actions --in last-month', 'report actions --by severity --actor u-9'],
  },
  entities: {
    description: 'which entities have the most entries',
    examples: ['report entities --action partial_dispense', 'report entities --entity machine -n 10'],
  },
  scopes: {
    description: 'which scopes (tenants, machines) have the most entries',
    examples: [
      'report scopes --action partial_dispense --per-entity',
      'report scopes --by severity --since 7d --format json',
    ],
  },
  fields: {
    description: 'which fields change most often',
    examples: ['report fields --entity users', 'report fields --by actor --in march'],
  },
  severities: {
    description: 'how many entries of each severity',
    examples: ['report severities --since yesterday', 'report severities --by category'],
  },
};

const GROUP_COLUMNS = ['key', 'name', 'count', 'first', 'last', 'reverted', 'share'] as const;

const PER_ENTITY_COLUMNS = ['entities', 'per_entity'] as const;

interface GroupOptions extends ReportOptions {
  readonly by?: GroupField;
  readonly perEntity?: true;
}

function addGroupReport(parent: Command, name: GroupReportName, context: Context): void {
  const field = GROUP_REPORTS[name];
  const command = declare(parent, name, { does: 'reads', ...GROUP_TEXTS[name] }).addOption(
    new Option('--by <field>', 'a second grouping').choices(GROUP_FIELDS.filter((other) => other !== field)),
  );
  if (name === 'scopes') {
    command.option('--per-entity', 'also how many entities each scope had then, and the count for each of them');
  }
  addReportOptions(command, true).action((options: GroupOptions, self: Command) =>
    report(options, self, context, async (store, asked) => {
      const { groupReport } = await import('../../operations/report.js');
      const { by, limit, perEntity = false } = options;
      const upTo = await store.mark();
      const found = await groupReport(store, { report: name, filter: asked.filter, by, limit, upTo, perEntity });
      const { rows, total, more } = found;
      return {
        view: async () => {
          const [{ groupView }, { coursesOf }] = await Promise.all([
            import('../../format/report/views.js'),
            import('../../operations/report.js'),
          ]);
          // A pair of two fields has no course, and where nothing is drawn there is nobody to see one.
          const drawn = by === undefined && rows.length > 0 && (await showsCourses(options, context));
          const courses = drawn
            ? await coursesOf(store, { report: name, filter: asked.filter, rows, upTo })
            : undefined;
          return groupView(name, field, by, found, await askedWords(asked), courses);
        },
        json: async () => {
          const { reportJson } = await import('../../format/report/data.js');
          const head = { ...(await headOf(name, asked.filter)), ...(by === undefined ? {} : { by }), total, more };
          return reportJson(head, rows);
        },
        csv: async () =>
          (await import('../../format/report/data.js')).reportCsv<GroupRow>(
            [
              ...GROUP_COLUMNS,
              ...(by === undefined ? [] : ['by' as const, ...(isNamed(by) ? ['by_name' as const] : [])]),
              ...(perEntity ? PER_ENTITY_COLUMNS : []),
            ],
            rows,
          ),
      };
    }),
  );
}

/** Whether the report comes out as a drawing, a page or a table, that has room to show how each row went over time. */
async function showsCourses({ html, format }: ReportOptions, { streams: { stdout } }: Context): Promise<boolean> {
  if (html !== undefined) return true;
  if (format !== 'table' && !(format === undefined && stdout.isTerminal)) return false;
  return stdout.columns >= (await import('../../format/report/terminal.js')).COURSES_FROM;
}

interface TimelineOptions extends ReportOptions {
  readonly by?: TimelineField;
  readonly bucket?: Bucket;
}

function addTimeline(parent: Command, context: Context): void {
  const command = declare(parent, 'timeline', {
    does: 'reads',
    description: 'how many entries there were in each hour, day, week or month',
    examples: [
      'report timeline --in 2026-Q1',
      'report timeline --bucket hour --in yesterday --tz Europe/Berlin',
      'report timeline --by severity --since 30d',
    ],
    notes:
      'Days, weeks (from Monday) and months are those of --tz. Buckets without an entry are shown too, from --since (else the first entry) to --until (else the last entry, or now with --since), if there are at most 10000; otherwise they are left out.',
  })
    .addOption(
      new Option(
        '--bucket <bucket>',
        'how long each is (default: what fits the time on a terminal and a page, else day)',
      ).choices(['hour', 'day', 'week', 'month']),
    )
    .addOption(
      new Option('--by <field>', 'tell each bucket apart by a field, most frequent first').choices(TIMELINE_FIELDS),
    );
  addReportOptions(command, false).action((options: TimelineOptions, self: Command) =>
    report(options, self, context, async (store, asked) => {
      const { bucketFor, timeline } = await import('../../operations/timeline.js');
      const { zone } = asked.globals;
      // Programs get what they always got.
      const short =
        options.html !== undefined || ((options.format ?? 'table') === 'table' && context.streams.stdout.isTerminal);
      const bucket = options.bucket ?? (short ? await bucketFor(store, asked.filter, context.now()) : 'day');
      const { by } = options;
      const { rows, filled } = await timeline(store, { filter: asked.filter, bucket, by, zone, now: context.now() });
      return {
        view: async () =>
          (await import('../../format/report/views.js')).timelineView(
            bucket,
            rows,
            { filled, short, by },
            await askedWords(asked),
          ),
        json: async () => {
          const { reportJson } = await import('../../format/report/data.js');
          const head = { ...(await headOf('timeline', asked.filter)), bucket, zone, filled };
          return reportJson(by === undefined ? head : { ...head, by }, rows);
        },
        csv: async () =>
          (await import('../../format/report/data.js')).reportCsv<BucketRow>(
            [
              ...(['start', 'count'] as const),
              ...(by === undefined ? [] : ['by' as const, ...(isNamed(by) ? ['by_name' as const] : [])]),
            ],
            rows,
          ),
      };
    }),
  );
}

function addHours(parent: Command, context: Context): void {
  const command = declare(parent, 'hours', {
    does: 'reads',
    description: 'how many entries there were on each weekday at each hour',
    examples: ['report hours --since 90d --tz Europe/Berlin', 'report hours --actor u-9 --format csv'],
    notes: 'Weekdays and hours are those of --tz. A terminal and a page show them as a heat map.',
  });
  addReportOptions(command, false).action((options: ReportOptions, self: Command) =>
    report(options, self, context, async (store, asked) => {
      const { hoursOfWeek } = await import('../../operations/hours.js');
      const { zone } = asked.globals;
      const rows = await hoursOfWeek(store, { filter: asked.filter, zone, now: context.now() });
      return {
        view: async () => (await import('../../format/report/views.js')).hoursView(rows, await askedWords(asked)),
        json: async () => {
          const { reportJson } = await import('../../format/report/data.js');
          return reportJson({ ...(await headOf('hours', asked.filter)), zone }, rows);
        },
        csv: async () =>
          (await import('../../format/report/data.js')).reportCsv<HourRow>(['weekday', 'hour', 'count'], rows),
      };
    }),
  );
}

interface BurstOptions extends ReportOptions {
  readonly window: string;
  readonly moreThan: number;
}

const BURST_COLUMNS = [
  ...(['actor', 'count', 'first', 'last', 'window'] as const),
  ...(['name', 'first_seq', 'last_seq', 'command'] as const),
] as const;

function addBursts(parent: Command, context: Context): void {
  const command = declare(parent, 'bursts', {
    does: 'reads',
    description: 'who made many entries in a short time, and when most of all',
    examples: ['report bursts --window 10min --more-than 100', 'report bursts --action delete --since 7d'],
    notes:
      'The window slides: it may begin at any entry. Each actor has one row, for its fullest window, or for the earliest of these if there are several. An entry that comes exactly one window after the first is not in that window.',
  })
    .option('--window <duration>', 'how long the window is', '1h')
    .addOption(
      new Option('--more-than <n>', 'only more entries than this in one window').argParser(wholeNumber(0)).default(10),
    );
  addReportOptions(command, true).action((options: BurstOptions, self: Command) =>
    report(options, self, context, async (store, asked) => {
      const [{ burstReport }, { parseDuration, fixedMilliseconds }] = await Promise.all([
        import('../../operations/bursts.js'),
        import('../../core/duration.js'),
      ]);
      const window = underOption('--window', () => {
        const duration = parseDuration(options.window);
        fixedMilliseconds(duration);
        return duration;
      });
      const found = await burstReport(store, {
        filter: asked.filter,
        window,
        moreThan: options.moreThan,
        limit: options.limit,
        database: databaseToName(asked),
      });
      const limits = { window: window.text, moreThan: options.moreThan };
      return {
        view: async () =>
          (await import('../../format/report/views.js')).burstsView(found, limits, await askedWords(asked)),
        json: async () => {
          const { reportJson } = await import('../../format/report/data.js');
          const head = { ...(await headOf('bursts', asked.filter)), window: window.text, more_than: limits.moreThan };
          return reportJson({ ...head, more: found.more }, found.rows);
        },
        csv: async () => (await import('../../format/report/data.js')).reportCsv<BurstRow>(BURST_COLUMNS, found.rows),
      };
    }),
  );
}

const UNATTRIBUTED_COLUMNS = ['table', 'entity_type', 'source', 'action', 'count', 'first', 'last', 'seq'] as const;

function addUnattributed(parent: Command, context: Context): void {
  const command = declare(parent, 'unattributed', {
    does: 'reads',
    description: 'entries of which nobody said who made them, by table, entity type, source and action',
    examples: ['report unattributed --since 7d', 'report unattributed --entity users --format json'],
    notes:
      'These are the entries of the actor "unknown". Most come from captured tables, by a program that sets no context. The line above the table shows how many there were each day.',
  });
  addReportOptions(command, true).action((options: ReportOptions, self: Command) =>
    report(options, self, context, async (store, asked) => {
      const { unattributedReport } = await import('../../operations/unattributed.js');
      const { filter, globals } = asked;
      const found = await unattributedReport(store, {
        filter,
        limit: options.limit,
        zone: globals.zone,
        now: context.now(),
      });
      const { rows, days, total, more } = found;
      return {
        view: async () =>
          (await import('../../format/report/views.js')).unattributedView(found, await askedWords(asked)),
        json: async () => {
          const { reportJson } = await import('../../format/report/data.js');
          return reportJson({ ...(await headOf('unattributed', filter)), total, more }, rows, { days });
        },
        csv: async () =>
          (await import('../../format/report/data.js')).reportCsv<UnattributedRow>(UNATTRIBUTED_COLUMNS, rows),
      };
    }),
  );
}

/**
 * What the command of a case has to name. Whoever gets it has no use for the folder of a file, which is called by its name
 * alone; a server is named, since nobody finds a database without it.
 */
function placeToName(asked: Pick<Asked, 'globals' | 'context'>): {
  readonly database: string | undefined;
  readonly schema: string | undefined;
} {
  const { globals } = asked;
  if (databaseToName(asked) === undefined) return { database: undefined, schema: undefined };
  if (globals.db.engine !== 'postgres') return { database: nameOfDatabase(globals), schema: undefined };
  return { database: globals.db.shown, schema: globals.schema === 'daybook' ? undefined : globals.schema };
}

/** What a database is called, without the place of it: the name of its file, or that of a server's database. */
function nameOfDatabase({ db }: Globals): string {
  return db.shown.replace(/[?#].*$/s, (rest) => (db.shown.includes('://') ? '' : rest)).replace(/^.*\//s, '');
}

function addCase(parent: Command, context: Context): void {
  const command = declare(parent, 'case', {
    does: 'reads',
    description: 'everything about one entity, for a dispute',
    examples: ['report case settlement:42', 'report case settlement:42 --html case-42.html'],
    notes:
      'A case holds the history of the entity with diffs, oldest first; who took back what; its names; what else happened in the same units of work; and a checksum of its entries, with the command that computes it again.',
  }).argument('<type:id>', 'the entity');
  addArchivesOption(addFormOptions(command, 'text for people unless one is given')).action(
    async (entity: string, options: FormOptions & ArchivesOption, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { filter } = await readFilter({}, globals, context, entity);
      const [pattern] = filter.entity ?? [];
      if (pattern?.id === undefined) {
        throw new DaybookError('usage', `${JSON.stringify(entity)} is no entity: write type:id, such as settlement:42`);
      }
      const { id } = pattern;
      const make = async (store: AuditStore, trail: AuditStore): Promise<void> => {
        const { caseOf, caseTimeline, caseWithNames } = await import('../../operations/case.js');
        const names = options.archives?.map((name) => path.basename(path.resolve(name)));
        const archives = names === undefined ? undefined : { names, trail };
        const found = await caseOf(store, { ...pattern, id }, { ...placeToName({ globals, context }), archives });
        if (options.html !== undefined) {
          const { casePage } = await import('../../format/report/case-page.js');
          const made = await madeWords(globals, context, nameOfDatabase(globals));
          const over = await caseTimeline(store, filter, found, { zone: globals.zone, now: context.now() });
          const page = casePage(caseWithNames(store, found), { zone: globals.zone, made, ...over });
          return writePage(options.html, options.force, { globals, context }, page);
        }
        if (options.format === 'json' || options.format === 'csv') {
          const { caseCsv, caseJson } = await import('../../format/report/case-data.js');
          const pieces = options.format === 'csv' ? caseCsv(found) : caseJson(found, await headOf('case', filter));
          return printPieces(pieces, options, context);
        }
        const [{ caseText }, { palette }] = await Promise.all([
          import('../../format/report/case-text.js'),
          import('../../terminal/colour.js'),
        ]);
        const { stdout } = context.streams;
        const colours = await palette(globals.colour('stdout'));
        const shown = caseWithNames(store, found);
        const pieces = caseText(shown, { width: stdout.columns, zone: globals.zone, palette: colours });
        await printPieces(pieces, options, context);
      };
      await withStore(context, globals, make, { ...withArchivesOf(options) });
    },
  );
}
