// What a trail in PostgreSQL costs, against what PostgreSQL's own programs take for the same.
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { COLUMNS } from '../entries.mjs';
import { daybook, helper, inTurns, median, peakMemory, run, start } from '../measure.mjs';
import { dropDatabase, filledTrail, newDatabase, psql, serverProgram, sql, url } from '../postgres.mjs';
import { openPostgresStore } from '../store.mjs';

const needs = serverProgram('initdb');
const rounds = (size) => (size > 200_000 ? 3 : 5);

const record = {
  name: 'postgres-record',
  what: '`record --stdin` in PostgreSQL',
  against: 'psql `\\copy` of the same entries into the same table',
  unit: 'entries/s',
  atLeast: 0.55,
  sizes: 'all',
  needs,
  measure: async ({ files, size }) => {
    const input = await files.lines(size, true);
    const rows = await files.fresh('rows.copy');
    const columns = COLUMNS.join(', ');
    const full = await filledTrail(files, size);
    await sql(full, `\\copy (SELECT ${columns} FROM daybook.daybook_entries ORDER BY seq) TO '${rows}'`);
    const into = async (command, options) => {
      const database = await newDatabase();
      const { ms } = await run(command(database), options);
      const found = Number(await sql(database, 'SELECT count(*) FROM daybook.daybook_entries'));
      if (found !== size) throw new Error(`${found} entries were recorded, and not ${size}`);
      await dropDatabase(database);
      return size / (ms / 1000);
    };
    const [ours, theirs] = await inTurns(
      rounds(size),
      [
        () => into((database) => daybook('--db', url(database), '--quiet', 'record', '--stdin'), { input }),
        () => into((database) => psql(database, `\\copy daybook.daybook_entries (${columns}) FROM '${rows}'`)),
      ],
      { warmUp: false },
    );
    rmSync(rows);
    return { ours: median(ours), theirs: median(theirs) };
  },
};

const PAGE = 50;

const page = {
  name: 'postgres-page',
  what: `a page of ${PAGE} in PostgreSQL, the nth`,
  against: 'the first page',
  unit: 'ms',
  atMost: 1.5,
  sizes: 'all',
  needs,
  measure: async ({ files, size }) => {
    const store = await openPostgresStore(url(await filledTrail(files, size)));
    try {
      const nth = Math.min(10_000, size / PAGE);
      const query = { filter: {}, order: 'newest', limit: PAGE, upTo: await store.mark() };
      let after;
      for (let left = (nth - 1) * PAGE; left > 0; left -= PAGE * 100) {
        const limit = Math.min(left, PAGE * 100);
        after = (await store.rows({ ...query, limit, ...(after && { after }) }, ['seq'])).next;
      }
      const took = { first: [], far: [] };
      for (let round = -10; round < 201; round++) {
        for (const [which, asked] of [
          ['first', query],
          ['far', { ...query, after }],
        ]) {
          const began = performance.now();
          const { entries } = await store.page(asked);
          if (entries.length !== PAGE) throw new Error('a page came out short');
          if (round >= 0) took[which].push(performance.now() - began);
        }
      }
      return { ours: median(took.far), theirs: median(took.first), note: `page ${nth.toLocaleString('en')}` };
    } finally {
      await store.close();
    }
  },
};

/** A line of JSON for each entry, as somebody would write it in SQL. */
const LINE = ['seq', ...COLUMNS]
  .map((column, at) => {
    const value =
      column === 'ts' || column === 'recorded_at'
        ? `to_json(to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`
        : `to_json(${column})`;
    return `'${at === 0 ? '{' : ','}"${column}":', coalesce(${value}, 'null')`;
  })
  .join(', ');
const LINES = `SELECT concat(${LINE}, '}') FROM daybook.daybook_entries ORDER BY ts, seq`;

const exporting = {
  name: 'postgres-export',
  what: '`export --format ndjson` from PostgreSQL',
  against: 'psql `\\copy` of the same lines',
  unit: 'entries/s',
  atLeast: 0.5,
  sizes: 'all',
  needs,
  measure: async ({ files, size }) => {
    const database = await filledTrail(files, size);
    const output = await files.fresh('export.ndjson');
    const contest = async (command) => {
      const { ms } = await run(command);
      if (statSync(output).size < size * 100) throw new Error(`an export of ${size} entries came out short`);
      rmSync(output);
      return size / (ms / 1000);
    };
    const words = ['--db', url(database), '--quiet', 'export', '--format', 'ndjson', '--output', output];
    const [ours, theirs] = await inTurns(rounds(size), [
      () => contest(daybook(...words)),
      () => contest(psql(database, `\\copy (${LINES}) TO '${output}'`)),
    ]);
    return { ours: median(ours), theirs: median(theirs) };
  },
};

const exportMemory = {
  name: 'postgres-export-memory',
  what: 'memory of that `export`',
  against: 'the same for a tenth of the entries',
  unit: 'MB',
  alsoAtMost: { ours: 150, words: 'under 150 MB' },
  sizes: 'largest',
  needs,
  measure: async ({ files, size }) => {
    const peak = async (count) => {
      const database = await filledTrail(files, count);
      const output = await files.fresh('export.ndjson');
      const command = daybook('--db', url(database), '--quiet', 'export', '--format', 'ndjson', '--output', output);
      const bytes = await peakMemory(command, files.folder);
      rmSync(output);
      return bytes / 1024 / 1024;
    };
    return { ours: await peak(size), theirs: await peak(size / 10) };
  },
};

const pruneWait = {
  name: 'postgres-prune-wait',
  what: 'longest wait of a writer beside `prune` of half in PostgreSQL',
  against: 'its longest wait with nobody else',
  unit: 'ms',
  atMost: 3,
  alsoAtMost: { ours: 100, words: 'under 100 ms' },
  sizes: 'largest',
  needs,
  measure: async ({ files, size }) => {
    const full = await filledTrail(files, size);
    const middle = await sql(
      full,
      `SELECT to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM daybook.daybook_entries ORDER BY ts, seq OFFSET ${size / 2} LIMIT 1`,
    );
    const beside = async (work) => {
      const database = await newDatabase(full);
      const writer = start(helper('postgres-writer.mjs', url(database)));
      await sleep(1000);
      await work(database);
      const { longest } = await writer.stop();
      await dropDatabase(database);
      return longest;
    };
    const [ours, theirs] = await inTurns(
      3,
      [
        () =>
          beside((database) => run(daybook('--db', url(database), '--quiet', 'prune', '--before', middle, '--yes'))),
        () => beside(() => sleep(10_000)),
      ],
      { warmUp: false },
    );
    return { ours: Math.max(...ours), theirs: Math.max(...theirs) };
  },
};

const ACCOUNTS = (size) => [
  `CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, email text, balance numeric NOT NULL, data jsonb, changed_at timestamptz NOT NULL DEFAULT now())`,
  `INSERT INTO accounts SELECT n, 'owner ' || n, 'user' || n || '@example.org', n, jsonb_build_object('level', n % 7, 'tags', jsonb_build_array('a', n)) FROM generate_series(1, ${size}) AS n`,
];

/** What somebody would write by hand, into the same table. */
const BY_HAND = [
  `CREATE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO daybook.daybook_entries (action, entity_type, entity_id, old_values, new_values)
     VALUES (lower(TG_OP), TG_TABLE_NAME, NEW.id, row_to_json(OLD), row_to_json(NEW));
     RETURN NULL; END $$`,
  'CREATE TRIGGER by_hand AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION by_hand()',
];

async function accounts(size, how) {
  const database = await newDatabase();
  await sql(database, ...ACCOUNTS(size), ...(how === 'by hand' ? BY_HAND : []), 'VACUUM ANALYZE accounts');
  if (how === 'captured') await run(daybook('--db', url(database), '--quiet', 'capture', 'add', 'accounts'));
  return database;
}

const captureInBulk = {
  name: 'postgres-capture-bulk',
  what: 'captured rows in PostgreSQL, all in one UPDATE',
  against: 'a trigger by hand that stores `row_to_json` of both',
  unit: 's',
  atMost: 1.3,
  sizes: 'all',
  needs,
  measure: async ({ size }) => {
    const contest = (how) => async () => {
      const database = await accounts(size, how);
      const { ms } = await run(psql(database, 'UPDATE accounts SET balance = balance + 1'));
      await dropDatabase(database);
      return ms / 1000;
    };
    const [ours, theirs] = await inTurns(3, [contest('captured'), contest('by hand')], { warmUp: false });
    return { ours: median(ours), theirs: median(theirs) };
  },
};

const captureOneByOne = {
  name: 'postgres-capture-one',
  what: 'a captured row a transaction in PostgreSQL',
  against: 'without capture',
  unit: 'ms',
  atMost: 1.5,
  needs,
  measure: async () => {
    const count = 2000;
    const contest = (how) => async () => {
      const database = await accounts(count, how);
      const { stdout } = await run(helper('postgres-changes.mjs', url(database), String(count)));
      await dropDatabase(database);
      return JSON.parse(stdout).ms / count;
    };
    const [ours, theirs] = await inTurns(3, [contest('captured'), contest('plain')], { warmUp: false });
    return { ours: median(ours), theirs: median(theirs) };
  },
};

const history = {
  name: 'postgres-history',
  what: '`daybook history -n 50` in PostgreSQL, into a pipe',
  against: 'psql with the same query, and an empty Node process',
  unit: 'ms',
  atMost: 1.6,
  sizes: 'largest',
  needs,
  measure: async ({ files, size }) => {
    const database = await filledTrail(files, size);
    const empty = await files.fresh('empty.cjs');
    writeFileSync(empty, '');
    const query = 'SELECT * FROM daybook.daybook_entries ORDER BY ts DESC, seq DESC LIMIT 50';
    const [ours, theirs] = await inTurns(31, [
      async () => (await run(daybook('--db', url(database), 'history', '-n', '50'))).ms,
      async () => (await run(psql(database, query))).ms + (await run([process.execPath, empty])).ms,
    ]);
    return { ours: median(ours), theirs: median(theirs) };
  },
};

export const postgres = [record, page, exporting, exportMemory, pruneWait, captureInBulk, captureOneByOne, history];
