// What daybook needs of RFC 3161: a request for a time, and from the answer which digest it is of and what time it bears.
// Whether an authority has signed the answer is for its certificate and for openssl to say.

const INTEGER = 0x02;
const OCTETS = 0x04;
const OID = 0x06;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT = 0xa0;

/** AlgorithmIdentifier of SHA-256, with its NULL. */
const SHA256 = Buffer.from('300d06096086480165030402010500', 'hex');
const SIGNED_DATA = Buffer.from('2a864886f70d010702', 'hex');
const TST_INFO = Buffer.from('2a864886f70d0109100104', 'hex');
const VERSION = Buffer.from('020101', 'hex');
const TRUE = Buffer.from('0101ff', 'hex');

/** A request for a timestamp of a SHA-256 (TimeStampReq), with the certificate of who answers in the answer. */
export function timestampRequest(digest: Buffer, nonce: Buffer): Buffer {
  // An integer of DER has a sign, and no zeros before it that it does not need.
  const positive = Buffer.concat([Buffer.of(1), nonce]);
  const imprint = element(SEQUENCE, SHA256, element(OCTETS, digest));
  return element(SEQUENCE, VERSION, imprint, element(INTEGER, positive), TRUE);
}

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  // What is made here is shorter than 128 bytes.
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements that bytes of DER are made of; undefined for what is none. */
function elements(bytes: Buffer): Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] as number;
    let length = bytes[at + 1];
    at += 2;
    if (length === undefined) return undefined;
    if (length >= 0x80) {
      const digits = length - 0x80;
      if (digits === 0 || digits > 4 || at + digits > bytes.length) return undefined;
      length = bytes.readUIntBE(at, digits);
      at += digits;
    }
    if (at + length > bytes.length) return undefined;
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

/** The elements within one, where it has these tags at least and in this order. */
function within(outer: Element | undefined, ...tags: readonly number[]): Element[] | undefined {
  const inner = outer === undefined ? undefined : elements(outer.content);
  return inner !== undefined && tags.every((tag, at) => inner[at]?.tag === tag) ? inner : undefined;
}

/**
 * The digest (SHA-256) that an answer (TimeStampResp) is of, and the time that it bears, in milliseconds since 1970;
 * undefined for what is none, and for one that refuses.
 */
export function readTimestamp(bytes: Buffer): { readonly digest: Buffer; readonly at: number } | undefined {
  const [response] = elements(bytes) ?? [];
  const [status, token] = within(response, SEQUENCE, SEQUENCE) ?? [];
  const [granted] = within(status, INTEGER) ?? [];
  if (granted?.content.length !== 1 || (granted.content[0] as number) > 1) return undefined;
  const [type, signed] = within(token, OID, EXPLICIT) ?? [];
  const [signedData] = within(signed, SEQUENCE) ?? [];
  const [, , encapsulated] = within(signedData, INTEGER, SET, SEQUENCE) ?? [];
  const [innerType, explicit] = within(encapsulated, OID, EXPLICIT) ?? [];
  const [octets] = within(explicit, OCTETS) ?? [];
  const [info] = elements(octets?.content ?? Buffer.of()) ?? [];
  const [, , imprint, , time] = within(info, INTEGER, OID, SEQUENCE, INTEGER, GENERALIZED_TIME) ?? [];
  const [algorithm, digest] = within(imprint, SEQUENCE, OCTETS) ?? [];
  const at = timeOf(time?.content.toString('latin1') ?? '');
  if (type?.content.equals(SIGNED_DATA) !== true || innerType?.content.equals(TST_INFO) !== true) return undefined;
  // Some leave the NULL behind the name of the algorithm out.
  const named = algorithm?.content.subarray(0, 11);
  if (named?.equals(SHA256.subarray(2, 13)) !== true || digest?.content.length !== 32 || at === undefined)
    return undefined;
  return { digest: digest.content, at };
}

/** A GeneralizedTime of RFC 3161, which is always UTC. */
function timeOf(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text)?.slice(1);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second, fraction = ''] = parts;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
