/**
 * Help texts, in 80 columns, from the table of commands.
 * @module
 */

import { COMMON_OPTIONS, type OptionSpec, optionSyntax } from "./options.ts";
import type { Command, CommandEntry } from "./command.ts";

const WIDTH = 80;
/** Longer words on the left have a line of their own. */
const LEFT = 48;

/** Breaks a text into lines. */
export function wrap(text: string, width: number = WIDTH): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** What to type on the left, what it does on the right, in 80 columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const lefts = rows.map(([left = ""]) => left.length);
  const indent = Math.max(...lefts.filter((length) => length <= LEFT), 6) + 2;
  return rows.flatMap(([left = "", right = ""]) => {
    const [first = "", ...more] = wrap(right, WIDTH - indent)
      .map((line) => " ".repeat(indent) + line);
    const lines = left.length <= LEFT
      ? [left + first.slice(left.length), ...more]
      : [left, first, ...more];
    return lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  });
}

/** The help of the whole tool. */
export function overview(entries: readonly CommandEntry[]): string[] {
  return [
    "shmim - shared-memory image streams: make, watch, fill and carry them",
    "",
    "Usage: shmim COMMAND [ARGS…]",
    "",
    "Commands:",
    ...table(entries.map(({ name, summary }) => [`  ${name}`, summary])),
    "",
    "  shmim COMMAND --help  explains a command",
    "  shmim help TOPIC      explains the rest; shmim help topics lists them",
    "  shmim --version       prints the version",
    "",
    "A stream is a name, found in $MILK_SHM_DIR, else /milk/shm, else /tmp; or",
    "a path, where it holds a / or ends in .im.shm.",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 124 timed out, 128+n signal.",
  ];
}

function optionLine(option: OptionSpec): string[] {
  const { short, help } = option;
  const letter = short === undefined ? "    " : `-${short}, `;
  return [`  ${letter}${optionSyntax(option)}`, help];
}

/** The help of one command. */
export function commandHelp(entry: CommandEntry, command: Command): string[] {
  const [first = "", ...more] = command.usage;
  return [
    `shmim ${entry.name} - ${entry.summary}`,
    "",
    `Usage: shmim ${first}`,
    ...more.map((line) => `       shmim ${line}`),
    "",
    ...wrap(command.description),
    "",
    "Options:",
    ...table([...command.options, ...COMMON_OPTIONS].map(optionLine)),
    "",
    command.examples.length > 1 ? "Examples:" : "Example:",
    ...table(
      command.examples.map(([line, what]) => [`  shmim ${line}`, what]),
    ),
  ];
}
