import type { Actor, Entry, EntryField, HistoryEntry, HistoryField, JsonText, NewEntry } from '../core/entry.js';
import type {
  Capture,
  CaptureChange,
  CaptureHistory,
  CaptureRequest,
  CaptureSpan,
  CheckedCase,
} from '../core/capture.js';
import type { Cell } from '../core/cell.js';
import type { ListedActor, NameCounts, NamedActor } from '../core/directory.js';
import type { Filter } from '../core/filter.js';
import type { AddedMirror, Mirror, MirrorChange, MirroredRow, MirrorPrune, MirrorRequest } from '../core/mirror.js';
import type { Mark } from '../core/mark.js';
import type { Presence } from '../core/presence.js';
import type { GroupField } from '../core/report.js';
import type { Policy, StandingPolicy } from '../core/policy.js';
import type { UndoOutcome, UndoRequest } from '../core/undo.js';
import type { PruneAccount, PruneIntent, RuleCount, Tally } from '../core/prune-account.js';

/** What every output is kept apart from, and who writes it. */
export interface Origin {
  /** The file that holds the trail; undefined where it is in none. */
  readonly file: string | undefined;
  readonly presence: Presence;
}
export type { Policy, StandingPolicy } from '../core/policy.js';

/** Where an entry stands in the order of history. */
export interface Key {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly seq: number;
}

/** `newest` and `oldest` first go by (ts, seq); `recorded` goes by seq, oldest first. */
export type Order = 'newest' | 'oldest' | 'recorded';

export interface PageQuery {
  readonly filter: Filter;
  readonly order: Order;
  readonly limit: number;
  /** The page begins behind this key. */
  readonly after?: Key;
  /** Only entries that were in the trail at this mark. */
  readonly upTo: Mark;
  /** Only entries that were not yet in the trail at this mark. */
  readonly beyond?: Mark;
  /** Only what this prune would take. */
  readonly doomedBy?: PrunePlan;
  /** Only what this prune would leave. */
  readonly sparedBy?: PrunePlan;
}

export interface EntryPage {
  readonly entries: readonly HistoryEntry[];
  /** Where the next page begins, or null on the last page. */
  readonly next: Key | null;
}

/** A page as rows of the asked columns: the least work for large exports. */
export interface RowPage {
  readonly rows: readonly (readonly Cell[])[];
  /** The characters of all texts: how large the page is. */
  readonly characters: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Where the next page begins, or null on the last page. A page of large rows may end before its limit. */
  readonly next: Key | null;
}

/**
 * A page as JSON objects, one a line, each with its line feed. The engine writes them: documents keep every digit and
 * the bytes move once.
 */
export interface LinePage {
  readonly lines: Uint8Array;
  readonly count: number;
  /** Where the next page begins, or null where this one came short of its limit: a full page may be the last. */
  readonly next: Key | null;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/**
 * A page as one text, marked as `core/fields.ts` has it. The engine joins it: no field becomes a value of its own, and
 * the bytes move once.
 */
export interface FieldPage {
  readonly fields: Uint8Array;
  readonly count: number;
  /** Where the next page begins, or null where this one came short of its limit: a full page may be the last. */
  readonly next: Key | null;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/** Which part of the trail is meant. */
export interface Within {
  /** The trail as it was at this mark, not as it is now. */
  readonly upTo?: Mark;
  /** Only what was not yet in the trail at this mark. */
  readonly beyond?: Mark;
}

/** The trail at one moment, and how many entries match. */
export interface Extent {
  readonly upTo: Mark;
  readonly count: number;
  /** The greatest seq in the trail, 0 where it is empty. */
  readonly lastSeq: number;
}

export interface Explanation {
  readonly sql: string;
  readonly parameters: readonly Cell[];
  readonly plan: readonly string[];
}

export interface ValueCount {
  readonly value: string | null;
  readonly count: number;
}

/** Entries by what they have in common. */
export interface GroupQuery {
  readonly filter: Filter;
  /** One or more; entries that have no value for the first are in no group. */
  readonly by: readonly GroupField[];
  readonly limit: number;
}

export interface Group {
  /** One for each field of the query; an entity as `type:id`. */
  readonly keys: readonly (string | null)[];
  /**
   * One for each key; of actors and entities, the last name that an entry gives by the end of the window, else that of the
   * directory. The actor `unknown` is nobody and has none.
   */
  readonly names: readonly (string | null)[];
  readonly count: number;
  /** How many of them are taken back. */
  readonly reverted: number;
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  /** The greatest seq among them. */
  readonly lastSeq: number;
}

export interface Groups {
  /** Most frequent first. */
  readonly groups: readonly Group[];
  /** Whether there are more than the limit. */
  readonly more: boolean;
  /** All entries that match, those in no group among them. */
  readonly total: number;
}

export interface BurstQuery {
  readonly filter: Filter;
  /** How long the window is that slides over the entries of each actor, in milliseconds. */
  readonly window: number;
  /** Only what is more than this in one window. */
  readonly moreThan: number;
  readonly limit: number;
}

/** The fullest window of an actor; the earliest of them where several are. */
export interface Burst {
  readonly actor: string;
  /** As for a group. */
  readonly name: string | null;
  readonly count: number;
  /** Of the first and the last entry in it, milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface Bursts {
  /** The fullest first. */
  readonly bursts: readonly Burst[];
  /** Whether there are more than the limit. */
  readonly more: boolean;
}

export type RecordOutcome =
  | { readonly outcome: 'recorded'; readonly seq: number; readonly id: string }
  /** The id is there already, with the same content. */
  | { readonly outcome: 'skipped'; readonly seq: number; readonly id: string }
  /** The id is there already, with other content in these fields. */
  | { readonly outcome: 'conflict'; readonly seq: number; readonly id: string; readonly fields: readonly string[] };

/** What became of one of many. */
export type BatchOutcome =
  { readonly outcome: 'recorded' | 'skipped' } | { readonly outcome: 'conflict'; readonly fields: readonly string[] };

/** How what is recorded compares with an entry that should be. */
export type CompareOutcome =
  | { readonly outcome: 'same' | 'missing' }
  /** The id is there, with other content in these fields. */
  | { readonly outcome: 'conflict'; readonly fields: readonly string[] };

/** An entry to record, with the fields that its writer gave: only those are compared where its id is there already. */
export interface RecordRequest {
  readonly entry: NewEntry;
  readonly given: readonly (keyof NewEntry)[];
}

export interface RecordOptions {
  readonly stopAtConflict?: boolean;
}

export interface BatchOptions extends RecordOptions {
  /** Whether no power cut may take it back, once its promise resolves. */
  readonly durable?: boolean;
}

/** One rule of a prune, its age resolved to a moment. */
export interface PruneRule {
  readonly name: string | null;
  readonly filter: Filter;
  /** Entries before this moment (milliseconds since 1970) fall. */
  readonly before: number | null;
  /** Entries beyond the newest so many that match fall. */
  readonly keep: number | null;
}

/** What a prune would take: an entry falls when at least one rule matches it and every rule that matches lets it fall. */
export interface PrunePlan {
  readonly rules: readonly ResolvedRule[];
  readonly upTo: Mark;
  /** Entries recorded after this moment (UTC text) do not count yet. */
  readonly recordedBefore: string | null;
}

/** A rule whose count has been turned into a key: entries that match and stand before either limit fall. */
export interface ResolvedRule {
  readonly name: string | null;
  readonly filter: Filter;
  readonly before: number | null;
  readonly oldestKept: Key | null;
}

export interface PruneForecast {
  readonly count: number;
  readonly byAge: number;
  readonly byCount: number;
  /** The time of the first and of the last in the order of history. */
  readonly first: string | null;
  readonly last: string | null;
  /** The least and the greatest seq. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly actions: readonly { readonly action: string; readonly count: number }[];
  readonly months: readonly { readonly month: string; readonly count: number }[];
  readonly rules: readonly RuleCount[];
  /** For each checkpoint, how many of the doomed entries its exports have not seen. */
  readonly unseen: readonly { readonly checkpoint: string; readonly count: number }[];
}

/** A row of ours that another program spoiled. */
export interface UnreadableRow {
  readonly kind: 'capture' | 'mirror' | 'checkpoint' | 'prune' | 'span' | 'name';
  readonly name: string;
  /** What is wrong, and the way out. */
  readonly message: string;
}

/** What one batch of a prune took. */
export interface PrunedBatch {
  readonly deleted: number;
  readonly byAge: number;
  readonly byCount: number;
  /** How long the write lock was held. */
  readonly lockMs: number;
  /** How long it took, before, to find out which entries are next. */
  readonly readMs: number;
  readonly next: Key | null;
  /** As it stands after this batch; closed, with its entry, after the last one. */
  readonly account: PruneAccount;
}

export interface Checkpoint {
  readonly name: string;
  /** The filter as it was asked: a name belongs to its question. */
  readonly question: string;
  /** The trail as its last completed export had it. */
  readonly mark: Mark;
  /** Entries that a prune took before any export of this name saw them. */
  readonly missed: number;
  readonly updatedAt: string | null;
}

/** SQL to run in one transaction, and what captured entries are to say of it. */
export interface ExecuteRequest {
  readonly sql: string;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly correlationId: string | null;
  /** Whether the database enforces foreign keys meanwhile; they are checked in any case before the end. */
  readonly foreignKeys: boolean;
  /** Whether to take everything back in the end. */
  readonly dryRun: boolean;
}

/** What came of it, or with a dry run, what would. */
export interface Executed {
  readonly statements: number;
  /** Changed by the statements themselves, and not by triggers and foreign keys. */
  readonly rows: number;
  readonly entries: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** With a dry run, the entries in the order of recording, no more than the first thousand. */
  readonly wouldRecord: readonly HistoryEntry[];
}

export interface StoreFacts {
  readonly schemaVersion: number;
  readonly entries: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  /** Null where the engine cannot tell. */
  readonly bytes: {
    readonly file: number | null;
    readonly wal: number | null;
    readonly free: number | null;
    /** What may still be written to the disk of the file; null where the system does not tell. */
    readonly disk_free: number | null;
  };
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

/**
 * A moment of captured rows, within one span. By time, an entity stands where its last change by then left it, in the
 * order of recording: a clock that went back changes nothing of that. By seq, all stand behind that entry.
 */
export interface CapturedMoment {
  readonly entityType: string;
  readonly span: CaptureSpan;
  /** Milliseconds since 1970, or a seq. */
  readonly at: { readonly ms: number } | { readonly seq: number };
}

export interface CapturedChange {
  readonly seq: number;
  readonly action: 'create' | 'update' | 'delete';
  readonly before: JsonText | null;
  readonly after: JsonText | null;
}

/** What tells of one row at a moment. */
export interface RowEvidence {
  readonly id: string;
  /** Its last captured change up to the moment, within the span. */
  readonly last: CapturedChange | null;
  /** The first one after it. */
  readonly first: CapturedChange | null;
  /** The row as it is in the table, in the form of entries; null where it is not there, or was not asked for. */
  readonly live: JsonText | null;
}

/** Where a walk through the rows of a moment stands: `state` of the store alone makes sense of it. */
export type TablePlace =
  | { readonly phase: 'changed'; readonly after: Key | null; readonly upTo: number; readonly from: number }
  | { readonly phase: 'unchanged'; readonly key: readonly KeyValue[] | null; readonly upTo: number };

/** A value of a primary key, as SQLite has it. */
export type KeyValue = string | number | bigint | Uint8Array | null;

export interface EvidencePage {
  readonly rows: readonly RowEvidence[];
  readonly next: TablePlace | null;
}

/** Rows of a mirror's table, compared with their entries. */
export interface MirroredPage {
  /** Those whose column does not hold what their entries say. */
  readonly rows: readonly MirroredRow[];
  readonly compared: number;
  /** The key behind which the next page begins, or null on the last page. */
  readonly next: KeyValue;
}

/** How far prunes reached into the entries of an entity: the last time and the greatest seq that they took. */
export interface PruneReach {
  readonly ts: string;
  readonly seq: number;
}

/** What the directory is to have of an actor, or null for nothing, and the entry that tells of it. */
export interface DirectoryChange {
  readonly becomes: NamedActor | null;
  readonly audit: NewEntry;
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

/**
 * One audit trail in one database. Reads see one moment each and leave nothing open behind them; writes are durable
 * when their promise resolves. Every method throws a DaybookError of kind `busy` when the database stays locked for
 * longer than its busy timeout.
 */
export interface AuditStore {
  readonly origin: Origin;
  /**
   * Records all in one transaction. The outcomes are in the order of the requests; with `stopAtConflict` they end with
   * the first conflict, and nothing behind it is recorded.
   */
  record(requests: readonly RecordRequest[], options?: RecordOptions): Promise<readonly RecordOutcome[]>;
  /**
   * Does the same for one batch of many that follow each other, and holds the lock for no longer than it must: unless it is
   * `durable`, a power cut may take it back, until the next durable one or `record` makes all before it durable.
   */
  recordOneOfMany(requests: readonly RecordRequest[], options?: BatchOptions): Promise<readonly BatchOutcome[]>;
  /** What `record` would find of each of these, in their order; records nothing. Each must have an id. */
  compare(requests: readonly RecordRequest[]): Promise<readonly CompareOutcome[]>;
  /** Records an entry that takes back another, unless that one is taken back already (kind `refused`). */
  revert(entry: NewEntry & { readonly reverts: string }): Promise<Entry>;

  /**
   * Runs SQL in one transaction, all of it or nothing. Throws kind `usage` for SQL that is wrong or would end the
   * transaction, kind `refused` where a constraint, a trigger or a foreign key forbids a change.
   */
  execute(request: ExecuteRequest): Promise<Executed>;

  page(query: PageQuery): Promise<EntryPage>;
  rows(query: PageQuery, columns: readonly HistoryField[]): Promise<RowPage>;
  lines(query: PageQuery, columns: readonly HistoryField[]): Promise<LinePage>;
  /** Null for a page that cannot be had so, as where a text holds one of the marks: its `rows` always can. */
  fields(query: PageQuery, columns: readonly HistoryField[]): Promise<FieldPage | null>;
  explain(query: PageQuery): Promise<Explanation>;
  /** One entry by its seq or its id. */
  find(key: { readonly seq: number } | { readonly id: string }): Promise<HistoryEntry | undefined>;
  extent(filter: Filter, within?: Within): Promise<Extent>;
  /** The trail as it is now. Cheap: who waits for entries may ask many times a second. */
  mark(): Promise<Mark>;
  values(field: EntryField, filter: Filter): Promise<readonly ValueCount[]>;
  groups(query: GroupQuery): Promise<Groups>;
  /** How many match from each edge (milliseconds since 1970, ascending) up to the next one, which does not count. */
  countBetween(filter: Filter, edges: readonly number[], upTo: Mark): Promise<readonly number[]>;
  bursts(query: BurstQuery): Promise<Bursts>;
  /** Whether other programs have written since this was asked last, and may be waiting for the lock; false at first. */
  othersHaveWritten(): Promise<boolean>;

  /**
   * The retention policies, by name: what a prune that nobody watches may carry out. Throws kind `refused` where one is
   * not what daybook set, or cannot be read.
   */
  policies(): Promise<readonly Policy[]>;
  /** Every row of ours that cannot be read, policies apart. */
  unreadableRows(): Promise<readonly UnreadableRow[]>;
  /** Every policy as it stands, and every one that daybook set and did not remove, with what is wrong with it. */
  standingPolicies(): Promise<readonly StandingPolicy[]>;
  /**
   * Keeps or, with null, removes a policy, in one transaction with the entry that tells of it; gives the seq of that, or
   * null where nothing changes.
   */
  changePolicy(name: string, policy: Policy | null, actor: Actor): Promise<number | null>;

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

  /** What the trail knows of an entity type, or undefined where no table was ever captured as it. */
  captureHistory(entityType: string): Promise<CaptureHistory | undefined>;
  /** What tells of one row at a moment; with `live`, also of the row in the table. */
  rowEvidence(moment: CapturedMoment, id: string, live: boolean): Promise<RowEvidence>;
  /**
   * What tells of the rows at a moment, page by page, each row once: with `live`, of all that changed after it or are in
   * the table; without, of all that changed within the span. Rows may change while the pages are read.
   */
  tableEvidence(moment: CapturedMoment, live: boolean, place: TablePlace | null, size: number): Promise<EvidencePage>;
  /** How far prunes may have taken captured entries of a type, or of one entity, from a span; null where none did. */
  pruneReach(entityType: string, id: string | null, span: CaptureSpan): Promise<PruneReach | null>;
  /** The captured tables, with what is wrong with them. */
  captures(): Promise<readonly Capture[]>;
  /**
   * Records the changes of the rows of these tables from now on, or in another way; as it is already, nothing changes.
   * With several tables, a column counts for those that have it. All or none.
   * Throws kind `missing` without the table, kind `usage` for a column that none has, and kind `refused` for a table
   * that cannot be captured, a type that another table has, and columns that look like secrets.
   */
  addCaptures(tables: readonly string[], request: CaptureRequest, actor: Actor): Promise<readonly CaptureChange[]>;
  /**
   * Fits captures (all, where none is named) to what their tables are now; what was changed meanwhile is a gap. Throws
   * kind `missing`.
   */
  refreshCaptures(tables: readonly string[], actor: Actor): Promise<readonly CaptureChange[]>;
  /** Where a table is not captured, nothing changes. Throws kind `missing` where there is no such table. */
  removeCaptures(tables: readonly string[], actor: Actor): Promise<readonly CaptureChange[]>;
  /**
   * Undoes captured changes, all in one transaction, the last one first; where there are conflicts and no force,
   * nothing. Throws kind `refused` for an entry that cannot be undone, and where the database forbids it.
   */
  undo(request: UndoRequest): Promise<UndoOutcome>;
  /** Tries each kind of statement on rows of these tables (all, where none is named), and leaves no trace. */
  checkCaptures(tables: readonly string[]): Promise<readonly CheckedCase[]>;
  /** The mirrors, with what is wrong with them. */
  mirrors(): Promise<readonly Mirror[]>;
  /**
   * A mirror as it would be, with names as the table writes them. Throws kind `missing` without the table, kind `usage`
   * for a column that it does not have, and kind `refused` for one that cannot show entries.
   */
  resolveMirror(request: MirrorRequest): Promise<MirrorRequest>;
  /** Compares rows with their entries, in the order of the key; from the beginning behind null. Throws like that. */
  compareMirror(request: MirrorRequest, after: KeyValue, limit: number): Promise<MirroredPage>;
  /** The prunes that may have taken entries of a type. */
  mirrorPrunes(entityType: string): Promise<readonly MirrorPrune[]>;
  /**
   * Shows the entries of every row and from then on each new one, in one transaction; as it is already, nothing
   * changes. Throws like that, and kind `refused` where more rows than `mayReplace` hold another text.
   */
  addMirror(request: MirrorRequest, mayReplace: number, actor: Actor): Promise<AddedMirror>;
  /** The column stays as it is. Where there is no such mirror, nothing changes. Throws kind `missing`. */
  removeMirror(name: { readonly table: string; readonly column: string }, actor: Actor): Promise<MirrorChange>;
  /** The actor of a context that a transaction left behind, or null. */
  leakedContext(): Promise<string | null>;

  /**
   * Turns rules into a plan for the trail as it is now. `reserved` says for each rule whether the prune's own entry
   * will take one of the places that it keeps. With `recordedBefore` (UTC text), the trail as it was recorded by then.
   */
  plan(
    rules: readonly PruneRule[],
    reserved: readonly boolean[],
    options?: { readonly recordedBefore?: string },
  ): Promise<PrunePlan>;
  forecast(plan: PrunePlan): Promise<PruneForecast>;
  /** Takes the lease and opens the account; throws kind `busy` while another prune lives. */
  openPrune(intent: PruneIntent): Promise<number>;
  /** Renews the lease, and notes the archive once it is written. */
  renewPrune(prune: number, archive?: string): Promise<void>;
  /**
   * Deletes up to `size` further entries of the plan in one transaction with their account; the last batch closes the
   * account and records its entry. A power cut may take back batches, from the last one on, until that or `closePrune`
   * makes all of them durable.
   */
  deleteBatch(prune: number, plan: PrunePlan, after: Key | undefined, size: number): Promise<PrunedBatch>;
  /** Closes an account before its plan is through; what was deleted by then becomes its entry. */
  closePrune(prune: number, state: 'done' | 'cut_off'): Promise<PruneAccount>;
  lastPrune(): Promise<PruneAccount | undefined>;
  /** How many entries all prunes together have deleted, those at work and those cut off among them. */
  prunedSoFar(): Promise<number>;
  /** The accounts of prunes that ended before they were done, and that nobody has closed since. */
  cutOffPrunes(): Promise<readonly PruneAccount[]>;
  /** Gives up to so many free pages back to the file system; returns the bytes given back, 0 where there is no more. */
  giveBackSpace(pages: number): Promise<number>;
  /**
   * Does what the engine wants done between the batches of a long write, without waiting for anybody; returns the bytes
   * of its log until then, 0 where it keeps none.
   */
  upkeep(): Promise<number>;

  checkpoint(name: string): Promise<Checkpoint | undefined>;
  /** Notes that an export of this name begins and will reach `upTo`. */
  beginCheckpoint(name: string, question: string, filter: Filter, upTo: Mark): Promise<Checkpoint>;
  /** The checkpoints that a prune took entries from before they were exported. */
  missedByCheckpoints(): Promise<readonly { readonly checkpoint: string; readonly count: number }[]>;
  /** Moves the checkpoint, where nobody else has moved it since it was begun. */
  moveCheckpoint(name: string, from: Mark, to: Mark): Promise<void>;

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
