/**
 * A mapped stream with a lifetime. Its table of offsets is a block of memory
 * that the helper reads; addresses stay in there.
 * @module
 */

import { check } from "./errno.ts";
import type { OpenFile } from "./files.ts";
import {
  FRAME_WORDS,
  type FrameFacts,
  frameFacts,
  timespec,
} from "./frame_facts.ts";
import { type Helper, helper } from "./helper.ts";
import { StreamSemaphores } from "./stream_semaphores.ts";
import { INDEX, MEMBERS, type StreamTable } from "./stream_table.ts";

/** Looked up once: a part of the way of every frame. */
const OWN_COUNTER = INDEX.ownCounter;
const COPIED = INDEX.copied;
/** No entry of the helper. */
const NOT_HOT = 0xffffffff;
const NONE_YET = 0xffff_ffff_ffff_ffffn;
const AGAIN = -11;
const NO_DATA = -61;

/**
 * A mapped stream file. Everything on it is checked against its length and
 * guarded: where the file shrinks, calls throw `EBADFD` instead of ending
 * the process.
 */
export class Mapping {
  readonly #table = new BigUint64Array(new ArrayBuffer(MEMBERS.length * 8));
  readonly #helper: Helper;
  readonly #frame = new BigUint64Array(new ArrayBuffer(FRAME_WORDS * 8));
  readonly #path: string;
  /** The stream's entry in the helper: what hot calls name it by. */
  #hot = NOT_HOT;
  #publish: Helper["shmim_frame_publish"] | undefined;
  #copy: Helper["shmim_frame_take"] | undefined;
  #pending = 0;
  #closeLater = false;
  #views: ArrayBuffer[] = [];
  /** Its semaphores. */
  readonly semaphores: StreamSemaphores;

  private constructor(path: string) {
    this.#helper = helper();
    this.#path = path;
    this.semaphores = new StreamSemaphores(this, this.#helper, this.#table);
  }

  /**
   * Maps the first `length` bytes of an open file. The file may be closed
   * afterwards.
   *
   * @throws {SystemError} `ENOMEM`, `EMFILE`, `EBADFD` where it is shorter.
   */
  static map(file: OpenFile, length: number, writable: boolean): Mapping {
    const mapping = new Mapping(file.path);
    check(
      file.use((fd) =>
        mapping.#helper.shmim_map(
          mapping.#table,
          fd,
          BigInt(length),
          writable ? 1 : 0,
        )
      ),
      "map",
      file.path,
    );
    return mapping;
  }

  /** True after {@linkcode Mapping.close}. */
  get closed(): boolean {
    return this.#closeLater || this.#table[INDEX.base] === 0n;
  }

  /** Whether it may be written. */
  get writable(): boolean {
    return this.#table[INDEX.writable] !== 0n;
  }

  /** Frames that another writer counted between ours. */
  get foreign(): bigint {
    return this.#table[INDEX.foreign] ?? 0n;
  }

  /** Bytes mapped. */
  get length(): number {
    return Number(this.#table[INDEX.length]);
  }

  /**
   * Throws where a call on it failed, or it is closed; inside `ffi/` only.
   *
   * @param result What the helper returned.
   * @param what What was being done, for the message.
   */
  check(result: number, what: string): number {
    if (this.closed) {
      throw new TypeError(`Cannot ${what} "${this.#path}": it is closed`);
    }
    return check(result, what, this.#path);
  }

  /**
   * Gives the mapping its table, which must lie inside it.
   *
   * @throws {SystemError} `ERANGE` where it does not.
   */
  useTable(table: StreamTable): void {
    for (const [member, value] of Object.entries(table)) {
      this.#table[INDEX[member as keyof StreamTable]] = BigInt(value);
    }
    this.#table[INDEX.ownCounter] = NONE_YET;
    this.#table[INDEX.foreign] = 0n;
    this.check(this.#helper.shmim_stream_check(this.#table), "use");
    this.#hot = Number(this.#table[INDEX.guard]);
    if (table.semNamed !== 0) {
      this.check(this.#helper.shmim_sem_reserve(this.#table), "use");
    }
  }

  /** Where the pixels of the newest frame lie; `writing`: of the next one. */
  pixelsAt(writing = false): number {
    return Number(
      this.#helper.shmim_frame_place(this.#table, writing ? 1 : 0),
    );
  }

  /** Where the newest frame's fields lie, from those of the first. */
  recordAt(): number {
    return Number(this.#helper.shmim_frame_record(this.#table));
  }

  /** Copies bytes out. */
  load(offset: number, into: Uint8Array<ArrayBuffer>): void {
    this.check(
      this.#helper.shmim_map_load(
        this.#table,
        BigInt(offset),
        into,
        BigInt(into.byteLength),
      ),
      "read",
    );
  }

  /** Copies bytes in, without publishing anything. */
  store(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.check(
      this.#helper.shmim_map_store(
        this.#table,
        BigInt(offset),
        bytes,
        BigInt(bytes.byteLength),
      ),
      "change",
    );
  }

  /** Throws where the file shrank since. */
  requireWhole(): void {
    this.check(this.#helper.shmim_map_status(this.#table), "use");
  }

  /** The frame counter now; 0 when closed. */
  counter(): bigint {
    return this.#helper.shmim_frame_counter(this.#table);
  }

  /** Copies a frame or a part of one; see `shmim_frame_read`. */
  readFrame(
    into: Uint8Array<ArrayBuffer>,
    offset: number,
    tries: number,
  ): FrameFacts {
    this.check(
      this.#helper.shmim_frame_read(
        this.#table,
        into,
        BigInt(offset),
        BigInt(into.byteLength),
        tries,
        this.#frame,
      ),
      "read",
    );
    return frameFacts(this.#frame);
  }

  /**
   * Publishes a frame; `undefined` bytes publish without new pixels.
   *
   * @param slice Stored as cnt1; -1 leaves it.
   * @param atimeNs Acquisition time, `undefined` = now.
   */
  writeFrame(
    bytes: Uint8Array<ArrayBuffer> | undefined,
    offset: number,
    slice: number,
    atimeNs: bigint | undefined,
  ): FrameFacts {
    this.check(
      this.#helper.shmim_frame_write(
        this.#table,
        bytes === undefined || bytes.byteLength === 0 ? null : bytes,
        BigInt(offset),
        BigInt(bytes?.byteLength ?? 0),
        BigInt(slice),
        timespec(atimeNs),
        this.#frame,
      ),
      "write",
    );
    return frameFacts(this.#frame);
  }

  /**
   * Publishes a whole frame now and gives its number back: what a loop at
   * full speed needs, and no more.
   */
  publishWhole(pixels: ArrayBufferView<ArrayBuffer>): bigint {
    this.#publish ??= this.#helper.shmim_frame_publish;
    const result = this.#publish(this.#hot, pixels as Uint8Array<ArrayBuffer>);
    if (result !== 0) this.check(result, "write");
    return this.#table[OWN_COUNTER] ?? 0n;
  }

  /**
   * Copies a whole frame and gives its number back; `undefined` where no
   * writer paused for it.
   */
  copyWhole(
    into: ArrayBufferView<ArrayBuffer>,
  ): bigint | undefined {
    this.#copy ??= this.#helper.shmim_frame_take;
    const result = this.#copy(this.#hot, into as Uint8Array<ArrayBuffer>);
    if (result === AGAIN) return undefined;
    if (result !== 0) this.check(result, "read");
    return this.#table[COPIED];
  }

  /**
   * Copies the frame `back` frames before the newest.
   *
   * @returns Its facts; `undefined` where the stream keeps no such frame;
   * `"again"` where a writer came in between.
   */
  pastFrame(
    into: Uint8Array<ArrayBuffer>,
    back: number,
  ): FrameFacts | "again" | undefined {
    const result = this.#helper.shmim_frame_past(
      this.#table,
      into,
      BigInt(into.byteLength),
      BigInt(back),
      this.#frame,
    );
    if (result === NO_DATA) return undefined;
    if (result === AGAIN) return "again";
    this.check(result, "read");
    return frameFacts(this.#frame);
  }

  /**
   * Publishes a whole frame with the counters of its original; where that
   * was never published, only stores its pixels.
   *
   * @param atimeNs Acquisition time by this stream's clock.
   */
  copyFrame(
    bytes: Uint8Array<ArrayBuffer>,
    counters: { cnt0: bigint; cnt1: bigint; cnt2: bigint },
    atimeNs: bigint,
  ): void {
    const original = new BigUint64Array(new ArrayBuffer(FRAME_WORDS * 8));
    original.set([counters.cnt0, counters.cnt1, counters.cnt2]);
    original.set(
      [...timespec(atimeNs) ?? []].map((word) => BigInt.asUintN(64, word)),
      3,
    );
    this.check(
      this.#helper.shmim_frame_copy(
        this.#table,
        bytes,
        BigInt(bytes.byteLength),
        original,
        this.#frame,
      ),
      "write",
    );
  }

  /** Stores a part of the next frame; see `shmim_frame_packet`. */
  writePacket(
    bytes: Uint8Array<ArrayBuffer>,
    offset: number,
    packet: readonly (bigint | number)[],
  ): void {
    this.check(
      this.#helper.shmim_frame_packet(
        this.#table,
        bytes,
        BigInt(offset),
        BigInt(bytes.byteLength),
        new BigUint64Array(packet.map(BigInt)),
      ),
      "write",
    );
  }

  /**
   * Publishes a frame of elsewhere: counters and times are as given.
   *
   * @param slice Slice index, -1 = the whole.
   * @param words cnt0, cnt1, cnt2, then s and ns of acquisition and write
   * time.
   * @param run Frames that have come without a gap, this one included.
   */
  putFrame(
    bytes: Uint8Array<ArrayBuffer>,
    offset: number,
    slice: number,
    words: BigUint64Array,
    run: bigint,
  ): void {
    this.#frame.set(words.subarray(0, 7));
    this.check(
      this.#helper.shmim_frame_put(
        this.#table,
        bytes,
        BigInt(offset),
        BigInt(bytes.byteLength),
        BigInt(slice),
        this.#frame,
        run,
      ),
      "write",
    );
  }

  /** Raises the write flag, for pixels that are changed in several calls. */
  beginFrame(): void {
    this.check(this.#helper.shmim_frame_begin(this.#table), "write");
  }

  /**
   * Publishes what was changed since {@linkcode Mapping.beginFrame}.
   *
   * @param atimeNs Acquisition time, `undefined` = now.
   */
  endFrame(atimeNs?: bigint): FrameFacts {
    this.check(
      this.#helper.shmim_frame_end(
        this.#table,
        1,
        timespec(atimeNs),
        this.#frame,
      ),
      "write",
    );
    return frameFacts(this.#frame);
  }

  /** Only lowers the write flag: the change failed. */
  abandonFrame(): void {
    this.check(
      this.#helper.shmim_frame_end(this.#table, 0, null, null),
      "write",
    );
  }

  /** A call of the helper on this stream's table, inside `ffi/` only. */
  call(
    call: (helper: Helper, table: BigUint64Array<ArrayBuffer>) => number,
  ): number {
    return call(this.#helper, this.#table);
  }

  /**
   * The same where it runs on a thread of its own: {@linkcode Mapping.close}
   * waits for it.
   */
  async run(
    call: (
      helper: Helper,
      table: BigUint64Array<ArrayBuffer>,
    ) => Promise<number>,
  ): Promise<number> {
    this.#pending++;
    try {
      return await call(this.#helper, this.#table);
    } finally {
      this.#pending--;
      if (this.#closeLater && this.#pending === 0) this.#unmap();
    }
  }

  /**
   * A part of the mapping itself as memory of JavaScript: no copy. Needs the
   * full `--allow-ffi`. It is detached when the mapping is closed; a file
   * that shrinks shows as zeros.
   */
  view(offset: number, bytes: number): ArrayBuffer {
    this.check(0, "view");
    const pointer = this.#helper.shmim_map_address(
      this.#table,
      BigInt(offset),
      BigInt(bytes),
    );
    if (pointer === null) {
      throw new RangeError(
        `Cannot view "${this.#path}": ${bytes} bytes at ${offset} are outside`,
      );
    }
    const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
    this.#views.push(buffer);
    return buffer;
  }

  /** Unmaps, as soon as no call is under way; detaches every view. */
  close(): void {
    if (this.closed) return;
    if (this.#pending > 0) {
      this.#closeLater = true;
      return;
    }
    this.#unmap();
  }

  #unmap(): void {
    for (const view of this.#views) {
      if (!view.detached) view.transfer(0);
    }
    this.#views = [];
    this.#hot = NOT_HOT; // the entry may be another mapping's next
    this.semaphores.close();
    this.#helper.shmim_unmap(this.#table);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
