import { DaybookError } from '../core/errors.js';
import { listed, shown } from '../core/json.js';
import { LARGEST_TEXT } from '../core/lines.js';

const code = (character: string): number => character.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON] = [code('"'), code('\\'), code(','), code(':')];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [code('{'), code('}'), code('['), code(']')];

/** An object or an array that is open: how many keys of the path lead into it, or -1 where it lies elsewhere. */
interface Open {
  readonly isArray: boolean;
  readonly level: number;
  key: string;
}

type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end';

/** A value that is passed: its text is kept where it is a record, or a key. */
interface Passed {
  readonly kept: 'record' | 'key' | undefined;
  readonly pieces: Buffer[];
  bytes: number;
  depth: number;
  inString: boolean;
  escaped: boolean;
  /** Whether it is a number or a word, which ends where something else begins. */
  readonly isBare: boolean;
}

/**
 * The records inside JSON documents, as their texts, in one array for each chunk that ends any: the members of an array,
 * or what keys lead to, through arrays on the way. Documents may follow each other. Only a record is held whole.
 * Throws kind `data` for what is no JSON around the records, and kind `usage` where the keys lead nowhere.
 */
export async function* jsonRecords(
  chunks: AsyncIterable<Uint8Array>,
  path: readonly string[],
): AsyncGenerator<readonly Buffer[], void> {
  const open: Open[] = [];
  const seen = new Set<string>();
  let expected = 'value' as Expected;
  let passed: Passed | undefined;
  let isFound = false;
  let offset = 0;
  let isStarted = false;

  const wrong = (at: number, problem: string): DaybookError =>
    new DaybookError('data', `byte ${offset + at + 1}: ${problem}`);
  const levelOfValue = (): number => {
    const around = open.at(-1);
    if (around === undefined) return 0;
    if (around.isArray || around.level < 0) return around.level;
    return around.level < path.length && around.key === path[around.level] ? around.level + 1 : -1;
  };
  const afterValue = (): void => {
    expected = open.length === 0 ? 'value' : 'comma or end';
  };

  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const records: Buffer[] = [];
    let at = 0;
    if (!isStarted && bytes.length >= 3 && bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) at = 3;
    isStarted = true;
    while (at < bytes.length) {
      if (passed !== undefined) {
        const end = endOf(bytes, at, passed);
        if (passed.kept !== undefined) {
          passed.pieces.push(bytes.subarray(at, end.to));
          passed.bytes += end.to - at;
          if (passed.bytes > LARGEST_TEXT) throw wrong(at, `a record is longer than ${LARGEST_TEXT} bytes`);
        }
        at = end.to;
        if (!end.isEnd) break;
        const text = Buffer.concat(passed.pieces);
        if (passed.kept === 'record') records.push(text);
        if (passed.kept === 'key') {
          const around = open.at(-1) as Open;
          around.key = keyText(text) ?? '';
          if (around.level >= 0 && seen.size < 100) seen.add(around.key);
          expected = 'colon';
        } else {
          afterValue();
        }
        passed = undefined;
        continue;
      }
      const byte = bytes[at] as number;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        at += 1;
        continue;
      }
      const around = open.at(-1);
      if (expected === 'colon') {
        if (byte !== COLON) throw wrong(at, 'a colon is missing behind a key');
        expected = 'value';
        at += 1;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        const closes = around !== undefined && around.isArray === (byte === CLOSE_ARRAY);
        if (!closes || !expected.endsWith('or end')) throw wrong(at, 'a bracket closes what is not open');
        open.pop();
        afterValue();
        at += 1;
      } else if (expected === 'comma or end') {
        if (byte !== COMMA) throw wrong(at, 'a comma is missing between values');
        expected = around?.isArray === true ? 'value' : 'key';
        at += 1;
      } else if (expected.startsWith('key')) {
        if (byte !== QUOTE) throw wrong(at, 'a key is not in quotes');
        passed = begun(byte, 'key');
      } else {
        const level = levelOfValue();
        const isTarget = level === path.length;
        isFound ||= isTarget;
        if (byte === OPEN_ARRAY || (byte === OPEN_OBJECT && !isTarget)) {
          open.push({ isArray: byte === OPEN_ARRAY, level, key: '' });
          expected = byte === OPEN_ARRAY ? 'value or end' : 'key or end';
          at += 1;
        } else {
          if (byte === COMMA || byte === COLON) throw wrong(at, 'a value is missing');
          passed = begun(byte, isTarget ? 'record' : undefined);
        }
      }
    }
    offset += bytes.length;
    if (records.length > 0) yield records;
  }
  // A number at the very end has nothing behind it that would end it.
  if (passed?.isBare === true && open.length === 0) {
    if (passed.kept === 'record') yield [Buffer.concat(passed.pieces)];
  } else if (passed !== undefined || open.length > 0) {
    throw wrong(0, 'the document ends before its brackets are closed');
  }
  if (offset > 0 && !isFound) {
    throw new DaybookError('usage', `--records ${shown(path.join('.'))} leads nowhere: there are ${listed([...seen])}`);
  }
}

function begun(byte: number, kept: Passed['kept']): Passed {
  const isBare = byte !== QUOTE && byte !== OPEN_OBJECT && byte !== OPEN_ARRAY;
  return { kept, pieces: [], bytes: 0, depth: 0, inString: false, escaped: false, isBare };
}

/** Where a value ends, or where these bytes do. */
function endOf(bytes: Buffer, from: number, passed: Passed): { readonly to: number; readonly isEnd: boolean } {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (passed.inString) {
      if (passed.escaped) passed.escaped = false;
      else if (byte === BACKSLASH) passed.escaped = true;
      else if (byte === QUOTE) {
        passed.inString = false;
        if (passed.depth === 0) return { to: at + 1, isEnd: true };
      }
    } else if (passed.isBare) {
      const isEnd = byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT;
      if (isEnd) return { to: at, isEnd };
    } else if (byte === QUOTE) passed.inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) passed.depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      passed.depth -= 1;
      if (passed.depth === 0) return { to: at + 1, isEnd: true };
    }
  }
  return { to: bytes.length, isEnd: false };
}

/** A key in its quotes; undefined where it is no JSON, and so none that a path could name. */
function keyText(text: Buffer): string | undefined {
  try {
    return JSON.parse(text.toString()) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
