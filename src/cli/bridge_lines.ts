/** What bridges without a channel's name let `top` see of them. @module */

import { type CarriedLine, LineReport } from "../channels/lines.ts";
import { STATE_VARIABLE, stateFolder } from "../channels/place.ts";
import type { Needs, Scope } from "./needs.ts";
import type { Output } from "./output.ts";

/** What it takes to tell. */
export function tellNeeds(scope: Scope): Needs {
  const folder = scope.file(stateFolder());
  return { read: folder, write: folder, env: [STATE_VARIABLE] };
}

/**
 * Tells of a process's bridges until it is closed.
 *
 * @param out Takes a warning where that cannot be.
 * @param words What the process does, and of what.
 * @param lines What there is to tell.
 */
export function tellOf(
  out: Output,
  words: readonly (string | number)[],
  lines: () => readonly CarriedLine[],
): Disposable {
  return new LineReport(stateFolder(), words.join("-"), lines, (message) => {
    out.say(`shmim ${words[0]}: warning: ${message}`);
  });
}
