import { isUtf8 } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaybookError } from '../core/errors.js';
import type { AuditStore, RecordRequest } from '../store/audit-store.js';
import { batchSizes } from './batches.js';

/** A line of input as it came, without its line feed. */
export interface InputLine {
  readonly line: number;
  readonly bytes: Uint8Array;
}

export interface RecordLinesOptions {
  /** Reads one line; throws a DaybookError of kind `data` that says what is wrong with it. */
  readonly parse: (line: string) => RecordRequest;
  /** Takes the lines that are invalid, where they are not to end the run. */
  readonly reject?: (line: InputLine, reason: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface RecordedLines {
  readonly recorded: number;
  readonly skipped: number;
  readonly rejected: number;
  /** The last line that is durable, or was skipped or rejected. */
  readonly line: number;
}

/** A pause in the input of so long ends a batch, */
const PAUSE_MS = 20;
/** and so does the age of its first line: a slow steady stream is durable well within a second. */
const OLDEST_MS = 200;

type Pending = InputLine & { readonly request: RecordRequest };

/**
 * Records entries from lines as they arrive, in batches that are each durable before the next begins; yields the totals
 * after each. Throws kind `data` at the first invalid line, after recording all before it, unless `reject` takes it.
 */
export async function* recordLines(
  store: AuditStore,
  input: AsyncIterable<readonly InputLine[]>,
  options: RecordLinesOptions,
): AsyncGenerator<RecordedLines, RecordedLines> {
  let totals: RecordedLines = { recorded: 0, skipped: 0, rejected: 0, line: 0 };
  let pending: Pending[] = [];
  let firstAt = 0;
  const sizes = batchSizes();

  const flush = async (): Promise<RecordedLines> => {
    const batch = pending;
    pending = [];
    totals = await sizes.timed(batch.length, () => recordBatch(store, batch, totals, options));
    return totals;
  };

  /** Input that breaks off ends there: what came before is recorded first. */
  let broken: { readonly error: unknown } | undefined;
  const arriving = async function* (): AsyncGenerator<readonly InputLine[]> {
    try {
      yield* input;
    } catch (error) {
      broken = { error };
    }
  };

  for await (const lines of paused(arriving(), () => (pending.length === 0 ? undefined : firstAt))) {
    if (options.signal?.aborted === true) break;
    if (lines === undefined) {
      yield await flush();
      continue;
    }
    for (const line of lines) {
      if (pending.length === 0) firstAt = performance.now();
      try {
        if (line.bytes.length > 0) pending.push({ ...line, request: parseBytes(line, options) });
      } catch (error) {
        if (!(error instanceof DaybookError)) throw error;
        if (pending.length > 0) yield await flush();
        totals = await rejected(line, error.message, totals, options);
      }
      if (pending.length >= sizes.next()) yield await flush();
    }
  }
  if (pending.length > 0) yield await flush();
  if (broken !== undefined) throw recordedBefore(totals, broken.error);
  return totals;
}

function parseBytes(line: InputLine, options: RecordLinesOptions): RecordRequest {
  if (!isUtf8(line.bytes)) throw new DaybookError('data', 'not valid UTF-8');
  return options.parse(Buffer.from(line.bytes.buffer, line.bytes.byteOffset, line.bytes.byteLength).toString());
}

/** Records a batch; in a run that ends at the first invalid line, a conflict ends it and what came before it stands. */
async function recordBatch(
  store: AuditStore,
  batch: readonly Pending[],
  before: RecordedLines,
  options: RecordLinesOptions,
): Promise<RecordedLines> {
  const requests = batch.map((line) => line.request);
  const outcomes = await store
    .recordOneOfMany(requests, { stopAtConflict: options.reject === undefined, durable: true })
    .catch((error: unknown) => {
      throw recordedBefore(before, error);
    });
  let totals = before;
  for (const [position, outcome] of outcomes.entries()) {
    const line = batch[position];
    if (line === undefined) break;
    if (outcome.outcome === 'conflict') {
      const reason = `id ${line.request.entry.id ?? ''} is recorded already, with another ${outcome.fields.join(', ')}`;
      totals = await rejected(line, reason, totals, options);
    } else {
      totals = { ...totals, [outcome.outcome]: totals[outcome.outcome] + 1, line: line.line };
    }
  }
  return totals;
}

async function rejected(
  line: InputLine,
  reason: string,
  totals: RecordedLines,
  options: RecordLinesOptions,
): Promise<RecordedLines> {
  if (options.reject === undefined) {
    throw new DaybookError(
      'data',
      `line ${line.line}: ${reason} (recorded before it: ${totals.recorded}, skipped: ${totals.skipped})`,
    );
  }
  try {
    await options.reject(line, reason);
  } catch (error) {
    throw recordedBefore(totals, error);
  }
  return { ...totals, rejected: totals.rejected + 1, line: line.line };
}

/**
 * A failure, with how much of the input is recorded in spite of it; if nothing is, the failure as it came. It has no hint:
 * the same command, run again, would record lines without an id twice.
 */
export function recordedBefore({ recorded, skipped, line }: RecordedLines, error: unknown): unknown {
  if (!(error instanceof DaybookError) || recorded + skipped === 0) return error;
  const also = skipped === 0 ? '' : `, and skipped ${skipped} that were there already`;
  const { kind, message } = error;
  return new DaybookError(
    kind,
    `${message}; recorded ${recorded === 1 ? '1 entry' : `${recorded} entries`}${also}, up to line ${line}`,
    { cause: error },
  );
}

/**
 * Passes the input on and puts an `undefined` in wherever it pauses while lines are waiting, or one has waited long.
 * `waitingSince` tells when the first of them came, by the clock of `performance`.
 */
async function* paused<T>(
  input: AsyncIterable<T>,
  waitingSince: () => number | undefined,
): AsyncGenerator<T | undefined> {
  const iterator = input[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ;) {
      const since = waitingSince();
      if (since !== undefined) {
        const patience = Math.min(PAUSE_MS, since + OLDEST_MS - performance.now());
        const timer = new AbortController();
        const pause = sleep(Math.max(patience, 0), undefined, { signal: timer.signal }).catch(() => undefined);
        const first = patience <= 0 ? undefined : await Promise.race([next, pause]);
        timer.abort();
        if (first === undefined) {
          yield undefined;
          continue;
        }
      }
      const step = await next;
      if (step.done === true) return;
      yield step.value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}
