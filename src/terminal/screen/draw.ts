import type { Palette } from '../colour.js';
import { heatLines } from '../heat.js';
import { visible } from '../sanitize.js';
import type { Ruler } from '../width.js';
import { KEY_WORDS, listHeight, partAt } from './browser.js';
import type { Scene, Size } from './browser.js';
import type { Desk, Row } from './desk.js';

/** What drawing needs beside the scene. */
export interface Pens {
  readonly ruler: Ruler;
  readonly palette: Palette;
  readonly time: Desk['time'];
  readonly rows: Row;
  readonly join: Desk['join'];
}

const INVERSE = ['\x1b[7m', '\x1b[27m'] as const;

/** The lines of the screen from its top: as many as it has, but for the last one, each no wider than it is. */
export function draw(scene: Scene, size: Size, pens: Pens): readonly string[] {
  const lines = scene.help
    ? helpLines(size, pens)
    : [...timelineLines(scene, size, pens), ...middle(scene, size, pens)];
  const body = size.rows - 3;
  while (lines.length < body) lines.push('');
  return [...lines.slice(0, body), barLine(scene, size, pens), footLine(scene, size, pens)];
}

function middle(scene: Scene, size: Size, pens: Pens): string[] {
  if (scene.hours !== null) return hourLines(scene.hours, size, pens);
  const list = listLines(scene, size, pens);
  if (scene.detail === null) return list;
  const ruled = pens.palette.dim('─'.repeat(size.columns));
  return [...list, ruled, ...scene.detail.slice(scene.detailFirst)];
}

function listLines(scene: Scene, size: Size, { ruler, palette, rows }: Pens): string[] {
  const height = listHeight(size, scene.detail !== null);
  const seen = scene.rows.slice(scene.first, scene.first + height).map(({ entry, folded }, index) => {
    const line = rows.line(entry, folded);
    if (scene.first + index !== scene.selected) return ` ${line}`;
    return `${INVERSE[0]}${ruler.pad(`>${plain(line)}`, size.columns)}${INVERSE[1]}`;
  });
  const none = scene.rows.length === 0 ? [palette.dim(' no entries match')] : [];
  const lines = [palette.heading(` ${rows.heading}`), ...seen, ...none];
  while (lines.length < height + 1) lines.push('');
  return lines;
}

const COLOURS = new RegExp(String.raw`\x1b\[[\d;]*m`, 'g');

/** Without colours: one that ends within the selected line would end its background as well. */
function plain(line: string): string {
  return line.replace(COLOURS, '');
}

const BARS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A bar of one part against the largest: whatever is there is seen. */
export function bar(count: number, most: number): string {
  return BARS[count === 0 ? 0 : Math.max(1, Math.round((count / most) * (BARS.length - 1)))] ?? ' ';
}

function timelineLines(scene: Scene, { columns }: Size, { ruler, palette, time }: Pens): string[] {
  const { timeline, rows, selected } = scene;
  const entry = rows[selected]?.entry;
  if (timeline.length === 0 || entry === undefined) return ['', ''];
  const most = Math.max(...timeline.map(({ count }) => count));
  const here = partAt(timeline, Date.parse(entry.ts));
  const bars = timeline.map(({ count }, index) => {
    const text = bar(count, most);
    return index === here ? `${INVERSE[0]}${text}${INVERSE[1]}` : palette.accent(text);
  });
  const [from, to] = [time(timeline[0]?.start ?? 0), time(timeline.at(-1)?.start ?? 0)];
  const between = Math.max(1, columns - ruler.width(from) - ruler.width(to));
  return [bars.join(''), palette.dim(ruler.truncate(`${from}${' '.repeat(between)}${to}`, columns))];
}

function hourLines(hours: readonly (readonly number[])[], { columns }: Size, { palette, ruler }: Pens): string[] {
  const most = Math.max(0, ...hours.flat());
  return [
    palette.heading(' entries by weekday and hour'),
    ...heatLines(hours, columns, palette),
    '',
    palette.dim(ruler.truncate(` █ is ${most} entries in an hour of the week; any key goes back`, columns)),
  ];
}

function helpLines({ columns }: Size, { palette, ruler }: Pens): string[] {
  const width = Math.max(...KEY_WORDS.map(({ keys }) => ruler.width(keys)));
  const lines = KEY_WORDS.map(
    ({ keys, does }) => ` ${palette.accent(ruler.pad(keys, width))}  ${ruler.truncate(does, columns - width - 4)}`,
  );
  return [palette.heading(' keys (any key goes back)'), ...lines];
}

function barLine(scene: Scene, { columns }: Size, { ruler, join, time }: Pens): string {
  const { above, selected, count, rows } = scene;
  const entry = rows[selected]?.entry;
  const place = entry === undefined ? '' : above === null ? time(Date.parse(entry.ts)) : `${above + selected + 1}`;
  const of = count === null ? '' : ` of ${count}`;
  const filter = scene.words.length === 0 ? 'all entries' : visible(join(scene.words), { newlines: 'mark' });
  const state = `${place}${of}${scene.follows ? '  following' : ''}`;
  const room = columns - ruler.width(state) - 3;
  return `${INVERSE[0]}${ruler.pad(` ${ruler.pad(ruler.truncate(filter, room), room)} ${state}`, columns)}${INVERSE[1]}`;
}

const HINTS = '↑↓ move  Enter open  / find  f filter  t time  F follow  n note  r revert  x export  ? help  q quit';

function footLine({ prompt, message }: Scene, { columns }: Size, { ruler, palette }: Pens): string {
  if (prompt !== null) {
    const label = visible(prompt.label, { newlines: 'mark' });
    const text = visible(prompt.text, { newlines: 'mark' });
    const beside = message === '' ? '' : `   ${visible(message, { newlines: 'mark' })}`;
    const whole = `${label}${text}█${beside}`;
    // What is typed last is seen, however long it is.
    if (ruler.width(whole) <= columns) return `${label}${text}█${palette.dim(beside)}`;
    const lines = ruler.wrap(`${label}${text}█`, columns);
    return lines.at(-1) ?? '';
  }
  if (message !== '') return ruler.truncate(visible(message, { newlines: 'mark' }), columns);
  return palette.dim(ruler.truncate(HINTS, columns));
}
