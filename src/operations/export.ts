import { DaybookError } from '../core/errors.js';
import type { HistoryField } from '../core/entry.js';
import type { Filter } from '../core/filter.js';
import type { Mark } from '../core/mark.js';
import type { Cell } from '../core/cell.js';
import type {
  AuditStore,
  Checkpoint,
  Extent,
  FieldPage,
  Key,
  LinePage,
  Order,
  PageQuery,
  RowPage,
} from '../store/audit-store.js';
import { heard } from './heard.js';

export interface ExportRequest {
  readonly filter: Filter;
  readonly columns: readonly HistoryField[];
  /** With `fields`, a page that cannot be had so comes as rows. */
  readonly shape: 'lines' | 'rows' | 'fields';
  /** Only what came since this mark, by order of recording. */
  readonly since?: Mark;
}

export interface ExportPage {
  readonly lines?: Uint8Array;
  readonly rows?: readonly (readonly Cell[])[];
  readonly fields?: Uint8Array;
  readonly done: number;
  readonly total: number;
}

export interface Exported {
  readonly count: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly upTo: Mark;
}

/** Pages begin small and grow to about so many bytes: an entry may be a hundred bytes or a megabyte. */
const PAGE_BYTES = 1024 * 1024;
/**
 * Rows become JavaScript values, which take many times their bytes, and fields are held as they came and as they leave:
 * smaller pages of them are as fast, and take less memory.
 */
const LARGEST_PAGE = { lines: 1024, rows: 256, fields: 400 } as const;

/** What an export will hold: the trail as it is now, or as it was at a mark. */
export async function beginExport(
  store: AuditStore,
  request: Pick<ExportRequest, 'filter' | 'since'> & { readonly upTo?: Mark },
): Promise<Extent> {
  return store.extent(request.filter, {
    ...(request.upTo === undefined ? {} : { upTo: request.upTo }),
    ...(request.since === undefined ? {} : { beyond: request.since }),
  });
}

/**
 * Yields the entries that match, oldest first, as pages; each page is a read of its own, so that nothing pins the log of
 * a database that others write to. Ends with kind `failed` where entries fell meanwhile: as many must have come out as
 * there were at the beginning, and none of those can be new.
 */
export async function* exportPages(
  store: AuditStore,
  request: ExportRequest,
  extent: Pick<Extent, 'upTo' | 'count'>,
  signal?: AbortSignal,
): AsyncGenerator<ExportPage, Exported> {
  const order: Order = request.since === undefined ? 'oldest' : 'recorded';
  const read = (after: Key | undefined, limit: number): Promise<AnyPage> => {
    const query: PageQuery = {
      filter: request.filter,
      order,
      limit,
      upTo: extent.upTo,
      ...(request.since === undefined ? {} : { beyond: request.since }),
      ...(after === undefined ? {} : { after }),
    };
    const page = readAny(store, query, request);
    // Whoever waits for it is told.
    page.catch(() => undefined);
    return page;
  };
  // A server reads the next page while this one is written.
  const ahead = store.origin.file === undefined;
  let after: Key | undefined;
  let limit = 64;
  let reading: Promise<AnyPage> | undefined;
  let count = 0;
  let firstSeq: number | null = null;
  let lastSeq: number | null = null;
  for (;;) {
    if (signal !== undefined) await heard();
    if (signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: no export was written');
    const page = await (reading ?? read(after, limit));
    after = page.next ?? undefined;
    if (page.count > 0) {
      const fitting = (PAGE_BYTES * page.count) / Math.max(page.size, 1);
      // A power of two: a store that compiles the limit into its statement would else do so for each page.
      limit = Math.max(1, Math.min(LARGEST_PAGE[request.shape], 2 ** Math.floor(Math.log2(fitting))));
      reading = ahead && after !== undefined ? read(after, limit) : undefined;
      count += page.count;
      firstSeq = firstSeq === null || page.firstSeq < firstSeq ? page.firstSeq : firstSeq;
      lastSeq = lastSeq === null || page.lastSeq > lastSeq ? page.lastSeq : lastSeq;
      yield { ...page.content, done: count, total: extent.count };
    }
    if (after === undefined) break;
  }
  if (count !== extent.count) {
    throw new DaybookError(
      'failed',
      `${extent.count - count} of ${extent.count} entries were pruned while this export ran: it is not complete`,
    );
  }
  return { count, firstSeq, lastSeq, upTo: extent.upTo };
}

interface AnyPage {
  readonly content: Pick<ExportPage, 'lines' | 'rows' | 'fields'>;
  readonly count: number;
  readonly size: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly next: Key | null;
}

async function readAny(store: AuditStore, query: PageQuery, { shape, columns }: ExportRequest): Promise<AnyPage> {
  if (shape === 'lines') {
    const page = await store.lines(query, columns);
    return joinedOf(page, { lines: page.lines }, page.lines.length);
  }
  const page = shape === 'fields' ? await store.fields(query, columns) : null;
  if (page !== null) return joinedOf(page, { fields: page.fields }, page.fields.length);
  return rowsOf(await store.rows({ ...query, limit: Math.min(query.limit, LARGEST_PAGE.rows) }, columns));
}

function joinedOf(page: LinePage | FieldPage, content: AnyPage['content'], size: number): AnyPage {
  const { count, next } = page;
  return { content, count, size, firstSeq: page.firstSeq ?? 0, lastSeq: page.lastSeq ?? 0, next };
}

function rowsOf(page: RowPage): AnyPage {
  const { rows, characters, next } = page;
  return {
    content: { rows },
    count: rows.length,
    size: characters,
    firstSeq: page.firstSeq ?? 0,
    lastSeq: page.lastSeq ?? 0,
    next,
  };
}

/**
 * Begins an export of what is new since the last one of this name. Throws kind `usage` where the name was used with
 * another filter.
 */
export async function beginCheckpoint(
  store: AuditStore,
  name: string,
  question: string,
  filter: Filter,
): Promise<{ readonly checkpoint: Checkpoint; readonly extent: Extent }> {
  const known = await store.checkpoint(name);
  if (known !== undefined && known.question !== question) {
    throw new DaybookError(
      'usage',
      `checkpoint ${name} belongs to another filter (${known.question}): take another name`,
    );
  }
  const extent = await beginExport(store, { filter, ...(known === undefined ? {} : { since: known.mark }) });
  const checkpoint = await store.beginCheckpoint(name, question, filter, extent.upTo);
  const moved = known === undefined ? checkpoint.updatedAt !== null : checkpoint.mark !== known.mark;
  if (moved) {
    throw new DaybookError('busy', `another export of checkpoint ${name} ended just now`);
  }
  return { checkpoint, extent };
}
