import type { Presence } from '../core/presence.js';
import type { Tally } from '../core/prune-account.js';

/** A row of ours that another program spoiled. */
export interface UnreadableRow {
  readonly kind: 'capture' | 'mirror' | 'checkpoint' | 'prune' | 'span' | 'name';
  readonly name: string;
  /** What is wrong, and the way out. */
  readonly message: string;
}

/** How large a database is, in bytes. Null where the engine cannot tell. */
export interface DatabaseSize {
  readonly file: number | null;
  readonly wal: number | null;
  readonly free: number | null;
  /** What may still be written to the disk of the file. */
  readonly disk_free: number | null;
}

export interface StoreFacts {
  readonly schemaVersion: number;
  readonly entries: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly bytes: DatabaseSize;
  /** Rows that are deleted and still take room, and when they were vacuumed last, where an engine has such. */
  readonly vacuum?: { readonly dead_rows: number; readonly last: string | null };
  /** Rights of others on tables of ours that recording does not need, as statements that take them back. */
  readonly wideRights?: readonly string[];
  /** How many names the file has. */
  readonly links: number;
  /** Names of triggers and indexes of ours that should be there and are not, or differ. */
  readonly missing: readonly string[];
  /** Names of tables of ours that are not defined as they should be. */
  readonly definition: readonly string[];
  /** The accounts that keep the guard against deleting open, seen from outside. */
  readonly guardOpen: readonly number[];
  readonly tally: Tally;
  /** The seq of the last entry of a prune or a clear by which less was unaccounted for; null where none says so. */
  readonly fewerUnaccounted: number | null;
  /** The greatest seq that an entry has. */
  readonly lastSeq: number;
  readonly future: number;
  /** Whether the database holds nothing but the trail, so that its space is ours to give back. */
  readonly own: boolean;
}

/** Runs `work` with a signal that an interrupt sets. */
export type Interruptible = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** A trigger on a table of ours that is not ours. */
export interface ForeignTrigger {
  readonly name: string;
  readonly table: string;
  /** Whether it stands where one of ours should. */
  readonly namedLikeOurs: boolean;
}

/** What every output is kept apart from, and who writes it. */
export interface Origin {
  /** The file that holds the trail; undefined where it is in none. */
  readonly file: string | undefined;
  readonly presence: Presence;
}

/** What an engine tells of its database, and does for it. */
export interface Upkeep {
  readonly origin: Origin;
  /** Whether other programs have written since this was asked last, and may be waiting for the lock; false at first. */
  othersHaveWritten(): Promise<boolean>;
  /** Every row of ours that cannot be read, policies apart. */
  unreadableRows(): Promise<readonly UnreadableRow[]>;
  /** Gives up to so many free pages back to the file system; returns the bytes given back, 0 where there is no more. */
  giveBackSpace(pages: number): Promise<number>;
  /**
   * Does what the engine wants done between the batches of a long write, without waiting for anybody; returns the bytes
   * of its log until then, 0 where it keeps none.
   */
  upkeep(): Promise<number>;
  facts(now: number): Promise<StoreFacts>;
  /** The triggers on tables of ours that are, by their text, neither of our schema nor of a mirror. */
  foreignTriggers(): Promise<readonly ForeignTrigger[]>;
  /**
   * What is wrong with the file, page by page and row by row, in the words of the engine; empty where all is well. It looks
   * through a copy, which is in nobody's way and gone afterwards. Throws kind `interrupted` where a signal comes while
   * the copy is made.
   */
  damage(interruptible: Interruptible): Promise<readonly string[]>;
  /** Copies everything into a file. Throws kind `missing` where what it copied is damaged. */
  backup(target: string): Promise<void>;
  close(): Promise<void>;
}

/** What making, upgrading or repairing a trail came to. */
export interface Initialized {
  readonly outcome: 'created' | 'added' | 'upgraded' | 'repaired' | 'unchanged';
  readonly schemaVersion: number;
  /** The indexes and triggers that were made again, the guard where it stood open, and what else could not be read. */
  readonly repaired: readonly string[];
  /** Where roles of the database need rights to record, the statements that give them, or gave them. */
  readonly grants?: readonly string[];
}
