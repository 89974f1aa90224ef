import { squeezed } from './bars.js';
import { WEEKDAYS } from '../../core/weekday.js';
import { apart, html, pageBegin, pageEnd } from './page.js';
import type { Point, ReportView, ViewColumn, ViewPart, ViewRow } from './view.js';

/** A report as a page to hand to somebody. `made` says what made it, and when. */
export function htmlReport(view: ReportView, made: string): string {
  return [
    pageBegin(view.title),
    `<p class="dim">${apart(view.asked)}</p>\n`,
    view.parts === undefined ? '' : legendList(view.parts),
    view.course === undefined || view.course.length < 2 ? '' : courseFigure(view.course, view.parts),
    view.week !== undefined ? weekTable(view.week) : view.rows.length === 0 ? '<p>Nothing.</p>\n' : rowsTable(view),
    view.note === undefined ? '' : `<p class="dim">${html(view.note)}</p>\n`,
    pageEnd(made),
  ].join('');
}

/** More columns than this could not be told apart. */
const MOST_POINTS = 480;
const HEIGHT = 100;

/** How counts went over time, as a drawing: told apart by parts, where there are any. */
export function courseFigure(course: readonly Point[], parts?: readonly ViewPart[]): string {
  const sums = squeezed(
    course.map(({ count }) => count),
    MOST_POINTS,
  );
  const most = sums.reduce((a, b) => Math.max(a, b), 0);
  const run = Math.ceil(course.length / sums.length);
  const peak = course[sums.indexOf(most) * run]?.label ?? '';
  const height = (count: number): number => (most === 0 ? 0 : (count / most) * HEIGHT);
  const layers = (parts ?? [{ tone: 0 }]).map(({ tone }, part) => ({
    tone,
    counts:
      parts === undefined
        ? sums
        : squeezed(
            course.map((point) => point.parts?.[part] ?? 0),
            MOST_POINTS,
          ),
  }));
  const bottoms = sums.map(() => HEIGHT);
  const paths = layers.map(({ tone, counts }) => {
    const path = counts.map((count, index) => {
      const bottom = bottoms[index] ?? HEIGHT;
      const top = bottom - height(count);
      bottoms[index] = top;
      return count === 0 ? '' : `M${index + 0.05} ${rounded(bottom)}V${rounded(top)}h.9V${rounded(bottom)}z`;
    });
    return `<path class="tone${tone}" d="${path.join('')}"/>`;
  });
  const told = run === 1 ? `most: ${most}, ${peak}` : `most: ${most} in ${run} together, from ${peak}`;
  return `<figure>
<svg class="course" viewBox="0 0 ${sums.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${html(told)}">${paths.join('')}</svg>
<figcaption><span>${html(course[0]?.label ?? '')}</span><span>${html(told)}</span><span>${html(course.at(-1)?.label ?? '')}</span></figcaption>
</figure>
`;
}

function rounded(number: number): string {
  return String(Math.round(number * 100) / 100);
}

function legendList(parts: readonly ViewPart[]): string {
  const items = parts.map(
    ({ name, count, tone }) =>
      `<li><svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="tone${tone}" width="1" height="1"/></svg>${apart(name)} ${count}</li>\n`,
  );
  return `<ul class="legend">\n${items.join('')}</ul>\n`;
}

/** Of a week, a table of its hours: the more entries, the darker; each cell says how many. */
function weekTable(week: readonly (readonly number[])[]): string {
  const most = Math.max(0, ...week.flat());
  if (most === 0) return '<p>Nothing.</p>\n';
  const heads = Array.from({ length: 24 }, (_, hour) => `<th scope="col">${String(hour).padStart(2, '0')}</th>`);
  const rows = week.map((day, index) => {
    const cells = day.map((count) => {
      const part = count === 0 ? 0 : Math.max(0.08, count / most);
      return `<td title="${count}"><svg class="hour" viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label="${count}"><rect width="1" height="1" fill-opacity="${rounded(part)}"/></svg></td>`;
    });
    return `<tr><th scope="row">${WEEKDAYS[index] ?? ''}</th>${cells.join('')}</tr>\n`;
  });
  return `<table class="week">
<thead><tr><th></th>${heads.join('')}</tr></thead>
<tbody>
${rows.join('')}</tbody>
</table>
<p class="dim">most in an hour of the week: ${most}</p>
`;
}

function rowsTable({ columns, rows, parts = [] }: ReportView): string {
  const most = rows.reduce((greatest, { count }) => Math.max(greatest, count), 0);
  const headings = columns.map((column) => `<th scope="col"${classOf(column)}>${html(column.heading)}</th>`).join('');
  const courses = rows.some(({ course }) => course !== undefined);
  return `<table>
<thead><tr>${headings}${courses ? '<th scope="col" class="bar">over time</th>' : ''}<th class="bar"></th></tr></thead>
<tbody>
${rows.map((row) => tableRow(columns, row, { most, parts, courses })).join('')}</tbody>
</table>
`;
}

function classOf({ align, weight }: ViewColumn): string {
  if (align === 'right') return ' class="number"';
  return weight === 0 ? ' class="fixed"' : '';
}

/** How a row went over time: each has a scale of its own. */
function courseCell(course: readonly number[]): string {
  const most = course.reduce((a, b) => Math.max(a, b), 0);
  const path = course.map((count, index) =>
    count === 0 ? '' : `M${index + 0.05} 8V${rounded(8 - Math.max(0.5, (count / most) * 8))}h.9V8z`,
  );
  return `<td class="bar"><svg class="bar" viewBox="0 0 ${Math.max(1, course.length)} 8" preserveAspectRatio="none" aria-hidden="true"><path d="${path.join('')}"/></svg></td>`;
}

function tableRow(
  columns: readonly ViewColumn[],
  { cells, count, command, parts: counts, course }: ViewRow,
  { most, parts, courses }: { readonly most: number; readonly parts: readonly ViewPart[]; readonly courses: boolean },
): string {
  const shown = columns.map((column, index) => `<td${classOf(column)}>${apart(cells[index] ?? '')}</td>`).join('');
  const part = most === 0 ? 0 : (count / most) * 100;
  // What is there at all can be seen.
  const width = count === 0 ? 0 : Math.max(0.5, part);
  const stack = counts ?? [count];
  let end = 0;
  const rects = stack.map((one, index) => {
    const begin = end;
    end += count === 0 ? 0 : (one / count) * width;
    return one === 0
      ? ''
      : `<rect class="tone${parts[index]?.tone ?? 0}" x="${rounded(begin)}" width="${rounded(end - begin)}" height="8"/>`;
  });
  const bar = `<td class="bar"><svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">${rects.join('')}</svg></td>`;
  const over = courses ? courseCell(course ?? []) : '';
  const row = `<tr${command === undefined ? '' : ' class="with"'}>${shown}${over}${bar}</tr>\n`;
  if (command === undefined) return row;
  return `${row}<tr class="command"><td colspan="${columns.length + (courses ? 2 : 1)}"><code>${apart(command)}</code></td></tr>\n`;
}
