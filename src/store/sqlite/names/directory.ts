import type { NamedActor } from '../../../core/directory.js';
import type { DirectoryChange } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { inserter } from '../trail/index.js';

function readActor(connection: Connection, actor: string): NamedActor | undefined {
  return connection
    .prepare<[string], NamedActor>('SELECT actor, name, email FROM daybook_actors WHERE actor = ?')
    .get(actor);
}

/** A page of the directory, by id: from behind `after`, and only those of one name. */
export function readActors(
  connection: Connection,
  query: { readonly after?: string; readonly limit: number; readonly name?: string },
): NamedActor[] {
  const { after = '', limit, name } = query;
  const named = name === undefined ? [] : [name];
  return connection
    .prepare<unknown[], NamedActor>(
      `SELECT actor, name, email FROM daybook_actors WHERE actor > ?${name === undefined ? '' : ' AND name = ?'}
       ORDER BY actor LIMIT ?`,
    )
    .all(after, ...named, limit);
}

/** The names of those of these actors that are in the directory. */
export function readNames(connection: Connection, actors: readonly string[]): Map<string, string> {
  const name = connection.prepare<[string], string>('SELECT name FROM daybook_actors WHERE actor = ?').pluck();
  const names = new Map<string, string>();
  for (const actor of actors) {
    const found = name.get(actor);
    if (found !== undefined) names.set(actor, found);
  }
  return names;
}

/** The ids that each text stands for: itself where it is one, else those of its name. */
export function readMeant(connection: Connection, texts: readonly string[]): Map<string, readonly string[]> {
  const isId = connection
    .prepare<[string, string], number>(
      `SELECT EXISTS (SELECT 1 FROM daybook_entries WHERE actor = ?)
         OR EXISTS (SELECT 1 FROM daybook_actors WHERE actor = ?)`,
    )
    .pluck();
  const named = connection
    .prepare<[string], string>(
      // Scopes stand in the directory, too, and no actor is meant by the name of a machine.
      `SELECT actor FROM daybook_actors WHERE name = ?
         AND NOT EXISTS (SELECT 1 FROM daybook_entries AS e WHERE e.scope = daybook_actors.actor) ORDER BY actor`,
    )
    .pluck();
  return new Map(texts.map((text) => [text, isId.get(text, text) === 1 ? [text] : named.all(text)]));
}

/** Changes what the directory has of an actor, with the entry that tells of it. Runs in the open transaction. */
export function changeActor(
  connection: Connection,
  actor: string,
  change: (known: NamedActor | undefined) => DirectoryChange | undefined,
  clock: () => number,
): number | null {
  const wanted = change(readActor(connection, actor));
  if (wanted === undefined) return null;
  connection.prepare('DELETE FROM daybook_actors WHERE actor = ?').run(actor);
  if (wanted.becomes !== null) {
    const { name, email } = wanted.becomes;
    connection.prepare('INSERT INTO daybook_actors (actor, name, email) VALUES (?, ?, ?)').run(actor, name, email);
  }
  return inserter(connection, clock)(wanted.audit).seq;
}
