const WORLD_UNIQUE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The id of an imported entry: the original where it is unique in the world, else below the name of its source. */
export function importedId(source: string, original: string, unique: RegExp = WORLD_UNIQUE): string {
  return unique.test(original) ? original : `${source}:${original}`;
}
