// The command tree as docs/cli.md.

/** @param {import('../../src/cli/command-tree.js').CommandTree} tree */
export function reference(tree) {
  const commands = tree.subcommands.flatMap((command) => withSubcommands(command));
  return `${[
    `# ${tree.name}: the commands`,
    'Made from the help of the program by `npm run docs`: do not edit. The exit codes and the shapes of what the commands\nprint stand in [scripts.md](scripts.md).',
    codeBlock([tree.synopsis]),
    sentence(tree.description),
    '## Everywhere',
    'These options hold for every command, and may stand before or after it.',
    optionTable(tree.options),
    ...examplesAndNotes(tree),
    '## Commands',
    table(
      ['command', 'what it does'],
      commands.map(({ path, command }) => [`[\`${path}\`](#${anchor(path)})`, prose(firstLine(command.description))]),
    ),
    ...commands.flatMap(commandSection),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function withSubcommands(command, parent = '') {
  const path = `${parent}${command.name}`;
  return [{ path, command }, ...command.subcommands.flatMap((subcommand) => withSubcommands(subcommand, `${path} `))];
}

function commandSection({ path, command }) {
  return [
    `## ${path}`,
    codeBlock([command.synopsis]),
    sentence(command.description),
    command.does.join(' ').replaceAll(/--[a-z-]+/g, code),
    command.aliases.length > 0 ? `Also: ${command.aliases.map(code).join(', ')}` : '',
    argumentTable(command.arguments),
    optionTable(command.options.filter(({ long }) => long !== '--help')),
    ...examplesAndNotes(command),
  ];
}

function examplesAndNotes({ notes, examples }) {
  return [
    // Where lines are indented, how they are set matters: lists and columns.
    /^ /m.test(notes) ? codeBlock(notes.split('\n'), 'text') : prose(notes),
    examples.length > 0 ? `Examples:\n\n${codeBlock(examples, 'sh')}` : '',
  ];
}

function argumentTable(list) {
  if (list.length === 0) return '';
  const rows = list.map((argument) => {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    return [code(argument.required ? `<${name}>` : `[${name}]`), meaning(argument, argument), defaultCell(argument)];
  });
  return table(['argument', 'meaning', 'default'], rows);
}

function optionTable(list) {
  if (list.length === 0) return '';
  const rows = list.map((option) => [
    code(option.flags),
    meaning(option, option.value),
    defaultCell(option),
    option.environment === null ? '' : code(option.environment),
  ]);
  return table(['option', 'meaning', 'default', 'environment'], rows);
}

function meaning({ description }, value) {
  const choices = value === null || value.choices.length === 0 ? '' : ` (${value.choices.map(code).join(', ')})`;
  return `${prose(description)}${choices}`;
}

function defaultCell({ defaultValue }) {
  if (defaultValue === null) return '';
  return defaultValue.includes(' ') ? prose(defaultValue) : code(defaultValue);
}

/** A column in which no row says anything is left out. */
function table(header, rows) {
  const columns = header.map((_, index) => index).filter((index) => rows.some((row) => row[index] !== ''));
  const line = (cells) =>
    `| ${columns.map((index) => cells[index].replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text) {
  return `\`${text}\``;
}

function codeBlock(lines, language = '') {
  return ['```' + language, ...lines, '```'].join('\n');
}

/** Text that Markdown would take for a tag or for emphasis. */
function prose(text) {
  return text.replaceAll(/[<>*]/g, (character) => `\\${character}`);
}

/** Descriptions are written for the help, where they stand in a column. */
function sentence(text) {
  const capital = prose(text.charAt(0).toUpperCase() + text.slice(1));
  return /[.:!?]$/.test(capital) ? capital : `${capital}.`;
}

function firstLine(text) {
  return text.split('\n')[0];
}

function anchor(path) {
  return path.replaceAll(' ', '-');
}
