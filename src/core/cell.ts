/** A value of an entry's field as a store gives it: documents are JSON text. */
export type Cell = string | number | null;
