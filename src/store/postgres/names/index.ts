export { namesOf } from './names-of-groups.js';
export { directoryOf } from './room.js';
