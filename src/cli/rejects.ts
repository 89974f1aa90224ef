import type { FileName } from '../operations/file-identity.js';
import { note, originOf } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';

/** More reasons than these are counted, not told: a wrong file has as many as lines. */
const REASONS_TOLD = 20;

/** A file for what could not be recorded; it appears whole, and only where there is something to put into it. */
export interface Rejects {
  /** `line` without its line feed; `reason` is told on stderr. */
  readonly take: (line: Uint8Array, reason: string) => Promise<void>;
  readonly finish: () => Promise<void>;
  readonly abandon: () => Promise<void>;
}

interface RejectsOptions {
  /** What the lines come from, by how messages call it. */
  readonly reads: Readonly<Record<string, FileName>>;
  readonly signal: AbortSignal;
}

/** Throws kind `refused` for a file that exists, and for what belongs to the trail; kind `usage` for what is read. */
export async function openRejects(
  path: string,
  globals: Globals,
  context: Context,
  { reads, signal }: RejectsOptions,
): Promise<Rejects> {
  const [{ openOutput, refuseExisting }, { outputPlaces }] = await Promise.all([
    import('../operations/output-file.js'),
    import('../operations/output-place.js'),
  ]);
  const { '--rejects': place } = outputPlaces(originOf(globals, context), { '--rejects': path }, { reads });
  await refuseExisting(place, 'never');
  let file: Awaited<ReturnType<typeof openOutput>> | undefined;
  let told = 0;
  return {
    take: async (line, reason) => {
      file ??= await openOutput(place, { force: 'never', gzip: path.endsWith('.gz'), signal });
      await file.write(Buffer.concat([line, Buffer.from('\n')]));
      told += 1;
      if (told <= REASONS_TOLD) await note(context, globals, reason);
    },
    finish: async () => {
      if (told > REASONS_TOLD) await note(context, globals, `and ${told - REASONS_TOLD} more`);
      await file?.finish();
    },
    abandon: async () => file?.abandon(),
  };
}
