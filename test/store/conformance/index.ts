import { afterEach, beforeEach, describe } from 'vitest';
import type { AuditStore } from '../../../src/store/audit-store.js';
import { recordAll, type Trail } from '../trail.js';
import { describeCheckpoints } from './checkpoints.js';
import { describeNames } from './names.js';
import { describePrune } from './prune.js';
import { describeReading } from './reading.js';
import { describeRecording } from './recording.js';
import { describeReports } from './reports.js';
import type { World } from './world.js';

/**
 * What an AuditStore does, said through its interface alone: any engine can be run through it. `runs` says how often a
 * property is tried where a fast engine tries it so often.
 */
export function describeStore(
  engine: string,
  makeTrail: () => Promise<Trail>,
  runs: World['runs'] = (often) => often,
): void {
  // oxlint-disable-next-line vitest/valid-title -- the title is the engine's
  describe(engine, () => {
    let trail: Trail;
    let store: AuditStore;

    beforeEach(async () => {
      trail = await makeTrail();
      store = await trail.open();
    });
    afterEach(() => trail.remove());

    const world: World = {
      trail: () => trail,
      store: () => store,
      runs,
      onNewTrail: async (work) => {
        const other = await makeTrail();
        try {
          await work(await other.open(), other);
        } finally {
          await other.remove();
        }
      },
      one: async (fields) => {
        const [outcome] = await recordAll(store, [fields]);
        const found = await store.find({ seq: outcome?.seq ?? 0 });
        if (found === undefined) throw new Error('what was recorded is not there');
        return found;
      },
    };
    describeRecording(world);
    describeReading(world);
    describeReports(world);
    describeNames(world);
    describePrune(world);
    describeCheckpoints(world);
  });
}
