import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { isKeyName, keyLine, newPrivateKey, publicKeyOf } from '../core/evidence/notes.js';
import type { AuditStore } from '../store/audit-store.js';
import { isSameFile, realPath } from './file-identity.js';
import { makeFolder } from './output-file.js';
import { makeSealKey } from './seal-key.js';

export interface SealInit {
  readonly origin: string;
  /** Where the key file goes. */
  readonly path: string;
  /** Whether that may be the folder of the database. */
  readonly force: boolean;
  readonly actor: Actor;
}

/** The name of a trail that nobody gave one. */
export function newOrigin(): string {
  return `daybook/${randomBytes(8).toString('hex')}`;
}

/**
 * Makes a key, its file, and begins to seal; gives the public key line. Throws kind `refused` where the trail is sealed
 * already, where there is a file of this name, or where it would lie beside the database, and is copied with it.
 */
export async function initSeals(store: AuditStore, { origin, path, force, actor }: SealInit): Promise<string> {
  expectOrigin(origin);
  const [sealed] = (await store.sealState()).trails;
  if (sealed !== undefined) {
    throw new DaybookError('refused', `this trail is sealed already, as ${sealed.origin}`, {
      hint: 'daybook seal status',
    });
  }
  const { file } = store.origin;
  if (!force && file !== undefined && isSameFile(dirname(realPath(path)), dirname(realPath(file)))) {
    throw new DaybookError('refused', `${path} lies beside the database: who copies or takes the folder has both`, {
      field: 'force',
      value: force,
    });
  }
  await makeFolder(path);
  const privateKey = newPrivateKey();
  const key = publicKeyOf(privateKey, origin);
  await makeSealKey(store.origin, { path, key, privateKey, signed: null, pending: null, handover: null });
  await store.beginSeals({ origin, key: keyLine(key), since: 0 }, actor);
  return keyLine(key);
}

/** What a checkpoint may not begin with: it could pass for another statement, or another for it. */
const OTHERS = /^(?:daybook\.[a-z]+\/v\d+|cosignature\/v\d+)$/;

/** Throws kind `usage` for what is no name of a trail. */
export function expectOrigin(origin: string): void {
  if (isKeyName(origin) && !OTHERS.test(origin)) return;
  throw new DaybookError(
    'usage',
    `--origin ${JSON.stringify(origin)} is no name for a trail: take one such as example.com/audit, without blanks and +`,
  );
}
