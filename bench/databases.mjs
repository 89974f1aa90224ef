// The files that rows measure on: made once for a run, copied where a row changes them, gone at the end.
import { copyFileSync, constants, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { COLUMNS, dominantEntries, entries, signedEntries, valuesOf } from './entries.mjs';
import { fill } from './fill.mjs';
import { fillActivityLog, ledgrabEntries } from './ledgrab.mjs';
import { daybook, run } from './measure.mjs';

/** A folder with what is made in it. Nothing is made before it is asked for. */
export function createFiles() {
  const folder = mkdtempSync(path.join(tmpdir(), 'daybook-bench-'));
  const made = new Map();
  const once = (name, make) => {
    const file = path.join(folder, name);
    if (!made.has(name)) made.set(name, make(file));
    return Promise.resolve(made.get(name)).then(() => file);
  };
  let copies = 0;

  return {
    folder,
    /** A trail of so many entries, as the real histories are. */
    trail: (count) => once(`trail-${count}.db`, (file) => fillTrail(file, entries(count))),
    /** A trail in which more than half match each filter. */
    dominant: (count) => once(`dominant-${count}.db`, (file) => fillTrail(file, dominantEntries(count))),
    /** A trail with all that reports count. */
    signed: (count) => once(`signed-${count}.db`, (file) => fillTrail(file, signedEntries(count))),
    /** LedGrab's log of so many entries. */
    activityLog: (count) =>
      once(`activity-log-${count}.db`, (file) => fillActivityLog(file, ledgrabEntries(entries(count)))),
    /** The lines of so many entries, for `record --stdin`. */
    lines: (count, withIds) =>
      once(`lines-${count}-${withIds ? 'with' : 'without'}-ids.ndjson`, (file) => writeLines(file, count, withIds)),
    /** A file of nothing, for Node to run. */
    async fresh(name) {
      copies += 1;
      return path.join(folder, `${copies}-${name}`);
    },
    /** A new trail without entries. */
    async emptyTrail() {
      const file = await this.fresh('empty.db');
      await run(daybook('--db', file, 'init'));
      return file;
    },
    async copy(database) {
      const file = await this.fresh('copy.db');
      // Nobody has it open, so the log has flowed back and the file is all there is.
      copyFileSync(database, file, constants.COPYFILE_FICLONE);
      return file;
    },
    removeDatabase(file) {
      for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The statement that `daybook record` records with. */
export const INSERT = `INSERT INTO daybook_entries (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;

async function fillTrail(file, source) {
  await run(daybook('--db', file, 'init'));
  const recordedAt = '2026-05-28T20:26:40.000Z';
  fill(file, INSERT, source, (entry) => valuesOf(entry, entry.id, recordedAt));
}

async function writeLines(file, count, withIds) {
  const output = createWriteStream(file, { highWaterMark: 1024 * 1024 });
  let text = '';
  for (const { id, ...entry } of entries(count)) {
    text += `${JSON.stringify(withIds ? { id, ...entry } : entry)}\n`;
    if (text.length < 1024 * 1024) continue;
    if (!output.write(text)) await new Promise((resolve) => output.once('drain', resolve));
    text = '';
  }
  output.end(text);
  await finished(output);
}
