import { namedActorJson, namedActorProblem } from '../core/directory.js';
import type { ListedActor, NameCounts, NamedActor } from '../core/directory.js';
import { newEntry } from '../core/entry.js';
import type { Actor, NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { shown } from '../core/json.js';
import { shellWord } from '../core/shell.js';
import type { AuditStore, NamesImported } from '../store/audit-store.js';

export interface ActorNaming {
  readonly actor: string;
  readonly name: string;
  /** As it is where it is not given; null or empty for none. */
  readonly email?: string | null;
}

export interface ActorChange {
  readonly changed: boolean;
  /** The seq of the entry that tells of it; null where nothing changed. */
  readonly entry: number | null;
}

/**
 * Names an actor in the directory and records that; named so already, nothing changes and nothing is recorded. Throws
 * kind `usage` for an empty id or name.
 *
 * @example await setActor(store, { actor: 'u-42', name: 'Ines Moreau' }, { actor: 'ops', actor_type: 'user', recorded_by: null });
 */
export async function setActor(store: AuditStore, naming: ActorNaming, by: Actor): Promise<ActorChange> {
  const { actor, name } = naming;
  const problem = namedActorProblem({ actor, name, email: naming.email ?? null });
  if (problem !== undefined) throw new DaybookError('usage', problem);
  const entry = await store.changeActor(actor, (known) => {
    const email = naming.email === undefined ? (known?.email ?? null) : naming.email || null;
    const becomes = { actor, name, email };
    if (known !== undefined && known.name === name && known.email === email) return undefined;
    return { becomes, audit: changeEntry(by, known ?? null, becomes) };
  });
  return { changed: entry !== null, entry };
}

/** Takes an actor out of the directory and records that; entries keep their names. Throws kind `missing`. */
export async function removeActor(store: AuditStore, actor: string, by: Actor): Promise<ActorChange> {
  const entry = await store.changeActor(actor, (known) => {
    if (known === undefined) {
      throw new DaybookError('missing', `no actor ${shown(actor)} in the directory`, { hint: 'daybook actors list' });
    }
    return { becomes: null, audit: changeEntry(by, known, null) };
  });
  return { changed: entry !== null, entry };
}

function changeEntry(by: Actor, before: NamedActor | null, after: NamedActor | null): NewEntry {
  const actor = after?.actor ?? before?.actor ?? '';
  const changed =
    before === null || after === null ? null : (['name', 'email'] as const).filter((key) => before[key] !== after[key]);
  return newEntry({
    ...by,
    category: 'system',
    action: after === null ? 'actors_remove' : 'actors_set',
    entity_type: 'actor',
    entity_id: actor,
    entity_name: after?.name ?? before?.name ?? null,
    message: after === null ? `actor ${actor} taken out of the directory` : `actor ${actor} named ${after.name}`,
    old_values: before === null ? null : namedActorJson(before),
    new_values: after === null ? null : namedActorJson(after),
    changed_fields: changed === null ? null : JSON.stringify(changed),
  });
}

/**
 * Takes a list of names into the directory, in short transactions; `from` says where they come from. All of the list is
 * read and checked before anything changes: throws kind `data`, naming the place, for a line that cannot be taken. Those
 * that it does not have stay. One entry tells of it, none where nothing changed.
 */
export async function importNames(
  store: AuditStore,
  list: AsyncIterable<readonly ListedActor[]>,
  options: { readonly from: string; readonly withEmail: boolean; readonly by: Actor },
): Promise<NamesImported> {
  const { from, withEmail, by } = options;
  return store.importNames(list, { withEmail, audit: (counts) => importEntry(by, from, counts) });
}

function importEntry(by: Actor, from: string, counts: NameCounts): NewEntry {
  return newEntry({
    ...by,
    category: 'system',
    action: 'actors_import',
    message: `names from ${from}: ${counts.added} added, ${counts.changed} changed`,
    metadata: JSON.stringify({ from, ...counts }),
  });
}

/**
 * The id that each text stands for: itself where an entry or the directory has it as an id, or nobody is called so, else
 * that of the actor with exactly this name. Throws kind `usage`, naming the ids, where several have it.
 */
export async function actorIds(store: AuditStore, texts: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const [text, meant] of await store.actorsMeant(texts)) {
    if (meant.length > 1) {
      const some = meant.slice(0, MOST_NAMED).join(', ');
      const more = meant.length > MOST_NAMED ? ` and ${meant.length - MOST_NAMED} more` : '';
      throw new DaybookError(
        'usage',
        `${shown(text)} is the name of ${meant.length} actors: say which by id (${some}${more})`,
        {
          hint: `daybook actors list --name ${shellWord(text)}`,
        },
      );
    }
    ids.set(text, meant[0] ?? text);
  }
  return ids;
}

const MOST_NAMED = 10;

/** What says who it was: null where nobody is meant. */
interface Named {
  readonly actor: string | null;
  readonly actor_name: string | null;
}

/** Entries for people: where an entry does not say what its actor was called then, as the directory has it now. */
export async function withNames<Shown extends Named>(
  store: Pick<AuditStore, 'actorNames'>,
  entries: readonly Shown[],
): Promise<readonly Shown[]> {
  const unnamed = new Set(entries.flatMap(({ actor, actor_name: name }) => (name === null && actor ? [actor] : [])));
  if (unnamed.size === 0) return entries;
  const names = await store.actorNames([...unnamed]);
  if (names.size === 0) return entries;
  return entries.map((entry) => ({ ...entry, actor_name: entry.actor_name ?? names.get(entry.actor ?? '') ?? null }));
}

/** Pages for people, each with names as by `withNames`. */
export async function* pagesWithNames<Shown extends Named>(
  store: Pick<AuditStore, 'actorNames'>,
  pages: AsyncIterable<readonly Shown[]>,
): AsyncGenerator<readonly Shown[], void> {
  for await (const page of pages) yield withNames(store, page);
}
