import type { Presence } from '../core/presence.js';
import type { Streams } from '../terminal/streams.js';
import type { EndingSignal } from './exit-codes.js';

/** Everything that a command touches of the world around it, so that a test can give it another one. */
export interface Context {
  readonly streams: Streams;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Who runs the program, by the operating system. */
  readonly user: () => string;
  /** Whether that is root. */
  readonly isRoot: () => boolean;
  readonly host: () => string;
  readonly presence: Presence;
  /** Calls back at the first signal that asks the program to end; the function returned stops listening. */
  readonly onInterrupt: (interrupted: (signal: EndingSignal) => void) => () => void;
}
