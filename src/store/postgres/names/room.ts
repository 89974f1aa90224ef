import type { Names } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { importNames } from './imported-list.js';
import { changeActor, readActors, readMeant, readNames } from './directory.js';

/** What keeps the directory of names. */
export function directoryOf({ connection, clock, read, write }: Session): Names {
  return {
    actors: (query) => read(() => readActors(connection, query)),
    actorNames: (actors) => read(() => readNames(connection, actors)),
    actorsMeant: (texts) => read(() => readMeant(connection, texts)),
    importNames: (list, importing) => write(() => importNames(connection, list, importing, clock), { once: true }),
    changeActor: (actor, change) => write(() => changeActor(connection, actor, change, clock)),
  };
}
