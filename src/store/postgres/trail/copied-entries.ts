import type { NewEntry } from '../../../core/entry.js';
import { joinedBytes } from '../../../core/joined-bytes.js';
import type { RecordRequest } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { COLUMNS, complete, lookFirstOn, notRecorded } from './recording.js';
import type { Complete } from './recording.js';

const ALREADY_THERE = '23505';
const NOT_SUPPORTED = '0A000';

/** The connections whose role has row-level security, which COPY does not know. */
const uncopied = new WeakSet<Connection>();

/** Whether entries that are taken to be new can be copied. */
export function mayCopy(connection: Connection): boolean {
  return !uncopied.has(connection);
}

/**
 * Records entries that are taken to be new by COPY, which is half of the work that one statement is, and says whether it did. An
 * id that is there already ends the open transaction, and nothing of it is recorded.
 */
export async function copyEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
  clock: () => number,
): Promise<boolean> {
  const all = requests.map((request) => complete(request, clock));
  const names = await namesFor(connection, all);
  const entries = all.map(({ entry, actorToName }) =>
    actorToName === null ? entry : { ...entry, actor_name: names.get(actorToName) ?? null },
  );
  try {
    const taken = await connection.copy(
      `COPY daybook_entries (${COLUMNS.join(', ')}) FROM STDIN (ENCODING 'UTF8')`,
      joinedBytes(rowsOf(entries), ROW_BYTES * entries.length),
    );
    if (taken < all.length) throw notRecorded(all.length);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === NOT_SUPPORTED) uncopied.add(connection);
    else if (code === ALREADY_THERE) lookFirstOn(connection);
    else throw error;
    return false;
  }
}

/** What the directory calls those whose names it is to give. A name that changes meanwhile may be that of before or of after. */
async function namesFor(connection: Connection, all: readonly Complete[]): Promise<ReadonlyMap<string, string>> {
  const actors = [...new Set(all.flatMap(({ actorToName }) => actorToName ?? []))];
  if (actors.length === 0) return new Map();
  return new Map(
    await connection.rows<[actor: string, name: string]>({
      sql: 'SELECT actor, name FROM daybook_actors WHERE actor = ANY (?::text[])',
      parameters: [actors],
    }),
  );
}

/** Entries in the text format of COPY. */
function* rowsOf(entries: readonly NewEntry[]): Generator<string> {
  for (const entry of entries) {
    let row = '';
    for (const column of COLUMNS) row += `${row === '' ? '' : '\t'}${cell(entry[column])}`;
    yield `${row}\n`;
  }
}

/** What a row is expected to take, in bytes. */
const ROW_BYTES = 1024;

const TO_ESCAPE = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function cell(value: string | null): string {
  if (value === null) return '\\N';
  return TO_ESCAPE.test(value) ? value.replaceAll(/[\\\n\r\t]/g, (sign) => ESCAPES[sign] ?? sign) : value;
}
