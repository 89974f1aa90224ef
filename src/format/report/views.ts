import type { Bucket } from '../../core/buckets.js';
import type { BucketRow, BurstRow, GroupRow, HourRow, TimelineField, UnattributedRow } from '../../core/report.js';
import { byWeekday } from '../../core/hours.js';
import { WEEKDAYS } from '../../core/weekday.js';
import { clockFor } from '../../terminal/time.js';
import type { Clock } from '../../terminal/time.js';
import { TONES } from './view.js';
import type { Point, ReportView, ViewColumn, ViewPart } from './view.js';

interface Asked {
  /** The filter in words. */
  readonly filter: string;
  readonly zone: string;
}

const NUMBER: Pick<ViewColumn, 'align' | 'weight'> = { align: 'right', weight: 0 };
const TIME = { weight: 0, from: 100 };

/** The view of a report that counts entries by a key. */
export async function groupView(
  report: string,
  key: string,
  by: string | undefined,
  { rows, total, more }: { readonly rows: readonly GroupRow[]; readonly total: number; readonly more: boolean },
  asked: Asked,
  courses?: ReadonlyMap<string, readonly number[]>,
): Promise<ReportView> {
  const clock = await clockFor(asked.zone);
  const named = rows.some(({ name }) => name !== null);
  const perEntity = rows.some(({ entities }) => entities !== undefined);
  const namedBy = rows.some(({ by_name: name }) => typeof name === 'string');
  return {
    title: by === undefined ? report : `${report} by ${by}`,
    asked: `${askedText(asked, clock)}, ${entries(total)}`,
    columns: [
      { heading: key, weight: 4 },
      ...(named ? [{ heading: 'name', weight: 3 }] : []),
      ...(by === undefined ? [] : [{ heading: by, weight: 2 }]),
      ...(namedBy ? [{ heading: 'name', weight: 3 }] : []),
      { heading: 'count', ...NUMBER },
      ...(perEntity
        ? [
            { heading: 'entities', ...NUMBER },
            { heading: 'per entity', ...NUMBER },
          ]
        : []),
      { heading: 'share', ...NUMBER, from: 48 },
      { heading: 'reverted', ...NUMBER, from: 72 },
      { heading: 'first', ...TIME },
      { heading: 'last', ...TIME },
    ],
    rows: rows.map((row) => ({
      count: row.count,
      ...courseOf(courses?.get(row.key)),
      cells: [
        row.key,
        ...(named ? [row.name ?? '-'] : []),
        ...(by === undefined ? [] : [row.by ?? '-']),
        ...(namedBy ? [row.by_name ?? '-'] : []),
        String(row.count),
        ...(perEntity ? [String(row.entities ?? '-'), row.per_entity?.toFixed(3) ?? '-'] : []),
        `${(row.share * 100).toFixed(1)}%`,
        String(row.reverted),
        shortTime(clock, row.first),
        shortTime(clock, row.last),
      ],
    })),
    ...moreNote(more),
  };
}

function courseOf(course: readonly number[] | undefined): { readonly course?: readonly number[] } {
  return course === undefined ? {} : { course };
}

/** So many buckets of nothing, one after the other, are one row. */
const SHORT_RUN = 3;

/** The view of a timeline; `short` draws runs of nothing as one row each. */
export async function timelineView(
  bucket: Bucket,
  rows: readonly BucketRow[],
  { filled, short, by }: { readonly filled: boolean; readonly short: boolean; readonly by?: TimelineField | undefined },
  asked: Asked,
): Promise<ReportView> {
  const clock = await clockFor(asked.zone);
  const parts = by === undefined ? undefined : partsOf(by, rows);
  const course = parts === undefined ? points(clock, bucket, rows) : stackedPoints(clock, bucket, rows, parts);
  return {
    title: by === undefined ? `timeline by ${bucket}` : `timeline by ${bucket} and ${by}`,
    ...(parts && { parts: parts.legend }),
    asked: `${askedText(asked, clock)}, ${entries(rows.reduce((sum, { count }) => sum + count, 0))}`,
    columns: [
      { heading: bucket, weight: 0 },
      { heading: 'count', ...NUMBER },
      ...(by === undefined ? [] : [{ heading: `by ${by}`, weight: 4, from: 100 }]),
    ],
    rows: (short ? withoutRuns(course, bucket) : course).map(({ label, count, parts: counts }) => ({
      count,
      parts: counts,
      cells: [
        label,
        count === 0 && short ? '' : String(count),
        ...(parts === undefined ? [] : [partsText(parts.legend, counts ?? [])]),
      ],
    })),
    course,
    ...(filled ? {} : { note: `so long a time has too many of one ${bucket} to show those without an entry` }),
  };
}

/** What a timeline is told apart by, and where each value of it is among these parts. */
interface Parts {
  readonly legend: readonly ViewPart[];
  readonly placeOf: (by: string) => number;
}

/** The tones that severities always have. */
const SEVERITY_TONES: Readonly<Record<string, number>> = { info: 0, warning: 1, error: 2 };

/** The most frequent values, and the others together. */
function partsOf(by: TimelineField, rows: readonly BucketRow[]): Parts {
  const found = new Map<string, { count: number; readonly name: string }>();
  for (const { by: key, by_name: name, count } of rows) {
    if (typeof key !== 'string') continue;
    const known = found.get(key);
    if (known === undefined) found.set(key, { count, name: typeof name !== 'string' ? key : `${name} (${key})` });
    else known.count += count;
  }
  const sorted = [...found].toSorted(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1));
  const own = sorted.slice(0, sorted.length > TONES ? TONES - 1 : TONES);
  const rest = sorted.slice(own.length);
  const legend = own.map(([key, { name, count }], index) => ({
    name,
    count,
    tone: by === 'severity' ? (SEVERITY_TONES[key] ?? index) : index,
  }));
  if (rest.length > 0) {
    const count = rest.reduce((sum, [, one]) => sum + one.count, 0);
    legend.push({ name: `${rest.length} others`, count, tone: TONES - 1 });
  }
  const places = new Map(own.map(([key], index) => [key, index]));
  return { legend, placeOf: (key) => places.get(key) ?? own.length };
}

function stackedPoints(clock: Clock, bucket: Bucket, rows: readonly BucketRow[], { legend, placeOf }: Parts): Point[] {
  const buckets = new Map<string, { count: number; readonly parts: number[] }>();
  for (const { start, by, count } of rows) {
    const here = buckets.get(start) ?? { count: 0, parts: legend.map(() => 0) };
    buckets.set(start, here);
    if (typeof by !== 'string') continue;
    const place = placeOf(by);
    here.count += count;
    here.parts[place] = (here.parts[place] ?? 0) + count;
  }
  const starts = Array.from(buckets, ([start, { count }]) => ({ start, count }));
  return points(clock, bucket, starts).map((point, index) => ({
    label: point.label,
    count: point.count,
    parts: buckets.get(starts[index]?.start ?? '')?.parts ?? [],
  }));
}

function partsText(legend: readonly ViewPart[], counts: readonly number[]): string {
  return legend.flatMap(({ name }, index) => (counts[index] ? [`${name} ${counts[index]}`] : [])).join(', ');
}

/** The view of the hours of the week. */
export async function hoursView(rows: readonly HourRow[], asked: Asked): Promise<ReportView> {
  const clock = await clockFor(asked.zone);
  const counts = rows.map(({ count }) => count);
  return {
    title: 'entries by weekday and hour',
    asked: `${askedText(asked, clock)}, ${entries(counts.reduce((sum, count) => sum + count, 0))}`,
    week: byWeekday(counts),
    columns: [
      { heading: 'weekday', weight: 0 },
      { heading: 'hour', ...NUMBER },
      { heading: 'count', ...NUMBER },
    ],
    rows: rows.map(({ weekday, hour, count }) => ({
      count,
      cells: [WEEKDAYS[weekday - 1] ?? '', String(hour), String(count)],
    })),
  };
}

/** The points, with one for each run of nothing. */
function withoutRuns(course: readonly Point[], bucket: Bucket): Point[] {
  const shown: Point[] = [];
  for (let place = 0; place < course.length;) {
    let end = place;
    while (course[end]?.count === 0) end += 1;
    const run = end - place;
    if (run >= SHORT_RUN) shown.push({ label: `… ${run} ${bucket}s of nothing`, count: 0 });
    else shown.push(...course.slice(place, Math.max(end, place + 1)));
    place = Math.max(end, place + 1);
  }
  return shown;
}

/** The view of bursts. */
export async function burstsView(
  { rows, more }: { readonly rows: readonly BurstRow[]; readonly more: boolean },
  limits: { readonly window: string; readonly moreThan: number },
  asked: Asked,
): Promise<ReportView> {
  const clock = await clockFor(asked.zone);
  const named = rows.some(({ name }) => name !== null);
  return {
    title: `bursts of more than ${limits.moreThan} within ${limits.window}`,
    asked: askedText(asked, clock),
    columns: [
      { heading: 'actor', weight: 4 },
      ...(named ? [{ heading: 'name', weight: 3 }] : []),
      { heading: 'peak', ...NUMBER },
      { heading: 'first', weight: 0, from: 60 },
      { heading: 'last', weight: 0, from: 60 },
    ],
    rows: rows.map(({ actor, name, count, first, last, command }) => ({
      count,
      command,
      cells: [actor, ...(named ? [name ?? '-'] : []), String(count), shortTime(clock, first), shortTime(clock, last)],
    })),
    ...moreNote(more),
  };
}

/** The view of the entries of nobody. */
export async function unattributedView(
  {
    rows,
    days,
    total,
    more,
  }: {
    readonly rows: readonly UnattributedRow[];
    readonly days: readonly BucketRow[];
    readonly total: number;
    readonly more: boolean;
  },
  asked: Asked,
): Promise<ReportView> {
  const clock = await clockFor(asked.zone);
  return {
    title: 'unattributed',
    asked: `${askedText(asked, clock)}, ${entries(total)}`,
    columns: [
      { heading: 'table', weight: 3 },
      { heading: 'entity_type', weight: 3 },
      { heading: 'source', weight: 2, from: 60 },
      { heading: 'action', weight: 3 },
      { heading: 'count', ...NUMBER },
      { heading: 'first', ...TIME },
      { heading: 'last', ...TIME },
      { heading: 'latest seq', ...NUMBER, from: 72 },
    ],
    rows: rows.map((row) => ({
      count: row.count,
      cells: [
        row.table ?? '-',
        row.entity_type ?? '-',
        row.source ?? '-',
        row.action,
        String(row.count),
        shortTime(clock, row.first),
        shortTime(clock, row.last),
        String(row.seq),
      ],
    })),
    course: points(clock, 'day', days),
    ...moreNote(more),
  };
}

function askedText({ filter }: Asked, clock: Clock): string {
  return `${filter}, times in ${clock.zone}`;
}

function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

function moreNote(more: boolean): { note?: string } {
  return more ? { note: 'there are more: --limit shows them' } : {};
}

function shortTime(clock: Clock, ts: string): string {
  const { date, time, offset } = clock.text(ts);
  return `${date} ${time.slice(0, 8)}${offset && ` ${offset}`}`;
}

/** Buckets with the labels that people read. */
export function points(clock: Clock, bucket: Bucket, rows: readonly BucketRow[]): Point[] {
  return rows.map(({ start, count }) => {
    const { date, weekday, time, offset } = clock.text(start);
    const label =
      bucket === 'hour'
        ? `${date} ${time.slice(0, 5)}${offset && ` ${offset}`}`
        : bucket === 'month'
          ? date.slice(0, 7)
          : bucket === 'day'
            ? `${weekday} ${date}`
            : date;
    return { label, count };
  });
}
