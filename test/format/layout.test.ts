import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadLayout, shareWidth } from '../../src/format/layout.js';
import { rulerFor } from '../../src/terminal/width.js';

describe('loadLayout', () => {
  test('rows beyond one table stand in the same columns', async () => {
    const ruler = await rulerFor(['日']);
    const columns = [
      { heading: 'n', width: 5, align: 'right' },
      { heading: 'text', width: 6 },
    ] as const;
    const rows = Array.from({ length: 450 }, (_, index) => [{ text: String(index) }, { text: '日本語日本語' }]);
    const lines = (await loadLayout(columns, ruler))(rows).split('\n');
    expect(lines).toHaveLength(451);
    expect(lines.slice(0, 450)).toEqual(rows.map((_, index) => `${String(index).padStart(5)}  日本…`));
  });

  test('text of private use, which stands in for other text, is not taken for it', async () => {
    const ruler = await rulerFor(['\ue000']);
    const layout = await loadLayout(
      ['a', 'b', 'c'].map((heading) => ({ heading, width: 4 })),
      ruler,
    );
    expect(layout([[{ text: '\ue000\ue000' }, { text: 'é$&' }, { text: '\ue000' }]])).toBe(
      '\ue000\ue000    é$&   \ue000\n',
    );
  });

  test('colour goes around the text and not its space', async () => {
    const layout = await loadLayout(
      ['a', 'b'].map((heading) => ({ heading, width: 4 })),
      await rulerFor([]),
    );
    const colour = (text: string): string => `\x1b[31m${text}\x1b[39m`;
    expect(
      layout([
        [
          { text: 'a', colour },
          { text: 'bücher', colour },
        ],
      ]),
    ).toBe(`${colour('a')}     ${colour('büc…')}\n`);
  });
});

describe('shareWidth', () => {
  test.each<[[number, number][], number, number[]]>([
    [
      [
        [5, 1],
        [5, 1],
      ],
      20,
      [5, 5],
    ],
    [
      [
        [5, 1],
        [50, 1],
        [50, 1],
      ],
      45,
      [5, 20, 20],
    ],
    [
      [
        [5, 1],
        [50, 1],
        [50, 3],
      ],
      45,
      [5, 12, 28],
    ],
    [
      [
        [20, 0],
        [50, 1],
      ],
      30,
      [20, 10],
    ],
    [
      [
        [50, 1],
        [50, 1],
        [50, 1],
      ],
      20,
      [6, 6, 8],
    ],
    [
      [
        [50, 1],
        [50, 1],
      ],
      4,
      [4, 4],
    ],
    [[], 4, []],
  ])('%j in %d', (wishes, available, widths) => {
    const asked = wishes.map(([natural, weight]) => ({ natural, weight }));
    expect(shareWidth(asked, available, 4)).toEqual(widths);
  });

  test('nobody gets more than is wished, and all room is used that is wished', () => {
    const wish = fc.record({ natural: fc.integer({ min: 1, max: 99 }), weight: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(fc.array(wish, { minLength: 1, maxLength: 8 }), fc.integer({ min: 40, max: 200 }), (wishes, room) => {
        const widths = shareWidth(wishes, room, 4);
        const wished = wishes.reduce((sum, { natural }) => sum + natural, 0);
        expect(widths.every((width, index) => width <= (wishes[index]?.natural ?? 0))).toBe(true);
        expect(widths.reduce((sum, width) => sum + width, 0)).toBe(Math.min(room, wished));
      }),
    );
  });
});
