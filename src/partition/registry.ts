/**
 * The segments of the partitions of one kernel: which key has which, who
 * owns it, who holds it. The kernel's own ids and memory; only the keys are
 * ours, because a partition's number is part of one.
 * @module
 */

import { join } from "@std/path";
import { isSystemError } from "../../ffi/errno.ts";
import { processStartNs } from "../../ffi/process.ts";
import type { SegmentInfo } from "../sysv/info.ts";
import { Segment } from "../sysv/segment.ts";
import { flag, list, text, whole } from "./check.ts";
import { getState, locked, putState } from "./run_folder.ts";
import { PAGE_BYTES } from "./unit.ts";

/** A process that has a segment attached. */
export interface Hold {
  /** The process's partition. */
  readonly partition: number;
  /** The process. */
  readonly pid: number;
  /** When it began. */
  readonly startNs: string;
  /** How often it has it attached. */
  count: number;
}

/** A segment of a partition. */
export interface Entry {
  /** The key; `IPC_PRIVATE` is 0. */
  readonly key: number;
  /** The kernel's number. */
  readonly shmid: number;
  /** The partition that owns it. */
  readonly partition: number;
  /** Bytes asked for. */
  readonly size: number;
  /** Pages of it. */
  readonly pages: number;
  /** Who made it: with these the kernel's segment is known again. */
  readonly creatorPid: number;
  /** Removes itself with its last user. */
  autormid: boolean;
  /** Removed: nobody finds it any more. */
  removed: boolean;
  /** Who has it. */
  holds: Hold[];
}

/** Where a local key's memory is to lie. */
export interface Placement {
  /** The key. */
  readonly key: number;
  /** The NUMA node. */
  readonly node: number;
  /** Only there, rather than there first. */
  readonly strict: boolean;
}

/** What the file holds. */
export interface Registry {
  /** Every segment. */
  segments: Entry[];
  /** Placements of keys that have no segment yet. */
  placements: Placement[];
}

/** The file of all segments. */
export function registryPath(folder: string): string {
  return join(folder, "segments.json");
}

function toRegistry(fields: Record<string, unknown>): Registry {
  return {
    segments: list(fields, "segments", (entry) => ({
      key: whole(entry, "key"),
      shmid: whole(entry, "shmid"),
      partition: whole(entry, "partition"),
      size: whole(entry, "size", 1),
      pages: whole(entry, "pages", 1),
      creatorPid: whole(entry, "creatorPid"),
      autormid: flag(entry, "autormid"),
      removed: flag(entry, "removed"),
      holds: list(entry, "holds", (hold) => ({
        partition: whole(hold, "partition"),
        pid: whole(hold, "pid", 1),
        startNs: text(hold, "startNs"),
        count: whole(hold, "count", 1),
      })),
    })),
    placements: list(fields, "placements", (one) => ({
      key: whole(one, "key"),
      node: whole(one, "node", 0, 63),
      strict: flag(one, "strict"),
    })),
  };
}

function holderLives({ pid, startNs }: Hold): boolean {
  return processStartNs(pid)?.toString() === startNs;
}

/** What the kernel says of a segment; `undefined` where it is gone. */
export function kernelInfo(entry: Entry): SegmentInfo | undefined {
  try {
    const info = Segment.byId(entry.shmid).stat();
    return info.creatorPid === entry.creatorPid ? info : undefined;
  } catch (error) {
    if (isSystemError(error, "EINVAL", "EIDRM", "EACCES")) return undefined;
    throw error;
  }
}

/** Drops what the kernel has dropped, and holds of processes that died. */
function prune(registry: Registry): void {
  for (const entry of registry.segments) {
    const before = entry.holds.length;
    entry.holds = entry.holds.filter(holderLives);
    // The last user has gone without a word: it goes as that one had asked.
    if (entry.autormid && before > 0 && entry.holds.length === 0) {
      removeFromKernel(entry);
    }
  }
  registry.segments = registry.segments.filter((entry) =>
    kernelInfo(entry) !== undefined
  );
}

/** Has the kernel remove a segment, where that has not been done. */
export function removeFromKernel(entry: Entry): void {
  try {
    Segment.byId(entry.shmid).remove();
  } catch (error) {
    if (!isSystemError(error, "EINVAL", "EIDRM")) throw error;
  }
}

/** The segments as they are now. */
export function readRegistry(folder: string): Registry {
  const registry = getState(registryPath(folder), toRegistry) ??
    { segments: [], placements: [] };
  prune(registry);
  return registry;
}

/** Changes the segments; nobody else does meanwhile. */
export function changeRegistry<T>(
  folder: string,
  change: (registry: Registry) => T,
): T {
  return locked(folder, () => {
    const registry = readRegistry(folder);
    const result = change(registry);
    putState(registryPath(folder), registry);
    return result;
  });
}

/** Pages that a size takes. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

/** Adds a hold of a process, or takes one away. */
export function holdOnce(
  entry: Entry,
  by: Omit<Hold, "count">,
  step: 1 | -1,
): void {
  const hold = entry.holds.find(({ pid, startNs }) =>
    pid === by.pid && startNs === by.startNs
  );
  if (hold !== undefined) hold.count += step;
  else if (step === 1) entry.holds.push({ ...by, count: 1 });
  entry.holds = entry.holds.filter(({ count }) => count > 0);
}
