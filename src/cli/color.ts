/** How much colour the terminal shows. @module */

import type { ColorDepth } from "../image/canvas.ts";

/** The variables that say so. */
export const COLOR_VARIABLES: readonly string[] = ["COLORTERM", "TERM"];

/** Reads a variable that may not be permitted: then it counts as not set. */
function variable(name: string): string {
  try {
    return Deno.env.get(name) ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return "";
    throw error;
  }
}

/**
 * What the terminal can show, by its variables.
 *
 * @param get Gives a variable, "" where it is not set.
 * @param noColor What `NO_COLOR` says.
 */
export function colorDepth(
  get: (name: string) => string = variable,
  noColor: boolean = Deno.noColor,
): ColorDepth {
  if (noColor) return "none";
  if (/^(truecolor|24bit)$/i.test(get("COLORTERM"))) return "true";
  return get("TERM").includes("256color") ? "256" : "none";
}
