import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { age } from '../earlier.mjs';
import { daybook, helper, inTurns, median, run, start } from '../measure.mjs';

const ROUNDS = 5;
const ROWS = 10_000;
const TRANSACTIONS = 500;

const TABLE = `
CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT UNIQUE,
  city TEXT,
  balance REAL,
  level INTEGER,
  note TEXT,
  active INTEGER,
  rank INTEGER,
  updated_at TEXT
);
`;
const COLUMNS = ['id', 'name', 'email', 'city', 'balance', 'level', 'note', 'active', 'rank', 'updated_at'];

/** What somebody would write who only wants the rows kept: no fields that changed, no replaced rows, no context. */
function byHand() {
  const row = (prefix) => `json_object(${COLUMNS.map((name) => `'${name}', ${prefix}.${name}`).join(', ')})`;
  const trigger = (event, prefix, columns, values) => `
CREATE TRIGGER by_hand_${event} AFTER ${event} ON customers BEGIN
  INSERT INTO daybook_entries (action, entity_type, entity_id, ${columns}) VALUES ('${event}', 'customers', ${prefix}.id, ${values});
END;`;
  return [
    trigger('INSERT', 'NEW', 'new_values', row('NEW')),
    trigger('UPDATE', 'NEW', 'old_values, new_values', `${row('OLD')}, ${row('NEW')}`),
    trigger('DELETE', 'OLD', 'old_values', row('OLD')),
  ].join('');
}

/** A database with the table, and with what records its changes: capture, that of schema 4, triggers by hand, or nothing. */
async function database(files, recording) {
  const file = await files.fresh(`${recording}.db`);
  let connection = new Database(file);
  connection.pragma('journal_mode = WAL');
  connection.exec(TABLE);
  connection.close();
  await run(daybook('--db', file, 'init', '--alongside'));
  if (recording === 'capture' || recording === EARLIER) await run(daybook('--db', file, 'capture', 'add', 'customers'));
  if (recording === EARLIER) await age(file);
  connection = new Database(file);
  connection.pragma('synchronous = FULL');
  if (recording === 'by hand') connection.exec(byHand());
  return { file, connection };
}

const EARLIER = 'schema 4';

const STATEMENTS = {
  INSERT: [
    'INSERT INTO customers (name, email, city, balance, level, note, active, rank, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    (at) => [
      `name ${at}`,
      `c${at}@example.org`,
      'Berlin',
      at / 4,
      at % 9,
      'likes long notes',
      1,
      at,
      '2026-03-05T14:07:09Z',
    ],
  ],
  UPDATE: ['UPDATE customers SET balance = ?, note = ? WHERE id = ?', (at) => [at / 8, `another note ${at}`, at]],
  REPLACE: [
    'REPLACE INTO customers (id, name, email, city, level) VALUES (?, ?, ?, ?, ?)',
    (at) => [at, `new name ${at}`, `c${at}@example.org`, 'Paris', at % 7],
  ],
  DELETE: ['DELETE FROM customers WHERE id = ?', (at) => [at]],
};

/** Milliseconds of processor time so far: others at work on the machine do not count. */
function spent() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds for each kind of statement, all rows of one in one transaction. */
async function inOneTransaction(files, recording) {
  const { file, connection } = await database(files, recording);
  const times = {};
  for (const [kind, [sql, values]] of Object.entries(STATEMENTS)) {
    const statement = connection.prepare(sql);
    const began = spent();
    connection.transaction(() => {
      for (let at = 1; at <= ROWS; at++) statement.run(...values(at));
    })();
    times[kind] = spent() - began;
  }
  connection.close();
  files.removeDatabase(file);
  return times;
}

async function oneByOne(files, recording) {
  const { file, connection } = await database(files, recording);
  const [sql, values] = STATEMENTS.INSERT;
  const statement = connection.prepare(sql);
  const began = performance.now();
  for (let at = 1; at <= TRANSACTIONS; at++) statement.run(...values(at));
  const elapsed = performance.now() - began;
  connection.close();
  files.removeDatabase(file);
  return elapsed;
}

/** Of two ways of recording, each kind of statement is measured once for all of its rows. */
function comparing(theirs) {
  let measured;
  return (files) => {
    measured ??= inTurns(
      ROUNDS,
      ['capture', theirs].map((recording) => () => inOneTransaction(files, recording)),
    );
    return measured;
  };
}

function capturing(theirs, against, atMost) {
  const measured = comparing(theirs);
  return Object.keys(STATEMENTS).map((kind) => ({
    name: `capture-${theirs.replaceAll(' ', '-')}-${kind.toLowerCase()}`,
    what: `${ROWS.toLocaleString('en-US')} captured ${kind}s in one transaction`,
    against,
    unit: 'ms',
    atMost,
    measure: async ({ files }) => {
      const [ours, others] = await measured(files);
      return {
        ours: median(ours.map((times) => times[kind])),
        theirs: median(others.map((times) => times[kind])),
        ...(atMost === undefined ? { unjudged: 'not judged' } : {}),
      };
    },
  }));
}

export const captureInBulk = [
  ...capturing('by hand', 'a trigger by hand into the same table', 1.25),
  ...capturing(EARLIER, 'the triggers of a daybook of schema 4', 1.1),
  ...capturing('nothing', 'the table without capture'),
];

export const captureOneByOne = {
  name: 'capture-one-by-one',
  what: 'a captured INSERT a transaction, with full sync',
  against: 'the table without capture',
  unit: 'ms',
  atMost: 2.5,
  measure: async ({ files }) => {
    const [ours, theirs] = await inTurns(
      ROUNDS,
      ['capture', 'nothing'].map((recording) => () => oneByOne(files, recording)),
    );
    return { ours: median(ours) / TRANSACTIONS, theirs: median(theirs) / TRANSACTIONS };
  },
};

const MANY = 100;

/** A database with many tables of ten columns, under capture, that of schema 4, or nothing, and one beside them. */
async function manyTables(files, recording) {
  const file = await files.fresh(`many-${recording}.db`);
  const names = Array.from({ length: MANY }, (_, at) => `customers_${at}`);
  const connection = new Database(file);
  for (const name of names) connection.exec(TABLE.replace('customers', name));
  connection.exec('CREATE TABLE other (id INTEGER PRIMARY KEY, name TEXT)');
  connection.close();
  await run(daybook('--db', file, 'init', '--alongside'));
  if (recording !== 'nothing') await run(daybook('--db', file, 'capture', 'add', ...names));
  if (recording === EARLIER) await age(file);
  return file;
}

/**
 * Milliseconds that a fresh process takes to open a database and read its schema, and how many more to rename a column of a
 * table that is not captured. The shell's SQLite is the system's, which reads triggers more slowly than the bundled one.
 */
async function atRest(files, recording) {
  const file = await manyTables(files, recording);
  const shell = (sql) => run(['sqlite3', file, sql]);
  const open = await shell('SELECT 1 FROM other');
  const alter = await shell('ALTER TABLE other RENAME COLUMN name TO title');
  files.removeDatabase(file);
  return { open: open.ms, alter: alter.ms - open.ms };
}

let rested;

function resting(what, words, theirs, against, atMost) {
  return {
    name: `capture-${what}-${MANY}${theirs === EARLIER ? '-schema-4' : ''}`,
    what: words,
    against,
    unit: 'ms',
    atMost,
    needs: 'sqlite3',
    measure: async ({ files }) => {
      rested ??= inTurns(
        3,
        ['capture', 'nothing', EARLIER].map((recording) => () => atRest(files, recording)),
      );
      const [ours, bare, earlier] = await rested;
      return {
        ours: median(ours.map((times) => times[what])),
        theirs: median((theirs === EARLIER ? earlier : bare).map((times) => times[what])),
        ...(atMost === undefined ? { unjudged: 'not judged' } : {}),
      };
    },
  };
}

const OPENING = ['open', `opening a database with ${MANY} captured tables of ten columns, and reading its schema`];
const ALTERING = ['alter', `RENAME COLUMN of another table beside ${MANY} captured ones`];

export const captureAtRest = [
  resting(...OPENING, 'nothing', 'the same without capture'),
  resting(...ALTERING, 'nothing', 'the same without capture'),
  resting(...OPENING, EARLIER, 'the same with the triggers of schema 4', 0.2),
  resting(...ALTERING, EARLIER, 'the same with the triggers of schema 4', 0.125),
];

/** The triggers of schema 4 of many tables are brought over while another program records. */
async function renewing(files) {
  const file = await manyTables(files, EARLIER);
  const writer = start(helper('writer.mjs', file));
  await sleep(1000);
  await run(daybook('--db', file, 'init'));
  const beside = await writer.stop();
  const left = new Database(file, { readonly: true });
  const renewed = left.prepare("SELECT count(*) FROM daybook_entries WHERE action = 'capture_refresh'").pluck().get();
  left.close();
  if (renewed !== MANY) throw new Error(`${renewed} of ${MANY} captures were brought over`);
  const alone = start(helper('writer.mjs', file));
  await sleep(5000);
  const undisturbed = await alone.stop();
  files.removeDatabase(file);
  return { beside, undisturbed };
}

export const captureRenewed = {
  name: 'capture-renew-wait',
  what: `longest wait of a writer beside \`init\` that brings over the old triggers of ${MANY} tables`,
  against: 'its longest wait with nobody else',
  unit: 'ms',
  measure: async ({ files }) => {
    const [rounds] = await inTurns(1, [() => renewing(files)], { warmUp: false });
    return {
      ours: Math.max(...rounds.map(({ beside }) => beside.longest)),
      theirs: Math.max(...rounds.map(({ undisturbed }) => undisturbed.longest)),
      unjudged: 'not judged',
      note: rounds
        .map(({ beside }) => `${Math.round(beside.longest)} (99 %: ${Math.round(beside.p99)}, of ${beside.count})`)
        .join(', '),
    };
  },
};
