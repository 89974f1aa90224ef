import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { cli, fromLines, inTestDirectory, json, ok } from '../support/cli.js';
import type { CliResult } from '../support/cli.js';

/** What `export` says of an entry, as far as tests look. */
export interface ImportedFields {
  readonly id: string;
  readonly ts: string;
  readonly recorded_at: string;
  readonly action: string;
  readonly actor: string;
  readonly actor_type: string;
  readonly actor_name: string | null;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly entity_name: string | null;
  readonly message: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly old_values: Readonly<Record<string, unknown>> | null;
  readonly new_values: Readonly<Record<string, unknown>> | null;
  readonly changed_fields: readonly string[] | null;
  readonly correlation_id: string | null;
  readonly source: string;
}

export interface Counts {
  readonly read: number;
  readonly recorded: number;
  readonly skipped: number;
  readonly unmatched: number;
  readonly rejected: number;
  readonly entry: number | null;
}

/** Imports, and gives the counts. */
export async function imports(...words: readonly string[]): Promise<Counts> {
  return json<Counts>(['import', ...words, '--format', 'json']);
}

/** Imports all of a source that is right: it verifies, and once more adds nothing. Gives its entries in their order. */
export async function movesIn(format: string, file: string, ...options: readonly string[]): Promise<ImportedFields[]> {
  const counts = await imports(format, file, ...options);
  expect(counts).toMatchObject({ skipped: 0, rejected: 0 });
  expect(counts.entry).not.toBeNull();
  await staysTheSame(format, file, counts.recorded, ...options);
  return imported(format);
}

/** Everything of a source is there already, as it says. */
export async function staysTheSame(
  format: string,
  file: string,
  entries: number,
  ...options: readonly string[]
): Promise<void> {
  expect(await imports(format, file, ...options)).toMatchObject({ recorded: 0, skipped: entries, entry: null });
  expect(await json(['import', format, file, '--verify', '--format', 'json', ...options])).toMatchObject({
    entries,
    different: 0,
    rejected: 0,
  });
}

/** The entries of a source, oldest first. */
export async function imported(source: string): Promise<ImportedFields[]> {
  return fromLines<ImportedFields>(await importedText(source));
}

/** The same as text, in which numbers have all their digits. */
export async function importedText(source: string): Promise<string> {
  return ok(['export', '--source', source, '--format', 'ndjson']);
}

/** A file in the directory of the test. */
export function textFile(name: string, text: string): string {
  const file = inTestDirectory(name);
  writeFileSync(file, text);
  return file;
}

/** A file of JSON lines. */
export function linesFile(name: string, ...lines: readonly (string | object)[]): string {
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  return textFile(name, texts.map((line) => `${line}\n`).join(''));
}

/** An import of these lines alone. */
export async function importOf(
  format: string,
  lines: readonly (string | object)[],
  ...options: readonly string[]
): Promise<CliResult> {
  return cli(['import', format, linesFile('lines.ndjson', ...lines), ...options]);
}
