import { DaybookError } from '../core/errors.js';
import { shown } from '../core/json.js';

/** A type of entities as the command line says it. Throws kind `usage` where it is none. */
export function entityTypeOf(type: string): string {
  if (type !== '' && !type.includes(':')) return type;
  throw new DaybookError('usage', `--entity-type ${shown(type)} is no type of entities: it is a word without a colon`);
}
