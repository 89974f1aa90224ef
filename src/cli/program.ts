import { Command } from 'commander';
import { VERSION } from '../core/version.js';
import { addBackup } from './commands/backup.js';
import { addClear } from './commands/clear.js';
import { addCompletion } from './commands/completion.js';
import { addCount } from './commands/count.js';
import { addExport } from './commands/export.js';
import { addHistory } from './commands/history.js';
import { addInit } from './commands/init.js';
import { addNote } from './commands/note.js';
import { addPrune } from './commands/prune.js';
import { addRecord } from './commands/record.js';
import { addRetention } from './commands/retention.js';
import { addRevert } from './commands/revert.js';
import { addShow } from './commands/show.js';
import { addStatus } from './commands/status.js';
import { addValues } from './commands/values.js';
import type { Context } from './context.js';
import { addGlobalOptions } from './globals.js';

/** In the order of the help. */
const COMMANDS = [
  addInit,
  addNote,
  addRecord,
  addHistory,
  addShow,
  addCount,
  addValues,
  addExport,
  addRevert,
  addPrune,
  addClear,
  addRetention,
  addStatus,
  addBackup,
  addCompletion,
];

/** The whole program as commander has it; nothing is run or opened. */
export function createProgram(context: Context): Command {
  const program = new Command('daybook')
    .description('Operate an audit trail in SQLite: record, search, prune, and hand over evidence.')
    .version(VERSION, '-V, --version', 'print the version')
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Exit codes:
  0 done   1 failed   2 wrong usage   3 a check found something   4 no such database or entry
  5 busy, try again   6 bad input data   7 refused   130 interrupted

Examples:
  daybook init
  daybook note machine:7 "cash box jammed, emptied by hand"
  daybook history machine:7 --since 30d`,
    );
  addGlobalOptions(program, false);
  for (const add of COMMANDS) add(program, context);
  return program;
}
