import type { NewEntry } from '../../../core/entry.js';
import { withReason } from '../../../core/metadata.js';
import type { RecordOutcome, RecordRequest } from '../../audit-store.js';
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

interface Context {
  readonly actor: string;
  readonly actor_type: string;
  readonly recorded_by: string | null;
  readonly correlation_id: string | null;
  readonly reason: string | null;
}

const CONTEXT_NOW = `SELECT actor, actor_type, recorded_by, correlation_id, reason FROM daybook_context
  WHERE ${contextHolds('used')}`;

function contextNow(connection: Connection): Context | undefined {
  return kept<[], Context>(connection, CONTEXT_NOW).get();
}

/** Who is said as one: who names an actor does not get the kind of another. */
function withContextOf({ entry, given }: RecordRequest, context: Context): RecordRequest {
  const { actor, actor_type, recorded_by, correlation_id, reason } = context;
  const who = given.includes('actor') ? {} : { actor, actor_type, recorded_by };
  const why: Partial<NewEntry> = {
    ...(given.includes('correlation_id') ? {} : { correlation_id }),
    ...(reason === null ? {} : { metadata: withReason(entry.metadata, reason) }),
  };
  return { entry: { ...entry, ...who, ...why }, given };
}
