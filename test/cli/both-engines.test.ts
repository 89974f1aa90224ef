import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HAS_POSTGRES, makePostgresTrail } from '../store/postgres-trail.js';
import { cli, inTestDirectory, toLines, trail } from '../support/cli.js';

/** One command line, and what is typed into it. `OUT` stands for a file of the engine's own. */
interface Step {
  readonly words: string;
  readonly input?: string;
}

const step = (words: string, input?: string): Step => ({ words, ...(input !== undefined && { input }) });

const ENTRIES = toLines(
  Array.from({ length: 60 }, (_, index) => ({
    id: `e-${index}`,
    ts: new Date(Date.UTC(2026, 0, 1, index, index % 7, 0, index)).toISOString(),
    action: ['login', 'update', 'delete'][index % 3],
    category: index % 4 === 0 ? 'auth' : 'entity',
    severity: index % 10 === 0 ? 'error' : 'info',
    actor: `u-${index % 5}`,
    actor_type: 'user',
    ...(index % 5 === 1 && { actor_name: 'Änne' }),
    ...(index % 2 === 0 && { entity_type: 'invoice', entity_id: String(index % 6), entity_name: `No. ${index}` }),
    ...(index % 3 === 0 && { scope: `tenant:${index % 2}` }),
    message: index % 9 === 0 ? '' : `said "${index}"\n\t=1+1 %_ ä`,
    metadata: { n: index, big: 9007199254740991, deep: { list: [index, { k: 'v' }] }, t: index % 2 === 0, z: null },
    ...(index % 3 === 1 && {
      old_values: { a: index, b: 1 },
      new_values: { a: index + 1, b: 1 },
      changed_fields: ['a'],
    }),
    ...(index % 8 === 0 && { correlation_id: `req-${index}`, source: 'ledgrab' }),
  })),
);

/** Everything that records, reads, exports, counts and deletes, in an order in which each has something to do. */
const STEPS: readonly Step[] = [
  step('init'),
  step('count'),
  step('history'),
  step('record --stdin --ack --format json', ENTRIES),
  step('record --stdin --format json', ENTRIES),
  step(
    'record --stdin --rejects OUT',
    `${ENTRIES.slice(0, ENTRIES.indexOf('\n') + 1)}{"action":"x","id":"new"}\n{"no":1}\n`,
  ),
  step('record --stdin', '{"action":"other","id":"e-0"}\n'),
  step('record --action update --entity t:1 --old {"a":{"b":1.10}} --new {"a":{"b":1.1}} --meta k=v --format json'),
  step('record --action x --id e-1'),
  step('record --action x --id 12'),
  step('note machine:7 jammed'),
  step('note machine:7 later --ts 2026-01-01T00:00:00Z'),
  step('show 1'),
  step('show e-1 --format json'),
  step('show 30 --around 2'),
  step('show nothing'),
  ...['table', 'line', 'json', 'ndjson', 'csv'].map((format) => step(`history --format ${format} -n 100`)),
  step('history --oldest-first -n 7'),
  step('history invoice:2'),
  step('history :4'),
  step('history --entity invoice --entity machine:7'),
  step('history --actor u-1 --actor u-2 --action login,update -n 5 --format csv'),
  step('history --since 2026-01-02 --until 2026-01-02T12:00 --severity error'),
  step('history --in 2026-W01 --category auth'),
  step('history --search SAID --changed a'),
  step('history --meta deep.list.1.k=v --meta t=true --meta z=null -n 3'),
  step('history --not actor=u-1 --not category=auth -n 4'),
  step('history --columns seq,ts,reverted_by --format csv -n 3'),
  step('history --cursor nonsense'),
  step('count --scope tenant:0'),
  step('count --format json --source ledgrab'),
  ...['actor', 'scope', 'severity', 'ts', 'metadata', 'entity_type', 'seq'].map((field) => step(`values ${field}`)),
  step('values actor --format json --category auth'),
  step('revert e-3 --reason wrong'),
  step('revert e-3 --reason again'),
  step('history --reverted'),
  step('count --not-reverted'),
  step('actors set u-1 --name Ines --email i@example.org'),
  step('actors set u-1 --name Ines --email i@example.org'),
  step('actors list --format json'),
  step('actors import - --format json', 'id,name\nu-2,Bo\nu-3,Bo\nu-1,Ines\n'),
  step('history --actor Ines -n 2'),
  step('history --actor Bo -n 3'),
  step('actors remove u-3'),
  ...['csv', 'json', 'ndjson'].map((format) => step(`export --format ${format}`)),
  step('export --format csv --exact --columns message,metadata,ts'),
  step('export -o OUT.ndjson.gz --manifest OUT.manifest'),
  step('export --checkpoint siem -o OUT.first.csv'),
  step('record --action more --id more-1'),
  step('export --checkpoint siem -o OUT.second.csv'),
  step('export --checkpoint siem --format ndjson'),
  step('export --checkpoint siem --format ndjson --actor u-1'),
  ...['actors', 'actions', 'entities', 'scopes', 'fields', 'severities', 'unattributed'].flatMap((report) => [
    step(`report ${report}`),
    step(`report ${report} --format json`),
  ]),
  step('report actors --by action --format csv'),
  step('report timeline --bucket day --format json'),
  step('report bursts --window 1d --threshold 1 --format json'),
  step('report case invoice:2 --format json'),
  step('retention set logins --action login --max-age 90d'),
  step('retention set logins --action login --max-age 30d'),
  step('retention set most --max-entries 20'),
  step('retention list --format json'),
  step('status --format json'),
  step('status --check'),
  step('prune --dry-run --format json'),
  step('prune --older-than 1mo --action login --dry-run'),
  step('prune --before 2026-01-02 --yes --archive OUT.archive.ndjson --format json --reason old'),
  step('history --action prune --format ndjson'),
  step('prune --yes --format json'),
  step('prune --yes --format json'),
  step('retention remove most'),
  step('retention remove most'),
  step('status --check --strict --format json'),
  step('prune --max-entries 3 --yes'),
  step('export --checkpoint siem --format ndjson'),
  step(
    'import csv - --map ts=when --map id=no --map action=what --source other --format json',
    'no,when,what\n1,2026-02-01T00:00:00Z,a\n2,2026-02-02T00:00:00Z,b\n',
  ),
  step(
    'import csv - --map ts=when --map id=no --map action=what --source other --verify',
    'no,when,what\n1,2026-02-01T00:00:00Z,a\n3,2026-02-02T00:00:00Z,b\n',
  ),
  step(
    'import csv - --map ts=when --map id=no --map action=what --source other --dry-run',
    'no,when,what\n1,2026-02-01T00:00:00Z,a\n3,2026-02-02T00:00:00Z,b\n',
  ),
  step('hold place court --actor u-1 --reason case --until 2027-01-01 --format json'),
  step('hold place court --actor u-2 --reason other'),
  step('hold list'),
  step('clear --yes'),
  step('hold release court --reason judged'),
  step('hold release court --reason judged'),
  step('seal'),
  step('seal status'),
  step('verify --format json'),
  step('clear --dry-run --format json'),
  step('clear --yes --reason end --format json'),
  step('history --format ndjson'),
  step('completion bash'),
];

/** What may differ: names, ids of our own, places in the trail, and what is measured. */
function comparable(text: string, database: string, out: string): string {
  return (
    text
      .replaceAll(out, 'OUT')
      .replaceAll(`'${database}'`, 'DB')
      .replaceAll(database, 'DB')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/("next_cursor": "|--cursor )\w+/g, '$1…')
      // A case names a file alone, without its folder.
      .replaceAll('--db audit.db export', '--db DB export')
      .replaceAll(/("mark":"|--mark )[\d/:]+/g, '$1…')
      // How large a database is, and what became of its log, each engine says in its own way.
      .replaceAll(/"schema_version":\d+/g, '"schema_version":1')
      .replaceAll(/"bytes":\{[^}]*\}/g, '"bytes":{}')
      .replaceAll(/\(schema \d+\)|^(?:size|disk) .*\n/gm, '')
      .replaceAll(/"vacuum":\{[^}]*\},/g, '')
      // A file has no roles.
      .replaceAll(/^(?:GRANT .*;|-- for each role .*)\n/gm, '')
      // Which seqs nobody accounts for, PostgreSQL does not know.
      .replaceAll(/"accounted":\d+,"sequence":\d+,/g, '')
      // Of what is compressed with ids of our own.
      .replaceAll(/"bytes": \d+/g, '"bytes": 0')
      .replaceAll(/"(longest_lock_ms|freed_bytes)":\d+(?:\.\d+)?/g, '"$1":0')
      .replaceAll(/held the lock for [\d.]+ ms.*/g, '')
      .replaceAll(/"sha256":"[0-9a-f]+"/g, '"sha256":"…"')
      .replaceAll(/[0-9a-f]{64}/g, 'SHA')
  );
}

describe.skipIf(!HAS_POSTGRES)('both engines', () => {
  test('answer alike, command by command', async () => {
    const postgres = await makePostgresTrail();
    onTestFinished(() => postgres.remove());
    const sqlite = await trail();
    for (const { words, input } of STEPS) {
      const answers: unknown[] = [];
      for (const [engine, db] of [
        ['sqlite', sqlite],
        ['postgres', postgres.url],
      ] as const) {
        const out = inTestDirectory(engine);
        const typed = words.split(' ').map((word) => word.replace('OUT', out));
        const { code, stdout, stderr } = await cli(typed, { db, ...(input !== undefined && { input }) });
        const files = typed.filter((word) => word.startsWith(out)).map((file) => contentOf(file));
        answers.push({
          words,
          code,
          ...Object.fromEntries(
            Object.entries({ stdout, stderr, files: files.join('\n') }).map(([name, text]) => [
              name,
              comparable(text, db, out),
            ]),
          ),
        });
      }
      expect.soft(answers[1]).toEqual(answers[0]);
    }
  }, 120_000);
});

function contentOf(file: string): string {
  try {
    const bytes = readFileSync(file);
    return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  } catch {
    return 'no file';
  }
}
