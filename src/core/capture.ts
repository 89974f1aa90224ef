import { isObject, isTextOrNull, isTexts, keptJson } from './kept-json.js';

/** How a table's row changes are captured, as `capture add` was asked. */
export interface CaptureSettings {
  readonly entityType: string;
  /** `kind:` and the value of the column are the scope. */
  readonly scope: { readonly kind: string; readonly column: string } | null;
  /** Says who acts where no context does. */
  readonly actorColumn: string | null;
  readonly nameColumn: string | null;
  /** A change of these alone is no entry. */
  readonly ignore: readonly string[];
  readonly redact: readonly string[];
  /** Columns that look like secrets, but are none and are kept. */
  readonly keep: readonly string[];
  /** Text columns that hold documents. */
  readonly json: readonly string[];
  readonly requireActor: boolean;
  /** Settings of a transaction that the application gives already, where the engine has such. */
  readonly actorSetting?: string | null;
  readonly actorTypeSetting?: string | null;
  readonly correlationSetting?: string | null;
}

/** Settings that were kept as JSON, or undefined where they cannot be read. */
export function readCaptureSettings(json: string): CaptureSettings | undefined {
  const settings = keptJson(json);
  if (!isObject(settings)) return undefined;
  const { entityType, scope, actorColumn, nameColumn, ignore, redact, keep, json: documents, requireActor } = settings;
  const { actorSetting, actorTypeSetting, correlationSetting } = settings;
  const isReadable =
    typeof entityType === 'string' &&
    (scope === null || (isObject(scope) && typeof scope['kind'] === 'string' && typeof scope['column'] === 'string')) &&
    [actorColumn, nameColumn].every(isTextOrNull) &&
    [ignore, redact, keep, documents].every(isTexts) &&
    typeof requireActor === 'boolean' &&
    [actorSetting, actorTypeSetting, correlationSetting].every((name) => isTextOrNull(name ?? null));
  return isReadable ? (settings as unknown as CaptureSettings) : undefined;
}

/** Settings in the shape that `capture list` and the entries about captures have. */
export function shownSettings(settings: CaptureSettings): Readonly<Record<string, unknown>> {
  return {
    entity_type: settings.entityType,
    scope: settings.scope && `${settings.scope.kind}=${settings.scope.column}`,
    actor_column: settings.actorColumn,
    name_column: settings.nameColumn,
    ignore: settings.ignore,
    redact: settings.redact,
    keep: settings.keep,
    json: settings.json,
    require_actor: settings.requireActor,
    ...(settings.actorSetting !== undefined && { actor_setting: settings.actorSetting }),
    ...(settings.actorTypeSetting !== undefined && { actor_type_setting: settings.actorTypeSetting }),
    ...(settings.correlationSetting !== undefined && { correlation_setting: settings.correlationSetting }),
  };
}

/** The settings as they are asked for: without a type, the table's name is it. */
export type CaptureRequest = Omit<CaptureSettings, 'entityType'> & { readonly entityType: string | null };

/** A stretch of the trail in which a table's changes were captured; what lies between two is a gap. */
export interface CaptureSpan {
  readonly sinceSeq: number;
  readonly sinceTs: string;
  /** Null while it goes on. After a gap, up to where the trail is known to be whole. */
  readonly untilSeq: number | null;
  readonly untilTs: string | null;
  readonly ended: 'removed' | 'gap' | null;
}

export interface Capture {
  readonly table: string;
  readonly settings: CaptureSettings;
  /** The columns that are captured. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  readonly spans: readonly CaptureSpan[];
  /** What is not as it should be, in words that go on behind the table's name; null where all is well. */
  readonly problem: string | null;
  /** Whether its triggers are those of an earlier daybook: they record each change, but not as well as those of today. */
  readonly outdated: boolean;
}

/** Whether changes may go unseen for what is wrong with a capture: triggers that run before ours only change the order. */
export function losesChanges(problem: string | null): boolean {
  return problem !== null && !problem.startsWith('has triggers that were made after');
}

/** What the trail knows of the tables that were captured as one entity type: the last one of them, and every span. */
export interface CaptureHistory {
  readonly table: string;
  /** Null where no table is captured as this type any more. */
  readonly capture: Omit<Capture, 'spans'> | null;
  /** The columns of that table that can hold no number. */
  readonly texts: readonly string[];
  readonly spans: readonly CaptureSpan[];
}

/** What came of a change to the capture of a table. */
export interface CaptureChange {
  readonly table: string;
  readonly changed: boolean;
  /** The seq of the entry that tells of it; null where nothing changed. */
  readonly entry: number | null;
  /** New columns that look like secrets and are redacted from now on. */
  readonly redacted: readonly string[];
  /** Triggers of the application because of which a REPLACE is refused while they write into the table. */
  readonly nesting: readonly string[];
}

/** What came of adding a table. */
export interface CaptureAdded extends CaptureChange {
  /** Triggers of the application that may change a row before its own change: its old values are then those before both. */
  readonly overtaking: readonly string[];
}

/** What `capture check` found of one kind of statement on one table. */
export interface CheckedCase {
  readonly table: string;
  readonly case: string;
  readonly outcome: 'holds' | 'fails' | 'not tried';
  readonly reason: string | null;
}

/** Names of columns, in lower case with underlines, that say so. */
export const SECRET_NAMES =
  /(?:^|_)(?:pass|passwd|password|passphrase|pwd|secrets?|tokens?|otp|totp|credentials?|cookies?|csrf|jwt)(?:_|$)|(?:api|private|secret|access|encryption|signing|auth)_?keys?(?:_|$)|password|passwd|secret|apikey/;

/** Whether a column's name says that it holds what must not be copied about: `apiToken`, `password_hash`, `totp_key`. */
export function looksSecret(column: string): boolean {
  const words = column.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_');
  return SECRET_NAMES.test(words.toLowerCase());
}
