import type { Actor } from '../../../core/entry.js';
import { newEntry } from '../../../core/entry.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Anchor } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { inserter } from '../trail/index.js';

/** Keeps an anchor, with its entry. In the open transaction. */
export function putAnchor(
  connection: Connection,
  { size, kind, content }: Omit<Anchor, 'anchor'>,
  actor: Actor,
  clock: () => number,
): number {
  connection
    .prepare('INSERT INTO daybook_anchors (size, kind, content, added_at) VALUES (?, ?, ?, ?)')
    .run(size, kind, content, formatTimestamp(clock()));
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'seal_anchor',
    message: `kept an anchor of the seal over ${size} entries`,
    metadata: JSON.stringify({ size, kind }),
  });
  return inserter(connection, clock)(entry).seq;
}

export function readAnchors(connection: Connection): Anchor[] {
  return connection
    .prepare<[], Anchor>('SELECT anchor, size, kind, content FROM daybook_anchors ORDER BY anchor')
    .all();
}
