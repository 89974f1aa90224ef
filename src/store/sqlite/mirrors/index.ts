export { unreadableMirror, unreadableMirrors } from './shown-columns.js';
export { mirrorsOf } from './room.js';
export { liftMirrors, mirrorTriggerTexts, readMirrors, reinstallMirrors } from './shown-columns.js';
export type { LiftedMirror } from './shown-columns.js';
