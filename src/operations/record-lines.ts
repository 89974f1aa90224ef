import { isUtf8 } from 'node:buffer';
import { DaybookError } from '../core/errors.js';
import type { AuditStore, RecordRequest } from '../store/audit-store.js';
import { batchSizes, lockMs } from './batches.js';

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
 * after each. While one is recorded, the lines of the next are read. Throws kind `data` at the first invalid line, after
 * recording all before it, unless `reject` takes it.
 */
export async function* recordLines(
  store: AuditStore,
  input: AsyncIterable<readonly InputLine[]>,
  options: RecordLinesOptions,
): AsyncGenerator<RecordedLines, RecordedLines> {
  let totals: RecordedLines = { recorded: 0, skipped: 0, rejected: 0, line: 0 };
  let pending: Pending[] = [];
  let firstAt = 0;
  /** The batch that is recorded now. None is while totals are told: they are all that is recorded. */
  let working: Promise<RecordedLines> | undefined;
  const sizes = batchSizes(() => lockMs(store));

  const begin = (): void => {
    const batch = pending;
    pending = [];
    working = sizes.timed(batch.length, () => recordBatch(store, batch, totals, options));
    // Whoever waits for it is told.
    working.catch(() => undefined);
  };
  const finish = async (): Promise<RecordedLines> => {
    const last = working;
    working = undefined;
    totals = (await last) ?? totals;
    return totals;
  };
  const flush = async function* (): AsyncGenerator<RecordedLines> {
    if (working !== undefined) yield await finish();
    if (pending.length === 0) return;
    begin();
    yield await finish();
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

  const waitingSince = (): number | undefined => (pending.length === 0 ? undefined : firstAt);
  for await (const lines of paused(arriving(), waitingSince, () => working)) {
    if (options.signal?.aborted === true) break;
    if (lines === undefined) {
      if (working === undefined) begin();
      else yield await finish();
      continue;
    }
    for (const line of lines) {
      if (pending.length === 0) firstAt = performance.now();
      try {
        if (line.bytes.length > 0) pending.push({ ...line, request: parseBytes(line, options) });
      } catch (error) {
        if (!(error instanceof DaybookError)) throw error;
        yield* flush();
        totals = await rejected(line, error.message, totals, options);
      }
      if (pending.length < sizes.next()) continue;
      if (working !== undefined) yield await finish();
      begin();
    }
  }
  yield* flush();
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
 * Passes the input on and puts an `undefined` in wherever what works is done, and wherever it pauses while lines are waiting,
 * or one has waited long. `waitingSince` tells when the first of them came, by the clock of `performance`.
 */
async function* paused<T>(
  input: AsyncIterable<T>,
  waitingSince: () => number | undefined,
  working: () => Promise<unknown> | undefined,
): AsyncGenerator<T | undefined> {
  const iterator = input[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ;) {
      const since = waitingSince();
      const done = working()?.then(
        () => undefined,
        () => undefined,
      );
      if (since !== undefined || done !== undefined) {
        const patience = since === undefined ? Infinity : Math.min(PAUSE_MS, since + OLDEST_MS - performance.now());
        const first = patience <= 0 ? undefined : await firstOf(next, done, patience);
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

/** What comes first: the next of the input, or undefined where what works is done or the milliseconds are over. */
async function firstOf<T>(
  next: Promise<T>,
  done: Promise<undefined> | undefined,
  patience: number,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    if (patience < Infinity) timer = setTimeout(() => resolve(undefined), patience);
  });
  const first = await Promise.race([done ?? over, next, over]);
  clearTimeout(timer);
  return first;
}
