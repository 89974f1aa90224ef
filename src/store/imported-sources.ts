import { ROW_CHANGE_FORMATS } from '../core/row-changes.js';
import type { RowTelling } from '../core/row-changes.js';

// Which sources tell of row changes, whatever engine their entries are in.

/** The formats that tell of row changes. */
export const ROW_CHANGES = Object.keys(ROW_CHANGE_FORMATS);

/** A source that an import named, or that bears a format's name. */
export interface NamedSource {
  readonly source: string;
  readonly format: string;
  readonly incomplete: boolean;
}

/** Those that imports told of, the last import of each first, and behind them those that bear a format's name. */
export function withFormats(told: readonly NamedSource[]): NamedSource[] {
  return [...told, ...ROW_CHANGES.map((format) => ({ source: format, format, incomplete: false }))];
}

/** Of a source with several formats, the one that tells least is what can be relied on. */
const LEAST_FIRST: readonly RowTelling[] = ['new values', 'fields', 'rows'];

/** What can be relied on of a source, and whether its last import left records out. */
export function reliedOn(
  named: readonly NamedSource[],
  source: string,
): { readonly telling: RowTelling; readonly incomplete: boolean } {
  const own = named.filter((one) => one.source === source);
  const tellings = new Set(own.map(({ format }) => ROW_CHANGE_FORMATS[format]));
  return { telling: LEAST_FIRST.find((one) => tellings.has(one)) ?? 'rows', incomplete: own[0]?.incomplete === true };
}
