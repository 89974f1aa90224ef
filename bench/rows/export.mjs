import { rmSync, statSync } from 'node:fs';
import { COLUMNS } from '../entries.mjs';
import { daybook, inTurns, median, run } from '../measure.mjs';

const QUERY = `SELECT seq, ${COLUMNS.join(', ')} FROM daybook_entries ORDER BY ts_ms, seq`;

/** `export` to a file against the sqlite3 shell with the same rows and columns in the same order, to a file. */
function exporting(format, mode, atLeast) {
  return {
    name: format,
    what: `\`export --format ${format}\`, to a file`,
    against: `the sqlite3 shell's \`.mode ${mode}\``,
    unit: 'entries/s',
    atLeast,
    sizes: 'all',
    needs: 'sqlite3',
    measure: async ({ files, size }) => {
      const database = await files.trail(size);
      const output = await files.fresh(`export.${format}`);
      const shell = ['sqlite3', '-readonly', '-header', `-${mode}`, database, QUERY];
      const contest = async (work) => {
        const { ms } = await work();
        if (statSync(output).size < size * 100) throw new Error(`an export of ${size} entries came out short`);
        rmSync(output);
        return size / (ms / 1000);
      };
      const words = ['--db', database, '--quiet', 'export', '--format', format, '--output', output];
      const [rates, shellRates] = await inTurns(size > 200_000 ? 5 : 9, [
        () => contest(() => run(daybook(...words))),
        () => contest(() => run(shell, { output })),
      ]);
      return { ours: median(rates), theirs: median(shellRates) };
    },
  };
}

export const ndjson = exporting('ndjson', 'json', 1);
export const csv = exporting('csv', 'csv', 0.5);
