/**
 * System V segments: shared memory that the kernel keeps under a number until
 * somebody removes it.
 * @module
 */

import {
  getSegment,
  removeSegment,
  SEGMENT_TABLE,
  type SegmentHow,
  SegmentMemory,
  statSegment,
} from "../../ffi/segment.ts";
import { explained } from "./errors.ts";
import { type SegmentInfo, toInfo } from "./info.ts";
import {
  type Found,
  holder,
  keyOfFile,
  resolveKey,
  type SegmentKey,
  sizeReason,
} from "./key.ts";

export type { SegmentKey };

/** What a new segment is to be. */
export interface SegmentOptions {
  /** Bytes; the kernel fills whole pages, all of it zeros at first. */
  readonly size: number;
  /** Permissions as of a file, execution meaning nothing. Default 0o600. */
  readonly mode?: number;
  /** Refuses a segment that exists. Default true. */
  readonly exclusive?: boolean;
}

/**
 * A System V segment with a lifetime of the handle's own: closing detaches,
 * only {@linkcode Segment.remove} removes.
 *
 * Permissions: ffi for the helper; for a segment found by a file, read of
 * that file, and write of it to create, to attach for writing and to remove;
 * for one found by a number, the same of `/proc/sysvipc/shm`.
 *
 * @example Two handles of one segment
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Segment } from "@shmim/shmim";
 *
 * const path = await Deno.makeTempFile();
 * {
 *   using ours = Segment.create({ path, id: 1 }, { size: 64 });
 *   ours.attach({ writable: true }).write(8, new Uint8Array([1, 2, 3]));
 *   using theirs = Segment.open({ path, id: 1 });
 *   assertEquals(theirs.attach().bytes(8, 3), new Uint8Array([1, 2, 3]));
 *   assertEquals(ours.stat().attached, 2);
 *   ours.remove();
 * }
 * await Deno.remove(path);
 * ```
 */
export class Segment {
  /** The kernel's number of it. */
  readonly shmid: number;
  readonly #gate: string;
  readonly #label: string;
  #memory: SegmentMemory | undefined;

  private constructor(shmid: number, gate: string, label: string) {
    this.shmid = shmid;
    this.#gate = gate;
    this.#label = label;
  }

  /**
   * The key that `ftok` makes of a file and an id. Two files can have one
   * key: it holds 16 bits of the inode, 8 of the device and the id.
   *
   * @param path An existing file or folder.
   * @param id 1 to 255.
   * @returns The key, 0 to 2^32 - 1.
   * @throws {SegmentError} `ENOENT` where there is no such file.
   * @throws {RangeError} where the id is another number.
   */
  static ftok(path: string, id: number): number {
    return keyOfFile(path, id);
  }

  /**
   * Makes a segment.
   *
   * @param key What it is to be found by.
   * @param options Its size and permissions.
   * @throws {SegmentError} `EEXIST` where the key is taken, `EINVAL` where
   * the kernel refuses the size, `ENOSPC`, `ENOMEM`, `EACCES`.
   */
  static create(key: SegmentKey, options: SegmentOptions): Segment {
    const { size, mode = 0o600, exclusive = true } = options;
    if (!Number.isInteger(size) || size < 0) {
      throw new RangeError(`A segment's size is a whole number, not ${size}`);
    }
    if (size === 0 && !exclusive) {
      throw new RangeError("A segment's size is 1 byte or more, not 0");
    }
    return Segment.#get(
      resolveKey(key),
      "create",
      size,
      mode,
      exclusive ? "new" : "any",
    );
  }

  /**
   * Finds a segment; {@linkcode Segment.attach} then gives access to it.
   *
   * @param key What it is found by.
   * @param options `size`: how many bytes it must have at least.
   * @throws {SegmentError} `ENOENT` where there is none, `EINVAL` where it is
   * smaller.
   */
  static open(
    key: Exclude<SegmentKey, "private">,
    options: { readonly size?: number } = {},
  ): Segment {
    return Segment.#get(
      resolveKey(key),
      "open",
      options.size ?? 0,
      0,
      "existing",
    );
  }

  static #get(
    found: Found,
    what: string,
    size: number,
    mode: number,
    how: SegmentHow,
  ): Segment {
    const { key, gate, label } = found;
    const taken = (): string =>
      `it exists already${holder(found)}; two files can have one key: ` +
      "choose another id";
    const badSize = (): string => {
      const who = how === "new" ? "" : holder(found);
      return who === ""
        ? sizeReason(size)
        : `it is smaller than ${size} bytes${who}`;
    };
    const shmid = explained(
      "shmget",
      `${what} ${label}`,
      () => getSegment(gate, key, BigInt(size), mode, how),
      { EEXIST: taken, EINVAL: badSize },
    );
    return new Segment(shmid, gate, label);
  }

  /**
   * A segment by the kernel's number of it, as `ipcs -m` shows it.
   *
   * @param shmid The number.
   * @throws {SegmentError} `EINVAL` where no segment has it, `EACCES`.
   */
  static byId(shmid: number): Segment {
    if (!Number.isInteger(shmid) || shmid < 0 || shmid > 0x7fff_ffff) {
      throw new RangeError(`No segment has the id ${shmid}`);
    }
    const label = `segment id ${shmid}`;
    explained(
      "shmctl",
      `find ${label}`,
      () => statSegment(SEGMENT_TABLE, shmid),
    );
    return new Segment(shmid, SEGMENT_TABLE, label);
  }

  /**
   * What the kernel knows of it now.
   *
   * @throws {SegmentError} `EINVAL` or `EIDRM` where it is gone, `EACCES`.
   */
  stat(): SegmentInfo {
    return toInfo(explained(
      "shmctl",
      `look at ${this.#label}`,
      () => statSegment(this.#gate, this.shmid),
      { EINVAL: "it is gone" },
    ));
  }

  /**
   * Attaches it, for reading unless told otherwise.
   *
   * @returns This segment.
   * @throws {SegmentError} `EACCES`, `EINVAL` or `EIDRM` where it is gone,
   * `ENOMEM`.
   */
  attach(options: { readonly writable?: boolean } = {}): this {
    if (this.#memory !== undefined) {
      throw new TypeError(`Cannot attach ${this.#label}: it is attached`);
    }
    this.#memory = explained(
      "shmat",
      `attach ${this.#label}`,
      () =>
        SegmentMemory.attach(
          this.#gate,
          this.shmid,
          options.writable ?? false,
        ),
      { EINVAL: "it is gone" },
    );
    return this;
  }

  /** Whether it is attached through this handle. */
  get attached(): boolean {
    return this.#memory !== undefined;
  }

  /** Whether it may be written through this handle. */
  get writable(): boolean {
    return this.#memory?.writable ?? false;
  }

  /** Its bytes, as long as it is attached. */
  get size(): number {
    return this.#use("measure").length;
  }

  #use(what: string): SegmentMemory {
    if (this.#memory === undefined) {
      throw new TypeError(`Cannot ${what} ${this.#label}: it is not attached`);
    }
    return this.#memory;
  }

  #access<T>(
    what: string,
    offset: number,
    bytes: number,
    call: (memory: SegmentMemory) => T,
  ): T {
    const memory = this.#use(what);
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`An offset is a whole number, not ${offset}`);
    }
    return explained("shmat", `${what} ${this.#label}`, () => call(memory), {
      ERANGE: `${bytes} bytes at ${offset} are outside its ${memory.length}`,
      EACCES: "it is attached for reading",
    });
  }

  /** Copies bytes out into an array. */
  read(offset: number, into: Uint8Array<ArrayBuffer>): void {
    this.#access(
      "read",
      offset,
      into.byteLength,
      (memory) => memory.load(offset, into),
    );
  }

  /** Copies bytes out. */
  bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const into = new Uint8Array(length);
    this.read(offset, into);
    return into;
  }

  /** Copies bytes in. Who reads meanwhile may see half of them. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#access(
      "write",
      offset,
      bytes.byteLength,
      (memory) => memory.store(offset, bytes),
    );
  }

  /** A word of 64 bits at a multiple of 8, in one step. */
  word(offset: number): bigint {
    return this.#access("read", offset, 8, (memory) => memory.word(offset));
  }

  /**
   * Replaces a word of 64 bits in one step, where it is what was expected.
   *
   * @returns What was there; it was replaced where this is `expected`.
   */
  swap(offset: number, expected: bigint, desired: bigint): bigint {
    return this.#access(
      "write",
      offset,
      8,
      (memory) => memory.swap(offset, expected, desired),
    );
  }

  /**
   * Stores a record that {@linkcode Segment.snapshot} never sees half of.
   * One writer at a time.
   *
   * @param sequence Where its sequence counter lies, 8 bytes.
   * @param offset Where the record lies; both, and its length, are multiples
   * of 8.
   */
  publish(
    sequence: number,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): void {
    this.#access(
      "write",
      offset,
      bytes.byteLength,
      (memory) => memory.publish(sequence, offset, bytes),
    );
  }

  /**
   * Copies a record that is stored by {@linkcode Segment.publish}.
   *
   * @param tries How many copies to make at most.
   * @returns False where it changed during each of them, or its writer died
   * in the middle: `into` holds nothing of use then.
   */
  snapshot(
    sequence: number,
    offset: number,
    into: Uint8Array<ArrayBuffer>,
    tries: number = 1000,
  ): boolean {
    return this.#access(
      "read",
      offset,
      into.byteLength,
      (memory) => memory.snapshot(sequence, offset, into, tries),
    );
  }

  /**
   * Stores records as one update that no reader sees half of. One writer at
   * a time.
   *
   * @param sequence Where its sequence counter lies, 8 bytes, behind `limit`.
   * @param limit Where what records may touch ends.
   * @param records Each 8 bytes of its place, 8 of its length, and its bytes,
   * filled up to a multiple of 8.
   */
  apply(
    sequence: number,
    limit: number,
    records: Uint8Array<ArrayBuffer>,
  ): void {
    this.#access(
      "write",
      sequence,
      records.byteLength,
      (memory) => memory.apply(sequence, limit, records),
    );
  }

  /**
   * Fills in the bytes of records, as they all were while the sequence
   * counter was `expected`.
   *
   * @returns False where it was not, or is no longer.
   */
  gather(
    sequence: number,
    expected: bigint,
    limit: number,
    records: Uint8Array<ArrayBuffer>,
  ): boolean {
    return this.#access(
      "read",
      sequence,
      records.byteLength,
      (memory) => memory.gather(sequence, expected, limit, records),
    );
  }

  /** Adds to a word of 64 bits in one step, and wakes all who wait for it. */
  ring(offset: number, add: bigint = 1n): void {
    this.#access("write", offset, 8, (memory) => memory.ring(offset, add));
  }

  /**
   * Waits until the low half of a word is not what was seen, or the time is
   * up. It must stay attached meanwhile.
   */
  wait(offset: number, seen: bigint, timeoutMs: number): Promise<void> {
    return this.#access(
      "read",
      offset,
      8,
      (memory) => memory.wait(offset, seen, timeoutMs),
    );
  }

  /** The same on the calling thread, which it blocks. */
  pause(offset: number, seen: bigint, timeoutMs: number): void {
    this.#access(
      "read",
      offset,
      8,
      (memory) => memory.pause(offset, seen, timeoutMs),
    );
  }

  /**
   * Removes it: nobody finds it any more, and its memory goes with the last
   * who has it attached.
   *
   * @throws {SegmentError} `EPERM` where it belongs to another user, `EINVAL`
   * or `EIDRM` where it is gone.
   */
  remove(): void {
    explained(
      "shmctl",
      `remove ${this.#label}`,
      () => removeSegment(this.#gate, this.shmid),
      { EINVAL: "it is gone" },
    );
  }

  /**
   * Places its pages, before anybody has touched them, on a NUMA node.
   *
   * @param node The node's number.
   * @param strict Only there, rather than there first.
   * @throws {SegmentError} `ENOSYS` where the kernel has no nodes, `EINVAL`
   * where it has none of this number, `EPERM`.
   */
  place(node: number, strict: boolean): void {
    const memory = this.#use("place");
    explained(
      "mbind",
      `place ${this.#label} on node ${node}`,
      () => memory.place(node, strict),
      {
        ENOSYS: "this kernel has no NUMA nodes",
        EINVAL: "this kernel has no such node",
        EPERM: "a sandbox forbids it",
      },
    );
  }

  /**
   * Its memory itself: stores reach everybody at once, and readers may see
   * half of them. Detached when the segment is. Needs the full `--allow-ffi`.
   */
  view(offset: number = 0, bytes: number = this.size - offset): ArrayBuffer {
    return this.#access(
      "view",
      offset,
      bytes,
      (memory) => memory.view(offset, bytes),
    );
  }

  /** Detaches it; a second call does nothing. */
  close(): void {
    this.#memory?.detach();
    this.#memory = undefined;
  }

  /** The same as {@linkcode Segment.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
