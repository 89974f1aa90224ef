import { isLosslessNumber } from 'lossless-json';
import { parseDocument } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { underOneNaming } from './amounts.js';
import type { ValueChange } from './amounts.js';
import type { Note, NoteForm } from './note-pieces.js';
import { STAMP } from './stamped.js';

/** The label may be two words or more: one word is an author. */
const MEMO = new RegExp(
  String.raw`^${STAMP}(?<message>(?<label>[A-Za-z][\w-]*(?: [\w-]+){1,5}):(?:[ \t]+|$)(?<told>[^]*))$`,
);
/** Or one of words that `_` or `-` hold together, as programs write them. A word with digits is rather somebody's id. */
const CODED = new RegExp(
  String.raw`^${STAMP}(?<message>(?<label>[A-Za-z]+(?:[_-][A-Za-z]+)+|note):(?:[ \t]+|(?=\r?\n)|$)(?<told>[^]*))$`,
);

const ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^partial dispense$/i, 'partial_dispense'],
  [/^balance settle(?:d|ment)?$/i, 'balance_settle'],
  [/^off ?LN refund$/i, 'off_ln_refund'],
  [/^status overrid(?:e|den)$/i, 'status_override'],
  [/^note$/, 'note'],
];

/** `gross 1000 -> 900`, `processed -> errored`. */
const CHANGE = /^(?:(?<name>[A-Za-z]\w*) )?(?<before>[^\s,;]+) (?:->|=>|\u2192) (?<after>[^\s,;]+)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const SUM = /^(?<amount>\d+(?:\.\d+)?) (?<currency>[A-Za-z]{3,4})$/;
/** `gross 1000`, of which the values before stand in one list and those after in another. */
const VALUE = /^(?<name>[A-Za-z]\w*)(?:: ?|=| )(?<value>-?\d+(?:\.\d+)?)$/;
/** What stands between two changes. */
const APART = /[,;] /;
/** What such a list may begin with. */
const SIDE = /^(?:original|old|before|new|now|after)(?: values)?:? (?=[A-Za-z])/i;

/**
 * What the system wrote of itself: `[2026-03-14T09:26:31Z] partial dispense: gross 1000 -> 900; reason: a jam`. What it
 * does not know by its label must tell a change of numbers, so that nobody's sentence becomes the system's.
 */
export const memoForm: NoteForm = {
  goesOn: false,
  read: (text) => memoOf(text, MEMO, valuesOf),
  readBefore: (text) => memoOf(text, MEMO, valuesBefore),
};

/**
 * The same with a label such as `partial_dispense`. Earlier versions took that for an author, whose notes go on in
 * further lines.
 */
export const codedMemoForm: NoteForm = {
  goesOn: true,
  read: (text) => memoOf(text, CODED, valuesOf),
};

function memoOf(text: string, shape: RegExp, read: (told: string, label: string) => Values): Note | undefined {
  const groups = shape.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { ts = '', message = '', label = '', told = '' } = groups;
  const words = label.replaceAll(/[_-]/g, ' ');
  const { changes, others } = read(told, words);
  const known = ACTIONS.find(([pattern]) => pattern.test(words))?.[1];
  const isOfNumbers = changes.some(({ before, after }) => isLosslessNumber(before) && isLosslessNumber(after));
  if (known === undefined && !isOfNumbers) return undefined;
  const metadata = new Map<string, JsonDocument>();
  const named = underOneNaming(changes);
  for (const { name, before, after } of named) {
    metadata.set(`original_${name}`, before);
    metadata.set(`new_${name}`, after);
  }
  // What is told in so many words comes behind, and takes no value's place.
  for (const [name, value] of others) if (!metadata.has(name)) metadata.set(name, value);
  // Who wrote a note, such a line does not say.
  const actor = known === 'note' ? { actor: null, actorType: 'unknown' } : { actor: 'system', actorType: 'system' };
  return {
    ts,
    ...actor,
    action: known ?? actionWord(label),
    message,
    metadata: [...metadata],
    changes: named,
  };
}

/** A label as an action: `Fee waiver` is `fee_waiver`. */
export function actionWord(label: string): string {
  return label.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '_');
}

interface Values {
  readonly changes: readonly ValueChange[];
  readonly others: readonly (readonly [string, JsonDocument])[];
}

/**
 * The structured values of a memo, as far as it has any: the whole of it stays in the message. A reason may stand in
 * front of values, or between those before and those after.
 */
function valuesOf(told: string, label: string): Values {
  const begin = told.startsWith('reason:') ? `; ${told}` : told;
  const found = valuesIn(begin, label, APART);
  const { changes, others } = found;
  const at = others.findIndex(([name]) => name === 'reason');
  const text = String(others[at]?.[1] ?? '');
  for (const { index, 0: apart } of text.matchAll(/; ?/g)) {
    const behind = text.slice(index + apart.length);
    const values = changesIn(firstClause(begin), firstClause(behind), changes);
    if (values === undefined) continue;
    const reason = ['reason', text.slice(0, index)] as const;
    return { changes: values, others: [...others.slice(0, at), reason, ...clausesOf(behind)] };
  }
  return found;
}

/** What changed, where values stand behind the reason: more of them, or those after, of which the first list has those before. */
function changesIn(first: string, behind: string, changes: readonly ValueChange[]): readonly ValueChange[] | undefined {
  const more = behind.split(APART).map((part) => changeIn(part, ''));
  if (more.every((change) => change !== undefined && change.name !== '' && isLosslessNumber(change.after))) {
    return [...changes, ...(more as ValueChange[])];
  }
  const [before, after] = [listIn(first), listIn(behind)];
  if (before === undefined || after === undefined) return undefined;
  const both = [...after].flatMap(([name, value]) => {
    const known = before.get(name);
    return known === undefined ? [] : [{ name, before: known, after: value }];
  });
  return both.length === 0 ? undefined : both;
}

/** `gross 1000, net 945` as values by name; undefined where something else stands among them. */
function listIn(text: string): ReadonlyMap<string, JsonDocument> | undefined {
  const values = new Map<string, JsonDocument>();
  for (const part of text.replace(SIDE, '').split(', ')) {
    const { name, value } = VALUE.exec(part)?.groups ?? {};
    if (name === undefined || value === undefined) return undefined;
    values.set(name.replace(/^(?:original|old|new)_/, ''), valueOf(value));
  }
  return values;
}

/** What stands in front of the first clause with a name, on its first line. */
function firstClause(told: string): string {
  const [first = ''] = told.split(/; ?[a-z]\w*:/, 1);
  return first.split(/\r?\n/, 1)[0] ?? '';
}

function changeIn(part: string, label: string): ValueChange | undefined {
  const groups = CHANGE.exec(part)?.groups;
  // What has no name is what the label begins with: the status of a status override.
  const name = groups?.['name'] ?? label.split(' ', 1)[0]?.toLowerCase() ?? '';
  return groups && { name, before: valueOf(groups['before'] ?? ''), after: valueOf(groups['after'] ?? '') };
}

/** The values as earlier versions read them: a reason goes to the end, and a comma alone stands between two. */
function valuesBefore(told: string, label: string): Values {
  return valuesIn(told, label, ', ');
}

function valuesIn(told: string, label: string, apart: string | RegExp): Values {
  const clauses = clausesOf(told);
  const first = firstClause(told);
  const changes = first.split(apart).map((part) => changeIn(part, label));
  // Half of what looks like a list of values is no list of values.
  const all = changes.every((change) => change !== undefined) ? changes : [];
  const sum = SUM.exec(first)?.groups;
  const sums: [string, JsonDocument][] = sum
    ? [
        ['amount', valueOf(sum['amount'] ?? '')],
        ['currency', sum['currency'] ?? ''],
      ]
    : [];
  return { changes: all, others: [...sums, ...clauses] };
}

/** `; method: cash`, `; reference: R-1`, `; reason: …`. A reason is a text like any other and goes to the end. */
function clausesOf(told: string): (readonly [string, JsonDocument])[] {
  const clauses: [string, JsonDocument][] = [];
  const start = /; ?(?<name>[a-z]\w*):(?: |$)/g;
  for (let found = start.exec(told); found !== null; found = start.exec(told)) {
    const name = found.groups?.['name'] ?? '';
    const from = found.index + found[0].length;
    const next = name === 'reason' ? -1 : told.slice(from).search(/; ?[a-z]\w*:(?: |$)/);
    clauses.push([name, next < 0 ? told.slice(from) : told.slice(from, from + next)]);
    if (next < 0) break;
  }
  return clauses;
}

/** A number as a number, with every digit; all else as a text. */
export function valueOf(text: string): JsonDocument {
  return NUMBER.test(text) ? parseDocument(text) : text;
}
