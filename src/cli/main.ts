import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { thisProcess } from '../presence.js';
import { systemStreams } from '../terminal/streams.js';
import type { Context } from './context.js';
import { wholeProgram } from './program.js';
import { run } from './run.js';

/**
 * Runs the program, with the world as it is, and resolves to its exit code. By then, everything is written: nothing is
 * left for Node to wait for.
 */
export async function main(words: readonly string[]): Promise<number> {
  return run(words, systemContext());
}

/** The commands as they are declared, for the generated documentation. */
export async function buildProgram(): Promise<Command> {
  return wholeProgram(systemContext());
}

function systemContext(): Context {
  return {
    streams: systemStreams(),
    env: process.env,
    now: Date.now,
    user,
    isRoot: () => process.geteuid?.() === 0,
    host: () => hostname(),
    presence: thisProcess(),
    onInterrupt: (interrupted) => {
      // Once only: a second interrupt ends the program the hard way.
      const listener = (): void => interrupted();
      process.once('SIGINT', listener);
      process.once('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
  };
}

/** A user without an entry in the password file, as in many containers, is known by number. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid:${process.getuid?.() ?? 'unknown'}`;
  }
}
