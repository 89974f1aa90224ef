import { hostname } from 'node:os';
import type { Presence } from './core/presence.js';

/** This process, as its prunes and its unfinished files name it. */
export function thisProcess(): Presence {
  return {
    get host() {
      return hostname();
    },
    pid: process.pid,
    lives,
  };
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is there, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
