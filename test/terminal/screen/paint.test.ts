import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPainter } from '../../../src/terminal/screen/paint.js';
import { shownOn } from './terminal.js';

const ROWS = 6;
const line = fc.constantFrom('', 'a', 'b', '\x1b[31mred\x1b[39m', '漢字', '\x1b[7m>selected\x1b[27m');
const screen = fc.array(line, { maxLength: ROWS });

test('whatever was shown before, the terminal shows the last screen, and only what changed was written', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(screen, fc.constant('forget' as const)), { minLength: 1 }), (steps) => {
      const written: string[] = [];
      const painter = createPainter((text) => written.push(text));
      let before: readonly string[] | null = null;
      for (const step of steps) {
        if (step === 'forget') {
          painter.forget();
          before = null;
          continue;
        }
        const [writes, known] = [written.length, before ?? []];
        painter.paint(step);
        const rows = Array.from({ length: ROWS }, (_, index) => step[index] ?? '');
        expect(shownOn(ROWS, written)).toEqual(rows);
        const now = written.slice(writes).join('');
        const drawn = now.match(/\[\d+;1H/g) ?? [];
        expect(drawn).toHaveLength(rows.filter((text, index) => text !== (known[index] ?? '')).length);
        expect(now.includes('\x1b[2J')).toBe(before === null);
        before = step;
      }
    }),
  );
});
