export { readNames } from './directory.js';
export { namesOf } from './names-of-groups.js';
export { directoryOf } from './room.js';
export { namesInTable } from './names-in-table.js';
