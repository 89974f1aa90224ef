// The activity log of LedGrab, filled with the entries that everything is measured on.
import Database from 'better-sqlite3';
import { fill } from './fill.mjs';

/** LedGrab's table with its indexes, as its design has them. */
const LEDGRAB = `
CREATE TABLE activity_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE NOT NULL,
  ts TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  severity TEXT NOT NULL,
  actor TEXT NOT NULL,
  entity_type TEXT,
  entity_id TEXT,
  entity_name TEXT,
  message TEXT NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX activity_log_by_time ON activity_log (ts DESC, seq DESC);
CREATE INDEX activity_log_by_category ON activity_log (category);
CREATE INDEX activity_log_by_severity ON activity_log (severity);
CREATE INDEX activity_log_by_actor ON activity_log (actor);
CREATE INDEX activity_log_by_entity ON activity_log (entity_type, entity_id);
`;

const INSERT = `INSERT INTO activity_log (id, ts, category, action, severity, actor, entity_type, entity_id, entity_name, message, metadata)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** What has no column there goes into its metadata. */
function ledgrabValues(entry) {
  const { scope, correlation_id: correlation, actor_type: actorType } = entry;
  const metadata = { ...entry.metadata, actor_type: actorType, scope, correlation_id: correlation };
  return [
    entry.id,
    entry.ts,
    entry.category,
    entry.action,
    entry.severity,
    entry.actor,
    entry.entity_type,
    entry.entity_id,
    entry.entity_name,
    entry.message,
    JSON.stringify(metadata),
  ];
}

/** Makes LedGrab's database of these entries. */
export function fillActivityLog(file, source) {
  const connection = new Database(file);
  connection.pragma('journal_mode = WAL');
  connection.exec(LEDGRAB);
  connection.close();
  fill(file, INSERT, source, ledgrabValues);
}

/** The entries with ids and times as LedGrab gives them: ids come in no order, times have microseconds. */
export function* ledgrabEntries(source) {
  let count = 0;
  for (const entry of source) {
    count += 1;
    // Odd, so that no two numbers come to the same.
    const id = `al_${(Math.imul(count, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}`;
    yield { ...entry, id, ts: `${entry.ts.slice(0, 19)}.${String(count % 1_000_000).padStart(6, '0')}+00:00` };
  }
}
