import { createReadStream, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { createGunzip } from 'node:zlib';
import { isLosslessNumber } from 'lossless-json';
import type { Cell } from '../core/cell.js';
import { ENTRY_FIELDS, JSON_FIELDS } from '../core/entry.js';
import type { Entry, EntryField } from '../core/entry.js';
import { DaybookError, unreadable } from '../core/errors.js';
import { splitLines, strictText } from '../core/lines.js';
import { documentText, isJsonObject, madeDocumentIn, shown } from '../core/json.js';
import type { JsonObject } from '../core/json.js';
import { bytesOf } from '../importers/file-bytes.js';
import type { AuditStore, Gathering, Key } from '../store/audit-store.js';
import { heard } from './heard.js';

const PAGE = 500;

/** What archives are called: `prune --archive-dir` writes the last but one. */
const ARCHIVE = /\.(?:ndjson|jsonl)(?:\.gz)?$/;

/**
 * Gathers a trail and the archives of what was pruned from it, each entry once. The trail comes first: what a prune takes
 * meanwhile is in its archive by then. Throws kind `missing` where there is no archive, and kind `data` for a line that is
 * no entry with all its fields, or that is another entry than one which is there.
 */
export async function gather(
  gathering: Gathering,
  store: AuditStore,
  archives: readonly string[],
  signal: AbortSignal,
): Promise<AuditStore> {
  await gatherTrail(gathering, store, signal);
  await gatherNames(gathering, store);
  for (const file of archives.flatMap(filesOf)) await gatherArchive(gathering, file, signal);
  // What binds the trail is kept nowhere else.
  return { ...(await gathering.finish()), holds: () => store.holds() };
}

async function gatherTrail(gathering: Gathering, store: AuditStore, signal: AbortSignal): Promise<void> {
  const upTo = await store.mark();
  let after: Key | undefined;
  do {
    await expectUninterrupted(signal);
    const query = { filter: {}, order: 'recorded', limit: PAGE, upTo, ...(after && { after }) } as const;
    const { rows, next } = await store.rows(query, ENTRY_FIELDS);
    await gathering.add(rows.map(entryOf));
    after = next ?? undefined;
  } while (after !== undefined);
}

function entryOf(row: readonly Cell[]): Entry {
  return Object.fromEntries(ENTRY_FIELDS.map((field, position) => [field, row[position]])) as unknown as Entry;
}

async function gatherNames(gathering: Gathering, store: AuditStore): Promise<void> {
  for (let after = ''; ;) {
    const actors = await store.actors({ after, limit: PAGE });
    await gathering.addNames(actors);
    const last = actors.at(-1);
    if (last === undefined || actors.length < PAGE) return;
    after = last.actor;
  }
}

/** The archive of this name, or those in the folder of it. */
export function filesOf(archive: string): readonly string[] {
  try {
    if (!statSync(archive).isDirectory()) return [archive];
    const names = readdirSync(archive)
      .filter((name) => ARCHIVE.test(name))
      .toSorted();
    if (names.length > 0) return names.map((name) => path.join(archive, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new DaybookError('missing', `--archives: there is no ${archive}`, { cause: error });
    throw unreadable(archive, error);
  }
  throw new DaybookError('missing', `--archives: ${archive} holds no archive (.ndjson or .jsonl, also with .gz)`);
}

async function gatherArchive(gathering: Gathering, file: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const lines of splitLines(archiveBytes(file))) {
      for (let start = 0; start < lines.length; start += PAGE) {
        await expectUninterrupted(signal);
        const page = lines.slice(start, start + PAGE).filter(({ bytes }) => bytes.length > 0);
        const conflict = await gathering.add(page.map(({ line, bytes }) => archivedEntry(line, bytes)));
        if (conflict === undefined) continue;
        const { entry, other } = conflict;
        const [was, is] = [other, entry].map(({ seq, id }) => `${seq} (${id})`);
        throw new DaybookError(
          'data',
          was === is
            ? `entry ${is} is another one than the entry of that seq and id that is there: it was changed`
            : `entry ${is} is not of this trail, which has ${was}`,
        );
      }
    }
  } catch (error) {
    throw error instanceof DaybookError && error.kind === 'data' ? ofArchive(file, error.message, error) : error;
  }
}

function ofArchive(file: string, problem: string, cause: unknown): DaybookError {
  return new DaybookError('data', problem.startsWith(file) ? problem : `${file}: ${problem}`, { cause });
}

/** An entry as an archive has it: with its seq, and every field. What it holds is checked where it is gathered. */
function archivedEntry(line: number, bytes: Buffer): Entry {
  const invalid = (problem: string): DaybookError => new DaybookError('data', `line ${line}: ${problem}`);
  const text = strictText(bytes, `line ${line}`);
  const document = plainDocument(text) ?? madeDocumentIn(text);
  if (!isJsonObject(document)) throw invalid('this is not a JSON object');
  const missing = ENTRY_FIELDS.find((field) => !Object.hasOwn(document, field));
  if (missing !== undefined) throw invalid(`an archived entry has every field, and this one has no ${missing}`);
  const valueOf = (field: EntryField): Cell => {
    const value = document[field] ?? null;
    if (field === 'seq') {
      const seq = typeof value === 'number' || isLosslessNumber(value) ? Number(value) : Number.NaN;
      if (Number.isSafeInteger(seq)) return seq;
      throw invalid(`seq ${shown(value)} is not a whole number`);
    }
    if (value === null || (typeof value === 'string' && !JSON_FIELDS.has(field))) return value;
    if (JSON_FIELDS.has(field)) return documentText(value);
    throw invalid(`${field} ${shown(value)} is not a text`);
  };
  return Object.fromEntries(ENTRY_FIELDS.map((field) => [field, valueOf(field)])) as unknown as Entry;
}

/**
 * What most lines are: text that the parser of the engine, which is many times faster, gives back as it was written. So it
 * lost nothing, neither a digit nor a key that stands twice.
 */
function plainDocument(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What an archive holds, uncompressed. */
async function* archiveBytes(file: string): AsyncGenerator<Uint8Array> {
  if (!file.endsWith('.gz')) {
    yield* bytesOf(file);
    return;
  }
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.once('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw unreadable(file, error);
    throw new DaybookError('data', `${file} is damaged, or not compressed by gzip`, { cause: error });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function expectUninterrupted(signal: AbortSignal): Promise<void> {
  await heard();
  if (signal.aborted) throw new DaybookError('interrupted', '');
}
