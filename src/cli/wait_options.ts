/**
 * Options of commands that wait for frames: how, with which priority, where.
 * @module
 */

import type { Schedule } from "../../ffi/pump.ts";
import { WAIT_MODES, type WaitMode, type WaitOptions } from "../stream/wait.ts";
import { type Arguments, integerFrom, type OptionSpec } from "./args.ts";

export { waitWrites } from "../stream/wait.ts";

/** `--wait` and what belongs to it. */
export const WAIT: readonly OptionSpec[] = [
  {
    name: "wait",
    value: "MODE",
    help: "semaphore, spin, poll or adaptive",
  },
  {
    name: "semaphore",
    value: "N",
    help: "semaphore wanted (default: a free one)",
  },
];

/** `--priority` and `--cpu`. */
export const SCHEDULE: readonly OptionSpec[] = [
  { name: "priority", value: "N", help: "real-time priority, 1 to 99" },
  {
    name: "cpu",
    value: "LIST",
    many: true,
    help: "cores to run on, as in 2,3",
  },
];

/** How to wait; `undefined` where nothing was said. */
export function waitOf(args: Arguments): WaitOptions | undefined {
  const mode = args.choice<WaitMode>("wait", WAIT_MODES);
  const semaphore = args.integer("semaphore", 0, 65535);
  if (mode === undefined && semaphore === undefined) return undefined;
  return {
    mode: mode ?? "semaphore",
    ...semaphore === undefined ? {} : { semaphore },
  };
}

/** Priority and cores. */
export function scheduleOf(args: Arguments): Schedule {
  return {
    priority: args.integer("priority", 1, 99) ?? 0,
    cpus: args.list("cpu").map((cpu) => integerFrom("--cpu", cpu, 0, 63)),
  };
}
