import type { CommandTree, TreeArgument, TreeOption, TreeValue } from './command-tree.js';

export type Shell = 'bash' | 'zsh' | 'fish';

/**
 * A script that completes commands, options and their values in a shell. What it offers stands in the script, but for values
 * of the trail: these the program is asked for, with a limit of time, and where it says nothing there is nothing.
 */
export function completionScript(shell: Shell, tree: CommandTree): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](tree);
}

/** A command with the path that leads to it: `daybook retention set`. */
interface Place {
  readonly path: string;
  readonly command: CommandTree;
  /** What it takes from the commands above it: their options hold behind it as well. */
  readonly inherited: readonly TreeOption[];
}

function places(command: CommandTree, parent?: Place): Place[] {
  const place: Place = {
    path: parent === undefined ? command.name : `${parent.path} ${command.name}`,
    command,
    inherited: parent === undefined ? [] : [...parent.inherited, ...inheritable(parent.command)],
  };
  return [place, ...command.subcommands.flatMap((subcommand) => places(subcommand, place))];
}

/** `--version` of the program is no option of its commands, and each command has a `--help` of its own. */
function inheritable(command: CommandTree): TreeOption[] {
  return command.options.filter(({ long }) => long !== '--version' && long !== '--help');
}

function names(option: TreeOption): string[] {
  return [option.short, option.long].filter((name) => name !== null);
}

/** An option whose next word is its value, whatever that word looks like. */
function takesNextWord(option: TreeOption): boolean {
  return option.value !== null && !option.valueIsOptional;
}

/** As one word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The first line, which is what fits beside a word. */
function summary(description: string): string {
  return description.split('\n')[0] ?? '';
}

function hasInheritors(place: Place, option: TreeOption): boolean {
  return place.command.subcommands.length > 0 && inheritable(place.command).includes(option);
}

// bash and fish have to find out for themselves which command a line has come to. Both walk along it with a list of
// patterns for the path so far and the next word: `daybook retention` and `set` make `daybook retention set`.

/** Where this option may stand: behind its own command, and behind all commands below. */
function optionPatterns(place: Place, option: TreeOption): string[] {
  const paths = hasInheritors(place, option) ? [place.path, `${place.path} *`] : [place.path];
  return paths.flatMap((path) => names(option).map((name) => `${path} ${name}`));
}

function bashScript(tree: CommandTree): string {
  const all = places(tree);
  const program = tree.name;

  const values = all.flatMap((place) =>
    place.command.options.filter(takesNextWord).map((option) => {
      // A quoted star would be a star and nothing else.
      const cases = optionPatterns(place, option).map((pattern) => quote(pattern).replaceAll('*', `'*'`));
      return `    ${cases.join(' | ')}) ${bashOffer(option.value)} ;;`;
    }),
  );
  const steps = all.flatMap(({ path, command }) =>
    command.subcommands.map((subcommand) => {
      const words = [subcommand.name, ...subcommand.aliases].map((word) => quote(`${path} ${word}`));
      return `      ${words.join(' | ')}) path=${quote(`${path} ${subcommand.name}`)} ;;`;
    }),
  );
  const offers = all.map(({ path, command, inherited }) => {
    const options = [...command.options, ...inherited].flatMap(names).join(' ');
    const commands = command.subcommands.map(({ name }) => name).join(' ');
    return `    ${quote(path)}) options=${quote(options)} choices=${quote(commands)} ;;`;
  });
  const positions = all.flatMap(({ path, command }) =>
    command.arguments.filter(isKnown).map((argument) => {
      const index = command.arguments.indexOf(argument);
      const pattern = argument.variadic ? `${quote(`${path} `)}*` : quote(`${path} ${index}`);
      return `    ${pattern}) ${bashOffer(argument)} ;;`;
    }),
  );

  return `# bash completion for ${program}. Made from its commands: do not edit.

# Whether the option at the end of this path takes a value, and what the value may be.
_${program}_value() {
  case $1 in
${values.join('\n')}
    *) return 1 ;;
  esac
}

# Values of a field that begin with a text, as words of bash: nothing of them is ever run.
_${program}_values() {
  local value quoted end='' guard=(command)
  if type -P timeout >/dev/null; then guard=(timeout 1); fi
  if [[ $1 == entity_type ]]; then end=':'; fi
  COMPREPLY=()
  while IFS= read -r value; do
    printf -v quoted '%q' "$value$end"
    # bash takes what stands before the last colon for words of their own.
    COMPREPLY+=("\${quoted#"$3"}")
  done < <("\${guard[@]}" ${program} "\${database[@]}" completion --values "$1" --prefix "$2" 2>/dev/null </dev/null)
  if [[ -n $end ]]; then compopt -o nospace 2>/dev/null; fi
}

_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=${quote(program)} option='' literal='' position=0
  local last=$COMP_CWORD whole values='' database=()
  local files='' choices='' options='' index word
  # bash makes three words of --format=csv, and of type:id.
  if [[ $current == '=' ]]; then current=''; fi
  whole=$current
  if [[ $current == ':' ]]; then
    current='' last=$((COMP_CWORD - 1)) whole=\${COMP_WORDS[COMP_CWORD - 1]}:
  fi
  while ((last > 2)) && [[ \${COMP_WORDS[last - 1]} == ':' ]]; do
    last=$((last - 2)) whole=\${COMP_WORDS[last]}:$whole
  done

  for ((index = 1; index < last; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $option ]]; then
      if [[ $option == --db && $word != '=' ]]; then database=("--db=$word"); fi
      if [[ $word != '=' ]]; then option=''; fi
      continue
    fi
    case $word in
      = | :) ((index += 1)); continue ;;
    esac
    if [[ -n $literal ]]; then ((position += 1)); continue; fi
    case "$path $word" in
      *' --') literal=1 ;;
      *' -'*) if _${program}_value "$path $word"; then option=$word; fi ;;
${steps.join('\n')}
      *) ((position += 1)) ;;
    esac
  done

  files='' choices=''
  case $path in
${offers.join('\n')}
  esac
  if [[ -n $option ]]; then
    choices=''
    _${program}_value "$path $option"
  elif [[ -z $literal && $current == -* ]]; then
    choices=$options
  else
    case "$path $position" in
${positions.join('\n')}
    esac
  fi
  if [[ -n $values ]]; then
    # A word in quotes is left alone; of any other, a backslash is only one in its text.
    COMPREPLY=()
    if [[ $whole != *[\\'\\"]* ]]; then _${program}_values "$values" "\${whole//\\\\/}" "\${whole%"$current"}"; fi
    compopt +o default 2>/dev/null
    return
  fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  # Where it finds nothing, bash goes on to the names of files; that is right only where a file is meant.
  if [[ -z $files ]]; then compopt +o default 2>/dev/null; fi
}

complete -o default -F _${program} ${program}
`;
}

/** Whether a shell can say anything about this value. */
function isKnown(value: TreeValue): boolean {
  return value.isFile || value.choices.length > 0 || value.values !== null;
}

function bashOffer(value: TreeValue | null): string {
  if (value?.isFile === true) return 'files=1';
  if (value !== null && value.values !== null) return `values=${value.values}`;
  return value !== null && isKnown(value) ? `choices=${quote(value.choices.join(' '))}` : ':';
}

function zshScript(tree: CommandTree): string {
  const program = tree.name;
  const functions = places(tree).map((place) => zshFunction(place, tree.name));
  return `#compdef ${program}
# zsh completion for ${program}. Made from its commands: do not edit.

# Values of a field that begin with the word so far; zsh quotes them.
__${program}_values() {
  local -a found database guard
  local index word
  for ((index = 2; index <= $#whole; index++)); do
    word=\${whole[index]}
    case $word in
      --db) database=("--db=\${(Q)whole[index + 1]}") ;;
      --db=*) database=("\${(Q)word}") ;;
    esac
  done
  guard=(command)
  if (( $+commands[timeout] )); then guard=(timeout 1); fi
  found=("\${(@f)$($guard ${program} $database completion --values $1 --prefix "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  found=(\${found:#})
  if [[ $1 == entity_type ]]; then compadd -S ':' -a found; else compadd -a found; fi
}

${functions.join('\n')}
# Found through fpath, this file is the body of the function; read by \`source\`, it has to say what it completes.
if [ "$funcstack[1]" = ${quote(`_${program}`)} ]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}

function zshFunction({ path, command, inherited }: Place, program: string): string {
  // Below the program words are those behind its command; --db may stand before it.
  const whole = path === program ? '  local -a whole=("${words[@]}")\n' : '';
  const name = `_${path.replaceAll(/[ -]/g, '_')}`;
  const options = [...command.options, ...inherited].map(zshOption);
  if (command.subcommands.length === 0) {
    const specifications = [...options, ...command.arguments.map(zshArgument)];
    return `${name}() {
  _arguments -s -S \\
${specifications.map((specification) => `    ${specification}`).join(' \\\n')}
}
`;
  }
  const commands = command.subcommands.map(
    (subcommand) => `    ${quote(`${subcommand.name.replaceAll(':', '\\:')}:${summary(subcommand.description)}`)}`,
  );
  const cases = command.subcommands.map((subcommand) => {
    const words = [subcommand.name, ...subcommand.aliases].join(' | ');
    return `        ${words}) ${name}_${subcommand.name.replaceAll('-', '_')} ;;`;
  });
  return `${name}() {
${whole}  local context state state_descr line curcontext=$curcontext
  typeset -A opt_args
  local -a commands
  commands=(
${commands.join('\n')}
  )
  _arguments -s -S -C \\
${options.map((option) => `    ${option}`).join(' \\\n')} \\
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command) _describe -t commands 'command' commands ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
`;
}

/** One option for _arguments. Options with a value may come again; a switch excludes its own other name. */
function zshOption(option: TreeOption): string {
  const description = `[${summary(option.description).replaceAll(/[[\]\\]/g, String.raw`\$&`)}]`;
  const value = option.value === null ? '' : `${option.valueIsOptional ? '::' : ':'}${zshOffer(option.value)}`;
  return names(option)
    .map((name) => {
      if (value === '') return quote(`(${names(option).join(' ')})${name}${description}`);
      return quote(`*${name}${name.startsWith('--') ? '=' : ''}${description}${value}`);
    })
    .join(' ');
}

function zshArgument(argument: TreeArgument): string {
  const prefix = argument.variadic ? '*' : '';
  return quote(`${prefix}:${argument.required ? '' : ':'}${zshOffer(argument)}`);
}

function zshOffer(value: TreeValue): string {
  const name = value.name.replaceAll(/[:\\]/g, String.raw`\$&`);
  if (value.values !== null) return `${name}: __daybook_values ${value.values}`;
  // An empty list, not a message: beside a message zsh would list the options and not complete them.
  return `${name}:${value.isFile ? '_files' : `(${value.choices.join(' ')})`}`;
}

function fishScript(tree: CommandTree): string {
  const program = tree.name;
  const all = places(tree);

  const values = all.flatMap((place) =>
    place.command.options.filter(takesNextWord).flatMap((option) => optionPatterns(place, option).map(quote)),
  );
  const steps = all.flatMap(({ path, command }) =>
    command.subcommands.map((subcommand) => {
      const words = [subcommand.name, ...subcommand.aliases].map((word) => quote(`${path} ${word}`));
      return `            case ${words.join(' ')}\n                set path ${quote(`${path} ${subcommand.name}`)}`;
    }),
  );

  return `# fish completion for ${program}. Made from its commands: do not edit.

# Whether the line has come to this command, or, told "below", to one below it.
function __${program}_at
    set -l path ${quote(program)}
    set -l is_value no
    for word in (commandline -opc)[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch "$path $word"
            case '* --'
                break
            case ${values.join(' ')}
                set is_value yes
${steps.join('\n')}
        end
    end
    test "$path" = "$argv[1]"
    or begin
        test "$argv[2]" = below
        and string match --quiet -- "$argv[1] *" $path
    end
end

# Values of a field that begin with the word so far; fish quotes them.
function __${program}_values
    set -l database
    set -l is_database no
    for word in (commandline -opc)[2..-1]
        if test $is_database = yes
            set database --db=$word
            set is_database no
        end
        switch $word
            case --db
                set is_database yes
            case '--db=*'
                set database $word
        end
    end
    set -l guard command
    type --query --no-functions timeout
    and set guard timeout 1
    set -l prefix (commandline -ct | string replace --regex -- '^--[a-z-]+=' '' | string unescape)
    set -l ending ''
    test "$argv[1]" = entity_type
    and set ending :
    $guard ${program} $database completion --values $argv[1] --prefix "$prefix" 2>/dev/null </dev/null | while read -l value
        printf '%s\\n' $value$ending
    end
end

complete -c ${program} -f
${all.flatMap(fishLines).join('\n')}
`;
}

function fishLines(place: Place): string[] {
  const { path, command } = place;
  const program = path.split(' ')[0] ?? path;
  const at = (scope: string): string => `complete -c ${program} -n ${quote(`__${program}_at ${scope}`)}`;
  const here = `"${path}"`;
  return [
    ...command.subcommands.map(
      ({ name, description }) => `${at(here)} -a ${quote(name)} -d ${quote(summary(description))}`,
    ),
    ...command.arguments.filter(isKnown).map((argument) => `${at(here)}${fishOffer(argument)}`),
    ...command.options.map((option) => {
      const long = option.long === null ? '' : ` -l ${option.long.slice(2)}`;
      const short = option.short === null ? '' : ` -s ${option.short.slice(1)}`;
      const value = option.value === null || option.valueIsOptional ? '' : ` -r${fishOffer(option.value)}`;
      const scope = hasInheritors(place, option) ? `${here} below` : here;
      return `${at(scope)}${long}${short}${value} -d ${quote(summary(option.description))}`;
    }),
  ];
}

function fishOffer(value: TreeValue): string {
  if (value.isFile) return ' -F';
  if (value.values !== null) return ` -f -a '(__daybook_values ${value.values})'`;
  return value.choices.length > 0 ? ` -f -a ${quote(value.choices.join(' '))}` : ' -f';
}
