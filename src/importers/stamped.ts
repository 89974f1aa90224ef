import type { Note, NoteForm } from './note-pieces.js';

/** A time as it stands in front of notes, in brackets or not. */
const TIME = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?`;
export const STAMP = String.raw`[[(]?(?<ts>${TIME})[\])]?(?:[ \t]+|[ \t]*[-\u2013\u2014|:][ \t]*)`;

const STAMPED = new RegExp(String.raw`^${STAMP}(?<actor>[^\s:[\]()]+):(?:[ \t]|\r?\n|$)(?<message>[^]*)$`);
const STAMP_ALONE = new RegExp(String.raw`^${STAMP}`);
const JOURNAL = new RegExp(String.raw`^(?<ts>${TIME}) - (?<head>[^\r\n]+)(?:\r?\n(?<message>[^]*))?$`);

/** `[2026-03-14 10:02 UTC] <author>: <text>`, whose text may go on in further lines. */
export const stampedForm: NoteForm = {
  goesOn: true,
  read: (text) => {
    const groups = STAMPED.exec(text)?.groups;
    return groups && noteOf(groups['ts'], groups['actor'], groups['message'], []);
  },
};

/** `2026-03-06 09:00:00 - <author> (<kind>)`, and the text in the lines below. */
export const journalForm: NoteForm = {
  goesOn: true,
  read: (text) => {
    const groups = JOURNAL.exec(text)?.groups;
    if (groups === undefined) return undefined;
    // Not by an expression: one that looks for a kind behind any blank takes for ever where there are many.
    const head = groups['head']?.trimEnd() ?? '';
    const bracket = head.endsWith(')') ? head.lastIndexOf(' (') : -1;
    const kind = bracket < 0 ? undefined : head.slice(bracket + ' ('.length, -1);
    const actor = bracket < 0 ? head : head.slice(0, bracket);
    if (actor.trim() === '') return undefined;
    return noteOf(groups['ts'], actor, groups['message'], kind === undefined ? [] : [['kind', kind]]);
  },
};

function noteOf(ts = '', actor = '', message = '', metadata: Note['metadata']): Note {
  return { ts, actor, actorType: 'user', action: 'note', message, metadata, changes: [] };
}

/** The time in front of a text of whatever kind. */
export function stampOf(text: string): string | undefined {
  return STAMP_ALONE.exec(text)?.groups?.['ts'];
}
