import fc from 'fast-check';
import { expect, test } from 'vitest';
import { disarmed, undisarmed } from '../../src/core/formula.js';

const letters = fc.constantFrom(..."'=+-@＝＋－＠ \t\r\n\u00a0\u200b\u3000\ufeff\x00\x7f15.eaé");

test('what was disarmed comes back, whatever it was, and nothing else changes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: letters, maxLength: 8 }), fc.string({ unit: 'binary' })), (text) => {
      const made = disarmed(text);
      expect([text, `'${text}`]).toContain(made);
      expect(undisarmed(made)).toBe(text);
    }),
    { numRuns: 5000 },
  );
});

test('a mark before what is no formula stays', () => {
  for (const text of ["'quoted'", "'-5", "'", "''", "'a=b", '']) {
    expect(disarmed(text)).toBe(text);
    expect(undisarmed(text)).toBe(text);
  }
});
