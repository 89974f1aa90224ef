import { createHash } from 'node:crypto';
import { DaybookError } from '../core/errors.js';
import { release } from '../core/release.js';
import type { ExportTarget } from '../operations/export-into.js';
import type { OutputPlace } from '../operations/output-place.js';
import type { Context } from './context.js';

/** Where an export goes: a file that appears whole, or stdout. */
export interface Target extends ExportTarget {
  readonly isTerminal: boolean;
}

export interface TargetOptions {
  readonly gzip?: true;
  readonly force?: true;
  readonly manifest?: string;
}

/** Opens the target: a place, or without one stdout. Throws kind `refused` for a file that exists, unless `force`. */
export async function openTarget(
  place: OutputPlace | undefined,
  options: TargetOptions,
  context: Context,
  signal?: AbortSignal,
): Promise<Target> {
  if (place === undefined) {
    if (options.gzip === true && context.streams.stdout.isTerminal) {
      throw new DaybookError('refused', 'compressed entries are not for a terminal', { hint: '… -o entries.gz' });
    }
    return stdoutTarget(options.gzip === true, context);
  }
  const { openOutput } = await import('../operations/output-file.js');
  const file = await openOutput(place, {
    force: options.force === true,
    gzip: options.gzip === true || place.path.endsWith('.gz'),
    unchecked: options.manifest === undefined,
    signal,
  });
  return {
    isTerminal: false,
    write: async (chunk) => {
      if (chunk.length > 0) await file.write(chunk);
    },
    finish: () => file.finish(),
    abandon: () => file.abandon(),
  };
}

async function stdoutTarget(gzip: boolean, context: Context): Promise<Target> {
  const { stdout } = context.streams;
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    bytes += chunk.byteLength;
    await stdout.write(chunk);
    release(chunk);
  };
  const compressor = gzip ? (await import('../operations/gzip.js')).gzipInto(put) : undefined;
  return {
    isTerminal: stdout.isTerminal && !gzip,
    write: async (chunk) => {
      if (chunk.length === 0) return;
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      await (compressor === undefined ? put(data) : compressor.write(data));
    },
    finish: async () => {
      await compressor?.end();
      return { bytes, sha256: hash.digest('hex') };
    },
    abandon: async () => {},
  };
}
