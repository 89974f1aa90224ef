import type { Command, Option } from 'commander';
import { addressOf } from '../core/address.js';
import { shellWord } from '../core/shell.js';

/** An option by the name of its value, and what it was wrongly given as: one value, or several. */
export interface WrongValue {
  readonly field?: string | undefined;
  readonly value?: unknown;
}

/**
 * The command line as it was given, with options added to it as a hint names them. An option that can be given once
 * takes the place of what it was given as before; one that can be given again, of the values that are wrong.
 */
export function withOptions(
  words: readonly string[],
  added: string,
  command: Command,
  { field, value: wrong }: WrongValue = {},
): string {
  const known = new Map(
    lineage(command)
      .flatMap(({ options }) => options)
      .flatMap((option) => [option.long, option.short].map((name) => [name, option] as const)),
  );
  const given = added.split(/\s+/).flatMap((word) => known.get(word) ?? []);
  const once = new Set(given.filter((option) => !isRepeatable(option)).map((option) => option.attributeName()));
  const again = new Set(given.map((option) => option.attributeName()));
  const isReplaced = (option: Option, value: string): boolean => {
    const name = option.attributeName();
    return once.has(name) || (again.has(name) && name === field && [wrong].flat().includes(value));
  };
  const kept: string[] = [];
  // What stands behind it is no option.
  let end: readonly string[] = [];
  for (let place = 0; place < words.length; place++) {
    const word = words[place] ?? '';
    if (word === '--') {
      end = words.slice(place);
      break;
    }
    const option = known.get(word) ?? known.get(attachedTo(word));
    const parts = option !== undefined && takesValue(option) && known.has(word) ? 2 : 1;
    const value = parts === 2 ? (words[place + 1] ?? '') : valueAttachedTo(word);
    if (option === undefined || !isReplaced(option, value)) kept.push(...words.slice(place, place + parts));
    place += parts - 1;
  }
  const line = (part: readonly string[]): string => part.map((word) => ` ${shellWord(shownWord(word))}`).join('');
  return `daybook${line(kept)}${added.trimEnd()}${line(end)}`;
}

/** A word without the password that an address in it may hold. */
function shownWord(word: string): string {
  return word.replace(/postgres(?:ql)?:\/\/.*$/is, (address) => addressOf(address).shown);
}

/** The option of a word that holds its value as well: `--tz=UTC`, `-n5`. */
function attachedTo(word: string): string {
  return word.startsWith('--') ? word.replace(/=.*$/s, '') : word.slice(0, 2);
}

function valueAttachedTo(word: string): string {
  return word.startsWith('--') ? word.replace(/^[^=]*=?/, '') : word.slice(2);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** Its parser is given what came before; that of a choice is too, and makes no use of it. */
function isRepeatable({ variadic, parseArg, argChoices }: Option): boolean {
  return variadic || (argChoices === undefined && parseArg?.length === 2);
}

function lineage(command: Command): Command[] {
  return command.parent === null ? [command] : [command, ...lineage(command.parent)];
}
