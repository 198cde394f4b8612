/** `--local`: times as the host's zone has them. @module */

import { localTime } from "../stream/times.ts";
import type { Arguments, OptionSpec } from "./args.ts";
import { UsageError } from "./errors.ts";

/** `--local`. */
export const LOCAL_OPTION: OptionSpec = {
  name: "local",
  help: "times in this host's zone instead of UTC",
};

/** How times are shown: as they are, or in the host's zone. */
export function timesOf(args: Arguments): (iso: string) => string {
  if (!args.flag("local")) return (iso) => iso;
  if (args.flag("json")) {
    throw new UsageError("--json is always in UTC: it takes no --local");
  }
  return localTime;
}
