import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { shellWord } from '../../../core/shell.js';
import type { RecordOutcome, RecordRequest } from '../../audit-store.js';
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

function expectNoConflict(outcomes: RecordOutcome[]): RecordOutcome[] {
  const conflict = outcomes.find((one) => one.outcome === 'conflict');
  if (conflict?.outcome !== 'conflict') return outcomes;
  const { id, fields } = conflict;
  throw new DaybookError('refused', `id ${id} is recorded already, with another ${fields.join(', ')}`, {
    hint: `daybook show ${shellWord(id)}`,
    field: 'id',
    value: id,
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
function expectSigned(connection: Connection, { entry, given }: RecordRequest): void {
  const { actor, entity_type: type } = entry;
  if (given.includes('actor') || actor !== 'unknown' || type === null) return;
  const table = kept<[string], string>(connection, REQUIRES_ACTOR).pluck().get(type);
  if (table === undefined) return;
  throw new DaybookError('refused', `an entry about ${shown(type)} must say who: ${table} is captured so`, {
    field: 'actor',
    value: undefined,
  });
}
