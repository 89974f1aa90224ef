import { isLosslessNumber } from 'lossless-json';
import { entityText } from '../core/entity.js';
import type { Entity } from '../core/entity.js';
import { DaybookError } from '../core/errors.js';
import { isJsonObject, parseMade, shown } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { resolveAt } from '../core/period.js';
import type { Clock } from '../core/period.js';
import { formatTimestamp, isInRange } from '../core/timestamp.js';
import type { HistoryEntry } from '../core/entry.js';
import type { EntityPattern, Filter } from '../core/filter.js';
import type { AuditStore } from '../store/audit-store.js';
import { exactMoment } from './exact-bounds.js';
import { historyOf, normalId, stateOf } from './state.js';
import type { Moment } from './state.js';

/**
 * The moment at which a record of a captured or an imported table was made, for what the trail tells `about` others:
 * behind its create entry, else the time in a column of it, which may be finer than a millisecond. Throws kind `missing`
 * where neither tells, and kind `data` for a column that holds no time.
 */
export async function momentOf(
  store: AuditStore,
  entity: Entity,
  column: string | undefined,
  about: EntityPattern,
  clock: Clock,
): Promise<Moment> {
  const name = entityText(entity.type, entity.id);
  const created = await lastChange(store, entity, 'create');
  if (created !== undefined) return { kind: 'entry', at: created.ts, seq: created.seq };
  if (column === undefined) {
    throw new DaybookError('missing', `no entry tells when ${name} was made`, {
      hint: '… --as-of-column <column>',
    });
  }
  const { values } = await stateOf(store, entity, { kind: 'now', at: formatTimestamp(clock.now) });
  const row = values ?? (await lastChange(store, entity, 'delete'))?.old_values ?? null;
  if (row === null) throw new DaybookError('missing', `${name} is not in its table, and no entry tells of it`);
  const document = parseMade(row);
  if (!isJsonObject(document) || !Object.hasOwn(document, column)) {
    throw new DaybookError('usage', `--as-of-column: ${name} has no column ${column}`);
  }
  const ms = timeOf(document[column] ?? null, clock);
  if (ms === undefined) {
    throw new DaybookError('data', `column ${column} of ${name} holds no time: ${shown(document[column])}`);
  }
  return exactMoment(store, { entity: [about] }, { kind: 'time', at: formatTimestamp(ms) }, String(document[column]));
}

/** The last captured change of this kind, else the last that was imported. */
async function lastChange(
  store: AuditStore,
  { type, id: asked }: Entity,
  action: 'create' | 'delete',
): Promise<HistoryEntry | undefined> {
  const history = await historyOf(store, type);
  const id = normalId(asked, history);
  const changes = { category: ['entity'], action: [action], entity: [{ type, id }] };
  const page = async (filter: Filter): Promise<readonly HistoryEntry[]> =>
    (await store.page({ filter, order: 'newest', limit: 20, upTo: await store.mark() })).entries;
  const captured = await page({ ...changes, meta: [{ path: 'table', value: history.table }] });
  const found = captured.find(({ recorded_at, source }) => recorded_at === null && source === null);
  if (found !== undefined) return found;
  const { sources } = await store.importedHistory(type, id);
  if (sources.length === 0) return undefined;
  return (await page({ ...changes, source: sources.map(({ source }) => source) }))[0];
}

/** Seconds before this are dated 5138, milliseconds 1973: one number is hardly ever both. */
const SECONDS_UNTIL = 100_000_000_000;

/** Seconds or milliseconds since 1970, or a time as the command line takes it; what SQLite writes is UTC. */
function timeOf(value: JsonDocument, clock: Clock): number | undefined {
  const text = isLosslessNumber(value) ? value.value : value;
  if (typeof text !== 'string') return undefined;
  if (isLosslessNumber(value) || /^-?\d{5,}$/.test(text)) {
    const number = Number(text);
    const ms = Math.floor(Math.abs(number) < SECONDS_UNTIL ? number * 1000 : number);
    return isInRange(ms) ? ms : undefined;
  }
  const written = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?)$/.exec(text);
  try {
    return resolveAt(written === null ? text : `${written[1]}T${written[2]}Z`, clock);
  } catch (error) {
    if (error instanceof DaybookError) return undefined;
    throw error;
  }
}
