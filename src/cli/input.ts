import { readFileSync } from 'node:fs';
import { DaybookError } from '../core/errors.js';
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
  if (!value.startsWith('@')) return value;
  const path = value.slice(1);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DaybookError('data', `${option} ${value}: the file cannot be read (${code ?? String(error)})`, {
      cause: error,
    });
  }
  return strictText(bytes, `${option} ${value}`);
}
