/**
 * Every old name, and how a call by one of them becomes a call of this tool.
 * @module
 */

import { UsageError } from "../cli/errors.ts";
import { wrap } from "../cli/help.ts";
import { BRIDGES } from "./bridges.ts";
import { FILES } from "./files.ts";
import { MACHINES } from "./machines.ts";
import type { OldName, Translation } from "./old_name.ts";
import { STREAMS } from "./streams.ts";

/** All of them, in the order of the documentation. */
export const OLD_NAMES: readonly OldName[] = [
  ...BRIDGES,
  ...FILES,
  ...STREAMS,
  ...MACHINES,
];

/** Finds an old name; `undefined` where it is none. */
export function findOldName(name: string): OldName | undefined {
  return OLD_NAMES.find((one) => one.name === name);
}

/** The help of an old name: what it was, and what is different. */
export function oldHelp(old: OldName): string[] {
  const { name, usage, examples } = old;
  const line = (words: string): string => `${name} ${words}`.trimEnd();
  return [
    `${name} - of ${old.from}, now shmim ${old.command}`,
    "",
    ...usage.map((words, i) =>
      `${i === 0 ? "Usage:" : "      "} ${line(words)}`
    ),
    "",
    ...examples.flatMap(([typed, now]) => [
      `  ${line(typed)}`,
      `      shmim ${now}`,
    ]),
    "",
    "What changed:",
    ...old.changed.flatMap((text) =>
      wrap(text, 76).map((part, i) => `${i === 0 ? "  - " : "    "}${part}`)
    ),
    "",
    ...wrap(
      `Options of shmim ${old.command} work, too, as --name or --name=VALUE: ` +
        `shmim ${old.command} --help`,
    ),
  ];
}

const HELP: ReadonlySet<string> = new Set(["-h", "--help", "help"]);

/** A call by an old name: its help, or what is to run. */
export type Called =
  | { readonly help: readonly string[] }
  | (Translation & { readonly help?: undefined });

/**
 * Translates a call by an old name.
 *
 * @param old The name.
 * @param words What was typed behind it.
 * @param commands The commands that there are.
 * @throws {UsageError} where the words are not those of the old command.
 */
export function calledBy(
  old: OldName,
  words: readonly string[],
  commands: readonly string[],
): Called {
  const end = words.indexOf("--");
  const options = end < 0 ? words : words.slice(0, end);
  const asks = options.some((word) => word === "--help" || word === "-h") ||
    HELP.has(words[0] ?? "");
  if (asks) return { help: oldHelp(old) };
  if (words[0] === "--version") return { words: ["--version"], notes: [] };
  const translation = old.translate(words);
  const [command = ""] = translation.words;
  if (!commands.includes(command)) {
    throw new UsageError(
      `This shmim has no "${command}", which is what "${old.name}" becomes`,
    );
  }
  return translation;
}
