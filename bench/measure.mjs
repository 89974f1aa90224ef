// Running programs and measuring them: what takes part in a ratio is run in turns, A B A B, and its median taken.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const program = path.join(root, 'bin/daybook.js');
const peakReporter = path.join(root, 'bench/programs/peak.cjs');

/** Our program as a command, to be run with these words. */
export function daybook(...words) {
  return [process.execPath, program, ...words];
}

/** A Node program of the benchmark as a command. */
export function helper(name, ...words) {
  return [process.execPath, path.join(root, 'bench/programs', name), ...words];
}

/**
 * Runs a command to its end. `input` and `output` name files, else nothing goes in, and what comes out is read from a
 * pipe. Gives the time of the whole process in milliseconds and what it wrote.
 */
export async function run(command, { input, output, env } = {}) {
  const source = input === undefined ? 'ignore' : openSync(input, 'r');
  const target = output === undefined ? 'pipe' : openSync(output, 'w');
  try {
    const began = performance.now();
    const child = spawn(command[0], command.slice(1), {
      stdio: [source, target, 'pipe'],
      env: { ...plainEnvironment(), ...env },
    });
    const ended = ending(command, child);
    const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr), ended]);
    const ms = performance.now() - began;
    if ((await ended) !== 0) throw new Error(`${command.slice(1, 4).join(' ')} failed: ${stderr}`);
    return { ms, stdout };
  } finally {
    for (const file of [source, target]) if (typeof file === 'number') closeSync(file);
  }
}

/** Starts a program that works beside others until its stdin is closed, and then prints JSON. */
export function start(command) {
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env: plainEnvironment() });
  const done = Promise.all([textOf(child.stdout), textOf(child.stderr), ending(command, child)]);
  return {
    async stop() {
      child.stdin.end();
      const [stdout, stderr, code] = await done;
      if (code !== 0) throw new Error(`${command.slice(1, 3).join(' ')} failed: ${stderr}`);
      return JSON.parse(stdout);
    },
  };
}

function ending(command, child) {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${command[0]} cannot be run`, { cause: error })));
    child.once('close', resolve);
  });
}

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream?.setEncoding('utf8') ?? []) text += chunk;
  return text;
}

/** Nothing of who runs the benchmark: no colours, no settings of ours, one zone. */
function plainEnvironment() {
  const { PATH, HOME, TMPDIR, SystemRoot } = process.env;
  const known = { PATH, HOME, TMPDIR, SystemRoot, TZ: 'UTC' };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** The most memory that a command of Node's held at any time, in bytes. */
export async function peakMemory(command, folder, options = {}) {
  const report = path.join(folder, 'peak');
  rmSync(report, { force: true });
  const [node, ...words] = command;
  await run([node, '--require', peakReporter, ...words], { ...options, env: { DAYBOOK_BENCH_PEAK: report } });
  return Number(readFileSync(report, 'utf8')) * 1024;
}

/** Runs the contestants in turns and gives each one's measurements; a round to warm up does not count. */
export async function inTurns(rounds, contestants, { warmUp = true } = {}) {
  const results = contestants.map(() => []);
  for (let round = warmUp ? -1 : 0; round < rounds; round++) {
    // Who comes first changes, for the second one finds a warm machine.
    const order = round % 2 === 0 ? [...contestants.keys()] : [...contestants.keys()].toReversed();
    for (const position of order) {
      const result = await contestants[position]();
      if (round >= 0) results[position].push(result);
    }
  }
  return results;
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
