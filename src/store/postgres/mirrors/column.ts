import { readCaptureSettings } from '../../../core/capture.js';
import { DaybookError } from '../../../core/errors.js';
import { mirrorName } from '../../../core/mirror.js';
import type { MirrorRequest } from '../../../core/mirror.js';
import { shellWord } from '../../../core/shell.js';
import { sql } from '../../sql.js';
import { describe, findTable } from '../capture/index.js';
import { answer } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import type { KeyType, MirroredColumn } from './rendering.js';

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  /** Whether it is in an index, or may be, that lets no two rows have the same. */
  readonly unique: boolean;
  /** Whether it alone finds a row. */
  readonly finds: boolean;
  readonly refers: boolean;
}

/** By what an entry can name a row, by the type of its key. */
const KEYS: Readonly<Record<string, KeyType>> = {
  smallint: 'bigint',
  integer: 'bigint',
  bigint: 'bigint',
  text: 'text',
  'character varying': 'text',
  uuid: 'uuid',
};

const KINDS: Readonly<Record<string, string>> = { v: 'a view', m: 'a view', f: 'a foreign table' };

/**
 * Looks up the column that a mirror is to fill, with names as the table writes them.
 *
 * @throws DaybookError 'missing' where there is no such table, 'usage' for a column that it does not have, and 'refused'
 *   for one that cannot show entries
 */
export async function describeMirrored(
  connection: Connection,
  schema: string,
  request: MirrorRequest,
): Promise<MirroredColumn> {
  const { settings } = request;
  const { found, column: asked } = await placeOf(connection, schema, request);
  const table = found.schema === 'public' ? found.name : `${found.schema}.${found.name}`;
  const columns = await columnsOf(connection, found.oid);
  const named = (name: string, what: string): ColumnRow => {
    const one =
      columns.find((column) => column.name === name) ??
      columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
    if (one !== undefined) return one;
    const known = columns.map((column) => column.name).join(', ');
    throw new DaybookError('usage', `${what}${table} has no column ${name}, only ${known}`);
  };
  const shown = named(asked, '');
  const key = named(settings.key, '--key: ');
  const mirror = mirrorName({ table, column: shown.name });
  const refuse = (reason: string, hint?: string): DaybookError =>
    new DaybookError('refused', `${mirror} cannot show entries: ${reason}`, hint === undefined ? {} : { hint });

  const kind = KINDS[found.kind];
  if (kind !== undefined) throw refuse(`${table} is ${kind}, and no trigger of ours writes there`);
  if (found.persistence === 't') throw refuse(`${table} is temporary`);
  if (shown.generated) throw refuse('it is computed from other columns');
  if (shown.name === key.name) throw refuse('it is the key');
  if (shown.unique) throw refuse('no two rows may have the same in it');
  if (shown.refers) throw refuse('it refers to another table');
  if (shown.type !== 'text' && shown.type !== 'character varying') {
    throw refuse(`it is declared ${shown.type}, and shows only text`);
  }
  await refuseCaptured(connection, found.oid, { table, column: shown.name, refuse });
  if (!key.finds) {
    throw refuse(
      `rows are found by ${key.name}, which has no unique index of its own, so every entry would read the whole table`,
    );
  }
  const keyType = KEYS[key.type];
  if (keyType === undefined) {
    throw refuse(
      `rows are found by ${key.name}, which is ${key.type}: entries name rows by a whole number, a text or a uuid`,
    );
  }
  const owners = await connection.rows<[trail: string, table: string]>(
    sql(
      `SELECT pg_get_userbyid(e.relowner), pg_get_userbyid(t.relowner) FROM pg_class AS e, pg_class AS t
       WHERE e.oid = 'daybook_entries'::regclass AND t.oid = ? AND e.relowner <> t.relowner`,
      found.oid,
    ),
  );
  for (const [trail, other] of owners) {
    throw refuse(
      `${table} belongs to ${other}, whose triggers would run with the rights of ${trail}, who owns the trail`,
    );
  }
  const described = await describe(connection, found.oid);
  return {
    table,
    relation: found.oid,
    from: `${described?.partitioned === true ? '' : 'ONLY '}${described?.quoted ?? ''}`,
    column: shown.name,
    settings: { ...settings, key: key.name },
    notNull: shown.notNull,
    keyType,
  };
}

/** The table that is asked for: a name with two dots has a schema before its table. */
async function placeOf(
  connection: Connection,
  schema: string,
  { table, column }: Pick<MirrorRequest, 'table' | 'column'>,
): Promise<{ readonly found: Awaited<ReturnType<typeof findTable>>; readonly column: string }> {
  try {
    return { found: await findTable(connection, table, schema), column };
  } catch (error) {
    const dot = column.indexOf('.');
    if (dot < 1 || !(error instanceof DaybookError) || error.kind !== 'missing') throw error;
    const found = await findTable(connection, `${table}.${column.slice(0, dot)}`, schema);
    return { found, column: column.slice(dot + 1) };
  }
}

async function columnsOf(connection: Connection, relation: number): Promise<ColumnRow[]> {
  return connection.all<ColumnRow>(
    sql(
      `SELECT a.attname AS name, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL) AS type,
         a.attnotnull OR t.typnotnull AS "notNull", a.attgenerated <> '' AS generated,
         EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique
           AND (a.attnum = ANY (i.indkey::int2[]) OR i.indexprs IS NOT NULL)) AS unique,
         EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
           AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS finds,
         EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)) AS refers
       FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
       WHERE a.attrelid = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      relation,
    ),
  );
}

/** Each entry would change the row, and that change would be an entry again. */
async function refuseCaptured(
  connection: Connection,
  relation: number,
  of: {
    readonly table: string;
    readonly column: string;
    readonly refuse: (reason: string, hint: string) => DaybookError;
  },
): Promise<void> {
  const { table, column, refuse } = of;
  const settings = await answer<string>(
    connection,
    sql('SELECT settings FROM daybook_captures WHERE relation = ?', relation),
  );
  if (settings === undefined) return;
  // What cannot be read ignores nothing.
  if (readCaptureSettings(settings)?.ignore.includes(column) === true) return;
  throw refuse(
    `${table} is captured, so that each entry would make another one: let capture ignore ${column} first`,
    `daybook capture add ${shellWord(table)} --ignore ${shellWord(column)}`,
  );
}
