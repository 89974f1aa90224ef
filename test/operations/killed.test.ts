import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { executeErase, prepareErase } from '../../src/operations/erase.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { rotateKey } from '../../src/operations/seal-terms.js';
import { seal } from '../../src/operations/seal.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { ACTOR, NOW, rule } from '../store/trail.js';
import { ENGINES } from './sealed.js';
import type { Sealed } from './sealed.js';

/**
 * A store whose process dies at its nth call, before it is made or after it, as SIGKILL would have it: nothing that comes
 * later reaches the database. Between two calls the key file changes at most once.
 */
function dying(store: AuditStore, at: number, when: 'before' | 'after'): { store: AuditStore; died: () => boolean } {
  let calls = 0;
  let dead = false;
  return {
    died: () => dead,
    store: new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]): Promise<unknown> => {
          const isLast = calls === at;
          calls += 1;
          if (dead || (isLast && when === 'before')) {
            dead = true;
            throw new Error('killed');
          }
          const result: unknown = await (member as (...all: unknown[]) => unknown).apply(target, given);
          if (!isLast) return result;
          dead = true;
          throw new Error('killed');
        };
      },
    }),
  };
}

type Work = (store: AuditStore, sealed: Sealed) => Promise<unknown>;

const archiveOf = ({ directory }: Sealed): string => path.join(directory, 'archive.ndjson');

async function prune(store: AuditStore, sealed: Sealed): Promise<void> {
  const rules = [rule({ keep: 40 })];
  const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
  await executePrune(store, prepared, { busyTimeout: 0, archive: archiveOf(sealed), sealKey: sealed.key(), now: NOW });
}

const WORK: Readonly<Record<string, Work>> = {
  seal: (store, { key }) => seal(store, key(), { now: NOW }),
  'seal --accept-inserted': (store, { key }) =>
    seal(store, key(), { now: NOW, accept: { reason: 'by hand', actor: ACTOR } }),
  'a prune of a sealed trail': prune,
  'an erasure from a sealed trail': async (store, { key }) => {
    const filter = { search: 'number 25' };
    const prepared = await prepareErase(store, { filter, reason: 'a request', actor: ACTOR }, NOW);
    await executeErase(store, prepared, { busyTimeout: 0, sealKey: key(), now: NOW });
  },
  'seal rotate': (store, { key }) => rotateKey(store, key(), { now: NOW, actor: ACTOR }),
};

/** What makes a gap in the seqs, and what inserts into it as if it had been there before. */
const GAPS: Readonly<Record<string, { readonly gap: string; readonly insert: string }>> = {
  SQLite: {
    gap: `UPDATE sqlite_sequence SET seq = 400 WHERE name = 'daybook_entries'`,
    insert: `INSERT INTO daybook_entries (seq, action) VALUES (300, 'late')`,
  },
  PostgreSQL: {
    gap: `SELECT setval('daybook_entries_seq_seq', 400)`,
    insert: `INSERT INTO daybook_entries (seq, action, tx) SELECT 300, 'late', tx FROM daybook_entries WHERE seq = 5`,
  },
};

test.each(ENGINES.flatMap(([engine, make]) => Object.keys(WORK).map((name) => [name, engine, make] as const)))(
  '%s in %s that is killed at any of its steps is no fault, goes on, and hides nothing',
  async (name, engine, make) => {
    const work = WORK[name] as Work;
    const { gap, insert } = GAPS[engine] as { gap: string; insert: string };
    /** Two tiles, sealed, with a gap, and what is not sealed behind them. */
    const scene = async (): Promise<Sealed> => {
      const sealed = await make(270);
      await sealed.seal();
      await sealed.tamper(gap);
      await sealed.record(10);
      return sealed;
    };
    // What a step leaves behind is of the operation: the other engine is tried at every third.
    const stride = engine === 'SQLite' ? 1 : 3;
    let at = 0;
    for (let ended = false; !ended; at += stride) {
      for (const when of ['before', 'after'] as const) {
        const sealed = await scene();
        if (name.includes('inserted')) {
          await sealed.seal();
          await sealed.tamper(insert);
        }
        const victim = dying(sealed.store, at, when);
        const outcome = await work(victim.store, sealed).then(
          () => 'done',
          (error: unknown) => (error as Error).message,
        );
        const where = `${when} call ${at}: ${outcome}`;
        if (!victim.died()) {
          expect(outcome).toBe('done');
          ended = true;
          continue;
        }
        const found = async (): Promise<string[]> => sealed.found({ signed: sealed.key().signed });
        const after = await found();
        // Until it is accepted, what was inserted is a fault all the same.
        if (!name.includes('inserted')) expect(after, where).toEqual(['intact']);
        // The next process, which knows that the other is gone, goes on.
        const next = await sealed.trail.open({ presence: { host: 'here', pid: 2, lives: (pid) => pid === 2 } });
        if (existsSync(archiveOf(sealed))) {
          rmSync(archiveOf(sealed));
          rmSync(`${archiveOf(sealed)}.proof`, { force: true });
        }
        if (name === 'seal rotate') await WORK['seal']?.(next, sealed);
        else await work(next, sealed);
        await WORK['seal']?.(next, sealed);
        expect(await found(), where).toEqual(['intact']);
        await sealed.tamper(`UPDATE daybook_entries SET message = 'forged' WHERE seq = 405`);
        expect(await found(), where).toEqual(['found', 'altered']);
        await sealed.tamper(`DELETE FROM daybook_entries WHERE seq = 405`);
        expect(await found(), where).toEqual(['found', 'missing']);
        await sealed.trail.remove();
      }
    }
    // It was killed somewhere, at every step that it has.
    expect(at).toBeGreaterThan(5);
  },
  900_000,
);
