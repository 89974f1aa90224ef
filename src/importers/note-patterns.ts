import { createContext, Script } from 'node:vm';
import { DaybookError } from '../core/errors.js';
import type { ImportSettings } from '../core/import.js';
import { shown } from '../core/json.js';
import { memoForm } from './memos.js';
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
  /** In the order of the text. Throws kind `data` for a text on which the pattern takes too long. */
  readonly pieces: (text: string) => readonly Piece[];
}

interface Preset {
  readonly order: Order;
  readonly zone?: string;
  /** What can stand in one column with others. */
  readonly form?: NoteForm;
  readonly pieces: NotePattern['pieces'];
}

function lineForms(forms: readonly NoteForm[]): NotePattern['pieces'] {
  return (text) => piecesOf(text, { apart: LINE_END, forms, stampOf });
}

const PRESETS: ReadonlyMap<string, Preset> = new Map(
  Object.entries<Preset>({
    memo: { order: 'newest-first', zone: 'UTC', form: memoForm, pieces: lineForms([memoForm]) },
    stamped: { order: 'newest-first', zone: 'UTC', form: stampedForm, pieces: lineForms([stampedForm]) },
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
 * A pattern as the command line says it: a preset, several that share a column, or a regular expression with the named
 * groups ts, actor and message, which has to match a whole line. Throws kind `usage`.
 */
export function notePattern(pattern: string | undefined): NotePattern {
  const presets = [...PRESETS.keys()].join(', ');
  if (pattern === undefined || pattern === '') {
    throw new DaybookError(
      'usage',
      `--pattern is missing: one of ${presets}, or a regular expression with the named groups ${GROUPS.join(', ')}`,
      { hint: '… --pattern memo,stamped' },
    );
  }
  if (!/^[\w-]+(?:,[\w-]+)*$/.test(pattern)) return ownPattern(pattern);
  const chosen = pattern.split(',').map((name) => {
    const preset = PRESETS.get(name);
    if (preset !== undefined) return { name, preset };
    throw new DaybookError(
      'usage',
      `--pattern ${shown(name)} is neither a preset (${presets}) nor has it named groups`,
      {
        hint: HINT,
      },
    );
  });
  const [first] = chosen;
  if (first !== undefined && chosen.length === 1) return { zone: undefined, ...first.preset };
  const forms = chosen.map(({ name, preset: { form } }) => {
    if (form !== undefined) return form;
    throw new DaybookError('usage', `--pattern ${shown(pattern)}: ${name} shares its column with no other`, {
      hint: '… --pattern memo,stamped',
    });
  });
  return { order: first?.preset.order, zone: first?.preset.zone, pieces: lineForms(forms) };
}

function ownPattern(source: string): NotePattern {
  const expression = compiled(source);
  const missing = GROUPS.filter((group) => !groupsOf(source).includes(group));
  if (missing.length > 0) {
    throw new DaybookError('usage', `--pattern ${shown(source)} has no group named ${missing.join(', ')}`, {
      hint: HINT,
    });
  }
  const match = guarded(expression);
  return {
    order: undefined,
    zone: undefined,
    pieces: (text) => {
      const lines = spansOf(text, LINE_END).map(({ start, end }) => text.slice(start, end));
      return match(lines).map((found, index) => {
        const raw = lines[index] ?? '';
        return { raw, note: found === null ? null : ownNote(raw, found), continued: 0 };
      });
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

function ownNote(line: string, { groups = {}, indices }: RegExpExecArray): Note {
  const { ts, actor, message = '', ...others } = groups as Readonly<Record<string, string | undefined>>;
  const metadata = Object.entries(others).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ts: ts || null,
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
