import { Option } from 'commander';
import type { Command } from 'commander';
import { newEntry } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { shown, textProblem } from '../../core/json.js';
import { declare, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import { readInput } from '../input.js';
import { printRecorded } from '../recorded.js';

interface Options {
  readonly severity?: string;
  readonly scope?: string;
  readonly entityName?: string;
  readonly meta?: readonly string[];
  readonly correlation?: string;
  readonly ts?: string;
  readonly format?: 'json';
}

export function addNote(program: Command, context: Context): void {
  declare(program, 'note', {
    does: 'records',
    examples: [
      'note machine:7 "cash box jammed, emptied by hand"',
      'note settlement:42 --severity warning - < memo.txt',
    ],
    notes: 'The text comes from the arguments, from stdin with "-" or through a pipe, else from $EDITOR.',
  })
    .argument('<type:id>', 'the entity')
    .argument('[text...]', 'the note')
    .addOption(new Option('--severity <severity>', 'info (the default), warning or error'))
    .option('--scope <kind:id>', 'the tenant, guild or machine that it belongs to')
    .option('--entity-name <name>', "the entity's name as it is now")
    .addOption(new Option('--meta <key=value>', 'metadata: key=text or key:=JSON (repeatable)').argParser(collect))
    .option('--correlation <id>', 'the ticket or unit of work that it belongs to')
    .option('--ts <time>', 'when it happened, if not now')
    .addOption(new Option('--format <format>', 'print the entry instead of its seq').choices(['json']))
    .action(async (entity: string, words: readonly string[], options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      const { entryFromOptions } = await import('../entry-options.js');
      const requestWith = (message: string): ReturnType<typeof entryFromOptions> =>
        entryFromOptions(
          { ...options, action: 'note', entity, message },
          { globals, context, defaults: newEntry({ action: 'note', ...globals.actor }) },
        );
      // All that can be wrong is told before somebody writes a text in vain.
      await requestWith('');
      await withStore(context, globals, async (store) => {
        const request = await requestWith(await noteText(entity, words, context));
        await printRecorded(store, request, options.format, globals, context);
      });
    });
}

async function noteText(entity: string, words: readonly string[], context: Context): Promise<string> {
  const fromInput = words.length === 1 && words[0] === '-';
  const piped = words.length === 0 && !context.streams.stdin.isTerminal;
  const text =
    fromInput || piped
      ? checked(withoutLastBreak(await readInput(context)))
      : words.length > 0
        ? words.join(' ')
        : await (await import('../../terminal/editor.js')).edit(context.env, entity);
  if (text.trim() !== '') return text;
  throw new DaybookError('usage', 'the note is empty: nothing was recorded', {
    hint: 'daybook note type:id "what happened"',
  });
}

/** What comes through a pipe is data, and not an argument. */
function checked(text: string): string {
  const problem = textProblem(text);
  if (problem !== undefined) throw new DaybookError('data', `message ${shown(text)} ${problem}`);
  return text;
}

/** The line feed at the end of a piped text is the shell's. */
function withoutLastBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
