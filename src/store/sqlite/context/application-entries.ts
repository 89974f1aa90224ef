import type { RecordOutcome, RecordRequest } from '../../audit-store.js';
import { withContextOf } from '../../signed.js';
import type { HeldContext } from '../../signed.js';
import { contextHolds, kept, writing } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { furtherTriggers, recordSigned } from '../trail/index.js';

/**
 * Records what an application says of itself on its own connection: within the transaction that is open, else in one of
 * its own. What an entry does not say of who and why comes from the context of the transaction. Throws as `recordSigned` does,
 * and nothing is recorded then.
 */
export function recordOfApplication(
  connection: Connection,
  requests: readonly RecordRequest[],
  clock: () => number,
): RecordOutcome[] {
  // Outside of a transaction there is no context but one that leaked.
  const context = connection.inTransaction ? contextNow(connection) : undefined;
  const record = (): RecordOutcome[] =>
    recordSigned(
      connection,
      context === undefined ? requests : requests.map((one) => withContextOf(one, context)),
      clock,
    );
  const [first] = requests;
  // What is one statement is its own transaction; what has to be looked at before or behind it is not.
  const isOneStatement =
    requests.length === 1 &&
    first?.entry.id === null &&
    first.entry.reverts === null &&
    furtherTriggers(connection).length === 0;
  return isOneStatement ? record() : writing(connection, record);
}

const CONTEXT_NOW = `SELECT actor, actor_type, recorded_by, correlation_id, reason FROM daybook_context
  WHERE ${contextHolds('used')}`;

function contextNow(connection: Connection): HeldContext | undefined {
  return kept<[], HeldContext>(connection, CONTEXT_NOW).get();
}
