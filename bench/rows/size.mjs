import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { entries } from '../entries.mjs';
import { fillActivityLog } from '../ledgrab.mjs';

function vacuumed(file) {
  const connection = new Database(file);
  connection.exec('VACUUM');
  connection.close();
  return statSync(file).size;
}

function sizing(state, size) {
  return {
    name: `size-${state}`,
    what: `bytes per entry, ${state === 'filled' ? 'as recorded' : 'after VACUUM'}`,
    against: "the same entries in LedGrab's table",
    unit: 'bytes',
    atMost: 1.3,
    sizes: 'largest',
    measure: async ({ files, size: count }) => {
      const ours = await files.copy(await files.trail(count));
      const theirs = await files.fresh('ledgrab.db');
      fillActivityLog(theirs, entries(count));
      const result = { ours: size(ours) / count, theirs: size(theirs) / count };
      for (const file of [ours, theirs]) files.removeDatabase(file);
      return result;
    },
  };
}

export const filledSize = sizing('filled', (file) => statSync(file).size);
export const vacuumedSize = sizing('vacuumed', vacuumed);
