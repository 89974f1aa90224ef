import { Option } from 'commander';
import type { Command } from 'commander';
import { readEntity } from '../../core/entity.js';
import { DaybookError } from '../../core/errors.js';
import type { EntityPattern } from '../../core/filter.js';
import type { ColumnValue, Moment } from '../../operations/state.js';
import type { AuditStore } from '../../store/audit-store.js';
import { declare, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { formatFor, formatOption } from '../format-option.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { looksOf } from '../looks.js';
import { wholeNumber } from '../numbers.js';
import { writePages } from '../pages.js';
import { underOption } from '../under-option.js';

interface Options {
  readonly where?: readonly string[];
  readonly at?: string;
  readonly atEntry?: number;
  readonly asOf?: string;
  readonly asOfColumn?: string;
  readonly format?: 'table' | 'line' | 'json' | 'ndjson';
  readonly pager: boolean;
}

export function addState(program: Command, context: Context): void {
  declare(program, 'state', {
    does: 'reads',
    examples: [
      'state users:42 --at 2026-03-05T14:00',
      'state guild_members:[1,2] --as-of moderations:55',
      'state users --where role=admin --at last-month --format ndjson',
    ],
    notes:
      'Without a time, the row is shown as it is now. If the trail cannot know what a row was, it is "not known" ("exists": null), with the reason on stderr. A row that was not there does not exist. Columns that the capture ignores (--ignore) may be newer than the rest.',
  })
    .argument('<type:id|type>', 'a row, or every row, of a table that is captured or whose changes were imported')
    .addOption(
      new Option(
        '--where <column=value>',
        'only rows with this value, compared as text (repeatable: all of them)',
      ).argParser(collect),
    )
    .addOption(new Option('--at <time>', 'at this moment, or the end of this period').conflicts(['atEntry', 'asOf']))
    .addOption(
      new Option('--at-entry <seq>', 'right after this entry').argParser(wholeNumber(1)).conflicts(['at', 'asOf']),
    )
    .addOption(new Option('--as-of <type:id>', 'when this record was made').conflicts(['at', 'atEntry']))
    .option('--as-of-column <column>', 'the column with the time, where no entry tells it')
    .addOption(formatOption('json', 'ndjson'))
    .option('--no-pager', 'do not page long output')
    .action(async (asked: string, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const entity = readEntity(asked);
      const where = (options.where ?? []).map(readWhere);
      if (asked === '' || asked.startsWith(':'))
        throw new DaybookError('usage', `${JSON.stringify(asked)} is not type:id, nor a type`);
      if (entity !== undefined && where.length > 0) {
        throw new DaybookError('usage', '--where picks from all rows of a type, and one row is named');
      }
      if (options.asOfColumn !== undefined && options.asOf === undefined) {
        throw new DaybookError('usage', '--as-of-column goes with --as-of');
      }
      await withStore(context, globals, async (store) => {
        const moment = await readMoment(store, entity ?? { type: asked }, options, globals, context);
        const { withPager } = await import('../../terminal/pager.js');
        const notes: string[] = [];
        if (Date.parse(moment.at) > context.now())
          notes.push(`${moment.at} is still to come: this is what it is by now`);
        await withPager(context.streams, context.env, options.pager, async (out) => {
          const name = formatFor(options.format, out);
          const looks = await looksOf(out, globals);
          const tell = (text: string): void => void notes.push(text);
          const [{ stateOf, statesOf }, { stateFormat, statesFormat }] = await Promise.all([
            import('../../operations/state.js'),
            import('../../format/state.js'),
          ]);
          if (entity === undefined) {
            const states = statesOf(store, asked, moment, where, tell);
            const { any } = await writePages(out, states, await statesFormat(name, looks));
            if (!any && out.isTerminal) notes.push('no rows');
          } else {
            const state = await stateOf(store, entity, moment, tell);
            await out.write(await (await stateFormat(name, looks)).page([state]));
          }
        });
        for (const text of notes) await note(context, globals, text);
      });
    });
}

function readWhere(text: string): ColumnValue {
  const equals = text.indexOf('=');
  if (equals < 1) throw new DaybookError('usage', `--where ${JSON.stringify(text)} is not column=value`);
  return { column: text.slice(0, equals), value: text.slice(equals + 1) };
}

async function readMoment(
  store: AuditStore,
  entity: EntityPattern,
  options: Options,
  globals: Globals,
  context: Context,
): Promise<Moment> {
  const { formatTimestamp } = await import('../../core/timestamp.js');
  const clock = { now: context.now(), zone: globals.zone };
  if (options.at !== undefined) {
    const { at } = options;
    const { resolveAt } = await import('../../core/period.js');
    const { exactMoment } = await import('../../operations/exact-bounds.js');
    const ms = underOption('--at', () => resolveAt(at, clock));
    return exactMoment(store, { entity: [entity] }, { kind: 'time', at: formatTimestamp(ms) }, at);
  }
  if (options.atEntry !== undefined) {
    const entry = await store.find({ seq: options.atEntry });
    if (entry === undefined) throw new DaybookError('missing', `no entry ${options.atEntry}`);
    return { kind: 'entry', at: entry.ts, seq: entry.seq };
  }
  if (options.asOf !== undefined) {
    const { asOf } = options;
    const record = readEntity(asOf);
    if (record === undefined) throw new DaybookError('usage', `--as-of ${JSON.stringify(asOf)} is not type:id`);
    const { momentOf } = await import('../../operations/as-of.js');
    return momentOf(store, record, options.asOfColumn, entity, clock);
  }
  return { kind: 'now', at: formatTimestamp(clock.now) };
}
