// The entries that everything is measured on: shaped like the histories of real projects, the same in every run.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The columns that a writer gives, as `daybook record` binds them. */
export const COLUMNS = [
  'id',
  'ts',
  'recorded_at',
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'actor_name',
  'recorded_by',
  'scope',
  'entity_type',
  'entity_id',
  'entity_name',
  'message',
  'metadata',
  'old_values',
  'new_values',
  'changed_fields',
  'correlation_id',
  'reverts',
  'source',
];

/**
 * Yields `count` entries with the keys of a line of `record --stdin`, an id each. With `DAYBOOK_BENCH_DATA` they are
 * those of a folder of *.ndjson.gz files, else they are made up from a seed.
 */
export function* entries(count) {
  const folder = process.env.DAYBOOK_BENCH_DATA;
  const units = folder ? unitsOfFolder(folder, count) : madeUpUnits(random(1));
  const identify = freshIds();
  let left = count;
  for (const unit of units) {
    for (const entry of unit) {
      yield { id: identify(), ...entry };
      left -= 1;
      if (left === 0) return;
    }
  }
}

/** Yields entries of which more than half match each of the `DOMINANT` values, each field for itself. */
export function* dominantEntries(count) {
  const chance = random(3);
  for (const entry of entries(count)) {
    for (const field of Object.keys(DOMINANT)) {
      if (chance() < DOMINANT_SHARE) entry[field] = DOMINANT[field];
      else entry[field] ??= null;
    }
    yield entry;
  }
}

/**
 * Yields entries with what reports count besides: names of actors, changed fields, row changes that nobody signed, and
 * entries that are taken back.
 */
export function* signedEntries(count) {
  const chance = random(5);
  let last;
  for (const entry of entries(count)) {
    if (chance() < 0.01) {
      Object.assign(entry, {
        actor: 'unknown',
        actor_type: 'unknown',
        metadata: { table: word(skewed(chance, 9, 2)) },
      });
    } else if (chance() < 0.5) {
      entry.actor_name = `${entry.actor} by name`;
    }
    if (chance() < 0.6) {
      const fields = Array.from({ length: 1 + skewed(chance, 4, 2) }, () => word(skewed(chance, 40, 2)));
      entry.changed_fields = JSON.stringify([...new Set(fields)]);
    }
    if (last !== undefined && chance() < 0.002) entry.reverts = last;
    last = entry.id;
    yield entry;
  }
}

export const DOMINANT = {
  category: 'device',
  action: 'sync',
  severity: 'error',
  actor: 'gateway',
  actor_type: 'system',
  scope: 'tenant:42',
  entity_type: 'machine',
  entity_id: '7',
  correlation_id: 'migration-2026-03',
  source: 'ledgrab',
};

/** Type and id together are the rarest filter: 0.75 of 0.75 is still more than half. */
const DOMINANT_SHARE = 0.75;

/** The values of an entry as they are bound to an INSERT into the trail. */
export function valuesOf(entry, id, recordedAt) {
  const metadata = JSON.stringify(entry.metadata);
  return COLUMNS.map((column) => {
    switch (column) {
      case 'id':
        return id;
      case 'recorded_at':
        return recordedAt;
      case 'metadata':
        return metadata;
      default:
        return entry[column] ?? null;
    }
  });
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** UUIDs of version 7, as of a program that records ten entries in a millisecond: in order, like those of daybook. */
export function freshIds() {
  const chance = random(2);
  let serial = 0;
  return () => {
    serial += 1;
    const ms = (1_780_000_000_000 + Math.floor(serial / 10)).toString(16).padStart(12, '0');
    const counter = (serial % 10).toString(16).padStart(3, '0');
    const tail = `${hex(chance)}${hex(chance)}`.slice(0, 15);
    return `${ms.slice(0, 8)}-${ms.slice(8)}-7${counter}-8${tail.slice(0, 3)}-${tail.slice(3)}`;
  };
}

function hex(chance) {
  return Math.floor(chance() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/** Real entries, each unit of work as often in a row as it takes, a minute apart and with another correlation id. */
function* unitsOfFolder(folder, count) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz'));
  const units = files.toSorted().flatMap((name) => unitsOfFile(path.join(folder, name)));
  const known = units.reduce((sum, unit) => sum + unit.length, 0);
  if (known === 0) throw new Error('DAYBOOK_BENCH_DATA names a folder without entries in *.ndjson.gz files');
  const times = Math.ceil(count / known);
  for (const unit of units) {
    for (let repetition = 0; repetition < times; repetition++) {
      yield repetition === 0 ? unit : unit.map((entry) => repeated(entry, repetition));
    }
  }
}

function unitsOfFile(file) {
  const units = [];
  let last;
  for (const line of gunzipSync(readFileSync(file)).toString('utf8').split('\n')) {
    if (line === '') continue;
    // Times and ids are ours to give; a history of a daybook holds its own.
    const { seq: _seq, id: _id, recorded_at: _recordedAt, reverted_by: _revertedBy, ...entry } = JSON.parse(line);
    if (last === undefined || entry.correlation_id !== last[0].correlation_id) units.push((last = []));
    last.push(entry);
  }
  return units;
}

function repeated(entry, repetition) {
  const ts = new Date(Date.parse(entry.ts) + repetition * 61_000).toISOString();
  const { correlation_id: correlation } = entry;
  return correlation ? { ...entry, ts, correlation_id: `${correlation.slice(0, -4)}.${repetition}` } : { ...entry, ts };
}

// The shape of two real histories of 31,511 entries: [share of the units of work, at most so large].
const UNIT_SIZES = quantiles([
  [0, 1],
  [0.5, 1.2],
  [0.6, 2],
  [0.75, 3],
  [0.9, 6],
  [0.95, 11],
  [0.98, 17],
  [0.99, 24],
  [0.995, 33],
  [0.999, 87],
  [1, 397],
]);
const MESSAGE_LENGTHS = quantiles([
  [0, 1],
  [0.1, 15],
  [0.25, 25],
  [0.5, 50],
  [0.7, 110],
  [0.9, 200],
  [0.95, 350],
  [0.98, 600],
  [0.99, 850],
  [0.999, 1988],
  [1, 4372],
]);
/** Longer messages are of several lines, as a third of the real ones are. */
const FIRST_LINE = 72;
const ACTORS = 231;
const FOLDERS = 26;
/** So many entries to an entity: there are eleven in the real histories. */
const ENTRIES_PER_FILE = 11;
const BEGIN = Date.UTC(2008, 5, 17);
/** A quarter of an hour between two units of work: a million entries take nine years. */
const MEAN_PAUSE_MS = 900_000;

/** Units of work: some entries of one actor at one second, with one message and one correlation id. */
function* madeUpUnits(chance) {
  let now = BEGIN;
  let files = 1;
  let recorded = 0;
  for (;;) {
    now -= Math.log(1 - chance()) * MEAN_PAUSE_MS;
    // Clocks of several people: one unit in fifty is older than the one before it.
    const delay = chance() < 0.02 ? chance() * 86_400_000 : 0;
    const ts = new Date(Math.floor((now - delay) / 1000) * 1000).toISOString();
    const size = Math.floor(UNIT_SIZES(chance()));
    const shared = {
      actor: `user-${skewed(chance, ACTORS, 4)}`,
      message: message(chance, Math.round(MESSAGE_LENGTHS(chance()))),
      correlation_id: `${hex(chance)}${hex(chance)}${hex(chance)}${hex(chance)}${hex(chance)}`,
    };
    const unit = [];
    for (let position = 0; position < size; position++) {
      files = Math.max(files, Math.ceil(recorded / ENTRIES_PER_FILE));
      recorded += 1;
      unit.push({ ts, ...shared, ...change(chance, files) });
    }
    yield unit;
  }
}

function change(chance, files) {
  const file = skewed(chance, files, 2);
  // A file has one folder, and a few folders have most of the files.
  const folder = Math.floor((((file * 2654435761) % 4096) / 4096) ** 3 * FOLDERS);
  const name = `${word(file)}_${word(file * 7 + 3)}_${file}.py`;
  const entity = folder === 0 ? name : `${word(folder)}/${word(file * 3 + folder)}/${name}`;
  const kind = chance();
  const action = kind < 0.82 ? 'update' : kind < 0.92 ? 'create' : kind < 0.985 ? 'delete' : 'rename';
  return {
    category: 'entity',
    action,
    severity: action === 'delete' ? 'warning' : 'info',
    actor_type: 'user',
    scope: folder === 0 ? 'dir:.' : `dir:${word(folder)}`,
    entity_type: 'file',
    entity_id: entity,
    entity_name: name,
    metadata: action === 'rename' ? { from: `old/${entity}`, similarity: 90 + Math.floor(chance() * 11) } : {},
  };
}

/** A whole number below `count`; small ones are much more likely, the more so the greater `power` is. */
function skewed(chance, count, power) {
  return Math.floor(chance() ** power * count);
}

const WORDS =
  'audit fix the rule daemon when event log wallet payment add invoice update lnurl remove test user extension api settings node release config parse error name field key buffer check plugin format memory leak login session theme'.split(
    ' ',
  );
/** One message in ten holds one of these: what JSON escapes, CSV quotes and UTF-8 takes more bytes for. */
const RARE_WORDS = [
  'lists,',
  'names,',
  'ünïcode',
  '修正',
  '🎉',
  '"quoted"',
  '(#1234)',
  'https://example.org/issues/567',
];

function word(number) {
  return WORDS[number % WORDS.length];
}

function message(chance, length) {
  let text = '';
  let line = 0;
  while (text.length < length) {
    const words = chance() < 0.01 ? RARE_WORDS : WORDS;
    const next = words[skewed(chance, words.length, 1.3)];
    if (text === '') {
      text = next;
    } else if (line + next.length > FIRST_LINE) {
      // A first line, an empty line, and then the rest, as people write.
      text += text.includes('\n') ? `\n${next}` : `\n\n${next}`;
      line = 0;
    } else {
      text += ` ${next}`;
    }
    line += next.length + 1;
  }
  return text;
}

/** The inverse of a distribution that is known at some points. */
function quantiles(points) {
  return (share) => {
    const above = points.findIndex(([point]) => share < point);
    const [to, high] = points[above];
    const [from, low] = points[above - 1];
    return low + ((share - from) / (to - from)) * (high - low);
  };
}
