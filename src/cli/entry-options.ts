import { changedFields } from '../core/diff.js';
import { readEntity } from '../core/entity.js';
import type { NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { normalizeDocument } from '../core/json.js';
import { metadataWith } from '../core/metadata.js';
import { collapse, redact } from '../core/redact.js';
import { formatTimestamp } from '../core/timestamp.js';
import { validateEntry } from '../core/validate.js';
import type { RecordRequest } from '../store/audit-store.js';
import { note } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';
import { valueOrFile } from './input.js';
import { underOption } from './under-option.js';

/** An entry as it is typed: `note` takes some of these options and `record` all. */
export interface EntryOptions {
  readonly action: string;
  readonly category?: string;
  readonly severity?: string;
  readonly entity?: string;
  readonly entityName?: string;
  readonly scope?: string;
  readonly message?: string;
  readonly meta?: readonly string[];
  readonly metadata?: string;
  readonly old?: string;
  readonly new?: string;
  readonly redact?: readonly string[];
  readonly correlation?: string;
  readonly ts?: string;
  readonly id?: string;
}

/** Makes a valid entry of options. Throws kind `usage` for a bad option, kind `data` for a bad document in one. */
export async function entryFromOptions(
  options: EntryOptions,
  run: { readonly globals: Globals; readonly context: Context; readonly defaults: NewEntry },
): Promise<RecordRequest> {
  const { globals, context, defaults } = run;
  const now = context.now();
  const ts = options.ts === undefined ? undefined : formatTimestamp(await instant(options.ts, now, globals.zone));
  const { given, unhidden } = documents(options);
  const request = validateEntry(
    {
      action: options.action,
      category: options.category,
      severity: options.severity,
      ...entityParts(options.entity),
      entity_name: options.entityName,
      scope: options.scope,
      message: options.message,
      ...given,
      correlation_id: options.correlation,
      ts,
      id: options.id,
    },
    'usage',
    { documents: 'text', now, defaults },
  );
  // A field may be absent for good reasons; but a slip of the pen would keep a secret for ever.
  if (unhidden.length > 0) {
    await note(context, globals, `--redact ${unhidden.join(', ')}: nothing of that name is in the entry`);
  }
  return request;
}

async function instant(text: string, now: number, zone: string): Promise<number> {
  const { resolveInstant } = await import('../core/period.js');
  return underOption('--ts', () => resolveInstant(text, { now, zone }));
}

function entityParts(entity: string | undefined): { entity_type?: string; entity_id?: string } {
  if (entity === undefined) return {};
  const named = readEntity(entity);
  if (named === undefined || named.id === '') {
    throw new DaybookError('usage', `entity ${JSON.stringify(entity)} is not type:id, such as user:42`);
  }
  return { entity_type: named.type, entity_id: named.id };
}

/** The documents of an entry. What is redacted is compared first: the field is still named as changed. */
function documents(options: EntryOptions): {
  readonly given: Partial<Pick<NewEntry, 'metadata' | 'old_values' | 'new_values' | 'changed_fields'>>;
  /** The paths that were to be redacted and were not found. */
  readonly unhidden: readonly string[];
} {
  const paths = options.redact ?? [];
  const found = new Set<string>();
  const read = (value: string | undefined, option: string): string | undefined => {
    if (value === undefined) return undefined;
    try {
      return normalizeDocument(valueOrFile(value, option));
    } catch (error) {
      if (error instanceof DaybookError && !error.message.startsWith(option)) {
        throw new DaybookError('data', `${option}: ${error.message}`);
      }
      throw error;
    }
  };
  const hide = (text: string | undefined): string | undefined => {
    if (text === undefined || paths.length === 0) return text;
    const redacted = redact(text, paths);
    for (const path of redacted.found) found.add(path);
    return redacted.text;
  };

  const before = read(options.old, '--old');
  const after = read(options.new, '--new');
  const metadata =
    options.metadata === undefined && options.meta === undefined
      ? undefined
      : metadataWith(read(options.metadata, '--metadata') ?? '{}', options.meta ?? []);
  const given = {
    ...(metadata === undefined ? {} : { metadata: hide(metadata) ?? '{}' }),
    ...(before === undefined ? {} : { old_values: hide(before) ?? null }),
    ...(after === undefined ? {} : { new_values: hide(after) ?? null }),
  };
  const unhidden = paths.filter((path) => !found.has(path));
  if (paths.length === 0 || !isObject(before) || !isObject(after)) return { given, unhidden };
  const changed = JSON.stringify(collapse(changedFields(before, after), paths));
  return { given: { ...given, changed_fields: changed }, unhidden };
}

/** What is no object is refused by the rules of an entry, in their words. */
function isObject(text: string | undefined): text is string {
  return text?.startsWith('{') === true;
}
