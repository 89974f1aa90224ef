#!/usr/bin/env node
// Written so that even Node 10 can read it: an old Node must get a sentence, not a SyntaxError.
'use strict';

var fs = require('fs');
var path = require('path');

var program = path.join(__dirname, '../dist/program/cli.js');

function start() {
  var node = process.versions.node.split('.').map(Number);
  if (node[0] < 20 || (node[0] === 20 && node[1] < 19)) {
    return fail('needs Node 20.19 or later, and this is Node ' + process.versions.node);
  }
  if (!fs.existsSync(program)) return fail('the program has not been built', 'npm run build');
  if (node[0] < 22 || (node[0] === 22 && node[1] < 14)) {
    // There, loading its machine code would end the process with a segmentation fault and no word.
    var driver = versionOfDriver();
    if (driver === null) return fail('better-sqlite3 is not installed', 'npm ci');
    if (parseInt(driver, 10) > 12) {
      return fail(
        'better-sqlite3 ' + driver + ' needs Node 22.14 or later, and this is Node ' + process.versions.node,
        'npm install better-sqlite3@12',
      );
    }
  }
  if (node[0] >= 22) keepCompiledCode();
  // All is written by then; a pipe that it still waits for must not keep it.
  require(program).main(process.argv.slice(2)).then(process.exit);
}

/** Null where it is not installed. */
function versionOfDriver() {
  try {
    return require('better-sqlite3/package.json').version;
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function fail(problem, hint) {
  process.stderr.write('daybook: ' + problem + '\n' + (hint === undefined ? '' : 'try: ' + hint + '\n'));
  process.exitCode = 1;
}

/**
 * From version 22 on, Node keeps what it compiled for the next start. The code that it finds there is run: so only in a
 * folder of the user's own, into which nobody else can write.
 */
function keepCompiledCode() {
  var enable = require('module').enableCompileCache;
  var env = process.env;
  var home = path.isAbsolute(env.XDG_CACHE_HOME || '') ? env.XDG_CACHE_HOME : env.HOME && path.join(env.HOME, '.cache');
  if (enable === undefined || !home || process.getuid === undefined) return;
  try {
    var folder = path.join(home, 'daybook');
    fs.mkdirSync(folder, { recursive: true, mode: 448 });
    var found = fs.lstatSync(folder);
    if (found.isDirectory() && found.uid === process.getuid() && (found.mode & 18) === 0) enable(folder);
  } catch (error) {
    // Without a home that can be written, each start compiles anew.
  }
}

start();
