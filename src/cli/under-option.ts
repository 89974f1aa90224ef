import { DaybookError } from '../core/errors.js';

/** Puts the name of an option before what is wrong with its value. */
export function underOption<T>(option: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DaybookError) throw new DaybookError(error.kind, `${option}: ${error.message}`);
    throw error;
  }
}
