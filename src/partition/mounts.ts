/**
 * Mounts between partitions of one kernel: a link in the stream folder, so
 * that both have the same memory.
 * @module
 */

import { basename, dirname, join, normalize } from "@std/path";
import { readLink, removeFile, renameFile, statFile } from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";
import { PartitionError } from "./errors.ts";
import { requireName, SUFFIX } from "../stream/names.ts";
import { forReading } from "../stream/reading_link.ts";
import {
  type Mount,
  partitionOnKernel,
  type Share,
  type UnitState,
} from "./unit.ts";

/** Whether a partition may mount a share. */
export function mayMount(share: Share, partition: number): boolean {
  return share.with.length === 0 || share.with.includes(partition);
}

/**
 * The share behind a name of another partition.
 *
 * @throws {PartitionError} where there is none, or not for us.
 */
export function findShare(
  folder: string,
  owner: number,
  stream: string,
  own: number,
): Share {
  const unit = partitionOnKernel(folder, owner);
  if (unit === undefined) {
    throw new PartitionError(`No partition ${owner} is up on this kernel`);
  }
  const share = unit.shares.find(({ name }) => name === stream);
  if (share === undefined) {
    const names = unit.shares.filter((one) => mayMount(one, own))
      .map(({ name }) => `"${name}"`).join(", ");
    throw new PartitionError(
      `Partition ${owner} shares no "${stream}"` +
        (names === "" ? "" : `; it shares ${names}`),
    );
  }
  if (!mayMount(share, own)) {
    throw new PartitionError(
      `Partition ${owner} shares "${stream}" with partitions ` +
        `${share.with.join(", ")}, not with ${own}`,
    );
  }
  return share;
}

/**
 * Holds a mount for writing against what the owner allows.
 *
 * @throws {PartitionError} where that is reading only.
 */
export function requireWritable(
  share: { readonly name: string; readonly write: boolean },
  owner: number,
): void {
  if (share.write) return;
  throw new PartitionError(
    `Partition ${owner} shares "${share.name}" for reading only: there, ` +
      `"shmim share ${share.name} --write" allows writing`,
  );
}

/** Where the link of a mount leads to: for reading it says so. */
export function targetOf(share: Share, write: boolean): string {
  return write ? share.path : forReading(share.path);
}

/** What is at the place of a mount. */
export type LinkState = "ours" | "missing" | "other";

function stateOf(path: string, target: string): LinkState {
  const there = statFile(path, { follow: false });
  if (there === undefined) return "missing";
  return there.kind === "link" && readLink(path) === target ? "ours" : "other";
}

/** Looks at the place of a mount. */
export function lookAt({ path, target }: Mount): LinkState {
  return stateOf(path, target);
}

/** Where the link of a mount lies while its owner is away. */
function awayPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.away`);
}

/**
 * Puts the link of a mount in place: one that was set aside, or a new one,
 * which takes permission to read and write the target.
 *
 * @returns Whether it was made: false where it was there.
 * @throws {PartitionError} where something else has the name.
 */
export function putLink(mount: Mount): boolean {
  const { path, target } = mount;
  if (path === normalize(target)) {
    throw new PartitionError(
      `"${path}" is the stream itself: give the mount another name with --as`,
    );
  }
  const state = lookAt(mount);
  if (state === "ours") return false;
  if (state === "other") {
    throw new PartitionError(
      `"${path}" exists and is another stream: --as gives the mount another ` +
        "name",
    );
  }
  if (stateOf(awayPath(path), target) === "ours") {
    renameFile(awayPath(path), path);
  } else makeLink(target, path);
  return true;
}

/** Sets the link of a mount aside, where it is ours: its owner is away. */
export function setAside(mount: Mount): void {
  const { path } = mount;
  if (lookAt(mount) === "ours") {
    renameFile(path, awayPath(path), { replace: true });
  }
}

/** Takes the link of a mount away, where it is ours. */
export function dropLink(mount: Mount): void {
  for (const path of [mount.path, awayPath(mount.path)]) {
    if (stateOf(path, mount.target) === "ours") removeFile(path);
  }
}

/**
 * The mount of a stream of another partition.
 *
 * @param own Who mounts.
 * @throws {PartitionError} where that partition does not share it with us.
 */
export function plannedMount(
  folder: string,
  own: UnitState,
  what: {
    readonly partition: number;
    readonly stream: string;
    readonly as: string;
    readonly write: boolean;
  },
): Mount {
  const { partition, stream, as, write } = what;
  if (partition === own.partition) {
    throw new PartitionError(
      `Partition ${partition} is this one: nothing to mount`,
    );
  }
  const share = findShare(folder, partition, stream, own.partition);
  if (write) requireWritable(share, partition);
  const path = join(own.dir, requireName(as) + SUFFIX);
  const there = own.mounts.find((mount) => mount.path === path);
  if (there !== undefined && there.write !== write) {
    throw new PartitionError(
      `"${as}" is mounted for ${there.write ? "writing" : "reading"}: "shmim ` +
        `umount ${as}" first`,
    );
  }
  return { partition, stream, path, target: targetOf(share, write), write };
}
