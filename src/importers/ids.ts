import type { ImportedEntry } from '../core/import.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** The id of an imported entry: the original where it is unique in the world, else below the name of its source. */
export function importedId(source: string, original: string, unique: RegExp = UUID): string {
  return unique.test(original) ? original : `${source}:${original}`;
}

/**
 * The id where the command line may name the source. Without a name it is what `importedId` gives, `unique` included.
 * With one, only what is unique in the world stays bare: two sources may share anything shorter. What an earlier version
 * made of it stays known.
 */
export function namedId(
  { source, isNamed = false }: { readonly source: string; readonly isNamed?: boolean },
  original: string,
  unique: RegExp = UUID,
): Pick<ImportedEntry, 'id' | 'earlier'> {
  const before = importedId(source, original, unique);
  if (!isNamed) return { id: before };
  const id = UUID.test(original) || ULID.test(original) ? original : `${source}:${original}`;
  return id === before ? { id } : { id, earlier: [{ id: before }] };
}

/**
 * The id of a record that has none, of its place or of what it holds. No given id has this form: a source's name is never
 * empty and does not begin with a colon, and what is unique in the world has none.
 */
export function madeUpId(source: string, name: string): string {
  return `:${source}:${name}`;
}

/** Beyond this, no line of a file has such a number. */
const LARGEST_NUMBER = 2 ** 27;
const BITS_OF_PAGE = 2 ** 16;

/** Which whole numbers a source gives as ids, in a bit each: lines that have none were named by their numbers once. */
export function givenNumbers(): { add(id: string): void; has(id: string): boolean } {
  const pages = new Map<number, Uint8Array>();
  const place = (id: string): { page: number; byte: number; bit: number } | undefined => {
    const number = /^[1-9]\d{0,8}$/.test(id) ? Number(id) : LARGEST_NUMBER;
    if (number >= LARGEST_NUMBER) return undefined;
    const bits = number % BITS_OF_PAGE;
    return { page: Math.floor(number / BITS_OF_PAGE), byte: bits >> 3, bit: 1 << (bits & 7) };
  };
  return {
    add: (id) => {
      const at = place(id);
      if (at === undefined) return;
      const page = pages.get(at.page) ?? new Uint8Array(BITS_OF_PAGE / 8);
      page[at.byte] = (page[at.byte] ?? 0) | at.bit;
      pages.set(at.page, page);
    },
    has: (id) => {
      const at = place(id);
      return at !== undefined && ((pages.get(at.page)?.[at.byte] ?? 0) & at.bit) !== 0;
    },
  };
}
