/**
 * Streams as DAO's users know them: a path, `getData`, `setData`.
 * @module
 */

import { describeStream, type StreamDescription } from "./describe.ts";
import { type AxisOrder, StreamExistsError } from "./format.ts";
import type { FormatName } from "./formats.ts";
import { Follower } from "./frames.ts";
import { arrayTypeOf } from "./pixel_check.ts";
import { requireSameKind } from "./reopen.ts";
import { Stream } from "./stream.ts";
import { type DataType, type PixelArray, pixelCount, TYPES } from "./types.ts";
import { wholeFrame } from "./whole.ts";

/** What a new stream is to be. */
export interface ShmOptions {
  /** Data type. */
  type: DataType;
  /** Axes, fastest first: 1 to 3. A NumPy shape is this reversed. */
  size: readonly number[];
  /** The first image, in memory order. Default: zeros. */
  data?: PixelArray;
  /** Frames that the stream keeps. Default 1. */
  depth?: number;
  /** Keyword records. Default 0. */
  keywords?: number;
  /** Format. Default `dao`. */
  format?: FormatName;
  /** How the axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
  /** File mode, whatever the umask. Default 0o666. */
  mode?: number;
  /** Takes what is to be told, such as semaphores that are shared. */
  onWarning?: (message: string) => void;
}

/** Whether and how to wait for a new image. */
export interface GetDataOptions {
  /** Wait on a semaphore for a new image. */
  check?: boolean;
  /** The semaphore to wait on, 0 to 9. Default: a free one. */
  semNb?: number;
  /** The same as `semNb`. */
  nbSem?: number;
  /** Wait by watching the counter, without a semaphore; burns a core. */
  spin?: boolean;
  /** How long to wait, ms. Default: for ever. */
  timeoutMs?: number;
  /** Ends the wait within 100 ms. */
  signal?: AbortSignal;
}

const SLICE_MS = 100;

/**
 * An open stream, with the names of DAO's Python class. Errors where that one
 * overruns memory: data of another type or length.
 */
export class Shm {
  #stream: Stream;
  readonly #since: bigint;
  readonly #followers = new Map<string, Follower>();
  readonly #waiting = new Set<string>();

  private constructor(stream: Stream, since: bigint) {
    this.#stream = stream;
    this.#since = since;
  }

  /**
   * Opens a stream of any format. Nothing but its creation having been
   * written, the first wait returns at once.
   *
   * @param path Its file.
   * @param options How its axes are stored, where that is open.
   */
  static open(path: string, options: { axisOrder?: AxisOrder } = {}): Shm {
    const stream = Stream.open(path, options);
    const { cnt0 } = stream;
    return new Shm(stream, cnt0 <= 1n ? 0n : cnt0);
  }

  /**
   * Makes a stream and writes its first image. One of the same format, type
   * and size is used as it is, so that its readers go on; another one gives
   * its name to the new one.
   *
   * @param path Its file.
   * @param options What it is to be.
   * @throws {TypeError} where `data` is of another type.
   * @throws {RangeError} where `data` has another length, or the stream
   * cannot be (a DAO path has at most 79 bytes).
   */
  static create(path: string, options: ShmOptions): Shm {
    const { data, ...what } = options;
    const first = data ?? zeros(options);
    requireData(path, first, options.type, elements(options));
    const spec = { format: "dao" as const, keywords: 0, ...what };
    const stream = madeOrReused(path, spec);
    try {
      stream.write(first);
      return new Shm(stream, stream.cnt0 - 1n);
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** The stream behind it. */
  get stream(): Stream {
    return this.#stream;
  }

  /** Data type of the pixels. */
  get type(): DataType {
    return this.#stream.type;
  }

  /** Axes, fastest first. */
  get size(): readonly number[] {
    return this.#stream.size;
  }

  /** The stream that the path leads to now. */
  #current(): Stream {
    const old = this.#stream;
    if (old.closed || old.presence() !== "replaced") return old;
    const next = old.reopen();
    requireSameKind(old, next);
    old.close();
    this.#stream = next;
    return next;
  }

  /**
   * A copy of the newest image.
   *
   * @param options Nothing: at once. `check`, `semNb` or `spin` wait for an
   * image newer than the last one that was waited for in the same way.
   * @returns The pixels in memory order, x fastest; `undefined` where the
   * time was up first, or the signal came.
   * @throws {FrameTornError} where no whole image could be had.
   */
  getData(
    options?: { check?: false; spin?: false; semNb?: never; nbSem?: never },
  ): Promise<PixelArray>;
  /** The same, waiting for a new image. */
  getData(options: GetDataOptions): Promise<PixelArray | undefined>;
  async getData(
    options: GetDataOptions = {},
  ): Promise<PixelArray | undefined> {
    const semaphore = options.semNb ?? options.nbSem;
    if (semaphore !== undefined) this.#requireSemaphore(semaphore);
    const waits = options.check ?? (options.spin || semaphore !== undefined);
    if (!waits && !options.spin) {
      return (await wholeFrame(this.#current())).pixels;
    }
    const key = options.spin ? "spin" : `semaphore ${semaphore ?? ""}`;
    if (this.#waiting.has(key)) {
      throw new TypeError(
        `"${this.#stream.name}" is waited for in this way already`,
      );
    }
    this.#waiting.add(key);
    try {
      return await this.#next(this.#follower(key, semaphore), options);
    } finally {
      this.#waiting.delete(key);
    }
  }

  #requireSemaphore(index: number): void {
    const count = this.#stream.layout.table.semCount;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new RangeError(
        `Stream "${this.#stream.name}" has ${count} semaphores, there is no ` +
          `semaphore ${index}`,
      );
    }
  }

  /** Keeps its semaphore, and what it has seen, from one call to the next. */
  #follower(key: string, semaphore: number | undefined): Follower {
    const known = this.#followers.get(key);
    if (known !== undefined) return known;
    const follower = new Follower(this.#current(), {
      mode: key === "spin" ? "spin" : "semaphore",
      ...semaphore === undefined ? {} : { semaphore },
      since: this.#since,
    });
    this.#followers.set(key, follower);
    return follower;
  }

  async #next(
    follower: Follower,
    { timeoutMs = Infinity, signal }: GetDataOptions,
  ): Promise<PixelArray | undefined> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const left = Math.max(0, end - performance.now());
      const frame = await follower.next(Math.min(SLICE_MS, left));
      if (frame !== undefined && !frame.torn) return frame.pixels;
      if (signal?.aborted || performance.now() >= end) return undefined;
      await follower.followRecreation();
    }
  }

  /**
   * Publishes an image.
   *
   * @param data All pixels in memory order, x fastest.
   * @returns The image's number (cnt0).
   * @throws {TypeError} where they are of another type.
   * @throws {RangeError} where they are too few or too many.
   */
  setData(data: PixelArray): bigint {
    const stream = this.#current();
    const count = elements(stream);
    requireData(stream.name, data, stream.type, count);
    return stream.write(data).cnt0;
  }

  /** Images written so far (cnt0). */
  getCounter(): bigint {
    return this.#current().cnt0;
  }

  /** The frame id (cnt2), where its writer has one; else 0. */
  getFrameId(): bigint {
    return this.#current().fields().cnt2;
  }

  /** When the newest image was taken or written; `undefined` = never. */
  getTimestamp(): Date | undefined {
    const stream = this.#current();
    const { atimeNs } = stream.fields();
    if (atimeNs === 0n) return undefined;
    return new Date(Number(atimeNs / 1_000_000n) - stream.clockOffset * 1000);
  }

  /** Everything there is to tell of the stream. */
  getMetaData(): StreamDescription {
    return describeStream(this.#current());
  }

  /**
   * The last images, the oldest first, out of those that the stream keeps.
   *
   * @param count How many. Default 1.
   * @throws {RangeError} where it keeps, or has had, fewer.
   */
  getHistory(count = 1): PixelArray[] {
    return this.#current().history(count).map(({ pixels }) => pixels);
  }

  /** Closes it; the stream stays. A second call does nothing. */
  close(): void {
    for (const follower of this.#followers.values()) follower.close();
    this.#followers.clear();
    this.#stream.close();
  }

  /** {@linkcode Shm.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Array elements of an image: two for a complex pixel. */
function elements(
  { size, type }: { size: readonly number[]; type: DataType },
): number {
  return Number(pixelCount(size)) * TYPES[type].parts;
}

function zeros(options: ShmOptions): PixelArray {
  const { array, bytes } = TYPES[options.type];
  const count = elements(options);
  const buffer = new ArrayBuffer(Number(pixelCount(options.size)) * bytes);
  return array(buffer, 0, count);
}

function requireData(
  what: string,
  data: PixelArray,
  type: DataType,
  count: number,
): void {
  const wanted = arrayTypeOf(type);
  if (data.constructor !== wanted) {
    throw new TypeError(
      `Stream "${what}" holds ${type} (${wanted.name}), not ` +
        data.constructor.name,
    );
  }
  if (data.length !== count) {
    throw new RangeError(
      `An image of "${what}" has ${count} values, not ${data.length}`,
    );
  }
}

function madeOrReused(
  path: string,
  options: Parameters<typeof Stream.create>[1],
): Stream {
  try {
    return Stream.create(path, { ...options, existing: "reuse" });
  } catch (error) {
    if (!(error instanceof StreamExistsError)) throw error;
    return Stream.create(path, { ...options, existing: "replace" });
  }
}

/**
 * Makes a stream, or opens one, as DAO's `shm` does.
 *
 * @param path Its file, such as `/tmp/wfs.im.shm`.
 * @param options What a new stream is to be; without: one that exists.
 * @returns The stream, open.
 *
 * @example Create, write, read
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { shm } from "@shmim/shmim";
 *
 * const dir = Deno.makeTempDirSync();
 * {
 *   using image = shm(`${dir}/doc.im.shm`, {
 *     type: "u16",
 *     size: [10, 10],
 *     format: "isio",
 *   });
 *   image.setData(new Uint16Array(100).fill(7));
 *   assertEquals((await image.getData())[99], 7);
 *   assertEquals(image.getCounter(), 2n);
 * }
 * Deno.removeSync(dir, { recursive: true });
 * ```
 */
export function shm(
  path: string,
  options?: ShmOptions | { axisOrder?: AxisOrder },
): Shm {
  return options !== undefined && "type" in options
    ? Shm.create(path, options)
    : Shm.open(path, options);
}
