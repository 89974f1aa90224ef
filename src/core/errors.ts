/** What went wrong, in the words of the contract; src/cli turns each into its exit code. */
export type ErrorKind = 'failed' | 'usage' | 'findings' | 'missing' | 'busy' | 'data' | 'refused' | 'interrupted';

/** By which an error of any copy of this package is known: two copies have two classes, and one of these. */
const BRAND: unique symbol = Symbol.for('daybook.DaybookError');

export interface ErrorDetails {
  readonly hint?: string;
  readonly cause?: unknown;
  /** Which of the values that were given is wrong, */
  readonly field?: string;
  /** and the value itself. */
  readonly value?: unknown;
}

/**
 * An error that its reader can act on: `message` says what is wrong with the value (lower case, no final period),
 * `field` and `value` which one it is where it is one, `hint` is an exact command that helps, where there is one; a
 * leading `…` stands for the command as it was given.
 */
export class DaybookError extends Error {
  readonly kind: ErrorKind;
  /** The program's: the library gives none. */
  readonly hint: string | undefined;
  readonly field: string | undefined;
  readonly value: unknown;

  constructor(kind: ErrorKind, message: string, { hint, cause, field, value }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DaybookError';
    this.kind = kind;
    this.hint = hint;
    this.field = field;
    this.value = value;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether something that was thrown is an error of daybook's, whichever copy of the package threw it.
 *
 * @example
 * try {
 *   await trail.record({ action: 'login', severity: 'fatal' });
 * } catch (error) {
 *   if (isDaybookError(error) && error.kind === 'data') console.log(error.field, error.value);
 *   else throw error;
 * }
 */
export function isDaybookError(thrown: unknown): thrown is DaybookError {
  return typeof thrown === 'object' && thrown !== null && BRAND in thrown;
}

/**
 * What the database or a file itself fails with. It does not know what it was asked for: whoever asked says what is done
 * and what is not.
 */
export class ResourceError extends DaybookError {}

/** What is refused as it stands, and may be well in a moment: whoever waits for a lock tries it again. */
export class MayPass extends DaybookError {}

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
