import { addressOf } from '../core/address.js';
import type { Address } from '../core/address.js';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { shellWord } from '../core/shell.js';
import { resolveColour } from '../terminal/colour.js';
import type { ColourLevel } from '../terminal/colour.js';
import type { Context } from './context.js';
import { kindOf } from './does.js';
import { underOption } from './under-option.js';

interface GlobalOption {
  readonly key: 'db' | 'schema' | 'as' | 'asType' | 'tz' | 'busyTimeout' | 'color' | 'quiet';
  readonly flags: string;
  readonly description: string;
  readonly environment?: string;
  readonly defaultText?: string;
  readonly choices?: readonly string[];
}

/** The options that every command takes, before its name and after it. */
const GLOBAL_OPTIONS: readonly GlobalOption[] = [
  {
    key: 'db',
    flags: '--db <address>',
    description: 'the audit database: a SQLite file, or postgres://user@host/database',
    environment: 'DAYBOOK_DB',
    defaultText: 'audit.db',
  },
  {
    key: 'schema',
    flags: '--schema <name>',
    description: 'in PostgreSQL, the schema that holds the trail',
    environment: 'DAYBOOK_SCHEMA',
    defaultText: 'daybook',
  },
  {
    key: 'as',
    flags: '--as <actor>',
    description: 'who is acting, for commands that record',
    environment: 'DAYBOOK_ACTOR',
    defaultText: 'the OS user; for root SUDO_USER, where it is set',
  },
  {
    key: 'asType',
    flags: '--as-type <type>',
    description: 'what kind of actor that is',
    environment: 'DAYBOOK_ACTOR_TYPE',
    defaultText: 'user',
  },
  {
    key: 'tz',
    flags: '--tz <zone>',
    description: 'IANA zone or "local": how times without an offset are read, and shown to people',
    environment: 'DAYBOOK_TZ',
    defaultText: 'UTC',
  },
  {
    key: 'busyTimeout',
    flags: '--busy-timeout <duration>',
    description: 'how long to wait for a lock',
    environment: 'DAYBOOK_BUSY_TIMEOUT',
    defaultText: '5s',
  },
  {
    key: 'color',
    flags: '--color <when>',
    description: 'colour on a terminal (see also NO_COLOR, FORCE_COLOR)',
    choices: ['auto', 'always', 'never'],
    defaultText: 'auto',
  },
  { key: 'quiet', flags: '-q, --quiet', description: 'no notes on stderr; errors still' },
];

/** Adds the global options; on a subcommand they are understood and left out of its help. */
export function addGlobalOptions(command: Command, hidden: boolean): void {
  for (const { flags, description, environment, defaultText, choices } of GLOBAL_OPTIONS) {
    const notes = [
      ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
      ...(environment === undefined ? [] : [`env: ${environment}`]),
    ];
    const option = new Option(flags, notes.length === 0 ? description : `${description} (${notes.join(', ')})`);
    if (choices !== undefined) option.choices(choices);
    command.addOption(hidden ? option.hideHelp() : option);
  }
}

/** The word of a command line that names the command: the first that is no global option, nor the value of one. */
export function commandWord(words: readonly string[]): string | undefined {
  const takesValue = new Set(GLOBAL_OPTIONS.flatMap(({ flags }) => (flags.includes('<') ? [flags.split(' ')[0]] : [])));
  for (let position = 0; position < words.length; position++) {
    const word = words[position];
    if (word === undefined || !word.startsWith('-')) return word;
    if (takesValue.has(word)) position++;
  }
  return undefined;
}

/** The global options as they hold for one run: a flag, else the environment, else the default. */
export interface Globals {
  readonly db: Address;
  /** In PostgreSQL, the schema that holds the trail. */
  readonly schema: string;
  /** How the command opens the trail, by what it declares. */
  readonly opens: 'read' | 'write';
  readonly quiet: boolean;
  /** Milliseconds. */
  readonly busyTimeout: number;
  readonly zone: string;
  readonly actor: Actor;
  readonly colour: (output: 'stdout' | 'stderr') => ColourLevel;
}

/** A zone by its name; `local` is what TZ says, else what the system does. Throws kind `usage`. */
export async function zoneNamed(text: string, { env }: Pick<Context, 'env'>): Promise<string> {
  const { resolveZone } = await import('../core/period.js');
  if (text !== 'local') return resolveZone(text);
  const { zoneOfVariable } = await import('../core/local-zone.js');
  return resolveZone(zoneOfVariable(env['TZ']) ?? text);
}

export async function resolveGlobals(command: Command, context: Context): Promise<Globals> {
  const value = (key: GlobalOption['key']): string | undefined => {
    const flag = flagValue(command, key);
    if (typeof flag === 'string') {
      if (flag === '') throw new DaybookError('usage', `--${kebab(key)} must not be empty`);
      return flag;
    }
    const name = GLOBAL_OPTIONS.find((option) => option.key === key)?.environment;
    // An empty variable is as good as none: that is how scripts and cron switch one off.
    return (name === undefined ? undefined : context.env[name]) || undefined;
  };
  const zone = value('tz');
  const patience = value('busyTimeout');
  const as = value('as');
  const asType = value('asType');
  const flag = (value('color') ?? 'auto') as 'auto' | 'always' | 'never';
  return {
    db: addressOf(value('db') ?? 'audit.db'),
    schema: value('schema') ?? 'daybook',
    opens: kindOf(command)?.opens ?? 'read',
    quiet: flagValue(command, 'quiet') === true,
    busyTimeout: patience === undefined ? 5000 : await milliseconds(patience),
    zone: zone === undefined || zone === 'UTC' ? 'UTC' : await zoneNamed(zone, context),
    // Asking the system who runs this costs something, and who only reads need not be known.
    get actor() {
      return actorOf(as, asType, context);
    },
    colour: (output) => resolveColour({ flag, env: context.env, isTerminal: context.streams[output].isTerminal }),
  };
}

/** The flags that name the database, as words that can be pasted; none where no flag does. */
export function databaseFlags(command: Command): readonly string[] {
  const flag = flagValue(command, 'db');
  const schema = flagValue(command, 'schema');
  return [
    ...(typeof flag === 'string' ? [`--db ${shellWord(addressOf(flag).shown)}`] : []),
    ...(typeof schema === 'string' ? [`--schema ${shellWord(schema)}`] : []),
  ];
}

/** What a flag was given as, by the command itself or any that it stands under. */
function flagValue(command: Command, key: string): unknown {
  for (let level: Command | null = command; level !== null; level = level.parent) {
    if (level.getOptionValueSource(key) === 'cli') return level.getOptionValue(key) as unknown;
  }
  return undefined;
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

async function milliseconds(text: string): Promise<number> {
  const { parseDuration, fixedMilliseconds } = await import('../core/duration.js');
  return underOption('--busy-timeout', () => fixedMilliseconds(parseDuration(text)));
}

/** Everybody can set SUDO_USER: only to root is it what sudo said. */
function actorOf(named: string | undefined, type: string | undefined, context: Context): Actor {
  const user = context.user();
  const actor = named ?? ((context.isRoot() && context.env['SUDO_USER']) || user);
  return { actor, actor_type: type ?? 'user', recorded_by: recorderOf(actor, user, context) };
}

/** Where the actor is anybody but the `user` who runs the program, the entry keeps who that was as well. */
export function recorderOf(actor: string, user: string, context: Context): string | null {
  return actor === user ? null : `${user}@${context.host()}`;
}
