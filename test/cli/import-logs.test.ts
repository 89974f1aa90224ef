import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { imported } from '../importers/imported.js';
import { inTestDirectory, json } from '../support/cli.js';
import { fixture } from '../support/sources.js';

interface Log {
  readonly kind: string;
  readonly file: string;
  readonly words: readonly string[];
}

/** The words of a command, as a shell splits them. */
function wordsOf(command: string): string[] {
  const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' });
  return printed.split('\0').slice(1, -1);
}

const LOGS: readonly Log[] = readFileSync(path.resolve(fixture('.'), '../docs/import-logs.md'), 'utf8')
  .split('\n## ')
  .slice(1)
  .map((section) => {
    const words = wordsOf(/```sh\n(.*?)```/s.exec(section)?.[1] ?? '');
    return { kind: section.split('\n')[0] ?? '', file: words[2] ?? '', words };
  });

/** The command, on a file of the fixtures. */
function onFixture({ words, file }: Log, place = fixture(`logs/${file}`)): string[] {
  return words.map((word, index) => (index === 2 ? place : word));
}

const FIRST: Readonly<Record<string, object>> = {
  CloudTrail: {
    id: '0f6b1a52-3c0e-4f1e-9c53-000000000001',
    ts: '2026-11-29T21:15:32.000Z',
    action: 'AttachUserPolicy',
    actor: 'mary',
    scope: 'account:111122223333',
    entity_type: 'iam.amazonaws.com',
    entity_id: 'paulo',
  },
  'Kubernetes audit': {
    id: 'kubernetes:["8d0b3c6e-2f13-4ad4-8a5e-b4d0f5f1c001","RequestReceived"]',
    ts: '2026-11-30T08:13:14.256Z',
    action: 'delete',
    actor: 'jane@example.com',
    entity_type: 'secrets',
    entity_id: 'shop/db',
    metadata: { ts_exact: '2026-11-30T08:13:14.256429Z' },
  },
  journald: { actor: '1000', severity: 'info', scope: 'host:till-7', entity_id: 'user@1000.service' },
  'GitHub audit log': { id: 'github:kq3ZV1example1', action: 'org.update_member', actor: 'octocat', scope: 'org:acme' },
  pino: { severity: 'info', actor: 'u-7', message: 'settlement 417 opened', correlation_id: 'req-1' },
  bunyan: { severity: 'info', actor: 'unknown', entity_type: 'logger', entity_id: 'till' },
  OpenTelemetry: {
    ts: '2025-11-30T08:13:14.256Z',
    action: 'settlement.opened',
    actor: 'u-7',
    message: 'settlement 417 opened',
    metadata: { ts_exact: '2025-11-30T08:13:14.256429001Z' },
  },
  "nginx's access log": { ts: '2026-11-30T08:13:14.000Z', actor: 'ana', message: 'POST /settlements/417 HTTP/1.1' },
  "PostgreSQL's csvlog": {
    id: 'postgresql:["692bf11a.1092","1"]',
    ts: '2026-11-30T08:13:14.256Z',
    action: 'ALTER TABLE',
    actor: 'ana',
    scope: 'database:shop',
    message: 'statement: ALTER TABLE users\n  ADD COLUMN "role" text',
  },
  auditd: { ts: '2026-11-30T08:13:14.000Z', action: 'logged-in', actor: 'ana', entity_id: '192.0.2.7' },
};

const SEVERITIES: Readonly<Record<string, string>> = {
  journald: 'info error warning',
  pino: 'info error info info',
  bunyan: 'info error warning',
  OpenTelemetry: 'info error warning',
  "PostgreSQL's csvlog": 'info error info',
};

describe('docs/import-logs.md', () => {
  test('has each kind of log', () => {
    expect(LOGS.map(({ kind }) => kind)).toEqual(Object.keys(FIRST));
  });

  test.each(LOGS)('$kind: comes in whole by the command that stands there, and once', async (log) => {
    const words = [...onFixture(log), '--format', 'json'];
    const rehearsed = await json<{ read: number; recorded: number; fields: { field: string; count: number }[] }>([
      ...words,
      '--dry-run',
    ]);
    expect(rehearsed).toMatchObject({ rejected: 0, unmatched: 0, recorded: rehearsed.read });
    expect(rehearsed.read).toBeGreaterThanOrEqual(3);
    const everywhere = rehearsed.fields.filter(({ count }) => count === rehearsed.read).map(({ field }) => field);
    expect(everywhere).toEqual(expect.arrayContaining(['id', 'ts', 'action', 'actor', 'source']));
    expect(await json(words)).toMatchObject({ read: rehearsed.read, recorded: rehearsed.read, rejected: 0 });
    expect(await json(words)).toMatchObject({ recorded: 0, skipped: rehearsed.read, rejected: 0, entry: null });
    expect(await json([...words, '--verify'])).toMatchObject({ different: 0, rejected: 0 });
    const entries = await imported(log.words[log.words.indexOf('--source') + 1] ?? '');
    expect(entries[0]).toMatchObject(FIRST[log.kind] ?? {});
    const severities = SEVERITIES[log.kind];
    if (severities !== undefined)
      expect(entries.map((entry) => Reflect.get(entry, 'severity') as string).join(' ')).toBe(severities);
  });

  test.each(LOGS.filter(({ file }) => !/cloudtrail|github|postgresql|ausearch/.test(file)))(
    '$kind: a file that was cut at its beginning brings nothing again',
    async (log) => {
      const place = inTestDirectory(log.file);
      copyFileSync(fixture(`logs/${log.file}`), place);
      const words = [...onFixture(log, place), '--format', 'json'];
      const { recorded } = await json<{ recorded: number }>(words);
      const [, ...rest] = readFileSync(place, 'utf8').split('\n');
      writeFileSync(place, rest.join('\n'));
      const again = await json<{ recorded: number; skipped: number }>(words);
      expect(again).toMatchObject({ recorded: 0, rejected: 0 });
      expect(again.skipped).toBeLessThan(recorded);
    },
  );
});
