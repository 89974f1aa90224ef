import { Option } from 'commander';
import type { Command } from 'commander';
import { shownSettings } from '../../core/capture.js';
import type { Capture, CaptureRequest, CheckedCase } from '../../core/capture.js';
import { DaybookError } from '../../core/errors.js';
import type { AuditStore } from '../../store/audit-store.js';
import { declare, declareGroup, note, printJson, printLines, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';

interface AddOptions {
  readonly entityType?: string;
  readonly scope?: string;
  readonly actorColumn?: string;
  readonly nameColumn?: string;
  readonly ignore?: readonly string[];
  readonly redact?: readonly string[];
  readonly keep?: readonly string[];
  readonly json?: readonly string[];
  readonly requireActor?: true;
  readonly actorSetting?: string;
  readonly actorTypeSetting?: string;
  readonly correlationSetting?: string;
}

interface FormatOption {
  readonly format?: 'json';
}

export function addCapture(program: Command, context: Context): void {
  const group = declareGroup(program, 'capture', {
    examples: ['capture add users --redact password_hash,totp_key --ignore updated_at', 'capture list'],
    notes:
      'Triggers record every insert, update and delete of a captured table, whichever program makes it, in the same transaction: no row changes without its entry.',
  });
  addAdd(group, context);
  addList(group, context);
  addCheck(group, context);
  addRefresh(group, context);
  addRemove(group, context);
}

/** Columns, separated by commas; the option may be repeated. */
function columns(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), ...text.split(',').map((name) => name.trim())];
}

function addAdd(group: Command, context: Context): void {
  const lists = (flags: string, description: string): Option => new Option(flags, description).argParser(columns);
  declare(group, 'add', {
    does: 'changes',
    description: 'capture tables, or change how they are captured',
    examples: [
      'capture add users --redact password_hash,totp_key --ignore updated_at --name-column email',
      'capture add guild_configurations --entity-type guild --json data --scope guild=guildid --require-actor',
    ],
    notes:
      'If you add a table again with the same options, nothing changes; with other options, these hold from then on. Columns that look like secrets must each be under --redact, --ignore or --keep.',
  })
    .argument('<table...>', 'the tables')
    .option('--entity-type <type>', "the type of the entries (default: the table's name)")
    .option('--scope <kind=column>', 'the scope of the entries, from a column')
    .option('--actor-column <column>', 'who acts where no context says it')
    .option('--name-column <column>', 'the name of the entity, as it was then')
    .addOption(lists('--ignore <columns>', 'a change of these alone is no entry'))
    .addOption(lists('--redact <columns>', 'the change is named, the value is not kept'))
    .addOption(lists('--keep <columns>', 'columns that only look like secrets: keep their values'))
    .addOption(lists('--json <columns>', 'documents: changed fields are named inside them'))
    .option('--require-actor', 'refuse a change that does not say who makes it')
    .option('--actor-setting <name>', 'PostgreSQL: the setting that says who acts, such as app.actor_email')
    .option('--actor-type-setting <name>', 'PostgreSQL: the setting that says what kind of actor that is')
    .option('--correlation-setting <name>', 'PostgreSQL: the setting that names the unit of work')
    .action(async (tables: readonly string[], options: AddOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (tables.length > 1 && options.entityType !== undefined) {
        throw new DaybookError('usage', '--entity-type goes with one table: two tables cannot have the same type');
      }
      const request = readRequest(options);
      await withStore(context, globals, async (store) => {
        for (const change of await store.addCaptures(tables, request, globals.actor)) {
          await note(
            context,
            globals,
            change.changed ? `${change.table} is captured` : `${change.table} is captured like that already`,
          );
          if (change.overtaking.length > 0) {
            await note(
              context,
              globals,
              `triggers of the application may change a row of ${change.table} before its own change (${change.overtaking.join(', ')}): of such a change old_values and changed_fields cannot be trusted, new_values can; see docs/capture.md`,
            );
          }
          if (change.nesting.length > 0) {
            await note(
              context,
              globals,
              `a REPLACE of ${change.table} is refused while a trigger of the application writes into it (${change.nesting.join(', ')}): see docs/capture.md`,
            );
          }
        }
      });
    });
}

function readRequest(options: AddOptions): CaptureRequest {
  const at = options.scope?.indexOf('=') ?? -1;
  if (
    options.scope !== undefined &&
    (at < 1 || at === options.scope.length - 1 || options.scope.slice(0, at).includes(':'))
  ) {
    throw new DaybookError(
      'usage',
      `--scope ${options.scope}: a kind without a colon, =, and a column, such as guild=guild_id`,
    );
  }
  return {
    entityType: options.entityType ?? null,
    scope:
      options.scope === undefined ? null : { kind: options.scope.slice(0, at), column: options.scope.slice(at + 1) },
    actorColumn: options.actorColumn ?? null,
    nameColumn: options.nameColumn ?? null,
    ignore: options.ignore ?? [],
    redact: options.redact ?? [],
    keep: options.keep ?? [],
    json: options.json ?? [],
    requireActor: options.requireActor === true,
    ...(options.actorSetting !== undefined && { actorSetting: options.actorSetting }),
    ...(options.actorTypeSetting !== undefined && { actorTypeSetting: options.actorTypeSetting }),
    ...(options.correlationSetting !== undefined && { correlationSetting: options.correlationSetting }),
  };
}

function formatOption(): Option {
  return new Option('--format <format>', 'print it as JSON').choices(['json']);
}

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'list the captured tables, since when, and with which gaps',
    examples: ['capture list', 'capture list --format json'],
    notes:
      'As JSON: {"captures": [{"table", "entity_type", "scope", "actor_column", "name_column", "ignore", "redact", "keep", "json", "require_actor", "columns", "since", "gaps": [{"from", "to"}], "problem", "outdated"}]}; "outdated" is true where its triggers are those of an earlier daybook, "since" is the time from which the trail of the table begins.',
  })
    .addOption(formatOption())
    .action(async (options: FormatOption, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const [captures, spoiled] = await withStore(context, globals, async (store) => [
        await store.captures(),
        await store.unreadableRows(),
      ]);
      for (const { kind, message } of spoiled) if (kind === 'capture') await note(context, globals, message);
      if (options.format === 'json') return printJson({ captures: captures.map(listed) }, context);
      if (captures.length === 0) return note(context, globals, 'no table is captured');
      await printLines(captures.map(line), context);
    });
}

/** A capture in the shape of the list. */
function listed({ table, settings, columns: all, spans, problem, outdated }: Capture): object {
  return {
    table,
    ...shownSettings(settings),
    columns: all,
    since: spans[0]?.sinceTs ?? null,
    gaps: gapsOf(spans),
    problem,
    outdated,
  };
}

function gapsOf(spans: Capture['spans']): { from: string | null; to: string }[] {
  return spans.slice(1).map((span, index) => ({ from: spans[index]?.untilTs ?? null, to: span.sinceTs }));
}

function line({ table, settings, spans, problem, outdated }: Capture): string {
  const parts = [
    settings.entityType === table ? table : `${table} as ${settings.entityType}`,
    `since ${spans[0]?.sinceTs ?? '?'}`,
    ...(settings.redact.length > 0 ? [`redacted: ${settings.redact.join(', ')}`] : []),
    ...(settings.ignore.length > 0 ? [`ignored: ${settings.ignore.join(', ')}`] : []),
    ...(settings.requireActor ? ['needs an actor'] : []),
    ...gapsOf(spans).map(({ from, to }) => `gap from ${from ?? '?'} to ${to}`),
    ...(outdated ? ['triggers of an earlier daybook'] : []),
    ...(problem === null ? [] : [`PROBLEM: ${table} ${problem}`]),
  ];
  return parts.join('; ');
}

function addCheck(group: Command, context: Context): void {
  declare(group, 'check', {
    does: 'tries',
    description: 'try every kind of statement on copies of rows, and leave no trace',
    examples: ['capture check', 'capture check users --format json'],
    notes:
      'The exit code is 3 if a case fails. As JSON: {"cases": [{"table", "case", "outcome": "holds" | "fails" | "not tried", "reason"}]}.',
  })
    .argument('[table...]', 'only these tables')
    .addOption(formatOption())
    .action(async (tables: readonly string[], options: FormatOption, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const cases = await withStore(context, globals, (store) => store.checkCaptures(tables));
      if (options.format === 'json') await printJson({ cases }, context);
      else if (cases.length === 0) await note(context, globals, 'no table is captured');
      else await printLines(cases.map(caseLine), context);
      const failing = cases.filter(({ outcome }) => outcome === 'fails');
      if (failing.length > 0) {
        throw new DaybookError('findings', `${failing.length} of ${cases.length} cases fail`, {
          hint: 'daybook capture refresh',
        });
      }
    });
}

function caseLine({ table, case: words, outcome, reason }: CheckedCase): string {
  return `${table}: ${words}: ${outcome}${reason === null ? '' : outcome === 'fails' ? `: ${reason}` : `, ${reason}`}`;
}

function addRefresh(group: Command, context: Context): void {
  declare(group, 'refresh', {
    does: 'changes',
    description: 'fit captures to tables that were changed',
    examples: ['capture refresh', 'capture refresh users'],
    notes:
      'If a table has changed, the time since the last entry is a gap, because rows may have changed without an entry; capture list, state and status show it. Migrations through daybook exec need no refresh.',
  })
    .argument('[table...]', 'only these tables')
    .action(async (tables: readonly string[], _options: object, self: Command) => {
      const globals = await resolveGlobals(self, context);
      await withStore(context, globals, async (store) => {
        for (const change of await store.refreshCaptures(tables, globals.actor)) {
          await note(
            context,
            globals,
            change.changed ? `${change.table} is captured as it should be again` : `${change.table} is as it should be`,
          );
          if (change.redacted.length > 0) {
            await note(
              context,
              globals,
              `${change.redacted.join(', ')} look like secrets and are redacted: see daybook capture add --help`,
            );
          }
        }
      });
    });
}

function addRemove(group: Command, context: Context): void {
  declare(group, 'remove', {
    does: 'changes',
    description: 'capture tables no longer',
    examples: ['capture remove users', 'capture remove --all'],
    notes: 'What was captured stays in the trail.',
  })
    .argument('[table...]', 'the tables')
    .option('--all', 'all of them')
    .action(async (tables: readonly string[], options: { readonly all?: true }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (tables.length > 0 === (options.all === true)) {
        throw new DaybookError('usage', 'name the tables, or say --all', { hint: 'daybook capture list' });
      }
      await withStore(context, globals, async (store) => {
        const asked =
          options.all === true
            ? [...(await store.captures()).map(({ table }) => table), ...(await unreadable(store))]
            : tables;
        for (const { table, changed } of await store.removeCaptures(asked, globals.actor)) {
          await note(context, globals, changed ? `${table} is no longer captured` : `${table} is not captured`);
        }
      });
    });
}

/** The tables whose capture cannot be read. */
async function unreadable(store: AuditStore): Promise<string[]> {
  return (await store.unreadableRows()).flatMap(({ kind, name }) => (kind === 'capture' ? [name] : []));
}
