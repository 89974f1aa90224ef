import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { notePattern } from '../../src/importers/note-patterns.js';
import type { Piece } from '../../src/importers/note-pieces.js';

// What anybody might have put into such a column, heads and halves of heads among it.
const words = fc.constantFrom(
  '[2026-03-14T09:26:31Z] ',
  '[2026-03-14 10:02 UTC] ',
  '2026-03-06 09:00:00 - Ines (IT) (Work notes)',
  '2026-02-30T10:00:00Z',
  'partial dispense: gross 1000 -> 900, net 945 -> 850',
  'off-LN refund: 22500 EUR; reference: R-1',
  'status override: a -> b',
  '; reason: ',
  'ines: ',
  'ines',
  '1687430000000 a@b.example | ',
  'Validé par a@b.example',
  'Rejeté par a@b.example | Raison : "',
  '"',
  ' | Réouvert le 2026-09-22 par s@b.example - ',
  'texte 👍',
  '\n',
  '\r\n',
  '\n\n',
  '   ',
  '\t',
  '\r',
  '\u2028',
);
const texts = fc.array(words, { maxLength: 24 }).map((parts) => parts.join(''));

const PATTERNS = [
  'memo',
  'stamped',
  'memo,stamped',
  'stamped,memo',
  'moderation',
  'journal',
  String.raw`\[(?<ts>[^\]]*)\] (?<actor>\S*):(?<message>.*)`,
  String.raw`(?<ts>\d+) (?<actor>\S+)(?<message>.*)`,
];

/** Letters and digits, which say something; brackets and separators do not. */
const telling = (text: string): number => text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;

function heldBy({ raw, note }: Piece): string[] {
  if (note === null) return [raw];
  const said = note.metadata.flatMap(([name, value]) => (['kind', 'line'].includes(name) ? [String(value)] : []));
  // The system is no word of the text.
  return [note.ts ?? '', note.message, note.actorType === 'system' ? '' : (note.actor ?? ''), ...said];
}

describe.each(PATTERNS)('a text under --pattern %s', (name) => {
  const { pieces } = notePattern(name);

  test('is its pieces, and white space between them', () => {
    fc.assert(
      fc.property(texts, (text) => {
        let end = 0;
        for (const { raw } of pieces(text)) {
          const start = text.indexOf(raw, end);
          expect(start).toBeGreaterThanOrEqual(end);
          expect(text.slice(end, start).trim()).toBe('');
          expect(raw.trim()).not.toBe('');
          end = start + raw.length;
        }
        expect(text.slice(end).trim()).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  test('loses no letter and no digit on the way into notes', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const piece of pieces(text)) {
          const held = heldBy(piece).reduce((sum, part) => sum + telling(part), 0);
          expect(held, JSON.stringify(piece)).toBeGreaterThanOrEqual(telling(piece.raw));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a column that grows keeps the pieces that it had', () => {
  test('where notes are put in front', () => {
    const { pieces } = notePattern('memo,stamped');
    const head = fc.constantFrom(
      '[2026-03-14 10:02 UTC] ines: ',
      '[2026-03-14T09:26:31Z] partial dispense: ',
      '[2026-03-14T09:26:31Z] ',
    );
    const written = fc.tuple(head, texts).map(([begin, text]) => begin + text);
    fc.assert(
      fc.property(fc.array(written, { maxLength: 6 }), (steps) => {
        let column = '';
        for (const step of steps) {
          const before = pieces(column);
          column = column === '' ? step : `${step}\n${column}`;
          expect(pieces(column).slice(pieces(column).length - before.length)).toEqual(before);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('where two writers put theirs behind, one of them on the same line', () => {
    const { pieces } = notePattern('moderation');
    const line = fc.constantFrom('Validé par a@b.example', 'Réouverte par a@b.example', 'Message libre');
    const reason = fc.array(
      words.filter((word) => !word.includes('a@b.example')),
      { maxLength: 8 },
    );
    const first = fc.oneof(
      line,
      reason.map((parts) => `Rejeté par a@b.example | Raison : "${parts.join('')}"`),
    );
    const step = fc.oneof(
      first.map((message) => ({ apart: '\n', text: `1687430000000 a@b.example | ${message}` })),
      fc.constant({ apart: '', text: ' | Réouvert le 2026-09-22 par s@b.example - à tort' }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        let column = '';
        for (const { apart, text } of steps) {
          const before = pieces(column);
          column = column === '' ? text : column + apart + text;
          expect(pieces(column).slice(0, before.length)).toEqual(before);
        }
      }),
      { numRuns: 500 },
    );
  });
});
