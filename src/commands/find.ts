/** Finds a command in the table. @module */

import type { CommandEntry } from "../cli/command.ts";
import { UsageError } from "../cli/errors.ts";
import { COMMANDS } from "./table.ts";

/**
 * Finds a command.
 *
 * @throws {UsageError} where there is none of this name.
 */
export function findCommand(name: string): CommandEntry {
  const entry = COMMANDS.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  const known = COMMANDS.map((candidate) => candidate.name);
  throw new UsageError(`Unknown command "${name}"`, { unknown: [name, known] });
}
