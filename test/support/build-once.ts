import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why the program could not be built; empty where it could. */
    buildFailure: string;
  }
}

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Builds the program before the tests where it is older than its source. Source that does not build fails the tests
 * that run the program, and leaves the others alone.
 */
export default async function buildOnce(project: TestProject): Promise<void> {
  project.provide('buildFailure', isFresh() ? '' : await build());
}

function isFresh(): boolean {
  const built = changedAt('dist/program/cli.js');
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const inputs = ['package.json', 'scripts/build.mjs', 'src', ...sources.map((name) => path.join('src', name))];
  return inputs.every((input) => changedAt(input) <= built);
}

/** A directory counts as well: it changes when a file in it goes. */
function changedAt(name: string): number {
  return statSync(path.join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function build(): Promise<string> {
  try {
    await promisify(execFile)(process.execPath, ['scripts/build.mjs', '--program'], { cwd: root });
    return '';
  } catch (error) {
    return (error as { stderr?: string }).stderr || String(error);
  }
}
