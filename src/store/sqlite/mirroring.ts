// What the store knows of mirrors: a part that is loaded when it is needed.
export {
  addMirror,
  comparePage,
  liftMirrors,
  mirrorPrunes,
  mirrorTriggerTexts,
  readMirrors,
  reinstallMirrors,
  removeMirror,
  resolveMirror,
} from './mirrors.js';
export type { LiftedMirror } from './mirrors.js';
