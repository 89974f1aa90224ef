import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { ClientConfig } from 'pg';
import { DaybookError } from '../../../core/errors.js';
import { shown as quoted } from '../../../core/json.js';

/** What a URL of PostgreSQL says. */
export interface Target {
  readonly config: ClientConfig;
  readonly ssl: SslMode;
}

type SslMode = (typeof SSL_MODES)[number];
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** The parameters of a URL that are understood, as libpq names them. */
const PARAMETERS = [
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'application_name',
  'connect_timeout',
  'options',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
] as const;

/** How long to wait for a server that does not answer, in seconds. */
const CONNECT_TIMEOUT = 10;

/** Stands for the host where a URL has none: no host has this name. */
const NO_HOST = 'none.invalid';

/** Reads a URL. Throws kind `usage` for what is none; `shown` is how it may be said. */
export function targetOf(url: string, shown: string): Target {
  const wrong = (what: string): DaybookError =>
    new DaybookError('usage', `${shown} cannot be read as an address: ${what}`);
  // libpq takes a user without a host, as in postgres://app@/shop?host=/run/postgresql; a URL has a host wherever it has a user.
  const [, before, after] = /^([^/]*:\/\/[^/?#]*@)([/?#].*)?$/s.exec(url) ?? [];
  const whole = before === undefined ? url : `${before}${NO_HOST}${after ?? ''}`;
  if (!URL.canParse(whole))
    throw wrong('it is no URL (in a password, @ : / ? # % are written %40 %3A %2F %3F %23 %25)');
  const parsed = new URL(whole);
  const given: Partial<Record<(typeof PARAMETERS)[number], string>> = {};
  for (const [name, value] of parsed.searchParams) {
    const known = PARAMETERS.find((parameter) => parameter === name);
    if (known === undefined) throw wrong(`its parameter ${quoted(name)} is not known`);
    given[known] = value;
  }
  const decoded = (text: string): string | undefined => {
    try {
      return decodeURIComponent(text) || undefined;
    } catch {
      throw wrong('a % in it stands for nothing');
    }
  };
  const mode = given.sslmode ?? 'prefer';
  const ssl = SSL_MODES.find((known) => known === mode);
  if (ssl === undefined) throw wrong(`sslmode ${quoted(mode)} is none of ${SSL_MODES.join(', ')}`);
  // An address of IPv6 stands in brackets.
  const named = parsed.hostname === NO_HOST ? '' : parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const host = given.host ?? decoded(named);
  if (host?.includes(',') === true) throw wrong('it names several hosts');
  const user = given.user ?? decoded(parsed.username);
  const password = given.password ?? decoded(parsed.password);
  const database = given.dbname ?? decoded(parsed.pathname.replace(/^\//, ''));
  const port = given.port ?? parsed.port;
  if (port !== '' && !/^\d{1,5}$/.test(port)) throw wrong(`port ${quoted(port)} is no number`);
  const patience = given.connect_timeout ?? String(CONNECT_TIMEOUT);
  if (!/^\d{1,6}$/.test(patience)) throw wrong(`connect_timeout ${quoted(patience)} is no number of seconds`);
  const config: ClientConfig = {
    application_name: given.application_name ?? 'daybook',
    connectionTimeoutMillis: Number(patience) * 1000,
    keepAlive: true,
    ...(host !== undefined && { host }),
    ...(port !== '' && { port: Number(port) }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(given.options !== undefined && { options: given.options }),
  };
  return { config: { ...config, ssl: tlsOf(ssl, given, wrong) }, ssl };
}

/** TLS as libpq's sslmode says: up to `require` anybody's certificate will do, unless one to trust is named. */
function tlsOf(
  mode: SslMode,
  given: { readonly sslrootcert?: string; readonly sslcert?: string; readonly sslkey?: string },
  wrong: (what: string) => DaybookError,
): ClientConfig['ssl'] {
  if (mode === 'disable') return false;
  /** What a file holds, where that can be made what it is to be. */
  const read = (name: keyof typeof given, what: string, made: (text: string) => unknown): string | undefined => {
    const file = given[name];
    if (file === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw wrong(`${name} ${quoted(file)} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`);
    }
    try {
      made(text);
    } catch {
      throw wrong(`${name} ${quoted(file)} holds no ${what}`);
    }
    return text;
  };
  const certificate = (text: string): X509Certificate => new X509Certificate(text);
  const { sslrootcert: root } = given;
  const ca = root === 'system' ? undefined : read('sslrootcert', 'certificate', certificate);
  const cert = read('sslcert', 'certificate', certificate);
  const key = read('sslkey', 'key that can be read without a password', createPrivateKey);
  if ((cert === undefined) !== (key === undefined)) throw wrong('sslcert and sslkey go together');
  if (cert !== undefined && key !== undefined && !certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw wrong(`sslkey ${quoted(given.sslkey)} does not belong to sslcert ${quoted(given.sslcert)}`);
  }
  const checked = mode.startsWith('verify') || (mode === 'require' && ca !== undefined);
  return {
    rejectUnauthorized: checked,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(checked && mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}

/** Who runs this program, where neither the URL nor PGUSER says who connects. */
export function systemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
