import { DaybookError } from '../core/errors.js';
import { didYouMean } from '../core/nearest.js';

/** Names for several fields at once. */
const SEVERAL: Readonly<Record<string, readonly string[]>> = { entity: ['entity_type', 'entity_id'] };

/** Reads `--columns a,b,c`; `entity` is its type and its id. Throws kind `usage` for a name that is not among the fields, or stands twice. */
export function readColumns<Field extends string>(
  text: string | undefined,
  fields: readonly Field[],
): readonly Field[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').flatMap((name) => SEVERAL[name.trim()] ?? [name]);
  const columns = names.map((name) => {
    const field = fields.find((candidate) => candidate === name.trim());
    if (field === undefined) {
      const meant = didYouMean(name, fields);
      throw new DaybookError('usage', `--columns: ${JSON.stringify(name)} is not one of ${fields.join(', ')}${meant}`);
    }
    return field;
  });
  const twice = columns.find((column, position) => columns.indexOf(column) !== position);
  if (twice !== undefined) throw new DaybookError('usage', `--columns names ${twice} twice`);
  return columns;
}
