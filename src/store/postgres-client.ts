// Apart from the engine: who uses the library need not have the driver's types, nor the driver where all is in SQLite.

/** What daybook needs of a client of PostgreSQL that an application has: `query`, as the clients of node-postgres have it. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** What daybook needs of a pool of such clients. */
export interface PostgresPool extends PostgresClient {
  readonly totalCount: number;
  connect(): Promise<PostgresClient & { release(error?: boolean | Error): void }>;
}

/** The client that a pool hands out; a client is that itself. The second form is that of a callback. */
export type PostgresClientOf<Place extends PostgresClient> = Place extends {
  connect: { (): Promise<infer Client extends PostgresClient>; (...words: never[]): unknown };
}
  ? Client
  : Place;
