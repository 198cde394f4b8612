/**
 * A stream: open or create it, read, write, wait, close it.
 * @module
 */

import { taiOffset } from "../../ffi/clock.ts";
import type { FrameFacts } from "../../ffi/frame_facts.ts";
import type { Mapping } from "../../ffi/mapping.ts";
import { differenceOf, makeOrPlan, makeSemaphores } from "./create.ts";
import {
  type AxisOrder,
  type HeaderFields,
  type Layout,
  StreamExistsError,
} from "./format.ts";
import {
  type BlockingWaiter,
  blockingWaiter,
  type FollowedFrame,
  followFrames,
  type Frame,
  frameBuffer,
  type FramesOptions,
  pastFrames,
  toFrame,
} from "./frames.ts";
import { decodeKeywords, encodeKeywords, type Keyword } from "./keywords.ts";
import { streamPlace } from "./names.ts";
import { storePacket } from "./packets.ts";
import {
  type ArrayType,
  arrayTypeOf,
  bytesOf,
  noFrame,
  requireType,
  sliceRange,
} from "./pixel_check.ts";
import { loader, type Opened, openFile, presenceOf } from "./open.ts";
import type {
  CreateOptions,
  OpenOptions,
  PacketOptions,
  Presence,
  ReadOptions,
  SemaphoreInfo,
  WriteOptions,
} from "./stream_options.ts";
import { requireForWriting } from "./reading_link.ts";
import { semaphoresOf, traceOf } from "./semaphores.ts";
import type { TraceEntry } from "./trace.ts";
import type { DataType, PixelArray } from "./types.ts";
import { viewPixels } from "./view.ts";
import { waitForNewer, type WaitOptions } from "./wait.ts";

const DEFAULT_TRIES = 8;

/**
 * An open stream. Its memory is mapped until {@linkcode Stream.close}.
 * Permissions: ffi for the helper, read of the file, write where it is opened
 * for writing.
 *
 * @example Write and read a frame
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Stream } from "@shmim/shmim";
 *
 * const dir = Deno.makeTempDirSync();
 * {
 *   using stream = Stream.create("cam", { dir, size: [4, 3], type: "u16" });
 *   stream.write(new Uint16Array(12).fill(7));
 *   const frame = stream.read();
 *   assertEquals([frame.cnt0, frame.pixels[5]], [1n, 7]);
 * }
 * Deno.removeSync(dir, { recursive: true });
 * ```
 */
export class Stream {
  readonly #opened: Opened;
  readonly #table: Layout["table"];
  readonly #arrayType: ArrayType;
  readonly #axisOrder: AxisOrder;
  #mayWrite = false;
  /** Name without folder and suffix, as it was asked for. */
  readonly name: string;
  /** The file that was asked for, perhaps a link. */
  readonly path: string;
  /** Everything that does not change while the stream exists. */
  readonly layout: Layout;

  private constructor(
    name: string,
    path: string,
    how: { writable?: boolean | undefined; axisOrder?: AxisOrder | undefined },
  ) {
    const axisOrder = how.axisOrder ?? "python";
    const opened = openFile(path, { writable: how.writable, axisOrder });
    this.name = name;
    this.path = path;
    this.#axisOrder = axisOrder;
    this.layout = opened.layout;
    this.#opened = opened;
    this.#table = opened.layout.table;
    this.#arrayType = arrayTypeOf(opened.layout.type);
  }

  /**
   * Opens a stream that exists.
   *
   * @param stream A name, or a path where it holds a `/` or ends in `.im.shm`.
   * @param options Where and how.
   * @throws {StreamNotFoundError} where there is none.
   * @throws {StreamFormatError} where the file is no stream, damaged, or of a
   * version that is not supported.
   */
  static open(stream: string, options: OpenOptions = {}): Stream {
    const { name, path } = streamPlace(stream, options.dir);
    return new Stream(name, path, options);
  }

  /**
   * Makes a stream and opens it for writing.
   *
   * @param stream A name or a path, as for {@linkcode Stream.open}.
   * @param options What it is to be.
   * @throws {StreamExistsError} where there is one and `existing` does not
   * say what to do, or where the one to be reused is different.
   * @throws {RangeError} where it cannot be.
   * @throws {SystemError} `ENOSPC` where the folder is full.
   */
  static create(stream: string, options: CreateOptions): Stream {
    const { name, path } = streamPlace(stream, options.dir);
    const how = { writable: true, axisOrder: options.axisOrder };
    const planned = makeOrPlan(name, path, options);
    if (planned === undefined) return new Stream(name, path, how);
    const there = new Stream(name, path, how);
    const difference = differenceOf(there.layout, planned, options.depth);
    const complete = difference === undefined &&
      planned.semaphoreNames.length === 0;
    if (complete) return there;
    there.close();
    if (difference !== undefined) throw new StreamExistsError(path, difference);
    makeSemaphores(planned, options.mode);
    return new Stream(name, path, how);
  }

  /** Data type of the pixels. */
  get type(): DataType {
    return this.layout.type;
  }

  /** Axes, fastest first, as in FITS. */
  get size(): readonly number[] {
    return this.layout.size;
  }

  /** Slices of a cube, 1 for everything else. */
  get slices(): number {
    return this.#table.slices;
  }

  /** Whether it was opened for writing. */
  get writable(): boolean {
    return this.mapping.writable;
  }

  /** True after {@linkcode Stream.close}. */
  get closed(): boolean {
    return this.mapping.closed;
  }

  /** The file with every link resolved, when it was opened. */
  get realPath(): string {
    return this.#opened.realPath;
  }

  /** Inode number of the file that is open. */
  get inode(): bigint {
    return BigInt(this.#opened.identity.split(":")[1] ?? 0);
  }

  /** The frame counter now. */
  get cnt0(): bigint {
    return this.mapping.counter();
  }

  /** Frames that another writer counted between ours. */
  get foreignWrites(): bigint {
    return this.mapping.foreign;
  }

  /**
   * The mapping behind the stream, for the bridges: it lives as long as this
   * stream, which must not be closed before the pump has ended.
   *
   * @ignore
   */
  get mapping(): Mapping {
    return this.#opened.mapping;
  }

  /** The metadata block as it is now: what milk's transmitter sends first. */
  header(): Uint8Array<ArrayBuffer> {
    const header = new Uint8Array(this.layout.headerBytes);
    this.mapping.load(0, header);
    return header;
  }

  /** The header's changeable fields as they are now. */
  fields(): HeaderFields {
    return this.#opened.format.fields(
      loader(this.mapping),
      this.mapping.recordAt(),
      this.layout,
    );
  }

  /** Seconds by which this stream's times are ahead of UTC on this host. */
  get clockOffset(): number {
    return this.layout.clockIsTai ? taiOffset() : 0;
  }

  /**
   * Copies the frame that is in the stream now.
   *
   * @param options What and where to.
   * @returns The frame; `torn` only where no writer paused for it.
   * @throws {SystemError} `EBADFD` where the file shrank.
   */
  read(options: ReadOptions = {}): Frame {
    const { offset, bytes } = sliceRange(this, options.slice);
    const into = frameBuffer(this.name, options.into, bytes);
    const facts = this.mapping.readFrame(
      into,
      offset,
      options.tries ?? DEFAULT_TRIES,
    );
    return toFrame(this.layout, into, facts, options.slice);
  }

  /**
   * Publishes a frame, or a slice of a cube.
   *
   * @param pixels All pixels in memory order: an array, or their bytes.
   * @param options Slice and acquisition time.
   * @returns Counters and times of the frame.
   * @throws {RangeError} where the pixels are too few or too many.
   * @throws {TypeError} where the array is of another type.
   * @throws {StreamForReadingError} where it is mounted for reading.
   */
  write(
    pixels: PixelArray | Uint8Array<ArrayBuffer>,
    options: WriteOptions = {},
  ): FrameFacts {
    this.requireForWriting();
    const { offset, bytes } = sliceRange(this, options.slice);
    requireType(this, pixels);
    if (pixels.byteLength !== bytes) {
      throw new RangeError(
        `A ${options.slice === undefined ? "frame" : "slice"} of ` +
          `"${this.name}" is ${bytes} bytes, not ${pixels.byteLength}`,
      );
    }
    return this.mapping.writeFrame(
      bytesOf(pixels),
      offset,
      options.slice ?? -1,
      options.atimeNs,
    );
  }

  /**
   * Looks once: who mounted it for reading is not to write. For the pumps,
   * which go past {@linkcode Stream.write}.
   *
   * @throws {StreamForReadingError} where it is mounted for reading.
   * @ignore
   */
  requireForWriting(): void {
    if (this.#mayWrite) return;
    requireForWriting(this.path);
    this.#mayWrite = true;
  }

  #requireFrame(pixels: PixelArray | Uint8Array<ArrayBuffer>): void {
    if (
      pixels.byteLength === this.#table.dataBytes &&
      (pixels instanceof Uint8Array || pixels instanceof this.#arrayType)
    ) return;
    throw noFrame(this, pixels);
  }

  /**
   * Publishes a whole frame, now: {@linkcode Stream.write} for loops at full
   * speed.
   *
   * @param pixels All pixels in memory order: an array, or their bytes.
   * @returns The frame's number (cnt0).
   */
  publish(pixels: PixelArray | Uint8Array<ArrayBuffer>): bigint {
    this.#requireFrame(pixels);
    if (!this.#mayWrite) this.requireForWriting();
    return this.mapping.publishWhole(pixels);
  }

  /**
   * Copies the whole frame that is in the stream now: {@linkcode Stream.read}
   * for loops at full speed.
   *
   * @param into Takes all pixels: an array of the stream's type, or bytes.
   * @returns The frame's number (cnt0); `undefined` where no writer paused
   * for it: then `into` may mix two frames.
   */
  readInto(into: PixelArray | Uint8Array<ArrayBuffer>): bigint | undefined {
    this.#requireFrame(into);
    return this.mapping.copyWhole(into);
  }

  /** Publishes once more without new pixels. */
  poke(): FrameFacts {
    this.requireForWriting();
    return this.mapping.writeFrame(undefined, 0, -1, undefined);
  }

  /**
   * Waits for a frame newer than `since`.
   *
   * @param options How; `since` defaults to the counter now, `timeoutMs` to
   * waiting for ever. A signal ends the wait within 100 ms.
   * @returns False where the time was up, or the signal came, first.
   */
  async wait(
    options: WaitOptions & {
      since?: bigint;
      timeoutMs?: number;
      signal?: AbortSignal;
    } = {},
  ): Promise<boolean> {
    return await waitForNewer(this, options);
  }

  /**
   * A reader that waits on the calling thread: no hop between threads, but
   * nothing else runs on it meanwhile. In Workers only.
   *
   * @param options How to wait.
   * @returns `wait(since, timeoutMs)`, at most 200 ms at a time; `next`, which
   * waits so and copies the frame in the same call, so that nothing but the
   * copy lies between the wake-up and the pixels; and `close`.
   */
  blockingWaiter(options: WaitOptions = {}): BlockingWaiter {
    return blockingWaiter(this, options);
  }

  /**
   * Every new frame from now on, the newest first where the reader is slow
   * (`frame.missed` counts the others). Survives a stream that is re-created.
   *
   * @param options How to wait, when to end.
   */
  frames(
    options: FramesOptions = {},
  ): AsyncGenerator<FollowedFrame, void, void> {
    return followFrames(this, { since: this.cnt0, ...options });
  }

  /**
   * Stores a part of the next frame, without publishing it; the last part is
   * followed by {@linkcode Stream.finishPackets}. DAO streams only.
   *
   * @param pixels Pixels in memory order: an array, or their bytes.
   * @param options Where they belong.
   * @throws {RangeError} where they are outside the frame, or the format has
   * no packets (DAO has 512).
   * @throws {StreamForReadingError} where it is mounted for reading.
   */
  writePacket(
    pixels: PixelArray | Uint8Array<ArrayBuffer>,
    options: PacketOptions,
  ): void {
    this.requireForWriting();
    storePacket(this, pixels, options);
  }

  /** Publishes the frame whose packets are stored. */
  finishPackets(): FrameFacts {
    this.requireForWriting();
    return this.mapping.endFrame();
  }

  /**
   * Publishes a frame of another stream with its counters and acquisition
   * time; where nothing was published there, only its pixels are stored.
   *
   * @param frame The frame, of this stream's type and as many pixels.
   * @param clockOffset Seconds that its times are ahead of UTC.
   */
  copyFrom(frame: Frame, clockOffset: number): void {
    this.requireForWriting();
    if (frame.bytes.byteLength !== this.#table.dataBytes) {
      throw new RangeError(
        `A frame of "${this.name}" is ${this.#table.dataBytes} bytes, not ` +
          `${frame.bytes.byteLength}`,
      );
    }
    const shift = BigInt(this.clockOffset - clockOffset) * 1_000_000_000n;
    this.mapping.copyFrame(frame.bytes, frame, frame.atimeNs + shift);
  }

  /**
   * The last frames, the oldest first, out of what the stream keeps: a DAO
   * FIFO, a circular buffer (which keeps no times), else the newest alone.
   *
   * @param count How many.
   * @throws {RangeError} where the stream keeps, or has had, fewer.
   * @throws {SystemError} `EAGAIN` where its writer never pauses.
   */
  history(count: number): Frame[] {
    return pastFrames(this, count, DEFAULT_TRIES);
  }

  /** The keywords as they are now. */
  keywords(): Keyword[] {
    const bytes = new Uint8Array(this.#table.keywordBytes);
    this.mapping.load(this.#table.keywords, bytes);
    return decodeKeywords(bytes, this.layout.keywordRecord);
  }

  /**
   * Replaces all keywords.
   *
   * @throws {RangeError} where they do not fit.
   */
  setKeywords(keywords: readonly Keyword[]): void {
    this.requireForWriting();
    const { keywordRecord, keywordCount } = this.layout;
    this.mapping.store(
      this.#table.keywords,
      encodeKeywords(keywords, keywordCount, keywordRecord),
    );
  }

  /** Who wrote last, and what triggered it. */
  trace(): TraceEntry[] {
    return traceOf(this.mapping, this.#table);
  }

  /** The semaphores with their readers and writers. */
  semaphores(): SemaphoreInfo[] {
    return semaphoresOf(this.mapping, this.#table);
  }

  /**
   * The pixels themselves, without a copy: they change while you look, and
   * storing to them announces nothing. Needs the full `--allow-ffi`. Empty
   * after {@linkcode Stream.close}.
   */
  view(): PixelArray {
    return viewPixels(this);
  }

  /** Whether the name still leads to the file that is open here. */
  presence(): Presence {
    return presenceOf(this.#opened, this.path);
  }

  /** Opens what the name leads to now. */
  reopen(): Stream {
    return new Stream(this.name, this.path, {
      writable: this.writable ? true : undefined,
      axisOrder: this.#axisOrder,
    });
  }

  /** Whether another stream has the same type and size. */
  sameShape(other: Stream): boolean {
    return other.type === this.type &&
      other.size.join("x") === this.size.join("x");
  }

  /**
   * Unmaps the stream as soon as no wait is under way; empties its views. A
   * second call does nothing. The file stays.
   */
  close(): void {
    this.mapping.close();
  }

  /** {@linkcode Stream.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
