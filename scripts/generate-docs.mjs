// Makes the command reference, the manual page and the completion scripts from the commands of the built program.
//
//   node scripts/generate-docs.mjs           writes them
//   node scripts/generate-docs.mjs --check   fails where one of them is not what it would write
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { manualPage } from './docs/manual-page.mjs';
import { reference } from './docs/reference.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** The program keeps what describes it to itself: this takes it from the source. */
async function importSource(file) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

async function generate() {
  const { buildProgram } = createRequire(import.meta.url)('../dist/program/cli.js');
  const { describeCommand } = await importSource('src/cli/command-tree.ts');
  const { completionScript } = await importSource('src/cli/completion.ts');
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  const tree = describeCommand(await buildProgram());
  return [
    ['docs/cli.md', reference(tree)],
    ['man/daybook.1', manualPage(tree, version)],
    ['completions/daybook.bash', completionScript('bash', tree)],
    ['completions/_daybook', completionScript('zsh', tree)],
    ['completions/daybook.fish', completionScript('fish', tree)],
  ];
}

async function write(file, contents) {
  const target = path.join(root, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, contents);
}

async function isStale(file, contents) {
  try {
    return (await readFile(path.join(root, file), 'utf8')) !== contents;
  } catch (error) {
    if (error.code === 'ENOENT') return true;
    throw error;
  }
}

const files = await generate();
if (process.argv.includes('--check')) {
  const stale = [];
  for (const [file, contents] of files) {
    if (await isStale(file, contents)) stale.push(file);
  }
  if (stale.length > 0) {
    console.error(`not what the commands of the program say now: ${stale.join(', ')}\ntry: npm run docs`);
    process.exitCode = 1;
  }
} else {
  for (const [file, contents] of files) await write(file, contents);
}
