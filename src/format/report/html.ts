import { squeezed } from './bars.js';
import { apart, html, pageBegin, pageEnd } from './page.js';
import type { Point, ReportView, ViewColumn, ViewRow } from './view.js';

/** A report as a page to hand to somebody. `made` says what made it, and when. */
export function htmlReport(view: ReportView, made: string): string {
  return [
    pageBegin(view.title),
    `<p class="dim">${apart(view.asked)}</p>\n`,
    view.course === undefined || view.course.length < 2 ? '' : courseFigure(view.course),
    view.rows.length === 0 ? '<p>Nothing.</p>\n' : rowsTable(view),
    view.note === undefined ? '' : `<p class="dim">${html(view.note)}</p>\n`,
    pageEnd(made),
  ].join('');
}

/** More columns than this could not be told apart. */
const MOST_POINTS = 480;
const HEIGHT = 100;

function courseFigure(course: readonly Point[]): string {
  const sums = squeezed(
    course.map(({ count }) => count),
    MOST_POINTS,
  );
  const most = sums.reduce((a, b) => Math.max(a, b), 0);
  const run = Math.ceil(course.length / sums.length);
  const peak = course[sums.indexOf(most) * run]?.label ?? '';
  const path = sums
    .map((sum, index) => {
      const top = most === 0 ? HEIGHT : HEIGHT - (sum / most) * HEIGHT;
      return sum === 0 ? '' : `M${index + 0.05} ${HEIGHT}V${rounded(top)}h.9V${HEIGHT}z`;
    })
    .join('');
  const told = run === 1 ? `most: ${most}, ${peak}` : `most: ${most} in ${run} together, from ${peak}`;
  return `<figure>
<svg class="course" viewBox="0 0 ${sums.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${html(told)}"><path d="${path}"/></svg>
<figcaption><span>${html(course[0]?.label ?? '')}</span><span>${html(told)}</span><span>${html(course.at(-1)?.label ?? '')}</span></figcaption>
</figure>
`;
}

function rounded(number: number): string {
  return String(Math.round(number * 100) / 100);
}

function rowsTable({ columns, rows }: ReportView): string {
  const most = rows.reduce((greatest, { count }) => Math.max(greatest, count), 0);
  const headings = columns.map((column) => `<th scope="col"${classOf(column)}>${html(column.heading)}</th>`).join('');
  return `<table>
<thead><tr>${headings}<th class="bar"></th></tr></thead>
<tbody>
${rows.map((row) => tableRow(columns, row, most)).join('')}</tbody>
</table>
`;
}

function classOf({ align, weight }: ViewColumn): string {
  if (align === 'right') return ' class="number"';
  return weight === 0 ? ' class="fixed"' : '';
}

function tableRow(columns: readonly ViewColumn[], { cells, count, command }: ViewRow, most: number): string {
  const shown = columns.map((column, index) => `<td${classOf(column)}>${apart(cells[index] ?? '')}</td>`).join('');
  const part = most === 0 ? 0 : (count / most) * 100;
  // What is there at all can be seen.
  const width = count === 0 ? 0 : Math.max(0.5, part);
  const bar = `<td class="bar"><svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${rounded(width)}" height="8"/></svg></td>`;
  const row = `<tr${command === undefined ? '' : ' class="with"'}>${shown}${bar}</tr>\n`;
  if (command === undefined) return row;
  return `${row}<tr class="command"><td colspan="${columns.length + 1}"><code>${apart(command)}</code></td></tr>\n`;
}
