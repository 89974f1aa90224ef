import type { Names } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { changeActor, readActors, readMeant, readNames } from './directory.js';
import { importNames } from './imported-list.js';

/** What keeps the directory of names. */
export function directoryOf({ connection, clock, read, readAtOnce, write }: Session): Names {
  return {
    actors: (query) => read(() => readActors(connection, query)),
    actorNames: (actors) => readAtOnce(() => readNames(connection, actors)),
    actorsMeant: (texts) => readAtOnce(() => readMeant(connection, texts)),
    changeActor: (actor, change) => write(() => changeActor(connection, actor, change, clock)),
    importNames: (list, importing) => importNames(connection, list, importing, { clock, read, write }),
  };
}
