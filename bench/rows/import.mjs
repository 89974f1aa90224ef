import { writeFileSync } from 'node:fs';
import { daybook, inTurns, median, run } from '../measure.mjs';

/** What LedGrab's rows become, as one statement between two tables. */
const SELECT = `INSERT INTO daybook_entries (id, ts, recorded_at, category, action, severity, actor, actor_type,
  entity_type, entity_id, entity_name, message, metadata, source)
SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', ts), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), category, action, severity, actor,
  'unknown', entity_type, entity_id, entity_name, message, metadata, 'ledgrab'
FROM source.activity_log ORDER BY seq;
`;

export const imports = {
  name: 'import',
  what: '`import ledgrab`',
  against: "the sqlite3 shell's INSERT … SELECT",
  unit: 'entries/s',
  atLeast: 0.6,
  sizes: 'all',
  needs: 'sqlite3',
  measure: async ({ files, size }) => {
    const source = await files.activityLog(size);
    const script = await files.fresh('select.sql');
    writeFileSync(script, `ATTACH '${source.replaceAll("'", "''")}' AS source;\n${SELECT}`);
    const rate = async (command, options) => {
      const database = await files.emptyTrail();
      const { ms } = await run(command(database), options);
      files.removeDatabase(database);
      return size / (ms / 1000);
    };
    const ours = () => rate((database) => daybook('--db', database, '--quiet', 'import', 'ledgrab', source));
    const theirs = () => rate((database) => ['sqlite3', database], { input: script });
    const [rates, shellRates] = await inTurns(size > 200_000 ? 3 : 5, [ours, theirs]);
    return { ours: median(rates), theirs: median(shellRates) };
  },
};
