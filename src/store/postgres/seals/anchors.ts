import type { Actor } from '../../../core/entry.js';
import { newEntry } from '../../../core/entry.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Anchor } from '../../audit-store.js';
import { sql } from '../../sql.js';
import type { Connection, Session } from '../engine/index.js';
import { insertOne } from '../trail/index.js';

/** Keeps an anchor, with its entry. In the open transaction. */
export async function putAnchor(
  { connection, clock }: Pick<Session, 'connection' | 'clock'>,
  { size, kind, content }: Omit<Anchor, 'anchor'>,
  actor: Actor,
): Promise<number> {
  await connection.run(
    sql(
      "INSERT INTO daybook_anchors (size, kind, content, added_at) VALUES (?, ?, decode(?, 'hex'), ?)",
      size,
      kind,
      content.toString('hex'),
      formatTimestamp(clock()),
    ),
  );
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'seal_anchor',
    message: `kept an anchor of the seal over ${size} entries`,
    metadata: JSON.stringify({ size, kind }),
  });
  return insertOne(connection, entry, clock);
}

export async function readAnchors(connection: Connection): Promise<Anchor[]> {
  const rows = await connection.all<Omit<Anchor, 'content'> & { readonly content: string }>(
    sql("SELECT anchor, size, kind, encode(content, 'hex') AS content FROM daybook_anchors ORDER BY anchor"),
  );
  return rows.map(({ anchor, size, kind, content }) => ({ anchor, size, kind, content: Buffer.from(content, 'hex') }));
}
