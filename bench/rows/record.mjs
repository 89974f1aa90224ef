import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { daybook, helper, inTurns, median, run } from '../measure.mjs';

/**
 * `record --stdin` against a bare prepared INSERT of the same values in batches of the same sizes, into the same table
 * without the trigger that guards it: what append-only costs is ours to make up for.
 */
function recording(ids) {
  return {
    name: `record-${ids}-ids`,
    what: `\`record --stdin\`, lines ${ids} ids`,
    against: 'a bare INSERT, no guard, same batches',
    unit: 'entries/s',
    atLeast: 0.75,
    sizes: 'all',
    measure: async ({ files, size }) => {
      const input = await files.lines(size, ids === 'with');
      let sizes;
      const ours = async () => {
        const database = await files.emptyTrail();
        const none = await run(daybook('--db', database, '--quiet', 'record', '--stdin'));
        const { ms, stdout } = await run(daybook('--db', database, '--quiet', 'record', '--stdin', '--ack'), { input });
        sizes = batchSizes(stdout);
        checkCount(database, size);
        files.removeDatabase(database);
        // Starting and ending are not recording: what a run without a line takes is left out.
        return size / ((ms - none.ms) / 1000);
      };
      const theirs = async () => {
        const database = await files.emptyTrail();
        const list = await files.fresh('sizes.json');
        if (sizes === undefined) await ours();
        writeFileSync(list, JSON.stringify(sizes));
        const { stdout } = await run(helper('insert.mjs', database, list, ids));
        checkCount(database, size);
        files.removeDatabase(database);
        return size / (JSON.parse(stdout).ms / 1000);
      };
      const [rates, bareRates] = await inTurns(size > 200_000 ? 3 : 7, [ours, theirs], { warmUp: false });
      return { ours: median(rates), theirs: median(bareRates) };
    },
  };
}

export const recordWithoutIds = recording('without');
export const recordWithIds = recording('with');

function batchSizes(acknowledgements) {
  let before = 0;
  return acknowledgements
    .trim()
    .split('\n')
    .map((line) => {
      const { recorded } = JSON.parse(line);
      const size = recorded - before;
      before = recorded;
      return size;
    });
}

function checkCount(database, count) {
  const connection = new Database(database, { readonly: true });
  const found = connection.prepare('SELECT count(*) FROM daybook_entries').pluck().get();
  connection.close();
  if (found !== count) throw new Error(`${found} entries were recorded, and not ${count}`);
}
