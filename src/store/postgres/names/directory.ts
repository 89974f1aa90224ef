import type { NamedActor } from '../../../core/directory.js';
import type { DirectoryChange } from '../../audit-store.js';
import { sql } from '../../sql.js';
import type { Connection } from '../engine/index.js';
import { insertOne } from '../trail/index.js';

/** A page of the directory, by id: from behind `after`, and only those of one name. */
export async function readActors(
  connection: Connection,
  { after = '', limit, name }: { readonly after?: string; readonly limit: number; readonly name?: string },
): Promise<NamedActor[]> {
  const named = name === undefined ? [] : [name];
  return connection.all(
    sql(
      `SELECT actor, name, email FROM daybook_actors WHERE actor > ?${name === undefined ? '' : ' AND name = ?'}
       ORDER BY actor LIMIT ?`,
      after,
      ...named,
      limit,
    ),
  );
}

/** The names of those of these actors that are in the directory. */
export async function readNames(connection: Connection, actors: readonly string[]): Promise<Map<string, string>> {
  const rows = await connection.rows<[string, string]>({
    sql: 'SELECT actor, name FROM daybook_actors WHERE actor = ANY (?::text[])',
    parameters: [actors],
  });
  return new Map(rows);
}

/** The ids that each text stands for: itself where it is one, else those of its name. */
export async function readMeant(
  connection: Connection,
  texts: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const rows = await connection.rows<[text: string, isId: boolean, named: string]>({
    sql: `SELECT t, EXISTS (SELECT FROM daybook_entries WHERE actor = t) OR EXISTS (SELECT FROM daybook_actors WHERE actor = t),
        (SELECT coalesce(json_agg(actor ORDER BY actor), '[]') FROM daybook_actors WHERE name = t)
      FROM unnest(?::text[]) AS asked (t)`,
    parameters: [texts],
  });
  return new Map(rows.map(([text, isId, named]) => [text, isId ? [text] : (JSON.parse(named) as string[])]));
}

/** Changes what the directory has of an actor, with the entry that tells of it. Runs in the open transaction. */
export async function changeActor(
  connection: Connection,
  actor: string,
  change: (known: NamedActor | undefined) => DirectoryChange | undefined,
  clock: () => number,
): Promise<number | null> {
  // Two that change it at once come one after the other; who only reads or records waits for neither.
  await connection.run(sql('LOCK TABLE daybook_actors IN SHARE ROW EXCLUSIVE MODE'));
  const [known] = await connection.all<NamedActor>(
    sql('SELECT actor, name, email FROM daybook_actors WHERE actor = ?', actor),
  );
  const wanted = change(known);
  if (wanted === undefined) return null;
  await connection.run(sql('DELETE FROM daybook_actors WHERE actor = ?', actor));
  if (wanted.becomes !== null) {
    const { name, email } = wanted.becomes;
    await connection.run(sql('INSERT INTO daybook_actors (actor, name, email) VALUES (?, ?, ?)', actor, name, email));
  }
  return insertOne(connection, wanted.audit, clock);
}
