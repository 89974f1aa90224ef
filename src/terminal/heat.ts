import { WEEKDAYS } from '../core/weekday.js';
import type { Palette } from './colour.js';

const SHADES = ['·', '░', '▒', '▓', '█'];

/** From this width on, an hour takes three columns, else two. */
const WIDE = 4 + 24 * 3;

/** A line of hours, and one for each weekday: the more entries, the darker. No line is wider than the screen has columns. */
export function heatLines(week: readonly (readonly number[])[], columns: number, palette: Palette): readonly string[] {
  const most = Math.max(...week.flat());
  const cell = columns >= WIDE ? 3 : 2;
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'));
  // Side by side, numbers of two digits cannot be told apart.
  const heads = hours.map((hour, index) => (cell > 2 || index % 2 === 0 ? hour : '').padEnd(cell));
  return [
    palette.dim(`    ${heads.join('')}`.slice(0, columns).trimEnd()),
    ...week.map((day, index) => {
      const room = Math.max(0, Math.floor((columns - 4) / cell));
      const cells = day.slice(0, room).map((count) => {
        const shade = count === 0 ? 0 : Math.max(1, Math.ceil((count / most) * (SHADES.length - 1)));
        return palette.accent((SHADES[shade] ?? '').repeat(cell - 1));
      });
      return `${WEEKDAYS[index] ?? ''} ${cells.join(' ')}`;
    }),
  ];
}
