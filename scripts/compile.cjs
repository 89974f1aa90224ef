// Runs the built program's commands in one process, on a trail of its own, and keeps the code that V8 made of what they
// used in the program's bundles, for bin/daybook.js. Part of the build.
'use strict';

const { mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { compiled, load } = require('../bin/daybook.js');

/**
 * What people and scripts start most often. All that share a bundle load what each of these used of it: help, and the
 * formats of history that a program waits for, would cost every other run more than they gain.
 */
const COMMAND_LINES = [
  ['init'],
  // More than a page of them.
  ...Array.from({ length: 51 }, () => ['note', 'machine:7', 'cash box jammed', '--meta', 'box=2']),
  ['record', '--action', 'update', '--entity', 'machine:7', '--old', '{"a":1}', '--new', '{"a":2}'],
  ['record', '--stdin'],
  ['history', '-n', '50'],
  ['show', '1'],
  ['count', '--action', 'note'],
  ['values', 'action'],
  ['report', 'actors'],
  ['report', 'timeline', '--format', 'json'],
  ['report', 'bursts', '--format', 'csv'],
  ['report', 'unattributed'],
  ['report', 'case', 'machine:7'],
  ['export', '--format', 'csv'],
  ['export', '--format', 'ndjson'],
  ['revert', '1', '--reason', 'a mistake'],
  ['retention', 'set', 'default', '--max-age', '90d'],
  ['prune', '--dry-run'],
  ['status'],
  ['backup', 'copy.db'],
  ['exec', 'CREATE TABLE machine(id INTEGER PRIMARY KEY, name TEXT, site TEXT)'],
  ['capture', 'add', 'machine'],
  ['capture', 'check'],
  ['capture', 'list'],
  ['exec', "INSERT INTO machine VALUES (7, 'north', 'hall'); UPDATE machine SET site = 'yard'", '--reason', 'a move'],
  ['state', 'machine:7'],
  ['state', 'machine', '--format', 'ndjson'],
  ['changes', 'machine:7', '--field', 'site'],
  ['revert', '57', '--apply', '--reason', 'a mistake'],
  ['exec', 'CREATE TABLE box(id INTEGER PRIMARY KEY, notes TEXT)'],
  ['mirror', 'add', 'box.notes', '--entity-type', 'box', '--key', 'id'],
  ['mirror', 'list'],
  ['mirror', 'check'],
  ['clear', '--dry-run'],
];

async function main() {
  const folder = mkdtempSync(path.join(tmpdir(), 'daybook-build-'));
  const home = process.cwd();
  try {
    process.chdir(folder);
    for (const words of COMMAND_LINES) {
      if ((await load('cli').main(words)) !== 0) throw new Error(`daybook ${words.join(' ')} failed`);
    }
  } finally {
    process.chdir(home);
    rmSync(folder, { recursive: true, force: true });
  }
  for (const { path: target, source, code } of compiled()) {
    // Whole or not at all, as every file of the build.
    writeFileSync(`${target}.${process.pid}.tmp`, Buffer.concat([Buffer.from(`${source.length}\n${source}`), code]));
    renameSync(`${target}.${process.pid}.tmp`, target);
  }
}

void main();
