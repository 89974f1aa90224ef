import type { Mirrors } from '../../audit-store.js';
import { writing } from '../engine/index.js';
import type { Session } from '../engine/index.js';
import { addMirror, comparePage, mirrorPrunes, readMirrors, removeMirror, resolveMirror } from './shown-columns.js';

/** What shows the latest entries in a column of an application's table. */
export function mirrorsOf({ connection, clock, read, readAtOnce, write, change, settle }: Session): Mirrors {
  return {
    mirrors: () => readAtOnce(() => readMirrors(connection)),
    resolveMirror: (request) => readAtOnce(() => resolveMirror(connection, request)),
    compareMirror: (request, after, limit) => readAtOnce(() => comparePage(connection, request, after, limit)),
    mirrorPrunes: (entityType) => read(() => mirrorPrunes(connection, entityType)),
    addMirror: async (request, mayReplace, actor) => {
      let began = 0;
      const added = await write(() => {
        began = performance.now();
        return addMirror(connection, request, mayReplace, { actor, clock });
      });
      return { ...added, lockMs: Math.round(performance.now() - began) };
    },
    removeMirror: (name, actor) =>
      change(() => writing(connection, () => removeMirror(connection, name, settle, { actor, clock }))),
  };
}
