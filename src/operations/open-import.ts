import { addressOf } from '../core/address.js';
import { DaybookError } from '../core/errors.js';
import { KIND_NAMES } from '../core/import.js';
import type { ImportFormat, ImportSettings, Source } from '../core/import.js';
import { shown } from '../core/json.js';
import { shellWord } from '../core/shell.js';
import { bytesOf, isDescriptor } from '../importers/file-bytes.js';
import type { Presence } from '../core/presence.js';
import { loadSorter, openRehearsed, openSourceTable } from '../store/open.js';
import type { ImportOptions } from './import-entries.js';
import { didYouMean } from '../core/nearest.js';

/** How to read a source: what the options of `daybook import` say. */
export interface ImportRequest {
  /** The name that entries have as their source, where it is not that of the format, or of the file. */
  readonly source?: string | undefined;
  /** The IANA zone of times without an offset, or `local`; without it they are refused. */
  readonly assumeZone?: string | undefined;
  /** The table of a SQLite file, where it is not that of the format. */
  readonly table?: string | undefined;
  /** `table(key, column)`: where the scope of an entity is to be found in the source. */
  readonly scopeFrom?: string | undefined;
  readonly map?: ImportSettings['map'] | undefined;
  /** The keys that make the id of a record, with commas between them, or `content`. */
  readonly idFrom?: string | undefined;
  /** How times are written: `s`, `ms`, `us`, `ns`, `excel`, `filetime`, `clf`, `rfc2822`, or a pattern in luxon's tokens. */
  readonly timeFormat?: string | undefined;
  /** Where the records stand in JSON documents: keys with dots between them. */
  readonly records?: string | undefined;
  /** What stands between the cells of CSV: one character, or `tab`. */
  readonly delimiter?: string | undefined;
  /** The columns of CSV without a header, with commas between them. */
  readonly header?: string | undefined;
  readonly entityType?: string | undefined;
  readonly key?: string | undefined;
  readonly column?: string | undefined;
  readonly order?: ImportSettings['order'];
  readonly pattern?: ImportSettings['pattern'];
  /** Whether CSV of our own was exported with `--exact`. */
  readonly exact?: boolean | undefined;
  /** Dotted paths of values that are not to be kept. */
  readonly redact?: readonly string[] | undefined;
  /** Milliseconds to wait for a lock on the source; 5000 where it is not given. */
  readonly busyTimeout?: number;
  /** Who reads a SQLite file: its private copy is named after this process. */
  readonly presence: Presence;
  /** The bytes to read instead of the file, where `path` is only its name. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  readonly reject?: ImportOptions['reject'];
  readonly signal?: AbortSignal;
}

/** A source that is open, and how to import it. */
export interface OpenedImport {
  readonly format: ImportFormat;
  readonly source: Source;
  readonly options: ImportOptions;
  /** The paths to redact that stood in no entry, once all are read. */
  unhidden(): readonly string[];
}

/**
 * Opens a source to be imported, rehearsed or verified: a SQLite file (read-only), CSV or JSON lines. Throws kind
 * `usage` for an unknown format and settings that are wrong, kind `missing` for a table that is not there, kind `data` for
 * a file that cannot be read, kind `busy`, and kind `interrupted` where the signal comes before anything of a pipe does.
 *
 * @example
 * const { source, options } = await openImport('ledgrab', 'ledgrab.db', { presence });
 * for await (const { recorded } of importSource(store, source, options)) console.log(recorded);
 * source.close();
 */
export async function openImport(
  format: ImportFormat | string,
  path: string,
  request: ImportRequest,
): Promise<OpenedImport> {
  const found = typeof format === 'string' ? await formatNamed(format) : format;
  const name =
    request.source ??
    found.source ??
    (isDescriptor(path) ? 'stdin' : sourceName(tableAt(found, path, request) ?? path));
  if (name === '' || name.startsWith(':')) {
    throw new DaybookError('usage', `--source ${shown(name)} is empty or begins with a colon: ids that are made up do`);
  }
  const source = await openSource(found, path, request);
  try {
    const plainReader = found.reader({
      source: name,
      isNamed: request.source !== undefined,
      assumedZone:
        request.assumeZone === undefined
          ? undefined
          : (await import('../core/period.js')).resolveZone(request.assumeZone),
      map: request.map ?? [],
      idFrom: request.idFrom,
      timeFormat: request.timeFormat,
      entityType: request.entityType,
      key: request.key,
      column: request.column,
      order: request.order,
      pattern: request.pattern,
      exact: request.exact,
      table: request.table ?? found.table,
      lookup: source.lookup,
    });
    const paths = request.redact ?? [];
    const hidden = new Set<string>();
    const reader =
      paths.length === 0
        ? plainReader
        : (await import('../importers/redacting.js')).redacting(plainReader, paths, hidden);
    const options: ImportOptions = {
      source: name,
      reader,
      ...(plainReader.ended && { ended: plainReader.ended }),
      ...(plainReader.isGiven && { isGiven: plainReader.isGiven }),
      needs: found.needs,
      clock: request.clock ?? Date.now,
      ...(request.scopeFrom !== undefined && { scopeOf: scopeLookup(request.scopeFrom, source) }),
      ...(source.fetch && { fetch: source.fetch }),
      ...(!found.inOrder && { sorter: await loadSorter() }),
      rehearsed: openRehearsed,
      ...(request.reject && { reject: request.reject }),
      ...(request.signal && { signal: request.signal }),
    };
    // Tables to look into that are not there are told before anything is read.
    await source.fetch?.();
    return { format: found, source, options, unhidden: () => paths.filter((one) => !hidden.has(one)) };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Throws kind `usage` for a name that no format has. */
export async function formatNamed(name: string): Promise<ImportFormat> {
  const { IMPORT_FORMATS } = await import('../importers/index.js');
  const format = IMPORT_FORMATS.get(name);
  if (format !== undefined) return format;
  throw new DaybookError(
    'usage',
    `${shown(name)} is no format${didYouMean(name, [...IMPORT_FORMATS.keys()])}: it is one of ${[...IMPORT_FORMATS.keys()].join(', ')}`,
    {
      hint: 'daybook import --list',
    },
  );
}

/** The name of a file without its folder and its ending. */
function sourceName(path: string): string {
  const base = path.replace(/^.*\//s, '').replace(/(?!^)\.[^.]*$/, '');
  return base === '-' || base === '' ? 'stdin' : base;
}

/** What other systems call their table in PostgreSQL, where the command line names none. */
const TABLES: Readonly<Record<string, string>> = {
  'audit-logs': 'audit_logs',
  'supa-audit': 'audit.record_version',
  'postgresql-audit': 'activity',
};

/** The table that is read, where the source is a database in PostgreSQL; undefined where it is none. */
function tableAt(format: ImportFormat, path: string, { stream, table }: ImportRequest): string | undefined {
  const { engine, shown: address } = addressOf(path);
  if (engine !== 'postgres' || stream !== undefined) return undefined;
  if (!format.kinds.includes('ndjson')) {
    throw new DaybookError('usage', `${address} is PostgreSQL, and the format ${format.name} does not live there`, {
      hint: 'daybook import --list',
    });
  }
  const named = table ?? format.table ?? TABLES[format.name];
  if (named !== undefined) return named;
  throw new DaybookError('usage', '--table is missing: which one to read', { hint: '… --table …' });
}

async function openSource(format: ImportFormat, path: string, request: ImportRequest): Promise<Source> {
  const [{ openTextSource, shapeOfFile }, { pipeOf, untilAborted }] = await Promise.all([
    import('../importers/text-source.js'),
    import('../importers/pipe.js'),
  ]);
  const { signal, records, delimiter, header } = request;
  const inPostgres = tableAt(format, path, request);
  const reader = {
    presence: request.presence,
    interruptible: <T>(work: (heard: AbortSignal) => Promise<T>) => work(signal ?? new AbortController().signal),
  };
  if (inPostgres !== undefined) {
    return openSourceTable(path, inPostgres, { busyTimeout: request.busyTimeout ?? 5000, reader });
  }
  const bytes = request.stream ?? pipeOf(path, signal);
  const isDatabase = bytes === undefined && shapeOfFile(path) === 'sqlite';
  const texts = format.kinds.filter((kind) => kind !== 'sqlite');
  if (isDatabase ? texts.length === format.kinds.length : texts.length === 0) {
    const read = format.kinds.map((one) => KIND_NAMES[one]).join(' or ');
    const found = isDatabase ? KIND_NAMES.sqlite : 'a text';
    throw new DaybookError('usage', `${path} is ${found}, and the format ${format.name} reads ${read}`, {
      hint: isDatabase ? `daybook import sqlite ${shellWord(path)} --table …` : 'daybook import --list',
    });
  }
  if (!isDatabase) {
    if (request.table !== undefined) throw new DaybookError('usage', `--table: ${path} is a text and has no tables`);
    const told = bytes && bytesOf(path, bytes);
    const stream = told && signal !== undefined ? untilAborted(told, signal) : told;
    return openTextSource(path, texts, { records, delimiter, header }, stream);
  }
  const table = request.table ?? format.table;
  if (table === undefined)
    throw new DaybookError('usage', '--table is missing: which one to read', { hint: '… --table …' });
  return openSourceTable(path, table, { busyTimeout: request.busyTimeout ?? 5000, reader });
}

/** `dca_settlements(id, machine_id)`: the machine of a settlement is its scope, `machine:<its id>`. */
function scopeLookup(text: string, source: Source): (entityId: string) => string | null {
  const parts =
    /^\s*(?:(?<kind>[^:=(),]+)=)?(?<table>[^(),]+?)\s*\(\s*(?<key>[^(),]+?)\s*,\s*(?<column>[^(),]+?)\s*\)\s*$/.exec(
      text,
    )?.groups;
  if (parts === undefined) {
    throw new DaybookError(
      'usage',
      `--scope-from ${shown(text)} is not table(key, column), such as settlements(id, machine_id)`,
    );
  }
  const { kind, table = '', key = '', column = '' } = parts;
  const find = source.lookup(table, key, column);
  const prefix = kind ?? column.replace(/_?id$/i, '');
  return (entityId) => {
    const found = find(entityId);
    return found === null || found === '' ? null : `${prefix === '' ? column : prefix}:${found}`;
  };
}
