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
