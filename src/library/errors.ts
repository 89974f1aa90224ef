import { DaybookError } from '../core/errors.js';

/**
 * Runs work of the library and gives its errors to the caller without their hints: these are commands of the program, and
 * who calls a function has typed none.
 */
export function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw forCaller(error);
  }
}

/** The same for what is asynchronous. */
export async function toldLater<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw forCaller(error);
  }
}

function forCaller(error: unknown): unknown {
  if (!(error instanceof DaybookError) || error.hint === undefined) return error;
  const { kind, message, cause, field, value, stack } = error;
  const plain = new DaybookError(kind, message, {
    cause,
    ...(field !== undefined && { field }),
    value,
  });
  if (stack !== undefined) plain.stack = stack;
  return plain;
}
