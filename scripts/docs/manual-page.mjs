// The command tree as man/daybook.1.

const EXIT_CODES = [
  ['0', 'Done; an empty result included.'],
  ['1', 'Failed.'],
  ['2', 'Wrong usage: an unknown option, or a bad value of an option or argument.'],
  ['3', 'A check found something.'],
  ['4', 'No such database or entry, not a database, or a schema newer than the program.'],
  ['5', 'Busy: the database stayed locked. Try again.'],
  ['6', 'Bad input data.'],
  ['7', 'Refused: not confirmed, a file exists, a conflict.'],
  ['129, 130, 143', 'Ended by SIGHUP, by SIGINT, by SIGTERM.'],
];

/** Variables that no single option stands for. */
const OTHER_VARIABLES = [
  ['NO_COLOR', 'Not empty: no colour.'],
  ['FORCE_COLOR', 'Not empty: colour even without a terminal.'],
  ['DAYBOOK_PAGER, PAGER', 'What shows long output on a terminal.'],
  ['VISUAL, EDITOR', 'What a note is written with, where its text is not given.'],
  ['SUDO_USER', 'Who is acting, where root runs the program and nobody said so.'],
];

/** @param {import('../../src/cli/command-tree.js').CommandTree} tree */
export function manualPage(tree, version) {
  const name = tree.name.toUpperCase();
  const commands = tree.subcommands.flatMap((command) => withSubcommands(command));
  return `${[
    '.\\" Made from the help of the program by `npm run docs`: do not edit.',
    `.TH ${name} 1 "" "${text(`${tree.name} ${version}`)}" "User Commands"`,
    '.SH NAME',
    `${text(tree.name)} \\- ${text(firstLine(tree.description).replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    ...synopsis(tree),
    '.SH DESCRIPTION',
    ...paragraphs(tree.description),
    '.SH OPTIONS',
    'They hold for every command, and may stand before or after it.',
    ...tree.options.flatMap(optionItem),
    '.SH COMMANDS',
    ...commands.flatMap(commandSection),
    ...examples(tree, '.SH EXAMPLES'),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(([code, meaning]) => item(text(code), meaning)),
    '.SH ENVIRONMENT',
    ...environment(tree).flatMap(([variable, meaning]) => item(bold(variable), meaning)),
    '.SH SEE ALSO',
    '.BR sqlite3 (1),',
    '.BR crontab (5),',
    '.BR systemd.timer (5)',
  ].join('\n')}\n`;
}

function withSubcommands(command, parent = '') {
  const path = `${parent}${command.name}`;
  return [{ path, command }, ...command.subcommands.flatMap((subcommand) => withSubcommands(subcommand, `${path} `))];
}

function commandSection({ path, command }) {
  return [
    `.SS ${text([path, ...command.aliases].join(', '))}`,
    ...synopsis(command),
    '.PP',
    ...paragraphs(sentence(command.description)),
    ...paragraphs(command.does.join(' ')),
    ...command.arguments.flatMap((argument) => item(italic(argument.name), withExtras(argument, argument))),
    ...command.options.filter(({ long }) => long !== '--help').flatMap(optionItem),
    ...notes(command),
    ...examples(command, '.PP\nExamples:'),
  ];
}

function synopsis(command) {
  return [bold(command.synopsis)];
}

function optionItem(option) {
  return item(bold(option.flags), withExtras(option, option.value));
}

function withExtras({ description, defaultValue, environment: variable }, value) {
  const extras = [
    value === null || value.choices.length === 0 ? null : choices(value.choices),
    defaultValue === null ? null : `default ${defaultValue}`,
    variable === null || variable === undefined ? null : `environment ${variable}`,
  ].filter((extra) => extra !== null);
  return extras.length > 0 ? `${description} (${extras.join('; ')})` : description;
}

function choices(values) {
  return values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
}

function environment(tree) {
  const fromOptions = tree.options
    .filter((option) => option.environment !== null)
    .map((option) => [option.environment, `The value of ${option.long}, where that is not given.`]);
  return [...fromOptions, ...OTHER_VARIABLES];
}

/** Where lines are indented, how they are set matters: lists and columns. */
function notes(command) {
  if (command.notes === '') return [];
  if (!/^ /m.test(command.notes)) return ['.PP', ...paragraphs(command.notes)];
  return ['.PP', '.nf', ...command.notes.split('\n').map(text), '.fi'];
}

function examples(command, heading) {
  if (command.examples.length === 0) return [];
  return [heading, '.PP', '.RS 4', '.nf', ...command.examples.map(text), '.fi', '.RE'];
}

function item(term, meaning) {
  return ['.TP', term, ...paragraphs(meaning)];
}

function paragraphs(words) {
  return words.split('\n').map((line) => (line.trim() === '' ? '.PP' : text(line.trim())));
}

function bold(words) {
  return `\\fB${text(words)}\\fR`;
}

function italic(words) {
  return `\\fI${text(words)}\\fR`;
}

/** Text that means itself: no control line, no escape, hyphens that can be copied, only ASCII. */
function text(words) {
  const escaped = words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('`', '\\(ga')
    .replaceAll(/[^\x20-\x7e]/gu, (character) => {
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
      return `\\[u${code}]`;
    });
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}

/** Descriptions are written for the help, where they stand in a column. */
function sentence(words) {
  const capital = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.:!?]$/.test(capital) ? capital : `${capital}.`;
}

function firstLine(words) {
  return words.split('\n')[0];
}
