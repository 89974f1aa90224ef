import type { ErrorKind } from '../core/errors.js';

/** The exit codes of the contract. */
export const EXIT_CODES: Readonly<Record<'done' | ErrorKind, number>> = {
  done: 0,
  failed: 1,
  usage: 2,
  findings: 3,
  missing: 4,
  busy: 5,
  data: 6,
  refused: 7,
  interrupted: 130,
};
