/** How much colour the terminal shows. @module */

import { variable } from "../../ffi/access.ts";
import type { ColorDepth } from "../image/canvas.ts";

/** The variables that say so. */
export const COLOR_VARIABLES: readonly string[] = ["COLORTERM", "TERM"];

/**
 * What the terminal can show, by its variables.
 *
 * @param get Gives a variable, "" where it is not set.
 * @param noColor What `NO_COLOR` says.
 */
export function colorDepth(
  get: (name: string) => string = (name) => variable(name) ?? "",
  noColor: boolean = Deno.noColor,
): ColorDepth {
  if (noColor) return "none";
  if (/^(truecolor|24bit)$/i.test(get("COLORTERM"))) return "true";
  return get("TERM").includes("256color") ? "256" : "none";
}
