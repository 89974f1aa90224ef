import { DaybookError, ResourceError } from '../../../core/errors.js';
import type { ErrorKind } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { shellWord } from '../../../core/shell.js';

/** Who asks for what, for messages: never a password. */
export interface Asked {
  readonly shown: string;
  readonly schema: string;
  readonly user: string;
  readonly database: string;
  readonly server: string;
}

/** What PostgreSQL and the driver say of an error. */
interface ServerError extends Error {
  readonly code?: string;
  readonly table?: string;
  readonly constraint?: string;
  readonly column?: string;
}

interface Told {
  readonly kind: ErrorKind;
  readonly text: string;
  readonly hint?: string;
}

type Says = (error: ServerError, asked: Asked) => Told;

const busy =
  (text: (asked: Asked, error: ServerError) => string): Says =>
  (error, asked) => ({ kind: 'busy', text: text(asked, error), hint: '…' });
const init = ({ shown: address, schema }: Asked): string => initHint(address, schema);

/** The command that makes, upgrades or mends a trail. */
export function initHint(address: string, schema: string): string {
  return `daybook --db ${shellWord(address)}${schema === 'daybook' ? '' : ` --schema ${shellWord(schema)}`} init`;
}

const noTrail: Says = (_error, asked) => ({
  kind: 'missing',
  text: `${asked.shown} holds no daybook trail in its schema ${asked.schema}`,
  hint: init(asked),
});
/** The statement that is missing names the columns, too: the owner of the trail can give it. */
const withoutRight = (asked: Asked, message: string): Told => ({
  kind: 'refused',
  text: `user ${shown(asked.user)} has no right to do this (${message}); what a role needs to record and read, the owner of the trail grants`,
  hint: `${init(asked)} --grant ${shellWord(asked.user)}`,
});

/** The error for a schema that who is connected may not use. */
export function notGranted(asked: Asked): DaybookError {
  const { kind, text, hint } = withoutRight(asked, `permission denied for schema ${asked.schema}`);
  return new DaybookError(kind, text, hint === undefined ? {} : { hint });
}

const notAdmitted: Says = ({ message }, { user, database }) => ({
  kind: 'missing',
  text: `the server does not let user ${shown(user)} into database ${shown(database)} (${message})`,
});
const lost = busy(({ server }, { message }) => `the connection to ${server} was lost (${message})`);

const standby: Says = (_error, { server }) => ({
  kind: 'refused',
  text: `${server} only reads: it is a standby, or its transactions are read-only; name the address of its primary`,
});

/** What each SQLSTATE means to whoever runs a command; those of two characters stand for their whole class. */
const STATES: Readonly<Record<string, Says>> = {
  '55P03': (_error, { shown: address }) => ({
    kind: 'busy',
    text: `${address} is locked by another program`,
    hint: '… --busy-timeout 30s',
  }),
  '40P01': busy(({ shown: address }) => `${address} is locked by another program, which waits for this one`),
  '40001': busy(({ shown: address }) => `${address} is changed by others at the same moment, again and again`),
  '53300': busy(({ server }, { message }) => `${server} has no connection left (${message})`),
  '57P03': busy(({ server }, { message }) => `${server} takes no connections now (${message})`),
  '57P01': lost,
  '57P02': lost,
  '57P05': lost,
  '57014': (_error, { shown: address }) => ({
    kind: 'failed',
    text: `${address} stopped the statement, as its statement_timeout says or somebody asked`,
  }),
  '3D000': (_error, { server, database }) => ({
    kind: 'missing',
    text: `${server} has no database ${shown(database)}`,
  }),
  '42P01': noTrail,
  '3F000': noTrail,
  '42704': ({ message }) => ({ kind: 'missing', text: message }),
  '42703': ({ message }, { shown: address }) => ({
    kind: 'missing',
    text: `${address} is not as daybook made it (${message})`,
  }),
  '28': notAdmitted,
  '42501': ({ message }, asked) => withoutRight(asked, message),
  DB001: ({ message }) => ({ kind: 'refused', text: message.replace(/^daybook: /, '') }),
  '25006': standby,
  '22': ({ message }) => ({ kind: 'data', text: message }),
  '23': ({ message }) => ({ kind: 'data', text: message }),
  '53': ({ message }, { server }) => ({ kind: 'failed', text: `${server} has no room left (${message})` }),
};

/** What the system says where no server answers. */
const SYSTEM: Readonly<Record<string, Says>> = {
  ECONNREFUSED: busy(({ server }) => `no server takes connections at ${server}`),
  ENOENT: busy(({ server }) => `no server takes connections at ${server}: its socket is not there`),
  EACCES: (_error, { server }) => ({ kind: 'missing', text: `${server} may not be connected to (permission denied)` }),
  ENOTFOUND: (_error, { server }) => ({ kind: 'missing', text: `there is no host of the name in ${server}` }),
  EAI_AGAIN: busy(({ server }) => `the name of the host in ${server} cannot be looked up now`),
  ETIMEDOUT: busy(({ server }) => `${server} does not answer`),
  EHOSTUNREACH: busy(({ server }) => `${server} cannot be reached`),
  ENETUNREACH: busy(({ server }) => `${server} cannot be reached`),
  ECONNRESET: lost,
  EPIPE: lost,
};

/** What TLS says, by its codes. */
const TLS: readonly (readonly [RegExp, Says])[] = [
  [
    /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID|REVOKED)$/,
    ({ message }, { server }) => ({ kind: 'missing', text: `the certificate of ${server} does not hold (${message})` }),
  ],
  [
    /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|INVALID_)/,
    ({ message }, { server }) => ({
      kind: 'missing',
      text: `the certificate of ${server} is not to be trusted (${message}): sslrootcert names a file with the one that signed it`,
    }),
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    ({ message }, { server }) => ({
      kind: 'missing',
      text: `the certificate of ${server} is for another host (${message}): name the host that it is for, or check only who signed it with sslmode=verify-ca`,
    }),
  ],
  [
    /^ERR_SSL_.*ALERT_(?:UNKNOWN_CA|.*CERT)/,
    (_error, { server, user }) => ({
      kind: 'missing',
      text: `${server} does not take the certificate of user ${shown(user)}: name another one with sslcert and sslkey`,
    }),
  ],
];

/** What the driver says in words alone. */
const WORDS: readonly (readonly [RegExp, Says])[] = [
  [
    /^Connection terminated due to connection timeout|^timeout expired/,
    busy(({ server }) => `${server} does not answer`),
  ],
  [/^Connection terminated|^Client has encountered a connection error|not queryable/, lost],
  [
    /^SASL: .*password must be a (?:non-empty )?string/,
    (_error, { server, user }) => ({
      kind: 'missing',
      text: `${server} asks for the password of user ${shown(user)}, and none was given (PGPASSWORD, or ~/.pgpass)`,
    }),
  ],
  [/during recovery|in a hot standby/, standby],
  [
    /server does not support SSL/,
    (_error, { server }) => ({ kind: 'missing', text: `${server} speaks no TLS, which sslmode asks for` }),
  ],
];

/** Gives what the server, the system and the driver say the words and the kind of the contract. */
export function explained(error: unknown, asked: Asked): unknown {
  if (!(error instanceof Error) || error instanceof DaybookError) return error;
  const found = error as ServerError;
  const { code = '' } = found;
  const says =
    STATES[code] ??
    (/^[0-9A-Z]{5}$/.test(code) ? STATES[code.slice(0, 2)] : undefined) ??
    SYSTEM[code] ??
    TLS.find(([codes]) => codes.test(code))?.[1] ??
    WORDS.find(([words]) => words.test(found.message))?.[1];
  if (says !== undefined) {
    const { kind, text, hint } = says(found, asked);
    const options = hint === undefined ? { cause: error } : { cause: error, hint };
    return kind === 'data' ? new DaybookError(kind, text, options) : new ResourceError(kind, text, options);
  }
  if (code === '') return error;
  return new ResourceError('failed', `${asked.shown}: ${found.message} (${code})`, { cause: error });
}

/** Whether the connection is gone, so that nobody knows any more what became of what was asked. */
export function isLost(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  return (
    ['57P01', '57P02', '57P05', 'ECONNRESET', 'EPIPE'].includes(code) || message.startsWith('Connection terminated')
  );
}

/** Whether the same transaction may well succeed a moment later. */
export function isPassing(error: unknown): boolean {
  return ['40001', '40P01'].includes((error as { code?: string }).code ?? '');
}
