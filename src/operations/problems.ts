import type { Capture } from '../core/capture.js';
import { addressOf } from '../core/address.js';
import { mirrorName } from '../core/mirror.js';
import type { Mirror } from '../core/mirror.js';
import type { PolicyProblem } from '../core/policy.js';
import type { PruneAccount, Tally } from '../core/prune-account.js';
import { shellWord } from '../core/shell.js';
import type { ForeignTrigger, StoreFacts } from '../store/audit-store.js';
import { LARGE_LOG } from './log-size.js';

/** All that the checks look at. */
export interface Findings {
  readonly database: string;
  readonly facts: StoreFacts;
  /** How many entries have been due for longer than the grace, and the grace as it was given. */
  readonly overdue: { readonly count: number; readonly grace: string };
  readonly cutOff: readonly PruneAccount[];
  readonly missed: readonly { readonly checkpoint: string; readonly count: number }[];
  readonly captures: readonly Capture[];
  readonly mirrors: readonly Mirror[];
  /** The actor of a context that was left behind, or null. */
  readonly leaked: string | null;
  /** What is wrong with the retention policies. */
  readonly policies: readonly PolicyProblem[];
  /** Rows of ours that another program spoiled. */
  readonly unreadable: readonly { readonly message: string }[];
  readonly foreignTriggers: readonly ForeignTrigger[];
  /** Whether what is unaccounted for is a problem. */
  readonly strict: boolean;
  /** What is wrong with the seals, where there are any. */
  readonly seals: SealProblems;
  /** What a look at every page and row has found; nothing where nobody asked for one. */
  readonly damage: readonly string[];
}

interface SealProblems {
  /** Since when an entry has waited for longer than the grace, or null. */
  readonly waitingSince: string | null;
  /** How many entries are sealed, and how many the key has sealed, where that is more. */
  readonly behind: { readonly there: number; readonly signed: number } | null;
}

/** One kind of problem. */
interface Check {
  /** What Nagios makes of it: 2, critical, for what loses or lost entries, else 1, a warning. */
  readonly nagios: 1 | 2;
  /** What it is, for the docs. */
  readonly about: string;
  /** What there is of it: each in a sentence that says the way out. */
  readonly find: (findings: Findings) => readonly string[];
}

/** Every problem that `status` can tell of: a code of the contract, how bad it is, and how it is found. */
export const CHECKS = {
  overdue: {
    nagios: 1,
    about: 'entries have been due for longer than the grace',
    find: ({ overdue: { count, grace } }) =>
      count > 0 ? [`${count} entries have been due for more than ${grace}: is daybook prune run?`] : [],
  },
  prune_cut_off: {
    nagios: 1,
    about: 'a prune ended before it was done',
    find: ({ cutOff }) =>
      cutOff.map(
        (account) =>
          `the ${account.command} that ${account.actor} began at ${account.startedAt} was cut off after ${account.deleted} entries: run it again`,
      ),
  },
  schema_object_missing: {
    nagios: 2,
    about: 'a guard or an index of the trail is missing or was changed',
    find: ({ facts }) => facts.missing.map((name) => `${name} is missing or was changed: daybook init puts it back`),
  },
  wal_large: {
    nagios: 1,
    about: 'the write-ahead log has grown to more than 256 MiB',
    find: ({ facts: { bytes } }) =>
      bytes.wal !== null && bytes.wal > LARGE_LOG
        ? [`the write-ahead log has grown to ${bytes.wal} bytes: some reader keeps a transaction open`]
        : [],
  },
  future_entries: {
    nagios: 1,
    about: 'entries are dated in the future',
    find: ({ facts: { future } }) =>
      future > 0 ? [`${future} entries are dated in the future: was a clock wrong?`] : [],
  },
  checkpoint_missed: {
    nagios: 2,
    about: 'a prune took entries before an `export --checkpoint` had seen them',
    find: ({ missed }) =>
      missed.map(
        ({ checkpoint, count }) => `${count} entries were pruned before checkpoint ${checkpoint} had exported them`,
      ),
  },
  capture_gap: {
    nagios: 2,
    about: 'rows of a captured table may change without an entry',
    find: captureGaps,
  },
  mirror_broken: {
    nagios: 1,
    about: 'a column no longer shows its entries',
    find: brokenMirrors,
  },
  context_left: {
    nagios: 1,
    about: 'a transaction left its context behind',
    find: ({ leaked }) =>
      leaked === null
        ? []
        : [`a transaction left the context of ${leaked} behind: it must clear it before it commits (docs/capture.md)`],
  },
  guard_open: {
    nagios: 2,
    about: 'the guard against deleting stands open: every program can delete entries',
    find: ({ facts: { guardOpen } }) =>
      guardOpen.length === 0
        ? []
        : [
            `the guard against deleting stands open (deleting = 1 in daybook_prunes, prune ${guardOpen.join(', ')}), so every program can delete entries: daybook init closes it; then look for what is missing`,
          ],
  },
  unaccounted: {
    nagios: 2,
    about: 'entries are gone that no prune accounts for; a problem with `--strict` alone',
    find: ({ strict, facts }) => (strict && unaccountedOf(facts.tally) !== 0 ? [unaccountedText(facts)] : []),
  },
  foreign_trigger: {
    nagios: 2,
    about: "a trigger on the trail is not daybook's: it can delete entries or keep them out",
    find: ({ foreignTriggers, database }) =>
      foreignTriggers.map(({ name, table, namedLikeOurs }) => {
        const what = `trigger ${name} on ${table} is not daybook's, and can delete entries or keep them out`;
        const drop = dropped(database, name, table);
        return `${what}: ${namedLikeOurs ? 'daybook init puts ours in its place' : `unless an application needs it, ${drop}`}`;
      }),
  },
  definition: {
    nagios: 1,
    about: 'a table of the trail is not defined as daybook makes it: its rules may be gone',
    find: ({ facts: { definition } }) =>
      definition.map(
        (name) =>
          `${name} is missing or not defined as daybook makes it, so its rules may be gone: look for what they would have refused with status --check --deep, and move to a new trail with export and record --stdin, or restore a backup`,
      ),
  },
  seq_exhausted: {
    nagios: 2,
    about: 'the numbers of entries come to their end, and recording with them',
    find: ({ facts: { tally, lastSeq } }) => {
      const left = LAST_NUMBER - Math.max(tally.sequence, lastSeq);
      if (left >= FEW_NUMBERS) return [];
      const way =
        LAST_NUMBER - lastSeq < FEW_NUMBERS
          ? 'move to a new trail with export and record --stdin'
          : `no entry has such a number, so sqlite_sequence was changed: set it back to the greatest that was ever given, which is ${Math.max(lastSeq, tally.accounted)} or more`;
      return [`only ${Math.max(left, 0)} numbers are left for entries, then nothing can be recorded: ${way}`];
    },
  },
  disk_low: {
    nagios: 1,
    about: 'the disk has less room than the write-ahead log and a prune need',
    find: ({ facts: { bytes } }) => {
      const need = roomNeeded(bytes);
      return bytes.disk_free !== null && bytes.disk_free < need
        ? [
            `the disk has ${bytes.disk_free} bytes free, and the log and a prune may need ${need}: make room before recording fails`,
          ]
        : [];
    },
  },
  linked: {
    nagios: 1,
    about: 'the file has several names (hard links): who opens another of them misses the write-ahead log',
    find: ({ database, facts: { links } }) =>
      links > 1
        ? [
            `the file has ${links} names, and a program that opens another of them misses the log of this one, and can damage it: find the others with find / -xdev -samefile ${shellWord(database)}, and copy with daybook backup instead`,
          ]
        : [],
  },
  wide_rights: {
    nagios: 1,
    about: 'a role of the database may do more to the trail than record and read',
    find: ({ facts: { wideRights = [] } }) =>
      wideRights.map((revoke) => `a role may do more to the trail than record and read: ${revoke}`),
  },
  policy_changed: {
    nagios: 2,
    about: 'a retention policy was changed, made or removed by other means than `daybook retention`',
    find: ({ policies }) => policies.filter(({ code }) => code === 'policy_changed').map(({ message }) => message),
  },
  unreadable_row: {
    nagios: 1,
    about: "a row of daybook's own settings cannot be read",
    find: ({ policies, unreadable }) =>
      [...policies.filter(({ code }) => code === 'unreadable_row'), ...unreadable].map(({ message }) => message),
  },
  stale: {
    nagios: 1,
    about: 'entries have waited for a seal for longer than the grace',
    find: ({ seals: { waitingSince }, overdue: { grace } }) =>
      waitingSince === null
        ? []
        : [`entries have waited for a seal since ${waitingSince}, longer than ${grace}: is daybook seal run?`],
  },
  behind: {
    nagios: 2,
    about: 'the trail is shorter than what the key has sealed: entries and seals were cut away, or a copy was restored',
    find: ({ seals: { behind } }) =>
      behind === null
        ? []
        : [
            `the trail is sealed up to ${behind.there} entries, and its key has sealed ${behind.signed}: bring the newer database back, or, where it is lost, go on from the restored one with daybook seal resume`,
          ],
  },
  corrupt: {
    nagios: 2,
    about: 'pages, indexes or entries are damaged; only `--deep` looks',
    find: ({ damage, database }) =>
      damage.length === 0
        ? []
        : [
            `the file is damaged (${damage.slice(0, DAMAGE_SHOWN).join('; ')}${damage.length > DAMAGE_SHOWN ? `; and ${damage.length - DAMAGE_SHOWN} more` : ''}): restore a backup that passes --deep; where only indexes are wrong, sqlite3 ${shellWord(database)} REINDEX makes them again`,
          ],
  },
} as const satisfies Record<string, Check>;

export type ProblemCode = keyof typeof CHECKS;

/** Every code in the order in which problems are told. */
export const PROBLEM_CODES = Object.keys(CHECKS) as readonly ProblemCode[];

export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
}

/** What is wrong, by everything that was found. */
export function problemsIn(findings: Findings): Problem[] {
  return PROBLEM_CODES.flatMap((code) => CHECKS[code].find(findings).map((message) => ({ code, message })));
}

/** What is wrong with captures and mirrors alone: rows change without an entry, or entries are not shown. */
export function triggerProblems(findings: Pick<Findings, 'captures' | 'mirrors'>): Problem[] {
  return [
    ...captureGaps(findings).map((message): Problem => ({ code: 'capture_gap', message })),
    ...brokenMirrors(findings).map((message): Problem => ({ code: 'mirror_broken', message })),
  ];
}

function captureGaps({ captures }: Pick<Findings, 'captures'>): string[] {
  return captures.flatMap(({ table, problem }) =>
    problem === null
      ? []
      : [
          `captured table ${table} ${problem}: changes may go unrecorded until daybook capture refresh ${shellWord(table)}`,
        ],
  );
}

function brokenMirrors({ mirrors }: Pick<Findings, 'mirrors'>): string[] {
  return mirrors.flatMap((mirror) => {
    if (mirror.problem === null) return [];
    const name = mirrorName(mirror);
    const again = mirror.isThere ? 'daybook mirror add shows the entries again, ' : '';
    return [`mirror ${name} ${mirror.problem}: ${again}daybook mirror remove ${shellWord(name)} ends it`];
  });
}

/** How many seqs have neither an entry nor an account of a prune; below zero where there is more than was ever given. */
export function unaccountedOf({ accounted, sequence }: Tally): number {
  return sequence - accounted;
}

function unaccountedText({ tally, fewerUnaccounted }: StoreFacts): string {
  const count = unaccountedOf(tally);
  const since =
    fewerUnaccounted === null ? '' : `, some of them since entry ${fewerUnaccounted}, whose prune counted fewer`;
  const way = 'compare with a backup or an archive';
  return count > 0
    ? `${count} numbers have neither an entry nor a prune that accounts for it${since}: entries were deleted by hand, or INSERT OR IGNORE took numbers for nothing; ${way}`
    : `${-count} more entries are there or accounted for than numbers were given${since}: sqlite_sequence or an account of a prune was changed by hand; ${way}`;
}

/** The greatest seq that the table allows. */
const LAST_NUMBER = Number.MAX_SAFE_INTEGER;

/** A year of recording without a pause, at thirty thousand a second. */
const FEW_NUMBERS = 1_000_000_000_000;

/** So many words of what is damaged are enough to see what kind it is. */
const DAMAGE_SHOWN = 3;

/** The command that drops a trigger. */
function dropped(database: string, name: string, table: string): string {
  const trigger = `DROP TRIGGER "${name.replaceAll('"', '""')}"`;
  return addressOf(database).engine === 'sqlite'
    ? `sqlite3 ${shellWord(database)} ${shellWord(trigger)}`
    : `psql ${shellWord(database)} -c ${shellWord(`${trigger} ON ${table}`)}`;
}

/** The log flows back when it has so many bytes, unless somebody reads. */
const USUAL_LOG = 4 * 1024 * 1024;

/** What the log holds may make the file longer; beyond that, a prune writes each page of the file to it, up to a bound. */
function roomNeeded({ file, wal }: StoreFacts['bytes']): number {
  return (wal ?? 0) + Math.min(file ?? 0, LARGE_LOG) + USUAL_LOG;
}
