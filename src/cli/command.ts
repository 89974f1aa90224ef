import type { Command } from 'commander';
import type { Address } from '../core/address.js';
import { DaybookError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import { belongsTo } from '../operations/file-identity.js';
import type { AuditStore, Origin } from '../store/audit-store.js';
import type { Reader } from '../store/open.js';
import { visible, visibleJson } from '../terminal/sanitize.js';
import { OutputClosed } from '../terminal/streams.js';
import type { Context } from './context.js';
import { declareDoes } from './does.js';
import type { Declared } from './does.js';
import { addGlobalOptions } from './globals.js';
import type { Globals } from './globals.js';

export interface CommandText {
  /** For a subcommand; those of the program are described where they are listed. */
  readonly description?: string;
  /** What a user would type, without the program's name. */
  readonly examples: readonly string[];
  readonly notes?: string;
}

/** Declares a command with what it does to the trail, and its help. */
export function declare(parent: Command, usage: string, text: CommandText & Declared): Command {
  const command = declareGroup(parent, usage, text);
  declareDoes(command, text);
  return command;
}

/** Declares a command that only holds others. */
export function declareGroup(parent: Command, usage: string, text: CommandText): Command {
  const command = parent.command(usage).description(text.description ?? '');
  addGlobalOptions(command, true);
  command.version(VERSION, '-V, --version');
  command.options.find((option) => option.long === '--version')?.hideHelp();
  const examples = text.examples.map((example) => `  daybook ${example}`).join('\n');
  const notes = text.notes === undefined ? '' : `\n${filled(text.notes)}\n`;
  return command.addHelpText('after', `${notes}\nExamples:\n${examples}`);
}

const HELP_WIDTH = 80;

/** Breaks a text into lines anew. */
function filled(text: string): string {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + word.length < HELP_WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

interface Opening {
  /** Whether the trail is read from end to end. */
  readonly sequential?: boolean;
  /** Whether what is recorded meanwhile is waited for, which a copy would never show. */
  readonly live?: boolean;
  /** Whether only reading is meant, where the command itself may write. */
  readonly onlyReads?: boolean;
  /** Archives that are asked together with the trail. */
  readonly archives?: readonly string[] | undefined;
  /** Whether these are first checked with the files of proofs beside them. */
  readonly verified?: boolean;
}

/**
 * Runs `work` with the trail open as the command declares it, and closes it whatever happens. With archives it is given what is
 * asked, and the trail alone beside it.
 */
export async function withStore<T>(
  context: Context,
  globals: Globals,
  work: (store: AuditStore, trail: AuditStore) => Promise<T>,
  opening: Opening = {},
): Promise<T> {
  expectStreamsApart(globals.db);
  const store = await openTrail(context, globals, opening);
  try {
    if (opening.archives === undefined) return await work(store, store);
    if (opening.verified === true) {
      const { verifyArchives } = await import('../operations/verify-archives.js');
      const { archives } = opening;
      await interruptible(context, (signal) => verifyArchives(store, archives, signal));
    }
    return await withArchives(store, opening.archives, context, work);
  } finally {
    await store.close();
  }
}

/** Runs `work` with a trail of all that is there and all that the archives hold, which is gone afterwards. */
async function withArchives<T>(
  store: AuditStore,
  archives: readonly string[],
  context: Context,
  work: (store: AuditStore, trail: AuditStore) => Promise<T>,
): Promise<T> {
  const [{ openGathering }, { gather }] = await Promise.all([
    import('../store/open.js'),
    import('../operations/gather.js'),
  ]);
  const { now: clock, presence } = context;
  const gathering = await openGathering({ path: 'the gathered trail', clock, presence });
  try {
    return await work(await interruptible(context, (signal) => gather(gathering, store, archives, signal)), store);
  } finally {
    await gathering.close();
  }
}

/**
 * A shell can send what we print into the database itself (`>> audit.db`). Throws kind `refused`, without a word where
 * that would stand there as well.
 */
function expectStreamsApart({ engine, connects: database }: Address): void {
  if (engine !== 'sqlite') return;
  if (belongsTo(2, database)) throw new DaybookError('refused', '');
  if (belongsTo(1, database)) throw new DaybookError('refused', `standard output is the database ${database}`);
}

/** What the outputs of a command are kept apart from. */
export function originOf(globals: Globals, { presence }: Context): Origin {
  return { file: globals.db.engine === 'sqlite' ? globals.db.connects : undefined, presence };
}

async function openTrail(
  context: Context,
  globals: Globals,
  { sequential = false, live = false, onlyReads = false }: Opening,
): Promise<AuditStore> {
  const { openStore } = await import('../store/open.js');
  const { db, schema, busyTimeout } = globals;
  const { now: clock, presence } = context;
  return openStore(db, {
    schema,
    readonly: onlyReads || globals.opens === 'read',
    busyTimeout,
    sequential,
    live,
    clock,
    presence,
    interruptible: readerOf(context).interruptible,
    onInterrupt: context.onInterrupt,
    onCopy: async (from) => {
      if (from === 'unfinished copy') {
        const taken = 'this is read from a private copy, in which that is taken back';
        await note(context, globals, `the program that wrote to ${db.shown} last ended within a transaction: ${taken}`);
      } else if (context.streams.stderr.isTerminal) {
        await note(context, globals, `${db.shown} may only be read here: this is read from a private copy`);
      }
    },
  });
}

/** Who reads a database. */
export function readerOf(context: Context): Reader {
  return { presence: context.presence, interruptible: (work) => interruptible(context, work) };
}

/** Runs `work` with a signal that an interrupt sets, for what must end in order. */
export async function interruptible<T>(context: Context, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = context.onInterrupt(() => controller.abort());
  try {
    return await work(controller.signal);
  } finally {
    stop();
  }
}

/** So many entries, in words. */
export function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

/** Prints JSON, or an object as JSON, on a line; on a terminal, what strangers hid in it is there to be seen. */
export async function printJson(value: string | object, { streams: { stdout } }: Context): Promise<void> {
  const json = typeof value === 'string' ? value : JSON.stringify(value);
  await stdout.write(`${stdout.isTerminal ? visibleJson(json) : json}\n`);
}

/** Prints lines for people: whatever names hold, each of them stays one line. */
export async function printLines(lines: readonly string[], { streams: { stdout } }: Context): Promise<void> {
  await stdout.write(lines.map((line) => `${visible(line, { newlines: 'mark' })}\n`).join(''));
}

/** Says something for people in one line of stderr, unless they asked for quiet, or nobody reads that. */
export async function note(context: Context, globals: Globals, text: string): Promise<void> {
  if (globals.quiet) return;
  await context.streams.stderr.write(`${visible(text, { newlines: 'mark' })}\n`).catch((error: unknown) => {
    if (!(error instanceof OutputClosed)) throw error;
  });
}

/**
 * Prints what came of a change that is durable by now; `done` says it for people. Who took a failure to print for a
 * failure to change would make the change twice: so a reader that has gone is none, and any other error says first what
 * is done.
 */
export async function printOutcome(
  context: Context,
  globals: Globals,
  done: string,
  print: () => Promise<void>,
): Promise<void> {
  try {
    await print();
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    if (!(error instanceof OutputClosed)) {
      throw new DaybookError('failed', `${done}, but ${error.message}`, { cause: error });
    }
    await note(context, globals, `${done}, but nobody reads the output`);
  }
}
