import type { JsonText } from '../core/entry.js';
import { visibleJson } from '../terminal/sanitize.js';

/** Turns pages of items into one text, for a terminal or not. */
export interface PageFormat<Item> {
  begin(): string;
  page(items: readonly Item[]): string | Promise<string>;
  end(): string;
}

/** What a format needs to know of where its text goes. */
export interface Destination {
  /** Whether it is a terminal: hidden characters are then made visible. */
  readonly terminal: boolean;
}

export const nothing = (): string => '';

/** One JSON text a line. */
export function jsonLines<Item>(one: (item: Item) => JsonText, { terminal }: Destination): PageFormat<Item> {
  const text = (items: readonly Item[]): string => items.map((item) => `${one(item)}\n`).join('');
  return { begin: nothing, page: terminal ? (items) => visibleJson(text(items)) : text, end: nothing };
}

/** One array, between what stands before and behind it. */
export function jsonArray<Item>(
  one: (item: Item) => JsonText,
  { terminal, before = '', behind = '' }: Destination & { readonly before?: string; readonly behind?: string },
): PageFormat<Item> {
  let any = false;
  const begin = `${before}[`;
  const text = (items: readonly Item[]): string =>
    items
      .map((item) => {
        const separator = any ? ',\n' : '\n';
        any = true;
        return separator + one(item);
      })
      .join('');
  return {
    begin: () => (terminal ? visibleJson(begin) : begin),
    page: terminal ? (items) => visibleJson(text(items)) : text,
    end: () => `${any ? '\n]' : ']'}${behind}\n`,
  };
}
