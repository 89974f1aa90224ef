/** Puts lines on a terminal, from its top. */
export interface Painter {
  paint(lines: readonly string[]): void;
  /** Forgets what stands on the terminal: the next lines are all drawn, on an empty screen. */
  forget(): void;
}

/** Terminals that know how show all of it at once; and what is too wide for this terminal is cut, not wrapped. */
const AT_ONCE = ['\x1b[?2026h\x1b[?7l', '\x1b[?7h\x1b[?2026l'] as const;
const EMPTY_SCREEN = '\x1b[0m\x1b[2J';

/** A painter that writes only the lines that changed: after most keys two or three of them did. */
export function createPainter(write: (text: string) => void): Painter {
  let there: readonly string[] | null = null;
  return {
    paint(lines) {
      const before = there ?? [];
      const changed = Array.from({ length: Math.max(lines.length, before.length) }, (_, index) => {
        const line = lines[index] ?? '';
        // The row is emptied first: after a line of full width some terminals would erase its last character.
        return line === (before[index] ?? '') ? '' : `\x1b[${index + 1};1H\x1b[0m\x1b[K${line}\x1b[0m`;
      }).join('');
      const text = `${there === null ? EMPTY_SCREEN : ''}${changed}`;
      there = lines;
      if (text !== '') write(`${AT_ONCE[0]}${text}${AT_ONCE[1]}`);
    },
    forget() {
      there = null;
    },
  };
}
