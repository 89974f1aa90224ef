import type { Reports } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { namesOf } from '../names/index.js';
import { readBursts } from './bursts.js';
import { countBetween, readGroups } from './groups.js';
import { readCourses, readHours } from './spread.js';

/** What counts entries by what they have in common. */
export function reportsOf({ connection, read }: Session): Reports {
  return {
    groups: (query) => read(() => readGroups(connection, query)),
    groupNames: (by, keys, filter) => read(() => namesOf(connection, by, keys, filter)),
    countBetween: (filter, edges, upTo) => read(() => countBetween(connection, filter, edges, upTo)),
    courses: (query) => read(() => readCourses(connection, query)),
    hours: (filter, clocks, upTo) => read(() => readHours(connection, filter, clocks, upTo)),
    bursts: (query) => read(() => readBursts(connection, query)),
  };
}
