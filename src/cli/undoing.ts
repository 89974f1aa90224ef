import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import type { UndoConflict, UndoneChange, UndoOutcome } from '../core/undo.js';
import { visible } from '../terminal/sanitize.js';
import { entries, note, printOutcome, withStore } from './command.js';
import type { Context } from './context.js';
import type { Globals } from './globals.js';
import { printSeq } from './recorded.js';

interface UndoOptions {
  readonly reason: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly format?: 'json';
}

/** Undoes captured changes, and prints the entries that came of it, or the SQL that would make them. */
export async function runUndo(
  which: string | Filter,
  options: UndoOptions,
  globals: Globals,
  context: Context,
): Promise<void> {
  await withStore(context, globals, async (store) => {
    const { undo } = await import('../operations/undo.js');
    const dryRun = options.dryRun === true;
    const force = options.force === true;
    const outcome = await undo(store, which, globals.actor, { reason: options.reason, force, dryRun });
    const { stderr, stdout } = context.streams;
    if (outcome.conflicts.length > 0 && !force) {
      for (const one of outcome.conflicts) {
        await stderr.write(`${visible(conflictText(one), { newlines: 'mark' })}\n`);
      }
      // Where a row goes or is written over, what capture does not keep of it cannot come back: so that is looked at first.
      const hint = dryRun ? '… --force' : '… --force --dry-run';
      throw new DaybookError('refused', `${conflicts(outcome)}: nothing was undone`, { hint });
    }
    if (dryRun) {
      await sayOutcome(outcome, dryRun, globals, context);
      for (const statement of outcome.script) {
        await stdout.write(`${stdout.isTerminal ? visible(statement, { newlines: 'keep' }) : statement}\n`);
      }
      return;
    }
    const undone = outcome.undone.filter((one) => one.done !== 'nothing').length;
    await printOutcome(context, globals, `undid ${entries(undone)}`, async () => {
      await sayOutcome(outcome, dryRun, globals, context);
      for (const { entries: made } of outcome.undone) {
        for (const seq of made) await printSeq(store, seq, options.format, context);
      }
    });
  });
}

function conflicts({ conflicts: { length } }: UndoOutcome): string {
  return length === 1 ? '1 conflict' : `${length} conflicts`;
}

function conflictText({ seq, entity, field, obstacle, by }: UndoConflict): string {
  const words = {
    changed: `${field ?? ''} was changed since${by === null ? '' : `, by entry ${by}`}`,
    'row gone': 'there is no such row any more',
    'row there': 'a row with this key is there again',
    redacted: `${field ?? ''} was redacted, so its value cannot come back`,
    'not kept': `${field ?? ''} was never recorded, so its value cannot come back`,
    'column gone': `the table has no column ${field ?? ''} any more`,
  };
  return `entry ${seq}, ${entity}: ${words[obstacle]}`;
}

const MOST_TOLD = 20;

async function sayOutcome(outcome: UndoOutcome, dryRun: boolean, globals: Globals, context: Context): Promise<void> {
  for (const one of outcome.conflicts) await note(context, globals, `overruled: ${conflictText(one)}`);
  const { undone, leftOut } = outcome;
  for (const one of undone.slice(0, MOST_TOLD)) await note(context, globals, undoneText(one, dryRun));
  if (undone.length > MOST_TOLD) {
    const done = undone.filter((one) => one.done !== 'nothing').length;
    await note(
      context,
      globals,
      `… and ${undone.length - MOST_TOLD} more: ${dryRun ? 'would undo' : 'undid'} ${entries(done)} in all`,
    );
  }
  if (leftOut > 0) await note(context, globals, `left out ${entries(leftOut)} that capture did not record`);
  if (undone.length === 0) await note(context, globals, 'no captured change matches: nothing was undone');
}

function undoneText({ seq, entity, done, fields, entries: made }: UndoneChange, dryRun: boolean): string {
  const verb = dryRun ? 'would be' : 'is';
  const words = {
    update: `${fields.join(', ')} ${dryRun ? 'would be' : fields.length === 1 ? 'is' : 'are'} as before`,
    insert: `the row ${verb} there again`,
    delete: `the row ${verb} deleted`,
    nothing: 'all is as before already, so nothing was undone',
  };
  const more = made.length > 2 ? ` (${made.length} entries: other rows changed with it)` : '';
  return `entry ${seq}, ${entity}: ${words[done]}${more}`;
}
