import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { wrongValue } from '../core/given.js';
import { shown, textProblem } from '../core/json.js';
import { expectKeys } from './question.js';

/** Who does something: an id, what kind of actor that is, and who ran the program where it was somebody else. */
export interface Who {
  readonly actor: string;
  /** `user` where it is not given. */
  readonly actorType?: string | undefined;
  /** The user and host that ran the program (`deploy@web-1`), where that is somebody else. */
  readonly recordedBy?: string | null | undefined;
}

/** Who does something, and why. What is not given comes from the context around it. */
export interface Context {
  readonly actor?: string | undefined;
  /** `user` where it is not given. */
  readonly actorType?: string | undefined;
  /** The user and host that ran the program (`deploy@web-1`), where that is somebody else. */
  readonly recordedBy?: string | null | undefined;
  /** What ties the entries of one unit of work together, such as the id of a request. */
  readonly correlationId?: string | null | undefined;
  /** Why, for people: it stands in the metadata of the entries. */
  readonly reason?: string | null | undefined;
}

const KEYS = { actor: 'must', actorType: 'must', recordedBy: 'may', correlationId: 'may', reason: 'may' } as const;

/** What of a context a value says; other keys are refused, or somebody would be nobody by a slip of the pen. */
export function readContext(given: Context): Context {
  expectKeys('a context', given, Object.keys(KEYS), 'context');
  const context: Record<string, string | null> = {};
  for (const [key, value] of Object.entries(given) as [keyof Context, unknown][]) {
    const rule = KEYS[key];
    if (value === undefined) continue;
    if (value === null && rule === 'may') context[key] = null;
    else context[key] = readText(key, value, rule === 'must');
  }
  return context;
}

function readText(field: string, value: unknown, mustBeFilled: boolean): string {
  if (typeof value !== 'string') throw wrongValue(field, value, 'a text');
  const problem = textProblem(value) ?? (mustBeFilled && value === '' ? 'must not be empty' : undefined);
  if (problem !== undefined) throw new DaybookError('usage', `${field} ${shown(value)} ${problem}`, { field, value });
  return value;
}

/** One context within another: what the inner one says counts. Who is said as one. */
export function within(outer: Context, inner: Context): Context {
  const { actor, actorType, recordedBy, ...why } = outer;
  const isNobodyElse = inner.actor === undefined || inner.actor === actor;
  const who = isNobodyElse ? { actor, actorType, recordedBy } : {};
  const said = Object.entries(inner).filter(([, value]) => value !== undefined);
  return { ...who, ...why, ...Object.fromEntries(said) };
}

/** Who acts, by a context that must say it. Throws kind `usage` where it does not. */
function expectWho(context: Context): Who {
  const { actor } = context;
  if (actor !== undefined) return { ...context, actor };
  throw new DaybookError('usage', 'actor is missing: say who acts, here or with(context)', { field: 'actor' });
}

/** Who acts, as entries have it. */
export function actorOf(context: Context): Actor {
  const { actor, actorType = 'user', recordedBy = null } = expectWho(context);
  return { actor, actor_type: actorType, recorded_by: recordedBy };
}

/** A context that must say who acts, as a transaction is told of it. Throws kind `usage` where it does not. */
export function changeContextOf(
  context: Context,
): Who & { readonly [Name in Exclude<keyof Context, 'actor'>]-?: Exclude<Context[Name], undefined> } {
  const { correlationId = null, reason = null } = context;
  const { actor, actorType = 'user', recordedBy = null } = expectWho(context);
  return { actor, actorType, recordedBy, correlationId, reason };
}
