/**
 * What a daemon remembers: its partition, limits, shares and mounts. One file
 * for each unit in the run folder; everybody of the host may read it there,
 * which is how partitions of one kernel know each other.
 * @module
 */

import { join } from "@std/path";
import { flag, list, positive, text, whole } from "./check.ts";
import { PartitionError, PartitionLimitError } from "./errors.ts";
import type { Peer } from "./peers.ts";
import { runs } from "./process.ts";
import type { Duty } from "./duties.ts";
import type { Pump } from "./pumps.ts";
import { getState, putState, requireOwnFolder } from "./run_folder.ts";

/** Largest number of a partition. */
export const MAX_PARTITION = 65535;
/** Largest number of a unit. */
export const MAX_UNIT = 255;
/** Most processes of one daemon. */
export const MAX_DUTIES = 64;
/** Bytes of a page, in which limits are counted. */
export const PAGE_BYTES = 4096;

/** Limits of a partition. */
export interface Limits {
  /** Pages (4096 bytes) of all segments that the partition owns. */
  readonly maxpgs: number;
  /** Pages of what the daemon itself keeps: its state. */
  readonly maxdpgs: number;
  /** Seconds after which a partition that does not answer has died. */
  readonly timeoutS: number;
}

/** 256 MiB of segments, 64 KiB of state, 10 s. */
export const DEFAULT_LIMITS: Limits = {
  maxpgs: 65536,
  maxdpgs: 16,
  timeoutS: 10,
};

/** A stream that others may mount. */
export interface Share {
  /** The name by which others find it. */
  readonly name: string;
  /** Its file. */
  readonly path: string;
  /** Partitions that may; empty: all. */
  readonly with: readonly number[];
  /** Whether they may write. */
  readonly write: boolean;
  /** Whether the configuration says so: it goes when that no longer does. */
  readonly configured?: boolean;
}

/** A stream of another partition that is mounted here. */
export interface Mount {
  /** The partition that owns it. */
  readonly partition: number;
  /** Its name there. */
  readonly stream: string;
  /** Its file here. */
  readonly path: string;
  /** Where it leads to, on one kernel: the same memory. */
  readonly target: string;
  /** Whether it is for writing. */
  readonly write: boolean;
  /** Whether the configuration says so: it goes when that no longer does. */
  readonly configured?: boolean;
  /** Whether its copy is ours: the name was free when it was made. */
  readonly made?: boolean;
  /** For writing to another host: the counter that the stream began with. */
  readonly base?: string;
}

/** What a daemon remembers. */
export interface UnitState {
  /** Its number on this host. */
  readonly unit: number;
  /** Its partition. */
  readonly partition: number;
  /** The host. */
  readonly hostname: string;
  /** The folder of streams. */
  readonly dir: string;
  /** Started, and not shut down. */
  readonly up: boolean;
  /** The daemon's process. */
  readonly pid: number;
  /** When that began: a later process can have the pid. */
  readonly startNs: string;
  /** How often the daemon was started since the state was new. */
  readonly starts: number;
  /** Limits. */
  readonly limits: Limits;
  /** What is shared. */
  readonly shares: readonly Share[];
  /** What is mounted. */
  readonly mounts: readonly Mount[];
  /** Partitions of other hosts. */
  readonly peers: readonly Peer[];
  /** Processes of its own, which go on without it. */
  readonly duties: readonly Duty[];
  /** Streams that these carry between hosts. */
  readonly pumps: readonly Pump[];
  /** What tells it from another one that calls itself by its number. */
  readonly identity: string;
}

/** The state file of a unit. */
export function unitPath(folder: string, unit: number): string {
  return join(folder, `unit-${unit}.json`);
}

/** The socket of a unit. */
export function socketPath(folder: string, unit: number): string {
  return join(folder, `unit-${unit}.sock`);
}

function partitionOf(fields: Record<string, unknown>): number {
  return whole(fields, "partition", 0, MAX_PARTITION);
}

/** Takes the partitions apart that may mount a share. */
export function toPartitions(value: unknown): number[] {
  if (!Array.isArray(value)) {
    throw new TypeError('"with" is no list of partitions');
  }
  return value.map((one) => whole({ with: one }, "with", 0, MAX_PARTITION));
}

/** Takes limits apart. */
export function toLimits(fields: Record<string, unknown>): Limits {
  return {
    maxpgs: whole(fields, "maxpgs", 1),
    maxdpgs: whole(fields, "maxdpgs", 1),
    timeoutS: positive(fields, "timeoutS"),
  };
}

/** Takes a peer apart. */
export function toPeer(peer: Record<string, unknown>): Peer {
  return {
    partition: partitionOf(peer),
    host: text(peer, "host"),
    port: whole(peer, "port", 1, 65535),
    ..."key" in peer ? { key: text(peer, "key") } : {},
  };
}

function toDuty(duty: Record<string, unknown>): Duty {
  const { words } = duty;
  if (!Array.isArray(words) || words.some((one) => typeof one !== "string")) {
    throw new TypeError('"words" is no list of texts');
  }
  return {
    name: text(duty, "name"),
    words,
    slot: whole(duty, "slot", 0, MAX_DUTIES - 1),
    pid: whole(duty, "pid", 1),
    startNs: text(duty, "startNs"),
  };
}

function toPump(pump: Record<string, unknown>): Pump {
  return {
    kind: text(pump, "kind") === "receive" ? "receive" : "transmit",
    of: text(pump, "of") === "mount" ? "mount" : "share",
    partition: partitionOf(pump),
    stream: text(pump, "stream"),
    path: text(pump, "path"),
    host: text(pump, "host"),
    port: whole(pump, "port", 1, 65535),
    ..."after" in pump ? { after: text(pump, "after") } : {},
    duty: text(pump, "duty"),
    pid: whole(pump, "pid", 1),
    startNs: text(pump, "startNs"),
  };
}

/** A flag that is left out where it is false. */
function mark<Name extends string>(
  fields: Record<string, unknown>,
  name: Name,
): { [name in Name]?: true } {
  return fields[name] === true ? { [name]: true } as { [n in Name]: true } : {};
}

function toUnit(fields: Record<string, unknown>): UnitState {
  const limits = fields.limits;
  if (typeof limits !== "object" || limits === null) {
    throw new TypeError('"limits" is missing');
  }
  return {
    unit: whole(fields, "unit", 0, MAX_UNIT),
    partition: partitionOf(fields),
    hostname: text(fields, "hostname"),
    dir: text(fields, "dir"),
    up: flag(fields, "up"),
    pid: whole(fields, "pid"),
    startNs: text(fields, "startNs"),
    starts: whole(fields, "starts"),
    limits: toLimits(limits as Record<string, unknown>),
    shares: list(fields, "shares", (share) => ({
      name: text(share, "name"),
      path: text(share, "path"),
      with: toPartitions(share.with),
      write: flag(share, "write"),
      ...mark(share, "configured"),
    })),
    mounts: list(fields, "mounts", (mount) => ({
      partition: partitionOf(mount),
      stream: text(mount, "stream"),
      path: text(mount, "path"),
      target: text(mount, "target"),
      write: flag(mount, "write"),
      ...mark(mount, "configured"),
      ...mark(mount, "made"),
      ..."base" in mount ? { base: text(mount, "base") } : {},
    })),
    peers: list(fields, "peers", toPeer),
    duties: list(fields, "duties", toDuty),
    pumps: list(fields, "pumps", toPump),
    identity: text(fields, "identity"),
  };
}

/**
 * What a unit remembers.
 *
 * @returns `undefined` where it never ran.
 * @throws {StateFileError} where its file cannot be used.
 */
export function readUnit(folder: string, unit: number): UnitState | undefined {
  return getState(unitPath(folder, unit), toUnit);
}

/**
 * Writes what a unit remembers.
 *
 * @throws {PartitionLimitError} where that is more than `maxdpgs` allows.
 */
export function writeUnit(folder: string, state: UnitState): void {
  const bytes = JSON.stringify(state).length;
  const { maxdpgs } = state.limits;
  if (bytes > maxdpgs * PAGE_BYTES) {
    throw new PartitionLimitError(
      "maxdpgs",
      `Partition ${state.partition} would keep ${bytes} bytes of state, its ` +
        `limit is maxdpgs = ${maxdpgs} pages (${
          maxdpgs * PAGE_BYTES
        } bytes): ` +
        '"shmim ctl maxdpgs N" raises it',
    );
  }
  putState(unitPath(folder, state.unit), state);
}

/** All units of a run folder, by number; damaged files are told, not thrown. */
export function listUnits(
  folder: string,
  onBad: (error: Error) => void = () => {},
): UnitState[] {
  const units: UnitState[] = [];
  for (const { name } of Deno.readDirSync(folder)) {
    const match = /^unit-(\d{1,3})\.json$/.exec(name);
    if (match === null) continue;
    try {
      const state = readUnit(folder, Number(match[1]));
      if (state !== undefined) units.push(state);
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      onBad(error);
    }
  }
  return units.sort((a, b) => a.unit - b.unit);
}

/** The units of a run folder that are up: started, and not shut down. */
export function unitsUp(folder: string): UnitState[] {
  return listUnits(folder).filter(({ up }) => up);
}

/** The partition of that number on this kernel, where it is up. */
export function partitionOnKernel(
  folder: string,
  partition: number,
): UnitState | undefined {
  return unitsUp(folder).find((unit) => unit.partition === partition);
}

/** Whether the daemon of a unit runs. */
export function daemonRuns(unit: UnitState): boolean {
  return unit.up && runs(unit);
}

/**
 * The unit of a caller.
 *
 * @throws {PartitionError} where it was never started, or was shut down.
 */
export function requireUnit(folder: string, unit: number): UnitState {
  requireOwnFolder(folder);
  const state = readUnit(folder, unit);
  if (state?.up) return state;
  throw new PartitionError(
    `Unit ${unit} of "${folder}" is not up: "shmim ctl startup --unit ` +
      `${unit}" starts it`,
  );
}
