/**
 * What can be offered, as functions that bash and zsh read alike.
 * @module
 */

import { quote } from "../cli/refusal.ts";
import type { Offer, OfferedCommand } from "./model.ts";

function list(offers: readonly Offer[]): string {
  return quote(offers.join(" "));
}

/** A function that sets a variable by what stands in `$1` and `$2`. */
function table(
  name: string,
  variable: string,
  rows: readonly (readonly [string, string])[],
): string[] {
  return [
    `${name}() {`,
    `  ${variable}=`,
    `  case "$1 $2" in`,
    ...rows.map(([pattern, value]) =>
      `    ${pattern}) ${variable}=${value} ;;`
    ),
    "    *) return 1 ;;",
    "  esac",
    "}",
  ];
}

/** `a 'b c'` as patterns of `case`: quoted, but for a star behind. */
function pattern(command: string, what: string): string {
  return what === "*" ? `'${command} '*` : `'${command} ${what}'`;
}

/**
 * Functions for both shells: `_shmim_value COMMAND OPTION` sets `offers` where
 * the option takes a value, `_shmim_word COMMAND N` sets them for the word N,
 * and `_shmim_options COMMAND` sets `options`.
 */
export function shellTables(
  commands: readonly OfferedCommand[],
  types: readonly string[],
): string[] {
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      if (option.value === undefined) return [];
      const spelled = [
        `--${option.name}`,
        ...option.short === undefined ? [] : [`-${option.short}`],
      ];
      const patterns = spelled.map((word) => pattern(name, word)).join("|");
      return [[patterns, list(option.value)] as const];
    })
  );
  const words = commands.flatMap(({ name, words, repeats }) => [
    ...words.map((offers, i) => [pattern(name, `${i}`), list(offers)] as const),
    ...repeats ? [[pattern(name, "*"), list(words.at(-1) ?? [])] as const] : [],
  ]);
  const options = commands.map(({ name, options }) =>
    [
      pattern(name, ""),
      quote(options.map((option) => `--${option.name}`).join(" ")),
    ] as const
  );
  return [
    `_shmim_types=${quote(types.join(" "))}`,
    `_shmim_commands=${quote(commands.map(({ name }) => name).join(" "))}`,
    ...table("_shmim_value", "offers", values),
    ...table("_shmim_word", "offers", words),
    ...table("_shmim_options", "options", options),
    ...LOOKUPS,
  ];
}

/**
 * Streams of a folder, channels of the table, partitions that daemons of this
 * user know, streams that they are offered: a name a line.
 */
const LOOKUPS: readonly string[] = [
  "_shmim_streams() { # FOLDER, or nothing for the usual one",
  "  local folder=$1 file",
  '  if [ -z "$folder" ]; then',
  "    folder=${MILK_SHM_DIR:-/milk/shm}",
  '    [ -d "$folder" ] || folder=/tmp',
  "  fi",
  '  for file in "$folder"/*.im.shm; do',
  '    [ -e "$file" ] || [ -L "$file" ] || continue',
  "    file=${file##*/}",
  '    printf "%s\\n" "${file%.im.shm}"',
  "  done",
  "}",
  "_shmim_channels() { # the program",
  "  local channel rest",
  '  "$1" bridge --list 2>/dev/null | {',
  "    read -r rest # the heading",
  '    while read -r channel rest; do printf "%s\\n" "$channel"; done',
  "  }",
  "}",
  "_shmim_partitions() { # the run folder, or nothing for the usual one",
  '  cat "${1:-/tmp/shmim-run-$(id -u)}"/unit-*.json 2>/dev/null |',
  "    grep -o '\"partition\": *[0-9]*' | grep -o '[0-9]*$' | sort -nu",
  "}",
  "_shmim_offered() { # the program, the run folder, the unit",
  "  local kind stream rest",
  '  "$1" shares ${2:+"--run=$2"} ${3:+"--unit=$3"} 2>/dev/null |',
  "  while read -r kind stream rest; do",
  '    [ "$kind" = offered ] && printf "%s\\n" "$stream"',
  "  done",
  "}",
  "# Goes through the words before the cursor: sets command, option (whose",
  "# value is wanted), dir, run, unit and nth (words so far).",
  "_shmim_walk() {",
  "  local word offers",
  "  command= option= dir= run= unit= nth=0",
  '  for word in "$@"; do',
  '    if [ "$word" = "=" ] && [ -n "$option" ]; then continue; fi',
  '    if [ -n "$option" ]; then',
  "      case $option in",
  "        --dir) dir=$word ;;",
  "        --run) run=$word ;;",
  "        --unit) unit=$word ;;",
  "      esac",
  "      option=",
  '    elif [ -z "$command" ]; then',
  "      case $word in -*) ;; *) command=$word ;; esac",
  "    else",
  "      case $word in",
  "        --dir=*) dir=${word#*=} ;;",
  "        --run=*) run=${word#*=} ;;",
  "        --unit=*) unit=${word#*=} ;;",
  "        --*=*) ;;",
  '        -*) _shmim_value "$command" "$word" && option=$word ;;',
  "        *) nth=$((nth + 1)) ;;",
  "      esac",
  "    fi",
  "  done",
  "}",
];
