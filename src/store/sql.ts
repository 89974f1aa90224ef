import type { Cell } from '../core/cell.js';

/** A piece of SQL with the values of its question marks, in order: text from outside is only ever a parameter. */
export interface Sql {
  readonly sql: string;
  readonly parameters: readonly Cell[];
}

export function sql(text: string, ...parameters: readonly Cell[]): Sql {
  return { sql: text, parameters };
}

/** Joins pieces; an empty list gives `empty`. */
export function join(pieces: readonly Sql[], separator: string, empty = ''): Sql {
  if (pieces.length === 0) return sql(empty);
  return {
    sql: pieces.map((piece) => piece.sql).join(separator),
    parameters: pieces.flatMap((piece) => piece.parameters),
  };
}

export function and(pieces: readonly Sql[]): Sql {
  return join(
    pieces.map((piece) => wrap('(', piece, ')')),
    ' AND ',
    'TRUE',
  );
}

export function or(pieces: readonly Sql[]): Sql {
  return join(
    pieces.map((piece) => wrap('(', piece, ')')),
    ' OR ',
    'FALSE',
  );
}

export function wrap(before: string, piece: Sql, after: string): Sql {
  return { sql: before + piece.sql + after, parameters: piece.parameters };
}

/** Puts pieces one after the other, as they stand. */
export function concat(...pieces: readonly (Sql | string)[]): Sql {
  return join(
    pieces.map((piece) => (typeof piece === 'string' ? sql(piece) : piece)),
    '',
  );
}

/** One question mark for each value. */
export function list(values: readonly Cell[]): Sql {
  return { sql: values.map(() => '?').join(', '), parameters: values };
}
