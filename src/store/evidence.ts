import type { CaptureHistory, CaptureSpan } from '../core/capture.js';
import type { JsonText } from '../core/entry.js';
import type { Mark } from '../core/mark.js';
import type { RowTelling } from '../core/row-changes.js';
import type { Key } from './reading.js';

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

/**
 * Where a walk through the rows of a moment stands: the engine that gave it alone makes sense of it. `UpTo` is how it says
 * which part of the trail the walk has seen.
 */
export type TablePlace<UpTo = number | Mark, Value = KeyValue> =
  | { readonly phase: 'changed'; readonly after: Key | null; readonly upTo: UpTo; readonly from: number }
  | {
      readonly phase: 'unchanged';
      readonly key: readonly Value[] | null;
      readonly upTo: UpTo;
      /** What came since is told page by page too: up to where, and behind which seq it goes on. */
      readonly meanwhile?: { readonly upTo: UpTo; readonly after: number };
    };

/** A value of a primary key, as the engine has it. */
export type KeyValue = string | number | bigint | Uint8Array | null;

export interface EvidencePage {
  readonly rows: readonly RowEvidence[];
  readonly next: TablePlace | null;
}

/** How far prunes reached into the entries of an entity: the last time and the greatest seq that they took. */
export interface PruneReach {
  readonly ts: string;
  readonly seq: number;
}

/** A source of imported row changes of a type. */
export interface ImportedSource {
  readonly source: string;
  readonly telling: RowTelling;
  /** The time of its last entry: the source may have gone on since. */
  readonly lastTs: string;
  /** Whether an import of it put records aside or stopped before its end. */
  readonly incomplete: boolean;
}

/** What imports tell of a type as a whole. */
export interface ImportedHistory {
  readonly sources: readonly ImportedSource[];
  /** The entries at which its table was emptied at once, in order; those before a prune of its changes are left out. */
  readonly truncations: readonly { readonly ts: string; readonly seq: number }[];
  /**
   * Up to this time prunes may have taken changes from between others; null where none did. A prune that took the oldest
   * changes of each row, and no others, does not count.
   */
  readonly prunedUpTo: string | null;
}

/** An imported change of a row. */
export interface ImportedChange extends CapturedChange {
  readonly id: string;
  readonly ts: string;
  readonly source: string;
}

/** Where a walk through imported changes stands. */
export interface ImportedPlace extends Key {
  readonly id: string;
}

/** What captured and imported entries say of rows at a moment. */
export interface Evidence {
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
  /** What was imported of a type, or of one entity of it: no sources where no row changes of it were. */
  importedHistory(entityType: string, id: string | null): Promise<ImportedHistory>;
  /** Imported changes of a type, or of one entity, from these sources: row by row, each in the order of history. */
  importedChanges(
    entityType: string,
    id: string | null,
    sources: readonly string[],
    after: ImportedPlace | null,
    size: number,
  ): Promise<readonly ImportedChange[]>;
}
