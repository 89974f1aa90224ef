import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { HistoryField } from '../core/entry.js';
import type { Cell } from '../core/cell.js';
import { parseTimestamp } from '../core/timestamp.js';
import { VERSION } from '../core/version.js';

/** Rows to a Parquet file, piece by piece: the file is all pieces one after the other. */
export interface ParquetEncoder {
  rows(rows: readonly (readonly Cell[])[]): Uint8Array;
  end(): Uint8Array;
}

/** Rows are held until they are so many, or hold so many characters: larger groups are read faster, and take memory. */
const GROUP_ROWS = 20_000;
const GROUP_CHARACTERS = 4 * 1024 * 1024;

const TIMES: ReadonlySet<HistoryField> = new Set(['ts', 'recorded_at'] as const);

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

/** `seq` is a number, times are timestamps in milliseconds of UTC, and all else is text: documents as JSON. */
function elementOf(name: HistoryField): SchemaElement {
  if (name === 'seq') return { name, type: 'INT64', repetition_type: 'OPTIONAL' };
  if (!TIMES.has(name)) return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' };
  return {
    name,
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    repetition_type: 'OPTIONAL',
  };
}

function valueOf(name: HistoryField, cell: Cell): bigint | Date | string | null {
  if (cell === null) return null;
  if (name === 'seq') return BigInt(cell);
  return TIMES.has(name) ? new Date(parseTimestamp(String(cell))) : String(cell);
}

/** Parquet of rows with these columns. */
export function parquetEncoder(columns: readonly HistoryField[]): ParquetEncoder {
  const bytes = new ByteWriter();
  const root: SchemaElement = { name: 'entries', num_children: columns.length };
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [root, ...columns.map(elementOf)],
    createdBy: `daybook ${VERSION}`,
  });
  let held: (readonly Cell[])[] = [];
  let characters = 0;

  const writeGroup = (): void => {
    if (held.length === 0) return;
    const columnData = columns.map((name, column) => ({
      name,
      data: held.map((row) => valueOf(name, row[column] ?? null)),
    }));
    // To memory it is written at once.
    void writer.write({ columnData, rowGroupSize: held.length });
    held = [];
    characters = 0;
  };
  /** Places in the file go on counting (`offset`); the bytes are handed over, and their room is used again. */
  const taken = (): Uint8Array => {
    const piece = bytes.getBytes().slice();
    bytes.index = 0;
    return piece;
  };

  return {
    rows(rows) {
      for (const row of rows) {
        held.push(row);
        for (const cell of row) if (typeof cell === 'string') characters += cell.length;
        if (held.length >= GROUP_ROWS || characters >= GROUP_CHARACTERS) writeGroup();
      }
      return taken();
    },
    end() {
      writeGroup();
      void writer.finish();
      return taken();
    },
  };
}
