import type { EntryField } from '../core/entry.js';
import { DaybookError, ResourceError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { datedFilter } from '../core/filter-json.js';
import type { Cell } from '../core/cell.js';
import type { Mark } from '../core/mark.js';
import { formatTimestamp } from '../core/timestamp.js';
import { VERSION } from '../core/version.js';
import type { AuditStore, Extent } from '../store/audit-store.js';
import { beginCheckpoint, beginExport, exportPages } from './export.js';
import type { Exported, ExportPage } from './export.js';

/** What is exported. */
export interface ExportWish {
  readonly filter: Filter;
  readonly columns: readonly EntryField[];
  /** The trail as it was at this mark; else as it is now. */
  readonly upTo?: Mark;
  /** Only what is new since the last export of this name; `question` says which filter the name belongs to. */
  readonly checkpoint?: { readonly name: string; readonly question: string };
  /** Takes what proves the entries. */
  readonly proof?: ExportTarget;
}

/** Where text goes: a file that appears whole, or a stream. */
export interface ExportTarget {
  /** Takes the chunk over: it may be empty afterwards. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Puts it in place; says how large it is, and its checksum where a manifest asks for that. */
  finish(): Promise<{ readonly bytes: number; readonly sha256: string }>;
  /** Leaves nothing behind; harmless after `finish`. */
  abandon(): Promise<void>;
}

/** Makes text of pages. With `fields`, a page of marked text is taken as well, which is faster. */
export type ExportFormatter = { begin(): string | Uint8Array; end(nextCursor: null): string | Uint8Array } & (
  | {
      readonly reads: 'rows';
      page(rows: readonly (readonly Cell[])[]): string | Uint8Array;
      fields?(fields: Uint8Array): Uint8Array;
    }
  | { readonly reads: 'lines'; page(lines: Uint8Array): string | Uint8Array }
);

/** The file beside an export that says what it holds. */
export interface ManifestWish {
  /** The name of the format. */
  readonly format: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Called when the export itself is in place. */
  readonly open: () => Promise<ExportTarget>;
}

export interface ExportOutput {
  readonly target: ExportTarget;
  readonly formatter: ExportFormatter;
  readonly manifest?: ManifestWish | undefined;
}

export interface ExportedInto extends Exported {
  /** Entries that were pruned before this checkpoint had exported them: they are in no export of its name. */
  readonly missed: number;
}

/**
 * Exports entries into a target: first the entries, then the manifest, and the checkpoint moves last, so that what is
 * not in place is exported again. Yields how far it is. Where anything fails, the target is abandoned and the checkpoint
 * stays. Throws kind `usage` for a checkpoint of another filter.
 *
 * @example
 * const lines = { reads: 'lines', begin: () => '', page: (page) => page, end: () => '' };
 * for await (const { done, total } of exportInto(store, { filter, columns }, { target, formatter: lines })) {
 *   console.log(`${done} of ${total}`);
 * }
 */
export async function* exportInto(
  store: AuditStore,
  wish: ExportWish,
  { target, formatter, manifest }: ExportOutput,
  signal?: AbortSignal,
): AsyncGenerator<Pick<ExportPage, 'done' | 'total'>, ExportedInto> {
  try {
    const begun = await begin(store, wish);
    yield { done: 0, total: begun.extent.count };
    const exported = yield* writePages(store, wish, { ...begun, target, formatter, signal });
    if (wish.proof !== undefined) await writeProof(store, wish, begun, wish.proof);
    const file = await target.finish();
    await wish.proof?.finish();
    if (manifest !== undefined) {
      const holds = (await store.holds()).map(({ name }) => name);
      await writeManifest(manifest, { ...manifestOf(wish, manifest, exported, file), holds });
    }
    if (wish.checkpoint !== undefined && begun.since !== undefined) {
      await moveCheckpoint(store, wish.checkpoint.name, begun.since, exported);
    }
    return { ...exported, missed: begun.missed };
  } finally {
    await target.abandon();
    await wish.proof?.abandon();
  }
}

async function writeProof(
  store: AuditStore,
  { filter }: ExportWish,
  { extent: { upTo }, since }: Begun,
  target: ExportTarget,
): Promise<void> {
  const { runsOfEntries, writeProofs } = await import('./write-proofs.js');
  const runs = await runsOfEntries(store, { filter, upTo, ...(since !== undefined && { beyond: since }) });
  await writeProofs(store, runs, target);
}

interface Begun {
  readonly extent: Extent;
  /** Where the checkpoint is. */
  readonly since?: Mark;
  readonly missed: number;
}

async function begin(store: AuditStore, { filter, checkpoint: asked, upTo }: ExportWish): Promise<Begun> {
  if (asked === undefined) {
    return { extent: await beginExport(store, { filter, ...(upTo !== undefined && { upTo }) }), missed: 0 };
  }
  const { checkpoint, extent } = await beginCheckpoint(store, asked.name, asked.question, filter);
  return { extent, since: checkpoint.mark, missed: checkpoint.missed };
}

interface Writing extends Begun {
  readonly target: ExportTarget;
  readonly formatter: ExportFormatter;
  readonly signal: AbortSignal | undefined;
}

async function* writePages(
  store: AuditStore,
  { filter, columns }: ExportWish,
  { extent, since, target, formatter, signal }: Writing,
): AsyncGenerator<Pick<ExportPage, 'done' | 'total'>, Exported> {
  const shape = formatter.reads !== 'rows' ? 'lines' : formatter.fields === undefined ? 'rows' : 'fields';
  const request = { filter, columns, shape, ...(since !== undefined && { since }) } as const;
  await target.write(formatter.begin());
  const pages = exportPages(store, request, extent, signal);
  for (;;) {
    const step = await pages.next();
    if (step.done === true) {
      await target.write(formatter.end(null));
      return step.value;
    }
    const { done, total } = step.value;
    await target.write(textOf(step.value, formatter));
    yield { done, total };
  }
}

/** Of the three forms of a page there is the one that the formatter reads. */
function textOf({ lines, rows, fields }: ExportPage, formatter: ExportFormatter): string | Uint8Array {
  if (formatter.reads === 'lines') return lines === undefined ? '' : formatter.page(lines);
  if (fields !== undefined) return formatter.fields?.(fields) ?? '';
  return rows === undefined ? '' : formatter.page(rows);
}

function manifestOf(
  { columns, filter }: ExportWish,
  { format, clock }: ManifestWish,
  { count, firstSeq, lastSeq }: Exported,
  { sha256, bytes }: { readonly bytes: number; readonly sha256: string },
): object {
  return {
    format,
    columns,
    count,
    first_seq: firstSeq,
    last_seq: lastSeq,
    filter: datedFilter(filter),
    sha256,
    bytes,
    created_at: formatTimestamp(clock()),
    complete: true,
    tool: `daybook ${VERSION}`,
  };
}

async function writeManifest({ open }: ManifestWish, facts: object): Promise<void> {
  const output = await open();
  try {
    await output.write(`${JSON.stringify(facts, null, 2)}\n`);
    await output.finish();
  } finally {
    await output.abandon();
  }
}

/** Entries that are handed over while their checkpoint stays come once more: whoever takes them has to know. */
async function moveCheckpoint(store: AuditStore, name: string, since: Mark, { upTo, count }: Exported): Promise<void> {
  try {
    await store.moveCheckpoint(name, since, upTo);
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    const { kind, message } = error;
    const [exported, them] = count === 1 ? ['1 entry is', 'it'] : [`${count} entries are`, 'them'];
    throw new DaybookError(
      kind,
      `${message}; ${exported} exported, and the checkpoint is where it was: the next export brings ${them} again`,
      { cause: error },
    );
  }
}
