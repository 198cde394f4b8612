/**
 * Who lives on this host: asked before anything of the dead is removed. A pid
 * that nobody has here may be that of a living process which this process
 * cannot see, in another pid namespace; then nobody can be called dead.
 * @module
 */

import { linkText, listNames, readText } from "../../ffi/host.ts";

/** What the kernel calls the pid namespace that sees all processes. */
export const INITIAL = "pid:[4026531836]"; // PROC_PID_INIT_INO of Linux

/** What of a process is looked at. */
export interface ProcessFacts {
  /** Its pid as `/proc` names it. */
  readonly pid: number;
  /** `/proc/PID/status`; `undefined` where it may not be read. */
  readonly status: string | undefined;
}

/** What there is to know of all processes. */
export interface PidFacts {
  /** Our pid namespace, as `/proc/self/ns/pid` says. */
  readonly namespace: string | undefined;
  /** All that `/proc` shows. */
  readonly processes: readonly ProcessFacts[];
}

/** Looks at all processes. Needs to read `/proc`. */
export function pidFacts(): PidFacts {
  const pids = (listNames("/proc") ?? []).filter((name) => /^\d+$/.test(name));
  return {
    namespace: linkText("/proc/self/ns/pid"),
    processes: pids.flatMap((name) => {
      const status = readText(`/proc/${name}/status`);
      // Ended meanwhile: it is no longer there to be asked.
      if (status === undefined && listNames(`/proc/${name}`) === undefined) {
        return [];
      }
      return [{ pid: Number(name), status }];
    }),
  };
}

/**
 * The pids that a process has in its own namespace and those above. One that
 * ends at this moment is 0 there, which is nobody: a segment that was never
 * attached says so of its last user.
 */
function pidsOf({ pid, status }: ProcessFacts): number[] {
  const all = /^NSpid:\s*([\d\s]+)$/m.exec(status ?? "")?.[1] ?? "";
  return [pid, ...all.trim().split(/\s+/).map(Number)].filter((one) => one > 0);
}

/** Who lives, and whether that is all there are. */
export interface Census {
  /** Every pid that a living process has, in whatever namespace. */
  readonly alive: ReadonlySet<number>;
  /** Why some of the living may not be among them. */
  readonly hidden: string | undefined;
}

/**
 * Counts the living. From the initial namespace every process is seen with
 * its pids in all namespaces it belongs to (`NSpid`), so that a claim of a
 * container's pid 7 counts as alive while any process is 7 anywhere.
 *
 * @param facts What was seen.
 * @param alone Somebody vouches that nobody outside of this container uses
 * the streams.
 */
export function census(facts: PidFacts, alone = false): Census {
  const alive = new Set(facts.processes.flatMap(pidsOf));
  return { alive, hidden: hiddenReason(facts, alone) };
}

function hiddenReason(
  { namespace, processes }: PidFacts,
  alone: boolean,
): string | undefined {
  if (namespace === undefined || processes.length === 0) {
    return "/proc does not show the processes of this host";
  }
  if (namespace !== INITIAL && !alone) {
    return "this is a container: processes outside of it cannot be seen";
  }
  const veiled = processes.some(({ status }) => status === undefined) ||
    !processes.some(({ pid }) => pid === 1);
  return veiled
    ? "/proc hides the processes of other users (hidepid): ask as root"
    : undefined;
}

/** Names of processes by their pids, looked up once each. */
export class ProcessNames {
  readonly #names = new Map<number, string | undefined>();

  /** The name of a process; `undefined` where none of this pid is seen. */
  name(pid: number): string | undefined {
    if (pid <= 0) return undefined;
    if (!this.#names.has(pid)) {
      this.#names.set(pid, readText(`/proc/${pid}/comm`)?.trimEnd());
    }
    return this.#names.get(pid);
  }

  /** Forgets all: pids are given to others in time. */
  forget(): void {
    this.#names.clear();
  }
}
