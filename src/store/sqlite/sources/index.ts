export { openSourceDatabase } from './source.js';
export { openRehearsed } from './rehearsed.js';
export { openSorter } from './sorter.js';
export type { RehearsedEntries } from './rehearsed.js';
export type { Sorter } from './sorter.js';
