import { DaybookError } from '../core/errors.js';
import type { Origin } from '../store/audit-store.js';
import { belongsTo, isSameFile } from './file-identity.js';
import type { FileName } from './file-identity.js';

declare const compared: unique symbol;

/**
 * A path that was compared with the trail and with all else that the command reads and writes. Nothing is opened to be
 * written that is none, and `outputPlaces` alone makes one: so no option can forget to ask.
 */
export interface OutputPlace {
  readonly path: string;
  readonly origin: Origin;
  /** Whether a device or a pipe is refused: what is to be kept is kept in none. */
  readonly regular: boolean;
  readonly [compared]: true;
}

export interface PlaceOptions {
  /** What the command reads, by how messages call it. */
  readonly reads?: Names;
  readonly regular?: boolean;
}

type Names = Readonly<Record<string, FileName | undefined>>;

type Places<Writes extends Names> = {
  readonly [Option in keyof Writes]: Writes[Option] extends string ? OutputPlace : OutputPlace | undefined;
};

/**
 * The places of all outputs of one command, by the options that name them; descriptors, such as that of standard output,
 * are compared and have none. Throws kind `refused` for what belongs to the trail, kind `usage` for one file by two names.
 *
 * @example const { '--archive': place } = outputPlaces(store.origin, { '--archive': path }, { regular: true });
 */
export function outputPlaces<Writes extends Names>(
  origin: Origin,
  writes: Writes,
  { reads = {}, regular = false }: PlaceOptions = {},
): Places<Writes> {
  const places: Partial<Record<string, OutputPlace>> = {};
  const written = pairsOf(writes);
  for (const [option, path] of written) {
    if (typeof path === 'number') continue;
    if (path === '') {
      throw new DaybookError('usage', `${option} must not be empty`, { field: option, value: path });
    }
    const place = { path, origin, regular } as OutputPlace;
    refuseTrail(place);
    places[option] = place;
  }
  for (const [position, [option, name]] of written.entries()) {
    const twin =
      written.slice(position + 1).find(([, other]) => isSameFile(name, other)) ??
      // What is read may be a database as well.
      pairsOf(reads).find(([, other]) => belongsTo(name, other));
    if (twin === undefined) continue;
    const path = typeof name === 'string' ? name : twin[1];
    throw new DaybookError('usage', `${option} and ${twin[0]} are the same file, ${path}`);
  }
  return places as Places<Writes>;
}

function pairsOf(names: Names): (readonly [string, FileName])[] {
  return Object.entries(names).flatMap(([option, name]) => (name === undefined ? [] : [[option, name] as const]));
}

/** Throws kind `refused` where the trail itself would be written over, by whatever name. */
export function refuseTrail({ path, origin: { file } }: OutputPlace): void {
  if (file === undefined || !belongsTo(path, file)) return;
  throw new DaybookError(
    'refused',
    isSameFile(path, file) ? `${path} is the database itself` : `${path} belongs to the database ${file}`,
  );
}
