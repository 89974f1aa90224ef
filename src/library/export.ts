import { ENTRY_FIELDS } from '../core/entry.js';
import type { EntryField } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { expectOneOf, expectSomeOf, wrongValue } from '../core/given.js';
import { FILE_FORMATS, fileFormatter, formatOfFile } from '../format/files.js';
import type { FormatName } from '../format/index.js';
import { exportInto } from '../operations/export-into.js';
import type { ExportedInto, ExportFormatter, ExportTarget } from '../operations/export-into.js';
import { openOutput, refuseExisting } from '../operations/output-file.js';
import { outputPlaces } from '../operations/output-place.js';
import type { AuditStore } from '../store/audit-store.js';
import { expectKeys, filterOf, questionOf } from './question.js';
import type { EntryFilter } from './question.js';
import { isStream, streamTarget } from './stream-target.js';
import type { OutputStream } from './stream-target.js';

/** The formats of files. */
export type FileFormat =
  'json' | 'ndjson' | 'csv' | 'ocsf' | 'cef' | 'leef' | 'rfc5424' | 'gelf' | 'ecs' | 'otlp-json' | 'parquet';

/** What is exported, and how. */
export interface ExportRequest {
  readonly filter?: EntryFilter;
  /** Else by the name of the file, else `ndjson`. */
  readonly format?: FileFormat;
  /** Only these fields, in this order; else all. */
  readonly columns?: readonly EntryField[];
  /** Whether it is compressed; a name that ends in `.gz` says so too. */
  readonly gzip?: boolean;
  /** Whether CSV has its header line; else it has. */
  readonly header?: boolean;
  /** Whether CSV has texts as they are, where else a formula is disarmed by a `'`. */
  readonly exact?: boolean;
  /** Whether files that are there are replaced. */
  readonly force?: boolean;
  /** A file beside it that says how many entries it holds, and its checksum. */
  readonly manifest?: string;
  /** Only what was recorded since the last completed export of this name. A name belongs to its filter. */
  readonly checkpoint?: string;
  /** Ends it early; then no file is left, and the checkpoint stays. */
  readonly signal?: AbortSignal;
  /** Is told how many entries are written, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What an export came to. */
export interface ExportResult {
  readonly count: number;
  /** The least and the greatest seq. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Entries that a prune took before this checkpoint had exported them: they are in no export of its name. */
  readonly missed: number;
}

const KEYS = [
  'filter',
  'format',
  'columns',
  'gzip',
  'header',
  'exact',
  'force',
  'manifest',
  'checkpoint',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof ExportRequest)[];

/** Exports as the program does: the entries, then the manifest, and the checkpoint moves last. */
export async function exportTo(
  store: AuditStore,
  output: string | OutputStream,
  request: ExportRequest,
): Promise<ExportResult> {
  expectKeys('an export', request, KEYS);
  const { columns = ENTRY_FIELDS, manifest: manifestFile, force = false, checkpoint, signal } = request;
  expectSomeOf('columns', columns, ENTRY_FIELDS);
  if (typeof output !== 'string' && !isStream(output)) throw wrongValue('output', output, 'a path, or a stream');
  const file = typeof output === 'string' ? output : undefined;
  const format = formatOf(request, file);
  const formatter = await formatterOf(format, columns, request);
  const filter = filterOf(request.filter);
  const places = outputPlaces(store.origin, { output: file, manifest: manifestFile });
  if (places.manifest !== undefined) await refuseExisting(places.manifest, force);
  const target = await openTarget(places.output ?? (output as OutputStream), request);
  const wish = {
    filter,
    columns,
    ...(checkpoint !== undefined && { checkpoint: { name: checkpoint, question: questionOf(filter) } }),
  };
  const { manifest: place } = places;
  const manifest = place && {
    format,
    clock: Date.now,
    open: async (): Promise<ExportTarget> => openOutput(place, { force, gzip: false, signal }),
  };
  const { count, firstSeq, lastSeq, missed } = await ended(
    exportInto(store, wish, { target, formatter, manifest }, signal),
    request.onProgress,
  );
  return { count, firstSeq, lastSeq, missed };
}

async function ended(
  steps: ReturnType<typeof exportInto>,
  onProgress: ExportRequest['onProgress'],
): Promise<ExportedInto> {
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
    onProgress?.(step.value.done, step.value.total);
  }
}

type OutputPlace = Parameters<typeof openOutput>[0];

async function openTarget(output: OutputPlace | OutputStream, request: ExportRequest): Promise<ExportTarget> {
  const { gzip = false, force = false, manifest, signal } = request;
  if (isStream(output)) return streamTarget(output, gzip, signal);
  return openOutput(output, {
    force,
    gzip: gzip || output.path.endsWith('.gz'),
    unchecked: manifest === undefined,
    signal,
  });
}

function formatOf({ format }: ExportRequest, file: string | undefined): FormatName {
  if (format !== undefined) {
    expectOneOf('format', format, FILE_FORMATS);
    return format as FormatName;
  }
  if (file === undefined) return 'ndjson';
  const named = formatOfFile(file);
  if (named !== undefined) return named;
  throw new DaybookError('usage', `the name ${file} does not say the format`, { field: 'format', value: undefined });
}

async function formatterOf(
  format: FormatName,
  columns: readonly EntryField[],
  { header = true, exact = false }: ExportRequest,
): Promise<ExportFormatter> {
  const formatter = await fileFormatter(format, { columns, header, exact });
  if (formatter !== undefined) return formatter;
  throw wrongValue('format', format, 'a format of files');
}
