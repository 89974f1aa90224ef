import type { Actor } from '../core/entry.js';
import type { AddedMirror, Mirror, MirrorChange, MirrorPrune, MirrorRequest, MirroredRow } from '../core/mirror.js';
import type { KeyValue } from './evidence.js';

/** Rows of a mirror's table, compared with their entries. */
export interface MirroredPage {
  /** Those whose column does not hold what their entries say. */
  readonly rows: readonly MirroredRow[];
  readonly compared: number;
  /** The key behind which the next page begins, or null on the last page. */
  readonly next: KeyValue;
}

/** What shows the latest entries in a column of an application's table. */
export interface Mirrors {
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
}
