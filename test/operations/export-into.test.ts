import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { ResourceError } from '../../src/core/errors.js';
import { exportInto } from '../../src/operations/export-into.js';
import type { ExportedInto, ExportFormatter, ExportOutput, ExportTarget } from '../../src/operations/export-into.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { NOW, numbered, recordAll, sqliteTrail } from '../store/trail.js';

const NDJSON: ExportFormatter = { reads: 'lines', begin: () => '', page: (lines) => lines, end: () => '' };
const WISH = { filter: {}, columns: ENTRY_FIELDS, checkpoint: { name: 'nightly', question: '{}' } } as const;

interface Kept extends ExportTarget {
  text(): string;
}

/** Keeps what is written, and says in `told` what happens to it; fails at one of these steps. */
function keeping(name: string, told: string[], failing?: string): Kept {
  let text = '';
  const tell = (step: string): void => {
    if (failing === `${name} ${step}`) throw new Error(`no ${failing}`);
    if (told.at(-1) !== `${name} ${step}`) told.push(`${name} ${step}`);
  };
  return {
    text: () => text,
    write: async (chunk) => {
      tell('write');
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    },
    finish: async () => {
      tell('finish');
      return { bytes: Buffer.byteLength(text), sha256: 'abc' };
    },
    abandon: async () => void told.push(`${name} abandon`),
  };
}

/** A store that says in `told` when the checkpoint moves. */
function telling(store: AuditStore, told: string[], failure?: Error): AuditStore {
  return {
    ...store,
    moveCheckpoint: async (...request) => {
      if (failure !== undefined) throw failure;
      await store.moveCheckpoint(...request);
      told.push('checkpoint');
    },
  };
}

async function run(store: AuditStore, output: ExportOutput): Promise<{ result: ExportedInto; steps: number[] }> {
  const steps: number[] = [];
  const exporting = exportInto(store, WISH, output);
  for (;;) {
    const step = await exporting.next();
    if (step.done === true) return { result: step.value, steps };
    steps.push(step.value.done);
  }
}

function outputOf(target: ExportTarget, manifest: ExportTarget, told: string[], failing?: string): ExportOutput {
  const open = async (): Promise<ExportTarget> => {
    if (failing === 'manifest open') throw new Error('no manifest open');
    told.push('manifest open');
    return manifest;
  };
  return { target, formatter: NDJSON, manifest: { format: 'ndjson', clock: () => NOW, open } };
}

describe('an export into a target', () => {
  test('finishes the entries, then the manifest, and moves the checkpoint last', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(70));
    const told: string[] = [];
    const [target, manifest] = [keeping('entries', told), keeping('manifest', told)];
    const { result, steps } = await run(telling(store, told), outputOf(target, manifest, told));
    expect(told).toEqual([
      'entries write',
      'entries finish',
      'manifest open',
      'manifest write',
      'manifest finish',
      'manifest abandon',
      'checkpoint',
      'entries abandon',
    ]);
    expect(steps).toEqual([0, 64, 70]);
    expect(result).toMatchObject({ count: 70, firstSeq: 1, lastSeq: 70, missed: 0 });
    expect(target.text().split('\n')).toHaveLength(71);
    expect(JSON.parse(manifest.text())).toMatchObject({ format: 'ndjson', count: 70, sha256: 'abc', complete: true });
    const again = await run(store, outputOf(keeping('entries', []), keeping('manifest', []), []));
    expect(again.result.count).toBe(0);
  });

  test.each(['entries write', 'entries finish', 'manifest open', 'manifest write', 'manifest finish'])(
    'that fails at "%s" abandons its target, and leaves the checkpoint where it was',
    async (failing) => {
      const { store } = await sqliteTrail();
      await recordAll(store, numbered(3));
      const told: string[] = [];
      const [target, manifest] = [keeping('entries', told, failing), keeping('manifest', told, failing)];
      const output = outputOf(target, manifest, told, failing);
      await expect(run(telling(store, told), output)).rejects.toThrow(`no ${failing}`);
      expect(told).not.toContain('checkpoint');
      expect(told.at(-1)).toBe('entries abandon');
      const { result } = await run(store, outputOf(keeping('entries', []), keeping('manifest', []), []));
      expect(result.count).toBe(3);
    },
  );

  test.each([
    [1, '1 entry is exported'],
    [2, '2 entries are exported'],
  ])('says that %d entries come again where the disk has no room for the checkpoint', async (count, said) => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(count));
    const full = telling(store, [], new ResourceError('failed', 'the disk is full'));
    const output = { target: keeping('entries', []), formatter: NDJSON };
    await expect(run(full, output)).rejects.toThrow(`the disk is full; ${said}, and the checkpoint is where it was`);
    const broken = telling(store, [], new Error('another one'));
    await expect(run(broken, output)).rejects.toThrow(/^another one$/);
  });
});
