// Does daybook's main job on a small sample, in a new folder, and prints each command before it runs it: what you see is
// what you could type.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** What to do, each with why. */
const STEPS = [
  ['A new trail, in a file of its own.', 'daybook init'],
  ['What cash machines and operators did, one JSON object a line.', 'daybook record --stdin < settlements.ndjson'],
  ['An operator leaves a note.', 'daybook note settlement:902 "customer called, refund promised" --as u-9'],
  [
    'A program records a change, with what was before and after; the password stays out.',
    `daybook record --action update --entity machine:12 --as deploy --as-type system --old '{"firmware":"4.1","wifi":{"password":"a"}}' --new '{"firmware":"4.2","wifi":{"password":"b"}}' --redact wifi.password`,
  ],
  ['Who changed this settlement, when, and why?', 'daybook history settlement:902'],
  ['Every partial dispense in March.', 'daybook history --action partial_dispense --in 2026-03'],
  ['One entry in full, with what changed.', 'daybook show st-0005'],
  [
    'A wrong entry is taken back by another one: nothing is ever changed.',
    'daybook revert st-0007 --reason "was machine 12"',
  ],
  ['It stays, and says so.', 'daybook history settlement:911'],
  [
    'Evidence for somebody else: March as CSV, with a manifest.',
    'daybook export --in 2026-03 -o march.csv --manifest march.json',
  ],
  ['What would go if everything older than two years went?', 'daybook prune --older-than 2y --dry-run'],
  [
    'Let it go, into an archive first.',
    'daybook prune --older-than 2y --archive before-2y.ndjson.gz --reason "yearly clean-up" --yes',
  ],
  ['The prune is an entry as well.', 'daybook history --category system'],
  ['What the database holds now.', 'daybook status'],
];

const folder = mkdtempSync(path.join(tmpdir(), 'daybook-demo-'));
try {
  copyFileSync(path.join(root, 'fixtures/demo/settlements.ndjson'), path.join(folder, 'settlements.ndjson'));
  for (const [why, command] of STEPS) {
    process.stdout.write(`\n# ${why}\n$ ${command}\n`);
    // A function, so that what is printed is what is run; on a terminal the program sees one.
    const program = `daybook() { '${process.execPath}' '${path.join(root, 'bin/daybook.js')}' "$@"; }\n${command}`;
    const { status } = spawnSync('/bin/sh', ['-c', program], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DAYBOOK_DB: '', DAYBOOK_ACTOR: '', DAYBOOK_PAGER: 'cat' },
    });
    if (status !== 0) {
      process.stderr.write(`\nthe demo stopped: the command above ended with exit code ${status}\n`);
      process.exitCode = 1;
      break;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
