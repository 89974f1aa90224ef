#!/usr/bin/env node
// Written so that even Node 10 can read it: an old Node must get a sentence, not a SyntaxError. The loader stands here
// as well, since a file of its own would be a twentieth of start-up.
'use strict';

var version = process.versions.node.split('.').map(Number);
var fs = require('fs');
var path = require('path');
var vm = require('vm');

var folder = path.join(__dirname, '../dist/program');
/** What the bundles that were read hold: the modules by name, as functions. */
var functions = Object.create(null);
var modules = Object.create(null);
var bundles = [];

if (require.main === module) {
  if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
    process.stderr.write('daybook: needs Node 20.19 or later, and this is Node ' + process.versions.node + '\n');
    process.exitCode = 1;
  } else {
    start();
  }
}

function start() {
  var program;
  try {
    program = load('cli');
  } catch (error) {
    if (!isUnbuilt(error)) throw error;
    process.stderr.write('daybook: the program has not been built\ntry: npm run build\n');
    process.exitCode = 1;
    return;
  }
  // Taking the process apart in good order would be a tenth of start-up once more.
  program.main(process.argv.slice(2)).then(process.exit);
}

/** Only the program's first file: another one that is missing is another fault, and keeps its own message. */
function isUnbuilt(error) {
  return error.code === 'ENOENT' && error.path === bundleFile('cli');
}

/** The exports of a module of the built program; it asks for its neighbours as `./<name>`. */
function load(name) {
  if (modules[name] === undefined) {
    if (functions[name] === undefined) readBundle(name);
    var loaded = { exports: {}, require: require };
    modules[name] = loaded;
    functions[name].call(loaded.exports, loaded.exports, requireFrom, loaded);
  }
  return modules[name].exports;
}

function requireFrom(name) {
  return name.slice(0, 2) === './' ? load(name.slice(2)) : require(name);
}

requireFrom.resolve = require.resolve;
requireFrom.paths = module.paths;

/**
 * A bundle is the length of its source, the source, and the code that V8 made of it when it was built: compiling anew
 * is half of what start-up costs beyond Node itself. Code of another V8, or for other flags, V8 rejects, and compiles
 * the source as it would any other. It is one file, so that source and code always fit.
 */
function readBundle(name) {
  var filename = bundleFile(name);
  var bytes = fs.readFileSync(filename);
  var sourceStart = bytes.indexOf(10) + 1;
  var codeStart = sourceStart + Number(bytes.latin1Slice(0, sourceStart));
  var source = bytes.latin1Slice(sourceStart, codeStart);
  var code = codeStart < bytes.length ? bytes.subarray(codeStart) : undefined;
  var script = new vm.Script(source, { filename: filename, cachedData: code });
  Object.assign(functions, script.runInThisContext());
  bundles.push({ path: filename, source: source, script: script });
}

function bundleFile(name) {
  return path.join(folder, name + '.bundle');
}

/** The bundles that were read, each with what V8 has compiled of it by now: for the build. */
function compiled() {
  return bundles.map(function (bundle) {
    return { path: bundle.path, source: bundle.source, code: bundle.script.createCachedData() };
  });
}

module.exports = { load: load, compiled: compiled };
