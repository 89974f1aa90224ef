import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { PROGRAM, temporaryDirectory } from '../support/program.js';
import { quote, runOther } from './other-programs.js';
import type { OtherResult } from './other-programs.js';
import { DOCS } from './trail.js';

const ROOT = path.resolve(DOCS, '..');

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page of the documentation, in order; with a heading, only those below it. */
export function blocksOf(page: string, heading?: string): Block[] {
  const whole = readFileSync(path.resolve(DOCS, page), 'utf8');
  const sections = whole.split(/^(?=## )/m);
  const text = heading === undefined ? whole : (sections.find((one) => one.startsWith(`## ${heading}\n`)) ?? '');
  return [...text.matchAll(/^( *)```(\w+)\n([^]*?)^\1```$/gm)].map(([, indent, language, body]) => ({
    language: language ?? '',
    text: (body ?? '').replaceAll(new RegExp(`^${indent ?? ''}`, 'gm'), ''),
  }));
}

/** The fenced blocks of one language, as text. */
export function codeBlocks(page: string, language: string): string[] {
  return blocksOf(page)
    .filter((block) => block.language === language)
    .map(({ text }) => text);
}

/** What the examples load as an application does. */
const DRIVERS = ['better-sqlite3', 'pg'];

/** A directory in which the examples of a page run as somebody would type them, on `app.db`. */
export interface Desk {
  readonly directory: string;
  readonly file: string;
  /** A line of shell, with `daybook` in its path; what it prints on stderr comes among the rest. */
  readonly type: (line: string) => Promise<OtherResult>;
  /** Runs a block; throws what it prints where it fails. A console gives its lines and what they printed. */
  readonly follow: (block: Block) => Promise<string>;
}

export async function newDesk(settings: Readonly<Record<string, string>> = {}): Promise<Desk> {
  const directory = temporaryDirectory();
  const inDirectory = (name: string): string => path.join(directory, name);
  await mkdir(inDirectory('node_modules'));
  for (const driver of DRIVERS) {
    await symlink(path.join(ROOT, 'node_modules', driver), inDirectory(`node_modules/${driver}`));
  }
  const program = `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(PROGRAM)} "$@"\n`;
  await writeFile(inDirectory('daybook'), program, { mode: 0o755 });
  const env = {
    PATH: `${directory}:${process.env['PATH'] ?? ''}`,
    HOME: directory,
    TZ: 'UTC',
    DAYBOOK_DB: 'app.db',
    DAYBOOK_ACTOR: 'deploy',
    ...settings,
  };
  const execute = async (command: string, args: readonly string[], input = ''): Promise<string> => {
    const { code, stdout, stderr } = await runOther(command, args, input, { cwd: directory, env });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  const type = async (line: string): Promise<OtherResult> =>
    runOther('sh', ['-c', `exec 2>&1; ${line}`], '', { cwd: directory, env });

  const follow = async ({ language, text }: Block): Promise<string> => {
    if (language === 'sql') return execute('sqlite3', ['-bail', 'app.db'], text);
    if (language === 'sh') return execute('sh', ['-e', '-c', text]);
    if (language === 'python') return execute('python3', ['-'], text);
    if (language === 'ts') {
      await writeFile(inDirectory('page.mjs'), await withLibrary(text));
      return execute(process.execPath, ['page.mjs']);
    }
    if (language !== 'console') throw new Error(`nobody knows how to run a block of ${language}`);
    const printed: string[] = [];
    for (const [line, command] of text.matchAll(/^\$ (.*)\n/gm)) {
      printed.push(line, (await type(command ?? '')).stdout);
    }
    return printed.join('');
  };
  return { directory, file: inDirectory('app.db'), type, follow };
}

/** A program in TypeScript with the library, as its source is now: the tests build the program alone. */
async function withLibrary(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    alias: { daybook: path.join(ROOT, 'src/index.ts') },
    external: [...DRIVERS],
    platform: 'node',
    format: 'esm',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** What is printed differs from one run to the next in its times alone. */
export function withoutTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>');
}
