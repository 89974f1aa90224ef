import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DaybookError } from '../core/errors.js';
import { LARGEST_TEXT, strictText } from '../core/lines.js';

const HELP = '\n# Write the note above. Lines that begin with # are left out, and an empty note is not recorded.\n';

/** Lets somebody write a text in $EDITOR. Throws kind `usage` without one, kind `failed` where it does not end well. */
export function edit(env: Readonly<Record<string, string | undefined>>): string {
  const editor = env['VISUAL'] || env['EDITOR'];
  if (editor === undefined || editor === '') {
    throw new DaybookError('usage', 'no text was given, and EDITOR is not set', {
      hint: 'daybook note type:id "what happened"',
    });
  }
  const folder = mkdtempSync(join(tmpdir(), 'daybook-note-'));
  try {
    const file = join(folder, 'note.txt');
    writeFileSync(file, HELP, { mode: 0o600 });
    // By way of a shell, since EDITOR may hold options; the file's name is an argument and never part of the command.
    const { status, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    if (error !== undefined || status !== 0) {
      throw new DaybookError(
        'failed',
        `${editor} did not end well (${error?.message ?? `exit code ${status}`}): nothing was recorded`,
      );
    }
    if (statSync(file).size > LARGEST_TEXT) {
      throw new DaybookError('data', `the note is larger than ${LARGEST_TEXT} bytes: nothing was recorded`);
    }
    return strictText(readFileSync(file), 'the note')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
      .trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
