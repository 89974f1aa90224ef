import type { RecordOutcome, RecordRequest } from '../../audit-store.js';
import { expectNoConflict, typeOfUnsigned, unsigned } from '../../signed.js';
import { kept } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { expectNotTakenBack, recordEntries } from './recording.js';

/**
 * Records what an application says of itself. Runs in the open transaction, and throws kind `refused` where an entry takes
 * back what is taken back already, where its id is there already with other content, and where nobody says who changed a row
 * of a table that asks for that.
 */
export function recordSigned(
  connection: Connection,
  requests: readonly RecordRequest[],
  clock: () => number,
): RecordOutcome[] {
  for (const request of requests) expectSigned(connection, request);
  if (requests.every(({ entry }) => entry.reverts === null)) {
    return expectNoConflict(recordEntries(connection, requests, true, clock));
  }
  // Each is looked at behind the one before it: two of them may take back one entry.
  return requests.flatMap((request) => {
    const { id, reverts } = request.entry;
    if (reverts !== null && !isThere(connection, id)) expectNotTakenBack(connection, reverts);
    return expectNoConflict(recordEntries(connection, [request], true, clock));
  });
}

/** What is recorded already is compared, and not recorded again. */
function isThere(connection: Connection, id: string | null): boolean {
  if (id === null) return false;
  return kept<[string], number>(connection, 'SELECT 1 FROM daybook_entries WHERE id = ?').pluck().get(id) === 1;
}

const REQUIRES_ACTOR = `SELECT table_name FROM daybook_captures
  WHERE entity_type = ? AND CASE WHEN json_valid(settings) THEN json_extract(settings, '$.requireActor') END`;

/** A table whose changes must say who makes them asks that of what is told of its rows, too. */
function expectSigned(connection: Connection, request: RecordRequest): void {
  const type = typeOfUnsigned(request);
  if (type === null) return;
  const table = kept<[string], string>(connection, REQUIRES_ACTOR).pluck().get(type);
  if (table !== undefined) throw unsigned(type, table);
}
