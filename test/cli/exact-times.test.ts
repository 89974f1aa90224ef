import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imported, linesFile } from '../importers/imported.js';
import { cli, json, ndjson, ok } from '../support/cli.js';

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

/** Rows of ProConnect's audit table, by their place: the digits behind the second, and what the row of user 7 was then. */
async function changes(...rows: readonly (readonly [finer: string, name: string])[]): Promise<void> {
  const lines = rows.map(([finer, name], place) => ({
    id: place + 1,
    table_name: 'users',
    record_id: 7,
    action: place === 0 ? 'INSERT' : 'UPDATE',
    old_values: place === 0 ? null : { id: 7, name: rows[place - 1]?.[1] },
    new_values: { id: 7, name },
    changed_fields: place === 0 ? null : ['name'],
    created_at: `2026-03-05T14:07:09.${finer}+00:00`,
  }));
  await ok(['import', 'audit-logs', linesFile('logs.ndjson', ...lines), '--quiet']);
}

describe('state at a moment finer than a millisecond', () => {
  const nameAt = async (...moment: readonly string[]): Promise<unknown> => {
    const { values } = await json<{ values: { name: string } | null }>([
      'state',
      'users:7',
      ...moment,
      '--format',
      'json',
    ]);
    return values?.name;
  };

  test('is what the changes before it made, and not those behind it', async () => {
    await changes(['255', 'a'], ['256429', 'b'], ['256512', 'c'], ['257', 'd']);
    const told = async (digits: string): Promise<unknown> => nameAt('--at', `2026-03-05T14:07:09.${digits}Z`);
    expect(await told('2564289')).toBe('a');
    expect(await told('256429')).toBe('b');
    expect(await told('256511999')).toBe('b');
    expect(await told('256512')).toBe('c');
    expect(await told('256999')).toBe('c');
    expect(await told('256')).toBe('c');
    const all = await ok(['state', 'users', '--at', '2026-03-05T14:07:09.256450+00:00', '--format', 'ndjson']);
    expect(all).toContain('"name":"b"');
  });

  test('is refused only where an entry without its full time lies in that millisecond', async () => {
    await changes(['255', 'a'], ['256429', 'b'], ['257', 'c']);
    const at = (digits: string): string[] => ['state', 'users:7', '--at', `2026-03-05T14:07:09.${digits}Z`];
    expect(await cli(at('257001'))).toMatchObject({ code: 2, stderr: expect.stringContaining('entry 3') as string });
    expect((await cli(at('256001'))).code).toBe(0);
    expect((await cli(at('258001'))).code).toBe(0);
    // Of another record, it says nothing about this one.
    await ok(['record', '--action', 'update', '--entity', 'users:8', '--ts', '2026-03-05T14:07:09.256Z']);
    expect(await nameAt('--at', '2026-03-05T14:07:09.256430Z')).toBe('b');
    expect((await cli(['state', 'users', '--at', '2026-03-05T14:07:09.256430Z'])).code).toBe(2);
  });

  test('is refused where a later import has brought what came before', async () => {
    await changes(['256100', 'a'], ['256512', 'b']);
    const late = {
      id: 9,
      table_name: 'users',
      record_id: 7,
      action: 'UPDATE',
      old_values: { id: 7, name: 'a' },
      new_values: { id: 7, name: 'z' },
      changed_fields: ['name'],
      created_at: '2026-03-05T14:07:09.256429+00:00',
    };
    await ok(['import', 'audit-logs', linesFile('late.ndjson', late), '--quiet']);
    expect(await cli(['state', 'users:7', '--at', '2026-03-05T14:07:09.256450Z'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/entry 4 of that millisecond, .* recorded behind entry 2/) as string,
    });
    expect((await cli(['state', 'users:7', '--at', '2026-03-05T14:07:09.256200Z'])).code).toBe(0);
  });

  test('is as fine as the column of another record', async () => {
    await changes(['255', 'a'], ['256429', 'b'], ['256512', 'c']);
    const moderation = {
      id: 20,
      table_name: 'moderations',
      record_id: 1,
      action: 'DELETE',
      old_values: { id: 1, created_at: '2026-03-05T14:07:09.256450+00:00' },
      new_values: null,
      changed_fields: null,
      created_at: '2026-03-06T00:00:00+00:00',
    };
    await ok(['import', 'audit-logs', linesFile('moderations.ndjson', moderation), '--quiet']);
    expect(await nameAt('--as-of', 'moderations:1', '--as-of-column', 'created_at')).toBe('b');
  });
});
