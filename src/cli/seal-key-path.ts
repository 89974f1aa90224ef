import { join } from 'node:path';
import type { Command } from 'commander';
import { DaybookError } from '../core/errors.js';
import type { SealKey } from '../operations/seal-key.js';
import type { Context } from './context.js';

export interface SealKeyOption {
  readonly sealKey?: string;
}

/** Adds the option that says where the key file is. */
export function addSealKeyOption(command: Command): Command {
  return command.option(
    '--seal-key <file>',
    'the key file (default: <origin>.seal in the folder daybook below XDG_STATE_HOME, env: DAYBOOK_SEAL_KEY)',
  );
}

/** Where the key file of a trail is: as given, else by the environment, else in the user's folder for what programs keep. */
export function sealKeyPath({ sealKey }: SealKeyOption, origin: string, { env }: Context): string {
  if (sealKey === '') throw new DaybookError('usage', '--seal-key must not be empty');
  const given = sealKey ?? (env['DAYBOOK_SEAL_KEY'] || undefined);
  if (given !== undefined) return given;
  const home = env['XDG_STATE_HOME'] || (env['HOME'] ? join(env['HOME'], '.local/state') : undefined);
  if (home === undefined) {
    throw new DaybookError('usage', 'neither HOME nor XDG_STATE_HOME is set: --seal-key says where the key file is');
  }
  // A name may hold what would be a folder.
  const name = origin.replaceAll(/[^A-Za-z0-9._-]/gu, (sign) => encodeURIComponent(sign));
  return join(home, 'daybook', `${name}.seal`);
}

/** The key file of a trail where it is at hand, and null where it is not. */
export async function sealKeyAtHand(
  option: SealKeyOption,
  origin: string | undefined,
  context: Context,
): Promise<SealKey | null> {
  if (origin === undefined) return null;
  const { readSealKey } = await import('../operations/seal-key.js');
  const named = option.sealKey !== undefined;
  try {
    const key = readSealKey(sealKeyPath(option, origin, context));
    // Another trail's key says nothing of this one.
    return named || key.key.name === origin ? key : null;
  } catch (error) {
    if (!named && error instanceof DaybookError && ['missing', 'usage'].includes(error.kind)) return null;
    throw error;
  }
}
