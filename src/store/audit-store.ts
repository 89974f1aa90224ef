import type { Captures } from './capture.js';
import type { Checkpoints } from './checkpoints.js';
import type { Evidence } from './evidence.js';
import type { Executes } from './executing.js';
import type { Holds } from './holds.js';
import type { Mirrors } from './mirrors.js';
import type { Names } from './names.js';
import type { Prunes } from './pruning.js';
import type { Reads } from './reading.js';
import type { Records } from './recording.js';
import type { Reports } from './reports.js';
import type { Retains } from './retention.js';
import type { Seals } from './seals.js';
import type { Undoes } from './undo.js';
import type { Upkeep } from './upkeep.js';

export type * from './capture.js';
export type * from './checkpoints.js';
export type * from './evidence.js';
export type * from './executing.js';
export type * from './gathering.js';
export type * from './holds.js';
export type * from './mirrors.js';
export type * from './names.js';
export type * from './pruning.js';
export type * from './reading.js';
export type * from './recording.js';
export type * from './reports.js';
export type * from './retention.js';
export type * from './seals.js';
export type * from './undo.js';
export type * from './upkeep.js';

/**
 * One audit trail in one database. Reads see one moment each and leave nothing open behind them; writes are durable
 * when their promise resolves. Every method throws a DaybookError of kind `busy` when the database stays locked for
 * longer than its busy timeout.
 */
export interface AuditStore
  extends
    Records,
    Reads,
    Reports,
    Checkpoints,
    Retains,
    Prunes,
    Names,
    Captures,
    Evidence,
    Undoes,
    Mirrors,
    Executes,
    Seals,
    Holds,
    Upkeep {}
