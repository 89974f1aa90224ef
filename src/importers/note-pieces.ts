import type { JsonDocument } from '../core/json.js';
import type { ValueChange } from './amounts.js';

/** What a pattern makes out of a piece of a text. */
export interface Note {
  /** When it was written, as it stands there; null where the pattern allows for none. */
  readonly ts: string | null;
  /** Whether `ts` is only a day. */
  readonly dayOnly?: boolean;
  /** Whether an expression of the command line found `ts`: it may have any form. */
  readonly anyForm?: true;
  /** Null where nobody is named. */
  readonly actor: string | null;
  readonly actorType: string;
  readonly action: string;
  readonly message: string;
  readonly metadata: readonly (readonly [string, JsonDocument])[];
  readonly changes: readonly ValueChange[];
}

/** A piece of a column's text. All pieces together are the text, but for white space between them. */
export interface Piece {
  /** As it stands there. */
  readonly raw: string;
  /** Null where the pattern does not match. */
  readonly note: Note | null;
  /** The time with which a text begins that does not match, if there is one. */
  readonly stamp?: string | undefined;
  /** How many lines or blocks behind the first begin nothing of their own and were taken to go on with it. */
  readonly continued: number;
  /**
   * What earlier versions made of the same text, where that was something else. Each took a number, and these stay taken,
   * so that what comes behind keeps its own.
   */
  readonly earlier?: readonly Piece[];
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The line ends of Unix and Windows. */
export const LINE_END = /\r?\n/g;
/** One or more empty lines. */
export const EMPTY_LINES = /\r?\n(?:[ \t]*\r?\n)+/g;

/** What stands between what keeps it apart, without lines in front, behind and alone that hold nothing but white space. */
export function spansOf(text: string, apart: RegExp): Span[] {
  const spans: Span[] = [];
  let start = 0;
  const add = (end: number): void => {
    const words = text.slice(start, end);
    if (words.trim() === '') return;
    const lead = /^(?:[ \t]*\r?\n)*/.exec(words)?.[0].length ?? 0;
    const tail = /(?:\r?\n[ \t]*)*$/.exec(words)?.[0].length ?? 0;
    spans.push({ start: start + lead, end: end - tail });
  };
  for (const separator of text.matchAll(apart)) {
    add(separator.index);
    start = separator.index + separator[0].length;
  }
  add(text.length);
  return spans;
}

/** How notes of one kind look. */
export interface NoteForm {
  /** Reads a note from its beginning to its end; undefined where it does not begin like one. */
  readonly read: (text: string) => Note | undefined;
  /** Whether it may go on in lines that begin nothing. */
  readonly goesOn: boolean;
  /** Reads it as earlier versions did: undefined where they did not know it for a note. */
  readonly readBefore?: (text: string) => Note | undefined;
}

/** What a line begins with that is more than the rest of the note above: a bracket or a date. */
const BEGINS = /^\s*(?:[[(<]|\d{4}-\d\d-\d\d|\d{10,})/;

export interface FormOptions {
  readonly apart: RegExp;
  /** Those in front are tried first. */
  readonly forms: readonly NoteForm[];
  /** Reads the time in front of what is no note. */
  readonly stampOf: (text: string) => string | undefined;
}

/**
 * Cuts a text into its notes. What begins like none goes on with the note above where that may be, and is a piece of its
 * own where not.
 */
export function piecesOf(text: string, { apart, forms, stampOf }: FormOptions): Piece[] {
  const found: { start: number; end: number; form: NoteForm | undefined; continued: number }[] = [];
  for (const { start, end } of spansOf(text, apart)) {
    const words = text.slice(start, end);
    const form = forms.find(({ read }) => read(words) !== undefined);
    const above = found.at(-1);
    if (form === undefined && above?.form?.goesOn === true && !BEGINS.test(words)) {
      above.end = end;
      above.continued += 1;
    } else {
      found.push({ start, end, form, continued: 0 });
    }
  }
  return Array.from(found, ({ start, end, form, continued }) => {
    const raw = text.slice(start, end);
    const pieceOf = (note: Note | undefined): Piece =>
      note === undefined ? { raw, note: null, stamp: stampOf(raw), continued } : { raw, note, continued };
    const piece = pieceOf(form?.read(raw));
    return form?.readBefore === undefined ? piece : { ...piece, earlier: [pieceOf(form.readBefore(raw))] };
  });
}
