/**
 * The `part` functions: which partitions there are, and where their memory
 * lies.
 * @module
 */

import { ERRNO } from "../../ffi/errno.ts";
import { SegmentError } from "../sysv/errors.ts";
import { Segment } from "../sysv/segment.ts";
import { PartitionError } from "./errors.ts";
import { readPeers } from "./peer_watch.ts";
import { changeRegistry, readRegistry } from "./registry.ts";
import { locked, runFolder } from "./run_folder.ts";
import {
  daemonRuns,
  listUnits,
  partitionOnKernel,
  requireUnit,
  type UnitState,
} from "./unit.ts";
import { keyPartition, type PartitionPlace } from "./xp.ts";

/** How memory is placed: on one node only, or there first. */
export type PlacementType = "bind" | "preferred";

/**
 * The `part` functions for the processes of one partition. They look at the
 * partitions of this kernel, and at those of other hosts as the daemon of
 * this one sees them.
 *
 * Permissions: read and write of the run folder, ffi for the helper;
 * `getpart` and `setpmo` those of {@linkcode Xp}, too.
 */
export class Part {
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

  /** The caller's own partition. */
  getid(): number {
    return this.#own().partition;
  }

  /**
   * The partitions that are up: whose daemon runs; on other hosts, whose
   * daemon answers ours. In order.
   */
  getlist(): number[] {
    const far = readPeers(this.#folder, this.#own()).filter(({ up }) => up);
    const here = listUnits(this.#folder).filter(daemonRuns);
    const all = [...here, ...far].map(({ partition }) => partition);
    return [...new Set(all)].sort((a, b) => a - b);
  }

  /** How many partitions are up. */
  getcount(): number {
    return this.getlist().length;
  }

  /**
   * The host of a partition.
   *
   * @throws {PartitionError} where none of that number is known.
   */
  gethostname(partition: number): string {
    const own = this.#own();
    const found = partitionOnKernel(this.#folder, partition) ??
      readPeers(this.#folder, own).find((peer) =>
        peer.partition === partition && peer.up
      );
    if (found !== undefined) return found.hostname;
    throw new PartitionError(`No partition ${partition} is up`);
  }

  /**
   * The partition that owns a segment.
   *
   * @throws {SegmentError} `EINVAL` where no partition has it.
   */
  getpart(shmid: number): number {
    this.#own();
    const folder = this.#folder;
    const found = locked(folder, () => readRegistry(folder)).segments
      .find((entry) => entry.shmid === shmid);
    if (found !== undefined) return found.partition;
    throw new SegmentError(
      ERRNO.EINVAL ?? 0,
      "getpart",
      `No partition has a segment ${shmid}`,
    );
  }

  /**
   * Says where the memory of a local key is to lie, before its first
   * `shmget`.
   *
   * @param key A key of this partition.
   * @param handle A NUMA node of this kernel.
   * @param type `bind`: only there; `preferred`: there first.
   * @throws {PartitionError} where the key is another partition's or has a
   * segment.
   * @throws {SegmentError} where the kernel has no such node, or none at all.
   */
  setpmo(key: number, handle: number, type: PlacementType = "bind"): void {
    const own = this.#own();
    const partition = keyPartition(key) ?? own.partition;
    if (partition !== own.partition) {
      throw new PartitionError(
        `Key ${key} is partition ${partition}'s: only the owner places memory`,
      );
    }
    if (!Number.isInteger(handle) || handle < 0 || handle > 63) {
      throw new RangeError(`A node is a number from 0 to 63, not ${handle}`);
    }
    if (type !== "bind" && type !== "preferred") {
      throw new TypeError(
        `A placement is "bind" or "preferred", not "${type}"`,
      );
    }
    const strict = type === "bind";
    // Refused now, with a segment that nobody sees, rather than later.
    const probe = Segment.create("private", { size: 1 });
    try {
      probe.attach({ writable: true }).place(handle, strict);
    } finally {
      probe.remove();
      probe.close();
    }
    changeRegistry(this.#folder, (registry) => {
      const there = registry.segments.find((entry) =>
        entry.key === key && entry.partition === own.partition &&
        !entry.removed
      );
      if (there !== undefined) {
        throw new PartitionError(
          `Key ${key} has segment ${there.shmid} already: memory is placed ` +
            "before the first shmget",
        );
      }
      registry.placements = [
        ...registry.placements.filter((one) => one.key !== key),
        { key, node: handle, strict },
      ];
    });
  }
}

/** The `part` functions of unit 0 in the usual run folder. */
export const part: Part = new Part();
