import { shown, textProblem } from './json.js';
import type { JsonText } from './entry.js';

/** What the directory knows of an actor. A name may belong to several. */
export interface NamedActor {
  readonly actor: string;
  readonly name: string;
  readonly email: string | null;
}

/** A line of a list of names, as it is imported. */
export interface ListedActor extends NamedActor {
  /** Where it stands, for who has to look it up: `line 7`. */
  readonly place: string;
}

/** How many a list named, and what became of the directory by it. */
export interface NameCounts {
  readonly read: number;
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  /** Without a name: the directory has nothing of them. */
  readonly unnamed: number;
}

/** The keys under which an actor of the directory is written, in this order. */
export const DIRECTORY_KEYS = ['id', 'name', 'email'] as const;

export type DirectoryKey = (typeof DIRECTORY_KEYS)[number];

/** What is wrong with an actor for the directory, or undefined. */
export function namedActorProblem({ actor, name, email }: NamedActor): string | undefined {
  if (actor === '') return 'the id is empty';
  if (name === '') return 'the name is empty';
  const texts = { id: actor, name, email };
  for (const key of DIRECTORY_KEYS) {
    const text = texts[key];
    const problem = text === null ? undefined : textProblem(text);
    if (problem !== undefined) return `${key} ${shown(text)} ${problem}`;
  }
  return undefined;
}

/** An actor of the directory as JSON: `{"id", "name", "email"}`. */
export function namedActorJson({ actor, name, email }: NamedActor): JsonText {
  return JSON.stringify({ id: actor, name, email });
}
