import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DaybookError } from '../core/errors.js';
import { LARGEST_TEXT, strictText } from '../core/lines.js';
import { visible } from './sanitize.js';

const SCISSORS = '# ------------------------ >8 ------------------------';

/** Lets somebody write a text about something in $EDITOR: what stands above a line with scissors. Throws kind `usage` without one, kind `failed` where it does not end well. */
export function edit(env: Readonly<Record<string, string | undefined>>, about: string): string {
  const editor = env['VISUAL'] || env['EDITOR'];
  if (editor === undefined || editor === '') {
    throw new DaybookError('usage', 'no text was given, and EDITOR is not set', {
      hint: 'daybook note type:id "what happened"',
    });
  }
  const folder = mkdtempSync(join(tmpdir(), 'daybook-note-'));
  try {
    const file = join(folder, 'note.txt');
    const help = `A note on ${visible(about, { newlines: 'mark' })}. Write it above this line; an empty one is not recorded.`;
    writeFileSync(file, `\n${SCISSORS}\n# ${help}\n`, { mode: 0o600 });
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
    const [text = ''] = strictText(readFileSync(file), 'the note').split(SCISSORS);
    return text.trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
