import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { conditionsIn, createBrowser, detailHeight, listHeight } from '../../../src/terminal/screen/browser.js';
import type { Browser, Key, Scene } from '../../../src/terminal/screen/browser.js';
import { helpPages, KEY_WORDS } from '../../../src/terminal/screen/keys-help.js';
import { entries, fakeDesk } from './desk.js';
import type { FakeDesk } from './desk.js';

const SIZE = { columns: 80, rows: 24 };

async function browse(count = 200, words: readonly string[] = []): Promise<{ browser: Browser; desk: FakeDesk }> {
  const desk = fakeDesk(entries(count));
  const browser = await createBrowser(desk, words, SIZE, () => undefined);
  await counted(browser);
  return { desk, browser };
}

/** Counting goes on beside the keys. */
async function counted(browser: Browser): Promise<Scene> {
  await vi.waitFor(() => expect(browser.scene().count).not.toBeNull(), { interval: 1 });
  return browser.scene();
}

/** Presses letters one after the other; names stand in angle brackets. */
async function press(browser: Browser, keys: string): Promise<Scene> {
  for (const key of keys.match(/<\w+>|[^]/g) ?? []) {
    const name = /^<(\w+)>$/.exec(key)?.[1];
    await browser.press((name === undefined ? { letter: key } : { name }) as Key);
  }
  return browser.scene();
}

const selectedSeq = ({ rows, selected }: Scene): number | undefined => rows[selected]?.entry.seq;

describe('moving', () => {
  test.each([
    ['', 200],
    ['jj', 198],
    ['<down><down><up>', 199],
    ['k', 200],
    ['<pageDown>', 200 - listHeight(SIZE, false)],
    ['<pageDown><pageUp>', 200],
    ['G', 1],
    ['Gk', 2],
    ['Gg', 200],
    ['<end><home>', 200],
  ])('%s selects entry %i', async (keys, seq) => {
    const { browser } = await browse();
    expect(selectedSeq(await press(browser, keys))).toBe(seq);
  });

  test('goes through a list that is longer than what is read, and back', async () => {
    const { browser } = await browse();
    for (let seq = 200; seq >= 1; seq -= 1) {
      expect(selectedSeq(browser.scene())).toBe(seq);
      await press(browser, 'j');
    }
    for (let seq = 1; seq <= 200; seq += 1) {
      expect(selectedSeq(browser.scene())).toBe(seq);
      await press(browser, 'k');
    }
  });

  test('says the place of the selected entry in the list', async () => {
    const { browser } = await browse();
    const { above, selected, count } = await press(browser, 'jjj');
    expect([(above ?? NaN) + selected + 1, count]).toEqual([4, 200]);
    const end = await press(browser, 'G');
    expect((end.above ?? NaN) + end.selected + 1).toBe(200);
  });

  test('jumps to a time, and by the parts of the timeline', async () => {
    const { browser } = await browse();
    expect(selectedSeq(await press(browser, 't2026-01-01T01:00:00Z<enter>'))).toBe(60);
    const older = selectedSeq(await press(browser, '<left>')) ?? 0;
    expect(older).toBeLessThan(60);
    expect(selectedSeq(await press(browser, '<right><right>'))).toBeGreaterThan(older);
    expect((await press(browser, 'G<left>')).message).toBe('nothing is older');
  });

  test('whatever keys are pressed, what is shown is a piece of the list, and the place is right', async () => {
    const keys = fc.array(
      fc.constantFrom(
        'j',
        'k',
        'g',
        'G',
        '<pageDown>',
        '<pageUp>',
        '<left>',
        '<right>',
        '<enter>',
        '<escape>',
        'a',
        'c',
        '<backspace>',
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 150 }), keys, async (count, pressed) => {
        const { browser, desk } = await browse(count);
        for (const key of pressed) {
          const { rows, selected, first, above, words, count: all } = await press(browser, key);
          const question = await desk.ask(words);
          const list = (await question.around(desk.all[0] ?? ({} as never))).stretch;
          expect(list).toBeDefined();
          const matching = desk.all.filter(({ actor, correlation_id: id }) =>
            words.every((word, index) => index % 2 === 0 || word === (words[index - 1] === '--actor' ? actor : id)),
          );
          const place = matching.findIndex(({ seq }) => seq === rows[0]?.entry.seq);
          expect(rows.map(({ entry }) => entry.seq)).toEqual(
            matching.slice(Math.max(0, place), Math.max(0, place) + rows.length).map(({ seq }) => seq),
          );
          if (rows.length > 0) {
            expect(selected).toBeGreaterThanOrEqual(0);
            expect(selected).toBeLessThan(rows.length);
            expect(first).toBeLessThanOrEqual(selected);
          }
          if (above !== null) expect(above).toBe(Math.max(0, place));
          if (all !== null) expect(all).toBe(matching.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the filter', () => {
  test('is narrowed to what an entry has, widened again, and left for the one before', async () => {
    const { browser } = await browse();
    expect((await press(browser, 'ja')).words).toEqual(['--actor', 'bob']);
    expect(selectedSeq(browser.scene())).toBe(199);
    expect((await press(browser, 'ge')).words).toEqual(['--actor', 'bob', '--entity', 'file:1']);
    expect((await press(browser, '-1<enter>')).words).toEqual(['--entity', 'file:1']);
    expect((await press(browser, '-')).words).toEqual([]);
    expect((await press(browser, '<backspace><backspace><backspace>')).words).toEqual(['--actor', 'bob']);
    expect((await press(browser, '<backspace><backspace>')).message).toBe('this is the first filter');
    expect((await press(browser, 's')).message).toBe('this entry has no scope');
  });

  test('is edited in words, and what is wrong with them is said where they are typed', async () => {
    const { browser } = await browse();
    const wrong = await press(browser, 'f--wrong<enter>');
    expect(wrong).toMatchObject({ words: [], message: 'unknown option --wrong', prompt: { text: '--wrong' } });
    const erased = '<backspace>'.repeat('--wrong'.length);
    expect(await press(browser, `${erased}--actor ann<enter>`)).toMatchObject({
      words: ['--actor', 'ann'],
      prompt: null,
    });
    expect(selectedSeq(browser.scene())).toBe(200);
  });

  test('is completed', async () => {
    const { browser } = await browse();
    expect(await press(browser, 'f--a<tab>')).toMatchObject({
      prompt: { text: '--act' },
      message: '--actor  --action',
    });
    expect(await press(browser, 'o<tab>')).toMatchObject({ prompt: { text: '--actor ' } });
    expect(await press(browser, 'x<tab>')).toMatchObject({ message: 'nothing completes this' });
    expect(await press(browser, "<eraseBefore>--by 'ann <tab>")).toMatchObject({ message: "'ann b'  'ann c'" });
    expect(await press(browser, '<escape>')).toMatchObject({ prompt: null, words: [] });
  });

  test('is edited in the middle, with the keys of a shell', async () => {
    const { browser } = await browse();
    await press(browser, 'f--actor bb');
    expect((await press(browser, '<left>o')).prompt).toMatchObject({ text: '--actor bob', at: 10 });
    expect((await press(browser, '<home><right><right>x<backspace><end>')).prompt).toMatchObject({ at: 11 });
    expect((await press(browser, '<eraseWord>ann')).prompt).toMatchObject({ text: '--actor ann' });
    expect((await press(browser, '<left><left><left><eraseBefore>')).prompt).toMatchObject({ text: 'ann', at: 0 });
    expect((await press(browser, '<eraseAfter>')).prompt).toMatchObject({ text: '', at: 0 });
    // A letter of several parts is one letter.
    expect((await press(browser, 'e\u0301<left>x<right><backspace>')).prompt).toMatchObject({ text: 'x', at: 1 });
  });

  test('one of its conditions is chosen by number, until there is such a one', async () => {
    const { browser } = await browse();
    await press(browser, 'jae');
    const asked = await press(browser, '-');
    expect(asked.prompt?.choices).toEqual(['--actor bob', '--entity file:1']);
    expect(await press(browser, '7<enter>')).toMatchObject({ message: '7 is none of them', prompt: { text: '7' } });
    expect((await press(browser, '<backspace>2<enter>')).words).toEqual(['--actor', 'bob']);
  });

  test('its conditions are options with their values', () => {
    expect(conditionsIn(['file:1', '--actor', 'bob', '--reverted', '--in=march', '--search', 'a b'])).toEqual([
      ['file:1'],
      ['--actor', 'bob'],
      ['--reverted'],
      ['--in=march'],
      ['--search', 'a b'],
    ]);
  });
});

describe('what is done with an entry', () => {
  test('it is shown in full, and closed again', async () => {
    const { browser } = await browse();
    expect((await press(browser, '<enter>')).detail).toEqual(['detail of 200', 'second line']);
    expect((await press(browser, 'j')).detail?.[0]).toBe('detail of 199');
    expect((await press(browser, ']]]')).detailFirst).toBe(0);
    expect((await press(browser, '<escape>')).detail).toBeNull();
  });

  test('a long one is scrolled to its last line, by half of what is seen', async () => {
    const desk = fakeDesk(entries(9));
    const long = { ...desk, detail: async () => Array.from({ length: 100 }, (_, line) => `line ${line}`) };
    const browser = await createBrowser(long, [], SIZE, () => undefined);
    const room = detailHeight(SIZE);
    expect((await press(browser, '<enter>]')).detailFirst).toBe(Math.floor(room / 2));
    expect((await press(browser, ']'.repeat(100))).detailFirst).toBe(100 - room);
    expect((await press(browser, '['.repeat(100))).detailFirst).toBe(0);
  });

  test('what a command refuses is said, and what was typed can be mended', async () => {
    const { browser, desk } = await browse();
    for (const key of ['n', 'r', 'x']) {
      const refused = await press(browser, `${key}bad<enter>`);
      expect(refused).toMatchObject({ message: 'bad', prompt: { text: 'bad' } });
      const mended = await press(browser, '<home>not <end>ly<enter>');
      expect(mended.prompt).toBeNull();
      expect(desk.ran.at(-1)?.join(' ')).toContain('not badly');
    }
  });

  test('a text is looked for, down and up', async () => {
    const { browser } = await browse();
    expect(selectedSeq(await press(browser, '/entry 15<enter>'))).toBe(159);
    expect(selectedSeq(await press(browser, 'n'))).toBe(158);
    expect(selectedSeq(await press(browser, 'nN'))).toBe(158);
    expect(selectedSeq(await press(browser, '<escape>g/entry 2<enter>'))).toBe(29);
    expect((await press(browser, '<escape>g/nowhere<enter>')).message).toBe('no message below holds nowhere');
  });

  test('a note, a revert and an export are the commands of these names', async () => {
    const { browser, desk } = await browse();
    expect((await press(browser, 'nhello<enter>')).message).toBe('noted as entry 7');
    await press(browser, 'jrbecause<enter>');
    await press(browser, 'gaxout.csv<enter>');
    expect(desk.ran).toEqual([
      ['note', '--', 'file:0', 'hello'],
      ['revert', '199', '--reason=because'],
      ['export', '--actor', 'ann', '--output=out.csv'],
    ]);
    expect((await press(browser, 'nbad<enter>')).message).toBe('bad');
  });

  test('the command that shows the list is copied', async () => {
    const { browser } = await browse();
    const { message } = await press(browser, 'ay');
    expect(message).toBe('copied: daybook history --actor ann');
    expect(browser.copied()).toEqual(['daybook history --actor ann']);
    expect(browser.copied()).toEqual([]);
  });

  test('the entries of a correlation id are folded into a line with their count', async () => {
    const { browser } = await browse(40);
    const folded = await press(browser, 'j ');
    expect(folded.rows.slice(0, 3).map(({ entry, folded: count }) => [entry.seq, count])).toEqual([
      [40, 3],
      [37, undefined],
      [36, undefined],
    ]);
    expect((await press(browser, ' ')).rows).toHaveLength(40);
    expect((await press(browser, 'jjj ')).message).toBe('this entry has no correlation id');
  });
});

test('follows what is recorded', async () => {
  const { browser, desk } = await browse(10);
  await press(browser, 'F');
  desk.all = entries(12);
  await browser.look();
  expect(selectedSeq(browser.scene())).toBe(12);
  await press(browser, 'jjF');
  desk.all = entries(14);
  await browser.look();
  expect(selectedSeq(browser.scene())).toBe(10);
});

test('a count comes to its end where entries are recorded faster than all are counted, and begins once more', async () => {
  const desk = fakeDesk(entries(50));
  const counts: (() => void)[] = [];
  const slow = {
    ...desk,
    ask: async (words: readonly string[]) => {
      const question = await desk.ask(words);
      return {
        ...question,
        hasNews: async () => true,
        timeline: async (parts: number, wanted: () => boolean) => {
          await new Promise<void>((resolve) => counts.push(resolve));
          return wanted() ? question.timeline(parts, wanted) : [];
        },
      };
    },
  };
  const browser = await createBrowser(slow, [], SIZE, () => undefined);
  await press(browser, 'F');
  await vi.waitFor(() => expect(counts).toHaveLength(1), { interval: 1 });
  for (let looks = 0; looks < 3; looks += 1) await browser.look();
  expect(counts).toHaveLength(1);
  counts[0]?.();
  await vi.waitFor(() => expect(counts).toHaveLength(2), { interval: 1 });
  expect((await counted(browser)).timeline.length).toBeGreaterThan(0);
});

test('keys do not wait for the count, and an error of it is said', async () => {
  const desk = fakeDesk(entries(50));
  let fail: () => void = () => undefined;
  const failing = new Promise<void>((resolve) => (fail = resolve));
  const timeline = async (): Promise<never> => {
    await failing;
    throw new Error('the disk is gone');
  };
  const slow = { ...desk, ask: async (words: readonly string[]) => ({ ...(await desk.ask(words)), timeline }) };
  const browser = await createBrowser(slow, [], SIZE, () => undefined);
  expect(selectedSeq(await press(browser, 'jj'))).toBe(48);
  expect(browser.scene().count).toBeNull();
  expect((await press(browser, '<left>')).message).toBe('the timeline is still being counted');
  fail();
  await vi.waitFor(() => expect(browser.scene().message).toBe('the disk is gone'));
});

test('the count of a filter that was left is not shown', async () => {
  const desk = fakeDesk(entries(50));
  const begin: (() => void)[] = [];
  const stillWanted: boolean[] = [];
  const slow = {
    ...desk,
    ask: async (words: readonly string[]) => {
      const question = await desk.ask(words);
      const go = new Promise<void>((resolve) => begin.push(resolve));
      return {
        ...question,
        timeline: async (parts: number, wanted: () => boolean) => {
          await go;
          stillWanted.push(wanted());
          return question.timeline(parts, wanted);
        },
      };
    },
  };
  const browser = await createBrowser(slow, [], SIZE, () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await press(browser, 'a');
  await new Promise((resolve) => setTimeout(resolve, 5));
  // The newer one is there first.
  for (const go of begin.toReversed()) go();
  expect((await counted(browser)).count).toBe(10);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(browser.scene().count).toBe(10);
  expect(stillWanted).toEqual([true, false]);
});

test('nothing is drawn again where nothing happens', async () => {
  const changed = vi.fn<() => void>();
  const browser = await createBrowser(fakeDesk(entries(50)), [], SIZE, changed);
  await counted(browser);
  const before = changed.mock.calls.length;
  await browser.look();
  expect(changed).toHaveBeenCalledTimes(before);
});

test('where the timeline counts fewer than the list has, it does not tell the place', async () => {
  const desk = fakeDesk(entries(100));
  const fewer = {
    ...desk,
    ask: async (words: readonly string[]) => ({ ...(await desk.ask(words)), count: async () => 101 }),
  };
  const browser = await createBrowser(fewer, [], SIZE, () => undefined);
  await counted(browser);
  expect((await press(browser, '<left>'.repeat(30))).above).toBeNull();
});

test('shows the hours of the week and the keys, until any key', async () => {
  const { browser } = await browse();
  expect((await press(browser, 'h')).hours).toHaveLength(7);
  expect((await press(browser, 'j')).hours).toBeNull();
  expect((await press(browser, '?')).help).toBe(0);
  expect((await press(browser, 'j')).help).toBeNull();
});

test('the help has pages where the screen is short, and Esc leaves them', async () => {
  const { browser } = await browse();
  await browser.resize({ columns: 60, rows: 12 });
  const pages = helpPages({ columns: 60, rows: 12 });
  expect(pages.length).toBeGreaterThan(2);
  await press(browser, '?');
  for (let page = 0; page < pages.length; page += 1) {
    expect(browser.scene().help).toBe(page);
    await press(browser, 'j');
  }
  expect(browser.scene().help).toBeNull();
  expect((await press(browser, '?j<escape>')).help).toBeNull();
});

test.each([
  [60, 12],
  [60, 24],
  [80, 24],
  [200, 60],
])('at %i columns and %i lines the help says all of each key', (columns, rows) => {
  const pages = helpPages({ columns, rows });
  for (const page of pages) expect(page.length).toBeLessThanOrEqual(rows - 4);
  const said = pages.flat().map(({ keys, does }) => `${keys.trimEnd()} ${does}`.trim());
  expect(said.join(' ')).toBe(KEY_WORDS.map(({ keys, does }) => `${keys} ${does}`).join(' '));
});

test('keeps the selected entry in sight when the screen changes its size', async () => {
  const { browser } = await browse();
  await press(browser, '<pageDown>');
  await browser.resize({ columns: 60, rows: 10 });
  const { first, selected } = browser.scene();
  expect(selected - first).toBeLessThan(listHeight({ columns: 60, rows: 10 }, false));
});

test('ends with q', async () => {
  const { browser } = await browse();
  await press(browser, 'q');
  await expect(browser.ended).resolves.toBeUndefined();
});

test('an empty list has nothing to move in, and says so', async () => {
  const { browser } = await browse(0);
  for (const key of ['j', 'G', 'g', '<enter>', '/', '<enter>', 't2026-01-01<enter>']) {
    expect((await press(browser, key)).rows).toEqual([]);
  }
  for (const key of ['<left>', 'a', 'e', 'c', 's', 'r', 'n', ' ']) {
    expect(await press(browser, key)).toMatchObject({ rows: [], message: 'there is no entry here', prompt: null });
  }
});
