import { isUtf8 } from 'node:buffer';
import { DaybookError } from '../core/errors.js';
import { cosignedAt, isCheckpointBy, readCheckpoint } from '../core/evidence/checkpoint.js';
import type { ReadCheckpoint } from '../core/evidence/checkpoint.js';
import { leafHash } from '../core/evidence/leaves.js';
import { asNote, ED25519, keyId } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { readConsistency, readProof } from '../core/evidence/proofs.js';
import { isConsistent, rootByPath } from '../core/evidence/tree.js';
import { collectFindings } from '../core/evidence/verdicts.js';
import type { Findings } from '../core/evidence/verdicts.js';
import { formatTimestamp } from '../core/timestamp.js';
import { NO_ENTRIES } from './verify-trail.js';
import type { Verification } from './verify-trail.js';

/** What a file is checked with. */
export interface FileRequest {
  readonly subject: string;
  readonly text: string;
  readonly pinned: PublicKey;
  /** Whether what is only suspicious is a fault. */
  readonly strict?: boolean;
}

/**
 * Checks a proof of an entry, a proof that one seal holds another, or a checkpoint, with a public key and nothing else.
 * Throws kind `data` for any other file.
 */
export function verifyFile({ subject, text, pinned, strict = false }: FileRequest): Verification {
  const findings = collectFindings();
  const proof = readProof(text);
  if (proof !== undefined) {
    checkSigned(subject, proof.checkpoint, pinned, findings);
    const { size, root } = proof.checkpoint;
    const made = rootByPath(leafHash(proof.salt, proof.line), proof.index, size, proof.path);
    if (made?.equals(root) !== true) findings.add('altered', subject);
    if (!isUtf8(proof.line)) findings.add('not-utf8', subject);
    return verification(subject, proof.checkpoint, pinned, { findings, strict, checked: 1 });
  }
  const consistency = readConsistency(text);
  if (consistency !== undefined) {
    const { before, after, path } = consistency;
    for (const checkpoint of [before, after]) checkSigned(subject, checkpoint, pinned, findings);
    if (before.origin !== after.origin || !isConsistent(before, after, path)) findings.add('split-view', subject);
    return verification(subject, after, pinned, { findings, strict, checked: 0 });
  }
  const checkpoint = readCheckpoint(asNote(text));
  if (checkpoint === undefined) {
    throw new DaybookError(
      'data',
      `${subject} is neither a proof nor a checkpoint, nor an export with a file of proofs`,
    );
  }
  checkSigned(subject, checkpoint, pinned, findings);
  return verification(subject, checkpoint, pinned, { findings, strict, checked: 0 });
}

function checkSigned(subject: string, checkpoint: ReadCheckpoint, pinned: PublicKey, findings: Findings): void {
  if (checkpoint.origin !== pinned.name || !isCheckpointBy(pinned, checkpoint)) findings.add('bad-signature', subject);
}

function verification(
  subject: string,
  checkpoint: ReadCheckpoint,
  pinned: PublicKey,
  { findings, strict, checked }: { readonly findings: Findings; readonly strict: boolean; readonly checked: number },
): Verification {
  const found = findings.list();
  const faults = found.filter(({ severity }) => severity === 'fault' || strict);
  const seconds = cosignedAt(pinned, checkpoint);
  return {
    verdict: faults.length > 0 ? 'found' : 'intact',
    subject,
    origin: checkpoint.origin,
    key: { id: keyId(pinned, ED25519).toString('hex'), pinned: true },
    sealed: { size: checkpoint.size, at: seconds === null ? null : formatTimestamp(seconds * 1000) },
    entries: { ...NO_ENTRIES, checked },
    seals: { checked: faults.length > 0 ? 0 : 1, skipped: 0 },
    anchors: [],
    findings: found,
    complete: true,
  };
}
