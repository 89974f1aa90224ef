import { isUtf8 } from 'node:buffer';
import { isLosslessNumber } from 'lossless-json';
import { ENTRY_FIELDS } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import { readEntity } from '../core/entity.js';
import { DaybookError } from '../core/errors.js';
import type {
  ImportedEntry,
  ImportFormat,
  ImportReader,
  ImportSettings,
  SourceRecord,
  SourceTime,
  SourceValue,
} from '../core/import.js';
import { undisarmed } from '../core/formula.js';
import { listed, shown } from '../core/json.js';
import { formatTimestamp } from '../core/timestamp.js';
import { identityReader } from './identity.js';
import { firstOf, readMappings, RECORD_FIELDS } from './mapping.js';
import type { MappedField, Mapping, RecordField } from './mapping.js';
import { withOthers } from './others.js';
import { severityOf } from './severities.js';
import { timeReader } from './time-formats.js';
import type { ReadTime } from './time-formats.js';
import { timeOf } from './times.js';
import { listOf, objectOf, textOf } from './values.js';

/** CSV with any columns. */
export const anyCsv: ImportFormat = {
  name: 'csv',
  description: "CSV with any columns, and daybook's own exports: --map says which is what, the others become metadata",
  kinds: ['csv'],
  needs: [],
  settings: ['map', 'idFrom', 'timeFormat', 'exact'],
  inOrder: false,
  reader: (settings) => anyKeys(settings, 'every row has all columns'),
};

/** JSON lines with any keys, those of an exported trail among them. */
export const anyNdjson: ImportFormat = {
  name: 'ndjson',
  description: "JSON lines with any keys, JSON arrays, and daybook's own exports: --map says which is what",
  kinds: ['ndjson'],
  needs: [],
  settings: ['map', 'idFrom', 'timeFormat'],
  inOrder: false,
  reader: (settings) => anyKeys(settings, 'any key may be missing'),
};

/** Any table of a SQLite file. */
export const anyTable: ImportFormat = {
  name: 'sqlite',
  description: 'any table of a SQLite file: --table names it, --map says which column is what',
  kinds: ['sqlite'],
  needs: [],
  settings: ['map', 'idFrom', 'timeFormat'],
  inOrder: false,
  reader: (settings) => anyKeys(settings, 'every row has all columns'),
};

/** A value of a record with the name that messages give it. */
interface Given {
  readonly name: string;
  readonly value: SourceValue;
}

type Values = SourceRecord['values'];

function anyKeys(settings: ImportSettings, keys: 'every row has all columns' | 'any key may be missing'): ImportReader {
  const { map, exact = false } = settings;
  const mappings = readMappings(map);
  const rows = keys === 'every row has all columns';
  const identity = identityReader(settings, mappings, rows);
  const readTime = timeReader(settings);
  const used = new Set<Mapping>();
  let first: Values | undefined;
  let records = 0;
  const read = (record: SourceRecord): readonly ImportedEntry[] => {
    const isOwn = ENTRY_FIELDS.every((field) => Object.hasOwn(record.values, field));
    const values = isOwn && rows && !exact ? withFormulas(record.values) : record.values;
    first ??= values;
    records += 1;
    if (isOwn && mappings.length === 0)
      return [ownEntry(values, settings.timeFormat === undefined ? undefined : readTime)];
    const { given, told } = gathered(values, mappings, rows, used);
    const named = identity.of(record, values, given.get('id'));
    if (!named.takesId) told.delete('id');
    const ts = given.get('ts');
    if (ts === undefined) throw missing('ts', 'when it happened');
    const { action, metadata = '{}', ...fields } = fieldsOf(given, told);
    if (action === undefined) throw missing('action', 'what was done');
    // An empty cell of a row is nothing.
    const rest = Object.entries(values).filter(([key, value]) => !told.has(key) && !(rows && value === null));
    return [
      {
        ...named.entry,
        time: readTime(ts.value, ts.name),
        fields: { ...fields, action, metadata: withOthers(metadata, rest) },
      },
    ];
  };
  const ended = (): void => {
    const stray = records === 0 ? undefined : mappings.find((mapping) => !used.has(mapping) && !hasConstant(mapping));
    if (stray === undefined) return;
    const there = listed(Object.keys(first ?? {}));
    throw new DaybookError('usage', `--map ${shown(stray.text)} leads nowhere in any record: the first has ${there}`, {
      hint: '… --dry-run',
    });
  };
  return Object.assign(read, { ended, isGiven: identity.isGiven });
}

function hasConstant({ ways }: Mapping): boolean {
  return ways.some((parts) => parts.every((part) => 'constant' in part));
}

/** The values of a row of our own CSV as they were before formulas in it were disarmed. */
function withFormulas(values: Values): Values {
  const changed = Object.entries(values).flatMap(([name, value]) => {
    const text = typeof value === 'string' ? undisarmed(value) : value;
    return text === value ? [] : [[name, text] as const];
  });
  return changed.length === 0 ? values : { ...values, ...Object.fromEntries(changed) };
}

/**
 * What a trail exported is an entry already: its id, its source and the time of its recording are its own. Its time has an
 * offset, unless another program has written it anew, as the command line says then.
 */
function ownEntry(values: Values, readTime: ReadTime = ownTime): ImportedEntry {
  const given = new Map(RECORD_FIELDS.map((field) => [field, { name: field, value: values[field] ?? null }]));
  const { action = '', ...fields } = fieldsOf(given);
  const { recorded_at: recordedAt, source } = values;
  const recorded = recordedAt === null ? null : formatTimestamp(ownTime(recordedAt, 'recorded_at').ms);
  return {
    id: textOf(values['id'], 'id') ?? '',
    time: readTime(values['ts'], 'ts'),
    fields: { ...fields, action, recorded_at: recorded, source: textOf(source, 'source') },
  };
}

function ownTime(value: SourceValue | undefined, name: string): SourceTime {
  return timeOf(value, name, undefined);
}

function missing(field: string, what: string): DaybookError {
  return new DaybookError('data', `${field} is missing: --map ${field}=key says ${what}`);
}

/** The values of fields, and the keys whose whole values they tell. */
function gathered(
  values: Values,
  mappings: readonly Mapping[],
  rows: boolean,
  used: Set<Mapping>,
): { given: ReadonlyMap<MappedField, Given>; told: Set<string> } {
  const given = new Map<MappedField, Given>();
  const told = new Set<string>();
  for (const mapping of mappings) {
    const { field, text, ways } = mapping;
    if (rows && !ways.some((parts) => parts.every((part) => 'constant' in part || hasColumn(values, part.path)))) {
      throw new DaybookError('usage', `--map ${shown(text)}: the columns are ${listed(Object.keys(values))}`);
    }
    const found = firstOf(values, mapping);
    if (found !== undefined) used.add(mapping);
    if (found?.key !== undefined) told.add(found.key);
    given.set(field, { name: found?.name ?? text.slice(text.indexOf('=') + 1).trim(), value: found?.value ?? null });
  }
  for (const field of RECORD_FIELDS) {
    const mapped = given.has(field) || (given.has('entity') && (field === 'entity_type' || field === 'entity_id'));
    if (mapped || !Object.hasOwn(values, field)) continue;
    told.add(field);
    given.set(field, { name: field, value: values[field] ?? null });
  }
  return { given, told };
}

/** Whether a column, or the documents in one, may hold what a path leads to. */
function hasColumn(values: Values, path: string): boolean {
  return Object.keys(values).some((key) => path === key || path.startsWith(`${key}.`));
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
function fieldsOf(given: ReadonlyMap<MappedField, Given>, told?: Set<string>): Partial<Omit<NewEntry, 'id' | 'ts'>> {
  const fields: { -readonly [Field in RecordField]?: string } = {};
  for (const [field, { name, value }] of given) {
    if (field === 'id' || field === 'ts') continue;
    const text = textOfField(field, value, name);
    if (field === 'severity' && told !== undefined && text !== null && text !== '') {
      const severity = severityOf(text, name);
      // What was written there says more.
      if (severity !== text) told.delete(name);
      fields.severity = severity;
      continue;
    }
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
      return textOf(textInBytes(value) ?? value, name);
  }
}

/** A text that journald writes as the numbers of its bytes, since they hold what is no plain text. */
function textInBytes(value: SourceValue): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const numbers = value.map((one) => (isLosslessNumber(one) ? Number(one.toString()) : -1));
  if (!numbers.every((one) => Number.isInteger(one) && one >= 0 && one <= 255)) return undefined;
  const bytes = Buffer.from(numbers);
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}
