import { createContext, Script } from 'node:vm';
import { DaybookError } from '../core/errors.js';
import type { ImportSettings } from '../core/import.js';
import { shown } from '../core/json.js';
import { underOneNaming } from './amounts.js';
import { actionWord, codedMemoForm, memoForm, valueOf } from './memos.js';
import { moderationPieces } from './moderations.js';
import { EMPTY_LINES, LINE_END, piecesOf, spansOf } from './note-pieces.js';
import type { Note, NoteForm, Piece } from './note-pieces.js';
import { journalForm, stampedForm, stampOf } from './stamped.js';

type Order = NonNullable<ImportSettings['order']>;

/** How the notes in a text are found. */
export interface NotePattern {
  /** How notes of this kind stand in their text; undefined where the pattern does not say. */
  readonly order: Order | undefined;
  /** The zone of its times without an offset, where the command line names none. */
  readonly zone: string | undefined;
  /** Whether expressions of the command line are among it, whose times may have any form: those of presets have one. */
  readonly anyForm: boolean;
  /** In the order of the text. Throws kind `data` for a text on which the pattern takes too long. */
  readonly pieces: (text: string) => readonly Piece[];
}

interface Preset {
  readonly order: Order;
  readonly zone?: string;
  /** What can stand in one column with others. */
  readonly forms?: readonly NoteForm[];
  readonly pieces: NotePattern['pieces'];
}

function lineForms(forms: readonly NoteForm[]): NotePattern['pieces'] {
  const known = formsTogether(forms);
  return (text) => piecesOf(text, { apart: LINE_END, forms: known, stampOf });
}

/** Where stamped notes may stand behind them, earlier versions took coded labels for authors; else for no note at all. */
function formsTogether(forms: readonly NoteForm[]): NoteForm[] {
  const authors = forms.includes(stampedForm);
  return forms.map((form) => {
    if (form !== codedMemoForm) return form;
    return authors
      ? { ...form, readBefore: stampedForm.read }
      : { ...form, goesOn: false, readBefore: () => undefined };
  });
}

const MEMOS = [memoForm, codedMemoForm];

const PRESETS: ReadonlyMap<string, Preset> = new Map(
  Object.entries<Preset>({
    memo: { order: 'newest-first', zone: 'UTC', forms: MEMOS, pieces: lineForms(MEMOS) },
    stamped: { order: 'newest-first', zone: 'UTC', forms: [stampedForm], pieces: lineForms([stampedForm]) },
    moderation: { order: 'oldest-first', zone: 'UTC', pieces: moderationPieces },
    journal: {
      order: 'newest-first',
      pieces: (text) => piecesOf(text, { apart: EMPTY_LINES, forms: [journalForm], stampOf }),
    },
  }),
);

const GROUPS = ['ts', 'actor', 'message'] as const;
const HINT = "… --pattern '(?<ts>\\S+) (?<actor>\\S+): (?<message>.*)'";

/**
 * Patterns as the command line says them, tried in their order: presets, several of which may share a column, or regular
 * expressions with named groups, which have to match a whole line. Throws kind `usage`.
 */
export function notePattern(pattern: ImportSettings['pattern']): NotePattern {
  const presets = [...PRESETS.keys()].join(', ');
  const patterns = typeof pattern === 'string' ? [pattern] : (pattern ?? []);
  if (patterns.length === 0 || patterns.includes('')) {
    throw new DaybookError(
      'usage',
      `--pattern is missing: one of ${presets}, or a regular expression with the named groups ${GROUPS.join(', ')}`,
      { hint: '… --pattern memo,stamped', field: 'pattern', value: '' },
    );
  }
  const all = patterns.flatMap(partsOf);
  const [only] = all;
  if (only?.preset !== undefined && all.length === 1) return { zone: undefined, anyForm: false, ...only.preset };
  const alone = all.find(({ formsOn }) => formsOn === undefined);
  if (alone !== undefined) {
    throw new DaybookError(
      'usage',
      `--pattern ${shown(patterns.join(','))}: ${alone.name} shares its column with no other`,
      { hint: '… --pattern memo,stamped', field: 'pattern', value: patterns },
    );
  }
  const preset = all.find((part) => part.preset !== undefined)?.preset;
  return {
    order: preset?.order,
    zone: preset?.zone,
    anyForm: all.some((part) => part.preset === undefined),
    pieces: (text) => {
      const lines = spansOf(text, LINE_END).map(({ start, end }) => text.slice(start, end));
      const forms = formsTogether(all.flatMap(({ formsOn }) => formsOn?.(lines) ?? []));
      // Only presets say how a time stands in front of what is no note.
      return piecesOf(text, { apart: LINE_END, forms, stampOf: preset === undefined ? () => undefined : stampOf });
    },
  };
}

/** A preset, or an expression. */
interface Part {
  readonly name: string;
  readonly preset?: Preset;
  /** How notes look in these lines; undefined for what shares its column with no other. */
  readonly formsOn: ((lines: readonly string[]) => readonly NoteForm[]) | undefined;
}

function partsOf(pattern: string): Part[] {
  if (!/^[\w-]+(?:,[\w-]+)*$/.test(pattern)) return [ownPart(pattern)];
  return pattern.split(',').map((name) => {
    const preset = PRESETS.get(name);
    if (preset !== undefined) return { name, preset, formsOn: preset.forms && (() => preset.forms ?? []) };
    throw new DaybookError(
      'usage',
      `--pattern ${shown(name)} is neither a preset (${[...PRESETS.keys()].join(', ')}) nor has it named groups`,
      { hint: HINT, field: 'pattern', value: pattern },
    );
  });
}

/** A regular expression as the form of a note: it reads all lines of a text at once, since they have its time together. */
function ownPart(source: string): Part {
  const expression = compiled(source);
  const groups = groupsOf(source);
  // An action says enough of a note: who did it, and what else there is to say, may be missing then.
  const needed = groups.includes('action') ? GROUPS.slice(0, 1) : GROUPS;
  const missing = needed.filter((group) => !groups.includes(group));
  if (missing.length > 0) {
    throw new DaybookError('usage', `--pattern ${shown(source)} has no group named ${missing.join(', ')}`, {
      hint: HINT,
      field: 'pattern',
      value: source,
    });
  }
  const matchAll = guarded(expression);
  const saysMoreNow = groups.some((group) => OWN_GROUPS.test(group));
  return {
    name: source,
    formsOn: (lines) => {
      const found = matchAll(lines);
      const notes = new Map(lines.map((line, index) => [line, found[index] ?? undefined]));
      const reading = (read: typeof ownNote) => (text: string) => {
        const match = notes.get(text);
        return match && read(text, match);
      };
      const readBefore = saysMoreNow ? { readBefore: reading(plainNote) } : {};
      return [{ goesOn: false, read: reading(ownNote), ...readBefore }];
    },
  };
}

/** `/…/i` ignores the case of letters. A dot is any character of a line, and matches know where their groups stand. */
function parts(source: string): { readonly body: string; readonly flags: string } {
  const [, body = source, flags = ''] = /^\/(.*)\/(i?)$/s.exec(source) ?? [];
  return { body, flags: `dsu${flags}` };
}

function compiled(source: string): RegExp {
  const { body, flags } = parts(source);
  try {
    // Alone first: a parenthesis that closes too much must not find one of ours.
    void new RegExp(body, flags);
    return new RegExp(`^(?:${body})$`, flags);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    throw new DaybookError('usage', `--pattern ${shown(source)} is not a regular expression: ${shown(reason)}`, {
      hint: HINT,
      field: 'pattern',
      value: source,
      cause: error,
    });
  }
}

/** The names of the groups: even a match of nothing has them all. */
function groupsOf(source: string): string[] {
  const { body, flags } = parts(source);
  return Object.keys(new RegExp(`(?:${body})|`, flags).exec('')?.groups ?? {});
}

/** Far beyond what any expression needs that does not try for ever. */
const PATIENCE_MS = 1000;

/**
 * Matches lines, and gives up where the expression tries too long: nobody can see of an expression whether there is a
 * text on which it would never end.
 */
function guarded(expression: RegExp): (lines: readonly string[]) => readonly (RegExpExecArray | null)[] {
  const context = createContext({ expression, lines: [] });
  const script = new Script('lines.map((line) => expression.exec(line))');
  return (lines) => {
    context['lines'] = lines;
    try {
      return script.runInContext(context, { timeout: PATIENCE_MS }) as (RegExpExecArray | null)[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new DaybookError('data', `the pattern finds no end on this text within ${PATIENCE_MS} ms`, {
        cause: error,
      });
    }
  };
}

/** What a group's name says beyond the words that it holds. */
const OWN_GROUPS = /^(?:action|actor_type|reason|(?:original|new)_.+)$/;

function ownNote(line: string, found: RegExpExecArray): Note {
  const { groups = {}, indices } = found as { groups?: Readonly<Record<string, string | undefined>> } & typeof found;
  const plain = plainNote(line, found);
  const { action, actor_type: actorType, actor } = groups;
  const changes = underOneNaming(
    Object.entries(groups).flatMap(([group, before]) => {
      const name = /^original_(.+)$/s.exec(group)?.[1];
      const after = name === undefined ? undefined : groups[`new_${name}`];
      if (name === undefined || before === undefined || after === undefined) return [];
      return [{ name, before: valueOf(before), after: valueOf(after) }];
    }),
  );
  const paired = new Set(
    changes.flatMap(({ written, name }) => [`original_${written ?? name}`, `new_${written ?? name}`]),
  );
  const told = plain.metadata.flatMap(([name, value]) => {
    if (name === 'action' || name === 'actor_type' || paired.has(name)) return [];
    return [[name, OWN_GROUPS.test(name) && name !== 'reason' ? valueOf(String(value)) : value] as const];
  });
  const pairs = changes.flatMap(({ name, before, after }) => [
    [`original_${name}`, before] as const,
    [`new_${name}`, after] as const,
  ]);
  const behind = line.slice(indices?.groups?.['ts']?.[1] ?? 0).replace(/^[\s\])|:\u2013\u2014-]+/, '');
  return {
    ...plain,
    actorType: actorType || (actor ? 'user' : 'unknown'),
    action: actionWord(action ?? '').replaceAll(/^_+|_+$/g, '') || 'note',
    message: groups['message'] ?? ('message' in groups ? '' : behind),
    metadata: [...pairs, ...told],
    changes,
  };
}

/** Time, actor and message, and all other groups as the texts that they are: what earlier versions made of a line. */
function plainNote(line: string, { groups = {}, indices }: RegExpExecArray): Note {
  const { ts, actor, message = '', ...others } = groups as Readonly<Record<string, string | undefined>>;
  const metadata = Object.entries(others).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ts: ts || null,
    anyForm: true,
    actor: actor || null,
    actorType: actor ? 'user' : 'unknown',
    action: 'note',
    message,
    // Nothing is dropped: what stands outside of the groups is kept with the whole line, if it says anything.
    metadata: saysMore(line, Object.values(indices?.groups ?? {})) ? [...metadata, ['line', line]] : metadata,
    changes: [],
  };
}

/** Whether a line has letters, digits or signs of their own beyond its groups, which may stand in each other. */
function saysMore(line: string, groups: readonly ([number, number] | undefined)[]): boolean {
  let end = 0;
  const between = groups
    .filter((place) => place !== undefined)
    .toSorted(([a], [b]) => a - b)
    .map(([from, to]) => {
      const words = line.slice(end, Math.max(from, end));
      end = Math.max(to, end);
      return words;
    });
  return /[\p{L}\p{N}\p{So}\p{Sc}]/u.test([...between, line.slice(end)].join(' '));
}
