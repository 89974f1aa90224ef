import { DaybookError } from '../core/errors.js';

/** Reads `--columns a,b,c`. Throws kind `usage` for a name that is not among the fields, or stands twice. */
export function readColumns<Field extends string>(
  text: string | undefined,
  fields: readonly Field[],
): readonly Field[] | undefined {
  if (text === undefined) return undefined;
  const columns = text.split(',').map((name) => {
    const field = fields.find((candidate) => candidate === name.trim());
    if (field === undefined) {
      throw new DaybookError('usage', `--columns: ${JSON.stringify(name)} is not one of ${fields.join(', ')}`);
    }
    return field;
  });
  const twice = columns.find((column, position) => columns.indexOf(column) !== position);
  if (twice !== undefined) throw new DaybookError('usage', `--columns names ${twice} twice`);
  return columns;
}
