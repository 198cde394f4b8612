/**
 * The `xp` functions: System V segments whose key says which partition has
 * them.
 * @module
 */

import { ERRNO } from "../../ffi/errno.ts";
import { SegmentError } from "../sysv/errors.ts";
import { Segment } from "../sysv/segment.ts";
import { PartitionLimitError } from "./errors.ts";
import { askOwner, awaitHeld, farPeer, ringFor } from "./far.ts";
import { kernelBytes } from "./layout.ts";
import { XpMemory } from "./memory.ts";
import type { CopyOf } from "./outgoing.ts";
import {
  changeRegistry,
  type Entry,
  type Hold,
  holdOnce,
  inspectRegistry,
  inUse,
  letGo,
  newName,
  pagesOf,
  type Registry,
  removeForAll,
  removeFromKernel,
} from "./registry.ts";
import { processId } from "./process.ts";
import { runFolder } from "./run_folder.ts";
import {
  listUnits,
  MAX_PARTITION,
  PAGE_BYTES,
  partitionOnKernel,
  requireUnit,
  type UnitState,
} from "./unit.ts";

/** Makes a segment where there is none. */
export const IPC_CREAT = 0o1000;
/** With {@linkcode IPC_CREAT}: refuses one that is there. */
export const IPC_EXCL = 0o2000;
/** The key of a segment that only its id leads to. */
export const IPC_PRIVATE = 0;
/** Removes a segment. */
export const IPC_RMID = 0;
/** Has a segment removed when its last user has gone. */
export const IPC_AUTORMID = 6;
/** Attaches for reading only. */
export const SHM_RDONLY = 0o10000;

/** Beyond every key of `ftok`, which has 32 bits. */
const MARK = 2 ** 40;
const ID_BITS = 8;

/** Which daemon a caller belongs to. */
export interface PartitionPlace {
  /** The run folder. Default `/tmp/shmim-run-UID`. */
  readonly run?: string;
  /** The unit. Default 0. */
  readonly unit?: number;
}

/** The partition of a key, `undefined` where it is that of a file. */
export function keyPartition(key: number): number | undefined {
  return key < MARK ? undefined : Math.floor((key - MARK) / 2 ** ID_BITS);
}

function fail(code: string, call: string, message: string): never {
  throw new SegmentError(ERRNO[code] ?? 0, call, message);
}

function find(registry: Registry, id: number, call: string): Entry {
  const entry = registry.segments.find(({ shmid }) => shmid === id);
  return entry ?? fail(
    "EINVAL",
    call,
    `Cannot ${call === "shmat" ? "attach" : "change"} segment ${id}: no ` +
      "partition has one of this id",
  );
}

/** Holds a segment that is there against what is asked for; gives its id. */
function requireFit(there: Entry, size: number, flags: number): number {
  const both = IPC_CREAT | IPC_EXCL;
  if ((flags & both) === both) {
    fail(
      "EEXIST",
      "shmget",
      `Key ${there.key} has segment ${there.shmid}, ${there.size} bytes`,
    );
  }
  if (size > there.size) {
    fail(
      "EINVAL",
      "shmget",
      `Segment ${there.shmid} of key ${there.key} has ${there.size} bytes, ` +
        `not ${size}`,
    );
  }
  return there.shmid;
}

/** The pages that a partition's segments take, and its copies of others'. */
export function pagesTaken(registry: Registry, partition: number): number {
  return registry.segments
    .filter(({ copy, ...entry }) =>
      (copy?.home ?? entry.partition) === partition
    )
    .reduce((sum, { pages }) => sum + pages, 0);
}

/**
 * The `xp` functions for the processes of one partition.
 *
 * Permissions: read and write of the run folder and of `/proc/sysvipc/shm`,
 * ffi for the helper. Works while the daemon is away: it is needed to start a
 * partition, not to use it.
 *
 * @example Two partitions, one memory
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Daemon, IPC_AUTORMID, IPC_CREAT, Xp } from "@shmim/shmim";
 *
 * const run = await Deno.makeTempDir();
 * const onEvent = (): void => {};
 * const start = (unit: number) =>
 *   Daemon.start({ folder: run, unit, partition: unit, dir: run, onEvent });
 * const daemons = [start(1), start(2)];
 * const one = new Xp({ run, unit: 1 });
 * const two = new Xp({ run, unit: 2 });
 * {
 *   const id = one.shmget(one.ftok(null, 7), 4096, IPC_CREAT);
 *   one.shmctl(id, IPC_AUTORMID);
 *   using ours = one.shmat(id);
 *   using theirs = two.shmat(two.shmget(two.ftok("/partition/1", 7), 4096));
 *   ours.update(8, new Uint8Array([1, 2, 3]));
 *   assertEquals(theirs.read(8, 3), new Uint8Array([1, 2, 3]));
 * }
 * for (const daemon of daemons) await daemon.close();
 * await Deno.remove(run, { recursive: true });
 * ```
 */
export class Xp {
  readonly #place: PartitionPlace;

  /**
   * Makes the functions; looks at nothing yet.
   *
   * @param place The daemon that the caller belongs to.
   */
  constructor(place: PartitionPlace = {}) {
    this.#place = place;
  }

  get #folder(): string {
    return runFolder(this.#place.run);
  }

  #own(): UnitState {
    return requireUnit(this.#folder, this.#place.unit ?? 0);
  }

  #hold(): Omit<Hold, "count"> {
    return {
      partition: this.#own().partition,
      ...processId(),
    };
  }

  /**
   * Makes a key.
   *
   * @param path `null`: a key of this partition; a path that ends in
   * `/partition/N`: one of partition N; the path of a file: the key that
   * `ftok` makes of it, on this partition.
   * @param id 1 to 255.
   * @returns The key; -1 on error: no such file, no such id.
   * @throws {PartitionError} where this partition is not up.
   */
  ftok(path: string | null, id: number): number {
    if (!Number.isInteger(id) || id < 1 || id > 255) return -1;
    const match = /(?:^|\/)partition\/(\d{1,5})$/.exec(path ?? "");
    const partition = path === null
      ? this.#own().partition
      : match === null
      ? undefined
      : Number(match[1]);
    if (partition !== undefined) {
      return partition > MAX_PARTITION
        ? -1
        : MARK + partition * 2 ** ID_BITS + id;
    }
    try {
      return Segment.ftok(path ?? "", id);
    } catch (error) {
      if (error instanceof SegmentError) return -1;
      throw error;
    }
  }

  /** The unit of this kernel that owns what a key leads to. */
  #owner(key: number): UnitState {
    const own = this.#own();
    const partition = keyPartition(key) ?? own.partition;
    if (partition === own.partition) return own;
    return partitionOnKernel(this.#folder, partition) ?? fail(
      "ENOENT",
      "shmget",
      `Cannot reach partition ${partition}: none of that number is up on ` +
        "this kernel, nor is it a [[peer]] on another host",
    );
  }

  /** The copy of another host's segment, which the owner is asked for. */
  #getFar(
    own: UnitState,
    partition: number,
    key: number,
    size: number,
    flags: number,
  ): number {
    const there = inspectRegistry(
      this.#folder,
      (registry) =>
        registry.segments.find((entry) =>
          entry.key === key && entry.copy?.home === own.partition &&
          !entry.removed
        ),
    );
    if (there !== undefined) return requireFit(there, size, flags);
    const call = { what: "get", key, size, flags } as const;
    return askOwner(this.#folder, own, partition, call);
  }

  /** Whether the kernel may remove it with its last user by itself. */
  #alone(entry: Entry): boolean {
    const owner = listUnits(this.#folder).find((unit) =>
      unit.partition === entry.partition
    );
    return entry.remote.length === 0 && (owner?.peers.length ?? 0) === 0;
  }

  /**
   * The segment of a key.
   *
   * @param key From {@linkcode Xp.ftok}, or {@linkcode IPC_PRIVATE}.
   * @param size Bytes; of a segment that is there it may be less, and 0.
   * @param flags {@linkcode IPC_CREAT}, {@linkcode IPC_EXCL} and a mode as of
   * a file.
   * @returns Its id: the same key gives the same id.
   * @throws {SegmentError} `ENOENT`, `EEXIST`, `EINVAL` where it is smaller.
   * @throws {PartitionLimitError} where the owner's `maxpgs` is reached.
   * @throws {PartitionError} where the owner is on another host and does not
   * answer within `timeout`.
   */
  shmget(key: number, size: number, flags: number = 0): number {
    if (!Number.isSafeInteger(key) || key < 0) {
      fail("EINVAL", "shmget", `No segment has the key ${key}`);
    }
    if (!Number.isSafeInteger(size) || size < 0) {
      fail("EINVAL", "shmget", `A segment's size is a number, not ${size}`);
    }
    const own = this.#own();
    const peer = farPeer(this.#folder, own, keyPartition(key));
    if (peer !== undefined) {
      return this.#getFar(own, peer.partition, key, size, flags);
    }
    const owner = this.#owner(key);
    return changeRegistry(this.#folder, (registry, otherwise) => {
      const there = key === IPC_PRIVATE ? undefined : registry.segments.find(
        (entry) =>
          entry.key === key && entry.partition === owner.partition &&
          entry.copy === null && !entry.removed,
      );
      if (there === undefined) {
        if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) {
          fail("ENOENT", "shmget", `No segment has the key ${key}`);
        }
        const made = this.#create(registry, owner, key, size, flags);
        otherwise(() => Segment.byId(made).remove());
        return made;
      }
      return requireFit(there, size, flags);
    });
  }

  #create(
    registry: Registry,
    owner: UnitState,
    key: number,
    size: number,
    flags: number,
  ): number {
    if (size === 0) {
      fail("EINVAL", "shmget", "A new segment has 1 byte or more, not 0");
    }
    const pages = pagesOf(size);
    const taken = pagesTaken(registry, owner.partition);
    const { maxpgs } = owner.limits;
    if (taken + pages > maxpgs) {
      throw new PartitionLimitError(
        "maxpgs",
        `Partition ${owner.partition} has ${taken} pages in segments, ${pages} ` +
          `more are beyond its limit maxpgs = ${maxpgs} (pages of ` +
          `${PAGE_BYTES} bytes): "shmim ctl maxpgs N" raises it`,
      );
    }
    const segment = Segment.create("private", {
      size: kernelBytes(size),
      mode: (flags & 0o777) || 0o600,
    });
    const place = registry.placements.find((one) => one.key === key);
    try {
      if (place !== undefined) {
        segment.attach({ writable: true }).place(place.node, place.strict);
      }
    } catch (error) {
      segment.remove();
      throw error;
    } finally {
      segment.close();
    }
    registry.placements = registry.placements.filter((one) => one !== place);
    registry.segments.push({
      key,
      shmid: segment.shmid,
      partition: owner.partition,
      size,
      pages,
      creatorPid: segment.stat().creatorPid,
      autormid: false,
      removed: false,
      holds: [],
      uid: newName(),
      remote: [],
      copy: null,
    });
    return segment.shmid;
  }

  /**
   * Attaches a segment; new memory reads as zeros.
   *
   * @param id From {@linkcode Xp.shmget}.
   * @param address `null`: the place is ours to choose.
   * @param flags {@linkcode SHM_RDONLY}.
   * @throws {SegmentError} `EINVAL` where there is none, `EIDRM` where it was
   * removed, `EACCES`.
   */
  shmat(id: number, address: null = null, flags: number = 0): XpMemory {
    if (address !== null) {
      fail("EINVAL", "shmat", "An address of one's own is not supported: null");
    }
    const by = this.#hold();
    const folder = this.#folder;
    const { timeoutS } = this.#own().limits;
    const attached = changeRegistry(folder, (registry, otherwise) => {
      const entry = find(registry, id, "shmat");
      if (entry.removed) {
        fail("EIDRM", "shmat", `Cannot attach segment ${id}: it was removed`);
      }
      const segment = Segment.byId(id).attach({
        writable: (flags & SHM_RDONLY) === 0,
      });
      otherwise(() => segment.close());
      // From here on it goes with its last user, however that one ends.
      if (entry.autormid && this.#alone(entry)) removeFromKernel(entry);
      holdOnce(entry, by, 1);
      const { size, partition } = entry;
      const of = entry.copy === null ? undefined : { partition, timeoutS };
      if (of !== undefined) ringFor(registry);
      return { segment, size, of };
    });
    return this.#memory(attached, by);
  }

  #memory(
    { segment, size, of }: {
      readonly segment: Segment;
      readonly size: number;
      readonly of: CopyOf | undefined;
    },
    by: Omit<Hold, "count">,
  ): XpMemory {
    const folder = this.#folder;
    const memory = new XpMemory(segment, size, () => {
      changeRegistry(folder, (registry) => {
        const left = registry.segments.find(({ shmid }) =>
          shmid === segment.shmid
        );
        if (left === undefined) return;
        holdOnce(left, by, -1);
        letGo(left);
        ringFor(registry);
      });
    }, of);
    try {
      if (of !== undefined) awaitHeld(segment, size, of);
    } catch (error) {
      memory.close();
      throw error;
    }
    return memory;
  }

  /** Detaches a segment. */
  shmdt(memory: XpMemory): void {
    memory.close();
  }

  /**
   * Removes a segment ({@linkcode IPC_RMID}): gone for new users, alive for
   * those who have it; or lets it go with its last user
   * ({@linkcode IPC_AUTORMID}), set before or after attaching.
   *
   * @throws {SegmentError} `EINVAL` where there is none of this id.
   */
  shmctl(id: number, command: number): void {
    if (command !== IPC_RMID && command !== IPC_AUTORMID) {
      fail("EINVAL", "shmctl", `shmctl knows IPC_RMID and IPC_AUTORMID only`);
    }
    const far = changeRegistry(this.#folder, (registry) => {
      const entry = find(registry, id, "shmctl");
      if (entry.copy !== null) return entry;
      if (command === IPC_AUTORMID) {
        entry.autormid = true;
        if (entry.holds.length > 0 && this.#alone(entry)) {
          removeFromKernel(entry);
        }
      } else {
        removeForAll(entry);
        registry.segments = registry.segments.filter((one) =>
          one !== entry || inUse(one)
        );
      }
      ringFor(registry);
      return undefined;
    });
    if (far === undefined) return;
    if (far.removed) {
      fail("EINVAL", "shmctl", `Segment ${id} was removed by its owner`);
    }
    const { uid, partition } = far;
    const call = { what: "ctl", uid, command } as const;
    askOwner(this.#folder, this.#own(), partition, call);
  }
}

/** The `xp` functions of unit 0 in the usual run folder. */
export const xp: Xp = new Xp();
