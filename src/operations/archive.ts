import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { DaybookError } from '../core/errors.js';
import { ENTRY_FIELDS } from '../core/entry.js';
import type { AuditStore, Key, Origin, PruneForecast, PrunePlan } from '../store/audit-store.js';
import { heard } from './heard.js';
import { openOutput } from './output-file.js';
import { outputPlaces } from './output-place.js';
import type { OutputPlace } from './output-place.js';

export interface Archive {
  readonly path: string;
  readonly count: number;
  readonly sha256: string;
}

export interface ArchiveOptions {
  readonly path: string;
  /** How many entries it must hold: one that another prune has taken would be missing. */
  readonly expected: number;
  /** Called after each page with the entries written so far. */
  readonly onPage: (written: number) => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

const PAGE = 1000;

/** The name of an archive in a folder of archives, by time and seq, so that names sort and never meet. */
export function archiveName(folder: string, forecast: PruneForecast, now: string): string {
  const moment = now.slice(0, 19).replaceAll(':', '');
  return join(folder, `daybook-${moment}Z-seq-${forecast.firstSeq}-${forecast.lastSeq}.ndjson.gz`);
}

/** Where an archive may go: never onto the trail, nor to where nothing is kept, since what it holds is deleted then. */
export function archivePlace(origin: Origin, path: string): OutputPlace {
  return outputPlaces(origin, { '--archive': path }, { regular: true })['--archive'];
}

/**
 * Writes the doomed entries of a plan as NDJSON, oldest first (gzip by a name that ends in `.gz`), and reads them back
 * against what was written before the file gets its name. Throws kind `failed` where they differ.
 */
export async function writeArchive(store: AuditStore, plan: PrunePlan, options: ArchiveOptions): Promise<Archive> {
  const gzip = options.path.endsWith('.gz');
  const written = createHash('sha256');
  let count = 0;
  const file = await openOutput(archivePlace(store.origin, options.path), {
    force: 'never',
    gzip,
    verify: async (place) => {
      if (count !== options.expected) {
        throw new DaybookError(
          'failed',
          `the archive ${options.path} would hold ${count} entries and not ${options.expected}: nothing was deleted, run the prune again`,
        );
      }
      const differs = (cause?: unknown): DaybookError =>
        new DaybookError(
          'failed',
          `the archive ${options.path} does not read back as it was written: nothing was deleted`,
          { cause },
        );
      const read = await readBack(place, gzip).catch((error: unknown) => {
        throw differs(error);
      });
      if (read.count !== count || read.sha256 !== written.digest('hex')) throw differs();
    },
  });
  try {
    let after: Key | undefined;
    do {
      await heard();
      if (options.signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: nothing was deleted');
      const query = { filter: {}, order: 'oldest' as const, limit: PAGE, upTo: plan.upTo, doomedBy: plan };
      const page = await store.lines(after === undefined ? query : { ...query, after }, ENTRY_FIELDS);
      written.update(page.lines);
      await file.write(page.lines);
      count += page.count;
      after = page.next ?? undefined;
      await options.onPage(count);
    } while (after !== undefined);
    const { sha256 } = await file.finish();
    return { path: options.path, count, sha256 };
  } finally {
    await file.abandon();
  }
}

/** The number of lines and the checksum of what a file holds, uncompressed. */
async function readBack(path: string, gzip: boolean): Promise<{ count: number; sha256: string }> {
  const hash = createHash('sha256');
  let count = 0;
  const take = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) count++;
    }
  };
  await (gzip ? pipeline(createReadStream(path), createGunzip(), take) : pipeline(createReadStream(path), take));
  return { count, sha256: hash.digest('hex') };
}
