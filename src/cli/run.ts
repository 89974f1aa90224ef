import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { DaybookError, ExitWith, ResourceError } from '../core/errors.js';
import { visible } from '../terminal/sanitize.js';
import { OutputClosed } from '../terminal/streams.js';
import type { Output } from '../terminal/streams.js';
import type { Context } from './context.js';
import { kindOf } from './does.js';
import { EXIT_CODES, SIGNAL_CODES } from './exit-codes.js';
import type { EndingSignal } from './exit-codes.js';
import { databaseFlags } from './globals.js';
import { withOptions } from './hints.js';
import type { WrongValue } from './hints.js';
import { programFor } from './program.js';
import { nearestWord } from '../core/nearest.js';

/**
 * Runs the program with the words of its command line and resolves to its exit code. The one place where errors become
 * messages and exit codes.
 */
export async function run(words: readonly string[], context: Context): Promise<number> {
  const stdout = heedless(context.streams.stdout, () => kindOf(current)?.closedOutput === 'no matter');
  let endedBy: EndingSignal = 'SIGINT';
  const program = await programFor(words, {
    ...context,
    streams: { ...context.streams, stdout },
    onInterrupt: (interrupted) =>
      context.onInterrupt((signal) => {
        endedBy = signal;
        interrupted(signal);
      }),
  });
  const printed: { stream: 'stdout' | 'stderr'; text: string }[] = [];
  let current: Command = program;
  for (const command of everyCommand(program)) {
    command.exitOverride((error) => {
      current = command;
      throw error;
    });
    command.configureOutput({
      writeOut: (text) => printed.push({ stream: 'stdout', text }),
      writeErr: (text) => printed.push({ stream: 'stderr', text }),
      outputError: () => undefined,
      // Help has no colours; asking Node would open the streams.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => (context.streams.stdout.isTerminal ? context.streams.stdout.columns : 80),
      getErrHelpWidth: () => (context.streams.stderr.isTerminal ? context.streams.stderr.columns : 80),
    });
    command.hook('preAction', (_program, action) => {
      current = action;
    });
  }
  const code = await ended(program.parseAsync([...words], { from: 'user' }));
  const told = await ended(tellPrinted());
  return code === EXIT_CODES.done ? told : code;

  async function ended(work: Promise<unknown>): Promise<number> {
    try {
      await work;
      return EXIT_CODES.done;
    } catch (error) {
      return report(error);
    }
  }

  /** Help, and what commander has to say else. */
  async function tellPrinted(): Promise<void> {
    for (const { stream, text } of printed) await context.streams[stream].write(text).catch(ignoreClosed);
  }

  async function report(error: unknown): Promise<number> {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CODES.done;
      // A bare `daybook` or `daybook retention` has printed its help on stderr.
      if (error.code === 'commander.help') return EXIT_CODES.usage;
      await say(`daybook: ${commanderMessage(error, current)}`, wholeHint(`${commandPath(current)} --help`));
      return EXIT_CODES.usage;
    }
    if (error instanceof ExitWith) return error.code;
    if (error instanceof OutputClosed && kindOf(current)?.closedOutput === 'enough') return EXIT_CODES.done;
    if (error instanceof DaybookError) {
      if (error.message !== '') {
        await say(
          `daybook: ${error.message}${aside(error)}${undone(error)}`,
          error.hint && wholeHint(error.hint, error),
        );
      }
      return error.kind === 'interrupted' ? SIGNAL_CODES[endedBy] : EXIT_CODES[error.kind];
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    await write(visible(`daybook: unexpected: ${text}`, { newlines: 'keep' }));
    return EXIT_CODES.failed;
  }

  /** What would replace a file is named, and never proposed: pasted, it could not be undone. */
  function aside({ field }: DaybookError): string {
    return field === 'force' ? ' (--force replaces it)' : '';
  }

  /** Behind what the database or a file failed with: that nothing is kept. Where something is, the command has said so. */
  function undone(error: DaybookError): string {
    const nothing = error instanceof ResourceError ? kindOf(current)?.undone : undefined;
    return nothing === undefined ? '' : `; ${nothing}`;
  }

  async function say(message: string, hint?: string): Promise<void> {
    // A value in a message may hold line feeds, and must not be able to pass for a message of its own.
    await write(visible(message, { newlines: 'mark' }));
    if (hint === undefined) return;
    await write(visible(`try: ${hint}`, { newlines: 'mark' }));
  }

  /** A hint as it can be pasted: what was typed and more, or another command on the same database. */
  function wholeHint(hint: string, wrong: WrongValue = {}): string {
    if (hint.startsWith('…')) return withOptions(words, hint.slice(1), current, wrong);
    const flags = databaseFlags(current);
    if (flags.length === 0 || hint.endsWith(' --help') || hint.includes(' --db ')) return hint;
    return hint.replace(/^daybook /, () => `daybook ${flags.join(' ')} `);
  }

  async function write(line: string): Promise<void> {
    await context.streams.stderr.write(`${line}\n`).catch((error: unknown) => {
      // That standard error cannot be written has no place to be told.
      if (!(error instanceof DaybookError)) throw error;
    });
  }
}

/** An output that lets go what nobody reads, where that is of no matter: who checks goes on to the verdict. */
function heedless(out: Output, isOfNoMatter: () => boolean): Output {
  return {
    isTerminal: out.isTerminal,
    get columns() {
      return out.columns;
    },
    get rows() {
      return out.rows;
    },
    write: async (chunk) => {
      try {
        await out.write(chunk);
      } catch (error) {
        if (!(error instanceof OutputClosed) || !isOfNoMatter()) throw error;
      }
    },
  };
}

/** Nobody is left to tell. */
function ignoreClosed(error: unknown): void {
  if (!(error instanceof OutputClosed)) throw error;
}

function commanderMessage(error: CommanderError, command: Command): string {
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n(?=\(Did you mean)/, ' ')
    .replace(/\.$/, '')
    .replace(/(?<=(?:argument|value) ('.*') is invalid.*\. Allowed choices are (.*))$/s, suggested);
  if (kindOf(command)?.opens === 'read') return message;
  // Filters have it; what records is asked for it as well, and for nothing that is spelt like it.
  return message.replace(/^(unknown option '--actor(?:=.*)?').*/s, '$1 (--as says who is acting)');
}

/** Behind the choices that there are, the one that may be meant, in commander's words. */
function suggested(_end: string, typed: string, choices: string): string {
  const nearest = nearestWord(typed.slice(1, -1), choices.split(', '));
  return nearest === undefined ? '' : ` (Did you mean ${nearest}?)`;
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
