import { DIRECTORY_KEYS, namedActorJson } from '../core/directory.js';
import type { NamedActor } from '../core/directory.js';
import type { Palette } from '../terminal/colour.js';
import { visible } from '../terminal/sanitize.js';
import { eachAs, jsonArray, jsonLines, nothing, type Destination, type PageFormat } from './pages.js';
import { oneLine } from './words.js';

interface DirectoryOptions extends Destination {
  readonly width: number;
  readonly palette: Palette;
  /** CSV without disarmed formulas. */
  readonly exact: boolean;
}

const cells = ({ actor, name, email }: NamedActor): string[] => [actor, name, email ?? ''];

/** The directory of names, for people or for programs; the CSV is what `actors import` takes. */
export async function directoryFormat(
  name: 'table' | 'line' | 'json' | 'ndjson' | 'csv',
  options: DirectoryOptions,
): Promise<PageFormat<NamedActor>> {
  switch (name) {
    case 'table': {
      const { plainTable } = await import('./table.js');
      return {
        begin: nothing,
        page: (actors) => plainTable([...DIRECTORY_KEYS], actors.map(cells), options),
        end: nothing,
      };
    }
    case 'line':
      return eachAs((actor) => `${cells(actor).map(oneLine).join('\t')}\n`);
    case 'ndjson':
      return jsonLines(namedActorJson, options);
    case 'json':
      return jsonArray(namedActorJson, { ...options, before: '{"actors":', behind: '}' });
    case 'csv': {
      const { csvEncoder } = await import('./csv.js');
      const { rows } = await csvEncoder([], options);
      const text = (actors: readonly NamedActor[]): string =>
        rows(actors.map(({ actor, name: called, email }) => [actor, called, email]));
      return {
        begin: () => `${DIRECTORY_KEYS.join(',')}\n`,
        page: options.terminal ? (actors) => visible(text(actors), { newlines: 'keep' }) : text,
        end: nothing,
      };
    }
  }
}
