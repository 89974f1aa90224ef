import type { CaptureHistory, CaptureSpan } from '../core/capture.js';
import type { JsonText } from '../core/entry.js';
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

/** How far prunes reached into the entries of an entity: the last time and the greatest seq that they took. */
export interface PruneReach {
  readonly ts: string;
  readonly seq: number;
}

/** What captured entries say of rows at a moment. */
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
}
