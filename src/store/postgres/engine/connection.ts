import { Query } from 'pg';
import type { Client } from 'pg';
import type { Cell } from '../../../core/cell.js';
import type { Sql } from '../../sql.js';

/** A value of a question mark: one of a field, bytes, or a list of texts for one column of many rows. */
export type Parameter = Cell | Buffer | readonly (string | null)[];

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** What runs statements, in the transaction that is open. */
export interface Connection {
  /** Rows as arrays, in the order of their columns. */
  rows<Row extends readonly unknown[] = Cell[]>(statement: Statement): Promise<Row[]>;
  /** Rows as objects. */
  all<Row>(statement: Statement): Promise<Row[]>;
  /** How many rows a statement changed. */
  run(statement: Statement): Promise<number>;
  /** Runs one statement as it stands, question marks and all, and gives its command tag and how many rows it changed. */
  script(text: string): Promise<{ readonly command: string; readonly rows: number }>;
  /** Has the server take rows, in the text format of a COPY FROM STDIN, and gives how many it took. */
  copy(statement: string, rows: Buffer): Promise<number>;
}

/** A COPY FROM STDIN with all its rows. What is sent behind an error, the server passes over. */
class CopyIn extends Query {
  readonly #rows: Buffer;

  constructor(
    text: string,
    rows: Buffer,
    callback: (error: Error | undefined, result: { rowCount: number | null }) => void,
  ) {
    super(text, undefined, callback);
    this.#rows = rows;
  }

  handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }): void {
    connection.sendCopyFromChunk(this.#rows);
    connection.endCopyFrom();
  }
}

const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 700, 701, 1700]);
const BOOLEAN = 16;

/** Whole numbers as numbers, and everything else as the text that PostgreSQL writes: documents keep every digit so. */
const TYPES = {
  getTypeParser: (type: number) => (text: string) => {
    if (NUMBERS.has(type)) return Number(text);
    return type === BOOLEAN ? text === 't' : text;
  },
};

/**
 * Statements go unnamed, so that a pooler may hand each transaction to another session: text from outside is only ever
 * a parameter. With a schema, tables of ours are named with it: an application's client looks for names in its own way.
 */
export function connectionOf(client: Pick<Client, 'query'>, schema?: string): Connection {
  const query = (statement: Statement, rowMode?: 'array') =>
    client.query({
      text: numbered(statement.sql, schema),
      values: [...statement.parameters],
      types: TYPES as never,
      ...(rowMode && { rowMode }),
    } as never) as unknown as Promise<{ rows: unknown[]; rowCount: number | null }>;
  return {
    rows: async <Row>(statement: Statement) => (await query(statement, 'array')).rows as Row[],
    all: async <Row>(statement: Statement) => (await query(statement)).rows as Row[],
    run: async (statement) => (await query(statement)).rowCount ?? 0,
    script: async (text) => {
      // The extended protocol takes one statement and no more.
      const done = await client.query({ text, queryMode: 'extended' } as never);
      const { command, rowCount } = done as unknown as { command: string | null; rowCount: number | null };
      return { command: command ?? '', rows: rowCount ?? 0 };
    },
    copy: (statement, rows) =>
      new Promise((resolve, reject) => {
        const done = (error: Error | undefined, result: { rowCount: number | null }): void =>
          error ? reject(error) : resolve(result.rowCount ?? 0);
        client.query(new CopyIn(numbered(statement, schema), rows, done));
      }),
  };
}

/** PostgreSQL's own signs for parameters. A question mark within quotes belongs to a name or a text. */
function numbered(text: string, schema?: string): string {
  let number = 0;
  return text.replaceAll(/"[^"]*"|'[^']*'|\?|(?<![.\w])daybook_\w+/g, (piece) => {
    if (piece === '?') return `$${++number}`;
    return schema === undefined || !piece.startsWith('daybook_') ? piece : `${identifier(schema)}.${piece}`;
  });
}

/** What a question with one answer says. */
export async function answer<T>(connection: Connection, statement: Sql): Promise<T | undefined> {
  const [row] = await connection.rows<[T]>(statement);
  return row?.[0];
}

/** What a count says: it has one row, always. */
export async function counted(connection: Connection, statement: Sql): Promise<number> {
  return (await answer<number>(connection, statement)) ?? 0;
}

/** A name as PostgreSQL reads it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as PostgreSQL reads it, whatever it takes a backslash for. */
export function literal(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}
