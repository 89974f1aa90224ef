import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramResult, RunningProgram } from '../support/program.js';
import { randomness, tell } from '../end-to-end/trail.js';

/** How many times each command is killed; by hand it may be more often. */
export const ROUNDS = Number(process.env['DAYBOOK_CRASH_ROUNDS'] ?? 10);

export interface Murder {
  readonly result: ProgramResult;
  /** Whether the program had ended by itself before the signal came. */
  readonly late: boolean;
}

export interface Rounds {
  /** Kills a program at a random moment within the time that it takes from now on when nobody kills it. */
  readonly kill: (running: RunningProgram) => Promise<Murder>;
  readonly random: () => number;
  /** Tells how many of the kills met a program at work. */
  readonly tellHits: () => void;
}

/** Kills programs at random moments; `span` is how long the work of one takes that nobody kills. */
export function startRounds(name: string, span: number): Rounds {
  const random = randomness(`crash: ${name}`);
  let hits = 0;
  let all = 0;
  return {
    random,
    kill: async (running) => {
      await Promise.race([sleep(random() * span), running.finished]);
      running.child.kill('SIGKILL');
      const result = await running.finished;
      const late = result.signal !== 'SIGKILL';
      all += 1;
      if (!late) hits += 1;
      return { result, late };
    },
    tellHits: () => tell(`crash: ${name}: ${hits} of ${all} kills met it at work, within ${Math.round(span)} ms`),
  };
}
