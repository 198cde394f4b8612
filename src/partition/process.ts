/** Processes as they are remembered: a pid alone may be another's later. @module */

import { processStartNs } from "../../ffi/process.ts";

/** A process. */
export interface ProcessId {
  /** Its pid. */
  readonly pid: number;
  /** When it began, ns: a later process can have the pid. */
  readonly startNs: string;
}

/** Whether a process that is remembered runs. */
export function runs({ pid, startNs }: ProcessId): boolean {
  return processStartNs(pid)?.toString() === startNs;
}

/** A process that runs now, as it is to be remembered. */
export function processId(pid: number = Deno.pid): ProcessId {
  return { pid, startNs: `${processStartNs(pid) ?? 0n}` };
}
