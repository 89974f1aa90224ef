import type { Palette } from '../colour.js';
import { heatLines } from '../heat.js';
import { visible } from '../sanitize.js';
import type { Ruler } from '../width.js';
import { detailHeight, listHeight, partAt } from './browser.js';
import type { Prompt, Scene, Size } from './browser.js';
import type { Desk, Row } from './desk.js';
import { helpPages } from './keys-help.js';
import { partsOf } from './typing.js';

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
  const lines =
    scene.help !== null
      ? helpLines(scene.help, size, pens)
      : [...timelineLines(scene, size, pens), ...middle(scene, size, pens)];
  const body = size.rows - 3;
  while (lines.length < body) lines.push('');
  return [...lines.slice(0, body), barLine(scene, size, pens), footLine(scene, size, pens)];
}

function middle(scene: Scene, size: Size, pens: Pens): string[] {
  if (scene.hours !== null) return hourLines(scene.hours, size, pens);
  const list = listLines(scene, size, pens);
  if (scene.detail === null) return list;
  return [
    ...list,
    ruleLine(scene.detail.length, scene.detailFirst, size, pens),
    ...scene.detail.slice(scene.detailFirst),
  ];
}

/** The line above an entry in full says how much of it is seen, where that is not all. */
function ruleLine(lines: number, first: number, size: Size, { palette }: Pens): string {
  const room = detailHeight(size);
  const said = lines <= room ? '' : ` lines ${first + 1} to ${Math.min(lines, first + room)} of ${lines}, [ ] scroll `;
  return palette.dim(`──${said}`.padEnd(size.columns, '─'));
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
  const [first = 0, second = first, last = first] = [timeline[0]?.start, timeline[1]?.start, timeline.at(-1)?.start];
  const [from, to] = [time(first), time(last + Math.max(0, second - first - 1))];
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

function helpLines(page: number, size: Size, { palette }: Pens): string[] {
  const pages = helpPages(size);
  const where = pages.length === 1 ? '' : `, page ${page + 1} of ${pages.length}`;
  const goes = page + 1 >= pages.length ? 'back' : 'on, Esc back';
  const lines = (pages[page] ?? []).map(({ keys, does }) => ` ${palette.accent(keys)}  ${does}`);
  return [palette.heading(` keys${where} (any key goes ${goes})`), ...lines];
}

function barLine(scene: Scene, { columns }: Size, { ruler, join, time }: Pens): string {
  const { above, selected, count, rows } = scene;
  const entry = rows[selected]?.entry;
  const place = entry === undefined ? '0' : above === null ? time(Date.parse(entry.ts)) : `${above + selected + 1}`;
  const of = count === null ? '' : ` of ${count}`;
  const filter = scene.words.length === 0 ? 'all entries' : visible(join(scene.words), { newlines: 'mark' });
  const state = `${place}${of}${scene.follows ? '  following' : ''}`;
  const room = columns - ruler.width(state) - 3;
  return `${INVERSE[0]}${ruler.pad(` ${ruler.pad(ruler.truncate(filter, room), room)} ${state}`, columns)}${INVERSE[1]}`;
}

const HINTS = '↑↓ move  Enter open  / find  f filter  t time  F follow  n note  r revert  x export  ? help  q quit';

function footLine({ prompt, message }: Scene, { columns }: Size, { ruler, palette }: Pens): string {
  const said = visible(message, { newlines: 'mark' });
  if (prompt !== null) {
    // What was wrong is seen beside what is to be mended, however long that is.
    const beside = said === '' ? '' : `   ${ruler.truncate(said, Math.floor(columns / 2) - 3)}`;
    return `${promptText(prompt, columns - ruler.width(beside), ruler)}${palette.dim(beside)}`;
  }
  return said === '' ? palette.dim(ruler.truncate(HINTS, columns)) : ruler.truncate(said, columns);
}

/** What is typed, around its cursor. */
function promptText(prompt: Prompt, columns: number, ruler: Ruler): string {
  const label = ruler.truncate(labelText(prompt, columns, ruler), Math.max(1, columns - LEAST_TYPED), 'middle');
  const [before, after] = partsOf(prompt).map((part) => visible(part, { newlines: 'mark' })) as [string, string];
  const room = columns - ruler.width(label) - 1;
  const shownBefore = ruler.width(before) <= room ? before : (ruler.wrap(before, room).at(-1) ?? '');
  if (after === '') return `${label}${shownBefore}█`;
  const [under = ''] = Array.from(after);
  const rest = ruler.truncate(
    after.slice(under.length),
    Math.max(0, room - ruler.width(shownBefore) - ruler.width(under) + 1),
  );
  return `${label}${shownBefore}${INVERSE[0]}${under}${INVERSE[1]}${rest}`;
}

/** So much of the line is left for what is typed. */
const LEAST_TYPED = 12;

function labelText({ label, choices }: Prompt, columns: number, ruler: Ruler): string {
  const shown = visible(label, { newlines: 'mark' });
  if (choices.length === 0) return shown;
  const numbers = choices.map((_, index) => ` ${index + 1} `);
  const taken = [shown, ...numbers, ': '].reduce((sum, text) => sum + text.length + 1, LEAST_TYPED);
  const share = Math.max(3, Math.floor((columns - taken) / choices.length));
  const listed = choices.map(
    (choice, index) => `${numbers[index]}${ruler.truncate(visible(choice, { newlines: 'mark' }), share)} `,
  );
  return `${shown} ${listed.join('')}: `;
}
