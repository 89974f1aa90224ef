import fc from 'fast-check';
import type { NewEntry } from '../../src/core/entry.js';
import type { Beside, Conditions, Filter } from '../../src/core/filter.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import type { PruneRule } from '../../src/store/audit-store.js';
import { NOW } from './trail.js';

/** Text that an entry takes: anything but NUL. */
export const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((characters) => characters.replaceAll('\0', ''))
  .filter((characters) => characters.isWellFormed());

/** Few moments, so that entries meet on one. */
const moment = fc.integer({ min: -6, max: 6 }).map((distance) => NOW + distance);

const METADATA = [
  '{}',
  '{"n":9007199254740993}',
  '{"n":1.10}',
  '{"n":"1.10"}',
  '{"n":1e400,"big":12345678901234567890123}',
  '{"a":{"b":[1,"two",{"c":true}]}}',
  '{"a.b":"dotted","a":{"b":"nested"}}',
  '{"t":true,"z":null,"o":{}}',
  '{"0":"zero","l":["first",{"0":"inner"}]}',
  '{"":"empty","ä":"é","back\\\\slash":"\\u00e9","qu\\"ote":"\\n"}',
] as const;

const PATHS = ['n', 'big', 'a', 'a.b', 'a.b.0', 'a.b.1', 'a.b.2.c', 't', 'z', 'o', '0', 'l.0', 'l.1.0', '', 'ä'];
const METADATA_VALUES = [
  '9007199254740993',
  '9007199254740992',
  '1.10',
  '1.1',
  '1e400',
  '12345678901234567890123',
  '1',
  'two',
  'true',
  'null',
  '{}',
  'dotted',
  'nested',
  'zero',
  'first',
  'inner',
  'empty',
  'é',
  '[1,"two",{"c":true}]',
];

const fields = {
  category: ['auth', 'device', 'entity'],
  action: ['create', 'update', 'delete', 'revert'],
  severity: ['info', 'warning', 'error'],
  actor: ['anna', 'bob', "o'hara; --"],
  actor_type: ['user', 'system'],
  scope: ['tenant:1', 'tenant:2'],
  correlation_id: ['req-1', 'req-2'],
  source: ['ledgrab', 'other'],
} as const;

const TYPES = ['invoice', 'order', 'dca_Settlements'];
const IDS = ['1', '2', 'a:b'];
const CHANGED = ['["a"]', '["a.b","c"]', '["ab"]', '["ä.x"]', '[]', '["gross_sats"]', '["a.fee","wire.x"]'];
const MESSAGES = ['Alpha', 'ALPHA beta', '50% done', 'fifty', 'under_score', 'underXscore', 'Ärger', 'ärger'];

/** One of few values, so that filters meet entries; the text of strangers now and then. */
const drawnEntry = fc.record({
  ts: moment.map(formatTimestamp),
  category: fc.constantFrom(...fields.category),
  action: fc.constantFrom(...fields.action),
  severity: fc.constantFrom(...fields.severity),
  actor: fc.constantFrom(...fields.actor),
  actor_type: fc.constantFrom(...fields.actor_type),
  scope: fc.option(fc.constantFrom(...fields.scope)),
  correlation_id: fc.option(fc.constantFrom(...fields.correlation_id)),
  source: fc.option(fc.constantFrom(...fields.source)),
  entity_type: fc.option(fc.constantFrom(...TYPES)),
  entity_id: fc.option(fc.constantFrom(...IDS)),
  entity_name: fc.option(text),
  message: fc.oneof(fc.constantFrom(...MESSAGES), text),
  metadata: fc.constantFrom(...METADATA),
  changed_fields: fc.option(fc.constantFrom(...CHANGED)),
  old_values: fc.option(fc.json().map((json) => `{"v":${json.replaceAll('\\u0000', '')}}`)),
});

export type DrawnEntry = Partial<NewEntry> & { readonly id: string; readonly ts: string };

/**
 * Entries with ids of their own, of which some take back one that was recorded before them, or one that is not there:
 * the times say nothing about that, for a revert may be dated back.
 */
export function entries(maxLength: number, prefix = 'entry'): fc.Arbitrary<DrawnEntry[]> {
  const taking = fc.option(fc.nat({ max: maxLength }), { freq: 2 });
  return fc.array(fc.tuple(drawnEntry, taking), { maxLength }).map((drawn) =>
    drawn.map(([entry, target], index) => ({
      ...entry,
      old_values: entry.old_values ?? null,
      id: `${prefix}-${index}`,
      // Modulo the place: only what was recorded before, or (from the first entry) what is not there.
      reverts: target === null ? null : index === 0 ? 'nowhere' : `${prefix}-${target % index}`,
    })),
  );
}

function some<T>(values: readonly T[]): fc.Arbitrary<T[]> {
  return fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
}

const conditionArbitraries = {
  category: some<string>([...fields.category, 'none']),
  action: some<string>([...fields.action, 'none']),
  severity: some<string>(fields.severity),
  actor: some<string>([...fields.actor, 'none']),
  actor_type: some<string>(fields.actor_type),
  scope: some<string>([...fields.scope, 'tenant:3']),
  correlation_id: some<string>(fields.correlation_id),
  source: some<string>([...fields.source, '']),
  entity: fc.array(
    fc.oneof(
      fc.record({ type: fc.constantFrom(...TYPES) }),
      fc.record({ id: fc.constantFrom(...IDS) }),
      fc.record({ type: fc.constantFrom(...TYPES, 'none'), id: fc.constantFrom(...IDS) }),
    ),
    { minLength: 1, maxLength: 3 },
  ),
  search: fc.constantFrom('alpha', 'A', '%', '_', 'ä', 'Ä', 'r_s'),
  changed: some(['a', 'a.b', 'ä', 'c', 'b', 'gross', 'wire_sats', 'a.commission']),
  meta: fc.array(fc.record({ path: fc.constantFrom(...PATHS), value: fc.constantFrom(...METADATA_VALUES) }), {
    minLength: 1,
    maxLength: 2,
  }),
} satisfies Record<keyof Conditions, fc.Arbitrary<unknown>>;

/** Up to two conditions: more would leave nothing to compare. */
const conditions: fc.Arbitrary<Conditions> = fc
  .tuple(
    fc.record(conditionArbitraries),
    fc.subarray(Object.keys(conditionArbitraries) as (keyof typeof conditionArbitraries)[], { maxLength: 2 }),
  )
  .map(([all, kept]) => Object.fromEntries(kept.map((name) => [name, all[name]])));

export const filter: fc.Arbitrary<Filter> = fc
  .tuple(
    conditions,
    fc.option(conditions, { nil: undefined, freq: 2 }),
    fc.option(moment, { nil: undefined, freq: 2 }),
    fc.option(moment, { nil: undefined, freq: 2 }),
    fc.option(fc.boolean(), { nil: undefined, freq: 1 }),
  )
  .map(([positive, not, since, until, reverted]) => {
    const beside = { not, since, until, reverted } satisfies Record<keyof Beside, unknown>;
    const given = Object.entries(beside).filter(([, value]) => value !== undefined);
    return Object.assign({}, positive, Object.fromEntries(given));
  });

/** A retention rule that lets something fall. */
export const pruneRule: fc.Arbitrary<PruneRule> = fc
  .record({
    name: fc.constant(null),
    filter,
    before: fc.option(moment),
    keep: fc.option(fc.integer({ min: 1, max: 8 })),
  })
  .filter((rule) => rule.before !== null || rule.keep !== null);
