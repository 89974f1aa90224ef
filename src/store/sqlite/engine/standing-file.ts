import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FileGone } from '../../../core/errors.js';

/**
 * Throws `FileGone` where another program deleted, moved or replaced a database that is open: what is written to it
 * then stands in no file of that name. `lost` says what this means to who only reads.
 */
export type ExpectStanding = (lost?: string) => void;

/**
 * Remembers which file has a name, to be called before it is opened. What it gives is told, once it is open, whether it
 * has a write-ahead log. A later change of the working directory makes no difference.
 */
export function standingFile(path: string): (logged: boolean) => ExpectStanding {
  const named = resolve(path);
  const opened = identityOf(named);
  return (logged) => {
    const log = logged ? logOf(named) : undefined;
    const openedLog = log === undefined ? undefined : identityOf(log);
    return (lost) => {
      const found = identityOf(named);
      if (found !== opened) {
        const gone = 'what this program recorded went into a file that has this name no more';
        const what = found === undefined ? 'deleted or moved' : 'replaced';
        throw new FileGone(`${path} was ${what} by another program while it was open: ${lost ?? gone}`);
      }
      // No program of good faith deletes it while another one has it open.
      if (log !== undefined && (openedLog === undefined || identityOf(log) !== openedLog)) {
        const unsure = lost ?? 'what this program recorded may be lost';
        throw new FileGone(`the log of ${path} was deleted by another program while it was open: ${unsure}`);
      }
    };
  };
}

/** It stands beside the file itself, and not beside a link to it. */
function logOf(path: string): string {
  try {
    return `${realpathSync(path)}-wal`;
  } catch {
    // It is gone already, which is told where it is asked for.
    return `${path}-wal`;
  }
}

/** Which file has a name; undefined where none has, or none can be seen. */
function identityOf(path: string): string | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  } catch {
    return undefined;
  }
}
