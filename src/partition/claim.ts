/**
 * How a daemon takes its unit: afresh, or over from one that died.
 * @module
 */

import { hostName } from "../../ffi/host.ts";
import type { EventSink } from "../bridge/session.ts";
import { PartitionError, StateFileError } from "./errors.ts";
import type { Peer } from "./peers.ts";
import { processId } from "./process.ts";
import { readRegistry, registryPath } from "./registry.ts";
import { locked } from "./run_folder.ts";
import {
  daemonRuns,
  DEFAULT_LIMITS,
  type Limits,
  readUnit,
  unitPath,
  type UnitState,
  unitsUp,
  writeUnit,
} from "./unit.ts";

/** What is asked for. */
export interface Claim {
  /** The unit. */
  readonly unit: number;
  /** The partition. Default as before, else the unit's number. */
  readonly partition: number | undefined;
  /** Folder of streams. */
  readonly dir: string;
  /** Partitions of other hosts. */
  readonly peers: readonly Peer[];
  /** Limits that were named. */
  readonly limits: Partial<Limits>;
}

/** Reads; what is damaged is set aside. What a later version wrote stays. */
function orAside<T>(
  path: string,
  read: () => T,
  onEvent: EventSink,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StateFileError) || error.newer) throw error;
    Deno.renameSync(path, `${path}.damaged`);
    onEvent({
      level: "warning",
      message: `${error.message.replace(/; "shmim ctl.*/, "")}: set aside as ` +
        `"${path}.damaged"; what it held has to be shared and mounted anew`,
    });
    return undefined;
  }
}

/**
 * Takes a unit.
 *
 * @returns Its state, with this process as its daemon.
 * @throws {PartitionError} where a daemon has it, or another unit has the
 * partition's number.
 */
export function claimUnit(
  folder: string,
  claim: Claim,
  onEvent: EventSink,
): UnitState {
  const { unit } = claim;
  return locked(folder, () => {
    const path = unitPath(folder, unit);
    const before = orAside(path, () => readUnit(folder, unit), onEvent);
    orAside(registryPath(folder), () => readRegistry(folder), onEvent);
    if (before !== undefined && daemonRuns(before)) {
      throw new PartitionError(
        `Unit ${unit} has a daemon: partition ${before.partition}, pid ` +
          `${before.pid}`,
      );
    }
    const partition = claim.partition ?? before?.partition ?? unit;
    const twin = unitsUp(folder).find((other) =>
      other.unit !== unit && other.partition === partition
    );
    if (twin !== undefined) {
      throw new PartitionError(
        `Partition ${partition} is unit ${twin.unit}'s on this host: give ` +
          "this one another --partition",
      );
    }
    const peer = claim.peers.find((one) => one.partition === partition);
    if (peer !== undefined) {
      throw new PartitionError(
        `Partition ${partition} is this one, and [[peer]] at ${peer.host}:` +
          `${peer.port}, too: a number stands for one partition`,
      );
    }
    const died = before?.up ? before : undefined;
    if (died !== undefined && died.partition !== partition) {
      throw new PartitionError(
        `Unit ${unit} was partition ${died.partition} when its daemon died: ` +
          "start it as that and shut it down first",
      );
    }
    if (died !== undefined) {
      onEvent({
        level: "note",
        message: `took over from pid ${died.pid}, which died: ` +
          `${died.shares.length} shares, ${died.mounts.length} mounts`,
      });
    }
    const state: UnitState = {
      unit,
      partition,
      hostname: hostName(),
      dir: claim.dir,
      up: true,
      ...processId(),
      starts: (before?.starts ?? 0) + 1,
      limits: { ...DEFAULT_LIMITS, ...before?.limits, ...claim.limits },
      shares: died?.shares ?? [],
      mounts: died?.mounts ?? [],
      peers: claim.peers,
      duties: died?.duties ?? [],
      pumps: died?.pumps ?? [],
      identity: before?.identity ?? crypto.randomUUID(),
    };
    writeUnit(folder, state);
    return state;
  });
}
