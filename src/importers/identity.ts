import { createHash } from 'node:crypto';
import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { ImportedEntry, ImportReader, ImportSettings, SourceRecord, SourceValue } from '../core/import.js';
import { listed, shown } from '../core/json.js';
import { givenNumbers, madeUpId, namedId } from './ids.js';
import { follow } from './mapping.js';
import type { Mapping } from './mapping.js';
import { keyText } from './row-changes.js';
import { textOf } from './values.js';

interface Identity {
  readonly entry: Pick<ImportedEntry, 'id' | 'earlier' | 'mayRepeat'>;
  /** Whether the id is the value of the key or column that is called so. */
  readonly takesId: boolean;
}

/**
 * Says what the id of a record is: what `--id-from` names, else its own, else its key in a table, else its place, which
 * stays the same in a file that grows.
 * Throws kind `usage` for an `--id-from` that names nothing, or names what a map gives.
 */
export function identityReader(
  settings: Pick<ImportSettings, 'source' | 'isNamed' | 'idFrom' | 'table'>,
  mappings: readonly Mapping[],
  rows: boolean,
): {
  readonly of: (
    record: SourceRecord,
    values: SourceRecord['values'],
    own: { readonly name: string; readonly value: SourceValue } | undefined,
  ) => Identity;
  readonly isGiven: NonNullable<ImportReader['isGiven']>;
} {
  const { source, isNamed = false, idFrom, table } = settings;
  const numbers = givenNumbers();
  // Two tables of one file count alike.
  const given = (original: string): Identity['entry'] =>
    table === undefined ? namedId({ source, isNamed }, original) : namedId({ source: `${source}:${table}` }, original);
  const isGiven = (id: string): boolean => id.startsWith(`${source}:`) && numbers.has(id.slice(source.length + 1));
  const keys = idFrom === undefined ? undefined : keysOf(idFrom, mappings);
  if (keys === 'content') {
    const of = (_: SourceRecord, values: SourceRecord['values']): Identity => ({
      entry: { id: madeUpId(source, digestOf(values)), mayRepeat: true },
      takesId: false,
    });
    return { of, isGiven };
  }
  if (keys !== undefined) {
    const of = (_: SourceRecord, values: SourceRecord['values']): Identity => {
      const parts = keys.map((key) => partOf(values, key, rows));
      return { entry: given(keyText(parts)), takesId: keys.length === 1 && keys[0] === 'id' };
    };
    return { of, isGiven };
  }
  return {
    of: (record, _, own) => {
      const original = (own && textOf(own.value, own.name)) || undefined;
      if (original !== undefined) {
        numbers.add(original);
        return { entry: given(original), takesId: true };
      }
      if (record.key !== undefined) {
        return { entry: given(keyText(record.key.map((part) => textOf(part, 'the key') ?? ''))), takesId: true };
      }
      const place = record.position.replace(/^\D+/, '');
      // Once it looked like a given one.
      return { entry: { id: madeUpId(source, place), earlier: [{ id: `${source}:${place}` }] }, takesId: true };
    },
    isGiven,
  };
}

function keysOf(idFrom: string, mappings: readonly Mapping[]): 'content' | readonly string[] {
  const twice = mappings.find(({ field }) => field === 'id');
  if (twice !== undefined) {
    throw new DaybookError('usage', `--id-from ${shown(idFrom)} gives what --map ${shown(twice.text)} gives, too`);
  }
  if (idFrom.trim() === 'content') return 'content';
  const keys = idFrom.split(',').map((key) => key.trim());
  if (!keys.includes('')) return keys;
  throw new DaybookError('usage', `--id-from ${shown(idFrom)} is not key, key,key or content`);
}

function partOf(values: SourceRecord['values'], key: string, rows: boolean): string {
  const found = follow(values, key);
  if (found === undefined && rows) {
    throw new DaybookError('usage', `--id-from ${shown(key)}: the columns are ${listed(Object.keys(values))}`);
  }
  const text = textOf(found?.value, key);
  if (text !== null && text !== '') return text;
  throw new DaybookError('data', `${key} is missing: --id-from takes the id from it`);
}

/** What a record holds, in a form that does not depend on the order of its keys. */
function digestOf(values: SourceRecord['values']): string {
  const sorted = Object.entries(values).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(sourceObject(sorted)).digest('hex').slice(0, 32);
}
