/** Completion for bash. @module */

import type { OfferedCommand } from "./model.ts";
import { shellTables } from "./tables.ts";

const DRIVER = String.raw`_shmim_offer() { # what stands in $offers
  local offer word
  local -a found=()
  for offer in $offers; do
    case $offer in
      "="*) found+=("$offer") ;;
      type) for word in $_shmim_types; do found+=("=$word"); done ;;
      command) for word in $_shmim_commands; do found+=("=$word"); done ;;
      stream)
        while IFS= read -r word; do
          found+=("=$word")
        done < <(_shmim_streams "$dir")
        case " $offers $cur" in
          *" file "*) ;;
          */*) offers="$offers file" ;;
        esac
        ;;
      channel)
        while IFS= read -r word; do
          found+=("=$word")
        done < <(_shmim_channels "$program")
        ;;
      partition) for word in $(_shmim_partitions "$run"); do found+=("=$word"); done ;;
      offered)
        while IFS= read -r word; do
          found+=("=$word")
        done < <(_shmim_offered "$program" "$run" "$unit")
        ;;
    esac
  done
  for word in "${"$"}{found[@]#=}"; do
    case $word in
      "$cur"*) COMPREPLY+=("$(printf %q "$word")") ;;
    esac
  done
  for offer in $offers; do
    case $offer in
      file | folder)
        compopt -o filenames 2>/dev/null
        local kind=-f
        [ "$offer" = folder ] && kind=-d
        while IFS= read -r word; do
          COMPREPLY+=("$word")
        done < <(compgen $kind -- "$cur")
        ;;
    esac
  done
}
_shmim() {
  local program=$1 cur=${"$"}{COMP_WORDS[COMP_CWORD]}
  local command option dir run unit nth offers options head=
  local -a before=("${"$"}{COMP_WORDS[@]:1:COMP_CWORD-1}")
  local last=$((${"$"}{#before[@]} - 1))
  COMPREPLY=()
  # bash takes 1:wfs apart at the colon; what is offered goes behind it.
  if [ "$cur" = : ] && [ $last -ge 1 ]; then
    head=${"$"}{before[last]}: cur=${"$"}{before[last]}:
    before=("${"$"}{before[@]:0:last}")
  elif [ $last -ge 2 ] && [ "${"$"}{before[last]}" = : ]; then
    head=${"$"}{before[last - 1]}: cur=${"$"}{before[last - 1]}:$cur
    before=("${"$"}{before[@]:0:last - 1}")
  fi
  _shmim_walk "${"$"}{before[@]}"
  [ "$cur" = "=" ] && cur=
  if [ -z "$command" ]; then
    case $cur in
      -*) offers='=--help =--version' ;;
      *) offers=command ;;
    esac
  elif [ -n "$option" ]; then
    _shmim_value "$command" "$option"
  elif [[ $cur == -* ]]; then
    _shmim_options "$command" "" || return 0
    offers=
    local word
    for word in $options; do offers="$offers =$word"; done
  else
    _shmim_word "$command" "$nth" || return 0
  fi
  _shmim_offer
  COMPREPLY=("${"$"}{COMPREPLY[@]#"$head"}")
}
complete -F _shmim shmim`;

/** The script. */
export function bashCompletion(
  commands: readonly OfferedCommand[],
  types: readonly string[],
): string[] {
  return [
    "# shmim completion bash: to use it, in ~/.bashrc:",
    '#   eval "$(shmim completion bash)"',
    ...shellTables(commands, types),
    ...DRIVER.split("\n"),
  ];
}
