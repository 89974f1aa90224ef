import { namedActorProblem } from '../../../core/directory.js';
import type { ListedActor, NameCounts } from '../../../core/directory.js';
import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import type { NamesImport, NamesImported } from '../../audit-store.js';
import { sql } from '../../sql.js';
import type { Connection } from '../engine/index.js';
import { insertOne } from '../trail/index.js';

/**
 * Takes a list of names into the directory, in the open transaction. All of it is read and checked first, into a table
 * that is gone with the transaction; nobody waits for that but who changes the directory as well.
 */
export async function importNames(
  connection: Connection,
  list: AsyncIterable<readonly ListedActor[]>,
  { withEmail, audit }: NamesImport,
  clock: () => number,
): Promise<NamesImported> {
  await connection.run(
    sql(`CREATE TEMPORARY TABLE daybook_listed (actor text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL,
      email text COLLATE "C", place text NOT NULL) ON COMMIT DROP`),
  );
  const { read, unnamed } = await stage(connection, list);
  // Two that change it at once come one after the other; who only reads or records waits for neither.
  await connection.run(sql('LOCK TABLE daybook_actors IN SHARE ROW EXCLUSIVE MODE'));
  const differs = `(a.actor IS NULL OR a.name <> l.name${withEmail ? ' OR a.email IS DISTINCT FROM l.email' : ''})`;
  const from = 'FROM pg_temp.daybook_listed AS l LEFT JOIN daybook_actors AS a ON a.actor = l.actor';
  const [counted] = await connection.rows<[number, number]>(
    sql(
      `SELECT count(*) FILTER (WHERE a.actor IS NULL), count(*) FILTER (WHERE a.actor IS NOT NULL) ${from} WHERE ${differs}`,
    ),
  );
  const [added, changed] = counted ?? [0, 0];
  const counts: NameCounts = { read, added, changed, unchanged: read - unnamed - added - changed, unnamed };
  if (added + changed === 0) return { ...counts, entry: null };
  // A list without addresses leaves them as they are.
  await connection.run(
    sql(`INSERT INTO daybook_actors (actor, name, email) SELECT l.actor, l.name, l.email ${from} WHERE ${differs}
      ON CONFLICT (actor) DO UPDATE SET name = excluded.name${withEmail ? ', email = excluded.email' : ''}`),
  );
  return { ...counts, entry: await insertOne(connection, audit(counts), clock) };
}

async function stage(
  connection: Connection,
  list: AsyncIterable<readonly ListedActor[]>,
): Promise<{ read: number; unnamed: number }> {
  let read = 0;
  let unnamed = 0;
  for await (const listed of list) {
    const named: ListedActor[] = [];
    for (const one of listed) {
      read += 1;
      const problem = namedActorProblem(one.name === '' ? { ...one, name: '-' } : one);
      if (problem !== undefined) throw new DaybookError('data', `${one.place}: ${problem}`);
      if (one.name === '') unnamed += 1;
      else named.push(one);
    }
    const columns = (['actor', 'name', 'email', 'place'] as const).map((column) => named.map((one) => one[column]));
    await connection.run({
      sql: `INSERT INTO pg_temp.daybook_listed SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[])
        ON CONFLICT DO NOTHING`,
      parameters: columns,
    });
    const [other] = await connection.rows<[actor: string, place: string, first: string]>({
      sql: `SELECT l.actor, n.place, l.place FROM unnest(?::text[], ?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS n (actor, name, email, place, position)
        JOIN pg_temp.daybook_listed AS l ON l.actor = n.actor
        WHERE l.name <> n.name OR l.email IS DISTINCT FROM n.email ORDER BY n.position LIMIT 1`,
      parameters: columns,
    });
    if (other === undefined) continue;
    const [actor, place, first] = other;
    throw new DaybookError('data', `${place}: id ${shown(actor)} is named otherwise in ${first}`);
  }
  return { read, unnamed };
}
