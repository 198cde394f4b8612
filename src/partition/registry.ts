/**
 * The segments of the partitions of one kernel: which key has which, who
 * owns it, who holds it. The kernel's own ids and memory; only the keys are
 * ours, because a partition's number is part of one.
 * @module
 */

import { join } from "@std/path";
import { isSystemError } from "../../ffi/errno.ts";
import type { SegmentInfo } from "../sysv/info.ts";
import { Segment } from "../sysv/segment.ts";
import { flag, list, text, whole } from "./check.ts";
import { runs } from "./process.ts";
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

/** A partition on another host that uses a segment. */
export interface RemoteHold {
  /** The partition. */
  readonly partition: number;
  /** Its copy's name. */
  readonly copy: string;
}

/** What makes an entry a copy of a segment on another host. */
export interface CopyFacts {
  /** The partition of this kernel that has the copy. */
  readonly home: number;
  /** The copy's name at its owner's: 16 hexadecimal digits, not all 0. */
  readonly name: string;
}

/** A segment of a partition, or a copy of one of another host. */
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
  /** Names it for ever: an id, and a key, can be used again. */
  readonly uid: string;
  /** Partitions on other hosts that have it. */
  remote: RemoteHold[];
  /** Of a copy. */
  readonly copy: CopyFacts | null;
}

/** What a program asks of a partition on another host. */
export type Call =
  | {
    readonly what: "get";
    readonly key: number;
    readonly size: number;
    readonly flags: number;
  }
  | { readonly what: "ctl"; readonly uid: string; readonly command: number };

/** What the owner answers. */
export type CallReply =
  | { readonly ok: true; readonly shmid: number }
  | {
    readonly ok: false;
    /** The errno's name, or that of a limit. */
    readonly code: string;
    readonly call: string;
    readonly message: string;
  };

/** A call on its way. */
export interface Pending {
  /** Its name. */
  readonly id: string;
  /** The partition of who asks. */
  readonly home: number;
  /** The partition that is asked. */
  readonly partition: number;
  /** Who asks. */
  readonly pid: number;
  readonly startNs: string;
  /** What. */
  readonly call: Call;
  /** The answer, once it is there. */
  reply: CallReply | null;
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
  /** What is asked of other hosts. */
  calls: Pending[];
  /** The id of the bell that wakes what carries segments; 0: none. */
  bell: number;
}

/** The file of all segments. */
export function registryPath(folder: string): string {
  return join(folder, "segments.json");
}

type Fields = Record<string, unknown>;

/** What names a segment or a copy: 16 hexadecimal digits. */
export function newName(): string {
  const words = crypto.getRandomValues(new BigUint64Array(1));
  return (words[0] || 1n).toString(16).padStart(16, "0");
}

function toCopy(value: unknown): CopyFacts | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Fields;
  return { home: whole(fields, "home"), name: text(fields, "name") };
}

function part(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new TypeError(`"${name}" is missing`);
}

function toCall(fields: Fields): Call {
  return text(fields, "what") === "get"
    ? {
      what: "get",
      key: whole(fields, "key"),
      size: whole(fields, "size"),
      flags: whole(fields, "flags"),
    }
    : {
      what: "ctl",
      uid: text(fields, "uid"),
      command: whole(fields, "command"),
    };
}

/** Takes an answer apart. */
export function toReply(fields: Fields): CallReply {
  return flag(fields, "ok") ? { ok: true, shmid: whole(fields, "shmid") } : {
    ok: false,
    code: text(fields, "code"),
    call: text(fields, "call"),
    message: text(fields, "message"),
  };
}

function toRegistry(fields: Fields): Registry {
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
      uid: "uid" in entry ? text(entry, "uid") : newName(),
      remote: list({ remote: [], ...entry }, "remote", (hold) => ({
        partition: whole(hold, "partition"),
        copy: text(hold, "copy"),
      })),
      copy: toCopy(entry.copy),
    })),
    placements: list(fields, "placements", (one) => ({
      key: whole(one, "key"),
      node: whole(one, "node", 0, 63),
      strict: flag(one, "strict"),
    })),
    calls: list({ calls: [], ...fields }, "calls", (one) => ({
      id: text(one, "id"),
      home: whole(one, "home"),
      partition: whole(one, "partition"),
      pid: whole(one, "pid", 1),
      startNs: text(one, "startNs"),
      call: toCall(part(one, "call")),
      reply: one.reply === null ? null : toReply(part(one, "reply")),
    })),
    bell: "bell" in fields ? whole(fields, "bell") : 0,
  };
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
    entry.holds = entry.holds.filter(runs);
    // The last user has gone without a word: it goes as that one had asked.
    if (before > entry.holds.length) letGo(entry);
  }
  registry.calls = registry.calls.filter(runs);
  registry.segments = registry.segments.filter((entry) =>
    kernelInfo(entry) !== undefined
  );
}

/** Whether anybody has it, here or on another host. */
export function inUse({ holds, remote }: Entry): boolean {
  return holds.length > 0 || remote.length > 0;
}

/** A user has gone: where that was the last one, it goes as was asked. */
export function letGo(entry: Entry): void {
  if (inUse(entry)) return;
  if (entry.autormid || entry.removed) removeFromKernel(entry);
}

/**
 * Somebody wants it removed: at once for new users. The kernel's own removal
 * waits for other hosts, where any has it: a process that carries segments
 * may die, and the next one must find it.
 */
export function removeForAll(entry: Entry): void {
  entry.removed = true;
  if (entry.remote.length === 0) removeFromKernel(entry);
}

/** Has the kernel remove a segment, where that has not been done. */
export function removeFromKernel(entry: Entry): void {
  try {
    Segment.byId(entry.shmid).remove();
  } catch (error) {
    if (!isSystemError(error, "EINVAL", "EIDRM")) throw error;
  }
}

/** The calls, as they were written last. */
export function readCalls(folder: string): readonly Pending[] {
  return getState(registryPath(folder), toRegistry)?.calls ?? [];
}

/**
 * Every segment, as it was written last: those that the kernel has no more,
 * too.
 */
export function readEntries(folder: string): readonly Entry[] {
  return getState(registryPath(folder), toRegistry)?.segments ?? [];
}

/** The segments as they are now. */
export function readRegistry(folder: string): Registry {
  const registry = getState(registryPath(folder), toRegistry) ??
    { segments: [], placements: [], calls: [], bell: 0 };
  prune(registry);
  return registry;
}

/** Looks at the segments; nobody changes them meanwhile. */
export function inspectRegistry<T>(
  folder: string,
  look: (registry: Registry) => T,
): T {
  return locked(folder, () => look(readRegistry(folder)));
}

/**
 * Changes the segments; nobody else does meanwhile.
 *
 * @param change Changes them. What it hands to `otherwise` is done where the
 * change is not written: on a full disk nobody would know of a new segment.
 */
export function changeRegistry<T>(
  folder: string,
  change: (registry: Registry, otherwise: (undo: () => void) => void) => T,
): T {
  return locked(folder, () => {
    const registry = readRegistry(folder);
    const undone: (() => void)[] = [];
    try {
      const result = change(registry, (undo) => undone.unshift(undo));
      putState(registryPath(folder), registry);
      return result;
    } catch (error) {
      for (const undo of undone) undo();
      throw error;
    }
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
