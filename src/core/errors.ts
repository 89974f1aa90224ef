/** What went wrong, in the words of the contract; src/cli turns each into its exit code. */
export type ErrorKind = 'failed' | 'usage' | 'findings' | 'missing' | 'busy' | 'data' | 'refused' | 'interrupted';

/**
 * An error that its reader can act on: `message` says what is wrong with the value (lower case, no final period),
 * `hint` is an exact command that helps, where there is one; a leading `…` stands for the command as it was given.
 */
export class DaybookError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DaybookError';
    this.kind = kind;
    this.hint = options.hint;
  }
}

/**
 * What the database or a file itself fails with. It does not know what it was asked for: whoever asked says what is done
 * and what is not.
 */
export class ResourceError extends DaybookError {}

/** The error for a database that is not what was written into it. */
export class Damaged extends ResourceError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super('missing', message, options);
  }
}

/** Ends a command with a code of somebody else's contract; what there is to say is said by then. */
export class ExitWith extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/** Another program deleted, moved or replaced a database while it was open: what was written is not where it was meant. */
export class FileGone extends DaybookError {
  constructor(message: string, cause?: unknown) {
    super('failed', message, { cause });
  }
}

/** The error for a file that the system does not let us read; `named` is how it was given. */
export function unreadable(named: string, cause: unknown): DaybookError {
  const { code } = cause as NodeJS.ErrnoException;
  const reason = UNREADABLE[code ?? ''] ?? code ?? String(cause);
  return new DaybookError('data', `${named}: the file cannot be read (${reason})`, { cause });
}

/** What the system calls the reasons that are met most, in words. */
const UNREADABLE: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such file',
};
