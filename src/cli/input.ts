import { readFileSync } from 'node:fs';
import { unreadable } from '../core/errors.js';
import { strictText } from '../core/lines.js';
import type { Context } from './context.js';

/** All of stdin as text. Throws kind `data` where it is not UTF-8. */
export async function readInput(context: Context): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of context.streams.stdin.readable) chunks.push(chunk as Uint8Array);
  return strictText(Buffer.concat(chunks), 'stdin');
}

/** The value of an option, or with `@file` what that file holds. Throws kind `data` for a file that cannot be read. */
export function valueOrFile(value: string, option: string): string {
  return value.startsWith('@') ? textOfFile(value.slice(1), `${option} ${value}`) : value;
}

/** What a file holds, which is `named` in messages. Throws kind `data` where it cannot be read, or is not UTF-8. */
export function textOfFile(path: string, named: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(named, error);
  }
  return strictText(bytes, named);
}
