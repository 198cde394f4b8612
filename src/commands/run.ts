/**
 * Runs a command of the table, with what it needs and no more.
 * @module
 */

import { insistOn } from "../../ffi/access.ts";
import { Arguments } from "../cli/args.ts";
import type { Command, Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { isNarrowed } from "../cli/program.ts";
import { unscoped } from "../cli/surplus.ts";
import { findCommand } from "./find.ts";

/** A word that does not parse is wrong usage, whoever says so. */
function parse(command: Command, args: Arguments): unknown {
  try {
    return command.parse(args);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/**
 * Sees to it that a command has what it needs, and no more: where the program
 * has more, it runs elsewhere.
 *
 * @returns Its exit code, `undefined` where it is to run here.
 */
async function elsewhere(
  words: readonly string[],
  command: Command,
  options: unknown,
  args: Arguments,
  module: string | undefined,
): Promise<number | undefined> {
  if (isNarrowed()) return undefined; // with what it needs, and no more
  const surplus = unscoped();
  const stays = module === undefined || args.flag("no-narrow");
  if (stays && surplus === "all") return undefined; // nothing can be missing
  if (command.readsOnly && surplus === "none") {
    insistOn("MILK_SHM_DIR");
    return undefined;
  }
  const { exactNeeds } = await import("../cli/needs.ts");
  const { canNarrow, requireNeeds, runNarrowed } = await import(
    "../cli/narrow.ts"
  );
  const needs = await exactNeeds(command, options);
  requireNeeds(needs);
  if (stays || surplus === "none" || !canNarrow(needs, module)) {
    return undefined;
  }
  return await runNarrowed(module, words, needs);
}

/**
 * Runs a command line.
 *
 * @param words What was typed: the command, and its words.
 * @param io What it has around it.
 * @param module What runs it once more, with fewer permissions.
 * @returns The exit code.
 */
export async function runCommand(
  words: readonly string[],
  io: Io,
  module: string | undefined,
): Promise<number> {
  const [name = "", ...rest] = words;
  const entry = findCommand(name);
  const { command } = await entry.load();
  // `permissions` reads another command's options: only the first are its own.
  const own = name === "permissions" && rest[0]?.startsWith("-") !== true
    ? ["--", ...rest]
    : rest;
  const args = new Arguments(own, command.options);
  if (args.flag("help")) {
    const { commandHelp } = await import("../cli/help.ts");
    for (const line of commandHelp(entry, command)) io.out.line(line);
    return EXIT.done;
  }
  const options = parse(command, args);
  const code = await elsewhere(words, command, options, args, module);
  return code ?? await command.run(options, io);
}
