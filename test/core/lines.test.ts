import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitLines, strictText } from '../../src/core/lines.js';

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    if (start >= bytes.length) return;
    yield bytes.subarray(start, start + size);
    start += size;
  }
  if (start < bytes.length) yield bytes.subarray(start);
}

async function linesOf(input: string | Uint8Array, sizes: readonly number[] = [], longest?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of splitLines(chunked(Buffer.from(input as string), sizes), longest)) {
    for (const { line, bytes } of batch) {
      lines.push(bytes.toString());
      expect(line).toBe(lines.length);
    }
  }
  return lines;
}

describe('splitLines', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\n\nb', ['a', '', 'b']],
    ['\n', ['']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\r\r\nb\r', ['a\r', 'b\r']],
    ['\ufeffa\n\ufeffb', ['a', '\ufeffb']],
    ['\ufeff', []],
    ['\ufeff\n', ['']],
  ])('%j', async (input, lines) => {
    expect(await linesOf(input)).toEqual(lines);
    expect(
      await linesOf(
        input,
        Array.from({ length: 20 }, () => 1),
      ),
    ).toEqual(lines);
  });

  test('the lines do not depend on how the bytes arrive', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '\n', '\r', '\ufeff') });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 5 })), async (input, sizes) => {
        const lines = input.replace(/^\ufeff/, '').split('\n');
        const last = lines.pop() ?? '';
        const expected = lines.map((line) => line.replace(/\r$/, ''));
        expect(await linesOf(input, sizes)).toEqual(last === '' ? expected : [...expected, last]);
      }),
    );
  });

  test('gives the lines of a chunk together', async () => {
    const batches: number[] = [];
    for await (const batch of splitLines(chunked(Buffer.from('a\nb\nc\nd'), [5]))) batches.push(batch.length);
    expect(batches).toEqual([2, 1, 1]);
  });

  test('bytes that are not UTF-8 come through as they are', async () => {
    const bytes: Buffer[] = [];
    for await (const batch of splitLines(chunked(Buffer.from([0xff, 0x0a, 0xc3]), []))) {
      bytes.push(...batch.map((line) => line.bytes));
    }
    expect(bytes).toEqual([Buffer.from([0xff]), Buffer.from([0xc3])]);
  });

  test('a line that is too long is bad data, however it arrives', async () => {
    const error = { kind: 'data', message: 'line 2 is longer than 4 bytes' };
    await expect(linesOf('a\n12345\n', [], 4)).rejects.toMatchObject(error);
    await expect(linesOf('a\n12345', [1, 1, 2, 2, 1], 4)).rejects.toMatchObject(error);
    expect(await linesOf('a\n1234\n1234', [], 4)).toEqual(['a', '1234', '1234']);
  });
});

describe('strictText', () => {
  test('decodes UTF-8 and keeps a byte order mark', () => {
    expect(strictText(Buffer.from('\ufeffaé'), 'line 3')).toBe('\ufeffaé');
  });

  test.each([[[0xff]], [[0xc3]], [[0xed, 0xa0, 0x80]]])('refuses %j', (bytes) => {
    expect(() => strictText(Uint8Array.from(bytes), 'line 3')).toThrow('line 3 is not valid UTF-8');
  });
});
