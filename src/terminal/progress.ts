import { OutputClosed } from './streams.js';
import type { Output } from './streams.js';

const INTERVAL_MS = 100;

/** Counts work as it goes on, in one line of standard error. */
export interface Progress {
  /** How much is done in all; draws at most ten times a second. */
  update(done: number): Promise<void>;
  /** Clears the line. */
  end(): Promise<void>;
}

/** Without a clock: that alone takes a millisecond to load. */
const SILENT: Progress = { update: async () => {}, end: async () => {} };

/**
 * Starts a progress line (`exported 12,000 of 50,000 entries …`) if `stderr` is a terminal. It draws only when it is
 * updated: synchronous SQLite would freeze a timer.
 */
export function startProgress(
  stderr: Output,
  options: {
    readonly quiet: boolean;
    /** What has been done to the entries: `exported`. */
    readonly verb: string;
    readonly total?: number | undefined;
    readonly now?: () => number;
  },
): Progress {
  if (!stderr.isTerminal || options.quiet) return SILENT;
  const now = options.now ?? (() => performance.now());
  const start = now();
  let drawn = start;
  let shown = false;
  /** A terminal that is gone is no reason to stop: what goes on, goes on without being watched. */
  const draw = async (text: string): Promise<void> => {
    await stderr.write(text).catch((error: unknown) => {
      if (!(error instanceof OutputClosed)) throw error;
    });
  };

  return {
    async update(done) {
      const time = now();
      if (time - drawn < INTERVAL_MS) return;
      drawn = time;
      shown = true;
      const line = progressLine(options.verb, done, options.total, (time - start) / 1000);
      await draw(`\r${line.slice(0, stderr.columns - 1)}\x1b[K`);
    },
    async end() {
      if (shown) await draw('\r\x1b[K');
      shown = false;
    },
  };
}

/** The formatter is made where a number is shown: loading what it needs takes longer than many a command. */
function grouped(count: number): string {
  return new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 }).format(count);
}

function progressLine(verb: string, done: number, total: number | undefined, seconds: number): string {
  const rate = done / seconds;
  if (total === undefined) return `${verb} ${grouped(done)} entries, ${grouped(rate)}/s`;
  const percent = total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100));
  const line = `${verb} ${grouped(done)} of ${grouped(total)} entries (${percent}%), ${grouped(rate)}/s`;
  return rate > 0 ? `${line}, ${timeText(Math.max(0, total - done) / rate)} left` : line;
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}min ${whole % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}min`;
}
