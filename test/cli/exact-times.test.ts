import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imported, linesFile } from '../importers/imported.js';
import { cli, ndjson, ok } from '../support/cli.js';

const MS = '2026-03-05T14:07:09.256';

/** Records of one millisecond, by the digits behind it, in the order in which the source has them. */
async function given(...digits: readonly string[]): Promise<void> {
  const lines = digits.map((finer) => ({
    id: `r${finer}`,
    ts: `${MS}${finer}+00:00`,
    action: 'a',
    entity: `t:${finer}`,
  }));
  await ok(['import', 'ndjson', linesFile('src.ndjson', ...lines), '--quiet', '--map', 'entity=entity']);
}

const counted = async (...words: readonly string[]): Promise<number> =>
  Number(await ok(['count', '--action', 'a', ...words]));

describe('what a source says finer than a millisecond', () => {
  test('is kept, and orders the entries of a millisecond', async () => {
    await given('512', '', '429', '000001');
    expect((await imported('src')).map(({ ts, metadata }) => [ts, metadata['ts_exact']])).toEqual([
      [`${MS}Z`, undefined],
      [`${MS}Z`, `${MS}000001Z`],
      [`${MS}Z`, `${MS}429Z`],
      [`${MS}Z`, `${MS}512Z`],
    ]);
  });

  test('is not added where the source has that key, nor to an entry of another trail', async () => {
    const line = { ts: `${MS}1Z`, action: 'a', ts_exact: 'x' };
    await ok(['import', 'ndjson', linesFile('src.ndjson', line), '--quiet']);
    const exported = await ok(['export', '--source', 'src', '--format', 'ndjson']);
    expect((await imported('src'))[0]?.metadata).toEqual({ ts_exact: 'x' });
    expect(await ok(['import', 'ndjson', '-', '--format', 'json'], { input: exported })).toContain('"skipped":1');
  });

  test('decides at a bound that is as fine', async () => {
    await given('429', '512', '4295');
    expect(await counted('--until', `${MS}429+00:00`)).toBe(1);
    expect(await counted('--until', `${MS}4290001Z`)).toBe(1);
    expect(await counted('--until', `${MS}4295Z`)).toBe(2);
    expect(await counted('--until', `${MS}4Z`)).toBe(0);
    expect(await counted('--until', `${MS}9Z`)).toBe(3);
    expect(await counted('--until', `${MS}Z`)).toBe(3);
    expect(await counted('--since', `${MS}430Z`)).toBe(1);
    expect(await counted('--since', `${MS}429Z`, '--until', `${MS}4295Z`)).toBe(2);
    const found = await ndjson(['history', '--action', 'a', '--until', `${MS}429Z`, '--format', 'ndjson']);
    expect(found).toMatchObject([{ id: 'src:r429' }]);
  });

  test('is missed only where an entry of that millisecond lacks it', async () => {
    await given('429', '');
    const { code, stderr } = await cli(['count', '--until', `${MS}500Z`]);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is finer than a millisecond, and entry 1 of that millisecond') as string,
    });
    // Not where the filter leaves that entry out, nor in another millisecond.
    expect(await counted('--until', `${MS}500Z`, '--entity', 't:429')).toBe(1);
    expect(await counted('--until', '2026-03-05T14:07:09.257999Z')).toBe(2);
  });

  test('agrees with the times in full, whatever they are', async () => {
    await given(...Array.from({ length: 30 }, (_, n) => String(n * 37 + 1).padStart(4, '0')));
    const times = (await imported('src')).map(({ metadata }) => String(metadata['ts_exact']));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1200 }), async (n) => {
        const bound = `${MS}${String(n).padStart(4, '0')}Z`;
        expect(await counted('--until', bound)).toBe(
          times.filter((time) => time.slice(0, -1) <= bound.slice(0, -1)).length,
        );
      }),
      { numRuns: 8 },
    );
  });
});
