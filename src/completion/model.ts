/**
 * What a shell can offer behind each word of a command line, from the table of
 * commands: their usage says what their words are, their parsers which choices
 * an option takes.
 * @module
 */

import { bareHost } from "../bridge/endpoint.ts";
import { Arguments, COMMON_OPTIONS, type OptionSpec } from "../cli/args.ts";
import type { Command, CommandEntry } from "../cli/command.ts";

/**
 * Something that can be offered: a kind that the shell looks up, or a word as
 * it is, with "=" before it.
 */
export type Offer =
  | "stream"
  | "type"
  | "file"
  | "folder"
  | "command"
  | "channel"
  | "partition"
  | "offered"
  | `=${string}`;

/** An option and what its value can be. */
export interface OfferedOption {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter, where there is one. */
  readonly short?: string;
  /** What it does. */
  readonly help: string;
  /** What its value can be; `undefined` for a flag. */
  readonly value: readonly Offer[] | undefined;
}

/** What can be offered behind a command. */
export interface OfferedCommand {
  /** Its name. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Its options. */
  readonly options: readonly OfferedOption[];
  /** What its first, second, … word can be. */
  readonly words: readonly (readonly Offer[])[];
  /** Whether the last of them may be repeated. */
  readonly repeats: boolean;
}

/** Words of usage lines and of options, and what they stand for. */
const PLACEHOLDERS: Readonly<Record<string, Offer>> = {
  NAME: "stream",
  STREAM: "stream",
  SOURCE: "stream",
  DEST: "stream",
  FROM: "stream",
  TO: "stream",
  A: "stream",
  B: "stream",
  PATTERN: "stream",
  TYPE: "type",
  FILE: "file",
  FITS: "file",
  "PATH:ID": "file",
  DIR: "folder",
  FOLDER: "folder",
  COMMAND: "command",
  CHANNEL: "channel",
  PARTITION: "partition",
  "PARTITION:STREAM": "offered",
};

function offersOf(placeholder: string): Offer[] {
  return placeholder.split("|").flatMap((part): Offer[] => {
    const word = part.replace(/…|\.\.\./g, "");
    const known = PLACEHOLDERS[word.replace(/\.\w+$/, "")];
    if (known !== undefined) return [known];
    return /^[a-z][a-z-]*$/.test(word) ? [`=${word}`] : [];
  });
}

/**
 * The words of a usage line that are no options. `-p PREFIX` and `--remove
 * DEST` are options with their values, and `[…]` may be left out.
 */
function wordsOf(usage: string, name: string): string[] {
  return usage.slice(name.length)
    .replaceAll("[=VALUE]", "")
    .replace(/\[OPTIONS\]|\[--?\w[^[\]]*(\[[^[\]]*\])?[^[\]]*\]/g, " ")
    .replace(/(^|\s)--[\w-]+( [A-Z:]+(?=\s|$))?/g, " ")
    .replace(/(^|\s)-\w(?=\s|$)/g, " ")
    .replace(/[[\]]/g, " ")
    .split(/\s+/).filter((word) => word !== "");
}

/** Notes which words a parser lets an option be. */
class Choices extends Arguments {
  readonly found: Map<string, readonly string[]>;

  constructor(
    words: readonly string[],
    options: readonly OptionSpec[],
    found: Map<string, readonly string[]>,
  ) {
    super(words, options);
    this.found = found;
  }

  override choice<T extends string>(
    name: string,
    choices: readonly T[],
  ): T | undefined {
    this.found.set(name, choices);
    return super.choice(name, choices);
  }
}

function choicesOf(command: Command): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const words of command.samples) {
    try {
      command.parse(new Choices(words, command.options, found));
    } catch {
      // what came before the error has been noted
    }
  }
  return found;
}

/** What a shell can offer behind a command. */
export function offered(
  { name, summary }: CommandEntry,
  command: Command,
): OfferedCommand {
  const choices = choicesOf(command);
  const words: Offer[][] = [];
  let repeats = false;
  for (const usage of command.usage) {
    const line = wordsOf(usage, name);
    line.forEach((text, i) => {
      const offers = words[i] ?? (words[i] = []);
      for (const offer of offersOf(text)) {
        if (!offers.includes(offer)) offers.push(offer);
      }
    });
    repeats ||= /(…|\.\.\.)$/.test(line.at(-1) ?? "");
  }
  const options = [...command.options, ...COMMON_OPTIONS].map(
    ({ name, short, value, help }): OfferedOption => ({
      name,
      ...short === undefined ? {} : { short },
      help,
      value: value === undefined
        ? undefined
        : choices.get(name)?.map((word): Offer => `=${word}`) ??
          offersOf(bareHost(value)),
    }),
  );
  return { name, summary, options, words, repeats };
}

/** What a shell can offer behind all commands. */
export async function offeredCommands(
  entries: readonly CommandEntry[],
): Promise<OfferedCommand[]> {
  return await Promise.all(
    entries.map(async (entry) => offered(entry, (await entry.load()).command)),
  );
}
