import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../core/errors.js';
import { collect } from './filters.js';

export interface ArchivesOption {
  readonly archives?: readonly string[];
  readonly verify?: true;
}

/** `--archives` of what reads the trail, together with what was pruned from it. */
export function addArchivesOption(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--archives <path>',
        'also what was pruned into this archive, or those of this folder (repeatable)',
      ).argParser(collect),
    )
    .option('--verify', 'first check these archives with the files of proofs beside them');
}

/** How a trail is opened that is asked together with archives. Throws kind `usage` where there is nothing to verify. */
export function withArchivesOf({ archives, verify }: ArchivesOption): {
  readonly archives: readonly string[] | undefined;
  readonly verified: boolean;
} {
  if (verify === true && archives === undefined) {
    throw new DaybookError('usage', '--verify is about archives, and none is given: daybook verify checks the trail', {
      hint: 'daybook verify',
    });
  }
  return { archives, verified: verify === true };
}

/** Refuses options that ask for the trail alone. Throws kind `usage`. */
export function expectNoArchives({ archives }: ArchivesOption, other: string): void {
  if (archives === undefined) return;
  throw new DaybookError('usage', `--archives does not go with ${other}: archives hold what was, and nothing new`);
}
