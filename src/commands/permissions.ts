/** `shmim permissions`: the exact `deno run` line of a call. @module */

import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { Arguments } from "../cli/args.ts";
import { type Command, defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { SOCKET_TABLE } from "../partition/registered.ts";
import { exactNeeds, flags, LAZY, readable } from "../cli/needs.ts";
import { quote } from "../cli/refusal.ts";
import { findCommand } from "./find.ts";

interface Options {
  readonly words: readonly string[];
  /** The command that is asked about, once it is loaded. */
  asked?: { readonly command: Command; readonly options: unknown };
}

/** The command that is asked about, and what it is told. */
async function asked(
  words: readonly string[],
): Promise<{ command: Command; options: unknown }> {
  const [name, ...rest] = words;
  if (name === undefined) throw new UsageError("COMMAND is missing");
  const { command } = await findCommand(name).load();
  const options = command.parse(new Arguments(rest, command.options));
  await command.prepare?.(options);
  return { command, options };
}

/**
 * The words of a `deno run` call with exactly the permissions that a command
 * needs for these arguments.
 */
export async function runLine(words: readonly string[]): Promise<string[]> {
  const { command, options } = await asked(words);
  const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));
  const needs = await exactNeeds(command, options);
  return [
    "deno",
    "run",
    "--no-prompt",
    LAZY,
    ...flags(needs),
    cli,
    ...words,
  ];
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
  async prepare(options): Promise<void> {
    options.asked = await asked(options.words);
  },
  needs({ asked }, scope): Needs {
    if (asked === undefined) {
      return { read: [...scope.folder(undefined), SOCKET_TABLE], libc: true };
    }
    // Links are resolved, because their targets need a permission, too. What
    // cannot be looked at is refused when it is looked at, and not before:
    // many of these files are not.
    // What it would look at to find its files is looked at here, too.
    const { read = [], env = [], libc = false } = asked.command.needs(
      asked.options,
      scope,
    );
    return { read: readable(read), env, libc };
  },
  async run({ words }, { out }): Promise<number> {
    out.line((await runLine(words)).map(quote).join(" "));
    return EXIT.done;
  },
});
