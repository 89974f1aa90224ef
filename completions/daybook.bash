# bash completion for daybook. Made from its commands: do not edit.

# Whether the option at the end of this path takes a value, and what the value may be.
_daybook_value() {
  case $1 in
    'daybook --db' | 'daybook '*' --db') files=1 ;;
    'daybook --as' | 'daybook '*' --as') : ;;
    'daybook --as-type' | 'daybook '*' --as-type') : ;;
    'daybook --tz' | 'daybook '*' --tz') : ;;
    'daybook --busy-timeout' | 'daybook '*' --busy-timeout') : ;;
    'daybook --color' | 'daybook '*' --color') choices='auto always never' ;;
    'daybook note --severity') : ;;
    'daybook note --scope') : ;;
    'daybook note --entity-name') : ;;
    'daybook note --meta') : ;;
    'daybook note --correlation') : ;;
    'daybook note --ts') : ;;
    'daybook note --format') choices='json' ;;
    'daybook record --action') : ;;
    'daybook record --category') : ;;
    'daybook record --severity') : ;;
    'daybook record --entity') : ;;
    'daybook record --entity-name') : ;;
    'daybook record --scope') : ;;
    'daybook record --message') : ;;
    'daybook record --meta') : ;;
    'daybook record --metadata') : ;;
    'daybook record --old') : ;;
    'daybook record --new') : ;;
    'daybook record --redact') : ;;
    'daybook record --correlation') : ;;
    'daybook record --ts') : ;;
    'daybook record --id') : ;;
    'daybook record --rejects') files=1 ;;
    'daybook record --format') choices='json' ;;
    'daybook history -n' | 'daybook history --limit') : ;;
    'daybook history --cursor') : ;;
    'daybook history --format') choices='table line json ndjson csv' ;;
    'daybook history --columns') : ;;
    'daybook history --category') : ;;
    'daybook history --action') : ;;
    'daybook history --severity') : ;;
    'daybook history --actor') : ;;
    'daybook history --actor-type') : ;;
    'daybook history --scope') : ;;
    'daybook history --entity') : ;;
    'daybook history --correlation') : ;;
    'daybook history --source') : ;;
    'daybook history --not') : ;;
    'daybook history --since') : ;;
    'daybook history --until') : ;;
    'daybook history --in') : ;;
    'daybook history --search') : ;;
    'daybook history --changed') : ;;
    'daybook history --meta') : ;;
    'daybook show --around') : ;;
    'daybook show --format') choices='json' ;;
    'daybook count --format') choices='json' ;;
    'daybook count --category') : ;;
    'daybook count --action') : ;;
    'daybook count --severity') : ;;
    'daybook count --actor') : ;;
    'daybook count --actor-type') : ;;
    'daybook count --scope') : ;;
    'daybook count --entity') : ;;
    'daybook count --correlation') : ;;
    'daybook count --source') : ;;
    'daybook count --not') : ;;
    'daybook count --since') : ;;
    'daybook count --until') : ;;
    'daybook count --in') : ;;
    'daybook count --search') : ;;
    'daybook count --changed') : ;;
    'daybook count --meta') : ;;
    'daybook values --format') choices='json' ;;
    'daybook values --category') : ;;
    'daybook values --action') : ;;
    'daybook values --severity') : ;;
    'daybook values --actor') : ;;
    'daybook values --actor-type') : ;;
    'daybook values --scope') : ;;
    'daybook values --entity') : ;;
    'daybook values --correlation') : ;;
    'daybook values --source') : ;;
    'daybook values --not') : ;;
    'daybook values --since') : ;;
    'daybook values --until') : ;;
    'daybook values --in') : ;;
    'daybook values --search') : ;;
    'daybook values --changed') : ;;
    'daybook values --meta') : ;;
    'daybook state --where') : ;;
    'daybook state --at') : ;;
    'daybook state --at-entry') : ;;
    'daybook state --as-of') : ;;
    'daybook state --as-of-column') : ;;
    'daybook state --format') choices='table line json ndjson' ;;
    'daybook changes --field') : ;;
    'daybook changes --format') choices='table line json ndjson csv' ;;
    'daybook changes --category') : ;;
    'daybook changes --action') : ;;
    'daybook changes --severity') : ;;
    'daybook changes --actor') : ;;
    'daybook changes --actor-type') : ;;
    'daybook changes --scope') : ;;
    'daybook changes --entity') : ;;
    'daybook changes --correlation') : ;;
    'daybook changes --source') : ;;
    'daybook changes --not') : ;;
    'daybook changes --since') : ;;
    'daybook changes --until') : ;;
    'daybook changes --in') : ;;
    'daybook changes --search') : ;;
    'daybook changes --changed') : ;;
    'daybook changes --meta') : ;;
    'daybook export --format') choices='csv json ndjson' ;;
    'daybook export -o' | 'daybook export --output') files=1 ;;
    'daybook export --columns') : ;;
    'daybook export --checkpoint') : ;;
    'daybook export --manifest') files=1 ;;
    'daybook export --category') : ;;
    'daybook export --action') : ;;
    'daybook export --severity') : ;;
    'daybook export --actor') : ;;
    'daybook export --actor-type') : ;;
    'daybook export --scope') : ;;
    'daybook export --entity') : ;;
    'daybook export --correlation') : ;;
    'daybook export --source') : ;;
    'daybook export --not') : ;;
    'daybook export --since') : ;;
    'daybook export --until') : ;;
    'daybook export --in') : ;;
    'daybook export --search') : ;;
    'daybook export --changed') : ;;
    'daybook export --meta') : ;;
    'daybook revert --reason') : ;;
    'daybook revert --format') choices='json' ;;
    'daybook revert --category') : ;;
    'daybook revert --action') : ;;
    'daybook revert --severity') : ;;
    'daybook revert --actor') : ;;
    'daybook revert --actor-type') : ;;
    'daybook revert --scope') : ;;
    'daybook revert --entity') : ;;
    'daybook revert --correlation') : ;;
    'daybook revert --source') : ;;
    'daybook revert --not') : ;;
    'daybook revert --since') : ;;
    'daybook revert --until') : ;;
    'daybook revert --in') : ;;
    'daybook revert --search') : ;;
    'daybook revert --changed') : ;;
    'daybook revert --meta') : ;;
    'daybook prune --older-than') : ;;
    'daybook prune --before') : ;;
    'daybook prune --max-entries') : ;;
    'daybook prune --category') : ;;
    'daybook prune --action') : ;;
    'daybook prune --severity') : ;;
    'daybook prune --actor') : ;;
    'daybook prune --actor-type') : ;;
    'daybook prune --scope') : ;;
    'daybook prune --entity') : ;;
    'daybook prune --correlation') : ;;
    'daybook prune --source') : ;;
    'daybook prune --not') : ;;
    'daybook prune --since') : ;;
    'daybook prune --until') : ;;
    'daybook prune --in') : ;;
    'daybook prune --search') : ;;
    'daybook prune --changed') : ;;
    'daybook prune --meta') : ;;
    'daybook prune --archive') files=1 ;;
    'daybook prune --archive-dir') files=1 ;;
    'daybook prune --reason') : ;;
    'daybook prune --format') choices='json' ;;
    'daybook clear --archive') files=1 ;;
    'daybook clear --archive-dir') files=1 ;;
    'daybook clear --reason') : ;;
    'daybook clear --format') choices='json' ;;
    'daybook retention set --max-age') : ;;
    'daybook retention set --max-entries') : ;;
    'daybook retention set --category') : ;;
    'daybook retention set --action') : ;;
    'daybook retention set --severity') : ;;
    'daybook retention set --actor') : ;;
    'daybook retention set --actor-type') : ;;
    'daybook retention set --scope') : ;;
    'daybook retention set --entity') : ;;
    'daybook retention set --correlation') : ;;
    'daybook retention set --source') : ;;
    'daybook retention set --not') : ;;
    'daybook retention set --since') : ;;
    'daybook retention set --until') : ;;
    'daybook retention set --in') : ;;
    'daybook retention set --search') : ;;
    'daybook retention set --changed') : ;;
    'daybook retention set --meta') : ;;
    'daybook retention list --format') choices='json' ;;
    'daybook status --grace') : ;;
    'daybook status --format') choices='json' ;;
    'daybook capture add --entity-type') : ;;
    'daybook capture add --scope') : ;;
    'daybook capture add --actor-column') : ;;
    'daybook capture add --name-column') : ;;
    'daybook capture add --ignore') : ;;
    'daybook capture add --redact') : ;;
    'daybook capture add --keep') : ;;
    'daybook capture add --json') : ;;
    'daybook capture list --format') choices='json' ;;
    'daybook capture check --format') choices='json' ;;
    'daybook exec --file') files=1 ;;
    'daybook exec --reason') : ;;
    'daybook exec --correlation') : ;;
    'daybook exec --migration') : ;;
    'daybook exec --foreign-keys') choices='on off' ;;
    'daybook exec --format') choices='json' ;;
    'daybook import --table') : ;;
    'daybook import --source') : ;;
    'daybook import --map') : ;;
    'daybook import --key') : ;;
    'daybook import --column') : ;;
    'daybook import --entity-type') : ;;
    'daybook import --order') choices='newest-first oldest-first' ;;
    'daybook import --pattern') : ;;
    'daybook import --assume-tz') : ;;
    'daybook import --scope-from') : ;;
    'daybook import --rejects') files=1 ;;
    'daybook import --format') choices='json' ;;
    *) return 1 ;;
  esac
}

_daybook() {
  local current=${COMP_WORDS[COMP_CWORD]} path='daybook' option='' literal='' position=0
  local files='' choices='' options='' index word
  # bash makes three words of --format=csv, and of type:id.
  if [[ $current == '=' ]]; then current=''; fi

  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ -n $option ]]; then
      if [[ $word != '=' ]]; then option=''; fi
      continue
    fi
    case $word in
      = | :) ((index += 1)); continue ;;
    esac
    if [[ -n $literal ]]; then ((position += 1)); continue; fi
    case "$path $word" in
      *' --') literal=1 ;;
      *' -'*) if _daybook_value "$path $word"; then option=$word; fi ;;
      'daybook init') path='daybook init' ;;
      'daybook note') path='daybook note' ;;
      'daybook record') path='daybook record' ;;
      'daybook history' | 'daybook log') path='daybook history' ;;
      'daybook show') path='daybook show' ;;
      'daybook count') path='daybook count' ;;
      'daybook values') path='daybook values' ;;
      'daybook state') path='daybook state' ;;
      'daybook changes') path='daybook changes' ;;
      'daybook export') path='daybook export' ;;
      'daybook revert') path='daybook revert' ;;
      'daybook prune') path='daybook prune' ;;
      'daybook clear') path='daybook clear' ;;
      'daybook retention') path='daybook retention' ;;
      'daybook status') path='daybook status' ;;
      'daybook backup') path='daybook backup' ;;
      'daybook capture') path='daybook capture' ;;
      'daybook exec') path='daybook exec' ;;
      'daybook import') path='daybook import' ;;
      'daybook completion') path='daybook completion' ;;
      'daybook retention set') path='daybook retention set' ;;
      'daybook retention list') path='daybook retention list' ;;
      'daybook retention remove') path='daybook retention remove' ;;
      'daybook capture add') path='daybook capture add' ;;
      'daybook capture list') path='daybook capture list' ;;
      'daybook capture check') path='daybook capture check' ;;
      'daybook capture refresh') path='daybook capture refresh' ;;
      'daybook capture remove') path='daybook capture remove' ;;
      *) ((position += 1)) ;;
    esac
  done

  files='' choices=''
  case $path in
    'daybook') options='-V --version --db --as --as-type --tz --busy-timeout --color -q --quiet -h --help' choices='init note record history show count values state changes export revert prune clear retention status backup capture exec import completion' ;;
    'daybook init') options='--alongside -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook note') options='--severity --scope --entity-name --meta --correlation --ts --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook record') options='--action --category --severity --entity --entity-name --scope --message --meta --metadata --old --new --redact --correlation --ts --id --stdin --ack --rejects --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook history') options='-n --limit --cursor --oldest-first --format --columns --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -f --follow --states --explain --no-pager -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook show') options='--around --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook count') options='--format --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook values') options='--format --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook state') options='--where --at --at-entry --as-of --as-of-column --format --no-pager -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook changes') options='--field --format --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted --no-pager -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook export') options='--format -o --output --gzip --columns --force --no-header --exact --checkpoint --manifest --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook revert') options='--reason --apply --force --dry-run --format --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook prune') options='--older-than --before --max-entries --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted --dry-run --archive --archive-dir --reason --yes --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook clear') options='--dry-run --archive --archive-dir --reason --yes --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook retention') options='-h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='set list remove' ;;
    'daybook retention set') options='--max-age --max-entries --yes --category --action --severity --actor --actor-type --scope --entity --correlation --source --not --since --until --in --search --changed --meta --reverted --not-reverted -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook retention list') options='--format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook retention remove') options='-h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook status') options='--check --grace --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook backup') options='--force -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook capture') options='-h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='add list check refresh remove' ;;
    'daybook capture add') options='--entity-type --scope --actor-column --name-column --ignore --redact --keep --json --require-actor -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook capture list') options='--format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook capture check') options='--format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook capture refresh') options='-h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook capture remove') options='--all -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook exec') options='--file --reason --correlation --migration --foreign-keys --dry-run --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook import') options='--list --table --source --map --key --column --entity-type --order --pattern --assume-tz --scope-from --dry-run --verify --rejects --format -h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
    'daybook completion') options='-h --help --db --as --as-type --tz --busy-timeout --color -q --quiet' choices='' ;;
  esac
  if [[ -n $option ]]; then
    choices=''
    _daybook_value "$path $option"
  elif [[ -z $literal && $current == -* ]]; then
    choices=$options
  else
    case "$path $position" in
    'daybook backup 0') files=1 ;;
    'daybook completion 0') choices='bash zsh fish' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  # Where it finds nothing, bash goes on to the names of files; that is right only where a file is meant.
  if [[ -z $files ]]; then compopt +o default 2>/dev/null; fi
}

complete -o default -F _daybook daybook
