// Loaded before a program, writes the most memory that it held, in KiB, to a file when it ends.
'use strict';

const { readFileSync, writeFileSync } = require('node:fs');

const report = process.env.DAYBOOK_BENCH_PEAK;

process.on('exit', () => writeFileSync(report, String(peak())));

/** Linux keeps for `maxRSS` what the process was before it became this program: its own peak stands elsewhere. */
function peak() {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
