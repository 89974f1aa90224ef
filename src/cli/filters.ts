import { Option } from 'commander';
import type { Command } from 'commander';
import type { Filter } from '../core/filter.js';
import type { FilterInput } from '../core/filter-text.js';
import type { Clock } from '../core/period.js';
import { withStore } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

type AddOption = (command: Command) => Command;

const once =
  (flags: string, description: string): AddOption =>
  (command) =>
    command.option(flags, description);
const repeatable =
  (flags: string, description: string): AddOption =>
  (command) =>
    command.addOption(new Option(flags, description).argParser(collect));

/** What asks for each condition, in the order of the help. */
const OPTIONS = {
  category: repeatable('--category <category>', 'any of these categories (repeat it, or separate by commas)'),
  action: repeatable('--action <action>', 'any of these actions (repeat it, or separate by commas)'),
  severity: repeatable('--severity <severity>', 'any of info, warning, error (repeat it, or separate by commas)'),
  actor: repeatable('--actor <actor>', 'whose entries, by id or exact name (repeatable)'),
  actor_type: repeatable('--actor-type <type>', 'any of these kinds of actor (repeat it, or separate by commas)'),
  scope: repeatable('--scope <kind:id>', 'in this scope (repeatable)'),
  entity: repeatable('--entity <entity>', 'about type, type:id or :id (repeatable)'),
  correlation_id: repeatable('--correlation <id>', 'of this unit of work (repeatable)'),
  source: repeatable('--source <source>', 'imported from there (repeatable)'),
  not: repeatable('--not <filter=value>', 'none of these, such as --not actor=cron (repeatable)'),
  since: once('--since <time>', 'from this moment, or the start of this period'),
  until: once('--until <time>', 'to this moment, or the end of this period'),
  in: once('--in <period>', 'within this period'),
  search: once('--search <text>', 'the message holds this text (ASCII case ignored)'),
  changed: repeatable('--changed <field>', 'this field changed, or one below it (repeatable: any of them)'),
  meta: repeatable('--meta <path=value>', 'a metadata value, compared as text (repeatable: all of them)'),
  reverted: (command) =>
    command
      .addOption(new Option('--reverted', 'only entries that were taken back').conflicts('notReverted'))
      .addOption(new Option('--not-reverted', 'only entries that were not')),
} satisfies Record<keyof Filter | 'in', AddOption>;

/** The options that say which entries: the same on every command that asks. */
export function addFilterOptions(command: Command): Command {
  for (const add of Object.values(OPTIONS)) add(command);
  return command;
}

export interface FilterOptions extends Omit<FilterInput, 'reverted'> {
  readonly reverted?: true;
  readonly notReverted?: true;
}

export interface AskedFilter {
  readonly filter: Filter;
  /** The filter as it was asked, for what belongs to a question: cursors and checkpoints. */
  readonly question: string;
  /** Whether any filter was given at all. */
  readonly any: boolean;
}

/** Turns the options of a command into a filter; `entity` is one that stands as an argument. */
export async function readFilter(
  options: FilterOptions,
  globals: Globals,
  context: Context,
  entity?: string,
): Promise<AskedFilter> {
  const { actorTexts, withActorIds } = await import('../core/filter-actors.js');
  const { filterQuestion } = await import('../core/filter-question.js');
  const { parseFilter } = await import('../core/filter-text.js');
  const typed = {
    category: options.category,
    action: options.action,
    severity: options.severity,
    actor: options.actor,
    actorType: options.actorType,
    scope: options.scope,
    entity: entity === undefined ? options.entity : [...(options.entity ?? []), entity],
    correlation: options.correlation,
    source: options.source,
    not: options.not,
    since: options.since,
    until: options.until,
    in: options.in,
    search: options.search,
    changed: options.changed,
    meta: options.meta,
    reverted: options.reverted === true ? true : options.notReverted === true ? false : undefined,
  } satisfies Record<keyof FilterInput, unknown>;
  const clock = (): Clock => ({ now: context.now(), zone: globals.zone });
  let filter = await parseFilter(typed, clock);
  let input: FilterInput = typed;
  const actors = actorTexts(typed);
  if (actors.length > 0) {
    // Cursors, checkpoints and policies keep ids: what the directory says later does not change what they mean.
    const { actorIds } = await import('../operations/names.js');
    const ids = await withStore(context, globals, (store) => actorIds(store, actors), { onlyReads: true });
    input = withActorIds(typed, ids);
    filter = await parseFilter(input, clock);
  }
  const { areFiner, exactBounds } = await import('../operations/exact-bounds.js');
  if (areFiner(typed)) {
    const asked = filter;
    filter = await withStore(context, globals, (store) => exactBounds(store, asked, typed), { onlyReads: true });
  }
  return {
    filter,
    question: filterQuestion(input, globals.zone),
    any: Object.values(input).some((value) => value !== undefined),
  };
}
