import { isLosslessNumber } from 'lossless-json';
import { parseDocument } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { underOneNaming } from './amounts.js';
import type { ValueChange } from './amounts.js';
import type { NoteForm } from './note-pieces.js';
import { STAMP } from './stamped.js';

/** The label may be two words or more: one word is an author. */
const MEMO = new RegExp(
  String.raw`^${STAMP}(?<message>(?<label>[A-Za-z][\w-]*(?: [\w-]+){1,5}):(?:[ \t]+|$)(?<told>[^]*))$`,
);

const ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^partial dispense$/i, 'partial_dispense'],
  [/^balance settle(?:d|ment)?$/i, 'balance_settle'],
  [/^off-?[ ]?LN refund$/i, 'off_ln_refund'],
  [/^status overrid(?:e|den)$/i, 'status_override'],
];

/** `gross 1000 -> 900`, `processed -> errored`. */
const CHANGE = /^(?:(?<name>[A-Za-z]\w*) )?(?<before>[^\s,;]+) (?:->|=>|\u2192) (?<after>[^\s,;]+)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const SUM = /^(?<amount>\d+(?:\.\d+)?) (?<currency>[A-Za-z]{3,4})$/;

/**
 * What the system wrote of itself: `[2026-03-14T09:26:31Z] partial dispense: gross 1000 -> 900; reason: a jam`. What it
 * does not know by its label must tell a change of numbers, so that nobody's sentence becomes the system's.
 */
export const memoForm: NoteForm = {
  goesOn: false,
  read: (text) => {
    const groups = MEMO.exec(text)?.groups;
    if (groups === undefined) return undefined;
    const { ts = '', message = '', label = '', told = '' } = groups;
    const { changes, others } = valuesOf(told, label);
    const known = ACTIONS.find(([pattern]) => pattern.test(label))?.[1];
    if (
      known === undefined &&
      !changes.some(({ before, after }) => isLosslessNumber(before) && isLosslessNumber(after))
    ) {
      return undefined;
    }
    const named = underOneNaming(changes);
    const metadata = new Map<string, JsonDocument>();
    for (const { name, before, after } of named) {
      metadata.set(`original_${name}`, before);
      metadata.set(`new_${name}`, after);
    }
    // What is told in so many words comes behind, and takes no value's place.
    for (const [name, value] of others) if (!metadata.has(name)) metadata.set(name, value);
    return {
      ts,
      actor: 'system',
      actorType: 'system',
      action: known ?? label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_'),
      message,
      metadata: [...metadata],
      changes: named,
    };
  },
};

interface Values {
  readonly changes: readonly ValueChange[];
  readonly others: readonly (readonly [string, JsonDocument])[];
}

/** The structured values of a memo, as far as it has any: the whole of it stays in the message. */
function valuesOf(told: string, label: string): Values {
  const clauses = clausesOf(told);
  const [first = ''] = told.split(/; ?[a-z]\w*:/, 1);
  const changes = first.split(', ').map((part) => {
    const groups = CHANGE.exec(part)?.groups;
    // What has no name is what the label begins with: the status of a status override.
    const name = groups?.['name'] ?? label.split(' ', 1)[0]?.toLowerCase() ?? '';
    return groups && { name, before: valueOf(groups['before'] ?? ''), after: valueOf(groups['after'] ?? '') };
  });
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

function valueOf(text: string): JsonDocument {
  return NUMBER.test(text) ? parseDocument(text) : text;
}
