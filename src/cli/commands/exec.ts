import { Option } from 'commander';
import type { Command } from 'commander';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../core/entry.js';
import type { Actor, HistoryEntry } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { textProblem } from '../../core/json.js';
import { triggerProblems } from '../../operations/problems.js';
import type { Executed } from '../../store/audit-store.js';
import { declare, entries, note, printJson, printOutcome, withStore } from '../command.js';
import type { Context } from '../context.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { readInput, textOfFile } from '../input.js';
import { entryList, looksOf } from '../looks.js';

interface Options {
  readonly file?: string;
  readonly reason?: string;
  readonly correlation?: string;
  readonly migration?: string;
  readonly foreignKeys: 'on' | 'off';
  readonly dryRun?: true;
  readonly format?: 'json';
}

export function addExec(program: Command, context: Context): void {
  declare(program, 'exec', {
    does: 'changes',
    doesWith: { '--dry-run': 'tries' },
    examples: [
      'exec "UPDATE users SET role = \'admin\' WHERE id = 42" --reason "on call, ticket 117"',
      'exec --file 0007_split_names.sql --migration 0007_split_names',
      'exec --dry-run - < correction.sql',
    ],
    notes:
      'Either all of it happens or nothing. Changes of captured tables become entries that say who and why. Statements that would end the transaction, or cannot run in one, are refused; so are parameters. Wrong SQL exits 2; a change that a constraint, a trigger or a foreign key forbids exits 7.',
  })
    .argument('[sql]', 'one statement or many, or "-" to read them from stdin')
    .option('--file <file>', 'read the SQL from this file, or from stdin with "-"')
    .option('--reason <text>', 'why: captured entries keep it')
    .option('--correlation <id>', 'the ticket or unit of work that the changes belong to')
    .addOption(
      new Option(
        '--migration <name>',
        'the migration that this is: the correlation id, with "migration" as the kind of actor',
      ).conflicts('correlation'),
    )
    .addOption(
      new Option(
        '--foreign-keys <on|off>',
        'whether foreign keys act meanwhile; with "on", dropping a table deletes the rows that cascade from it',
      )
        .choices(['on', 'off'])
        .default('off'),
    )
    .option('--dry-run', 'show the entries that it would make, and change nothing')
    .addOption(new Option('--format <format>', 'print the result as JSON').choices(['json']))
    .action(async (argument: string | undefined, options: Options, command: Command) => {
      const globals = await resolveGlobals(command, context);
      const who = readWho(options, globals);
      const sql = await readSql(argument, options.file, context);
      const dryRun = options.dryRun === true;
      await withStore(context, globals, async (store) => {
        const executed = await store.execute({ sql, ...who, foreignKeys: options.foreignKeys === 'on', dryRun });
        const tell = async (): Promise<void> => {
          const problems = triggerProblems({ captures: await store.captures(), mirrors: await store.mirrors() });
          for (const { message } of problems) await note(context, globals, message);
          if (options.format === 'json') return printFacts(executed, options, context);
          if (!context.streams.stdout.isTerminal) return printText(executed, options, globals, context);
          const { withNames } = await import('../../operations/names.js');
          const wouldRecord = await withNames(store, executed.wouldRecord);
          await printText({ ...executed, wouldRecord }, options, globals, context);
        };
        await (dryRun ? tell() : printOutcome(context, globals, summary(executed), tell));
      });
    });
}

function readWho(
  options: Options,
  globals: Globals,
): { readonly actor: Actor; readonly reason: string | null; readonly correlationId: string | null } {
  for (const option of ['reason', 'correlation', 'migration'] as const) {
    const text = options[option];
    const problem = text?.trim() === '' ? 'must not be empty' : textProblem(text ?? '');
    if (problem !== undefined) throw new DaybookError('usage', `--${option} ${problem}`);
  }
  const { migration } = options;
  return {
    actor: migration === undefined ? globals.actor : { ...globals.actor, actor_type: 'migration' },
    reason: options.reason ?? null,
    correlationId: migration ?? options.correlation ?? null,
  };
}

async function readSql(argument: string | undefined, file: string | undefined, context: Context): Promise<string> {
  if (argument !== undefined && file !== undefined) {
    throw new DaybookError('usage', 'SQL comes from the argument or from --file: give one of them');
  }
  const source = argument ?? file;
  if (source === undefined) {
    throw new DaybookError('usage', 'there is no SQL', { hint: 'daybook exec --file changes.sql' });
  }
  if (source === '-') return readInput(context);
  return file === undefined ? source : textOfFile(file, `--file ${file}`);
}

async function printFacts(executed: Executed, options: Options, context: Context): Promise<void> {
  const { statements, rows, entries: count, firstSeq, lastSeq, wouldRecord } = executed;
  const facts = JSON.stringify({
    dry_run: options.dryRun === true,
    statements,
    rows,
    entries: count,
    first_seq: firstSeq,
    last_seq: lastSeq,
  });
  const listed = options.dryRun === true ? `,"would_record":[${wouldRecord.map(entryJson).join(',')}]` : '';
  await printJson(`${facts.slice(0, -1)}${listed}}`, context);
}

function summary({ statements, rows, entries: count }: Executed): string {
  return [
    statements === 1 ? '1 statement' : `${statements} statements`,
    rows === 1 ? '1 row changed' : `${rows} rows changed`,
    entries(count),
  ].join(', ');
}

/** The documents of an entry are JSON text already, whose numbers keep every digit. */
function entryJson(entry: HistoryEntry): string {
  const fields = ENTRY_FIELDS.map((field) => {
    const value = entry[field];
    return `"${field}":${JSON_FIELDS.has(field) && value !== null ? value : JSON.stringify(value)}`;
  });
  return `{${fields.join(',')}}`;
}

async function printText(executed: Executed, options: Options, globals: Globals, context: Context): Promise<void> {
  if (options.dryRun !== true) return context.streams.stdout.write(`${summary(executed)}\n`);
  const { entries: count, wouldRecord } = executed;
  const { stdout } = context.streams;
  const list = await entryList(await looksOf(stdout, globals));
  const listed = await list(wouldRecord);
  if (listed !== '') await stdout.write(listed);
  const cut = wouldRecord.length < count ? `, of which the first ${wouldRecord.length} are shown` : '';
  await note(context, globals, `would be ${summary(executed)}${cut}: nothing was changed`);
}
