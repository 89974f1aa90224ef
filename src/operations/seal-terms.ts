import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { readCheckpoint } from '../core/evidence/checkpoint.js';
import { keyLine, newPrivateKey, publicKeyOf } from '../core/evidence/notes.js';
import { signedHandover, signedResumption } from '../core/evidence/terms.js';
import { rootOf } from '../core/evidence/tree.js';
import type { AuditStore } from '../store/audit-store.js';
import { newOrigin } from './seal-init.js';
import { changeSealKey, readSealKey } from './seal-key.js';
import type { SealKey } from './seal-key.js';
import { frontierAt, seal } from './seal.js';

/**
 * Seals once more, and hands over to a new key; the private part of the old one is destroyed. Gives the new public key line
 * and the handover. Cut off, it is finished by the next seal.
 */
export async function rotateKey(
  store: AuditStore,
  key: SealKey,
  { now, actor }: { readonly now: number; readonly actor: Actor },
): Promise<{ readonly key: string; readonly note: string }> {
  const { size } = await seal(store, key, { now });
  const old = readSealKey(key.path);
  if (size === 0 || old.signed === null) {
    throw new DaybookError('refused', 'nothing is sealed yet, so there is nothing to hand over', {
      hint: 'daybook seal',
    });
  }
  const privateKey = newPrivateKey();
  const next = publicKeyOf(privateKey, old.key.name);
  const root = rootOf(old.signed.frontier).toString('base64');
  const note = signedHandover({ size, root, next }, old, privateKey);
  const handed = { ...old, key: next, privateKey, handover: { size, note } };
  await changeSealKey(store.origin, old, handed);
  await store.putHandover({ size, note }, keyLine(next), actor);
  await changeSealKey(store.origin, handed, { ...handed, handover: null });
  return { key: keyLine(next), note };
}

/**
 * Goes on under a new name from a database that was restored, with a statement of what it shares with the old one and what
 * is lost. Throws kind `refused` where nothing is lost, or what is there is not what the key has signed.
 */
export async function resumeSeals(
  store: AuditStore,
  key: SealKey,
  { origin, reason, actor }: { readonly origin: string | null; readonly reason: string; readonly actor: Actor },
): Promise<{ readonly key: string; readonly note: string }> {
  const { last, mark, trails } = await store.sealState();
  const trail = trails.at(-1);
  const size = last?.size ?? 0;
  const checkpoint = last === null ? undefined : readCheckpoint(last.note);
  if (trail === undefined || key.signed === null || size >= key.signed.frontier.size) {
    throw new DaybookError('refused', 'the database holds all that its key has signed: there is nothing to resume', {
      hint: 'daybook seal status',
    });
  }
  const frontier = await frontierAt(store, size);
  if (frontier === undefined || (checkpoint !== undefined && !rootOf(frontier).equals(checkpoint.root))) {
    throw new DaybookError('refused', 'the restored database is not what was sealed', { hint: 'daybook verify' });
  }
  const name = origin ?? newOrigin();
  const next = { ...key.key, name };
  const encoded = (root: Buffer): string => root.toString('base64');
  const note = signedResumption(
    {
      from: key.key.name,
      last: { size: key.signed.frontier.size, root: encoded(rootOf(key.signed.frontier)) },
      shared: { size, root: encoded(rootOf(frontier)) },
      reason,
    },
    key.privateKey,
    next,
  );
  await store.resumeSeals({ origin: name, key: keyLine(next), since: size, note }, reason, actor);
  const signed = last === null ? null : { frontier, mark, note: last.note };
  await changeSealKey(store.origin, key, { ...key, key: next, signed, pending: null });
  return { key: keyLine(next), note };
}
