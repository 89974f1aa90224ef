export { readNames } from './directory.js';
export { namesOf } from './names-of-groups.js';
export { directoryOf } from './room.js';
