/** Completion for zsh. @module */

import { quote } from "../cli/refusal.ts";
import type { OfferedCommand } from "./model.ts";
import { shellTables } from "./tables.ts";

const DRIVER = String.raw`_shmim_offer() { # what stands in $offers
  local offer
  for offer in ${"$"}{=offers}; do
    case $offer in
      "="*) compadd -- "${"$"}{offer#=}" ;;
      type) compadd -- ${"$"}{=_shmim_types} ;;
      command) _describe -t commands command _shmim_summaries ;;
      stream)
        compadd -- "${"$"}{(@f)$(_shmim_streams "$dir")}"
        [[ $PREFIX == */* ]] && _files
        ;;
      channel) compadd -- "${"$"}{(@f)$(_shmim_channels "$program")}" ;;
      partition) compadd -- "${"$"}{(@f)$(_shmim_partitions "$run")}" ;;
      offered) compadd -- "${"$"}{(@f)$(_shmim_offered "$program" "$run" "$unit")}" ;;
      file) _files ;;
      folder) _files -/ ;;
    esac
  done
}
_shmim() {
  local program=$words[1] cur=$words[CURRENT]
  local command option dir run unit nth offers options
  _shmim_walk "${"$"}{(@)words[2,CURRENT-1]}"
  if [[ -z $command ]]; then
    if [[ $cur == -* ]]; then offers='=--help =--version'; else offers=command; fi
  elif [[ -n $option ]]; then
    _shmim_value "$command" "$option"
  elif [[ $cur == --*=* ]]; then
    _shmim_value "$command" "${"$"}{cur%%=*}" || return 1
    compset -P '*='
  elif [[ $cur == -* ]]; then
    _shmim_options "$command" "" || return 1
    offers="=${"$"}{options// / =}"
  else
    _shmim_word "$command" "$nth" || return 1
  fi
  _shmim_offer
}
if [[ $funcstack[1] == _shmim ]]; then
  _shmim "$@"
else
  compdef _shmim shmim
fi`;

/** The script. */
export function zshCompletion(
  commands: readonly OfferedCommand[],
  types: readonly string[],
): string[] {
  return [
    "#compdef shmim",
    "# shmim completion zsh: to use it, in ~/.zshrc behind compinit:",
    '#   eval "$(shmim completion zsh)"',
    ...shellTables(commands, types),
    "_shmim_summaries=(",
    ...commands.map(({ name, summary }) =>
      `  ${quote(`${name}:${summary.replaceAll(":", "\\:")}`)}`
    ),
    ")",
    ...DRIVER.split("\n"),
  ];
}
