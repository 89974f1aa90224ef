import { daybook, helper, inTurns, median, peakMemory, run } from '../measure.mjs';

const ROUNDS = 7;
const ROWS = 50;

/** What somebody would write who wants the same rows, but for how many entries are taken back. */
const counted = (key, condition = 'TRUE') =>
  `SELECT ${key}, count(*) AS count, min(ts_ms), max(ts_ms) FROM daybook_entries
   WHERE ${condition} GROUP BY ${key} ORDER BY count(*) DESC LIMIT ${ROWS}`;

const REPORTS = {
  actors: {
    words: ['actors'],
    sql: counted('actor').replace('count(*) AS', 'max(actor_name), count(*) AS'),
  },
  'actors by action': {
    words: ['actors', '--by', 'action'],
    sql: counted('actor, action').replace('count(*) AS', 'max(actor_name), count(*) AS'),
  },
  actions: { words: ['actions'], sql: counted('action') },
  entities: {
    words: ['entities'],
    sql: counted('entity_id, entity_type', 'entity_id IS NOT NULL').replace(
      'count(*) AS',
      'max(entity_name), count(*) AS',
    ),
  },
  scopes: { words: ['scopes'], sql: counted('scope', 'scope IS NOT NULL') },
  fields: {
    words: ['fields'],
    sql: `SELECT f.value, count(*) AS count, min(ts_ms), max(ts_ms) FROM daybook_entries AS e, json_each(e.changed_fields) AS f
          GROUP BY f.value ORDER BY count(*) DESC LIMIT ${ROWS}`,
  },
  severities: { words: ['severities'], sql: counted('severity') },
  timeline: {
    words: ['timeline'],
    sql: 'SELECT substr(ts, 1, 10) AS day, count(*) AS count FROM daybook_entries GROUP BY day',
  },
  bursts: {
    words: ['bursts'],
    sql: `SELECT actor, max(n) AS count, ts_ms FROM (
            SELECT actor, ts_ms, count(*) OVER (PARTITION BY actor ORDER BY ts_ms RANGE BETWEEN 3599999 PRECEDING AND CURRENT ROW) AS n
            FROM daybook_entries)
          GROUP BY actor HAVING count > 10 ORDER BY count DESC LIMIT ${ROWS}`,
  },
  unattributed: {
    words: ['unattributed'],
    sql: `SELECT metadata ->> '$.table' AS tab, entity_type, source, action, count(*) AS count, min(ts_ms), max(ts_ms), max(seq)
          FROM daybook_entries WHERE actor = 'unknown' GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC LIMIT ${ROWS}`,
  },
};

function timeOf(name, { words, sql }) {
  return {
    name: `report-${name.replaceAll(' ', '-')}`,
    what: `\`report ${words.join(' ')}\`, as JSON`,
    against: 'its bare SQL in better-sqlite3',
    unit: 'ms',
    atMost: 1.5,
    sizes: 'largest',
    measure: async ({ files, size }) => {
      const database = await files.signed(size);
      const timed = (command) => async () => (await run(command)).ms;
      const [ours, theirs] = await inTurns(ROUNDS, [
        timed(daybook('--db', database, 'report', ...words, '--format', 'json', '--quiet')),
        timed(helper('query.mjs', database, sql)),
      ]);
      return { ours: median(ours), theirs: median(theirs) };
    },
  };
}

export const reports = Object.entries(REPORTS).map(([name, report]) => timeOf(name, report));

/** The peak of a report for so many entries against its own for half of them: below that, SQLite's own cache still fills. */
function memoryOf(words) {
  return {
    name: `memory-report-${words[0]}`,
    what: `peak memory of \`report ${words.join(' ')}\``,
    against: 'itself at half of the entries',
    unit: 'MB',
    atMost: 1.15,
    alsoAtMost: { ours: 150, words: 'under 150 MB' },
    sizes: 'largest',
    measure: async ({ files, size }) => {
      const peaks = { ours: [], theirs: [] };
      for (let round = 0; round < 3; round++) {
        for (const [which, count] of [
          ['theirs', Math.round(size / 2)],
          ['ours', size],
        ]) {
          const database = await files.signed(count);
          const command = daybook('--db', database, 'report', ...words, '--format', 'json', '--quiet');
          peaks[which].push(await peakMemory(command, files.folder));
        }
      }
      return { ours: median(peaks.ours) / 1e6, theirs: median(peaks.theirs) / 1e6 };
    },
  };
}

export const reportMemory = [['entities'], ['bursts', '--more-than', '1'], ['fields', '--by', 'actor']].map(memoryOf);
