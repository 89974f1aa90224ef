import { identifier } from './connection.js';
import type { Connection } from './connection.js';

/** Does what has triggers and rules of the application run, with the names that these know. */
export async function asApplication<T>(connection: Connection, schema: string, work: () => Promise<T>): Promise<T> {
  await connection.script('SET LOCAL search_path TO DEFAULT');
  const result = await work();
  await connection.script(`SET LOCAL search_path = pg_catalog, ${identifier(schema)}, pg_temp`);
  return result;
}
