import { ENTRY_FIELDS } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import { readEntity } from '../core/entity.js';
import { DaybookError } from '../core/errors.js';
import type { ImportedEntry, ImportFormat, ImportSettings, SourceRecord, SourceValue } from '../core/import.js';
import { undisarmed } from '../core/formula.js';
import { listed, shown } from '../core/json.js';
import { formatTimestamp } from '../core/timestamp.js';
import { importedId } from './ids.js';
import { follow, readMappings, RECORD_FIELDS } from './mapping.js';
import type { MappedField, Mapping, RecordField } from './mapping.js';
import { withOthers } from './others.js';
import { timeOf } from './times.js';
import { listOf, objectOf, textOf } from './values.js';

/** CSV with any columns. */
export const anyCsv: ImportFormat = {
  name: 'csv',
  description: "CSV with any columns, and daybook's own exports: --map says which is what, the others become metadata",
  kinds: ['csv'],
  needs: [],
  settings: ['map', 'exact'],
  inOrder: false,
  reader: (settings) => anyKeys(settings, 'every row has all columns'),
};

/** JSON lines with any keys, those of an exported trail among them. */
export const anyNdjson: ImportFormat = {
  name: 'ndjson',
  description: "JSON lines with any keys, and daybook's own exports: --map says which is what",
  kinds: ['ndjson'],
  needs: [],
  settings: ['map'],
  inOrder: false,
  reader: (settings) => anyKeys(settings, 'any key may be missing'),
};

/** A value of a record with the name that messages give it. */
interface Given {
  readonly name: string;
  readonly value: SourceValue;
}

type Values = SourceRecord['values'];

function anyKeys(
  { source, assumedZone, map, exact = false }: ImportSettings,
  keys: 'every row has all columns' | 'any key may be missing',
): (record: SourceRecord) => readonly ImportedEntry[] {
  const mappings = readMappings(map);
  const rows = keys === 'every row has all columns';
  return ({ values: read, position }) => {
    const isOwn = ENTRY_FIELDS.every((field) => Object.hasOwn(read, field));
    const values = isOwn && rows && !exact ? withFormulas(read) : read;
    if (isOwn && mappings.length === 0) return [ownEntry(values)];
    const { given, rest } = gathered(values, mappings, rows);
    const { id, ts } = { id: given.get('id'), ts: given.get('ts') };
    if (ts === undefined) throw missing('ts', 'when it happened');
    const { action, metadata = '{}', ...fields } = fieldsOf(given);
    if (action === undefined) throw missing('action', 'what was done');
    // Without an id it is named by its place, which stays the same in a file that grows.
    const original = (id && textOf(id.value, id.name)) || position.replace(/^\D+/, '');
    return [
      {
        id: importedId(source, original),
        time: timeOf(ts.value, ts.name, assumedZone),
        // An empty cell of a row is nothing.
        fields: {
          ...fields,
          action,
          metadata: withOthers(metadata, rows ? rest.filter(([, value]) => value !== null) : rest),
        },
      },
    ];
  };
}

/** The values of a row of our own CSV as they were before formulas in it were disarmed. */
function withFormulas(values: Values): Values {
  const changed = Object.entries(values).flatMap(([name, value]) => {
    const text = typeof value === 'string' ? undisarmed(value) : value;
    return text === value ? [] : [[name, text] as const];
  });
  return changed.length === 0 ? values : { ...values, ...Object.fromEntries(changed) };
}

/** What a trail exported is an entry already: its id, its source and the time of its recording are its own. */
function ownEntry(values: Values): ImportedEntry {
  const given = new Map(RECORD_FIELDS.map((field) => [field, { name: field, value: values[field] ?? null }]));
  const { action = '', ...fields } = fieldsOf(given);
  const { recorded_at: recordedAt, source } = values;
  const recorded = recordedAt === null ? null : formatTimestamp(timeOf(recordedAt, 'recorded_at', undefined).ms);
  return {
    id: textOf(values['id'], 'id') ?? '',
    time: timeOf(values['ts'], 'ts', undefined),
    fields: { ...fields, action, recorded_at: recorded, source: textOf(source, 'source') },
  };
}

function missing(field: string, what: string): DaybookError {
  return new DaybookError('data', `${field} is missing: --map ${field}=key says ${what}`);
}

/** The values of fields, and what was not asked for. */
function gathered(
  values: Values,
  mappings: readonly Mapping[],
  rows: boolean,
): { given: ReadonlyMap<MappedField, Given>; rest: readonly (readonly [string, SourceValue])[] } {
  const given = new Map<MappedField, Given>();
  const told = new Set<string>();
  for (const { field, text, from } of mappings) {
    if ('constant' in from) {
      given.set(field, { name: field, value: from.constant });
      continue;
    }
    const found = follow(values, from.path);
    if (found === undefined && rows && !Object.keys(values).some((key) => from.path.startsWith(`${key}.`))) {
      throw new DaybookError('usage', `--map ${shown(text)}: the columns are ${listed(Object.keys(values))}`);
    }
    if (found?.key !== undefined) told.add(found.key);
    given.set(field, { name: from.path, value: found?.value ?? null });
  }
  for (const field of RECORD_FIELDS) {
    const mapped = given.has(field) || (given.has('entity') && (field === 'entity_type' || field === 'entity_id'));
    if (mapped || !Object.hasOwn(values, field)) continue;
    told.add(field);
    given.set(field, { name: field, value: values[field] ?? null });
  }
  return { given, rest: Object.entries(values).filter(([key]) => !told.has(key)) };
}

/** Where these are empty they are missing: the rules of an entry do not take empty text. */
const NOT_EMPTY: ReadonlySet<MappedField> = new Set([
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'scope',
  'entity_type',
] as const);

/** The fields of an entry but its id and its time; what is missing is left out. */
function fieldsOf(given: ReadonlyMap<MappedField, Given>): Partial<Omit<NewEntry, 'id' | 'ts'>> {
  const fields: { -readonly [Field in RecordField]?: string } = {};
  for (const [field, { name, value }] of given) {
    if (field === 'id' || field === 'ts') continue;
    const text = textOfField(field, value, name);
    if (text === null || (text === '' && NOT_EMPTY.has(field))) continue;
    if (field !== 'entity') {
      fields[field] = text;
      continue;
    }
    const entity = readEntity(text);
    if (entity === undefined) throw new DaybookError('data', `${name} ${shown(text)} is not type:id`);
    Object.assign(fields, { entity_type: entity.type, entity_id: entity.id });
  }
  return fields;
}

function textOfField(field: MappedField, value: SourceValue, name: string): string | null {
  switch (field) {
    case 'metadata':
    case 'old_values':
    case 'new_values':
      return objectOf(value, name);
    case 'changed_fields':
      return listOf(value, name);
    default:
      return textOf(value, name);
  }
}
