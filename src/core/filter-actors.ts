import type { FilterInput } from './filter-text.js';

const NOT_ACTOR = 'actor=';

/** What was typed for actors: ids, or names. */
export function actorTexts(input: FilterInput): string[] {
  const excluded = (input.not ?? []).filter((text) => text.startsWith(NOT_ACTOR));
  return [...(input.actor ?? []), ...excluded.map((text) => text.slice(NOT_ACTOR.length))];
}

/** The same with the ids of actors in place of what was typed, each once. */
export function withActorIds(input: FilterInput, ids: ReadonlyMap<string, string>): FilterInput {
  const idOf = (text: string): string => ids.get(text) ?? text;
  const not = input.not?.map((text) =>
    text.startsWith(NOT_ACTOR) ? NOT_ACTOR + idOf(text.slice(NOT_ACTOR.length)) : text,
  );
  return {
    ...input,
    actor: input.actor === undefined ? undefined : [...new Set(input.actor.map(idOf))],
    not: not === undefined ? undefined : [...new Set(not)],
  };
}
