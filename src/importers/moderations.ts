import { LINE_END, spansOf } from './note-pieces.js';
import type { Note, Piece } from './note-pieces.js';

// Letters beyond ASCII are written as escapes: the program's bundles are ASCII.
const HEAD = /^(?<ts>\d{12,14}) (?<actor>[^\s@]+@[^\s|]+) \| (?<message>[^]*)$/;
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
 * but for reasons, which hold line breaks; and what a second writer put behind the last one, on the same line.
 */
export function moderationPieces(text: string): Piece[] {
  const lines = spansOf(text, LINE_END).map(({ start, end }) => ({ start, end, words: text.slice(start, end) }));
  const pieces: Piece[] = [];
  for (let index = 0; index < lines.length; index++) {
    const first = index;
    index = lastLineOf(lines, first);
    pieces.push(...eventsOf(text.slice(lines[first]?.start, lines[index]?.end)));
  }
  return pieces;
}

/** Where an event ends: on its line, or where the quoted reason does that is open there. */
function lastLineOf(lines: readonly { readonly words: string }[], first: number): number {
  const words = lines[first]?.words ?? '';
  const reason = HEAD.test(words) ? words.indexOf(REASON) : -1;
  if (reason < 0) return first;
  let last = CLOSED.test(words.slice(reason + REASON.length)) ? first : undefined;
  for (let next = first + 1; next < lines.length; next++) {
    const line = lines[next]?.words ?? '';
    // A quotation mark at the end of a line may be one of the reason's own, and a head within quotation marks is no head.
    if (last !== undefined && HEAD.test(line)) break;
    if (CLOSED.test(line)) last = next;
  }
  return last ?? first;
}

/** The event and what the second writer put behind it. */
function eventsOf(raw: string): Piece[] {
  const reason = HEAD.test(raw) ? raw.indexOf(REASON) : -1;
  const seconds = [...raw.matchAll(SECOND_WRITER)].filter(({ index }) => index > reason);
  // Within an open reason it is a quotation.
  const begin =
    reason < 0 ? 0 : seconds.findIndex(({ index }) => index >= reason + REASON.length && raw[index - 1] === '"');
  const behind = begin < 0 ? [] : seconds.slice(begin);
  const head = raw.slice(0, behind[0]?.index);
  const pieces: Piece[] = head.trim() === '' ? [] : [{ raw: head, note: eventOf(head), continued: 0 }];
  for (const [place, { index, groups }] of behind.entries()) {
    const part = raw.slice(index, behind[place + 1]?.index);
    pieces.push({ raw: part, note: reopeningOf(part, groups ?? {}), continued: 0 });
  }
  return pieces;
}

function eventOf(text: string): Note | null {
  const groups = HEAD.exec(text)?.groups;
  if (groups === undefined) return null;
  const { ts = '', actor = '', message = '' } = groups;
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
