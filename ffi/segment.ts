/**
 * System V segments: what the kernel says of them, and their memory through
 * copies.
 *
 * A segment has no path, so Deno's permissions know nothing of it. Where its
 * key comes from a file, that file stands for it: read to look and to attach
 * for reading, write for all else. Where it is named by a number alone, the
 * kernel's table of all segments stands for it ({@linkcode SEGMENT_TABLE}).
 * @module
 */

import { requireRead, requireWrite } from "./access.ts";
import { check } from "./errno.ts";
import { cString, type Helper, helper } from "./helper.ts";

/** The kernel's table of segments: who may read it may look at all. */
export const SEGMENT_TABLE = "/proc/sysvipc/shm";

/** `struct shmim_segment_info`, in order. */
const FACTS = 14;
/** -ETIMEDOUT. */
const TIMED_OUT = -110;

/** What the kernel knows of a segment. */
export interface SegmentFacts {
  /** The kernel's number of it. */
  readonly shmid: number;
  /** Key, 0 to 2^32 - 1; 0 is private. */
  readonly key: number;
  /** Permissions, 0o1000 removed, 0o2000 locked. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Who it belongs to. */
  readonly uid: number;
  /** Group that it belongs to. */
  readonly gid: number;
  /** Who made it. */
  readonly creatorUid: number;
  /** Group of who made it. */
  readonly creatorGid: number;
  /** Process that made it. */
  readonly creatorPid: number;
  /** Process that attached or detached last, 0 = none. */
  readonly lastPid: number;
  /** How often it is attached. */
  readonly attached: number;
  /** Seconds since 1970 UTC, 0 = never. */
  readonly attachTime: number;
  /** Seconds since 1970 UTC, 0 = never. */
  readonly detachTime: number;
  /** Creation or last change, seconds since 1970 UTC. */
  readonly changeTime: number;
}

function factsAt(words: BigInt64Array, index: number): SegmentFacts {
  const word = (n: number): number => Number(words[index * FACTS + n] ?? 0n);
  return {
    shmid: word(0),
    key: word(1) >>> 0,
    mode: word(2),
    size: Number(BigInt.asUintN(64, words[index * FACTS + 3] ?? 0n)),
    uid: word(4),
    gid: word(5),
    creatorUid: word(6),
    creatorGid: word(7),
    creatorPid: word(8),
    lastPid: word(9),
    attached: word(10),
    attachTime: word(11),
    detachTime: word(12),
    changeTime: word(13),
  };
}

/**
 * The key of a file and an id, as `ftok` makes it.
 *
 * @param path An existing file or folder.
 * @param id 1 to 255.
 */
export function segmentKey(path: string, id: number): number {
  requireRead(path);
  const key = new Int32Array(new ArrayBuffer(4));
  check(
    helper().shmim_segment_key(cString(path), id, key),
    "make a key of",
    path,
  );
  return (key[0] ?? 0) >>> 0;
}

/** What {@linkcode getSegment} may do; in the order of the helper. */
export type SegmentHow = "existing" | "new" | "any";
const HOW: readonly SegmentHow[] = ["existing", "new", "any"];

/**
 * The id of a key's segment.
 *
 * @param gate The file that stands for it, see the head of this file.
 * @param key 0 to 2^32 - 1; 0 makes a private one.
 * @param bytes Its size, 0 = whatever an existing one has.
 */
export function getSegment(
  gate: string,
  key: number,
  bytes: bigint,
  mode: number,
  how: SegmentHow,
): number {
  if (how === "existing" && key !== 0) requireRead(gate);
  else requireWrite(gate);
  return check(
    helper().shmim_segment_get(key | 0, bytes, mode, HOW.indexOf(how)),
    "get a segment",
  );
}

/** What the kernel knows of one segment. */
export function statSegment(gate: string, shmid: number): SegmentFacts {
  requireRead(gate);
  const words = new BigInt64Array(new ArrayBuffer(8 * FACTS));
  check(helper().shmim_segment_stat(shmid, words), "look at a segment");
  return factsAt(words, 0);
}

/** What the kernel knows of all segments, in the order of its table. */
export function segmentTable(): SegmentFacts[] {
  requireRead(SEGMENT_TABLE);
  for (let capacity = 64;;) {
    const words = new BigInt64Array(new ArrayBuffer(8 * FACTS * capacity));
    const count = check(
      helper().shmim_segment_list(words, BigInt(capacity)),
      "list the segments",
    );
    if (count <= capacity) {
      return Array.from({ length: count }, (_, i) => factsAt(words, i));
    }
    capacity = count + 64;
  }
}

/** The kernel's limits, and what is in use. */
export interface SegmentLimits {
  /** Largest segment, bytes. */
  readonly maxBytes: bigint;
  /** Smallest segment, bytes. */
  readonly minBytes: bigint;
  /** How many segments there may be. */
  readonly maxSegments: number;
  /** How many pages of memory all may have. */
  readonly maxPages: bigint;
  /** How many segments there are. */
  readonly segments: number;
  /** Pages of all. */
  readonly pages: bigint;
  /** Pages of them in memory. */
  readonly residentPages: bigint;
  /** Pages of them swapped out. */
  readonly swappedPages: bigint;
}

/** The kernel's limits, and what is in use. */
export function segmentLimits(): SegmentLimits {
  requireRead(SEGMENT_TABLE);
  const words = new BigUint64Array(new ArrayBuffer(64));
  check(helper().shmim_segment_limits(words), "read the limits of segments");
  const at = (index: number): bigint => words[index] ?? 0n;
  return {
    maxBytes: at(0),
    minBytes: at(1),
    maxSegments: Number(at(2)),
    maxPages: at(3),
    segments: Number(at(4)),
    pages: at(5),
    residentPages: at(6),
    swappedPages: at(7),
  };
}

/** Marks a segment for removal: it goes with its last user. */
export function removeSegment(gate: string, shmid: number): void {
  requireWrite(gate);
  check(helper().shmim_segment_remove(shmid), "remove a segment");
}

/**
 * The memory of a segment while it is attached. Every access is a copy that
 * is held against its length; no address leaves the helper.
 */
export class SegmentMemory {
  readonly #words = new BigUint64Array(new ArrayBuffer(3 * 8));
  readonly #found = new BigUint64Array(new ArrayBuffer(8));
  readonly #helper: Helper = helper();
  #views: ArrayBuffer[] = [];

  private constructor() {}

  /** Attaches a segment. */
  static attach(
    gate: string,
    shmid: number,
    writable: boolean,
  ): SegmentMemory {
    requireRead(gate);
    if (writable) requireWrite(gate);
    const memory = new SegmentMemory();
    check(
      memory.#helper.shmim_segment_attach(
        memory.#words,
        shmid,
        writable ? 1 : 0,
      ),
      "attach a segment",
    );
    return memory;
  }

  /** Bytes. */
  get length(): number {
    return Number(this.#words[1]);
  }

  /** Whether it may be written. */
  get writable(): boolean {
    return this.#words[2] === 1n;
  }

  /** Copies bytes out. */
  load(offset: number, into: Uint8Array<ArrayBuffer>): void {
    check(
      this.#helper.shmim_segment_load(
        this.#words,
        BigInt(offset),
        into,
        BigInt(into.byteLength),
      ),
      "read a segment",
    );
  }

  /** Copies bytes in. */
  store(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    check(
      this.#helper.shmim_segment_store(
        this.#words,
        BigInt(offset),
        bytes,
        BigInt(bytes.byteLength),
      ),
      "write a segment",
    );
  }

  /** A word of 64 bits: what was stored before it is seen with it. */
  word(offset: number): bigint {
    check(
      this.#helper.shmim_segment_word(
        this.#words,
        BigInt(offset),
        this.#found,
      ),
      "read a segment",
    );
    return this.#found[0] ?? 0n;
  }

  /** Replaces a word in one step, where it is `expected`; gives what it was. */
  swap(offset: number, expected: bigint, desired: bigint): bigint {
    check(
      this.#helper.shmim_segment_swap(
        this.#words,
        BigInt(offset),
        expected,
        desired,
        this.#found,
      ),
      "write a segment",
    );
    return this.#found[0] ?? 0n;
  }

  /** Stores a record that no reader sees half of; one writer at a time. */
  publish(
    sequence: number,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): void {
    check(
      this.#helper.shmim_segment_publish(
        this.#words,
        BigInt(sequence),
        BigInt(offset),
        bytes,
        BigInt(bytes.byteLength),
      ),
      "write a segment",
    );
  }

  /** Copies such a record; false where no quiet moment was found. */
  snapshot(
    sequence: number,
    offset: number,
    into: Uint8Array<ArrayBuffer>,
    tries: number,
  ): boolean {
    const result = this.#helper.shmim_segment_snapshot(
      this.#words,
      BigInt(sequence),
      BigInt(offset),
      into,
      BigInt(into.byteLength),
      tries,
    );
    if (result === -11) return false; // EAGAIN
    check(result, "read a segment");
    return true;
  }

  /** Stores records as one update; see native/replica.c. */
  apply(
    sequence: number,
    limit: number,
    records: Uint8Array<ArrayBuffer>,
  ): void {
    check(
      this.#helper.shmim_segment_apply(
        this.#words,
        BigInt(sequence),
        BigInt(limit),
        records,
        BigInt(records.byteLength),
      ),
      "write a segment",
    );
  }

  /** Fills in records as they all were at one time; false: there was none. */
  gather(
    sequence: number,
    expected: bigint,
    limit: number,
    records: Uint8Array<ArrayBuffer>,
  ): boolean {
    const result = this.#helper.shmim_segment_gather(
      this.#words,
      BigInt(sequence),
      expected,
      BigInt(limit),
      records,
      BigInt(records.byteLength),
    );
    if (result === -11) return false; // EAGAIN
    check(result, "read a segment");
    return true;
  }

  /** Adds to a word, and wakes all who wait for it. */
  ring(offset: number, add: bigint): void {
    check(
      this.#helper.shmim_segment_ring(this.#words, BigInt(offset), add),
      "write a segment",
    );
  }

  /** Waits, on a thread of its own, until a word is not what was seen. */
  async wait(offset: number, seen: bigint, timeoutMs: number): Promise<void> {
    const result = await this.#helper.shmim_segment_wait(
      this.#words,
      BigInt(offset),
      seen,
      Math.ceil(timeoutMs),
    );
    if (result !== TIMED_OUT) check(result, "wait for a segment");
  }

  /** The same on the calling thread, which it blocks. */
  pause(offset: number, seen: bigint, timeoutMs: number): void {
    const result = this.#helper.shmim_segment_pause(
      this.#words,
      BigInt(offset),
      seen,
      Math.ceil(timeoutMs),
    );
    if (result !== TIMED_OUT) check(result, "wait for a segment");
  }

  /** Places its pages on a NUMA node, before anybody has touched them. */
  place(node: number, strict: boolean): void {
    check(
      this.#helper.shmim_segment_place(this.#words, node, strict ? 1 : 0),
      "place a segment",
    );
  }

  /**
   * The memory itself, no copy. Needs the full `--allow-ffi`; detached with
   * the segment.
   */
  view(offset: number, bytes: number): ArrayBuffer {
    const pointer = this.#helper.shmim_segment_address(
      this.#words,
      BigInt(offset),
      BigInt(bytes),
    );
    if (pointer === null) {
      throw new RangeError(
        `${bytes} bytes at ${offset} are outside the segment's ${this.length}`,
      );
    }
    const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
    this.#views.push(buffer);
    return buffer;
  }

  /** Detaches, views first; a second call does nothing. */
  detach(): void {
    for (const view of this.#views) if (!view.detached) view.transfer(0);
    this.#views = [];
    check(
      this.#helper.shmim_segment_detach(this.#words),
      "detach a segment",
    );
  }
}
