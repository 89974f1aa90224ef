import { LINE_END, spansOf } from './note-pieces.js';
import type { Note, Piece } from './note-pieces.js';

// Letters beyond ASCII are written as escapes: the program's bundles are ASCII.
const HEAD = /^(?<ts>\d{12,14}) (?<actor>[^\s@]+@[^\s|]+) \| (?<message>[^]*)$/;
/** An event without a head, as where the text was cut off or somebody put it together by hand. */
const HEADLESS = /^ ?\| (?<message>(?:Valid\u00e9e?|Rejet\u00e9e?|R\u00e9ouverte?) par (?<actor>[^\s|]+)[^]*)$/;
const SECOND_WRITER = / \| R\u00e9ouvert le (?<day>\d{4}-\d\d-\d\d) par (?<actor>[^\s|]+) - /g;
const REASON = ' | Raison : "';
const CLOSED = /"(?: \| R\u00e9ouvert le |[ \t]*$)/;

const ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^Valid\u00e9e? par /, 'validate'],
  [/^Rejet\u00e9e? par /, 'reject'],
  [/^R\u00e9ouverte? par /, 'reopen'],
];

/**
 * Cuts a comment of ProConnect's moderations into its events, oldest first: `<epoch ms> <email> | <message>`, one a line,
 * but for reasons, which hold line breaks; and what a second writer put behind the last one, on the same line. What stands
 * between the quotes of a reason is its text, whatever it looks like.
 */
export function moderationPieces(text: string): Piece[] {
  return linesOf(text, isEvent).flatMap((raw) => {
    const pieces = eventsOf(raw);
    const earlier = linesOf(raw, hasHead).flatMap(eventsBefore);
    if (same(pieces, earlier)) return pieces;
    let [end, from] = [0, 0];
    const places = earlier.map((piece) => {
      const at = raw.indexOf(piece.raw, from);
      from = at + piece.raw.length;
      return { piece, at };
    });
    // Each has those that stand within it.
    return Array.from(pieces, (piece) => {
      const start = end;
      end += piece.raw.length;
      const was = places.filter(({ at }) => at >= start && at < end).map((place) => place.piece);
      return was.length === 0 ? piece : { raw: piece.raw, note: piece.note, continued: 0, earlier: was };
    });
  });
}

function same(pieces: readonly Piece[], others: readonly Piece[]): boolean {
  return JSON.stringify(pieces) === JSON.stringify(others);
}

function hasHead(text: string): boolean {
  return HEAD.test(text);
}

function isEvent(text: string): boolean {
  return HEAD.test(text) || HEADLESS.test(text);
}

/** The lines of a text, each with those below that belong to its reason. */
function linesOf(text: string, begins: (line: string) => boolean): string[] {
  const lines = spansOf(text, LINE_END).map(({ start, end }) => ({ start, end, words: text.slice(start, end) }));
  const whole: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const first = index;
    index = lastLineOf(lines, first, begins);
    whole.push(text.slice(lines[first]?.start, lines[index]?.end));
  }
  return whole;
}

/** Where an event ends: on its line, or where the quoted reason does that is open there. */
function lastLineOf(
  lines: readonly { readonly words: string }[],
  first: number,
  begins: (line: string) => boolean,
): number {
  const words = lines[first]?.words ?? '';
  const reason = begins(words) ? words.indexOf(REASON) : -1;
  if (reason < 0) return first;
  let last = CLOSED.test(words.slice(reason + REASON.length)) ? first : undefined;
  for (let next = first + 1; next < lines.length; next++) {
    const line = lines[next]?.words ?? '';
    // A quotation mark at the end of a line may be one of the reason's own, and a head within quotation marks is no head.
    if (last !== undefined && (hasHead(line) || (!hasHead(words) && begins(line)))) break;
    if (CLOSED.test(line)) last = next;
  }
  return last ?? first;
}

/** The event and what the second writer put behind it. */
function eventsOf(raw: string): Piece[] {
  const reason = isEvent(raw) ? raw.indexOf(REASON) : -1;
  const seconds = [...raw.matchAll(SECOND_WRITER)];
  if (reason < 0) return cutAt(raw, seconds);
  return cutAt(raw, seconds.slice(secondWriter(raw, reason + REASON.length, seconds)));
}

/**
 * Which of these is the first of the second writer's, of a reason that is open from there: it stands behind the quotation
 * mark that closes it, and what is quoted in the reason has both of its own. Behind the last one where all are quoted.
 */
function secondWriter(raw: string, open: number, seconds: readonly RegExpExecArray[]): number {
  const quotes = (text: string): number => text.split('"').length - 1;
  const behindQuotes = seconds.filter(({ index }) => index > open && raw[index - 1] === '"');
  const closing = behindQuotes.find(({ index }) => quotes(raw.slice(open, index)) % 2 === 1);
  const [first] = behindQuotes;
  if (first === undefined) return seconds.length;
  // Nothing fits: the last quotation mark closes the reason, unless there is none to close it.
  const isWithin = quotes(raw.slice(first.index)) % 2 === 1 && /"\s*$/.test(raw);
  return closing === undefined && isWithin ? seconds.length : seconds.indexOf(closing ?? first);
}

/** The same as earlier versions had it: they knew no quotes without a head, nor one that opens in front of what it quotes. */
function eventsBefore(raw: string): Piece[] {
  const reason = hasHead(raw) ? raw.indexOf(REASON) : -1;
  const seconds = [...raw.matchAll(SECOND_WRITER)].filter(({ index }) => index > reason);
  const begin =
    reason < 0 ? 0 : seconds.findIndex(({ index }) => index >= reason + REASON.length && raw[index - 1] === '"');
  const pieces = cutAt(raw, begin < 0 ? [] : seconds.slice(begin));
  return Array.from(pieces, (piece) => (piece.note?.ts === null ? { ...piece, note: null } : piece));
}

function cutAt(raw: string, seconds: readonly RegExpExecArray[]): Piece[] {
  const head = raw.slice(0, seconds[0]?.index);
  const pieces: Piece[] = head.trim() === '' ? [] : [{ raw: head, note: eventOf(head), continued: 0 }];
  for (const [place, { index, groups }] of seconds.entries()) {
    const part = raw.slice(index, seconds[place + 1]?.index);
    pieces.push({ raw: part, note: reopeningOf(part, groups ?? {}), continued: 0 });
  }
  return pieces;
}

function eventOf(text: string): Note | null {
  const groups = (HEAD.exec(text) ?? HEADLESS.exec(text))?.groups;
  if (groups === undefined) return null;
  const { ts = null, actor = '', message = '' } = groups as Readonly<Record<string, string | undefined>>;
  const reason = / \| Raison : "([^]*)"\s*$/.exec(message)?.[1];
  return {
    ts,
    actor,
    actorType: 'moderator',
    action: ACTIONS.find(([pattern]) => pattern.test(message))?.[1] ?? 'note',
    message,
    metadata: reason === undefined ? [] : [['reason', reason]],
    changes: [],
  };
}

function reopeningOf(text: string, { day = '', actor = '' }: Readonly<Record<string, string | undefined>>): Note {
  const message = text.slice(' | '.length);
  return {
    ts: day,
    dayOnly: true,
    actor,
    actorType: 'moderator',
    action: 'reopen',
    message,
    metadata: [
      ['date', day],
      ['reason', message.slice(message.indexOf(' - ') + ' - '.length)],
    ],
    changes: [],
  };
}
