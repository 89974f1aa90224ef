import type { Palette, Role } from '../../terminal/colour.js';
import { heatLines } from '../../terminal/heat.js';
import { rulerFor } from '../../terminal/width.js';
import type { Ruler } from '../../terminal/width.js';
import { headingRow, loadLayout, naturalWidths, roomFor, shareWidth } from '../layout.js';
import type { TableCell, TableColumn } from '../layout.js';
import { oneLine } from '../words.js';
import { bar, PART_LOOKS, partWidths, sparkline } from './bars.js';
import type { ReportView, ViewPart } from './view.js';

/** A narrower screen has no bars: the names need all of it. */
const BARS_FROM = 48;
const NARROWEST_BAR = 8;
const WIDEST_BAR = 40;
/** From this width on, each row shows how it went over time: in so many columns, or twice as many. */
export const COURSES_FROM = 72;
const COURSE = 12;
const TWICE_FROM = 120;

/** Which colour each tone has. Its look tells it apart where there is no colour. */
const TONE_ROLES = ['accent', 'warning', 'error', 'added', 'heading', 'dim'] as const satisfies readonly Role[];

function toned(tone: number, columns: number, palette: Palette): string {
  return palette[TONE_ROLES[tone] ?? 'dim']((PART_LOOKS[tone] ?? '-').repeat(columns));
}

/** A report on a screen of this width: the course as a sparkline, and each row with a bar. */
export async function terminalReport(
  view: ReportView,
  { width, palette }: { readonly width: number; readonly palette: Palette },
): Promise<string> {
  const shown = view.columns.map(({ from = 0 }) => width >= from);
  const columns = view.columns.filter((_, index) => shown[index]);
  const rows = view.rows.map(({ cells }) =>
    cells.filter((_, index) => shown[index]).map((text): TableCell => ({ text: oneLine(text) })),
  );
  const parts = (view.parts ?? []).map(({ name, count, tone }) => ({ name: oneLine(name), count, tone }));
  const words = [view.title, view.asked, view.note ?? '', ...parts.map(({ name }) => name)].map(oneLine);
  const ruler = await rulerFor([...rows.flat().map(({ text }) => text), ...words]);
  const [title = '', asked = '', note = ''] = words;
  const wrapped = (text: string, colour: (line: string) => string): string[] =>
    ruler.wrap(text, width).map((line) => colour(line));
  const lines = [...wrapped(title, palette.heading), ...wrapped(asked, palette.dim)];
  const { course = [] } = view;
  if (course.length > 1) {
    lines.push(
      palette.accent(
        sparkline(
          course.map(({ count }) => count),
          width,
        ),
      ),
    );
  }
  if (parts.length > 0) lines.push(...legendLines(parts, { width, palette, ruler }));
  lines.push('');
  if (view.week !== undefined) lines.push(...weekLines(view.week, width, palette));
  else if (rows.length > 0) lines.push(...(await tableLines(columns, rows, view, { width, palette, ruler })));
  else lines.push('nothing');
  if (note !== '') lines.push(...wrapped(note, palette.dim));
  return `${lines.join('\n')}\n`;
}

/** What the parts of the bars are, as many on a line as fit. */
function legendLines(
  parts: readonly ViewPart[],
  { width, palette, ruler }: { readonly width: number; readonly palette: Palette; readonly ruler: Ruler },
): string[] {
  const lines: string[] = [];
  let used = Infinity;
  for (const { name, count, tone } of parts) {
    const text = ruler.truncate(`${name} ${count}`, Math.max(1, width - 2), 'middle');
    const columns = 2 + ruler.width(text);
    const shown = `${toned(tone, 1, palette)} ${text}`;
    if (used + 2 + columns <= width) {
      lines.push(`${lines.pop() ?? ''}  ${shown}`);
      used += 2 + columns;
    } else {
      lines.push(shown);
      used = columns;
    }
  }
  return lines;
}

function weekLines(week: readonly (readonly number[])[], width: number, palette: Palette): string[] {
  const most = Math.max(0, ...week.flat());
  if (most === 0) return ['nothing'];
  return [...heatLines(week, width, palette), palette.dim(`█ is ${most} in an hour of the week`)];
}

async function tableLines(
  columns: ReportView['columns'],
  rows: readonly (readonly TableCell[])[],
  { rows: sources, parts }: Pick<ReportView, 'rows' | 'parts'>,
  { width, palette, ruler }: { readonly width: number; readonly palette: Palette; readonly ruler: Ruler },
): Promise<string[]> {
  const bars = width >= BARS_FROM;
  const course =
    !sources.some((source) => source.course) || width < COURSES_FROM ? 0 : width < TWICE_FROM ? COURSE : 2 * COURSE;
  const natural = naturalWidths([columns.map(({ heading }) => ({ text: heading })), ...rows], width, ruler);
  const wishes = [
    ...columns.map(({ weight }, index) => ({ natural: natural[index] ?? 0, weight })),
    ...(course > 0 ? [{ natural: course, weight: 0 }] : []),
    ...(bars ? [{ natural: NARROWEST_BAR, weight: 0 }] : []),
  ];
  const room = roomFor(
    wishes.map(() => ({})),
    width,
  );
  const widths = shareWidth(wishes, room, 4);
  const used = widths.reduce((sum, one) => sum + one, 0);
  const barWidth = Math.min(WIDEST_BAR, NARROWEST_BAR + Math.max(0, room - used));
  const laid: TableColumn[] = columns.map(({ heading, align }, index) => ({
    heading,
    width: widths[index] ?? 1,
    ...(align === undefined ? { cut: 'middle' } : { align }),
  }));
  if (course > 0) laid.push({ heading: 'over time', width: course });
  if (bars) laid.push({ heading: '', width: barWidth });
  const most = sources.reduce((greatest, { count }) => Math.max(greatest, count), 0);
  const layout = await loadLayout(laid, await rulerFor([...rows.flat().map(({ text }) => text), '█']));
  const cells = rows.map((row, index) => [
    ...row,
    ...(course > 0 ? [{ text: sparkline(sources[index]?.course ?? [], course), colour: palette.accent }] : []),
    ...(bars && parts === undefined
      ? [{ text: bar(sources[index]?.count ?? 0, most, barWidth), colour: palette.accent }]
      : []),
  ]);
  const heading = layout([headingRow(laid, palette)]).trimEnd();
  const lines = layout(cells).split('\n');
  // A cell has one colour, and a stack has several: it is put behind its line.
  const place = widths.slice(0, columns.length).reduce((sum, one) => sum + one + 2, 0);
  const body =
    bars && parts !== undefined
      ? lines.map((line, index) => {
          const counts = partWidths(sources[index]?.parts ?? [], most, barWidth);
          const stack = counts.map((count, part) => (count === 0 ? '' : toned(parts[part]?.tone ?? 0, count, palette)));
          return ruler.pad(line, place) + stack.join('');
        })
      : lines;
  // A command is for copying: it is never cut, and a screen breaks it where it must.
  return [
    heading,
    ...sources.flatMap(({ command }, index) => [
      (body[index] ?? '').trimEnd(),
      ...(command === undefined ? [] : [palette.dim(`  ${oneLine(command)}`)]),
    ]),
  ];
}

/** A report away from a screen: a line a row, its cells with tabs between. */
export function plainReport(view: ReportView): string {
  return view.rows
    .map(({ cells, command }) => [...cells, ...(command === undefined ? [] : [command])].map(oneLine).join('\t') + '\n')
    .join('');
}
