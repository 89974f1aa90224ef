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

/** Each item as text of its own, for people. */
export function eachAs<Item>(one: (item: Item) => string): PageFormat<Item> {
  return { begin: nothing, page: (items) => items.map(one).join(''), end: nothing };
}

/** One JSON text a line. */
export function jsonLines<Item>(one: (item: Item) => JsonText, { terminal }: Destination): PageFormat<Item> {
  return eachAs((item) => `${terminal ? visibleJson(one(item)) : one(item)}\n`);
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
