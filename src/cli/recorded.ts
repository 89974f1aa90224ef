import { ENTRY_FIELDS } from '../core/entry.js';
import { record } from '../operations/record.js';
import type { AuditStore, RecordRequest } from '../store/audit-store.js';
import { printJson, printOutcome } from './command.js';
import type { Context } from './context.js';
import { entryJson } from './entry-json.js';
import type { Globals } from './globals.js';

/** Records an entry and prints its seq, or the entry. */
export async function printRecorded(
  store: AuditStore,
  request: RecordRequest,
  format: 'json' | undefined,
  globals: Globals,
  context: Context,
): Promise<void> {
  const { seq } = await record(store, request);
  await printOutcome(context, globals, `entry ${seq} is recorded`, () => printSeq(store, seq, format, context));
}

/** Prints the seq of an entry that is there, or the entry. */
export async function printSeq(
  store: AuditStore,
  seq: number,
  format: 'json' | undefined,
  context: Context,
): Promise<void> {
  if (format === undefined) return context.streams.stdout.write(`${seq}\n`);
  await printJson(await entryJson(store, seq, ENTRY_FIELDS), context);
}
