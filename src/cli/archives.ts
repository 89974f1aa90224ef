import { Option } from 'commander';
import type { Command } from 'commander';
import { DaybookError } from '../core/errors.js';
import { collect } from './filters.js';

export interface ArchivesOption {
  readonly archives?: readonly string[];
}

/** `--archives` of what reads the trail, together with what was pruned from it. */
export function addArchivesOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--archives <path>',
      'also what was pruned into this archive, or those of this folder (repeatable)',
    ).argParser(collect),
  );
}

/** Refuses options that ask for the trail alone. Throws kind `usage`. */
export function expectNoArchives({ archives }: ArchivesOption, other: string): void {
  if (archives === undefined) return;
  throw new DaybookError('usage', `--archives does not go with ${other}: archives hold what was, and nothing new`);
}
