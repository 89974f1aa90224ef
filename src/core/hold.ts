import type { Actor, NewEntry } from './entry.js';
import { newEntry } from './entry.js';
import { DaybookError } from './errors.js';
import { hasSigned, isSignedBy, readKeyLine, readNote } from './evidence/notes.js';
import type { Filter } from './filter.js';
import { filterToJson } from './filter-json.js';

/** Entries that nobody may delete. */
export interface Hold {
  readonly name: string;
  readonly filter: Filter;
  readonly reason: string;
  /** Until when it is thought to be needed, UTC text: it binds until it is released all the same. */
  readonly until: string | null;
  /** A public key line: only who has its private key can lift the hold. */
  readonly releaseKey: string | null;
}

export interface PlacedHold extends Hold {
  readonly placedAt: string;
  /** The seq of the entry that tells of it. */
  readonly entry: number;
  /** Whether what keeps the entries is there. */
  readonly binds: boolean;
}

/** Whether the time until which a hold was thought to be needed is over. It binds until it is released. */
export function isPassed({ until }: Pick<Hold, 'until'>, now: number): boolean {
  return until !== null && Date.parse(until) < now;
}

/** What the holder of a release key signs to lift a hold. */
export function releaseStatement({ name, placedAt, entry }: Pick<PlacedHold, 'name' | 'placedAt' | 'entry'>): string {
  return `daybook.release/v1\n${JSON.stringify(name)}\nplaced ${placedAt}\nentry ${entry}\n`;
}

/**
 * Makes sure that a hold may be lifted: where it has a release key, by a signature of that over the statement, as a signed
 * note or as its 64 bytes. Throws kind `refused`.
 */
export function expectRelease(hold: PlacedHold, signature: Buffer | null): void {
  if (hold.releaseKey === null) return;
  const key = readKeyLine(hold.releaseKey);
  const statement = releaseStatement(hold);
  const note = signature === null ? undefined : readNote(signature.toString());
  const isSigned =
    signature?.length === 64
      ? isSignedBy(key.key, Buffer.from(statement), signature)
      : note?.text === statement && hasSigned(key, note);
  if (isSigned) return;
  throw new DaybookError(
    'refused',
    `hold ${hold.name} is lifted only by a signature of ${key.name} over its statement (daybook hold list --format json): give it with --signature`,
  );
}

/** The entry that tells of a hold that was placed or released. */
export function holdEntry(actor: Actor, what: 'hold_place' | 'hold_release', hold: Hold, reason: string): NewEntry {
  const { name, filter, until, releaseKey } = hold;
  const values = `{"name":${JSON.stringify(name)},"filter":${filterToJson(filter)},"until":${JSON.stringify(until)},"release_key":${JSON.stringify(releaseKey)}}`;
  return newEntry({
    ...actor,
    category: 'system',
    action: what,
    entity_type: 'hold',
    entity_id: name,
    message: reason,
    ...(what === 'hold_place' ? { new_values: values } : { old_values: values }),
  });
}
