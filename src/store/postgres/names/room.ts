import type { Names } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { changeActor, readActors, readMeant, readNames } from './directory.js';

/** What keeps the directory of names. */
export function directoryOf({ connection, clock, read, write }: Session): Omit<Names, 'importNames'> {
  return {
    actors: (query) => read(() => readActors(connection, query)),
    actorNames: (actors) => read(() => readNames(connection, actors)),
    actorsMeant: (texts) => read(() => readMeant(connection, texts)),
    changeActor: (actor, change) => write(() => changeActor(connection, actor, change, clock)),
  };
}
