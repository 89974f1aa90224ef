// What OCSF 1.5.0 says of the classes and objects that we write, as schema.ocsf.io/1.5.0 shows it. A name is an attribute,
// its value what it holds: a type, or another object.

const EVENT = {
  activity_id: 'integer',
  activity_name: 'string',
  category_uid: 'integer',
  category_name: 'string',
  class_uid: 'integer',
  class_name: 'string',
  type_uid: 'integer',
  type_name: 'string',
  severity_id: 'integer',
  severity: 'string',
  time: 'integer',
  message: 'string',
  metadata: 'metadata',
  unmapped: 'object',
} as const;

export const OCSF_OBJECTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  base_event: EVENT,
  entity_management: {
    ...EVENT,
    actor: 'actor',
    comment: 'string',
    entity: 'managed_entity',
    entity_result: 'managed_entity',
  },
  authentication: { ...EVENT, actor: 'actor', service: 'service', user: 'user' },
  metadata: {
    correlation_uid: 'string',
    event_code: 'string',
    log_level: 'string',
    log_name: 'string',
    log_provider: 'string',
    logged_time: 'integer',
    product: 'product',
    sequence: 'integer',
    uid: 'string',
    version: 'string',
  },
  product: { name: 'string', vendor_name: 'string', version: 'string' },
  actor: { user: 'user' },
  user: { uid: 'string', name: 'string' },
  service: { name: 'string' },
  managed_entity: { uid: 'string', name: 'string', type: 'string', data: 'json' },
  // Whatever the source has.
  object: {
    actor: 'string',
    actor_name: 'string',
    actor_type: 'string',
    recorded_by: 'string',
    scope: 'string',
    entity_type: 'string',
    entity_id: 'string',
    entity_name: 'string',
    old_values: 'json',
    new_values: 'json',
    metadata: 'json',
    changed_fields: 'json',
    reverts: 'string',
  },
};

const OF_ALL = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];

/** The required attributes; `a|b` where at least one of them is. */
export const OCSF_REQUIRED: Readonly<Record<string, readonly string[]>> = {
  base_event: OF_ALL,
  entity_management: [...OF_ALL, 'entity'],
  authentication: [...OF_ALL, 'user', 'service|dst_endpoint'],
  metadata: ['product', 'version'],
  product: ['vendor_name'],
  user: ['account|name|uid'],
  managed_entity: ['name|uid'],
};

export const OCSF_CLASSES: readonly {
  readonly uid: number;
  readonly name: string;
  readonly category: number;
  readonly activities: Readonly<Record<number, string>>;
}[] = [
  { uid: 0, name: 'base_event', category: 0, activities: { 0: 'Unknown', 99: 'Other' } },
  {
    uid: 3004,
    name: 'entity_management',
    category: 3,
    activities: { 0: 'Unknown', 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete', 99: 'Other' },
  },
  {
    uid: 3002,
    name: 'authentication',
    category: 3,
    activities: { 0: 'Unknown', 1: 'Logon', 2: 'Logoff', 99: 'Other' },
  },
];
