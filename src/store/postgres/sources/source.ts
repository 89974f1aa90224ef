import type { Address } from '../../../core/address.js';
import { DaybookError } from '../../../core/errors.js';
import type { Source, SourceRecord } from '../../../core/import.js';
import { isJsonObject, parseDocument, shown } from '../../../core/json.js';
import { connect } from '../engine/index.js';
import type { Server } from '../engine/index.js';
import { lookups } from './lookups.js';
import { findTable, tablePages } from './table.js';
import type { SourceTable } from './table.js';

const PAGE = 500;

/**
 * Opens a table of an application's database to be imported, read-only. It is read page by page by its key, and nothing
 * stays open between pages: the application is not held up.
 * Throws kind `missing` without the table, kind `usage` for one that has no key, and what fails at a server.
 */
export async function openSourceTable(options: {
  readonly address: Address;
  readonly table: string;
  readonly busyTimeout: number;
}): Promise<Source> {
  const { address, table, busyTimeout } = options;
  const server = await connect({ address, schema: null, busyTimeout });
  try {
    const found = await server.read(() => findTable(server, table));
    if (found === undefined) throw new DaybookError('missing', `${address.shown}: no table ${shown(table)}`);
    if (found.key.length === 0) {
      throw new DaybookError(
        'usage',
        `${address.shown}: ${shown(table)} has no key to read by: a primary key, or another that is unique and never null`,
      );
    }
    return {
      // As PostgreSQL writes them: what a format takes of lines of JSON, it takes of these.
      kind: 'ndjson',
      total: undefined,
      records: () => records(server, found),
      ...lookups(server),
      close: () => void server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function* records(server: Server, table: SourceTable): AsyncGenerator<readonly SourceRecord[]> {
  const values = ['pg_catalog.row_to_json(t)::text'];
  for await (const page of tablePages(server, table, { values, size: PAGE })) yield page.map(recordOf);
}

function recordOf(row: readonly string[]): SourceRecord {
  const values = parseDocument(row.at(-1) ?? '');
  return { position: `row ${row.slice(0, -1).join(', ')}`, values: isJsonObject(values) ? values : {} };
}
