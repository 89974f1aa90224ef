import type { AuditStore } from '../audit-store.js';
import { withCheckedQuestions } from '../checked.js';
import { capturesOf, evidenceOf } from './capture/index.js';
import { openSession } from './engine/index.js';
import type { PostgresOptions } from './engine/index.js';
import { executesOf } from './exec/index.js';
import { holdsOf } from './holds/index.js';
import { mirrorsOf } from './mirrors/index.js';
import { directoryOf } from './names/index.js';
import { prunesOf, retainsOf } from './prune/index.js';
import { reportsOf } from './reports/index.js';
import { sealsOf } from './seals/index.js';
import { checkpointsOf, readsOf, recordsOf } from './trail/index.js';
import { undoesOf } from './undo/index.js';
import { upkeepOf } from './upkeep/index.js';

export { applicationTrail, isPool, withClient } from './application.js';
export { namesInTable, openSourceTable } from './sources/index.js';
export { initialize } from './upkeep/index.js';

/**
 * Opens the trail in a PostgreSQL database. Its rooms are put together here.
 * Throws kind `missing` where there is none, or one that this program does not know, and kind `busy`.
 */
export async function openPostgres(options: PostgresOptions): Promise<AuditStore> {
  const session = await openSession(options);
  return withCheckedQuestions({
    origin: { file: undefined, presence: options.presence },
    ...recordsOf(session),
    ...readsOf(session),
    ...checkpointsOf(session),
    ...reportsOf(session),
    ...retainsOf(session),
    ...prunesOf(session),
    ...directoryOf(session),
    ...upkeepOf(session),
    ...capturesOf(session),
    ...evidenceOf(session),
    ...undoesOf(session),
    ...executesOf(session),
    ...sealsOf(session),
    ...holdsOf(session),
    ...mirrorsOf(session),
    close: () => session.close(),
  });
}
