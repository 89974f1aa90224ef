#!/usr/bin/env node
// Written so that even Node 10 can read it: an old Node must get a sentence, not a SyntaxError.
'use strict';

var version = process.versions.node.split('.').map(Number);

if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  process.stderr.write('daybook: needs Node 20.19 or later, and this is Node ' + process.versions.node + '\n');
  process.exitCode = 1;
} else {
  start();
}

function start() {
  var program;
  try {
    program = require('../dist/program/cli.cjs');
  } catch (error) {
    if (!isUnbuilt(error)) throw error;
    process.stderr.write('daybook: the program has not been built\ntry: npm run build\n');
    process.exitCode = 1;
    return;
  }
  program.main();
}

/** Only the bundle itself: a package that the bundle misses is another fault, and keeps its own message. */
function isUnbuilt(error) {
  return error.code === 'MODULE_NOT_FOUND' && error.requireStack[0] === __filename;
}
