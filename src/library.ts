import { addressOf } from './core/address.js';
import { expectOneOf, expectWhole, wrongValue } from './core/given.js';
import { actorOf, readContext } from './library/context.js';
import type { Who } from './library/context.js';
import { DOCUMENT_FORMS } from './library/documents.js';
import type { DocumentForm } from './library/documents.js';
import { toldLater } from './library/errors.js';
import { expectKeys } from './library/question.js';
import { trailOf } from './library/trail.js';
import type { Trail } from './library/trail.js';
import { thisProcess } from './presence.js';
import type { Initialized } from './store/audit-store.js';
import { initializePatiently, isConnection, openPatiently } from './store/attached.js';
import type { Place } from './store/attached.js';
import type { OpenConnection } from './store/open-connection.js';

export { captureRequest } from './library/capture.js';

export interface TrailOptions<Form extends DocumentForm = 'values'> {
  /** Whether only reading is meant: the database is then opened read-only. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`; 5000 where it is not given. */
  readonly busyTimeout?: number;
  /**
   * How documents come out: as `values` of `JSON.parse` where it is not given, as `text`, or `lossless`, where numbers keep
   * every digit.
   */
  readonly documents?: Form;
  /** Dotted paths into documents of entries: `[redacted]` is recorded in the place of the values there. */
  readonly redact?: readonly string[];
  /** In PostgreSQL, the schema of the trail; `daybook` where it is not given. */
  readonly schema?: string;
}

/** Who makes the trail, and how. */
export interface InitializeOptions extends Who {
  /** Whether the database may hold other tables; on a connection of your own it may. */
  readonly alongside?: boolean;
  /** Milliseconds to wait for a lock; 5000 where it is not given. */
  readonly busyTimeout?: number;
  /** In PostgreSQL, the schema that the trail is made in; `daybook` where it is not given. */
  readonly schema?: string;
}

const BUSY_TIMEOUT = 5000;

/**
 * Opens the trail in a database: at an address, the path of a SQLite file, or on a connection that your application has
 * open, also of a database in memory; or a URL of PostgreSQL. A connection of your own is not closed with the trail, and gets its settings back
 * after each operation; what is to be recorded in a transaction of yours goes through `attach`.
 *
 * Throws kind `missing` where there is no trail, or one of another schema, and kind `busy`.
 *
 * @example
 * const trail = await openTrail('audit.db', { busyTimeout: 2000 });
 * await trail.record({ action: 'login', actor: 'u-42' });
 * await trail.close();
 */
export async function openTrail<Form extends DocumentForm = 'values'>(
  place: string | OpenConnection,
  options: TrailOptions<Form> = {},
): Promise<Trail<Form>> {
  return toldLater(async () => {
    expectKeys('openTrail', options, ['readonly', 'busyTimeout', 'documents', 'redact', 'schema']);
    const { readonly = false, busyTimeout = BUSY_TIMEOUT, documents: form = 'values' as Form, redact = [] } = options;
    expectWhole('busyTimeout', busyTimeout, 0);
    expectOneOf('documents', form, DOCUMENT_FORMS);
    const where = placeOf(place);
    const store = await openPatiently(where, {
      readonly,
      busyTimeout,
      clock: Date.now,
      presence: thisProcess(),
      ...schemaAt(where, options.schema),
    });
    const shown = 'engine' in where ? where.shown : (store.origin.file ?? 'the database in memory');
    return trailOf({ store, shown, busyTimeout, closed: false }, form, { context: {}, redact });
  });
}

/**
 * Creates the trail in a database, or upgrades it; a second call changes nothing. `outcome` says which: `created`, `added`,
 * `upgraded`, `repaired` or `unchanged`.
 *
 * Throws kind `refused` for a file with other tables unless `alongside`, `missing` for what is no database, and `usage` for
 * `:memory:`, which nobody else could open: make a connection, and give that.
 *
 * @example await initializeTrail('app.db', { actor: 'deploy', actorType: 'system', alongside: true });
 */
export async function initializeTrail(
  place: string | OpenConnection,
  options: InitializeOptions,
): Promise<Initialized> {
  return toldLater(async () => {
    expectKeys('initializeTrail', options, ['actor', 'actorType', 'recordedBy', 'alongside', 'busyTimeout', 'schema']);
    const { alongside = false, busyTimeout = BUSY_TIMEOUT, schema, ...who } = options;
    expectWhole('busyTimeout', busyTimeout, 0);
    const actor = actorOf(readContext(who));
    const where = placeOf(place);
    return initializePatiently(where, {
      alongside,
      busyTimeout,
      clock: Date.now,
      actor,
      ...schemaAt(where, schema),
    });
  });
}

/** Only PostgreSQL keeps several trails apart: elsewhere a schema would go unseen. */
function schemaAt(place: Place, schema: string | undefined): { readonly schema?: string } {
  if (schema === undefined) return {};
  if ('engine' in place && place.engine === 'postgres') return { schema };
  throw wrongValue('schema', schema, 'left out: a trail in SQLite has none');
}

function placeOf(place: unknown): Place {
  if (typeof place === 'string') return addressOf(place);
  if (isConnection(place)) return place;
  throw wrongValue('place', place, 'an address, or a connection with exec and prepare');
}
