import { Command } from 'commander';
import { VERSION } from '../core/version.js';
import type { Context } from './context.js';
import { addGlobalOptions, commandWord } from './globals.js';

/** `whole` makes the program with every command, for the one that describes them all. */
type Add = (program: Command, context: Context, whole: () => Promise<Command>) => void;

interface CommandEntry {
  readonly description: string;
  readonly alias?: string;
  readonly load: () => Promise<Add>;
}

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: {
    description: 'create or upgrade the database',
    load: async () => (await import('./commands/init.js')).addInit,
  },
  note: {
    description: "record an operator's note about an entity",
    load: async () => (await import('./commands/note.js')).addNote,
  },
  record: {
    description: 'record one structured entry, or many from stdin',
    load: async () => (await import('./commands/record.js')).addRecord,
  },
  history: {
    description: 'show entries, newest first',
    alias: 'log',
    load: async () => (await import('./commands/history.js')).addHistory,
  },
  browse: {
    description: 'look through the trail on the whole screen, interactively',
    load: async () => (await import('./commands/browse.js')).addBrowse,
  },
  show: {
    description: 'show one entry in full, with its diff and what takes it back',
    load: async () => (await import('./commands/show.js')).addShow,
  },
  count: {
    description: 'count the entries that match',
    load: async () => (await import('./commands/count.js')).addCount,
  },
  values: {
    description: 'list the distinct values of a field, most frequent first',
    load: async () => (await import('./commands/values.js')).addValues,
  },
  state: {
    description: 'what a captured row, or every row of a table, was at a moment',
    load: async () => (await import('./commands/state.js')).addState,
  },
  changes: {
    description: 'every change of one field: when, who, from what to what',
    load: async () => (await import('./commands/changes.js')).addChanges,
  },
  export: {
    description: 'write entries to a file or a pipe, oldest first',
    load: async () => (await import('./commands/export.js')).addExport,
  },
  report: {
    description: 'counts by actor, action, entity and more, timelines, bursts, and all about one entity',
    load: async () => (await import('./commands/report.js')).addReport,
  },
  revert: {
    description: 'take an entry back by a new one',
    load: async () => (await import('./commands/revert.js')).addRevert,
  },
  prune: {
    description: 'delete old entries, by age, by count, or by every retention policy',
    load: async () => (await import('./commands/prune.js')).addPrune,
  },
  clear: {
    description: 'delete every entry, and record that',
    load: async () => (await import('./commands/clear.js')).addClear,
  },
  retention: {
    description: 'keep rules in the database for what daybook prune deletes',
    load: async () => (await import('./commands/retention.js')).addRetention,
  },
  status: {
    description: 'what the database holds, how large it is, what is due, and what is wrong',
    load: async () => (await import('./commands/status.js')).addStatus,
  },
  seal: {
    description: 'sign what the trail holds, so that anybody can check it',
    load: async () => (await import('./commands/seal.js')).addSeal,
  },
  proof: {
    description: 'prove one entry to anybody who has the public key',
    load: async () => (await import('./commands/proof.js')).addProof,
  },
  hold: {
    description: 'keep entries from being deleted, by any program',
    load: async () => (await import('./commands/hold.js')).addHold,
  },
  erase: {
    description: "delete a person's entries, and leave what shows that they were erased",
    load: async () => (await import('./commands/erase.js')).addErase,
  },
  verify: {
    description: 'check that the trail is what was sealed',
    load: async () => (await import('./commands/verify.js')).addVerify,
  },
  backup: {
    description: 'copy the whole database, consistently, beside its writers',
    load: async () => (await import('./commands/backup.js')).addBackup,
  },
  capture: {
    description: 'record the row changes of tables as entries, by triggers',
    load: async () => (await import('./commands/capture.js')).addCapture,
  },
  actors: {
    alias: 'names',
    description: 'keep the directory of names: who is called what',
    load: async () => (await import('./commands/actors.js')).addActors,
  },
  mirror: {
    description: "show the latest entries in a column of an application's table",
    load: async () => (await import('./commands/mirror.js')).addMirror,
  },
  exec: {
    description: 'run SQL in one transaction, known by who runs it and why',
    load: async () => (await import('./commands/exec.js')).addExec,
  },
  import: {
    description: "bring another system's trail in",
    load: async () => (await import('./commands/import.js')).addImport,
  },
  completion: {
    description: 'print a completion script for a shell',
    load: async () => (await import('./commands/completion.js')).addCompletion,
  },
};

const AFTER_HELP = `
Exit codes:
  0 done   1 failed   2 wrong usage   3 a check found something
  4 no such database or entry   5 busy, try again   6 bad input data
  7 refused   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM

Examples:
  daybook init
  daybook note machine:7 "cash box jammed, emptied by hand"
  daybook history machine:7 --since 30d

daybook <command> --help tells more.`;

function bareProgram(): Command {
  const program = new Command('daybook')
    .description('Operate an audit trail in SQLite: record, search, prune, and hand over evidence.')
    .version(VERSION, '-V, --version', 'print the version')
    .usage('[options] <command>')
    .enablePositionalOptions()
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => [command.name(), ...command.aliases()].join('|') })
    .addHelpText('after', AFTER_HELP);
  addGlobalOptions(program, false);
  return program;
}

/** The program with every command, for the documentation and for completion. */
export async function wholeProgram(context: Context): Promise<Command> {
  const program = bareProgram();
  for (const name of Object.keys(COMMANDS)) await addWhole(program, name, context);
  return program;
}

async function addWhole(program: Command, name: string, context: Context): Promise<void> {
  const entry = COMMANDS[name];
  if (entry === undefined) return;
  const add = await entry.load();
  add(program, context, () => wholeProgram(context));
  const command = program.commands.at(-1)?.description(entry.description);
  if (entry.alias !== undefined) command?.alias(entry.alias);
}

/**
 * The program for one command line: the command that it names, or, where it names none, of each the name and what it is
 * for. Loading and declaring all of them would be most of start-up.
 */
export async function programFor(words: readonly string[], context: Context): Promise<Command> {
  const program = bareProgram();
  const word = commandWord(words);
  const named = Object.entries(COMMANDS).find(([name, { alias }]) => [name, alias ?? name].includes(word ?? ''));
  if (named !== undefined) {
    await addWhole(program, named[0], context);
    return program;
  }
  for (const [name, { description, alias }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(description);
    if (alias !== undefined) command.alias(alias);
  }
  return program;
}
