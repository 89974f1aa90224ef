import type { Entry } from '../core/entry.js';
import { jsonOf, objectOf } from './events.js';

/** The version of the schema; its fields here are in all of 8.x as well. */
const SCHEMA = '9.4.0';

/** The kinds of change, of those that ECS knows, by the action. */
const CHANGES: Readonly<Record<string, string>> = { create: 'creation', update: 'change', delete: 'deletion' };

const LOGINS: Readonly<Record<string, string>> = {
  login: 'start',
  logon: 'start',
  signin: 'start',
  logout: 'end',
  logoff: 'end',
  signout: 'end',
};

/**
 * An entry as a document of ECS (Elastic Common Schema). What the schema has no field for is below `daybook`. Documents are
 * JSON as text: an index takes each of its fields with one type only, and refuses entries that bring another.
 */
export function ecsLine(entry: Entry): string {
  const action = entry.action.toLowerCase();
  const isAuth = entry.category === 'auth';
  const type = (isAuth ? LOGINS[action] : CHANGES[action]) ?? 'info';
  return `${objectOf({
    '@timestamp': jsonOf(entry.ts),
    message: jsonOf(entry.message),
    ecs: objectOf({ version: jsonOf(SCHEMA) }),
    log: objectOf({ level: jsonOf(entry.severity) }),
    event: objectOf({
      id: jsonOf(entry.id),
      sequence: entry.seq,
      kind: jsonOf('event'),
      // Changes of rows and records fit none of the other categories.
      category: isAuth ? '["authentication"]' : null,
      type: JSON.stringify([type]),
      action: jsonOf(entry.action),
      created: jsonOf(entry.recorded_at),
      provider: jsonOf(entry.source),
      module: jsonOf('daybook'),
      dataset: jsonOf('daybook.audit'),
    }),
    user: objectOf({ id: jsonOf(entry.actor), name: jsonOf(entry.actor_name) }),
    daybook: objectOf({
      category: jsonOf(entry.category),
      actor_type: jsonOf(entry.actor_type),
      recorded_by: jsonOf(entry.recorded_by),
      scope: jsonOf(entry.scope),
      entity_type: jsonOf(entry.entity_type),
      entity_id: jsonOf(entry.entity_id),
      entity_name: jsonOf(entry.entity_name),
      metadata: jsonOf(entry.metadata),
      old_values: jsonOf(entry.old_values),
      new_values: jsonOf(entry.new_values),
      changed_fields: jsonOf(entry.changed_fields),
      correlation_id: jsonOf(entry.correlation_id),
      reverts: jsonOf(entry.reverts),
    }),
  })}\n`;
}
