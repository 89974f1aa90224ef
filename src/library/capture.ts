import type { CaptureRequest } from '../core/capture.js';
import { DaybookError } from '../core/errors.js';
import type { Context } from './context.js';
import { expectKeys } from './question.js';

/** How tables are captured, and who says so; what is not given is as without the option of `daybook capture add`. */
export interface CaptureSettings extends Context {
  /** What the entries call the rows; else the name of the table. */
  readonly entityType?: string | null;
  /** The value of this column is the scope, as `kind:value`. */
  readonly scope?: { readonly kind: string; readonly column: string } | null;
  /** Who acts where no context says it. */
  readonly actorColumn?: string | null;
  readonly nameColumn?: string | null;
  /** A change of these alone is no entry. */
  readonly ignore?: readonly string[];
  /** The change is named, and the value is `[redacted]`. */
  readonly redact?: readonly string[];
  /** These look like secrets, and are none. */
  readonly keep?: readonly string[];
  /** Text columns that hold documents: changed fields are paths inside of them. */
  readonly json?: readonly string[];
  /** Whether a change is refused that does not say who makes it. */
  readonly requireActor?: boolean;
}

const NOTHING = {
  entityType: null,
  scope: null,
  actorColumn: null,
  nameColumn: null,
  ignore: [],
  redact: [],
  keep: [],
  json: [],
  requireActor: false,
} as const satisfies CaptureRequest;

const WHO = [
  'actor',
  'actorType',
  'recordedBy',
  'correlationId',
  'reason',
] as const satisfies readonly (keyof Context)[];

/** How tables are to be captured, as a store takes it. */
export function captureRequest(wanted: Partial<CaptureRequest> = {}): CaptureRequest {
  return { ...NOTHING, ...wanted };
}

/** The settings of a capture, and who says so. */
export function captureSettings(given: CaptureSettings): {
  readonly request: CaptureRequest;
  readonly context: Context;
} {
  expectKeys('a capture', given, [...Object.keys(NOTHING), ...WHO]);
  const { actor, actorType, recordedBy, correlationId, reason, ...settings } = given;
  const said = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    request: captureRequest(Object.fromEntries(said)),
    context: { actor, actorType, recordedBy, correlationId, reason },
  };
}

/** What the program calls a setting, in its messages, and what that is here. */
const OPTIONS: Readonly<Record<string, keyof CaptureSettings>> = {
  '--entity-type': 'entityType',
  '--scope': 'scope',
  '--actor-column': 'actorColumn',
  '--name-column': 'nameColumn',
  '--ignore': 'ignore',
  '--redact': 'redact',
  '--keep': 'keep',
  '--json': 'json',
  '--require-actor': 'requireActor',
};

/** Runs what captures tables, and tells its errors by the names of settings. */
export async function inOwnWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    const { kind, message, hint } = error;
    const named = Object.keys(OPTIONS).find((option) => new RegExp(`${option}(?![\\w-])`).test(message));
    if (named === undefined) throw error;
    const text = message.replaceAll(/--[a-z-]+/g, (option) => OPTIONS[option] ?? option);
    throw new DaybookError(kind, text, {
      cause: error,
      ...(hint !== undefined && { hint }),
      ...(kind === 'usage' && { field: OPTIONS[named] as string }),
    });
  }
}
