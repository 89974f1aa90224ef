import type { Entry, JsonText } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import { VERSION } from '../core/version.js';
import { embedded, jsonOf, objectOf } from './events.js';

/** The version of the schema whose classes these are; all later ones of 1.x take them as well. */
const SCHEMA = '1.5.0';

/** An event class, and what it calls activities; what none of them means is `Other` under its own name. */
interface EventClass {
  readonly uid: number;
  readonly name: string;
  readonly category: number;
  readonly categoryName: string;
  readonly activities: Readonly<Record<string, readonly [number, string]>>;
}

const IAM = { category: 3, categoryName: 'Identity & Access Management' };

const ENTITY_MANAGEMENT: EventClass = {
  ...IAM,
  uid: 3004,
  name: 'Entity Management',
  activities: { create: [1, 'Create'], read: [2, 'Read'], update: [3, 'Update'], delete: [4, 'Delete'] },
};

const LOGON = [1, 'Logon'] as const;
const LOGOFF = [2, 'Logoff'] as const;

const AUTHENTICATION: EventClass = {
  ...IAM,
  uid: 3002,
  name: 'Authentication',
  activities: { login: LOGON, logon: LOGON, signin: LOGON, logout: LOGOFF, logoff: LOGOFF, signout: LOGOFF },
};

const BASE_EVENT: EventClass = {
  uid: 0,
  name: 'Base Event',
  category: 0,
  categoryName: 'Uncategorized',
  activities: {},
};

const OTHER = 99;

const SEVERITIES: Readonly<Record<string, readonly [number, string]>> = {
  info: [1, 'Informational'],
  warning: [3, 'Medium'],
  error: [4, 'High'],
};

/**
 * An entry as an event of OCSF 1.x: what was done to an entity is Entity Management, what is of the category `auth`
 * Authentication, and the rest Base Event. Fields that the schema has no place for are `unmapped`, under their own names.
 */
export function ocsfLine(entry: Entry): string {
  const event = classOf(entry);
  const [activity, activityName] = event.activities[entry.action.toLowerCase()] ?? [OTHER, entry.action];
  const [severity, severityName] = SEVERITIES[entry.severity] ?? [OTHER, entry.severity];
  return `${objectOf({
    activity_id: activity,
    activity_name: jsonOf(activityName),
    category_uid: event.category,
    category_name: jsonOf(event.categoryName),
    class_uid: event.uid,
    class_name: jsonOf(event.name),
    type_uid: event.uid * 100 + activity,
    type_name: jsonOf(`${event.name}: ${activity === OTHER ? 'Other' : activityName}`),
    severity_id: severity,
    severity: jsonOf(severityName),
    time: parseTimestamp(entry.ts),
    message: jsonOf(entry.message),
    metadata: objectOf({
      version: jsonOf(SCHEMA),
      product: objectOf({ name: jsonOf('daybook'), vendor_name: jsonOf('daybook'), version: jsonOf(VERSION) }),
      uid: jsonOf(entry.id),
      sequence: entry.seq,
      event_code: jsonOf(entry.action),
      correlation_uid: jsonOf(entry.correlation_id),
      log_name: jsonOf(entry.category),
      log_provider: jsonOf(entry.source),
      log_level: jsonOf(entry.severity),
      logged_time: entry.recorded_at === null ? null : parseTimestamp(entry.recorded_at),
    }),
    actor: event === BASE_EVENT ? null : objectOf({ user: userOf(entry) }),
    ...about(entry, event),
    unmapped: objectOf({
      actor: event === BASE_EVENT ? jsonOf(entry.actor) : null,
      actor_name: event === BASE_EVENT ? jsonOf(entry.actor_name) : null,
      actor_type: jsonOf(entry.actor_type),
      recorded_by: jsonOf(entry.recorded_by),
      scope: jsonOf(entry.scope),
      ...(event === ENTITY_MANAGEMENT ? {} : unmappedEntity(entry)),
      metadata: embedded(entry.metadata),
      changed_fields: embedded(entry.changed_fields),
      reverts: jsonOf(entry.reverts),
    }),
  })}\n`;
}

function classOf({ category, entity_id: id, entity_name: name }: Entry): EventClass {
  if (category === 'auth') return AUTHENTICATION;
  return id === null && name === null ? BASE_EVENT : ENTITY_MANAGEMENT;
}

function userOf({ actor, actor_name: name }: Entry): JsonText | null {
  return objectOf({ uid: jsonOf(actor), name: jsonOf(name) });
}

/** What a class requires beyond what all have. */
function about(entry: Entry, event: EventClass): Readonly<Record<string, JsonText | null>> {
  if (event === AUTHENTICATION) {
    return { user: userOf(entry), service: objectOf({ name: jsonOf(entry.source ?? 'daybook') }) };
  }
  if (event !== ENTITY_MANAGEMENT) return {};
  const entity = { uid: jsonOf(entry.entity_id), name: jsonOf(entry.entity_name), type: jsonOf(entry.entity_type) };
  const result = embedded(entry.new_values);
  return {
    entity: objectOf({ ...entity, data: embedded(entry.old_values) }),
    entity_result: result === null ? null : objectOf({ ...entity, data: result }),
  };
}

function unmappedEntity(entry: Entry): Readonly<Record<string, JsonText | null>> {
  return {
    entity_type: jsonOf(entry.entity_type),
    entity_id: jsonOf(entry.entity_id),
    entity_name: jsonOf(entry.entity_name),
    old_values: embedded(entry.old_values),
    new_values: embedded(entry.new_values),
  };
}
