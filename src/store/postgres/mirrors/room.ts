import type { Mirrors } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { addMirror, comparePage, mirrorPrunes, readMirrors, removeMirror, resolveMirror } from './shown-columns.js';

/** What shows the latest entries in a column of an application's table. */
export function mirrorsOf({ connection, clock, read, write, options: { schema } }: Session): Mirrors {
  return {
    mirrors: () => read(() => readMirrors(connection, schema)),
    resolveMirror: (request) => read(() => resolveMirror(connection, schema, request)),
    compareMirror: (request, after, limit) => read(() => comparePage(connection, schema, request, { after, limit })),
    mirrorPrunes: (entityType) => read(() => mirrorPrunes(connection, entityType)),
    addMirror: async (request, mayReplace, actor) => {
      let began = 0;
      const added = await write(() => {
        began = performance.now();
        return addMirror(connection, request, mayReplace, { actor, clock, schema });
      });
      return { ...added, lockMs: Math.round(performance.now() - began) };
    },
    removeMirror: (name, actor) => write(() => removeMirror(connection, name, { actor, clock, schema })),
  };
}
