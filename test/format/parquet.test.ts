import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import type { Entry } from '../../src/core/entry.js';
import { parquetEncoder } from '../../src/format/parquet.js';
import { formatted, HOSTILE_ENTRIES } from './collected.js';

// Read back by hyparquet, which reads Parquet and does not write it.

const fileOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
const read = (file: ArrayBuffer): Promise<Record<string, unknown>[]> => parquetReadObjects({ file });

/** An entry as a row of Parquet: times are times, and a number has 64 bits. */
function rowOf(entry: Entry): Record<string, unknown> {
  const time = (ts: string | null): Date | undefined => (ts === null ? undefined : new Date(ts));
  const texts = Object.entries(entry).map(([field, value]: [string, unknown]) => [field, value ?? undefined]);
  return {
    ...Object.fromEntries(texts),
    seq: BigInt(entry.seq),
    ts: time(entry.ts),
    recorded_at: time(entry.recorded_at),
  };
}

test('every field of every hostile entry', async () => {
  const rows = await read(fileOf(await formatted('parquet', HOSTILE_ENTRIES)));
  expect(
    rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? undefined]))),
  ).toEqual(HOSTILE_ENTRIES.map(rowOf));
});

test('times are timestamps of UTC, documents and ids are text, and the columns are those that are asked for', async () => {
  const schemaOf = async (columns: readonly (keyof Entry)[]): Promise<readonly (readonly unknown[])[]> => {
    const { schema } = parquetMetadata(fileOf(await formatted('parquet', HOSTILE_ENTRIES, { columns })));
    return schema
      .slice(1)
      .map(({ name, type, logical_type, converted_type }) => [name, type, logical_type ?? converted_type]);
  };
  const time = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' };
  expect(await schemaOf(['entity_id', 'ts', 'metadata', 'seq'])).toEqual([
    ['entity_id', 'BYTE_ARRAY', 'UTF8'],
    ['ts', 'INT64', time],
    ['metadata', 'BYTE_ARRAY', 'UTF8'],
    ['seq', 'INT64', undefined],
  ]);
  expect((await schemaOf(ENTRY_FIELDS)).map(([name]) => name)).toEqual(ENTRY_FIELDS);
});

test('no entries are a file all the same', async () => {
  const file = fileOf(await formatted('parquet', []));
  expect(await read(file)).toEqual([]);
  expect(parquetMetadata(file).schema).toHaveLength(ENTRY_FIELDS.length + 1);
});

test('however many there are, so many at most are held, and the file is the pieces one after the other', async () => {
  const { rows, end } = parquetEncoder(['seq', 'message']);
  const pieces: Uint8Array[] = [];
  const long = 'x'.repeat(10_000);
  for (let seq = 1; seq <= 1000; seq += 1) pieces.push(rows([[seq, `${seq} ${long}`]]));
  pieces.push(end());
  // Of ten megabytes more than a third is never held: two groups are out before the end.
  expect(pieces.slice(0, -1).filter(({ length }) => length > 1000)).toHaveLength(2);
  const file = fileOf(Buffer.concat(pieces));
  expect(parquetMetadata(file).row_groups).toHaveLength(3);
  const back = await read(file);
  expect(back.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  expect(back[999]?.['message']).toBe(`1000 ${long}`);
});
