import type { Palette } from '../../terminal/colour.js';
import { rulerFor } from '../../terminal/width.js';
import type { Ruler } from '../../terminal/width.js';
import { headingRow, loadLayout, naturalWidths, roomFor, shareWidth } from '../layout.js';
import type { TableCell, TableColumn } from '../layout.js';
import { oneLine } from '../words.js';
import { bar, sparkline } from './bars.js';
import type { ReportView, ViewRow } from './view.js';

/** A narrower screen has no bars: the names need all of it. */
const BARS_FROM = 48;
const NARROWEST_BAR = 8;
const WIDEST_BAR = 40;

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
  const words = [view.title, view.asked, view.note ?? ''].map(oneLine);
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
  lines.push('');
  if (rows.length > 0) lines.push(...(await tableLines(columns, rows, view.rows, { width, palette, ruler })));
  else lines.push('nothing');
  if (note !== '') lines.push(...wrapped(note, palette.dim));
  return `${lines.join('\n')}\n`;
}

async function tableLines(
  columns: ReportView['columns'],
  rows: readonly (readonly TableCell[])[],
  sources: readonly ViewRow[],
  { width, palette, ruler }: { readonly width: number; readonly palette: Palette; readonly ruler: Ruler },
): Promise<string[]> {
  const bars = width >= BARS_FROM;
  const natural = naturalWidths([columns.map(({ heading }) => ({ text: heading })), ...rows], width, ruler);
  const wishes = [
    ...columns.map(({ weight }, index) => ({ natural: natural[index] ?? 0, weight })),
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
  if (bars) laid.push({ heading: '', width: barWidth });
  const most = sources.reduce((greatest, { count }) => Math.max(greatest, count), 0);
  const layout = await loadLayout(laid, await rulerFor([...rows.flat().map(({ text }) => text), '█']));
  const cells = rows.map((row, index) => [
    ...row,
    ...(bars ? [{ text: bar(sources[index]?.count ?? 0, most, barWidth), colour: palette.accent }] : []),
  ]);
  const heading = layout([headingRow(laid, palette)]).trimEnd();
  const body = layout(cells).split('\n');
  // A command is for copying: it is never cut, and a screen breaks it where it must.
  return [
    heading,
    ...sources.flatMap(({ command }, index) => [
      body[index] ?? '',
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
