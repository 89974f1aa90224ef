import type { AnchorTold } from '../operations/anchors.js';
import { entries } from './command.js';

const KINDS: Readonly<Record<AnchorTold['kind'], string>> = {
  rfc3161: 'timestamp (RFC 3161)',
  ots: 'file of OpenTimestamps',
  cosignature: 'cosignature',
};

/** An anchor, for people. */
export function anchorText({ kind, size, at, by, checked }: AnchorTold): string {
  const who = by.length === 0 ? '' : ` by ${by.join(', ')}`;
  const when = at === null ? '' : `, at ${at}`;
  const signed = kind === 'cosignature' && checked ? ', signed by the witness that you gave' : '';
  return `anchor: ${KINDS[kind]}${who} of the seal over ${entries(size)}${when}${signed}`;
}
