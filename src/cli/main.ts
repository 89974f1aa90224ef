import { fstatSync, statSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { thisProcess } from '../presence.js';
import { systemStreams } from '../terminal/streams.js';
import type { Context } from './context.js';
import { SIGNAL_CODES } from './exit-codes.js';
import type { EndingSignal } from './exit-codes.js';
import { wholeProgram } from './program.js';
import { run } from './run.js';

/**
 * Runs the program, with the world as it is, and resolves to its exit code, which this process has then. By then everything
 * is written. What Node may still wait for, such as a pipe that gives nothing, is none of ours: the door ends the process.
 */
export async function main(words: readonly string[]): Promise<number> {
  const terminals = [0, 1, 2].filter(isDevice);
  const isTerminal = terminals.length === 0 ? undefined : (await import('node:tty')).isatty;
  const open = terminals.filter((descriptor) => isTerminal?.(descriptor));
  const code = await run(words, systemContext());
  process.exitCode = code;
  if (!open.every((descriptor) => isTerminal?.(descriptor))) {
    // One is gone. Node would set it back, and crash; by the signal of that, the program ends just as well.
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
  return code;
}

/** Whether a descriptor may be a terminal: cron's is none, and asking Node would load a tenth of start-up. */
function isDevice(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    return found.isCharacterDevice() && found.rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
  } catch {
    // A descriptor that is closed.
    return false;
  }
}

/** The commands as they are declared, for the generated documentation. */
export async function buildProgram(): Promise<Command> {
  return wholeProgram(systemContext());
}

function systemContext(): Context {
  let heard = false;
  // Each recorded line asks for it.
  let host: string | undefined;
  return {
    streams: systemStreams(),
    env: process.env,
    now: Date.now,
    user,
    isRoot: () => process.geteuid?.() === 0,
    host: () => (host ??= hostname()),
    presence: thisProcess(),
    onInterrupt: (interrupted) => {
      // A second signal ends the program the hard way, whatever it is about to do then.
      if (heard) return () => undefined;
      const signals = Object.keys(SIGNAL_CODES) as EndingSignal[];
      const listener = (signal: EndingSignal): void => {
        heard = true;
        stop();
        // A terminal that closes says so twice, where the shell passes it on.
        if (signal === 'SIGHUP') process.on('SIGHUP', () => undefined);
        interrupted(signal);
      };
      const stop = (): void => {
        for (const signal of signals) process.off(signal, listener);
      };
      for (const signal of signals) process.on(signal, listener);
      return stop;
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
