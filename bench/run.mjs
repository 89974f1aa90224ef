// What daybook costs, in ratios: each row runs ours and something to compare it with in turns, on this machine, now.
//
//   npm run bench                                     every row, at 100,000 and 1,000,000 entries: about an hour
//   npm run bench -- --entries 100000                 quicker
//   npm run bench -- --only help --only csv           only these rows
//   npm run bench -- --list                           the names of the rows
//
// DAYBOOK_BENCH_DATA names a folder of *.ndjson.gz files whose entries are used instead of made-up ones.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createFiles } from './databases.mjs';
import { browseKeys, browseScreen } from './rows/browse.mjs';
import { captureAtRest, captureInBulk, captureOneByOne, captureRenewed } from './rows/capture.mjs';
import { csv, ndjson } from './rows/export.mjs';
import { imports } from './rows/import.mjs';
import { libraryRecord, libraryTransaction } from './rows/library.mjs';
import { csvMemory, importMemory, ndjsonMemory, recordingMemory } from './rows/memory.mjs';
import { mirror } from './rows/mirror.mjs';
import { pages } from './rows/pages.mjs';
import { stopServer } from './postgres.mjs';
import { postgres } from './rows/postgres.mjs';
import { pruneTime, pruneWait, pruneWaitBusy } from './rows/prune.mjs';
import { recordWithIds, recordWithoutIds } from './rows/record.mjs';
import { filledSize, vacuumedSize } from './rows/size.mjs';
import { reportMemory, reports } from './rows/report.mjs';
import {
  archivesMemory,
  heldPrune,
  sealAll,
  sealedPrune,
  sealedRecord,
  sealedSize,
  sealMemory,
  sealOne,
  verifyMemory,
  verifyTime,
} from './rows/seal.mjs';
import { help, history } from './rows/start-up.mjs';
import { rowState } from './rows/state.mjs';

const ROWS = [
  help,
  history,
  browseScreen,
  browseKeys,
  recordWithoutIds,
  recordWithIds,
  libraryRecord,
  libraryTransaction,
  imports,
  ...pages,
  ndjson,
  csv,
  ndjsonMemory,
  csvMemory,
  recordingMemory,
  importMemory,
  pruneTime,
  pruneWait,
  pruneWaitBusy,
  verifyTime,
  sealAll,
  sealOne,
  sealMemory,
  verifyMemory,
  archivesMemory,
  sealedPrune,
  heldPrune,
  sealedRecord,
  sealedSize,
  filledSize,
  vacuumedSize,
  ...captureInBulk,
  captureOneByOne,
  ...captureAtRest,
  captureRenewed,
  rowState,
  mirror,
  ...reports,
  ...reportMemory,
  ...postgres,
];

const SIZES = [100_000, 1_000_000];

const { values: options } = parseArgs({
  options: {
    entries: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    list: { type: 'boolean' },
  },
});

if (options.list) {
  console.log(ROWS.map((row) => row.name).join('\n'));
} else {
  const files = createFiles();
  try {
    await measureAll(chosenRows(), chosenSizes(), files);
  } finally {
    stopServer();
    files.remove();
  }
}

/** A name stands for all rows that begin with it: `record`, `page`. */
function chosenRows() {
  const wanted = options.only ?? [''];
  const unknown = wanted.find((name) => !ROWS.some((row) => row.name.startsWith(name)));
  if (unknown !== undefined) throw new Error(`no row begins with ${unknown}: see --list`);
  return ROWS.filter((row) => wanted.some((name) => row.name.startsWith(name)));
}

function chosenSizes() {
  const sizes = options.entries?.map(Number) ?? SIZES;
  if (sizes.some((size) => !Number.isInteger(size) || size < 1000 || size % 1000 !== 0)) {
    throw new Error('--entries takes whole thousands');
  }
  return sizes.toSorted((a, b) => a - b);
}

async function measureAll(rows, sizes, files) {
  const cells = [];
  for (const row of rows) {
    if (row.needs !== undefined && spawnSync(row.needs, ['--version']).status !== 0) {
      console.error(`${row.name}: skipped, for ${row.needs} is not there`);
      continue;
    }
    for (const size of sizesOf(row, sizes)) {
      console.error(`${row.name}${size === undefined ? '' : ` at ${size.toLocaleString('en')} entries`} …`);
      const result = await row.measure({ files, size });
      const line = described(row, size, result);
      console.error(`  ${line.slice(2).join('  ')}`);
      cells.push(line);
    }
  }
  console.log(`Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} cores\n`);
  console.log(table([['what', 'against', 'ours', 'theirs', 'ratio', 'wanted', ''], ...cells]));
}

function sizesOf(row, sizes) {
  if (row.sizes === 'all') return sizes;
  return row.sizes === 'largest' ? [sizes.at(-1)] : [undefined];
}

function described(row, size, { ours, theirs, note, unjudged }) {
  const ratio = ours / theirs;
  const wanted = [
    ...(row.atMost === undefined ? [] : [`at most ${row.atMost}x`]),
    ...(row.atLeast === undefined ? [] : [`at least ${row.atLeast}x`]),
    ...(row.alsoAtMost === undefined ? [] : [row.alsoAtMost.words]),
  ];
  const holds =
    ratio <= (row.atMost ?? Infinity) && ratio >= (row.atLeast ?? 0) && ours <= (row.alsoAtMost?.ours ?? Infinity);
  const details = [...(size === undefined ? [] : [`${size.toLocaleString('en')} entries`]), ...(note ? [note] : [])];
  return [
    details.length === 0 ? row.what : `${row.what} (${details.join(', ')})`,
    row.against,
    `${readable(ours)} ${row.unit}`,
    `${readable(theirs)} ${row.unit}`,
    `${ratio.toFixed(2)}x`,
    wanted.join(', '),
    unjudged ?? (holds ? 'holds' : '**misses**'),
  ];
}

function readable(number) {
  return number >= 1000
    ? (Math.round(number / 100) * 100).toLocaleString('en')
    : number.toFixed(number >= 100 ? 0 : number >= 1 ? 1 : 2);
}

function table([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
