import { shellWord } from '../../../core/shell.js';
import type { UnreadableRow } from '../../audit-store.js';
import { unreadableCapture, unreadableCaptures, unreadableSpans } from '../capture/index.js';
import type { Connection } from '../engine/index.js';
import { unreadableMirror, unreadableMirrors } from '../mirrors/index.js';
import { spoiledAccounts, checkpointReaches } from '../trail/index.js';

/**
 * The rows of our own tables that another program spoiled, policies apart (those are told with what they stand for), each
 * with the way out. Nothing else is hindered by them.
 */
export function unreadableRows(connection: Connection): UnreadableRow[] {
  return [
    ...unreadableCaptures(connection).map((name): UnreadableRow => ({
      kind: 'capture',
      name,
      message: unreadableCapture(name),
    })),
    ...unreadableMirrors(connection).map((name): UnreadableRow => ({
      kind: 'mirror',
      name,
      message: unreadableMirror(name),
    })),
    ...checkpointReaches(connection).flatMap(({ name, filter }): UnreadableRow[] =>
      filter === null ? [{ kind: 'checkpoint', name, message: unreadableCheckpoint(name) }] : [],
    ),
    ...spoiledAccounts(connection).map(({ prune, columns }): UnreadableRow => {
      const message = `the account of prune ${prune} cannot be read (${columns.join(', ')}): daybook init keeps what it holds as text, in an entry`;
      return { kind: 'prune', name: String(prune), message };
    }),
    ...unreadableSpans(connection).map(({ span, table }): UnreadableRow => {
      const message = `span ${span} of the capture of ${table} has a time that is none, so that less is known of it: daybook init takes it from its entry`;
      return { kind: 'span', name: String(span), message };
    }),
    ...unreadableNames(connection).map((name): UnreadableRow => {
      const message = `the name of ${name} in the directory cannot be used: daybook actors set ${shellWord(name)} gives another`;
      return { kind: 'name', name, message };
    }),
  ];
}

function unreadableCheckpoint(name: string): string {
  return `checkpoint ${name} cannot be read: the next export of that name says its filter again, and until then every entry that is pruned counts as missed`;
}

/** The actors whose names no entry can hold: what is recorded of them has none, and captured tables refuse their changes. */
function unreadableNames(connection: Connection): string[] {
  return connection
    .prepare<[], string>(`SELECT actor FROM daybook_actors WHERE instr(name, char(0)) > 0 ORDER BY actor LIMIT 100`)
    .pluck()
    .all();
}
