import type { Connection } from '../engine/index.js';

/** A foreign key of a table, as it was declared. */
export interface ForeignKey {
  readonly id: number;
  readonly parent: string;
  readonly columns: readonly string[];
  /** The columns of the parent that they refer to; null where its primary key is meant. */
  readonly to: readonly string[] | null;
  /** What is done to the row when the parent's columns change: `NO ACTION`, `CASCADE`, ... */
  readonly onUpdate: string;
}

/** The foreign keys of a table, enforced or not. */
export function foreignKeysOf(connection: Connection, table: string): ForeignKey[] {
  const rows = connection
    .prepare<[string], { id: number; parent: string; column: string; to: string | null; onUpdate: string }>(
      `SELECT id, "table" AS parent, "from" AS column, "to", on_update AS onUpdate
       FROM pragma_foreign_key_list(?) ORDER BY id, seq`,
    )
    .all(table);
  const keys = new Map<number, ForeignKey>();
  for (const { id, parent, column, to, onUpdate } of rows) {
    const { columns = [], to: before = [] } = keys.get(id) ?? {};
    const referred = to === null || before === null ? null : [...before, to];
    keys.set(id, { id, parent, columns: [...columns, column], to: referred, onUpdate });
  }
  return [...keys.values()];
}
