import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { fill } from '../databases.mjs';
import { entries } from '../entries.mjs';

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

async function ledgrab(files, size) {
  const file = await files.fresh('ledgrab.db');
  const connection = new Database(file);
  connection.pragma('journal_mode = WAL');
  connection.exec(LEDGRAB);
  connection.close();
  fill(file, INSERT, entries(size), ledgrabValues);
  return file;
}

function vacuumed(file) {
  const connection = new Database(file);
  connection.exec('VACUUM');
  connection.close();
  return statSync(file).size;
}

function sizing(state, size) {
  return {
    name: `size-${state}`,
    what: `bytes per entry, ${state === 'filled' ? 'as recorded' : 'after VACUUM'}`,
    against: "the same entries in LedGrab's table",
    unit: 'bytes',
    atMost: 1.3,
    sizes: 'largest',
    measure: async ({ files, size: count }) => {
      const ours = await files.copy(await files.trail(count));
      const theirs = await ledgrab(files, count);
      const result = { ours: size(ours) / count, theirs: size(theirs) / count };
      for (const file of [ours, theirs]) files.removeDatabase(file);
      return result;
    },
  };
}

export const filledSize = sizing('filled', (file) => statSync(file).size);
export const vacuumedSize = sizing('vacuumed', vacuumed);
