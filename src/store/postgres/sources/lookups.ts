import { DaybookError } from '../../../core/errors.js';
import type { Source } from '../../../core/import.js';
import { shown } from '../../../core/json.js';
import { identifier } from '../engine/index.js';
import type { Server } from '../engine/index.js';
import { columnOf, findTable, writeTimesAlike } from './table.js';

/** How many answers are remembered of one lookup. */
const REMEMBERED = 10_000;

interface Lookup {
  readonly table: string;
  readonly key: string;
  readonly value: string;
  readonly isOptional: boolean;
  /** Asks for many at once; null where there is no such table. Undefined until somebody has looked. */
  query?: { readonly sql: string; readonly canBe: (key: string) => boolean } | null;
  readonly known: Map<string, string | null>;
  readonly asked: Set<string>;
}

/** Looks into other tables of a database: what is not known yet is told once it was fetched, for many keys at once. */
export function lookups(server: Server): Required<Pick<Source, 'lookup' | 'fetch'>> {
  const all: Lookup[] = [];
  return {
    lookup: (table, key, value, isOptional = false) => {
      const one: Lookup = { table, key, value, isOptional, known: new Map(), asked: new Set() };
      all.push(one);
      return (wanted) => {
        const found = one.known.get(wanted);
        if (found === undefined) one.asked.add(wanted);
        return found ?? null;
      };
    },
    fetch: async () => {
      let any = false;
      for (const one of all) {
        // The first time there is a look whether there is such a table.
        if (one.query !== undefined && one.asked.size === 0) continue;
        any ||= one.asked.size > 0;
        await server.read(() => fetched(server, one));
      }
      return any;
    },
  };
}

async function fetched(server: Server, lookup: Lookup): Promise<void> {
  const { known, asked } = lookup;
  if (lookup.query === undefined) lookup.query = await queryOf(server, lookup);
  if (asked.size === 0) return;
  if (known.size > REMEMBERED) known.clear();
  for (const key of asked) known.set(key, null);
  const { query } = lookup;
  const keys = query === null ? [] : [...asked].filter(query.canBe);
  asked.clear();
  if (query === null || keys.length === 0) return;
  await writeTimesAlike(server.connection);
  const rows = await server.connection.rows<[string, string | null]>({ sql: query.sql, parameters: [keys] });
  for (const [key, value] of rows) known.set(key, value);
}

async function queryOf(
  server: Server,
  { table, key, value, isOptional }: Lookup,
): Promise<(Lookup['query'] & {}) | null> {
  const found = await findTable(server, table);
  const has = (wanted: string): boolean =>
    found?.columns.some(({ name }) => name.toLowerCase() === wanted.toLowerCase()) === true;
  const isThere = has(key) && has(value);
  if (isOptional && !isThere) return null;
  if (found === undefined) {
    throw new DaybookError('usage', `${server.asked.shown}: no table ${shown(table)} to look into`);
  }
  const [from, to] = [columnOf(found, key), columnOf(found, value)];
  const { compared, canBe } = comparedAs(from.type, `t.${identifier(from.name)}`);
  return {
    canBe,
    sql: `SELECT a.key, (SELECT t.${identifier(to.name)}::text FROM ${found.name} AS t WHERE ${compared} LIMIT 1)
      FROM pg_catalog.unnest(?::text[]) AS a (key)`,
  };
}

/** Whether a text is a number of 64 bits. */
function isBigint(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

/** Compares with a text so that an index of the column helps: what cannot be a value of its type is not asked for. */
function comparedAs(
  type: string,
  column: string,
): { readonly compared: string; readonly canBe: (key: string) => boolean } {
  if (/^(?:smallint|integer|bigint)$/.test(type)) {
    return { compared: `${column} = a.key::bigint`, canBe: isBigint };
  }
  if (type === 'uuid') {
    return {
      compared: `${column} = a.key::uuid`,
      canBe: (key) => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(key),
    };
  }
  const isText = /^(?:text|character varying.*)$/.test(type);
  return { compared: `${column}${isText ? '' : '::text'} = a.key`, canBe: (key) => !key.includes('\0') };
}
