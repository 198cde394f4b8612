/** `shmim permissions`: the exact `deno run` line of a call. @module */

import { fromFileUrl } from "@std/path";
import { Arguments } from "../cli/args.ts";
import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { EXACT, flags, union } from "../cli/needs.ts";
import { findCommand } from "./table.ts";

interface Options {
  readonly words: readonly string[];
}

/** Quotes a word for a shell where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The words of a `deno run` call with exactly the permissions that a command
 * needs for these arguments.
 */
export async function runLine(words: readonly string[]): Promise<string[]> {
  const [name, ...rest] = words;
  if (name === undefined) throw new UsageError("COMMAND is missing");
  const { command } = await findCommand(name).load();
  const options = command.parse(new Arguments(rest, command.options));
  const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));
  const needs = union([command.needs(options, EXACT)]);
  return ["deno", "run", "--no-prompt", ...flags(needs), cli, name, ...rest];
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["permissions COMMAND ARGS…"],
  description: "Prints the `deno run` line that gives COMMAND exactly the " +
    "permissions it needs for ARGS, and no more.",
  options: [],
  examples: [["permissions transmit cam rtc 8886", "what that call needs"]],
  samples: [["info", "cam"]],
  parse(args): Options {
    return { words: args.words };
  },
  needs({ words }, scope): Needs {
    // Links are resolved, because their targets need a permission, too.
    const name = words.slice(1).find((word) => !word.startsWith("-"));
    return { read: name === undefined ? [] : scope.folder(undefined) };
  },
  async run({ words }, { out }): Promise<number> {
    out.line((await runLine(words)).map(quote).join(" "));
    return EXIT.done;
  },
});
