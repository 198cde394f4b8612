/**
 * What a command is.
 * @module
 */

import type { Arguments } from "./args.ts";
import type { Needs, Scope } from "./needs.ts";
import type { OptionSpec } from "./options.ts";
import type { Output } from "./output.ts";

/** What a running command has around it. */
export interface Io {
  /** Where it writes. */
  readonly out: Output;
  /** Comes with SIGINT and SIGTERM; asking for it starts to listen. */
  readonly signal: AbortSignal;
}

/** A subcommand. */
export interface Command<Options = unknown> {
  /** Lines of `shmim NAME …`, without the program's name. */
  readonly usage: readonly string[];
  /** What it does, in a few sentences. */
  readonly description: string;
  /**
   * It changes nothing, whatever it is told: a missing permission is named
   * where it is met, and what it needs is not worked out before.
   */
  readonly readsOnly?: true;
  /** Its options, in the order of the help. */
  readonly options: readonly OptionSpec[];
  /** Examples: what to type, and what for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Command lines that together need all that the command can need. */
  readonly samples: readonly (readonly string[])[];
  /** Reads a command line; looks at nothing else. */
  parse(args: Arguments): Options;
  /** Fetches what `needs` must know, where that takes time. */
  prepare?(options: Options): Promise<void>;
  /** The permissions that it needs for these options. */
  needs(options: Options, scope: Scope): Needs;
  /** Does it. Returns the exit code. */
  run(options: Options, io: Io): Promise<number> | number;
}

/** A command's line in the table. */
export interface CommandEntry {
  /** Name. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Loads the command. */
  load(): Promise<{ command: Command }>;
}

/** Makes a command, with its own type of options, fit for the table. */
export function defineCommand<Options>(command: Command<Options>): Command {
  return command as Command;
}
