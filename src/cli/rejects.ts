import { note } from './command.js';
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

/** Throws kind `refused` for a file that exists. */
export async function openRejects(path: string, globals: Globals, context: Context): Promise<Rejects> {
  const { openOutput, refuseExisting } = await import('../operations/output-file.js');
  await refuseExisting(path, 'never');
  let file: Awaited<ReturnType<typeof openOutput>> | undefined;
  let told = 0;
  return {
    take: async (line, reason) => {
      file ??= await openOutput(path, { force: 'never', gzip: path.endsWith('.gz') });
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
