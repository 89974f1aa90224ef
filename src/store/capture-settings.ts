import { looksSecret, shownSettings } from '../core/capture.js';
import type { CaptureRequest, CaptureSettings } from '../core/capture.js';
import { DaybookError } from '../core/errors.js';

// What capture asks of a table, whatever engine it is in.

/** A table with what its settings may name. */
export interface CapturedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string }[];
  readonly primaryKey: readonly string[];
}

/** What is asked of each of several tables: a column counts for those that have it, and one of them must. */
export function requestsFor(described: readonly CapturedTable[], request: CaptureRequest): CaptureRequest[] {
  const has = (table: CapturedTable, column: string): boolean =>
    table.columns.some((one) => one.name.toLowerCase() === column.toLowerCase());
  const of = (table: CapturedTable, columns: readonly string[], option: string): string[] => {
    for (const column of columns) {
      if (described.some((one) => has(one, column))) continue;
      throw new DaybookError('usage', `${option}: none of these tables has a column ${column}`);
    }
    return columns.filter((column) => has(table, column));
  };
  return described.map((table) => ({
    ...request,
    scope: of(table, request.scope === null ? [] : [request.scope.column], '--scope').length > 0 ? request.scope : null,
    actorColumn: of(table, request.actorColumn === null ? [] : [request.actorColumn], '--actor-column')[0] ?? null,
    nameColumn: of(table, request.nameColumn === null ? [] : [request.nameColumn], '--name-column')[0] ?? null,
    ignore: of(table, request.ignore, '--ignore'),
    redact: of(table, request.redact, '--redact'),
    keep: of(table, request.keep, '--keep'),
    json: of(table, request.json, '--json'),
  }));
}

/** The settings with columns as the table writes them. Throws kind `usage` for one that it does not have. */
export function settledSettings(table: CapturedTable, request: CaptureRequest): CaptureSettings {
  const named = (column: string, option: string): string => {
    const found = table.columns.find((one) => one.name.toLowerCase() === column.toLowerCase());
    if (found !== undefined) return found.name;
    throw new DaybookError(
      'usage',
      `${option}: ${table.name} has no column ${column}, only ${table.columns.map((one) => one.name).join(', ')}`,
    );
  };
  const all = (columns: readonly string[], option: string): string[] =>
    [...new Set(columns.map((column) => named(column, option)))].toSorted();
  const settings: CaptureSettings = {
    entityType: request.entityType ?? table.name,
    scope: request.scope && { kind: request.scope.kind, column: named(request.scope.column, '--scope') },
    actorColumn: request.actorColumn && named(request.actorColumn, '--actor-column'),
    nameColumn: request.nameColumn && named(request.nameColumn, '--name-column'),
    ignore: all(request.ignore, '--ignore'),
    redact: all(request.redact, '--redact'),
    keep: all(request.keep, '--keep'),
    json: all(request.json, '--json'),
    requireActor: request.requireActor,
    ...(request.actorSetting !== undefined && { actorSetting: request.actorSetting }),
    ...(request.actorTypeSetting !== undefined && { actorTypeSetting: request.actorTypeSetting }),
    ...(request.correlationSetting !== undefined && { correlationSetting: request.correlationSetting }),
  };
  if (settings.entityType === '' || settings.entityType.includes(':')) {
    throw new DaybookError(
      'usage',
      `entity type ${JSON.stringify(settings.entityType)} must not be empty and has no colon`,
      {
        hint: '… --entity-type <type>',
      },
    );
  }
  const hidden = [...settings.redact, ...settings.ignore.filter(looksSecret)];
  const shown = new Set([settings.scope?.column, settings.actorColumn, settings.nameColumn, ...table.primaryKey]);
  const both = hidden.find((column) => shown.has(column));
  if (both !== undefined) {
    throw new DaybookError(
      'usage',
      `column ${both} cannot be kept out: it is in the key, or the scope, actor or name of every entry`,
    );
  }
  return settings;
}

/** Throws kind `refused` for columns that look like secrets, and of which nobody has said what is to become. */
export function expectDecided(table: CapturedTable, settings: CaptureSettings): void {
  const decided = new Set([...settings.redact, ...settings.ignore, ...settings.keep]);
  const open = table.columns.map((column) => column.name).filter((name) => looksSecret(name) && !decided.has(name));
  if (open.length === 0) return;
  throw new DaybookError(
    'refused',
    `${table.name} has columns that look like secrets (${open.join(', ')}): put each under --redact, --ignore or --keep`,
    { hint: `… --redact ${open.join(',')}` },
  );
}

/** Without columns that are gone; new ones that look like secrets are redacted until somebody decides. */
export function fittedSettings(
  table: CapturedTable,
  { settings, columns }: { readonly settings: CaptureSettings; readonly columns: readonly string[] },
): { settings: CaptureSettings; redacted: string[] } {
  const names = table.columns.map((column) => column.name);
  const there = (column: string): boolean => names.includes(column);
  const decided = new Set([...settings.redact, ...settings.ignore, ...settings.keep]);
  const redacted = names.filter(
    (name) => looksSecret(name) && !columns.includes(name) && !decided.has(name) && !table.primaryKey.includes(name),
  );
  return {
    redacted,
    settings: {
      ...settings,
      scope: settings.scope !== null && there(settings.scope.column) ? settings.scope : null,
      actorColumn: settings.actorColumn !== null && there(settings.actorColumn) ? settings.actorColumn : null,
      nameColumn: settings.nameColumn !== null && there(settings.nameColumn) ? settings.nameColumn : null,
      ignore: settings.ignore.filter(there),
      redact: [...settings.redact.filter(there), ...redacted].toSorted(),
      keep: settings.keep.filter(there),
      json: settings.json.filter(there),
    },
  };
}

/** The settings that differ, by the names that they are shown with. */
export function changedSettings(before: CaptureSettings, after: CaptureSettings): string[] {
  const old = shownSettings(before);
  return Object.entries(shownSettings(after)).flatMap(([key, now]) =>
    JSON.stringify(old[key]) === JSON.stringify(now) ? [] : [key],
  );
}
