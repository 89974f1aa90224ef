import { readCaptureSettings } from '../../../core/capture.js';
import type { RecordOutcome, RecordRequest } from '../../audit-store.js';
import { expectNoConflict, typeOfUnsigned, unsigned } from '../../signed.js';
import type { Connection, Generation } from '../engine/index.js';
import { findEntries } from './find-entries.js';
import { expectNotTakenBack, recordEntries } from './recording.js';

/**
 * Records what an application says of itself. Runs in the open transaction, which is serializable where one of these takes
 * back another entry. Throws kind `refused` where an entry takes back what is taken back already, where its id is there
 * already with other content, and where nobody says who changed a row of a table that asks for that.
 */
export async function recordSigned(
  connection: Connection,
  generations: readonly Generation[],
  requests: readonly RecordRequest[],
  clock: () => number,
): Promise<RecordOutcome[]> {
  await expectSigned(connection, requests);
  if (!requests.some(takesBack)) return expectNoConflict(await recordEntries(connection, requests, false, clock));
  // Each is looked at behind the one before it: two of them may take back one entry.
  const outcomes: RecordOutcome[] = [];
  for (const request of requests) {
    const { id, reverts } = request.entry;
    // What is recorded already is compared, and not recorded again.
    const isThere = id !== null && (await findEntries(connection, [id])).has(id);
    if (reverts !== null && !isThere) await expectNotTakenBack(connection, generations, reverts);
    outcomes.push(...expectNoConflict(await recordEntries(connection, [request], false, clock)));
  }
  return outcomes;
}

export function takesBack({ entry }: RecordRequest): boolean {
  return entry.reverts !== null;
}

/** A table whose changes must say who makes them asks that of what is told of its rows, too. */
async function expectSigned(connection: Connection, requests: readonly RecordRequest[]): Promise<void> {
  const types = [...new Set(requests.flatMap((request) => typeOfUnsigned(request) ?? []))];
  if (types.length === 0) return;
  const captures = await connection.all<{ type: string; table: string; settings: string }>({
    sql: `SELECT entity_type AS type, table_name AS "table", settings FROM daybook_captures
      WHERE entity_type = ANY (?::text[])`,
    parameters: [types],
  });
  const asks = captures.find(({ settings }) => readCaptureSettings(settings)?.requireActor === true);
  if (asks !== undefined) throw unsigned(asks.type, asks.table);
}
