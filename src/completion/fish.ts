/** Completion for fish. @module */

import type { Offer, OfferedCommand } from "./model.ts";

/** Quotes for fish: only \ and ' are special inside '. */
function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

const LOOKUPS = String.raw`
function __shmim_walk # sets command, dir, run, unit and nth (words so far)
    set -l words (commandline -opc)
    test "$words" = "$__shmim_walked"; and return
    set -g __shmim_walked "$words"
    set -g __shmim_command ''
    set -g __shmim_dir ''
    set -g __shmim_run ''
    set -g __shmim_unit
    set -g __shmim_nth 0
    set -l option ''
    for word in $words[2..-1]
        if test -n "$option"
            switch $option
                case --dir
                    set -g __shmim_dir $word
                case --run
                    set -g __shmim_run $word
                case --unit
                    set -g __shmim_unit --unit=$word
            end
            set option ''
        else if test -z "$__shmim_command"
            string match -q -- '-*' $word; or set -g __shmim_command $word
        else if string match -q -- '--dir=*' $word
            set -g __shmim_dir (string replace -- --dir= '' $word)
        else if string match -q -- '-*' $word
            contains -- "$__shmim_command $word" $__shmim_valued
            and set option $word
        else
            set -g __shmim_nth (math $__shmim_nth + 1)
        end
    end
end
function __shmim_first
    __shmim_walk
    test -z "$__shmim_command"
end
function __shmim_of # COMMAND
    __shmim_walk
    test "$__shmim_command" = $argv[1]
end
function __shmim_at # COMMAND, N, "more" where those behind it are alike
    __shmim_of $argv[1]; or return 1
    test $__shmim_nth -eq $argv[2]; and return 0
    test "$argv[3]" = more; and test $__shmim_nth -gt $argv[2]
end
function __shmim_streams
    __shmim_walk
    set -l folder $__shmim_dir
    if test -z "$folder"
        set folder /milk/shm
        test -n "$MILK_SHM_DIR"; and set folder $MILK_SHM_DIR
        test -d "$folder"; or set folder /tmp
    end
    for file in $folder/*.im.shm
        string replace -r '.*/(.*)\.im\.shm$' '$1' -- $file
    end
end
function __shmim_channels
    shmim bridge --list 2>/dev/null | tail -n +2 | string match -r '^\S+'
end
function __shmim_partitions
    __shmim_walk
    set -l folder /tmp/shmim-run-(id -u)
    test -n "$__shmim_run"; and set folder $__shmim_run
    cat $folder/unit-*.json 2>/dev/null \
        | string match -ra '"partition": *(\d+)' | string match -r '^\d+$' | sort -nu
end
function __shmim_offered
    __shmim_walk
    set -l where $__shmim_unit
    test -n "$__shmim_run"; and set -a where --run=$__shmim_run
    shmim shares $where 2>/dev/null | string match -r '^offered +(\S+)' | string match -r '^\d+:.*'
end`;

/** What follows `complete … -a`, and whether files are offered, too. */
function candidates(
  offers: readonly Offer[],
  types: readonly string[],
): { words: string; files: boolean } {
  const words = offers.flatMap((offer) => {
    switch (offer) {
      case "stream":
        return ["(__shmim_streams)"];
      case "channel":
        return ["(__shmim_channels)"];
      case "partition":
        return ["(__shmim_partitions)"];
      case "offered":
        return ["(__shmim_offered)"];
      case "command":
        return ["$__shmim_commands"];
      case "folder":
        return ["(__fish_complete_directories)"];
      case "type":
        return types;
      case "file":
        return [];
      default:
        return [offer.slice(1)];
    }
  });
  return { words: words.join(" "), files: offers.includes("file") };
}

function lines(
  { name, summary, options, words, repeats }: OfferedCommand,
  types: readonly string[],
): string[] {
  const of = `complete -c shmim -n ${quote(`__shmim_of ${name}`)}`;
  return [
    `complete -c shmim -n __shmim_first -a ${name} -d ${quote(summary)}`,
    ...options.map(({ name, short, help, value }) => {
      const { words, files } = candidates(value ?? [], types);
      return [
        `${of} -l ${name}`,
        ...short === undefined ? [] : [`-s ${short}`],
        ...value === undefined ? [] : [files ? "-r -F" : "-x"],
        ...words === "" ? [] : [`-a ${quote(words)}`],
        `-d ${quote(help)}`,
      ].join(" ");
    }),
    ...words.flatMap((offers, i) => {
      const more = repeats && i === words.length - 1 ? " more" : "";
      const { words: some, files } = candidates(offers, types);
      if (some === "" && !files) return [];
      const at = quote(`__shmim_at ${name} ${i}${more}`);
      return [
        `complete -c shmim -n ${at}${files ? " -F" : ""}` +
        (some === "" ? "" : ` -k -a ${quote(some)}`),
      ];
    }),
  ];
}

/** The script. */
export function fishCompletion(
  commands: readonly OfferedCommand[],
  types: readonly string[],
): string[] {
  const valued = commands.flatMap(({ name, options }) =>
    options.flatMap(({ name: long, short, value }) =>
      value === undefined ? [] : [
        `${name} --${long}`,
        ...short === undefined ? [] : [`${name} -${short}`],
      ]
    )
  );
  return [
    "# shmim completion fish: to use it,",
    "#   shmim completion fish > ~/.config/fish/completions/shmim.fish",
    `set -g __shmim_commands ${commands.map(({ name }) => name).join(" ")}`,
    `set -g __shmim_valued ${valued.map(quote).join(" ")}`,
    ...LOOKUPS.trim().split("\n"),
    "complete -c shmim -f",
    "complete -c shmim -n __shmim_first -l version -d 'the version'",
    "complete -c shmim -n __shmim_first -s h -l help -d 'the commands'",
    ...commands.flatMap((command) => lines(command, types)),
  ];
}
