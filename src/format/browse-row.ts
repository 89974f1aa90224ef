import type { HistoryEntry } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import type { Clock } from '../terminal/time.js';
import type { Ruler } from '../terminal/width.js';
import { shorten } from './layout.js';
import type { Cut } from './layout.js';
import { actorText, messageText, oneLine, shownEntity } from './words.js';

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align?: 'left' | 'right';
  readonly cut?: Cut;
  readonly text: (entry: HistoryEntry) => string;
  readonly colour?: (entry: HistoryEntry) => ((text: string) => string) | undefined;
}

/** From here on a row has the seq and the whole date, and from here on the seconds. */
const WIDE = 110;
const MIDDLE = 76;

/** The rows of the screen that browses, in the look of `history`: columns that stay where they are, whatever is scrolled. */
export function browseRows(
  width: number,
  { clock, ruler, palette }: { readonly clock: Clock; readonly ruler: Ruler; readonly palette: Palette },
): { readonly heading: string; line(entry: HistoryEntry, folded: number | undefined): string } {
  const columns = columnsOf(width, clock, palette);
  const used = columns.reduce((sum, column) => sum + column.width + 1, 0);
  const left = Math.max(8, width - used);
  const message = (entry: HistoryEntry, folded: number | undefined): string =>
    folded === undefined ? messageText(entry) : `[${folded} entries] ${messageText(entry)}`;
  return {
    heading: ruler.truncate(
      `${columns.map(({ heading, width: room, align }) => ruler.pad(heading, room, align)).join(' ')} message`,
      width,
    ),
    line(entry, folded) {
      const cells = columns.map(({ width: room, align, cut, text, colour }) => {
        const shaped = ruler.pad(shorten(text(entry), room, cut, ruler), room, align);
        return colour?.(entry)?.(shaped) ?? shaped;
      });
      const said = ruler.truncate(message(entry, folded), left);
      return [...cells, entry.reverted_by === null ? said : palette.reverted(said)].join(' ');
    },
  };
}

function columnsOf(width: number, clock: Clock, palette: Palette): Column[] {
  const wide = width >= WIDE;
  const middle = width >= MIDDLE;
  const marks: Record<string, string> = { error: '!!', warning: '!' };
  const colours: Record<string, (text: string) => string> = { error: palette.error, warning: palette.warning };
  const time = (entry: HistoryEntry): string => {
    const { date, time: exact } = clock.text(entry.ts);
    return wide ? `${date} ${exact.slice(0, 8)}` : `${date.slice(2)} ${exact.slice(0, middle ? 8 : 5)}`;
  };
  const part = (share: number, least: number): number => Math.max(least, Math.floor(width * share));
  return [
    ...(wide
      ? [
          {
            heading: 'seq',
            width: 9,
            align: 'right' as const,
            text: ({ seq }: HistoryEntry) => String(seq),
            colour: () => palette.dim,
          },
        ]
      : []),
    { heading: 'time', width: wide ? 19 : middle ? 17 : 14, text: time },
    {
      heading: '',
      width: 2,
      text: ({ severity }) => marks[severity] ?? '',
      colour: ({ severity }) => colours[severity],
    },
    { heading: 'actor', width: part(0.11, 7), text: actorText, colour: () => palette.accent },
    { heading: 'action', width: part(0.12, 8), text: ({ action }) => oneLine(action) },
    { heading: 'entity', width: part(0.16, 10), cut: 'entity', text: shownEntity },
  ];
}
