/**
 * What a System V segment is found by, and why the kernel does not find it.
 * @module
 */

import {
  getSegment,
  SEGMENT_TABLE,
  segmentKey,
  segmentLimits,
  statSegment,
} from "../../ffi/segment.ts";
import { explained } from "./errors.ts";
import { hexKey, toInfo } from "./info.ts";

/**
 * What a segment is found by: a key of 32 bits; a file with an id of 1 to
 * 255, of which `ftok` makes the key; or `"private"`, a new one without a
 * key, which only its id leads to.
 */
export type SegmentKey =
  | number
  | { readonly path: string; readonly id: number }
  | "private";

/** A key, and what goes with it. */
export interface Found {
  /** The key; 0 is none. */
  readonly key: number;
  /** What permission is asked for. */
  readonly gate: string;
  /** For messages. */
  readonly label: string;
}

/**
 * What a key means.
 *
 * @throws {RangeError} where it is none.
 * @throws {SegmentError} where its file is not there.
 */
export function resolveKey(key: SegmentKey): Found {
  if (key === "private") {
    return { key: 0, gate: SEGMENT_TABLE, label: "a private segment" };
  }
  if (typeof key === "number") {
    if (!Number.isInteger(key) || key < -0x8000_0000 || key > 0xffff_ffff) {
      throw new RangeError(`A key is a whole number of 32 bits, not ${key}`);
    }
    if (key === 0) throw new RangeError('Key 0 means "private": say that');
    return {
      key: key >>> 0,
      gate: SEGMENT_TABLE,
      label: `segment ${hexKey(key)}`,
    };
  }
  const number = keyOfFile(key.path, key.id);
  return {
    key: number,
    gate: key.path,
    label: `segment ${hexKey(number)} of "${key.path}:${key.id}"`,
  };
}

/** Why the kernel refuses a size. */
export function sizeReason(size: number): string {
  try {
    const { minBytes, maxBytes } = segmentLimits();
    return `a segment has ${minBytes} to ${maxBytes} bytes, not ${size}`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return `${size} bytes are outside the kernel's limits, which ` +
      '"shmim sysv limits" shows';
  }
}

/** What is known of who has the key, as far as its mode lets us look. */
export function holder({ key, gate }: Found): string {
  try {
    const shmid = getSegment(gate, key, 0n, 0, "existing");
    const { size, creatorPid } = toInfo(statSegment(gate, shmid));
    return `, id ${shmid}, ${size} bytes, made by pid ${creatorPid}`;
  } catch {
    return ""; // gone again, or not ours to look at
  }
}

/** The key that `ftok` makes of a file and an id: see `Segment.ftok()`. */
export function keyOfFile(path: string, id: number): number {
  if (!Number.isInteger(id) || id < 1 || id > 255) {
    throw new RangeError(`The id of a key is 1 to 255, not ${id}`);
  }
  return explained(
    "ftok",
    `make a key of "${path}"`,
    () => segmentKey(path, id),
    { ENOENT: "no such file or folder", EACCES: "permission denied" },
  );
}
