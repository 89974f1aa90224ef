import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { publicKeyOf } from '../../src/core/evidence/notes.js';
import type { PublicKey } from '../../src/core/evidence/notes.js';
import { initSeals } from '../../src/operations/seal-init.js';
import { readSealKey } from '../../src/operations/seal-key.js';
import type { SealKey } from '../../src/operations/seal-key.js';
import { seal } from '../../src/operations/seal.js';
import type { SealResult } from '../../src/operations/seal.js';
import { verifyTrail } from '../../src/operations/verify-trail.js';
import type { Verification, VerifyRequest } from '../../src/operations/verify-trail.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { ACTOR, makeSqliteTrail, NOW, numbered, recordAll, sqliteTrail } from '../store/trail.js';
import type { SqliteTrail } from '../store/trail.js';

export const ORIGIN = 'example.com/audit';

/** A trail with a key. */
export interface SealedTrail {
  readonly trail: SqliteTrail;
  readonly store: AuditStore;
  readonly keyPath: string;
  /** As the key file holds it now. */
  readonly key: () => SealKey;
  /** The public key, as it was kept elsewhere. */
  readonly pinned: PublicKey;
  readonly record: (count: number) => Promise<void>;
  readonly seal: (now?: number) => Promise<SealResult>;
  /** With the key pinned, and without the key file. */
  readonly verify: (request?: Partial<VerifyRequest>) => Promise<Verification>;
  /** Its verdict and the codes of what it finds. */
  readonly found: (request?: Partial<VerifyRequest>) => Promise<string[]>;
  /** As somebody with every right on the file works on it: no guard is in the way. */
  readonly tamper: (sql: string, ...values: readonly unknown[]) => void;
}

/** A trail with a key and so many entries, `seal_init` among them; nothing is sealed yet. */
export async function sealedTrail(count = 10): Promise<SealedTrail> {
  const { trail, store } = await sqliteTrail();
  const keyPath = path.join(trail.directory, 'audit.seal');
  await initSeals(store, { origin: ORIGIN, path: keyPath, force: true, actor: ACTOR });
  const key = (): SealKey => readSealKey(keyPath);
  const pinned = publicKeyOf(key().privateKey, ORIGIN);
  const verify: SealedTrail['verify'] = (request = {}) =>
    verifyTrail(store, {
      subject: 'audit.db',
      now: NOW,
      grace: 26 * 3_600_000,
      strict: false,
      pinned,
      checkpoints: [],
      signed: null,
      ...request,
    });
  const record = async (more: number): Promise<void> => void (await recordAll(store, numbered(more)));
  await record(count - 1);
  return {
    trail,
    store,
    keyPath,
    key,
    pinned,
    record,
    seal: (now = NOW) => seal(store, key(), { now }),
    verify,
    found: async (request) => {
      const { verdict, findings } = await verify(request);
      return [verdict, ...findings.map(({ code }) => code)];
    },
    tamper: (sql, ...values) => {
      const plain = trail.plain();
      plain.exec('DROP TRIGGER IF EXISTS daybook_entries_append_only_insert');
      plain.exec('DROP TRIGGER IF EXISTS daybook_entries_append_only_update');
      plain.exec('DROP TRIGGER IF EXISTS daybook_entries_append_only_delete');
      if (values.length === 0) plain.exec(sql);
      else plain.prepare(sql).run(...values);
      plain.close();
    },
  };
}

/** A trail that is a copy of a file, as one that was restored. */
export async function restoredFrom(copy: string): Promise<{ readonly trail: SqliteTrail; readonly store: AuditStore }> {
  const trail = await makeSqliteTrail();
  onTestFinished(() => trail.remove());
  copyFileSync(copy, trail.path);
  return { trail, store: await trail.open() };
}
