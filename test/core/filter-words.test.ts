import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseFilter } from '../../src/core/filter-text.js';
import type { FilterInput } from '../../src/core/filter-text.js';
import { filterWords } from '../../src/core/filter-words.js';
import { filter as anyFilter } from '../store/arbitraries.js';

const PROPERTIES: Readonly<Record<string, string>> = { 'actor-type': 'actorType' };
const SINGLE = new Set(['search', 'since', 'until']);

/** What the program makes of these words. */
function typed(words: readonly string[]): FilterInput {
  const input: Record<string, unknown> = {};
  for (let place = 0; place < words.length; place++) {
    const [, name = '', joined] = /^--([a-z-]+)(?:=([^]*))?$/.exec(words[place] ?? '') ?? [];
    if (name === 'reverted' || name === 'not-reverted') {
      input['reverted'] = name === 'reverted';
      continue;
    }
    const value = joined ?? words[++place] ?? '';
    const property = PROPERTIES[name] ?? name;
    input[property] = SINGLE.has(name) ? value : [...((input[property] as string[] | undefined) ?? []), value];
  }
  return input as FilterInput;
}

test('the words of a filter ask for the same filter', async () => {
  const sayable = anyFilter.filter(
    // An option of nothing is refused, and a window that ends before it begins.
    (filter) =>
      !JSON.stringify(filter).includes('""') &&
      !(filter.since !== undefined && filter.until !== undefined && filter.since > filter.until),
  );
  await fc.assert(
    fc.asyncProperty(sayable, async (filter) => {
      const again = await parseFilter(typed(filterWords(filter)), () => ({ now: 0, zone: 'UTC' }));
      expect(withoutEmpty(again)).toEqual(withoutEmpty(filter));
    }),
    { numRuns: 500 },
  );
  expect(filterWords({ actor: ['--yes'], not: { actor_type: ['-'] } })).toEqual([
    '--actor=--yes',
    '--not',
    'actor-type=-',
  ]);
});

/** To exclude nothing is to ask for nothing. */
function withoutEmpty({ not, ...rest }: object & { readonly not?: object }): object {
  return not === undefined || Object.keys(not).length === 0 ? rest : { ...rest, not };
}
