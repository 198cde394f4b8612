/**
 * What a stream is opened, made, read and written with.
 * @module
 */

import type { AxisOrder } from "./format.ts";
import type { FormatName } from "./formats.ts";
import type { DataType } from "./types.ts";

/** How to open a stream. */
export interface OpenOptions {
  /** Folder that names are looked for in. */
  dir?: string;
  /** `undefined`: for writing where that is allowed. */
  writable?: boolean;
  /** How a DAO stream's axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
}

/** What a new stream is to be. */
export interface CreateOptions {
  /** Folder that names are looked for in. */
  dir?: string;
  /** Format. Default `isio`, ImageStreamIO. */
  format?: FormatName;
  /** How a DAO stream's axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
  /** Frames that a DAO stream's FIFO keeps. Default 1. */
  depth?: number;
  /** Axes, fastest first: 1 to 3. */
  size: readonly number[];
  /** Data type. */
  type: DataType;
  /** Keyword records. Default 50. */
  keywords?: number;
  /** Semaphores. Default 10. */
  semaphores?: number;
  /** Slots of the circular buffer. Default 0, none. */
  circularBuffer?: number;
  /** The last of three axes is a ring of slices in time. */
  circular?: boolean;
  /** ImageStreamIO's imagetype bits, where `circular` is not enough. */
  imageType?: bigint;
  /** File mode, whatever the umask. Default 0o666. */
  mode?: number;
  /**
   * The name that the file says it has, where the file is to be renamed.
   *
   * @ignore
   */
  nameInFile?: string;
  /** What to do where the stream exists. Default `refuse`. */
  existing?: "refuse" | "reuse" | "replace";
  /** Takes what is to be told, such as semaphores that are shared. */
  onWarning?: (message: string) => void;
}

/** How to read a frame. */
export interface ReadOptions {
  /** Takes the pixels; its size must fit. */
  into?: Uint8Array<ArrayBuffer>;
  /** One slice of a cube instead of the whole. */
  slice?: number;
  /** Copies to try before a frame counts as torn. Default 8. */
  tries?: number;
}

/** How to write a frame. */
export interface WriteOptions {
  /** One slice of a cube; also becomes cnt1. */
  slice?: number;
  /** Acquisition time by the stream's clock, ns. Default: now. */
  atimeNs?: bigint;
}

/** A part of a frame that comes in packets. */
export interface PacketOptions {
  /** Index of the packet's first pixel. */
  position: number;
  /** Number of the packet, from 0. */
  packet: number;
  /** Packets of a frame. */
  packets: number;
  /** Number of the frame, by its sender. */
  frame: bigint;
}

/** One semaphore of a stream. */
export interface SemaphoreInfo {
  /** Posts that nobody took yet. */
  readonly value: number;
  /** Set where it is missing, or another user's. */
  readonly missing?: true;
  /** Its reader, 0 or -1 = none. */
  readonly readerPid: number;
  /** Who posted it last, 0 or -1 = nobody. */
  readonly writerPid: number;
}

/** Whether the name still leads to what was opened. */
export type Presence = "same" | "replaced" | "gone";
