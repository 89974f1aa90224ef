import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { DaybookError, unreadable } from '../core/errors.js';
import { LARGEST_TEXT, strictText } from '../core/lines.js';
import type { Context } from './context.js';

const CHUNK = 1024 * 1024;

/** All of stdin as text. Throws kind `data` where it is not UTF-8, or larger than 64 MB. */
export async function readInput(context: Context): Promise<string> {
  const bytes = bounded('stdin');
  for await (const chunk of context.streams.stdin.readable) bytes.add(chunk as Uint8Array);
  return bytes.text();
}

/** Gathers bytes up to the bound. */
function bounded(named: string): { add(chunk: Uint8Array): void; text(): string } {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    add(chunk) {
      size += chunk.byteLength;
      if (size > LARGEST_TEXT) throw new DaybookError('data', `${named} is larger than ${LARGEST_TEXT} bytes`);
      chunks.push(chunk);
    },
    text: () => strictText(Buffer.concat(chunks), named),
  };
}

/** The value of an option, or with `@file` what that file holds. Throws kind `data` for a file that cannot be read. */
export function valueOrFile(value: string, option: string): string {
  return value.startsWith('@') ? textOfFile(value.slice(1), `${option} ${value}`) : value;
}

/**
 * What a file holds, which is `named` in messages. Throws kind `data` where it cannot be read, is not UTF-8, or is larger
 * than 64 MB: a pipe or a device says so only when it is read.
 */
export function textOfFile(path: string, named: string): string {
  const bytes = bounded(named);
  try {
    const descriptor = openSync(path, 'r');
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(CHUNK);
        const read = readSync(descriptor, chunk);
        if (read === 0) break;
        bytes.add(chunk.subarray(0, read));
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof DaybookError) throw error;
    throw unreadable(named, error);
  }
  return bytes.text();
}

/** The bytes of a small file, which is `named` in messages. Throws kind `data` where it cannot be read. */
export function bytesOfFile(path: string, named: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(named, error);
  }
}
