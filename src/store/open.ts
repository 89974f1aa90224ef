import { addressOf } from '../core/address.js';
import type { Address } from '../core/address.js';
import type { ListedActor } from '../core/directory.js';
import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { Source } from '../core/import.js';
import type { Presence } from '../core/presence.js';
import type { AuditStore, Initialized } from './audit-store.js';
import type { Gathering } from './gathering.js';
import type { NamesTable } from './names.js';
import { patientlyInSlices, SLICE_MS } from './patience.js';
import type { Listen } from './patience.js';
import type * as Postgres from './postgres/index.js';
import type * as Sqlite from './sqlite/index.js';
import type { RehearsedEntries, Sorter } from './sqlite/sources/index.js';

// The one way to an engine: it is chosen by the address, and loaded only then.

export interface OpenOptions {
  /** Whether only reading is meant: nothing can be written by mistake then. */
  readonly readonly: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`. */
  readonly busyTimeout: number;
  /** Whether the trail is read once, from end to end. */
  readonly sequential?: boolean;
  /** Whether what is recorded meanwhile is waited for, which a copy would never show. */
  readonly live?: boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly presence: Presence;
  /** Where an engine keeps several trails apart: the one that is meant. */
  readonly schema?: string;
  /** Runs what takes long with a signal that an interrupt sets. */
  readonly interruptible?: Interruptible;
  /** Lets an interrupt end the wait for a lock. */
  readonly onInterrupt?: Listen;
  /** Is told where a private copy is read, because the database itself cannot be; `unfinished` after a crash. */
  readonly onCopy?: (from: 'copy' | 'unfinished copy') => Promise<void>;
}

type Interruptible = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Who reads a source: what another one left that is no more may go. */
export interface Reader {
  readonly presence: Pick<Presence, 'pid' | 'lives'>;
  readonly interruptible: Interruptible;
}

const uninterrupted: Interruptible = (work) => work(new AbortController().signal);

/**
 * Opens the trail at an address. Throws kind `missing` where there is none, or one that this program does not know, and
 * kind `busy`.
 */
export async function openStore(address: Address, options: OpenOptions): Promise<AuditStore> {
  const { readonly, busyTimeout, sequential = false, clock, presence, schema = SCHEMA } = options;
  if (address.engine === 'postgres') {
    const { openPostgres } = await postgres();
    return openPostgres({ address, schema, readonly, busyTimeout, clock, presence });
  }
  const { openSqlite, openLive, openReadable } = await sqlite();
  const { onInterrupt: listen, live = false, interruptible = uninterrupted, onCopy } = options;
  const path = address.connects;
  const wait =
    listen === undefined
      ? undefined
      : async <T>(work: () => Promise<T>): Promise<T> => patientlyInSlices(busyTimeout, listen, work);
  const patience = wait === undefined ? busyTimeout : Math.min(busyTimeout, SLICE_MS);
  const open = (copy?: string): AuditStore =>
    openSqlite({ path, copy, readonly, busyTimeout: patience, wait, sequential, clock, presence });
  if (!readonly) return wait === undefined ? open() : wait(async () => open());
  const read = async (): Promise<AuditStore> => {
    if (live) return openLive(path, open);
    const { opened, from } = await openReadable(path, { presence, interruptible }, open);
    if (from !== 'itself') await onCopy?.(from);
    return opened;
  };
  return wait === undefined ? read() : wait(read);
}

/**
 * Creates the trail at an address, adds it to a database, or upgrades it; a second call changes nothing. Throws kind
 * `refused` for another application's database unless `alongside`.
 */
export async function initializeStore(
  address: Address,
  options: {
    readonly alongside: boolean;
    readonly busyTimeout: number;
    readonly clock: () => number;
    readonly actor: Actor;
    readonly schema?: string;
    /** Who is to record and read, in a database that has roles. */
    readonly roles?: readonly string[];
  },
): Promise<Initialized> {
  if (address.engine === 'postgres') {
    return (await postgres()).initialize({ address, schema: SCHEMA, ...options });
  }
  if (options.roles !== undefined && options.roles.length > 0) {
    throw new DaybookError('usage', `--grant goes with PostgreSQL: ${address.shown} is a file, and has no roles`);
  }
  const { initialize } = await import('./sqlite/upkeep/index.js');
  return initialize({ path: address.connects, ...options });
}

/** Opens a table of another system's database, to read its records; `path` may be an address of PostgreSQL. */
export async function openSourceTable(
  path: string,
  table: string,
  options: { readonly busyTimeout: number; readonly reader: Reader },
): Promise<Source> {
  const address = addressOf(path);
  if (address.engine === 'postgres') {
    const { openSourceTable: openTable } = await postgres();
    return openTable({ address, table, busyTimeout: options.busyTimeout });
  }
  const [{ openSourceDatabase }, { openReadable }] = await Promise.all([
    import('./sqlite/sources/index.js'),
    import('./sqlite/index.js'),
  ]);
  const { opened } = await openReadable(path, options.reader, (copy) =>
    openSourceDatabase({ path, copy, table, busyTimeout: options.busyTimeout }),
  );
  return opened;
}

/** Sorts more than memory holds, in a temporary file. */
export async function loadSorter(): Promise<<T>() => Sorter<T>> {
  return (await import('./sqlite/sources/index.js')).openSorter;
}

/** Gathers the entries of several places into one trail, in a temporary file; `path` is what messages call it. */
export async function openGathering(
  options: Pick<OpenOptions, 'clock' | 'presence'> & { readonly path: string },
): Promise<Gathering> {
  return (await import('./sqlite/gathering.js')).openGathering(options);
}

/** Remembers, in a temporary file, what a rehearsed import would record. */
export async function openRehearsed(): Promise<RehearsedEntries> {
  return (await import('./sqlite/sources/index.js')).openRehearsed();
}

/** The names that a table of a database has, as a list for the directory. */
export async function namesInTable(
  address: Address,
  table: NamesTable,
  { busyTimeout, reader }: { readonly busyTimeout: number; readonly reader: Reader },
): Promise<AsyncIterable<readonly ListedActor[]>> {
  if (address.engine === 'postgres') return (await postgres()).namesInTable({ address, busyTimeout }, table);
  const { namesInTable: inSqlite } = await import('./sqlite/names/index.js');
  return inSqlite({ path: address.connects, busyTimeout }, table, reader);
}

/** Where PostgreSQL has the trail, unless somebody says otherwise. */
const SCHEMA = 'daybook';

async function sqlite(): Promise<typeof Sqlite> {
  return import('./sqlite/index.js');
}

async function postgres(): Promise<typeof Postgres> {
  return import('./postgres/index.js');
}
