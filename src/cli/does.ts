import type { Command } from 'commander';

interface Kind {
  /** How it opens the trail. */
  readonly opens: 'read' | 'write';
  /** What it is to the command that nobody reads its output any more: enough, of no matter to its verdict, or a failure. */
  readonly closedOutput: 'enough' | 'no matter' | 'failure';
  /** What to say where the database fails, and nothing of the work is kept; reading has nothing to keep. */
  readonly undone?: string;
  /** For the documentation. */
  readonly words: string;
}

const QUIET_END = 'An output that closes early ends it quietly (0)';
const VERDICT = 'An output that closes early does not change its exit code';
const FAILURE = 'An output that closes early is a failure (1)';
const DONE = 'What is done stays done when its output closes early (0)';

/** All that a command can do to the trail, and what follows from that. */
const KINDS = {
  reads: { opens: 'read', closedOutput: 'enough', words: `Reads. ${QUIET_END}` },
  checks: { opens: 'read', closedOutput: 'no matter', words: `Reads, and checks. ${VERDICT}` },
  tries: {
    opens: 'write',
    closedOutput: 'no matter',
    undone: 'nothing was changed',
    words: `Tries, and takes back what it tried. ${VERDICT}`,
  },
  copies: { opens: 'read', closedOutput: 'failure', words: `Reads, and hands over. ${FAILURE}` },
  resumes: {
    opens: 'write',
    closedOutput: 'failure',
    undone: 'the checkpoint is where it was',
    words: `Hands over, and moves a checkpoint. ${FAILURE}`,
  },
  records: { opens: 'write', closedOutput: 'failure', undone: 'nothing was recorded', words: `Records. ${DONE}` },
  changes: {
    opens: 'write',
    closedOutput: 'failure',
    undone: 'nothing was changed',
    words: `Changes settings or data, and records that. ${DONE}`,
  },
  seals: {
    opens: 'write',
    closedOutput: 'failure',
    undone: 'nothing was sealed',
    words: `Seals. ${DONE}`,
  },
  deletes: {
    opens: 'write',
    closedOutput: 'failure',
    undone: 'nothing was deleted',
    words: `Deletes, and records that. ${DONE}`,
  },
} as const satisfies Record<string, Kind>;

/** What a command does to the trail. */
export type Does = keyof typeof KINDS;

/** What a command does, and what it does instead where a flag (`--dry-run`) is given: the first of them that is. */
export interface Declared {
  readonly does: Does;
  readonly doesWith?: Readonly<Record<`--${string}`, Does>>;
}

/** On the command itself, and by this name: the documentation reads it with a copy of this file. */
const DECLARED = Symbol.for('daybook.does');

type Declaring = Command & { [DECLARED]?: Declared };

/** Keeps what a command does. */
export function declareDoes(command: Declaring, { does, doesWith = {} }: Declared): void {
  command[DECLARED] = { does, doesWith };
}

/** What a command is declared to do; undefined for one that only holds others. */
export function declaredDoes(command: Declaring): Declared | undefined {
  return command[DECLARED];
}

/** What a command does with the options that it was given; undefined for one that only holds others. */
export function kindOf(command: Command): Kind | undefined {
  const declared = declaredDoes(command);
  if (declared === undefined) return undefined;
  const given = Object.entries(declared.doesWith ?? {}).find(([flag]) => isGiven(command, flag));
  return KINDS[given?.[1] ?? declared.does];
}

function isGiven(command: Command, flag: string): boolean {
  const option = command.options.find(({ long }) => long === flag);
  return option !== undefined && command.getOptionValue(option.attributeName()) !== undefined;
}

/** What a command does, in sentences; none for one that only holds others. */
export function doesInWords(command: Command): string[] {
  const declared = declaredDoes(command);
  if (declared === undefined) return [];
  const { does, doesWith = {} } = declared;
  return [
    `${KINDS[does].words}.`,
    ...Object.entries(doesWith).map(([flag, other]) => `With ${flag}: ${KINDS[other].words}.`),
  ];
}
