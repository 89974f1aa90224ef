import type { ListedActor, NameCounts, NamedActor } from '../core/directory.js';
import type { NewEntry } from '../core/entry.js';

/** What the directory is to have of an actor, or null for nothing, and the entry that tells of it. */
export interface DirectoryChange {
  readonly becomes: NamedActor | null;
  readonly audit: NewEntry;
}

/** A table of a database that has names, and the columns that they stand in. */
export interface NamesTable {
  readonly table: string;
  /** In a database of PostgreSQL, where it is not to be looked for. */
  readonly schema?: string | undefined;
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

export interface NamesImport {
  /** Whether the list says who has which address; else addresses stay as they are. */
  readonly withEmail: boolean;
  readonly audit: (counts: NameCounts) => NewEntry;
}

export interface NamesImported extends NameCounts {
  /** The seq of the entry that tells of it; null where nothing changed. */
  readonly entry: number | null;
}

/** What keeps the directory of names. */
export interface Names {
  /** A page of the directory of names, by id: from behind `after`, and with `name` only those called so. */
  actors(query: {
    readonly after?: string;
    readonly limit: number;
    readonly name?: string;
  }): Promise<readonly NamedActor[]>;
  /** The names of those of these actors that are in the directory. */
  actorNames(actors: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * The ids that each text stands for: itself where an entry or the directory has it as an id, else those that the
   * directory has under this name; perhaps none.
   */
  actorsMeant(texts: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Changes what the directory has of an actor, in one transaction with the entry that tells of it; gives the seq of
   * that. `change` is told what the directory has; where it gives undefined, nothing changes.
   */
  changeActor(
    actor: string,
    change: (known: NamedActor | undefined) => DirectoryChange | undefined,
  ): Promise<number | null>;
  /**
   * Takes a list of names into the directory, with one entry. Throws kind `data`, naming the place, for a line that
   * cannot be taken, and then nothing has changed.
   */
  importNames(list: AsyncIterable<readonly ListedActor[]>, options: NamesImport): Promise<NamesImported>;
}
