/** Checks of what this program runs on: its helper, and Deno. @module */

import { type Finding, ill, well } from "./finding.ts";
import type { HostDoor } from "./door.ts";

/** The helper loads. */
export function checkHelper(door: HostDoor): Finding {
  const { path, error } = door.helper();
  return error === undefined
    ? well("helper", `interface ${door.versions().abi}, ${path}`)
    : ill("helper", "broken", {
      found: error,
      means: "no stream can be opened at all",
      mend: "deno task build",
    });
}

const OLDEST_DENO = [2, 9] as const;

/** Deno is new enough. */
export function checkDeno(door: HostDoor): Finding {
  const { deno } = door.versions();
  const [major = 0, minor = 0] = deno.split(".").map(Number);
  const [first, second] = OLDEST_DENO;
  return major > first || (major === first && minor >= second)
    ? well("deno", deno)
    : ill("deno", "broken", {
      found: `Deno ${deno} is older than ${OLDEST_DENO.join(".")}`,
      means: "permissions and Workers do not behave as this program expects",
      mend: "npm install -g deno@2.9.6",
    });
}
