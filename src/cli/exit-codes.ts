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

/** The signals that ask the program to end, and its exit code then: what a shell says of a program that they killed. */
export const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type EndingSignal = keyof typeof SIGNAL_CODES;
