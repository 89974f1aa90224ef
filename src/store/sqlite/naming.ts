// The directory of names: a part that is loaded when it is needed.
export { changeActor, readActors, readMeant, readNames } from './directory.js';
export { importNames } from './directory-import.js';
export { namesInTable } from './directory-source.js';
