import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../../core/errors.js';
import type { EntityState } from '../../core/state.js';
import type { ColumnValue, Moment } from '../../operations/state.js';
import type { AuditStore } from '../../store/audit-store.js';
import { visible, visibleJson } from '../../terminal/sanitize.js';
import type { Output } from '../../terminal/streams.js';
import { declare, note, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { wholeNumber } from '../numbers.js';
import { underOption } from '../under-option.js';

interface Options {
  readonly where?: readonly string[];
  readonly at?: string;
  readonly atEntry?: number;
  readonly asOf?: string;
  readonly asOfColumn?: string;
  readonly format?: 'json' | 'ndjson';
  readonly pager: boolean;
}

export function addState(program: Command, context: Context): void {
  declare(program, 'state', {
    examples: [
      'state users:42 --at 2026-03-05T14:00',
      'state guild_members:[1,2] --as-of moderations:55',
      'state users --where role=admin --at last-month --format ndjson',
    ],
    notes:
      'Without a time it is the row as it is now. A row of which the trail cannot know what it was is "not known" ("exists": null), with the reason on stderr; a row that was not there does not exist. Columns under --ignore of the capture may be newer than the rest.',
  })
    .argument('<type:id|type>', 'a row, or every row, of a captured table')
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
    .addOption(new Option('--as-of <type:id>', 'when this captured record was made').conflicts(['at', 'atEntry']))
    .option('--as-of-column <column>', 'where no entry tells of that, the column that does')
    .addOption(new Option('--format <format>', 'print JSON').choices(['json', 'ndjson']))
    .option('--no-pager', 'do not page long output')
    .action(async (asked: string, options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const colon = asked.indexOf(':');
      const where = (options.where ?? []).map(readWhere);
      if (colon === 0 || asked === '')
        throw new DaybookError('usage', `${JSON.stringify(asked)} is not type:id, nor a type`);
      if (colon > 0 && where.length > 0) {
        throw new DaybookError('usage', '--where picks from all rows of a type, and one row is named');
      }
      if (options.asOfColumn !== undefined && options.asOf === undefined) {
        throw new DaybookError('usage', '--as-of-column goes with --as-of');
      }
      await withStore(context, globals, 'read', async (store) => {
        const moment = await readMoment(store, options, globals, context);
        const { withPager } = await import('../../terminal/pager.js');
        const notes: string[] = [];
        await withPager(context.streams, context.env, options.pager && options.format === undefined, async (out) => {
          const view = { out, options, globals, tell: (text: string) => notes.push(text) };
          if (colon < 0) return showTable(store, asked, moment, where, view);
          await showRow(store, { type: asked.slice(0, colon), id: asked.slice(colon + 1) }, moment, view);
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

async function readMoment(store: AuditStore, options: Options, globals: Globals, context: Context): Promise<Moment> {
  const { formatTimestamp } = await import('../../core/timestamp.js');
  const clock = { now: context.now(), zone: globals.zone };
  if (options.at !== undefined) {
    const { at } = options;
    const { resolveAt } = await import('../../core/period.js');
    return { kind: 'time', at: formatTimestamp(underOption('--at', () => resolveAt(at, clock))) };
  }
  if (options.atEntry !== undefined) {
    const entry = await store.find({ seq: options.atEntry });
    if (entry === undefined) throw new DaybookError('missing', `no entry ${options.atEntry}`);
    return { kind: 'entry', at: entry.ts, seq: entry.seq };
  }
  if (options.asOf !== undefined) {
    const { asOf } = options;
    const colon = asOf.indexOf(':');
    if (colon < 1) throw new DaybookError('usage', `--as-of ${JSON.stringify(asOf)} is not type:id`);
    const { momentOf } = await import('../../operations/as-of.js');
    return momentOf(store, { type: asOf.slice(0, colon), id: asOf.slice(colon + 1) }, options.asOfColumn, clock);
  }
  return { kind: 'now', at: formatTimestamp(clock.now) };
}

interface View {
  readonly out: Output;
  readonly options: Options;
  readonly globals: Globals;
  readonly tell: (text: string) => void;
}

async function showRow(
  store: AuditStore,
  entity: { readonly type: string; readonly id: string },
  moment: Moment,
  { out, options, globals, tell }: View,
): Promise<void> {
  const { stateOf } = await import('../../operations/state.js');
  const state = await stateOf(store, entity, moment, tell);
  if (options.format !== undefined) return writeJson(out, `${stateJson(state)}\n`);
  const { stateText } = await import('../../format/state.js');
  await out.write(await stateText(state, globals.zone));
}

async function showTable(
  store: AuditStore,
  type: string,
  moment: Moment,
  where: readonly ColumnValue[],
  { out, options, tell }: View,
): Promise<void> {
  const { statesOf } = await import('../../operations/state.js');
  let count = 0;
  for await (const states of statesOf(store, type, moment, where, tell)) {
    const lines = states.map((state) => {
      if (options.format === 'ndjson') return `${stateJson(state)}\n`;
      if (options.format === 'json') return `${count++ === 0 ? '[' : ','}\n${stateJson(state)}`;
      return visible(`${state.entity} ${state.values ?? 'not known'}`, { newlines: 'mark' }) + '\n';
    });
    await (options.format === undefined ? out.write(lines.join('')) : writeJson(out, lines.join('')));
  }
  if (options.format === 'json') await out.write(count === 0 ? '[]\n' : '\n]\n');
}

function stateJson({ entity, at, exists, values, seq, known_since }: EntityState): string {
  return `{"entity":${JSON.stringify(entity)},"at":"${at}","exists":${exists},"values":${values ?? 'null'},"seq":${seq},"known_since":${JSON.stringify(known_since)}}`;
}

async function writeJson(out: Output, text: string): Promise<void> {
  await out.write(out.isTerminal ? visibleJson(text) : text);
}
