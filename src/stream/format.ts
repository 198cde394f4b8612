/**
 * What a stream format is: a table of offsets and a few rules. Code that
 * opens, reads, waits and publishes works on this, never on a format's name.
 * @module
 */

import type { StreamTable } from "../../ffi/stream_table.ts";
import type { DataType } from "./types.ts";

/** The layout of one stream file, worked out from its header. */
export interface Layout {
  /** Name of the format, such as `imagestreamio`. */
  readonly format: string;
  /** Version found. */
  readonly version: string;
  /** The variant, where the version alone does not tell. */
  readonly variant: string;
  /** Whether it can only be read: true of old variants. */
  readonly readOnly: boolean;
  /** The stream's name by its own account. */
  readonly name: string;
  /** Data type. */
  readonly type: DataType;
  /** Axes, fastest first, without unused ones. */
  readonly size: readonly number[];
  /** The axes as the file has them. */
  readonly storedSize: readonly number[];
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** Bytes of one keyword record. */
  readonly keywordRecord: number;
  /** Keyword records. */
  readonly keywordCount: number;
  /** Whether the last axis is declared as a ring of slices. */
  readonly rolling: boolean;
  /** Slots of the circular buffer, 0 = none. */
  readonly circularBuffer: number;
  /** Bytes of the header, from the beginning of the file. */
  readonly headerBytes: number;
  /** Seconds since 1970 in this clock are TAI, not UTC. */
  readonly clockIsTai: boolean;
  /** Whether the first 384 bytes are ImageStreamIO metadata. */
  readonly milkMetadata: boolean;
  /** Semaphores that are files of their own, by name, the log's last. */
  readonly semaphoreNames: readonly string[];
  /** Whether other programs make a stream anew in the same file. */
  readonly recreatedInPlace: boolean;
  /**
   * Offsets for the helper.
   *
   * @ignore
   */
  readonly table: StreamTable;
}

/** What to make a new stream from. */
export interface CreateSpec {
  /** Name without folder and suffix. */
  readonly name: string;
  /** Axes, fastest first: 1 to 3. */
  readonly size: readonly number[];
  /** Data type. */
  readonly type: DataType;
  /** Keyword records (0-65535). */
  readonly keywords: number;
  /** Semaphores. */
  readonly semaphores: number;
  /** Slots of the circular buffer, 0 = none. */
  readonly circularBuffer: number;
  /** The last of three axes is a ring of slices in time. */
  readonly circular: boolean;
  /** ImageStreamIO's imagetype bits; other formats have no such thing. */
  readonly imageType?: bigint;
  /** Frames that a FIFO keeps, at least 1. */
  readonly depth: number;
  /** How axes are stored; see {@linkcode AxisOrder}. */
  readonly axisOrder: AxisOrder;
}

/**
 * How a format whose users disagree lists its axes: `python` slowest first,
 * as NumPy's shape, `c` fastest first.
 */
export type AxisOrder = "python" | "c";

/** Whether a file is of a format; `perhaps`: it would be, if it were whole. */
export type Recognition = "yes" | "perhaps" | "no";

/** Gives bytes of a file. */
export type LoadBytes = (
  offset: number,
  bytes: number,
) => Uint8Array<ArrayBuffer>;

/** Facts of the moment in which a stream is made. */
export interface CreateFacts {
  /** Inode of the file. */
  readonly inode: bigint;
  /** This process. */
  readonly pid: number;
  /** The time by the stream's clock. */
  readonly nowNs: bigint;
  /** Where the file will lie. */
  readonly path: string;
}

/** What a table says of a format without FIFO, packets and their like. */
export const NO_SEGMENTS = {
  segments: 0,
  segmentIndex: 0,
  segmentRecord: 0,
  timeNs: 0,
  lateCounter: 0,
  packets: 0,
  packetFrames: 0,
  packetMax: 0,
} as const;

/** The changeable part of a header, as it is now. */
export interface HeaderFields {
  /** ns by the stream's clock. */
  readonly creationNs: bigint;
  /** ns by the stream's clock. */
  readonly accessNs: bigint;
  /** ns by the stream's clock. */
  readonly atimeNs: bigint;
  /** ns by the stream's clock. */
  readonly writetimeNs: bigint;
  /** Process that made the file. */
  readonly creatorPid: number;
  /** 0 nobody, 1 expressly nobody, else a process. */
  readonly ownerPid: number;
  /** Inode number that was stored. */
  readonly inode: bigint;
  /** Counters. */
  readonly cnt0: bigint;
  /** Slice written last. */
  readonly cnt1: bigint;
  /** Events. */
  readonly cnt2: bigint;
  /** Whether pixels are being changed. */
  readonly writing: boolean;
  /** Everything else that the format stores, by its own names. */
  readonly other: Readonly<Record<string, number | string>>;
}

/** A stream format. */
export interface StreamFormat {
  /** Name, as `info --json` gives it. */
  readonly id: string;
  /** Whether its semaphores are files of their own. */
  readonly namedSemaphores: boolean;
  /** How many first bytes `recognise` and `layout` want. */
  readonly headerBytes: number;
  /** Whether these bytes are of this format, of any version. */
  recognise(header: Uint8Array<ArrayBuffer>, fileBytes: number): Recognition;
  /**
   * Works out and checks the layout.
   *
   * @param path The file, with every link resolved.
   * @param axisOrder How its axes are to be understood, where that is open.
   * @throws {StreamFormatError} saying what is wrong.
   */
  layout(
    path: string,
    header: Uint8Array<ArrayBuffer>,
    fileBytes: number,
    axisOrder: AxisOrder,
  ): Layout;
  /**
   * The changeable fields of the newest frame.
   *
   * @param record Byte distance of its fields from those of the first frame.
   */
  fields(load: LoadBytes, record: number, layout: Layout): HeaderFields;
  /**
   * Layout of a stream to be made.
   *
   * @throws {RangeError} where the format has no such streams.
   */
  plan(path: string, spec: CreateSpec): Layout;
  /**
   * What changes where a stream is made anew in the same file; formats that
   * are made anew in a new file have no such thing.
   */
  incarnation?(load: LoadBytes): string;
  /**
   * Writes a new stream's blocks but for its keywords, which are free already;
   * else the file is all zeros.
   *
   * @param store Stores bytes at an offset.
   * @param facts Facts of the moment.
   */
  initialise(
    layout: Layout,
    spec: CreateSpec,
    store: (offset: number, bytes: Uint8Array<ArrayBuffer>) => void,
    facts: CreateFacts,
  ): void;
}

/** How foreign or damaged memory differs from what a format asks for. */
export interface FormatMismatch {
  /** Byte offset concerned. */
  readonly offset?: number;
  /** What the format asks for. */
  readonly expected?: string;
  /** What is there. */
  readonly found?: string;
}

/** A file that is not a stream that shmim can open. */
export class StreamFormatError extends Error {
  /** Name of the class. */
  override name = "StreamFormatError";
  /** The file. */
  readonly path: string;
  /** Byte offset concerned. */
  readonly offset: number | undefined;
  /** What the format asks for. */
  readonly expected: string | undefined;
  /** What is there. */
  readonly found: string | undefined;

  /**
   * Makes the error.
   *
   * @param path The file.
   * @param reason What is wrong, to be read after `Cannot open stream "…": `.
   * @param mismatch The facts.
   */
  constructor(path: string, reason: string, mismatch: FormatMismatch = {}) {
    super(`Cannot open stream "${path}": ${reason}`);
    this.path = path;
    this.offset = mismatch.offset;
    this.expected = mismatch.expected;
    this.found = mismatch.found;
  }

  /** Whether it looks like a stream that is being made right now. */
  get unfinished(): boolean {
    return this.found === "";
  }
}

/** No such stream. */
export class StreamNotFoundError extends Deno.errors.NotFound {
  /** Name of the class. */
  override name = "StreamNotFoundError";
  /** The file that is missing. */
  readonly path: string;

  /**
   * Makes the error.
   *
   * @param path The file that is missing.
   * @param hint What else there is to say.
   */
  constructor(path: string, hint = "") {
    super(`No stream "${path}"${hint}`);
    this.path = path;
  }
}

/** A stream that is there already. */
export class StreamExistsError extends Deno.errors.AlreadyExists {
  /** Name of the class. */
  override name = "StreamExistsError";
  /** The file that is in the way. */
  readonly path: string;

  /**
   * Makes the error.
   *
   * @param path The file that is in the way.
   * @param hint What to do.
   */
  constructor(path: string, hint = "") {
    super(`Stream "${path}" exists already${hint}`);
    this.path = path;
  }
}

/** A stream that was re-created under a reader with another type or size. */
export class StreamChangedError extends Error {
  /** Name of the class. */
  override name = "StreamChangedError";
}
