import type { Presence } from '../../../core/presence.js';
import type { Connection } from './connection.js';

export interface SqliteOptions {
  readonly path: string;
  /** A private copy to read instead, where the file itself cannot be. */
  readonly copy?: string | undefined;
  /** The connection that an application has open, and lends us, in place of one of ours. */
  readonly lent?: Connection | undefined;
  /** A trail that is open already, in a temporary file. */
  readonly opened?: Connection;
  /** Reading commands open read-only, and so cannot write by mistake. */
  readonly readonly: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`. */
  readonly busyTimeout: number;
  /** Waits for a lock: runs `work` until it finds the database free. Without it, only the driver waits. */
  readonly wait?: (<T>(work: () => Promise<T>) => Promise<T>) | undefined;
  /** Whether the trail is read once, from end to end. */
  readonly sequential?: boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly presence: Presence;
}

/** An open trail, as the rooms of the engine work on it. What SQLite says becomes the words of the contract everywhere. */
export interface Session {
  readonly options: SqliteOptions;
  readonly connection: Connection;
  readonly clock: () => number;
  /** Runs `work` again while the database is locked, where the driver is not the one who waits. */
  wait<T>(work: () => Promise<T>): Promise<T>;
  /** Runs what only reads. */
  read<T>(work: (connection: Connection) => T): Promise<T>;
  /** Runs what only reads, on one moment of the database. */
  readAtOnce<T>(work: (connection: Connection) => T): Promise<T>;
  /** Runs a write in one transaction that has settled first what others left open. */
  write<T>(work: (connection: Connection) => T): Promise<T>;
  /** The same, at once. */
  writeNow<T>(work: (connection: Connection) => T): T;
  /** Runs a write that has a transaction of its own. */
  change<T>(work: () => T): Promise<T>;
  /** The same, at once. */
  changeNow<T>(work: () => T): T;
  /** Runs what goes on for longer than one statement. */
  slowly<T>(work: () => Promise<T>): Promise<T>;
  /** Settles what a killed prune left open, and a context that leaked: both become entries. In the open transaction. */
  settle(on?: Connection): void;
  needsSettling(): boolean;
  /** Throws where the name of the database stands for another file now. */
  expectStanding(): void;
}
