import type { EventEmitter } from 'node:events';
import type { Argument, Command, Option } from 'commander';
import { ENTRY_FIELDS, SEVERITIES } from '../core/entry.js';
import { CONDITION_OPTIONS } from '../core/filter-words.js';
import type { LeapField } from '../core/leap-fields.js';
import { IMPORT_FORMATS } from '../importers/index.js';
import { doesInWords } from './does.js';

/** What follows an option, or stands as an argument. */
export interface TreeValue {
  /** As it stands in the help: `file`, `T:ID`. */
  readonly name: string;
  /** The values that are allowed, where they are few; else empty. */
  readonly choices: readonly string[];
  /** The field of entries whose values may stand here; null where the trail has nothing to offer. */
  readonly values: LeapField | null;
  readonly isFile: boolean;
}

export interface TreeOption {
  /** As it is declared: `-n, --limit <n>`. */
  readonly flags: string;
  readonly long: string | null;
  readonly short: string | null;
  readonly description: string;
  /** null for a switch. */
  readonly value: TreeValue | null;
  /** Whether the value may be left out, so that the next word is not necessarily its value. */
  readonly valueIsOptional: boolean;
  readonly defaultValue: string | null;
  readonly environment: string | null;
}

export interface TreeArgument extends TreeValue {
  readonly description: string;
  readonly required: boolean;
  readonly variadic: boolean;
  readonly defaultValue: string | null;
}

/** A command as plain data: what completion scripts and the manual are made of. */
export interface CommandTree {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  /** What it does to the trail, and what follows from that: sentences; none for one that only holds others. */
  readonly does: readonly string[];
  /** The whole line, from the program's name on: `daybook history [options] [entity]`. */
  readonly synopsis: string;
  readonly arguments: readonly TreeArgument[];
  readonly options: readonly TreeOption[];
  readonly subcommands: readonly CommandTree[];
  /** The lines below `Examples:` in the help. */
  readonly examples: readonly string[];
  /** What else stands below the options in the help. */
  readonly notes: string;
}

/** Describes a command and all below it; what is hidden from the help stays out. */
export function describeCommand(command: Command, parentPath = ''): CommandTree {
  const path = parentPath === '' ? command.name() : `${parentPath} ${command.name()}`;
  const help = command.createHelp();
  // `help history` says what `history --help` says.
  const subcommands = help.visibleCommands(command).filter((subcommand) => subcommand.name() !== 'help');
  return {
    name: command.name(),
    aliases: command.aliases(),
    description: command.description(),
    does: doesInWords(command),
    synopsis: `${path} ${command.usage()}`.trim(),
    arguments: command.registeredArguments.map(describeArgument),
    options: help.visibleOptions(command).map(describeOption),
    subcommands: subcommands.map((subcommand) => describeCommand(subcommand, path)),
    ...splitHelp(textAfterHelp(command)),
  };
}

function describeOption(option: Option): TreeOption {
  const placeholder = /[<[](?<name>.*)[>\]]$/.exec(option.flags)?.groups?.['name'];
  const { description, inWords, variable } = splitDescription(option.description);
  return {
    flags: option.flags,
    long: option.long ?? null,
    short: option.short ?? null,
    description,
    value:
      placeholder === undefined
        ? null
        : describeValue(placeholder, option.argChoices ?? knownAfter(option), VALUE_OPTIONS[option.long ?? '']),
    valueIsOptional: option.optional,
    defaultValue: defaultText(option.defaultValue, option.defaultValueDescription ?? inWords),
    environment: option.envVar ?? variable ?? null,
  };
}

/** What may stand behind an option that checks its value itself, or takes more than these. */
const KNOWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  '--severity': SEVERITIES,
  '--not': Object.values(CONDITION_OPTIONS).map((name) => `${name}=`),
  '--columns': ENTRY_FIELDS,
  '--tz': ['UTC', 'local'],
};

/** Options behind which values of the trail may stand. */
const VALUE_OPTIONS: Readonly<Record<string, LeapField>> = {
  '--action': 'action',
  '--actor': 'actor',
  '--category': 'category',
  '--scope': 'scope',
  '--entity': 'entity_type',
};

/** Arguments that are an entity. */
const ENTITY_ARGUMENT = /^(?:type:id|type:id\|type|entity)$/;

/** The same for arguments. */
const KNOWN_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  field: ENTRY_FIELDS,
  format: [...IMPORT_FORMATS.keys()],
};

function knownAfter({ long }: Option): readonly string[] | undefined {
  return long === undefined ? undefined : KNOWN_OPTIONS[long];
}

/** What the program looks up for itself, and not commander, stands in the description: `(default: 5s, env: NAME)`. */
function splitDescription(text: string): {
  description: string;
  inWords: string | undefined;
  variable: string | undefined;
} {
  const match =
    /^(?<description>[^]*) \((?:default: (?<inWords>[^()]*?))?(?:(?:, |(?<=\())env: (?<variable>\w+))?\)$/.exec(text);
  const groups = match?.groups;
  if (groups?.['inWords'] === undefined && groups?.['variable'] === undefined) {
    return { description: text, inWords: undefined, variable: undefined };
  }
  return { description: groups['description'] ?? '', inWords: groups['inWords'], variable: groups['variable'] };
}

function describeArgument(argument: Argument): TreeArgument {
  return {
    ...describeValue(
      argument.name(),
      argument.argChoices ?? KNOWN_ARGUMENTS[argument.name()],
      ENTITY_ARGUMENT.test(argument.name()) ? 'entity_type' : undefined,
    ),
    description: argument.description,
    required: argument.required,
    variadic: argument.variadic,
    defaultValue: defaultText(argument.defaultValue, argument.defaultValueDescription),
  };
}

function describeValue(
  placeholder: string,
  choices: readonly string[] | undefined,
  values: LeapField | undefined,
): TreeValue {
  const name = placeholder.replace(/\.\.\.$/, '');
  return {
    name,
    choices: choices ?? [],
    values: choices === undefined ? (values ?? null) : null,
    isFile: /^(?:file|directory|source)$/i.test(name),
  };
}

function defaultText(value: unknown, inWords: string | undefined): string | null {
  if (inWords !== undefined) return inWords;
  // A switch is off and a list is empty unless somebody says otherwise: that needs no words.
  if (value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0)) {
    return null;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Commander keeps such text in listeners that write when a help is printed; its types do not show them. */
function textAfterHelp(command: Command): string {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text;
}

/** Takes the examples out: the indented lines below their heading. */
function splitHelp(text: string): { examples: readonly string[]; notes: string } {
  const section = /^examples?:[ \t]*\n(?<body>(?:(?:[ \t]+.*)?(?:\n|$))*)/im.exec(text);
  if (section === null) return { examples: [], notes: text.trim() };
  const lines = (section.groups?.['body'] ?? '').trimEnd().split('\n');
  const margin = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return {
    examples: lines.map((line) => line.slice(margin)),
    notes: text
      .replace(section[0], '\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim(),
  };
}
